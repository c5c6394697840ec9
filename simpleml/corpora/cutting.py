"""The text of a corpus, cut from its raw files as they were published: one way a publisher."""

from __future__ import annotations

import re
from collections.abc import Sequence

from simpleml.corpora.catalogue import CatalogueEntry, RawFile
from simpleml.corpora.novels import (
    Novel,
    mixed,
    one_by_one,
    plain_paragraphs,
    tei_paragraphs,
    without_rare,
)
from simpleml.corpora.typography import french, unwrapped
from simpleml.errors import CorpusError


def cut(entry: CatalogueEntry, raw: Sequence[bytes]) -> str:
    """The corpus' text from its raw files, in the catalogue's order.

    Raises:
        CorpusError: a file does not hold what marks its beginning or end.
    """
    if entry.held_out:
        return _novels(entry, raw)
    if all(not one.start for one in entry.files):
        return "".join(data.decode("utf-8") for data in raw)
    parts = [_cut_gutenberg(one, data) for one, data in zip(entry.files, raw, strict=True)]
    text = "\n\n\n".join(parts) + "\n"
    if not entry.unwrap:
        return text
    return french(unwrapped(text)) if entry.language == "fr" else unwrapped(text)


def _novels(entry: CatalogueEntry, raw: Sequence[bytes]) -> str:
    """Those that are read, mixed and in many typographies; then those held out, one by one."""
    novels = {}
    for file, data in zip(entry.files, raw, strict=True):
        name = file.path.rpartition("/")[2].partition(".")[0]
        try:
            found = (
                tei_paragraphs(data)
                if file.path.endswith(".xml")
                else plain_paragraphs(data.decode("utf-8"))
            )
            novels[name] = Novel(name, entry.language, tuple(found))
        except ValueError as error:
            raise CorpusError(f"{file.path} is not a novel of the collection: {error}") from None
    held_out = [novels.pop(name) for name in entry.held_out]
    return without_rare(mixed(list(novels.values())) + one_by_one(held_out))


def _cut_gutenberg(file: RawFile, data: bytes) -> str:
    text = data.decode("latin-1").replace("\r\n", "\n").replace("\r", "\n")
    header = re.search(r"^\*\*\* ?START OF.*?\*\*\*\n", text, re.MULTILINE | re.DOTALL)
    footer = re.search(r"^\*\*\* ?END OF", text, re.MULTILINE)
    if header is None or footer is None:
        raise CorpusError(f"{file.path} has no START and END line of Project Gutenberg")
    # notes first: where a tale's title carries one, the title marks its beginning without it
    text = re.sub(r"\[Note \d+:[^\]]*\]\n?", "", text[header.end() : footer.start()])
    text = re.sub(r"\[\d+\]", "", text)
    text = re.sub(r"\[Illustration[^\]]*\]\n?", "", text)
    start = text.find(file.start)
    end = text.rfind("\n" + file.end)
    if start < 0 or end < start:
        raise CorpusError(f"{file.path} does not hold what marks its beginning and its end")
    text = re.sub(r"^ *\*(?: +\*)+ *\n+", "", text[start:end], flags=re.MULTILINE)
    text = text.replace("_", "")
    text = re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)
    return re.sub(r"\n{4,}", "\n\n\n", text).strip("\n")
