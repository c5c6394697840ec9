"""What of an answer's text is copied: the option `originality`, as JSON and as a header.

Positions count Unicode characters (code points) from the beginning of the text that was generated:
0 is the first character after the seed. A passage is 20 characters or more that stand verbatim in
the text the model was trained on, in no longer passage.
"""

from __future__ import annotations

import json

from simpleml.copying.guard import check_max_copy
from simpleml.copying.index import Originality, OriginalityIndex
from simpleml.generation.sequence_generator import SequenceGenerator
from simpleml.web.answers import LongestPassageAnswer, OriginalityAnswer
from simpleml.web.parameters import Sampling
from simpleml.web.service import Service


def needed_index(
    service: Service, generator: SequenceGenerator, asked: Sampling
) -> OriginalityIndex | None:
    """The index of the model's corpus if a request needs it, before anything is generated.

    Raises:
        CorpusUnavailableError: the text is not beside the models, or was edited.
        InvalidValueError: max_copy with a model that writes words.
    """
    if asked.max_copy is not None:
        check_max_copy(asked.max_copy, generator.vocabulary)
        return service.corpus_index(generator, "max_copy")
    if asked.originality:
        return service.corpus_index(generator, "originality")
    return None


def answer(found: Originality, text: str) -> OriginalityAnswer:
    """As JSON.

    Args:
        text: that was examined.
    """
    longest: LongestPassageAnswer | None = None
    if (one := found.longest) is not None:
        longest = {
            "start": one.start,
            "length": one.length,
            "corpus_start": one.corpus_start,
            "text": text[one.start : one.start + one.length],
        }
    return {
        "characters": found.characters,
        "copied": found.copied,
        "copied_share": round(found.copied_share, 4),
        "longest": longest,
        "passages": [
            {"start": each.start, "length": each.length, "corpus_start": each.corpus_start}
            for each in found.passages
        ],
    }


def header(found: Originality) -> str:
    """X-Originality: the share that is copied and the length of the longest passage."""
    longest = found.longest.length if found.longest else 0
    return json.dumps({"copied_share": round(found.copied_share, 4), "longest": longest})
