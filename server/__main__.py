"""`python -m server` is `reelrace`."""

from server.cli.main import main

main(prog_name="reelrace")
