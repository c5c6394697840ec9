"""Public-domain texts to train on: downloaded from pinned addresses, checked, cut, written whole.

    python -m simpleml.corpora list
    python -m simpleml.corpora get sherlock          # writes ML/sherlock.txt
    python train.py --corpus sherlock                # the same, and trains on it

A raw file is fetched by repository, commit and path, so it is the same for everyone for ever; its
sha256 and that of the text that is cut from it are part of the catalogue. It knows nothing of
training.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import os
import re
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from simpleml.errors import CorpusError

BASE_URL = "https://raw.githubusercontent.com"
_CHUNK_BYTES = 1 << 16
_ATTEMPTS = 3
_TIMEOUT_SECONDS = 30.0


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
    validation: str = "tail"
    """How to hold out a part of it: train.py's --validation."""


def _gutenberg(number: int, title: str, commit: str, sha256: str, start: str, end: str) -> RawFile:
    return RawFile(f"GITenberg/{title}_{number}", commit, f"{number}-8.txt", sha256, start, end)


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
            sha256="974510f0fd69b2551f9a408b0af631445f86c11dd366bbeb898cf5353ac22287",
            characters=562_317,
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
            sha256="6f8f5436ec14e3bd5ab7594489364aa411de07af666e7b738dfdf18203c0a66f",
            characters=2_513_817,
            # its last tenth is by other authors than the rest
            validation="spread",
        ),
    )
}

Report = Callable[[str, int, int], None]
"""Called with a file's name, the bytes that are there and the bytes there will be (0: unknown)."""


def find(name: str) -> CatalogueEntry:
    """The catalogue's entry.

    Raises:
        CorpusError: there is none of that name; the message lists those there are.
    """
    if name not in CATALOGUE:
        raise CorpusError(f"there is no corpus {name!r}; there are {', '.join(sorted(CATALOGUE))}")
    return CATALOGUE[name]


def get(
    entry: CatalogueEntry,
    folder: Path | str = "ML",
    *,
    base_url: str = BASE_URL,
    report: Report = lambda name, done, size: None,
) -> Path:
    """Download, check and cut a corpus; returns `folder`/<name>.txt.

    A text that is there already with the right sum is left as it is. What an interrupted download
    had got stays in `folder`/.corpora and is gone on with.

    Raises:
        CorpusError: no network, a cut connection, a wrong sum, no space; nothing half-written
            stands under the text's own name.
    """
    folder = Path(folder)
    path = folder / f"{entry.name}.txt"
    if path.exists():
        if _sha256(path.read_bytes()) == entry.sha256:
            return path
        raise CorpusError(
            f"{path} is there but is not the catalogue's text (another sha256): move it away to "
            "have it downloaded again"
        )
    kept = folder / ".corpora"
    try:
        kept.mkdir(parents=True, exist_ok=True)
        raw = [_fetch(one, kept, base_url, report) for one in entry.files]
        data = cut(entry, raw).encode("utf-8")
        if (found := _sha256(data)) != entry.sha256:
            raise CorpusError(
                f"the text cut for {entry.name} has the sha256 {found}, the catalogue says "
                f"{entry.sha256}: this version of SimpleML cuts it differently"
            )
        _write(path, data)
        for one in entry.files:
            (kept / one.sha256).unlink(missing_ok=True)
    except OSError as error:
        raise CorpusError(f"{error.filename or folder}: {error.strerror}") from error
    return path


def cut(entry: CatalogueEntry, raw: Sequence[bytes]) -> str:
    """The corpus' text from its raw files, in the catalogue's order.

    Raises:
        CorpusError: a file does not hold what marks its beginning or end.
    """
    if all(not one.start for one in entry.files):
        return "".join(data.decode("utf-8") for data in raw)
    parts = [_cut_gutenberg(one, data) for one, data in zip(entry.files, raw, strict=True)]
    return "\n\n\n".join(parts) + "\n"


