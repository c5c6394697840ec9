"""The corpora that can be downloaded: where their files are published, and their sums.

A raw file is named by repository, commit and path, so it is the same for everyone for ever; its
sha256 and that of the text that is cut from it are part of the catalogue.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from simpleml.corpora.eltec import ENGLISH, ENGLISH_NOVELS, FRENCH, FRENCH_NOVELS
from simpleml.errors import CorpusError


@dataclass(frozen=True)
class RawFile:
    """A file as it was published, and where the text in it begins and ends."""

    repository: str
    commit: str
    path: str
    sha256: str
    start: str = ""
    """The text begins with this (after Project Gutenberg's own header)."""
    end: str = ""
    """It ends before the last line that begins with this."""

    @property
    def address(self) -> str:
        """Where it is downloaded from."""
        return f"{self.repository}/{self.commit}/{self.path}"


@dataclass(frozen=True)
class CatalogueEntry:
    """One corpus."""

    name: str
    title: str
    source: str
    licence: str
    language: str
    files: tuple[RawFile, ...]
    sha256: str
    """Of the finished text in UTF-8."""
    characters: int
    options: Mapping[str, Any] = field(default_factory=dict)
    """Of train.py, by their names: those that are right for this text where none is given."""
    held_out: tuple[str, ...] = ()
    """Of a collection of novels: those that stand at the end, and measure."""
    unwrap: bool = False
    """Its paragraphs lose their hard line ends, and a text in French gets its printed signs."""
    base: bool = False
    """A model of it is one to begin others from."""


def _gutenberg(number: int, title: str, commit: str, sha256: str, start: str, end: str) -> RawFile:
    return RawFile(f"GITenberg/{title}_{number}", commit, f"{number}-8.txt", sha256, start, end)


def _eltec(collection: tuple[str, str], novels: str) -> tuple[RawFile, ...]:
    lines = (line.split() for line in novels.split("\n") if line)
    return tuple(RawFile(*collection, path, sha256) for path, sha256 in lines)


BASE_OPTIONS: dict[str, Any] = {
    "batch_size": 128,
    "learning_rate": 3e-3,
    "dropout": 0.0,  # a text of 47 million characters is not learnt by heart
    "weight_drop": 0.0,
    "sample_every": 0,
}

CATALOGUE: dict[str, CatalogueEntry] = {
    entry.name: entry
    for entry in (
        CatalogueEntry(
            name="shakespeare",
            title="Scenes by Shakespeare (tinyshakespeare)",
            source="https://github.com/karpathy/char-rnn",
            licence="public domain",
            language="en",
            files=(
                RawFile(
                    "karpathy/char-rnn",
                    "6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e",
                    "data/tinyshakespeare/input.txt",
                    "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
                ),
            ),
            sha256="86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
            characters=1_115_394,
        ),
        CatalogueEntry(
            name="sherlock",
            title="The Adventures of Sherlock Holmes, by Arthur Conan Doyle",
            source="Project Gutenberg, https://www.gutenberg.org/ebooks/1661",
            licence="public domain",
            language="en",
            files=(
                _gutenberg(
                    1661,
                    "The-Adventures-of-Sherlock-Holmes",
                    "7e5dd2703fbf503c004063e96ab7c61262375e5f",
                    "87a68129bb1dd7c2eecca7a98f97c27bd507d9901a5e1115de765745a127a82e",
                    start="THE ADVENTURES OF SHERLOCK HOLMES",
                    end="End of the Project Gutenberg",
                ),
            ),
            sha256="dba132930eb0f1f9b39f55535e1f76d27b610ac3bc9dd5a4f529969864809572",
            characters=562_317,
            unwrap=True,
        ),
        CatalogueEntry(
            name="contes",
            title="Tales by Galland, d'Aulnoy, Ségur, Laboulaye and Grimm, in French",
            source="Project Gutenberg 15371, 18367, 18368, 14247, 12120, 12250",
            licence="public domain",
            language="fr",
            files=(
                _gutenberg(
                    15371,
                    "Les-mille-et-une-nuits---Tome-premier",
                    "9cdd9cf316ae674b603b6fd8b2b25ecf1fc16c74",
                    "cc524a2652f2699c7ebc999f266fb2a4d029687a86d5ea0dfdbcfe51f03229a4",
                    start="CONTES ARABES.\n\nLes chroniques",
                    end="FIN du TOME PREMIER",
                ),
                _gutenberg(
                    18367,
                    "Contes-Tome-I",
                    "72363c337f662cb322b83e4b7cba8dd81280ad38",
                    "382b7d1e8369a9b1e54e49638c3bcf5cf5aa057cad44bf27121ca70c1db6d98a",
                    start="La Belle aux cheveux d'or\n\n",
                    end="End of Project Gutenberg",
                ),
                _gutenberg(
                    18368,
                    "Contes-Tome-II",
                    "84233bdc06a73ac6020f7febcfb4f578163d62ec",
                    "4695030d1f88b5fb276c8a91099b6391ac037d7a1a97f80ccf32a991f8627acf",
                    start="La Chatte Blanche\n\n",
                    end="End of Project Gutenberg",
                ),
                _gutenberg(
                    14247,
                    "Nouveaux-contes-de-f-es-pour-les-petits-enfants",
                    "2b560de73b59413edf7e8e8ddb889d3d0349b258",
                    "7430802ffa4bc04302e8c47f791cb8c399d9f956f2e1a50350ac54140ceaeada",
                    start=" " * 30 + "HISTOIRE\n" + " " * 21 + "DE BLONDINE",
                    end=" " * 30 + "TABLE",
                ),
                _gutenberg(
                    12120,
                    "Nouveaux-contes-bleus",
                    "c342a03a38711776804dedae59a03c4657328fa1",
                    "4c72b2cdedb30d4ee9b35cb7752ef4ab6db76aecc157ccc4a5bd277fb46cdca4",
                    start="CONTES ISLANDAIS\n\n",
                    end="TABLE\n",
                ),
                _gutenberg(
                    12250,
                    "Contes-choisis-de-la-famille",
                    "1bf1d8afa1dcc3bc904e6e5953c7239c99e93389",
                    "a1b3daf6a9dcafd7159a65c3cd2f0be9418b37b3d62dbf6fb84ee2aa72feebef",
                    start="LE LOUP ET L'HOMME.\n",
                    end="FIN\n",
                ),
            ),
            sha256="8631ab84ea02b03667d9733e7552832065c72f2578aa767d3e2d76e6b506df07",
            characters=2_530_598,
            unwrap=True,
            # its last tenth is by other authors than the rest
            options={"validation": "spread"},
        ),
        CatalogueEntry(
            name="francais",
            title="97 French novels, 1840 to 1920 (ELTeC-fra), in the typographies people use",
            source="French Novel Corpus (ELTeC-fra) 1.0.1, https://doi.org/10.5281/zenodo.4662433",
            licence="public domain",
            language="fr",
            files=_eltec(FRENCH, FRENCH_NOVELS),
            sha256="db409b233d15f44a01448f3f3587f9b3b3afb6f2aa584ffbcc9fe42ef8c0ad00",
            characters=47_827_202,
            options={"validation_fraction": 0.0356408, **BASE_OPTIONS},
            held_out=(
                "FRA01401_Fleuriot", "FRA01402_Fleuriot", "FRA01403_Fleuriot",
                "FRA02301_Greville", "FRA02302_Greville", "FRA02303_Greville",
            ),
            base=True,
        ),
        CatalogueEntry(
            name="english",
            title="96 English novels, 1840 to 1920 (ELTeC-eng), in the typographies people use",
            source="English Novel Corpus (ELTeC-eng) 1.0.1, https://doi.org/10.5281/zenodo.3533868",
            licence="texts public domain, mark-up CC BY 4.0",
            language="en",
            files=_eltec(ENGLISH, ENGLISH_NOVELS),
            sha256="d20cdabec60fec2b08bcfb3dbf5035f0828feddd369cb6c5680b8bf764614db3",
            characters=62_011_016,
            options={"validation_fraction": 0.0211924, **BASE_OPTIONS},
            held_out=("ENG19080_Chesterton", "ENG19111_Hornung", "ENG19100_Forster"),
            base=True,
        ),
    )
}  # fmt: skip


def find(name: str) -> CatalogueEntry:
    """The catalogue's entry.

    Raises:
        CorpusError: there is none of that name; the message lists the names.
    """
    if name not in CATALOGUE:
        raise CorpusError(f"unknown corpus {name!r}; available: {', '.join(sorted(CATALOGUE))}")
    return CATALOGUE[name]


def entry_of(name: str, corpus: Mapping[str, Any]) -> CatalogueEntry | None:
    """The catalogue's entry of the text that a model has read; None where it has none.

    Args:
        name: of the model.
        corpus: what the model's card says of the text.
    """
    found = (one for one in CATALOGUE.values() if one.sha256 == corpus.get("sha256"))
    # `get` writes it under the entry's name, and it is looked for under these two
    looked_for = (f"{name}.txt", corpus.get("file"))
    return next((one for one in found if f"{one.name}.txt" in looked_for), None)
