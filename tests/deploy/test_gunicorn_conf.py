"""gunicorn.conf.py: the ways to start, the cores shared among workers, what is left behind."""

from __future__ import annotations

import http.client
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from clients import address, ask, metric, wait_until_counted
from servers import GunicornServer, Server, environment, free_port
from waiting import wait_until

from simpleml.cores import usable_cores
from simpleml.web.service import default_threads


class PlainServer(Server):
    """gunicorn started by hand: with these words after it and nothing else."""

    def __init__(self, models_dir: Path, words: Sequence[str], env: dict[str, str]) -> None:
        super().__init__(models_dir, env=env)
        self.words = list(words)

    def _launch(self) -> None:
        port = free_port()
        self._env.update(HOST="127.0.0.1", PORT=str(port))
        self.base_url = f"http://127.0.0.1:{port}"
        self._spawn(["-m", "gunicorn", *self.words])


@pytest.mark.parametrize("words", [[], ["app"], ["-t", "300", "app:app"], ["-w", "2"]])
def test_every_way_to_start_it_serves(models_dir: Path, words: list[str]) -> None:
    with PlainServer(models_dir, words, {}) as server:
        assert ask(server, "/tales/g/once/10").status == 200
        children = psutil.Process(server.pid).children()
        assert len(children) == (2 if words == ["-w", "2"] else 1)


def test_without_host_and_port_it_listens_where_the_first_program_did() -> None:
    conf = configuration({})
    assert conf["bind"] == "0.0.0.0:8280"
    assert conf["worker_class"] == "gevent"
    assert conf["preload_app"] is False
    assert conf["workers"] == 1
    assert configuration({"WEB_CONCURRENCY": "3"})["workers"] == 3
    assert configuration({"PORT": "9"})["bind"] == "0.0.0.0:9"


def test_stopping_takes_longer_than_any_request_may() -> None:
    assert configuration({})["graceful_timeout"] == 90
    assert configuration({"SIMPLEML_DEADLINE": "300"})["graceful_timeout"] == 330
    assert configuration({"SIMPLEML_DEADLINE": "soon"})["graceful_timeout"] == 90


def configuration(env: dict[str, str]) -> dict[str, Any]:
    """The names of gunicorn_conf in this environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HOST", "PORT", "WEB_CONCURRENCY", "SIMPLEML_DEADLINE"):
            patch.delenv(name, raising=False)
        for name, value in env.items():
            patch.setenv(name, value)
        return runpy.run_module("simpleml.commands.gunicorn_conf")


@pytest.mark.parametrize("workers", [1, 2, 1000])
def test_workers_share_the_cores_however_their_number_was_given(
    workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", "7")
    configuration({})["post_fork"](SimpleNamespace(num_workers=workers), None)
    assert default_threads() == max(1, usable_cores() // workers)


def test_bad_setting_stops_the_start_by_name(models_dir: Path) -> None:
    server = GunicornServer(models_dir, env={"SIMPLEML_MAX_ROWS": "many"})
    with pytest.raises(AssertionError, match="SIMPLEML_MAX_ROWS is 'many'"):
        server.start()
    assert server.process.returncode == 1
    assert "Traceback" not in server.log and server.log.count("Booting") == 0


def test_several_workers_count_together_and_leave_no_files(
    models_dir: Path, tmp_path: Path
) -> None:
    with GunicornServer(models_dir, workers=2, env={"TMPDIR": str(tmp_path)}) as server:
        for _ in range(20):
            assert ask(server, "/tales/g/once/5").status == 200
        made = list(tmp_path.glob("simpleml-metrics-*"))
        assert len(made) == 1 and list(made[0].glob("*.db"))
        wait_until_counted(server, 100)
        assert server.stop(signal.SIGTERM) == 0
        assert not list(tmp_path.glob("simpleml-*"))


def test_metrics_of_a_killed_server_go_with_the_next_start_and_no_others(
    models_dir: Path, tmp_path: Path
) -> None:
    env = {"TMPDIR": str(tmp_path)}

    def made() -> set[Path]:
        return set(tmp_path.glob("simpleml-metrics-*"))

    with GunicornServer(models_dir, workers=2, env=env) as killed:
        workers = killed.workers
        (first,) = made()
        with GunicornServer(models_dir, workers=2, env=env) as beside:
            (second,) = made() - {first}
            killed.stop(signal.SIGKILL)
            wait_until(lambda: not any(map(psutil.pid_exists, workers)), 60, "its workers end")
            with GunicornServer(models_dir, workers=2, env=env):
                assert first not in made() and second in made() and len(made()) == 2
            assert metric(beside, "simpleml_requests_running") == 0
    assert made() == set()


def test_given_metrics_folder_is_emptied_of_an_earlier_start(
    models_dir: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "metrics"
    env = {"PROMETHEUS_MULTIPROC_DIR": str(folder)}
    for _ in range(2):
        with GunicornServer(models_dir, workers=2, env=env) as server:
            assert ask(server, "/tales/g/once/5").status == 200
            wait_until_counted(server, 5)
            assert server.stop(signal.SIGTERM) == 0
        assert folder.is_dir()


def test_the_gauges_of_a_worker_that_is_gone_go_without_an_import(tmp_path: Path) -> None:
    """gunicorn 23 reaps in a signal handler: a second worker's end would find half a module."""
    left = {"counter_7.db", "histogram_7.db", "gauge_livesum_77.db", "gauge_all_7.db"}
    for name in left | {"gauge_livesum_7.db", "gauge_livemax_7.db"}:
        (tmp_path / name).write_bytes(b"")
    code = (
        "import sys; from types import SimpleNamespace\n"
        "from simpleml.commands import gunicorn_conf\n"
        "before = set(sys.modules); gunicorn_conf.child_exit(None, SimpleNamespace(pid=7))\n"
        "print(set(sys.modules) - before)"
    )
    env = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    told = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert told.stdout == "set()\n", told.stdout + told.stderr
    assert {path.name for path in tmp_path.iterdir()} == left


