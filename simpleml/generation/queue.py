"""Who is admitted next: one order, which admission, the queue's limit and a queue position share.

Within a model first come, first served; among models the one with the fewest running texts goes
next, and at a tie the one that has waited longest. Nobody overtakes: a request for which too few
places are free holds up those behind it, so that many small ones cannot starve it.

Pure: it knows nothing of threads, of batches or of how a request runs.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Hashable, Iterable, Iterator
from heapq import heapify, heappop, heapreplace
from typing import Protocol, TypeVar


class Request(Protocol):
    """What the order depends on."""

    @property
    def model(self) -> Hashable:
        """The same for the requests of one model."""

    @property
    def texts_left(self) -> int:
        """Texts that are not complete: the places it holds, or needs."""


R = TypeVar("R", bound=Request)


def admission_order(running: Iterable[R], waiting: Iterable[R]) -> Iterator[R]:
    """Those that wait, as they are admitted if nothing ends and nothing comes meanwhile.

    Args:
        running: requests that hold places.
        waiting: requests in the order in which they came.

    Yields:
        Each request of `waiting` once; the first is at queue position 1.
    """
    texts = Counter[Hashable]()
    for one in running:
        texts[one.model] += one.texts_left
    lines: dict[Hashable, deque[tuple[int, R]]] = {}
    for arrival, one in enumerate(waiting):
        lines.setdefault(one.model, deque()).append((arrival, one))
    heads = [(texts[model], line[0][0], model) for model, line in lines.items()]
    heapify(heads)  # arrivals differ: models are never compared
    while heads:
        count, _, model = heads[0]
        _, one = lines[model].popleft()
        yield one
        if lines[model]:
            heapreplace(heads, (count + one.texts_left, lines[model][0][0], model))
        else:
            heappop(heads)


def admissible(running: Iterable[R], waiting: Iterable[R], max_rows: int) -> list[R]:
    """Those that wait for nothing but the next step, in the order of admission.

    Args:
        running: requests that hold places.
        waiting: requests in the order in which they came.
        max_rows: places, one for each text.
    """
    running = list(running)
    free = max_rows - sum(one.texts_left for one in running)
    found = []
    for one in admission_order(running, waiting):
        free -= one.texts_left
        if free < 0:
            break
        found.append(one)
    return found


def is_full(
    running: Iterable[R], waiting: Iterable[R], new: R, *, max_rows: int, max_waiting: int
) -> bool:
    """Whether a new request would have to wait behind, or beside, `max_waiting` others that wait.

    Those that are admitted before the next step do not count, and it is never full for one that
    would be among them.
    """
    everybody = [*waiting, new]
    found = admissible(running, everybody, max_rows)
    others = len(everybody) - len(found) - 1
    return new not in found and others >= max_waiting
