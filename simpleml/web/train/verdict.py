"""What came of a training, out of the card of the model that it made."""

from __future__ import annotations

import math
from typing import Any, Literal

from simpleml.models.card import Card
from simpleml.web.train.answers import VerdictAnswer

WHOLE_WORDS = 0.9
"""Of the share of a person's words that stand in the training text: what writes whole words
reaches that much."""
LEAST_WORDS = 0.5
"""That share, from which on it tells what a word is; of moves of a game it does not."""
PHRASES, MUCH = 0.1, 0.35
"""Shares of what it writes, beyond what is usual, from which on it copies phrases, and much."""


def verdict_of(card: Card | None) -> VerdictAnswer | None:
    """Of the held-out text once the training is over, else of the slice that it chooses by.

    None where counting was not asked, or where there is no model yet.
    """
    if card is None:
        return None
    over = "counting_nats" in card.metrics
    bits = bits_of(card.metrics.get("nats" if over else "selection_nats"))
    counted = bits_of(card.metrics["counting_nats"] if over else card.begun_from.get("bar_nats"))
    if bits is None or counted is None:
        return None
    written: dict[str, Any] = card.metrics.get("written") or {}
    return {
        "better": bits < counted,
        "bits": bits,
        "counting_bits": counted,
        "whole_words": _whole_words(written),
        "known_words": written.get("known_words"),
        "known_words_held_out": written.get("known_words_held_out"),
        "copies": _copies(written),
        "copied": written.get("copied"),
        "copied_held_out": written.get("copied_held_out"),
    }


def bits_of(nats: float | None) -> float | None:
    """Nats as bits."""
    return None if nats is None else round(nats / math.log(2), 4)


def _whole_words(written: dict[str, Any]) -> bool | None:
    known, usual = written.get("known_words"), written.get("known_words_held_out")
    if known is None or usual is None or usual < LEAST_WORDS:
        return None
    return bool(known >= WHOLE_WORDS * usual)


def _copies(written: dict[str, Any]) -> Literal["little", "phrases", "much"] | None:
    if "copied" not in written:
        return None
    more = written["copied"] - written["copied_held_out"]
    return "little" if more < PHRASES else "phrases" if more < MUCH else "much"
