"""The command `reelrace`."""
