"""`python -m simpleml.corpora`, as `simpleml corpora`."""

import sys

from simpleml.commands.corpora import main

if __name__ == "__main__":
    sys.exit(main())
