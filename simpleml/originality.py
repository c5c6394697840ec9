"""Does a model copy? Which passages of a text stand verbatim in the text it was trained on.

    python -m simpleml.originality sherlock                 # generates 20,000 characters, reports
    python -m simpleml.originality sherlock --text mine.txt

A passage counts from 20 characters on. The index that finds them (simpleml.copying.index) is
made once beside the corpus, by this command or by the server. It knows nothing of HTTP.
"""

from __future__ import annotations

import sys

from simpleml.commands.copying import main, report
from simpleml.copying.index import PASSAGE, Originality, OriginalityIndex, Passage

__all__ = ["PASSAGE", "Originality", "OriginalityIndex", "Passage", "main", "report"]

if __name__ == "__main__":
    sys.exit(main())