def _cut_gutenberg(file: RawFile, data: bytes) -> str:
    text = data.decode("latin-1").replace("\r\n", "\n").replace("\r", "\n")
    header = re.search(r"^\*\*\* ?START OF.*?\*\*\*\n", text, re.MULTILINE | re.DOTALL)
    footer = re.search(r"^\*\*\* ?END OF", text, re.MULTILINE)
    if header is None or footer is None:
        raise CorpusError(f"{file.path} has no START and END line of Project Gutenberg")
    # notes first: where a tale's title carries one, the title marks its beginning without it
    text = re.sub(r"\[Note \d+:[^\]]*\]\n?", "", text[header.end() : footer.start()])
    text = re.sub(r"\[\d+\]", "", text)
    text = re.sub(r"\[Illustration[^\]]*\]\n?", "", text)
    start = text.find(file.start)
    end = text.rfind("\n" + file.end)
    if start < 0 or end < start:
        raise CorpusError(f"{file.path} does not hold what marks its beginning and its end")
    text = re.sub(r"^ *\*(?: +\*)+ *\n+", "", text[start:end], flags=re.MULTILINE)
    text = text.replace("_", "")
    text = re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)
    return re.sub(r"\n{4,}", "\n\n\n", text).strip("\n")


def _fetch(file: RawFile, kept: Path, base_url: str, report: Report) -> bytes:
    """The raw file's bytes, from `kept` if they are there, else from the network."""
    whole = kept / file.sha256
    if whole.exists() and _sha256(data := whole.read_bytes()) == file.sha256:
        return data
    part = whole.with_suffix(".part")
    url = f"{base_url.rstrip('/')}/{file.address}"
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            _download(url, file, part, report)
            break
        except urllib.error.HTTPError as error:
            raise CorpusError(f"{url} answers {error.code} {error.reason}") from error
        except (
            urllib.error.URLError,
            http.client.HTTPException,
            ConnectionError,
            TimeoutError,
        ) as error:
            reason = getattr(error, "reason", None) or error
            if attempt == _ATTEMPTS:
                raise CorpusError(
                    f"{url} cannot be downloaded ({reason}): is there a network? What has "
                    "arrived is kept; the same command goes on from there"
                ) from error
            time.sleep(attempt)
    data = part.read_bytes()
    if (found := _sha256(data)) != file.sha256:
        part.unlink()
        raise CorpusError(
            f"{url} has the sha256 {found}, the catalogue says {file.sha256}: it is not the "
            "published file, and was thrown away"
        )
    part.replace(whole)
    return data


def _download(url: str, file: RawFile, part: Path, report: Report) -> None:
    """Append to `part` what of the file is missing there."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if have and error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # it was all there; its sum is checked next
        raise
    with response:
        resumed = response.status == http.client.PARTIAL_CONTENT
        have = have if resumed else 0
        length = response.headers.get("Content-Length")
        size = have + int(length) if length else 0
        with part.open("ab" if resumed else "wb") as target:
            while chunk := response.read(_CHUNK_BYTES):
                target.write(chunk)
                have += len(chunk)
                report(file.path, have, size)
            target.flush()
            os.fsync(target.fileno())
    if size and have < size:
        raise http.client.IncompleteRead(b"", size - have)


def _write(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def progress_line(name: str, done: int, size: int) -> None:
    """Show a download on a terminal; silent elsewhere."""
    if not sys.stderr.isatty():
        return
    share = f"{100 * done // size:3d} % of {size / 1e6:.1f} MB" if size else f"{done / 1e6:.1f} MB"
    end = "\n" if size and done >= size else ""
    sys.stderr.write(f"\r{name}: {share}{end}")
    sys.stderr.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m simpleml.corpora", description="Public-domain texts to train on."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="what there is")
    getting = commands.add_parser("get", help="download one into ML/NAME.txt")
    getting.add_argument("name")
    getting.add_argument("--folder", type=Path, default=Path("ML"), help="default ML")
    getting.add_argument("--base-url", default=BASE_URL, help="a mirror of the repositories")
    given = parser.parse_args(arguments)
    if given.command == "list":
        for entry in CATALOGUE.values():
            print(
                f"{entry.name:12} {entry.characters:>9,} characters, {entry.language}, "
                f"{entry.licence}: {entry.title} ({entry.source})"
            )
        return 0
    try:
        path = get(find(given.name), given.folder, base_url=given.base_url, report=progress_line)
    except CorpusError as error:
        print(f"error: {error.message}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on from here", file=sys.stderr)
        return 130
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
