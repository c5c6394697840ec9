"""The corpora of several models that wrote a text together, asked as one.

Pure: it knows nothing of networks or requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from simpleml.copying.index import Originality, OriginalityIndex, Passage


class SeveralIndexes:
    """The indexes of the models' corpora, by the models' names."""

    def __init__(self, indexes: Mapping[str, OriginalityIndex]) -> None:
        self.indexes = dict(indexes)

    def examine(self, text: str) -> Originality:
        """Find what of a text stands verbatim in any corpus; each passage names its model.

        A passage that lies in another, of whichever corpus, is left out.
        """
        found: list[Passage] = []
        for name, index in self.indexes.items():
            found += [replace(one, model=name) for one in index.examine(text).passages]
        found.sort(key=lambda one: (one.start, -one.length))
        passages: list[Passage] = []
        copied = end = 0
        for one in found:
            reaches = one.start + one.length
            if reaches > end:
                copied += reaches - max(one.start, end)
                end = reaches
                passages.append(one)
        longest = max(passages, key=lambda one: one.length, default=None)
        return Originality(len(text), copied, longest, tuple(passages))


CorpusIndex = OriginalityIndex | SeveralIndexes
"""Of what wrote a text: one model or several."""


def joined(indexes: Mapping[str, OriginalityIndex]) -> CorpusIndex:
    """One index as it is, several as one."""
    return SeveralIndexes(indexes) if len(indexes) > 1 else next(iter(indexes.values()))
