"""Which training goes next: visitors take turns, what is nobody's in particular as it came.

Pure: it knows no files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from simpleml.errors import TrainingConflictError
from simpleml.jobs.job import Job

LIVE = ("waiting", "running")


def training_order(jobs: Iterable[Job]) -> list[Job]:
    """Those that wait, as they are started if nothing comes meanwhile.

    A visitor's second one comes after everybody's first; among first ones, that of the visitor
    whose last training started longest ago, or who had none; at a tie the one that came first.

    Args:
        jobs: all trainings, whatever their state.
    """
    jobs = list(jobs)
    turns = Counter[str]()
    keyed = []
    for one in sorted((job for job in jobs if job.state == "waiting"), key=lambda job: job.queued):
        others = [job for job in jobs if job.visitor == one.visitor != "" and job is not one]
        last = max((job.started or 0.0 for job in others), default=0.0)
        keyed.append((turns[one.visitor], last, one.queued, one.name, one))
        if one.visitor:
            turns[one.visitor] += 1
    return [one for *_, one in sorted(keyed, key=lambda key: key[:-1])]


def check_share(jobs: Iterable[Job], visitor: str, most: int) -> None:
    """See whether a visitor may have one more training that waits or runs.

    Args:
        jobs: all trainings.
        visitor: who asks; nobody in particular is not limited.
        most: that each may have.

    Raises:
        TrainingConflictError: there are as many already.
    """
    own = [job.name for job in jobs if job.visitor == visitor and job.state in LIVE]
    if visitor and len(own) >= most:
        named = f": {', '.join(own)}" if own else ""
        raise TrainingConflictError(
            f"At most {most} of your trainings may wait or run at once{named}. Wait for its end, "
            "or stop it.",
            reason="trainings_of_yours",
            params={"most": most, "names": ", ".join(own)},
        )
