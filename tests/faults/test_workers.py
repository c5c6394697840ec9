"""Workers that are killed or stopped while they generate."""

from __future__ import annotations

import http.client
import os
import signal
from pathlib import Path

import psutil
from clients import (
    ENDLESS_ALLOWED,
    Answer,
    Asked,
    Stream,
    ask,
    metric,
    running,
    streams,
    wait_until_counted,
)
from servers import GunicornServer
from waiting import wait_until

SIZE = 2000
PATH = f"/tales/g/once/{SIZE}"
LENGTH = len("once") + SIZE


def client_ports(worker: int) -> set[int]:
    """Local ports of the clients whose connections this worker holds."""
    return {
        connection.raddr.port
        for connection in psutil.Process(worker).net_connections("tcp")
        if connection.status == psutil.CONN_ESTABLISHED and connection.raddr
    }


def test_killed_worker_costs_only_what_it_was_running_and_is_replaced(models_dir: Path) -> None:
    with GunicornServer(models_dir, workers=2, env=ENDLESS_ALLOWED) as server:
        wait_until(lambda: len(server.workers) == 2, what="both workers run")
        first, second = server.workers
        asked: list[Asked] = []

        def both_have_clients() -> bool:
            asked.append(Asked(server, f"/tales/g/once/{10 * SIZE}?random_state={len(asked)}"))
            ports = {one.local_port for one in asked if one.is_alive()}
            return all(len(client_ports(pid) & ports) >= 3 for pid in (first, second))

        wait_until(both_have_clients, what="both workers have three clients", every=0.02)
        os.kill(first, signal.SIGSTOP)  # so that nothing ends between looking and killing
        lost = client_ports(first)
        os.kill(first, signal.SIGKILL)
        results = {one.local_port: one.result() for one in asked}
        for port, result in results.items():
            if port in lost:
                assert not isinstance(result, Answer) or result.status == 200
            else:
                assert isinstance(result, Answer), result
                assert result.status == 200
                assert len(result.text) == len("once") + 10 * SIZE
        assert any(not isinstance(result, Answer) for result in results.values())
        wait_until(lambda: len(server.workers) == 2, what="the worker is replaced")
        assert first not in server.workers
        for _ in range(10):
            assert ask(server, "/tales/g/once/20").status == 200


def test_killed_master_costs_nothing_that_runs(models_dir: Path) -> None:
    with GunicornServer(models_dir, workers=2, env=ENDLESS_ALLOWED) as server:
        wait_until(lambda: len(server.workers) == 2, what="both workers run")
        workers = server.workers
        # Not over in the second after which a worker looks for its master.
        path = f"/tales/g/once/{20 * SIZE}"
        with streams(server, [f"{path}?random_state={number}" for number in range(8)]) as opened:
            server.stop(signal.SIGKILL)
            for stream in opened:
                assert len(stream.read_all()) == len("once") + 20 * SIZE
        wait_until(lambda: not any(map(psutil.pid_exists, workers)), 60, "the workers end")
        assert server.log.count("The master is gone") == 2
        assert "terminate called" not in server.log


def test_gauges_of_a_killed_worker_vanish(models_dir: Path) -> None:
    with GunicornServer(models_dir, workers=2, env=ENDLESS_ALLOWED) as server:
        with streams(server, ["/tales/g/once/10000000"] * 3):
            wait_until(lambda: running(server) == 3, what="three requests run")
            for worker in server.workers:
                if client_ports(worker):
                    os.kill(worker, signal.SIGKILL)
        wait_until(lambda: running(server) == 0, what="nothing runs")
        wait_until(lambda: len(server.workers) == 2, what="the workers are replaced")
        assert ask(server, "/tales/g/once/20").status == 200


def test_stopping_server_finishes_what_runs_and_takes_no_more(models_dir: Path) -> None:
    env = {"SIMPLEML_DEADLINE": "600", "SIMPLEML_MAX_SIZE": "100000"}
    with GunicornServer(models_dir, env=env) as server:
        whole = [Asked(server, f"{PATH}0?random_state={number}") for number in range(8)]
        parts = [Stream(server, f"{PATH}0?random_state={number}") for number in range(8)]
        for one in parts:
            one.read_first()
        wait_until(
            lambda: running(server) == 16 or not all(one.is_alive() for one in whole),
            what="all sixteen run",
        )
        late = http.client.HTTPConnection(server.base_url.partition("//")[2], timeout=60)
        ask(server, "/livez", connection=late)
        server.send_signal(signal.SIGTERM)
        refused = wait_until(lambda: _refusal(server, late), what="readyz says 503 or nothing")
        assert refused == "closed" or "stopping" in refused
        for asked, stream in zip(whole, parts, strict=True):
            answer = asked.answer()
            assert answer.status == 200
            assert len(answer.text) == len("once") + 10 * SIZE
            assert stream.read_all() == answer.text
        assert server.process.wait(60) == 0


def _refusal(server: GunicornServer, connection: http.client.HTTPConnection) -> str:
    """What a server says that takes no more: the reasons of readyz, or no answer at all."""
    try:
        answer = ask(server, "/readyz", connection=connection)
    except (OSError, http.client.HTTPException):
        return "closed"
    return answer.text if answer.status == 503 else ""


def test_generation_asked_of_a_stopping_server_is_refused_at_once(models_dir: Path) -> None:
    with GunicornServer(models_dir, env=ENDLESS_ALLOWED) as server:
        with streams(server, ["/tales/g/once/10000000"]):
            connections = []
            for _ in range(20):  # opened before, as those of a proxy are
                one = http.client.HTTPConnection(server.base_url.partition("//")[2], timeout=60)
                ask(server, "/livez", connection=one)
                connections.append(one)
            (worker,) = server.workers
            os.kill(worker, signal.SIGTERM)
            refused = None
            for one in connections:
                try:
                    answer = ask(server, "/tales/g/once/5", connection=one)
                except (OSError, http.client.HTTPException):
                    break
                if answer.status == 503:
                    refused = answer
                    break
                assert answer.status == 200
            if refused is not None:
                assert 1 <= int(refused.headers["Retry-After"]) <= 120
        wait_until(lambda: worker not in server.workers, what="the worker has ended")
        wait_until(lambda: ask(server, "/tales/g/once/5").status == 200, what="a new one answers")


def test_idle_connections_do_not_delay_the_stop(models_dir: Path) -> None:
    with GunicornServer(models_dir) as server:
        connection = http.client.HTTPConnection(server.base_url.partition("//")[2], timeout=60)
        ask(server, "/livez", connection=connection)
        # keepalive is 75 s: were the server to wait for this connection, this would time out
        assert server.stop(signal.SIGTERM, seconds=30) == 0
        connection.close()


def test_interrupted_server_ends_although_texts_run(models_dir: Path) -> None:
    for number in (signal.SIGINT, signal.SIGQUIT):
        with GunicornServer(models_dir, env=ENDLESS_ALLOWED) as server:
            with streams(server, ["/tales/g/once/10000000"] * 4):
                assert server.stop(number, seconds=30) == 0
            assert "Traceback" not in server.log
            assert "SIGABRT" not in server.log and "SIGSEGV" not in server.log


def test_requests_of_all_workers_are_counted_after_one_died(models_dir: Path) -> None:
    with GunicornServer(models_dir, workers=2) as server:
        for _ in range(10):
            assert ask(server, "/tales/g/once/5").status == 200
        before = 50
        wait_until_counted(server, before)
        killed = server.workers[0]
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: killed not in server.workers and len(server.workers) == 2)
        after = wait_until(lambda: metric(server, "simpleml_generated_characters_total"))
        assert after == before
