"""`python -m simpleml`, as the command `simpleml`: from a checkout nothing need be installed."""

import sys

from simpleml.commands.program import main

if __name__ == "__main__":
    sys.exit(main())
