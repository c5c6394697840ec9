"""Faults at length: is every text right, is any request lost, does anything grow?

    python bench/chaos --minutes 20 --seed 1

64 clients ask a server of two workers and check every text against a known one, while slow and
vanishing clients come and go and, one after the other, in an order that the seed fixes: workers and
the master are killed (and started again, as systemd does), processes stand still for up to ten
seconds, the disk is full, models are replaced, truncated, deleted and restored, the clock jumps,
far more requests come than are taken, trainings are killed. In the second half nobody is killed, so
that the same workers show whether memory, threads, descriptors or event-loop watchers grow. The
last line is JSON; the exit code is 0 where all of it went well.

Models are small ones, in a file system of 24 MB of its own (as root; otherwise a full disk is this
process' limit alone). The clock that jumps is the server's processes' own (clock.c, preloaded; it
needs a C compiler): the machine's is not touched. Linux only.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

import common  # noqa: E402  # the folders of the program and of the tests become importable
from clients import PATIENCE, Checker, Gate, Nuisance, Tally  # noqa: E402
from faults import DEADLY, OTHERS, Clock, Faults, small_disk  # noqa: E402
from house import Figures, House, table  # noqa: E402
from known import CHANGING, ILL, STEADY, Question, questions, write  # noqa: E402
from waiting import wait_until  # noqa: E402

CLIENTS, NUISANCES, WORKERS = 64, 6, 2
SETTLE = 1.5
"""Seconds after the last request; workers note their figures twice a second."""
SETTINGS = {
    "SIMPLEML_MAX_ROWS": "16", "SIMPLEML_MAX_WAITING": "48", "SIMPLEML_TRAINING": "1",
    "SIMPLEML_DEADLINE": "60",
}  # fmt: skip
MOST_GROWTH_MB = 8.0
"""Of a worker, over the second half: what its allocator keeps differs from minute to minute."""


TIMERS = 1
"""Watchers more or less at rest, whatever moment is looked at: sleeping greenlets have one each."""
FLAT_AFTER = 0.2
"""The part of the second half after which a worker has warmed up."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # leaves nothing running
    folder = Path(tempfile.mkdtemp(prefix="simpleml-chaos-"))
    with small_disk(folder / "ML") as small:
        result = run(folder, small, 60 * given.minutes, given.seed)
    if result["well"]:
        shutil.rmtree(folder)
    else:
        print(f"\nThe server's log: {folder / 'server.log'}")
    common.print_json({"minutes": given.minutes, "seed": given.seed, **result})
    return 0 if result["well"] else 1


def run(folder: Path, small: bool, seconds: float, seed: int) -> dict[str, Any]:
    """The whole of it.

    Args:
        folder: for everything; the models' folder ML/ is there.
        small: whether that is a small file system.
        seconds: of both halves together; what comes before and after is not counted.
    """
    random = Random(seed)
    models = folder / "ML"
    asked = questions(random, folder)
    for name in (STEADY, CHANGING, ILL):
        write(models, name)
    clock = Clock(folder)
    house = House(folder, models, WORKERS, {**SETTINGS, **clock.environment})
    try:
        return _trouble(house, asked, random, clock, small, seconds)
    finally:
        house.end()


def _trouble(
    house: House, asked: list[Question], random: Random, clock: Clock, small: bool, seconds: float
) -> dict[str, Any]:
    tally, gate = Tally(), Gate()
    people: list[threading.Thread] = [
        *(Checker(house, tally, gate, asked, Random(random.random())) for _ in range(CLIENTS)),
        *(Nuisance(house, tally, gate, asked, Random(random.random())) for _ in range(NUISANCES)),
    ]
    faults = Faults(house, tally, asked, random, clock, small)
    others = OTHERS if clock.there else tuple(one for one in OTHERS if one != "move_clock")
    for one in people:
        one.start()
    print(f"{len(people)} clients; the first half: everything, deaths too", flush=True)
    gate.open()
    faults.run((*DEADLY, *others), time.monotonic() + seconds / 2)
    print(f"the second half: nobody is killed but trainings  {dict(tally.counts)}", flush=True)
    faults.run(others, time.monotonic() + FLAT_AFTER * seconds / 2)
    before = _at_rest(house, gate, faults, faults.end_training)
    gate.open()
    faults.run(others, time.monotonic() + (1 - FLAT_AFTER) * seconds / 2)
    print(f"to its end  {dict(tally.counts)}", flush=True)
    after = _at_rest(house, gate, faults, faults.finish_training)
    gate.over = True
    whole = faults.models_whole()
    code = house.close()
    return _result(house, tally, faults, before, after, whole, code)


def _at_rest(house: House, gate: Gate, faults: Faults, train: Callable[[], None]) -> list[Figures]:
    """Figures of the workers once nobody is connected and the last training is over.

    Args:
        train: brings that about.
    """
    if waiting := gate.close(PATIENCE + 20):
        faults.complaints.append(f"{waiting} clients never came to an end")
    train()
    wait_until(house.at_rest, 90, "nothing runs and nobody is connected", every=0.2)
    time.sleep(SETTLE)
    return house.figures()


def _growth(before: list[Figures], after: list[Figures], complaints: list[str]) -> bool:
    """Whether the same workers are there, none larger than it was."""
    found = {one.pid: one for one in after}
    if set(found) != {one.pid for one in before}:
        complaints.append("a worker of the second half was not the same to its end")
        return False
    flat = True
    for one in before:
        now = found[one.pid]
        grown = (
            now.memory_mb > one.memory_mb + MOST_GROWTH_MB
            or now.threads > one.threads
            or now.files > one.files
            or now.watchers > one.watchers + TIMERS
        )
        flat = flat and not grown
    return flat


def _result(house: House, tally: Tally, faults: Faults, before: list[Figures],
            after: list[Figures], whole: bool, code: int) -> dict[str, Any]:  # fmt: skip
    """What is printed, and whether it all is well."""
    flat = _growth(before, after, faults.complaints)
    log = house.log_file.read_text("utf-8", "replace")
    kinds = ("right", "wrong", "lost", "hung", "excused", "refused", "away", "nuisances")
    counts = {kind: tally.counts[kind] for kind in kinds}
    rows = [[kind, f"{count:,}"] for kind, count in counts.items()]
    common.print_table("Requests", ["", "count"], rows)
    rows = [[name, str(count)] for name, count in sorted(faults.done.items())]
    common.print_table("Faults", ["", "times"], rows)
    figures = [["before", one] for one in before] + [["after", one] for one in after]
    names = ("memory_mb", "threads", "files", "watchers")
    rows = [[f"{when}, {one.pid}", *(str(getattr(one, n)) for n in names)] for when, one in figures]
    common.print_table("Workers at rest", ["", *names], rows)
    for line in [*tally.examples, *faults.complaints]:
        print(line)
    well = flat and whole and code == 0 and not faults.complaints and counts["right"] > 0
    left = house.left_behind()
    well = well and not (counts["wrong"] or counts["lost"] or counts["hung"] or left)
    return {
        "well": well and not house.ended_by_itself, **counts, "faults": dict(faults.done),
        "clients": CLIENTS, "slowest_seconds": round(tally.slowest, 1), "flat": flat,
        "before": table(before), "after": table(after), "models_whole": whole,
        "master_ended_by_itself": house.ended_by_itself, "exit_code": code,
        "tracebacks": log.count("Traceback"), "left_in_tmp": left,
        "complaints": len(faults.complaints), **common.machine(),
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
