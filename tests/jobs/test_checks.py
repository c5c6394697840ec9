"""Looking at a text: what train.py --check --json says, and what the server makes of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import pytest

from simpleml.errors import CorpusError, InvalidValueError, SimpleMLError
from simpleml.jobs import process
from simpleml.jobs.check import check
from simpleml.jobs.store import JobStore
from simpleml.training.check import report


@pytest.fixture
def train() -> Any:
    """The command's module."""
    from simpleml.commands import train

    return train


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (CorpusError("the text is too short"), 1, "bad_text"),
        (RuntimeError("no memory"), 70, "unexpected"),
        (OSError("no disk"), 70, "unexpected"),
    ],
)
def test_the_command_tells_programs_whose_fault_it_was(
    train: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    status: int,
    code: str,
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(report, "check_facts", fail)
    assert train.main(["a.txt", "--check", "--json"]) == status
    told = json.loads(capsys.readouterr().out)["error"]
    assert told["code"] == code and str(error) in told["message"]


def test_an_option_out_of_bounds_is_told_and_wrong_usage_has_a_status_of_its_own(
    train: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train.main(["a.txt", "--check", "--json", "--layers", "99"]) == 1
    assert "layers 99" in json.loads(capsys.readouterr().out)["error"]["message"]
    with pytest.raises(SystemExit) as stop:
        train.main(["a.txt", "--check", "--json", "--colour", "blue"])
    assert stop.value.code == 2


BAD = json.dumps({"error": {"code": "bad_text", "message": "it is too short"}})


@pytest.mark.parametrize(
    ("output", "complaint", "code", "error", "message"),
    [
        (BAD, "", 1, InvalidValueError, "it is too short"),
        (BAD, "Traceback …", 70, SimpleMLError, "it is too short"),
        (BAD, "", 2, SimpleMLError, "it is too short"),
        ("", "train.py: looks like a refusal", 1, SimpleMLError, "status 1"),
        ("", "ImportError: numpy", 1, SimpleMLError, "status 1"),
        ("{", "", 0, SimpleMLError, "status 0"),
        ("[]", "", 0, SimpleMLError, "status 0"),
        ('{"error": 5}', "", 1, SimpleMLError, "status 1"),
        ("", "", -9, SimpleMLError, "status -9"),
    ],
)
def test_status_and_json_say_whose_fault_it_was_and_words_do_not(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    output: str,
    complaint: str,
    code: int,
    error: type[SimpleMLError],
    message: str,
) -> None:
    pretend(monkeypatch, output, complaint, code)
    with pytest.raises(error, match=message) as refused:
        check(JobStore(tmp_path, most=3), "a text", {})
    assert type(refused.value) is error


def test_facts_are_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, '{"bytes": 6}', "a warning", 0)
    store = JobStore(tmp_path, most=3)
    assert check(store, "a text", {}) == {"bytes": 6}
    assert [path.name for path in store.root.iterdir()] == [".check"]


def pretend(monkeypatch: pytest.MonkeyPatch, output: str, complaint: str, code: int) -> None:
    """Let another process say and end as given, in the place of train.py."""
    program = (
        f"import os, sys; print({output!r}, flush=True); print({complaint!r}, file=sys.stderr);"
        f"os.kill(os.getpid(), {-code}) if {code} < 0 else sys.exit({code})"
    )

    def start(
        arguments: list[str], *, output: IO[bytes], errors: IO[bytes], **_: Any
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", program], stdout=output, stderr=errors)

    monkeypatch.setattr(process, "require_training", lambda: None)
    monkeypatch.setattr(process, "start", start)
