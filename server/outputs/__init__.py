"""What one decode feeds: one file an output, all behind the port in `port.py`."""
