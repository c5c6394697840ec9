"""Corpora are downloaded from pinned addresses, checked, cut and written whole, or not at all.

A real HTTP server on this machine plays the repositories.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mirror import TEXT, Mirror, entry

from simpleml.commands.corpora import main
from simpleml.corpora import CATALOGUE, fetching, find, get
from simpleml.errors import CorpusError


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    made = Mirror()
    yield made
    made.close()


def left_behind(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_corpus_is_downloaded_checked_and_written(mirror: Mirror, tmp_path: Path) -> None:
    mirror.files["made.txt"] = TEXT
    told: list[tuple[str, int, int]] = []
    path = get(entry(), tmp_path, base_url=mirror.url, report=lambda *one: told.append(one))
    assert path.read_bytes() == TEXT
    assert left_behind(tmp_path) == ["made.txt"]
    assert told[-1] == ("made.txt", len(TEXT), len(TEXT))


def test_a_text_that_is_there_already_is_not_downloaded_again(
    mirror: Mirror, tmp_path: Path
) -> None:
    (tmp_path / "made.txt").write_bytes(TEXT)
    assert get(entry(), tmp_path, base_url=mirror.url) == tmp_path / "made.txt"
    assert mirror.ranges == []


def test_another_text_of_that_name_is_left_alone_and_named(mirror: Mirror, tmp_path: Path) -> None:
    (tmp_path / "made.txt").write_bytes(b"mine")
    with pytest.raises(CorpusError, match=r"made\.txt is there but is not the catalogue's"):
        get(entry(), tmp_path, base_url=mirror.url)
    assert (tmp_path / "made.txt").read_bytes() == b"mine"


def test_a_cut_connection_is_gone_on_with_where_it_stopped(mirror: Mirror, tmp_path: Path) -> None:
    mirror.files["made.txt"] = TEXT
    mirror.cut_after = 70_000
    assert get(entry(), tmp_path, base_url=mirror.url).read_bytes() == TEXT
    assert mirror.ranges == [None, "bytes=70000-"]


def test_what_an_earlier_run_got_is_kept(mirror: Mirror, tmp_path: Path) -> None:
    mirror.files["made.txt"] = TEXT
    one = entry()
    kept = tmp_path / ".corpora"
    kept.mkdir()
    (kept / f"{one.files[0].sha256}.part").write_bytes(TEXT[:1000])
    assert get(one, tmp_path, base_url=mirror.url).read_bytes() == TEXT
    assert mirror.ranges == ["bytes=1000-"]


def test_a_wrong_sum_is_said_and_nothing_is_left(mirror: Mirror, tmp_path: Path) -> None:
    mirror.files["made.txt"] = TEXT.replace(b"small", b"large")
    with pytest.raises(CorpusError, match=r"sha256 .* the catalogue says"):
        get(entry(), tmp_path, base_url=mirror.url)
    assert left_behind(tmp_path) == []


def test_a_missing_file_is_said_with_its_address(mirror: Mirror, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"someone/texts/0+/made\.txt answers 404"):
        get(entry(), tmp_path, base_url=mirror.url)


def test_without_a_network_the_error_says_so(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simpleml.corpora.download._ATTEMPTS", 1)
    mirror.server.server_close()
    with pytest.raises(CorpusError, match="is there a network"):
        get(entry(), tmp_path, base_url=mirror.url)
    assert not (tmp_path / "made.txt").exists()


def test_a_full_disk_leaves_no_text(mirror: Mirror, tmp_path: Path) -> None:
    mirror.files["made.txt"] = TEXT
    limited = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (50000, 50000));"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "sys.path.insert(0, sys.argv[1]); sys.path.insert(0, sys.argv[1] + '/tests');"
        "from mirror import entry; from simpleml.corpora import get;"
        "get(entry(), sys.argv[2], base_url=sys.argv[3])"
    )
    root = Path(__file__).parents[1]
    run = subprocess.run(
        [sys.executable, "-c", limited, str(root), str(tmp_path), mirror.url],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1
    assert "CorpusError" in run.stderr
    assert "File too large" in run.stderr
    assert not (tmp_path / "made.txt").exists()


def test_a_fetch_that_ends_while_one_asks_is_told_as_it_ended(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_held = fetching._is_held

    def ended_then(lock: Path) -> bool:
        fetch = fetching.begin(entry(), tmp_path, mirror.url)
        assert fetch is not None
        fetch()
        return is_held(lock)

    monkeypatch.setattr(fetching, "_is_held", ended_then)
    failed = fetching.standing(entry(), tmp_path)
    assert failed.state == "failed" and "made.txt" in failed.error
    mirror.files["made.txt"] = TEXT
    assert fetching.standing(entry(), tmp_path).state == "here"


def test_an_unknown_name_lists_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["get", "moby"]) == 1
    assert "available: contes, english, francais, shakespeare, sherlock" in capsys.readouterr().err


def test_the_catalogue_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in CATALOGUE)


def test_every_pinned_address_is_complete() -> None:
    for one in CATALOGUE.values():
        assert len(one.sha256) == 64
        for file in one.files:
            assert len(file.commit) == 40
            assert len(file.sha256) == 64


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sherlock", "contes"])
def test_the_published_files_are_cut_to_the_catalogues_text(
    name: str, mirror: Mirror, tmp_path: Path, shared: Path
) -> None:
    for file in find(name).files:
        mirror.files[file.path] = (shared / "data" / "raw" / file.path).read_bytes()
    path = get(find(name), tmp_path, base_url=mirror.url)
    assert len(path.read_text(encoding="utf-8")) == find(name).characters
    assert os.listdir(tmp_path / ".corpora") == []
