"""How the texts of one model are divided among the shards, each of which is a core's.

A step on one thread waits for nobody; one on several threads meets some twenty times, and a
neighbour that holds one core holds them all. But every shard reads all weights: with few rows,
which cost little beside them, the cores do better together (bench/RESULTS.md). Pure.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

from simpleml.generation.network import Precision

LEAST_ROWS: dict[Precision, int] = {"float32": 8, "int8": 2}
"""Rows that a shard of its own is worth; int8's weights are a quarter of float32's."""


_FIXED_ROWS = 8
"""Rows that cost about what a step costs before its first one (bench/RESULTS.md: 1 to 7)."""


def turn_cost(seconds: float, texts: int) -> float:
    """What a step counts for when the lanes of a shard take turns: what it takes for one text.

    Counted by the seconds alone, a lane would be stepped the less often the more texts it has, and
    eight would each be written more slowly than the seven of another model. A larger network still
    pays for what it takes.

    Args:
        seconds: that the step took.
        texts: that were in it.
    """
    return seconds * (_FIXED_ROWS + 1) / (_FIXED_ROWS + max(1, texts))


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


def shard_for(lane: Hashable, shards: Sequence[Mapping[Hashable, int]], among: int) -> int:
    """Which shard takes one more text.

    Texts of one lane keep together, since a step costs little more with them. But a shard steps its
    lanes in turn: where one shard has three lanes and another has one, the texts of that one would
    be written three times as fast. So the smallest lane of a shard moves, text by text as they
    come, to one with less to do, if that shard then still has less to do than this one has now.

    Args:
        lane: of the text: its model and mode.
        shards: texts of each lane in each shard, lanes without texts left out.
        among: how many shards have to do with the lane: `parts`.
    """
    texts = [sum(one.values()) for one in shards]
    own = [one.get(lane, 0) for one in shards]
    in_use = sorted(range(len(shards)), key=lambda shard: (-own[shard], texts[shard]))
    found = min(in_use[:among], key=lambda shard: (own[shard], texts[shard]))
    other = texts.index(min(texts))
    held = shards[found]
    smallest = own[found] > 0 and lane == min(held, key=held.__getitem__)
    return other if smallest and texts[other] + own[found] < texts[found] else found
