"""Who is admitted next: one order, which admission, the queue's limit and a queue position share.

Visitors take turns: the one with the fewest running texts goes next. Of one visitor's requests (of
all, where visitors are not told apart) the model with the fewest running texts goes next, and at a
tie what has waited longest; within a model it is first come, first served. Nobody overtakes: a
request for which too few places are free holds up those behind it, so that many small ones cannot
starve it. Only what waits because its own visitor has a full share holds up nobody else.

Pure: it knows nothing of threads, of batches or of how a request runs.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heapreplace
from typing import Protocol, TypeVar


@dataclass(frozen=True)
class Share:
    """What one visitor may have at once; requests of nobody in particular are not limited."""

    running: int
    """Texts being generated."""
    waiting: int
    """Requests that wait for a place."""


class Request(Protocol):
    """What the order depends on."""

    @property
    def visitor(self) -> str:
        """Whose it is; empty where visitors are not told apart."""

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
    return _in_order(*_counted(running), waiting)


def _counted(running: Iterable[Request]) -> tuple[Counter[Hashable], Counter[str]]:
    """Places that each model and each visitor holds."""
    texts, held = Counter[Hashable](), Counter[str]()
    for one in running:
        left = one.texts_left
        texts[one.model] += left
        held[one.visitor] += left
    return texts, held


def _in_order(texts: Counter[Hashable], held: Counter[str], waiting: Iterable[R]) -> Iterator[R]:
    """`admission_order`, from what models and visitors hold; both counts grow with it."""
    lines: dict[tuple[str, Hashable], deque[tuple[int, R]]] = {}
    for arrival, one in enumerate(waiting):
        lines.setdefault((one.visitor, one.model), deque()).append((arrival, one))
    heads = [
        (held[visitor], texts[model], line[0][0], (visitor, model))
        for (visitor, model), line in lines.items()
    ]
    heapify(heads)  # arrivals differ: models are never compared
    while heads:
        visitor, model = key = heads[0][-1]
        now = (held[visitor], texts[model], lines[key][0][0], key)
        if now > heads[0]:  # its counts have grown since; they never shrink
            heapreplace(heads, now)
            continue
        _, one = lines[key].popleft()
        yield one
        held[visitor] += one.texts_left
        texts[model] += one.texts_left
        if lines[key]:
            heapreplace(heads, (held[visitor], texts[model], lines[key][0][0], key))
        else:
            heappop(heads)


def admissible(
    running: Sequence[R], waiting: Sequence[R], max_rows: int, share: Share | None = None
) -> list[R]:
    """Those that wait for nothing but the next step, in the order of admission.

    Args:
        running: requests that hold places.
        waiting: requests in the order in which they came.
        max_rows: places, one for each text.
        share: of each visitor.
    """
    if not waiting:
        return []
    texts, held = _counted(running)
    free = max_rows - held.total()
    found: list[R] = []
    for one in _in_order(texts, held.copy(), waiting):
        if share and one.visitor and held[one.visitor] + one.texts_left > share.running:
            continue
        free -= one.texts_left
        if free < 0:
            break
        held[one.visitor] += one.texts_left
        found.append(one)
    return found


def is_full(
    running: Sequence[R], waiting: Sequence[R], new: R, *, max_rows: int, max_waiting: int
) -> bool:
    """Whether a new request would have to wait behind, or beside, `max_waiting` others that wait.

    Those that are admitted before the next step do not count, and it is never full for one that
    would be among them.
    """
    if len(waiting) < max_waiting:
        return False
    everybody = [*waiting, new]
    found = admissible(running, everybody, max_rows)
    others = len(everybody) - len(found) - 1
    return new not in found and others >= max_waiting


def share_is_full(
    running: Sequence[R], waiting: Sequence[R], new: R, share: Share, max_rows: int
) -> bool:
    """Whether a new request would have to wait beside `share.waiting` others of its visitor."""
    everybody = [*waiting, new]
    found = admissible(running, everybody, max_rows, share)
    own = [one for one in everybody if one.visitor == new.visitor and one not in found]
    return bool(new.visitor) and new in own and len(own) > share.waiting


def symbols_before(left: Iterable[int], place: int) -> float:
    """Symbols that each running text still writes until so many places have become free.

    All texts are taken to go on at one pace, and those that come after them to be as long.

    Args:
        left: symbols that each of them has left.
        place: 1 for the next to be admitted.
    """
    ordered = sorted(left)
    if not ordered:
        return 0.0
    rounds, rank = divmod(place - 1, len(ordered))
    return ordered[rank] + rounds * sum(ordered) / len(ordered)
