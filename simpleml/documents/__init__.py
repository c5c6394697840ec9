"""What people bring as a text: a file of any usual kind, recognised by its content, as plain text.

Knows nothing of training or HTTP. What is not plain text is read by a process of its own, within
bounded memory and time (reader.py).

Try it::

    python -m simpleml.documents tale.docx
"""

from simpleml.documents.document import Document
from simpleml.documents.reader import read_document

__all__ = ["Document", "read_document"]
