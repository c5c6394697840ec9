"""XML and HTML from a stranger, as events: no tree is built, no entity expanded, no file opened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from simpleml.documents.document import Refusal, library


class Target(Protocol):
    """What reads the events; names come without their namespace."""

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""

    def end(self, name: str) -> None:
        """An element ends."""

    def data(self, text: str) -> None:
        """Characters between."""


class _Relay:
    """Takes lxml's events, cuts namespaces off and knows no document types."""

    def __init__(self, target: Target, may_have_doctype: bool) -> None:
        self._target = target
        self._may_have_doctype = may_have_doctype
        self.data = target.data

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        short = {key.rpartition("}")[2]: value for key, value in attributes.items()}
        self._target.start(tag.rpartition("}")[2], short)

    def end(self, tag: str) -> None:
        self._target.end(tag.rpartition("}")[2])

    def doctype(self, *_names: str | None) -> None:
        if not self._may_have_doctype:
            raise Refusal("declares XML entities, which no text needs: it may be built to harm")

    def comment(self, _text: str) -> None:
        """Comments are no text."""

    def close(self) -> None:
        """Nothing is left to do."""


def parse_xml(pieces: Iterable[bytes], target: Target) -> None:
    """Read XML.

    Raises:
        Refusal: it is damaged, or has a document type, where entities would be declared.
    """
    etree = library("lxml.etree")
    parser = etree.XMLParser(
        target=_Relay(target, may_have_doctype=False),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
    )
    _feed(etree, parser, pieces)


def parse_html(text: str, target: Target) -> None:
    """Read HTML, as forgiving as browsers.

    Raises:
        Refusal: its elements are nested hundreds deep.
    """
    etree = library("lxml.etree")
    relay = _Relay(target, may_have_doctype=True)
    parser = etree.HTMLParser(target=relay, encoding="utf-8", no_network=True)
    content = text.encode("utf-8", "replace")
    _feed(etree, parser, (content[i : i + (1 << 16)] for i in range(0, len(content), 1 << 16)))


def _feed(etree: Any, parser: Any, pieces: Iterable[bytes]) -> None:
    try:
        for piece in pieces:
            parser.feed(piece)
        parser.close()
    except etree.LxmlError as error:
        raise Refusal(f"is damaged: {str(error).partition(', line')[0]}", "file_damaged") from None


class Elements:
    """A target that keeps the elements of a small file and what they say of themselves."""

    def __init__(self) -> None:
        self.found: list[tuple[str, dict[str, str]]] = []

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """Keep it."""
        self.found.append((name, dict(attributes)))

    def end(self, name: str) -> None:
        """Of no interest."""

    def data(self, text: str) -> None:
        """Of no interest."""


def elements(pieces: Iterable[bytes]) -> list[tuple[str, dict[str, str]]]:
    """All elements of a small XML file, names and attributes; errors as :func:`parse_xml`."""
    target = Elements()
    parse_xml(pieces, target)
    return target.found
