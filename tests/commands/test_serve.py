"""`simpleml serve` is the server that gunicorn runs in a checkout, with settings as options."""

from __future__ import annotations

import signal
from pathlib import Path

import psutil
import pytest
from clients import ask
from servers import Server, free_port

from simpleml.web.classroom.lan import is_loopback, lan_address


class Served(Server):
    """`simpleml serve MODELS_DIR` with these words after it, in a folder without a checkout."""

    def __init__(self, models_dir: Path, *words: str) -> None:
        super().__init__(models_dir)
        self._env.pop("SIMPLEML_MODELS_DIR")
        self._words = words

    def _launch(self) -> None:
        port = free_port()
        self.base_url = f"http://127.0.0.1:{port}"
        self._spawn(
            ["-m", "simpleml", "serve", str(self.models_dir), *self._place(port), *self._words]
        )

    def _place(self, port: int) -> list[str]:
        return ["--host", "127.0.0.1", "--port", str(port)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_and_stops_cleanly(models_dir: Path, number: signal.Signals) -> None:
    with Served(models_dir, "--max-size", "7", "--workers", "2") as server:
        assert f"Serving {models_dir} on {server.base_url}" in server.log
        assert ask(server, "/tales/g/once/7").status == 200
        assert ask(server, "/tales/g/once/8").status == 400
        assert len(psutil.Process(server.pid).children()) == 2
        assert "tales" in ask(server, "/v1/models").text
        assert server.stop(number) == 0
        assert "Traceback" not in server.log


class ServedToAll(Served):
    """The same, listening where it does unless it is told otherwise."""

    def _place(self, port: int) -> list[str]:
        return ["--port", str(port)]


def test_it_says_what_phones_open(models_dir: Path) -> None:
    with ServedToAll(models_dir) as server:
        port = server.base_url.rpartition(":")[2]
        assert f"Serving {models_dir} on http://localhost:{port}" in server.log
        reached = f"of the same network: http://{lan_address()}:{port}" in server.log
        assert reached != is_loopback(lan_address())
