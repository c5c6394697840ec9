"""The files of a request for a training, joined to one text by the code that train.py uses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from threading import BoundedSemaphore

from simpleml.documents import Document, read_document
from simpleml.errors import CorpusError, InvalidValueError

MOST_FILES = 100
_READ_AT_ONCE = 2
"""Documents, by this worker; each may take as much memory as reading one may."""
_turns = BoundedSemaphore(_READ_AT_ONCE)


@dataclass(frozen=True)
class SentFile:
    """A file as it came."""

    content: bytes
    name: str
    charset: str | None = None
    """What the client says of a plain text."""


def read_files(files: Sequence[SentFile]) -> tuple[Document, ...]:
    """What is in files, whatever kind of files they are.

    Raises:
        InvalidValueError: one of them is no text, or there are too many; says which.
    """
    if len(files) > MOST_FILES:
        raise InvalidValueError(
            f"{len(files)} files were sent; at most {MOST_FILES} are taken.",
            param="text",
            reason="files_many",
            params={"most": MOST_FILES},
        )
    return tuple(_read(file) for file in files)


def _read(file: SentFile) -> Document:
    try:
        with _turns:
            return read_document(file.content, file.name, file.charset)
    except CorpusError as error:
        raise InvalidValueError(
            f"{error.message}.", param="text", reason=error.reason, params=error.params
        ) from None


def joined(documents: Iterable[Document]) -> str:
    """Their texts in this order, an empty line between two."""
    texts = [document.text for document in documents]
    return texts[0] if len(texts) == 1 else "\n".join(text.rstrip("\r\n") + "\n" for text in texts)
