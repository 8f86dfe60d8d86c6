"""Other products' addresses, on our services: one file for each of their documents."""
