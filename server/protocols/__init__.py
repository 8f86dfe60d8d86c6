"""Wire formats, pure: headers and state in, verdict out. No sockets, no clock, no disk."""
