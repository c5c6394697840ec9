"""`simpleml class`: what a teacher types, and what the terminal then shows."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import psutil
import pytest
from clients import ask
from models import write_model
from needs import needs_training
from servers import GunicornServer, Server, free_port
from waiting import wait_until

from simpleml.commands.program import main
from simpleml.jobs.store import JobStore
from simpleml.web.classroom.lan import is_loopback, lan_address
from simpleml.web.classroom.store import ClassStore


class Class(Server):
    """`simpleml class MODELS_DIR` with these words after it."""

    def __init__(self, models_dir: Path, *words: str) -> None:
        super().__init__(models_dir, env={"PYTHONIOENCODING": "utf-8"})
        self._env.pop("SIMPLEML_MODELS_DIR")
        self._words = words

    def _launch(self) -> None:
        port = free_port()
        self.base_url = f"http://127.0.0.1:{port}"
        place = ["--port", str(port), *self._words]
        self._spawn(["-m", "simpleml", "class", str(self.models_dir), *place])


def test_it_prints_both_links_and_a_qr_code_and_serves_the_class(tmp_path: Path) -> None:
    write_model(tmp_path, "tales")
    with Class(tmp_path, "--address", "atelier.lan", "--class-running", "3") as server:
        keys = ClassStore(tmp_path).open()
        port = server.base_url.rpartition(":")[2]
        page = f"http://atelier.lan:{port}/class"
        assert re.search(rf"Pupils: +{re.escape(page)}#k={keys.pupils}\n", server.log)
        assert re.search(rf"You: +{re.escape(page)}#k={keys.teacher}\n", server.log)
        assert "\u2580" in server.log, "the code is of block letters"
        about = ask(server, "/api/class", headers={"X-API-Key": keys.pupils})
        assert about.status == 200
        assert '"running":3' in about.text
        assert ask(server, "/class", headers={"Accept": "text/html"}).status == 200
        assert ask(server, "/tales/g/once/7").status == 401
        assert server.stop(signal.SIGINT) == 0


def test_new_keys_end_earlier_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("simpleml.commands.serve.run", lambda *given, **settings: None)
    before = ClassStore(tmp_path).open()
    assert main(["class", str(tmp_path)]) == 0
    assert ClassStore(tmp_path).open() == before
    assert main(["class", str(tmp_path), "--new-keys"]) == 0
    assert ClassStore(tmp_path).open().pupils != before.pupils
    assert before.pupils not in capsys.readouterr().out.rpartition("The class is open.")[2]


def test_the_address_is_one_that_others_reach_where_there_is_a_network() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+\.\d+", lan_address())
    for host in ("localhost", "127.0.0.1", "[::1]", "127.3.2.1"):
        assert is_loopback(host)
    for host in ("192.168.1.7", "atelier.lan", "[fe80::1]"):
        assert not is_loopback(host)


@needs_training
@pytest.mark.parametrize("in_class", [True, False])
def test_a_training_takes_what_is_left_but_in_a_class_has_a_part_of_its_own(
    tmp_path: Path, in_class: bool
) -> None:
    trains = {"SIMPLEML_TRAINING": "1"}
    with Class(tmp_path) if in_class else GunicornServer(tmp_path, env=trains) as server:
        headers = {"Content-Type": "application/json"}
        if in_class:
            headers["X-API-Key"] = ClassStore(tmp_path).open().pupils
        body = {"name": "mine", "text": "once upon a time " * 1000, "epochs": 1000}
        assert ask(server, "/v1/train", body, headers).status == 202, server.log
        wait_until(lambda: JobStore(tmp_path, 1).is_training("mine"), 60, "its process is there")
        [child] = [
            one.pid
            for one in psutil.Process(server.pid).children(recursive=True)
            if "simpleml.jobs.child" in one.cmdline()
        ]
        assert os.getpriority(os.PRIO_PROCESS, child) > os.getpriority(os.PRIO_PROCESS, 0)
        assert (os.sched_getscheduler(child) == os.SCHED_IDLE) is not in_class
