#!/usr/bin/env python3
"""Train a network on a text: ``python train.py TEXT --name NAME``, then serve it with app.py.

The same as ``simpleml train`` of an installed SimpleML; ``--help`` lists what can be set.
"""

import sys

from simpleml.commands.train import main

if __name__ == "__main__":
    sys.exit(main())
