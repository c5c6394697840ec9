"""Public-domain texts to train on.

    python -m simpleml.corpora list
    python -m simpleml.corpora get sherlock          # writes ML/sherlock.txt
    python train.py --corpus sherlock                # the same, and trains on it

It knows nothing of training.
"""

from simpleml.corpora.catalogue import CATALOGUE, CatalogueEntry, RawFile, entry_of, find
from simpleml.corpora.download import BASE_URL, Report, get

__all__ = [
    "BASE_URL",
    "CATALOGUE",
    "CatalogueEntry",
    "RawFile",
    "Report",
    "entry_of",
    "find",
    "get",
]