@contextmanager
def idle_connections(server: Server, count: int) -> Iterator[list[http.client.HTTPConnection]]:
    """Clients that have asked once and keep their connection."""
    held = [http.client.HTTPConnection(*address(server), timeout=60) for _ in range(count)]
    try:
        for one in held:
            assert ask(server, "/livez", connection=one).status == 200
        yield held
    finally:
        for one in held:
            one.close()


def test_a_thousand_idle_connections_are_served_beside_the_others(models_dir: Path) -> None:
    raise_limit = (
        "import resource, os, sys; "
        "resource.setrlimit(resource.RLIMIT_NOFILE, "
        "(1024, resource.getrlimit(resource.RLIMIT_NOFILE)[1])); "
        "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    )

    class FewFiles(GunicornServer):
        """Started as most systems start programs: with 1,024 files allowed."""

        def _spawn(self, command: Sequence[str], pass_fds: Sequence[int] = ()) -> None:
            super()._spawn(["-c", raise_limit, *command], pass_fds)

    with FewFiles(models_dir) as server:
        ask(server, "/tales/g/once/10")
        (pid,) = server.workers
        before = psutil.Process(pid).memory_info().rss
        with idle_connections(server, 1000) as held:
            assert psutil.Process(pid).num_fds() > 1000
            assert psutil.Process(pid).memory_info().rss - before < 100e6
            assert ask(server, "/tales/g/once/10").status == 200
            assert ask(server, "/tales/g/once/10", connection=held[500]).status == 200


def test_idle_worker_does_next_to_nothing(models_dir: Path) -> None:
    with GunicornServer(models_dir) as server:
        ask(server, "/tales/g/once/10")
        (pid,) = server.workers
        worker = psutil.Process(pid)
        wait_until(lambda: not worker.net_connections("tcp")[1:], what="only the listener is open")
        used, woken = sum(worker.cpu_times()[:2]), worker.num_ctx_switches().voluntary
        # an hour of nothing, in the time that a neighbour takes for half a second of work
        subprocess.run(
            [sys.executable, "-c", "sum(i * i for i in range(8_000_000))"],
            check=True,
            env=environment(models_dir),
        )
        assert sum(worker.cpu_times()[:2]) - used < 0.1
        assert worker.num_ctx_switches().voluntary - woken < 2000
