"""What runs inside the media process: from bytes that arrive to pieces that are whole."""
