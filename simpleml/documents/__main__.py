"""``python -m simpleml.documents FILE`` prints the text of a file, as train.py takes it."""

from __future__ import annotations

import sys
from pathlib import Path

from simpleml.documents.reader import described, read_document
from simpleml.errors import CorpusError


def main() -> int:
    """Print the text of the file that is named, and on the error output what it is."""
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        document = read_document(Path(sys.argv[1]))
    except (CorpusError, OSError) as error:
        print(f"simpleml.documents: {error}", file=sys.stderr)
        return 1
    print("; ".join([described(document), *document.notes]), file=sys.stderr)
    sys.stdout.buffer.write(document.text.encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
