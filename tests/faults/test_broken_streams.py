"""An error that nobody foresaw, in the middle of a stream: each interface tells of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from clients import ENDLESS_ALLOWED, running
from models import write_model
from servers import ROOT, GunicornServer
from waiting import wait_until

from simpleml.jobs.store import JobStore

CONF = ROOT / "tests" / "faults" / "broken_streams.conf.py"
MESSAGE = "Something went wrong in the server; its log says what."


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file whose being there breaks the streams."""
    return tmp_path_factory.mktemp("told") / "failing"


@pytest.fixture(scope="module")
def breaking(failing: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GunicornServer]:
    """A server with a model, and a training that waits."""
    models_dir = tmp_path_factory.mktemp("ML")
    write_model(models_dir, "tales")
    JobStore(models_dir, 5).create("waits", "once there was a king. " * 100, {}, None)
    env = {
        **ENDLESS_ALLOWED,
        "SIMPLEML_TRAINING": "1",
        "SIMPLEML_TRAINING_KEYS": "key",
        "SIMPLEML_TEST_FAILING": str(failing),
    }
    with GunicornServer(models_dir, env=env, args=["--config", str(CONF)]) as server:
        yield server


INTERFACES: dict[str, tuple[str, str, dict[str, Any] | None, str]] = {
    "original": ("GET", "/tales/g/once/10000000", None, "event: error\n"),
    "completions": (
        "POST",
        "/v1/completions",
        {"model": "tales", "prompt": "once", "max_tokens": 10**7, "stream": True},
        "",
    ),
    "chat": (
        "POST",
        "/v1/chat/completions",
        {
            "model": "tales",
            "messages": [{"role": "user", "content": "once"}],
            "max_tokens": 10**7,
            "stream": True,
        },
        "",
    ),
    "train": ("GET", "/v1/train/waits/events", None, ""),
}


@pytest.mark.parametrize("interface", INTERFACES)
def test_unexpected_error_in_a_stream_is_its_last_event(
    interface: str, breaking: GunicornServer, failing: Path
) -> None:
    method, path, body, head = INTERFACES[interface]
    headers = {"Accept": "text/event-stream", "Authorization": "Bearer key"}
    with (
        httpx.Client(base_url=breaking.base_url, timeout=60, headers=headers) as http,
        http.stream(method, path, json=body) as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["Cache-Control"] == "no-cache"
        assert answer.headers["X-Accel-Buffering"] == "no"
        pieces = answer.iter_text()
        text = next(pieces)
        assert text.startswith("data: {")
        failing.touch()
        try:
            text += "".join(pieces)  # httpx raises where the stream was cut
        finally:
            failing.unlink()
    last = text.removesuffix("\n\n").rpartition("\n\n")[2]
    assert last.startswith(f"{head}data: ")
    error = json.loads(last.removeprefix(f"{head}data: "))["error"]
    assert error == {"message": MESSAGE, "type": "server_error", "param": None, "code": "error"}
    assert "[DONE]" not in text
    assert "RuntimeError: the stream was told to fail" in breaking.log
    wait_until(lambda: running(breaking) == 0, what="the failed stream's rows are free")


def test_error_before_the_first_event_keeps_its_status(
    breaking: GunicornServer, failing: Path
) -> None:
    failing.touch()
    try:
        answer = httpx.get(
            breaking.base_url + "/tales/g/once/100",
            headers={"Accept": "text/event-stream"},
            timeout=60,
        )
    finally:
        failing.unlink()
    assert (answer.status_code, answer.text) == (500, MESSAGE + "\n")
    wait_until(lambda: running(breaking) == 0, what="the failed request's rows are free")
