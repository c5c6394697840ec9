"""What a training shows and records.

``display`` is told everything and shows it; ``events`` is the one record of a run; ``judgements``
keeps training.csv; ``curves`` draws training.png. None of them knows a network: they are told
numbers.
"""

from simpleml.training.progress.display import Progress, duration
from simpleml.training.progress.judgements import CSV_NAME, Judgement

__all__ = ["CSV_NAME", "Judgement", "Progress", "duration"]
