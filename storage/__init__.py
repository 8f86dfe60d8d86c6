"""What is kept: bytes, rows and pieces. Knows offsets, ranges and rows; not tus, not HLS."""
