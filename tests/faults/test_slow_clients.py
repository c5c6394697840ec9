"""Clients that leave, or take their time, must not cost the others anything."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path

import httpx
from clients import ENDLESS_ALLOWED, PATIENCE, Stream, address, ask, running, streams
from servers import GunicornServer
from waiting import wait_until

FOREVER = "/tales/g/once/10000000"


def test_client_that_leaves_mid_stream_frees_its_rows(models_dir: Path) -> None:
    env = {**ENDLESS_ALLOWED, "SIMPLEML_MAX_ROWS": "4", "SIMPLEML_MAX_WAITING": "8"}
    with GunicornServer(models_dir, env=env) as server:
        for _ in range(5):
            with streams(server, [FOREVER] * 4):
                wait_until(lambda: running(server) == 4, what="four run")
            # all places were taken for good, had they not been freed
            assert ask(server, "/tales/g/once/20").status == 200
        wait_until(lambda: running(server) == 0, what="nothing runs any more")


def test_client_that_leaves_a_score_frees_its_rows(models_dir: Path) -> None:
    env = {"SIMPLEML_MAX_SEED": "9000000", "SIMPLEML_MAX_BODY": "9000000"}
    with GunicornServer(models_dir, env={**ENDLESS_ALLOWED, **env}) as server:
        asked = {"text": "once " * 1_500_000, "models": "tales"}
        with httpx.stream(
            "POST", f"{server.base_url}/v1/score", json=asked, timeout=PATIENCE,
            headers={"Accept": "text/event-stream"},
        ) as answer:  # fmt: skip
            assert next(answer.iter_lines()) == "event: progress"
            assert running(server) == 1
            assert ask(server, "/tales/g/once/20").status == 200
        wait_until(lambda: running(server) == 0, what="nothing runs any more")


def test_client_that_leaves_while_waiting_is_forgotten(models_dir: Path) -> None:
    env = {**ENDLESS_ALLOWED, "SIMPLEML_MAX_ROWS": "1", "SIMPLEML_DEADLINE": "2"}
    with GunicornServer(models_dir, env=env) as server:
        with streams(server, [FOREVER]):
            waiting = [Stream(server, FOREVER) for _ in range(3)]
            for one in waiting:
                one.close()
        # whoever waited without being there has gone by its deadline at the latest
        assert ask(server, "/tales/g/once/20").status in (200, 504)
        wait_until(lambda: running(server) == 0, what="nothing runs any more")
        wait_until(lambda: ask(server, "/tales/g/once/20").status == 200, what="it serves on")


def test_client_that_reads_byte_by_byte_holds_nobody_up(models_dir: Path) -> None:
    with GunicornServer(models_dir, env=ENDLESS_ALLOWED) as server:
        slow = Stream(server, FOREVER, receive_buffer=1024)
        try:
            slow.read_first()
            for number in range(50):
                assert slow.read(1)
                answer = ask(server, f"/tales/g/once/50?random_state={number}")
                assert answer.status == 200 and len(answer.text) == 54
        finally:
            slow.close()
        wait_until(lambda: running(server) == 0, what="nothing runs any more")


def test_client_that_reads_slowly_gets_the_whole_text(models_dir: Path) -> None:
    with GunicornServer(models_dir) as server:
        path = "/tales/g/once/5000?random_state=3"
        slow = Stream(server, path, receive_buffer=1024)
        for _ in range(200):
            slow.read(1)
        assert slow.read_all() == ask(server, path).text


def test_body_sent_byte_by_byte_is_cut_off_and_holds_nobody_up(models_dir: Path) -> None:
    env = {"SIMPLEML_BODY_TIMEOUT": "2"}
    with GunicornServer(models_dir, env=env) as server:
        body = json.dumps({"seed": "once " * 1000, "size": 5}).encode()
        slow = socket.create_connection(address(server), timeout=PATIENCE)
        slow.sendall(
            b"POST /tales HTTP/1.1\r\nHost: localhost\r\n"
            + f"Content-Length: {len(body)}\r\n\r\n".encode()
        )
        slow.setblocking(False)
        sent, answer = 0, b""
        give_up = time.monotonic() + PATIENCE
        while not answer:
            assert time.monotonic() < give_up, "the slow body is still being read"
            if sent < len(body) - 1:
                slow.send(body[sent : sent + 1])
                sent += 1
            assert ask(server, "/tales/g/once/10").status == 200
            try:
                answer = slow.recv(4096)
            except BlockingIOError:
                continue
        slow.close()
        assert answer.startswith(b"HTTP/1.1 408"), answer
        wait_until(lambda: running(server) == 0, what="nothing runs any more")


def test_body_sent_in_pieces_within_the_time_is_answered(models_dir: Path) -> None:
    with GunicornServer(models_dir) as server:
        body = json.dumps({"seed": "once", "size": 5}).encode()
        slow = socket.create_connection(address(server), timeout=PATIENCE)
        slow.sendall(
            b"POST /tales HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            + f"Content-Length: {len(body)}\r\n\r\n".encode()
        )
        for position in range(len(body)):
            slow.sendall(body[position : position + 1])
            assert ask(server, "/livez").status == 200
        answer = b""
        while data := slow.recv(4096):
            answer += data
        assert answer.startswith(b"HTTP/1.1 200"), answer
