"""deploy/nginx.conf with a real nginx before two real servers."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from clients import ENDLESS_ALLOWED, PATIENCE, Answer, address, ask, running
from servers import ROOT, GunicornServer
from waiting import wait_until

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
FOREVER = "/tales/g/once/10000000?stream=1"


class ByNginx(http.client.HTTPConnection):
    """A connection to nginx, which listens on a socket in the file system: no port is chosen."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(str(self._path))


def configure(folder: Path, servers: Sequence[GunicornServer]) -> list[str]:
    """The example, with these servers, in a configuration that needs nothing outside `folder`."""
    example = (ROOT / "deploy" / "nginx.conf").read_text()
    assert example.count("listen 80;") == 1
    example = example.replace("listen 80;", f"listen unix:{folder}/nginx.sock;")
    line = "    server 127.0.0.1:8280 max_fails=1 fail_timeout=5s;\n"
    assert line in example
    lines = [line.replace("127.0.0.1:8280", "{}:{}".format(*address(one))) for one in servers]
    (folder / "simpleml.conf").write_text(example.replace(line, "".join(lines) or line))
    places = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "main.conf").write_text(
        ("user root;\n" if os.getuid() == 0 else "")
        + f"daemon off;\nworker_processes 1;\npid {folder}/pid;\nerror_log {folder}/log;\n"
        "events { worker_connections 1024; }\n"
        f"http {{\naccess_log off;\n{places}include {folder}/simpleml.conf;\n}}\n"
    )
    assert NGINX is not None
    return [NGINX, "-p", str(folder), "-c", str(folder / "main.conf")]


@contextmanager
def nginx(folder: Path, servers: Sequence[GunicornServer]) -> Iterator[Path]:
    """nginx before these servers; gives its socket."""
    process = subprocess.Popen(configure(folder, servers), stderr=subprocess.DEVNULL)
    try:
        path = folder / "nginx.sock"
        wait_until(lambda: ask(servers[0], "/livez", connection=ByNginx(path)).status == 200)
        yield path
    finally:
        process.terminate()
        process.wait()


def test_example_is_valid(tmp_path: Path) -> None:
    checked = subprocess.run([*configure(tmp_path, []), "-t"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    assert "warn" not in checked.stderr


def test_paths_bodies_and_streams_pass_unharmed(models_dir: Path, tmp_path: Path) -> None:
    with (
        GunicornServer(models_dir, env=ENDLESS_ALLOWED) as server,
        nginx(tmp_path, [server]) as path,
    ):
        for target in (
            "/tales/g/a%2Fb%20%3F/20?random_state=1",
            "/tales/g//a//b/20?random_state=1",
            "/tales/g/%C3%A9t%C3%A9%0A/20?random_state=1",
            "/tales/g/" + "once%20" * 1000 + "/20?random_state=1",
        ):
            direct, proxied = ask(server, target), ask(server, target, connection=ByNginx(path))
            assert direct.status == 200
            assert (proxied.status, proxied.text) == (direct.status, direct.text)
        large = {"seed": "a" * 90_000, "size": 20, "random_state": 1}
        direct = ask(server, "/tales", large)
        assert ask(server, "/tales", large, connection=ByNginx(path)).text == direct.text
        stream = ByNginx(path)
        stream.request("GET", FOREVER)
        response = stream.getresponse()
        # it has no end, so what comes has not waited for the end
        assert len(response.read(200)) == 200
        stream.close()
        response.close()
        wait_until(lambda: running(server) == 0, what="the client's leaving reached the server")


def test_either_server_gives_the_same_text(models_dir: Path, tmp_path: Path) -> None:
    with (
        GunicornServer(models_dir) as one,
        GunicornServer(models_dir) as other,
        nginx(tmp_path, [one, other]) as path,
    ):
        for number in range(20):
            target = f"/tales/g/once/50?random_state={number}"
            body = {"model": "flow", "prompt": "once", "max_tokens": 50, "seed": number}
            texts = {ask(one, target).text, ask(other, target).text}
            texts |= {ask(one, target, connection=ByNginx(path)).text for _ in range(3)}
            assert len(texts) == 1
            answers = [
                ask(one, "/v1/completions", body),
                ask(other, "/v1/completions", body),
                ask(one, "/v1/completions", body, connection=ByNginx(path)),
            ]
            choices = {answer.text.partition('"choices"')[2] for answer in answers}
            assert len(choices) == 1


def test_killed_server_costs_only_what_it_was_streaming(models_dir: Path, tmp_path: Path) -> None:
    with (
        GunicornServer(models_dir, env=ENDLESS_ALLOWED) as doomed,
        GunicornServer(models_dir, env=ENDLESS_ALLOWED) as other,
        nginx(tmp_path, [doomed, other]) as path,
    ):
        streams: dict[GunicornServer, list[http.client.HTTPResponse]] = {doomed: [], other: []}
        connections = []
        for number in range(6):
            connections.append(ByNginx(path))
            connections[-1].request("GET", FOREVER)
            response = connections[-1].getresponse()
            assert response.read(10)
            at_doomed = running(doomed) > len(streams[doomed])
            streams[doomed if at_doomed else other].append(response)
            assert running(doomed) + running(other) == number + 1
        assert len(streams[doomed]) == len(streams[other]) == 3

        targets = [f"/tales/g/once/2000?random_state={number}" for number in range(12)]
        answers: list[Answer | None] = [None] * len(targets)

        def client(number: int) -> None:
            answers[number] = ask(other, targets[number], connection=ByNginx(path))

        threads = [threading.Thread(target=client, args=(n,)) for n in range(len(targets))]
        for thread in threads:
            thread.start()
        wait_until(lambda: running(doomed) > 3, what="both servers generate whole texts")
        os.killpg(doomed.pid, signal.SIGKILL)
        for thread in threads:
            thread.join(PATIENCE)
        # texts of which the client had got nothing were made by the other server: the same ones
        for target, answer in zip(targets, answers, strict=True):
            assert answer is not None and answer.status == 200
            assert answer.text == ask(other, target).text

        for response in streams[other]:
            assert response.read(10)
        assert running(other) == 3
        for response in streams[doomed]:
            with pytest.raises((http.client.IncompleteRead, ConnectionError)):
                response.read()
        for connection in connections:
            connection.close()
        for number in range(10):
            target = f"/tales/g/once/20?random_state={number}"
            assert ask(other, target, connection=ByNginx(path)).status == 200
