"""Getting a corpus: downloaded from pinned addresses, checked, cut, written whole."""

from __future__ import annotations

import hashlib
import http.client
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from simpleml.corpora.catalogue import CatalogueEntry, RawFile
from simpleml.corpora.cutting import cut
from simpleml.errors import CorpusError
from simpleml.files import write_whole

BASE_URL = "https://raw.githubusercontent.com"
KEPT = ".corpora"
"""The folder, beside the texts, of what has arrived of one."""
_CHUNK_BYTES = 1 << 16
_ATTEMPTS = 3
_TIMEOUT_SECONDS = 30.0

Report = Callable[[str, int, int], None]
"""Called with a file's name, the bytes that are there and the bytes there will be (0: unknown)."""


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
    kept = folder / KEPT
    try:
        kept.mkdir(parents=True, exist_ok=True)
        raw = [_fetch(one, kept, base_url, report) for one in entry.files]
        data = cut(entry, raw).encode("utf-8")
        if (found := _sha256(data)) != entry.sha256:
            raise CorpusError(
                f"the text cut for {entry.name} has the sha256 {found}, the catalogue says "
                f"{entry.sha256}: this version of SimpleML cuts it differently"
            )
        write_whole(path, data)
        for one in entry.files:
            (kept / one.sha256).unlink(missing_ok=True)
    except OSError as error:
        raise CorpusError(f"{error.filename or folder}: {error.strerror}") from error
    return path


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


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
