"""How the texts of one model are divided among the shards, each of which is a core's.

A step on one thread waits for nobody; one on several threads meets some twenty times, and a
neighbour that holds one core holds them all. But every shard reads all weights: with few rows,
which cost little beside them, the cores do better together (bench/RESULTS.md). Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from simpleml.generation.network import Precision

LEAST_ROWS: dict[Precision, int] = {"float32": 8, "int8": 2}
"""Rows that a shard of its own is worth; int8's weights are a quarter of float32's."""


def parts(texts: int, rows_each: int, precision: Precision, shards: int) -> int:
    """Among how many shards texts that run together are divided; 1 is a step on all cores.

    Args:
        texts: of one model in one mode.
        rows_each: 1 in stateful mode, one for each window otherwise.
        precision: of the model.
        shards: of the engine.
    """
    worth = min(shards, texts, texts * rows_each // LEAST_ROWS[precision])
    # Cores without a shard are idle: with few shards for many cores, they do better together.
    return worth if 2 * worth > shards else 1


def shard_for(own: Sequence[int], texts: Sequence[int], among: int) -> int:
    """Which shard takes one more text.

    Args:
        own: texts of the same model and mode in each shard.
        texts: all texts in each shard.
        among: how many shards have to do with these texts: `parts`.
    """
    in_use = sorted(range(len(own)), key=lambda shard: (-own[shard], texts[shard]))
    return min(in_use[:among], key=lambda shard: (own[shard], texts[shard]))
