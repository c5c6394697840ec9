"""Passages of a text that stood in it before: learned by heart, and no test of anything."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PASSAGE = 64  # characters that make a repetition a passage; a power of two


@dataclass(frozen=True)
class Repetition:
    """Passages of at least :data:`PASSAGE` characters that stood in the text before."""

    share: float  # of the text
    longest: int  # characters
    first: int  # position of the longest
    again: int  # and of its copy


def find_repetition(text: str, passage: int = PASSAGE) -> Repetition:
    """How much of a text stood in it before, in passages of at least ``passage`` characters.

    Every window of that length is hashed by doubling (64 bits, so that a chance agreement is out
    of the question) and looked up among the earlier ones.

    Args:
        text: as it is trained on.
        passage: a power of two.
    """
    hashes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    width = 1
    while width < passage:
        if len(hashes) <= width:
            return Repetition(0.0, 0, 0, 0)
        left = (hashes[:-width] + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        hashes = (left ^ (left >> np.uint64(29))) + hashes[width:]
        width *= 2
    order = np.argsort(hashes, kind="stable")  # equal windows side by side, earlier ones first
    same = hashes[order[1:]] == hashes[order[:-1]]
    again, first = order[1:][same], order[:-1][same]
    if not again.size:
        return Repetition(0.0, 0, 0, 0)
    by_place = np.argsort(again)
    again, first = again[by_place], first[by_place]
    # Windows that follow each other in both places are one longer passage.
    breaks = np.flatnonzero((np.diff(again) != 1) | (np.diff(first) != 1)) + 1
    starts = np.concatenate(([0], breaks))
    lengths = np.diff(starts, append=len(again)) + passage - 1
    longest = int(lengths.argmax())
    covered = int(np.minimum(np.diff(again), passage).sum()) + passage
    return Repetition(
        covered / len(text),
        int(lengths[longest]),
        int(first[starts[longest]]),
        int(again[starts[longest]]),
    )
