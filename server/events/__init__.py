"""What happened, on its way to everybody who watches: the bus, its watchers, and the wire."""
