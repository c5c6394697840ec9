"""deploy/nginx.conf and deploy/haproxy.cfg: the real proxies before two real servers."""

from __future__ import annotations

import csv
import http.client
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from clients import ENDLESS_ALLOWED, PATIENCE, Answer, address, ask, metric, running
from servers import ROOT, GunicornServer, Server
from waiting import wait_until

FOREVER = "/tales/g/once/10000000?stream=1"
SOCKET = "proxy.sock"
STATS = "stats.sock"


class Proxied(http.client.HTTPConnection):
    """A connection to a proxy, which listens on a socket in the file system: no port is chosen."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(str(self._path))


def _replaced(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, old
    return text.replace(old, new)


def _nginx(program: str, folder: Path, servers: Sequence[GunicornServer]) -> list[str]:
    """The example, with these servers, in a configuration that needs nothing outside `folder`."""
    example = (ROOT / "deploy" / "nginx.conf").read_text()
    example = _replaced(example, "listen 80;", f"listen unix:{folder}/{SOCKET};")
    line = "    server 127.0.0.1:8280 max_fails=1 fail_timeout=5s;\n"
    lines = [line.replace("127.0.0.1:8280", "{}:{}".format(*address(one))) for one in servers]
    (folder / "simpleml.conf").write_text(_replaced(example, line, "".join(lines) or line))
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
    return [program, "-p", str(folder), "-c", str(folder / "main.conf")]


def _haproxy(program: str, folder: Path, servers: Sequence[GunicornServer]) -> list[str]:
    """The example, with these servers."""
    example = (ROOT / "deploy" / "haproxy.cfg").read_text()
    example = _replaced(example, "bind :80", f"bind unix@{folder}/{SOCKET}")
    line = "    server one 127.0.0.1:8280\n"
    lines = [
        line.replace("one 127.0.0.1:8280", "s{} {}:{}".format(number, *address(server)))
        for number, server in enumerate(servers)
    ]
    example = _replaced(example, "global\n", f"global\n    stats socket {folder}/{STATS}\n")
    (folder / "haproxy.cfg").write_text(_replaced(example, line, "".join(lines) or line))
    return [program, "-db", "-f", str(folder / "haproxy.cfg")]


@dataclass(frozen=True)
class Proxy:
    """A proxy, how its example is made to run in a folder, and what checks the example."""

    name: str
    configure: Callable[[str, Path, Sequence[GunicornServer]], list[str]]
    check: str

    def command(self, folder: Path, servers: Sequence[GunicornServer]) -> list[str]:
        program = shutil.which(self.name) or shutil.which(
            self.name, path="/usr/sbin:/usr/local/sbin"
        )
        if program is None:
            pytest.skip(f"{self.name} is not installed")
        return self.configure(program, folder, servers)


@pytest.fixture(
    params=[Proxy("nginx", _nginx, "-t"), Proxy("haproxy", _haproxy, "-c")],
    ids=lambda proxy: proxy.name,
)
def proxy(request: pytest.FixtureRequest) -> Proxy:
    one: Proxy = request.param
    return one


HAPROXY = Proxy("haproxy", _haproxy, "-c")


@contextmanager
def before(proxy: Proxy, folder: Path, servers: Sequence[GunicornServer]) -> Iterator[Path]:
    """The proxy before these servers; gives its socket."""
    process = subprocess.Popen(proxy.command(folder, servers), stderr=subprocess.DEVNULL)
    try:
        path = folder / SOCKET

        def answers() -> bool:
            try:
                return ask(servers[0], "/livez", connection=Proxied(path)).status == 200
            except (OSError, http.client.HTTPException):
                return False

        wait_until(answers, what=f"{proxy.name} answers")
        yield path
    finally:
        process.terminate()
        process.wait()


def test_example_is_valid(proxy: Proxy, tmp_path: Path) -> None:
    checked = subprocess.run(
        [*proxy.command(tmp_path, []), proxy.check], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stderr
    assert "warn" not in checked.stderr.lower()


def test_paths_bodies_and_streams_pass_unharmed(
    proxy: Proxy, models_dir: Path, tmp_path: Path
) -> None:
    with (
        GunicornServer(models_dir, env=ENDLESS_ALLOWED) as server,
        before(proxy, tmp_path, [server]) as path,
    ):
        for target in (
            "/tales/g/a%2Fb%20%3F/20?random_state=1",
            "/tales/g//a//b/20?random_state=1",
            "/tales/g/%C3%A9t%C3%A9%0A/20?random_state=1",
            "/tales/g/" + "once%20" * 1000 + "/20?random_state=1",
        ):
            direct, proxied = ask(server, target), ask(server, target, connection=Proxied(path))
            assert direct.status == 200
            assert (proxied.status, proxied.text) == (direct.status, direct.text)
        large = {"seed": "a" * 90_000, "size": 20, "random_state": 1}
        direct = ask(server, "/tales", large)
        assert ask(server, "/tales", large, connection=Proxied(path)).text == direct.text
        stream = Proxied(path)
        stream.request("GET", FOREVER)
        response = stream.getresponse()
        # it has no end, so what comes has not waited for the end
        assert len(response.read(200)) == 200
        stream.close()
        response.close()
        wait_until(lambda: running(server) == 0, what="the client's leaving reached the server")


def test_texts_to_train_on_and_models_may_be_large(
    proxy: Proxy, models_dir: Path, tmp_path: Path
) -> None:
    env = {"SIMPLEML_TRAINING": "1", "SIMPLEML_TRAINING_KEYS": "train"}
    large = b"once upon a time " * 200_000  # 3.4 MB
    with GunicornServer(models_dir, env=env) as server, before(proxy, tmp_path, [server]) as path:

        def send(target: str, **headers: str) -> tuple[int, str]:
            connection = Proxied(path)
            key = {"Authorization": "Bearer train", "Content-Type": "text/plain", **headers}
            connection.request("POST", target, large, key)
            response = connection.getresponse()
            answer = response.status, response.read().decode()
            connection.close()
            return answer

        site = {"Host": "models.example:8080", "Origin": "http://models.example:8080"}
        status, text = send("/v1/train/read", **site)
        assert (status, "characters" in text) in ((200, True), (501, False)), text
        status, text = send("/v1/models/import", **site)
        assert status == 400 and "bad_archive" in text


def test_either_server_gives_the_same_text(proxy: Proxy, models_dir: Path, tmp_path: Path) -> None:
    with (
        GunicornServer(models_dir) as one,
        GunicornServer(models_dir) as other,
        before(proxy, tmp_path, [one, other]) as path,
    ):
        for number in range(20):
            target = f"/tales/g/once/50?random_state={number}"
            body = {"model": "flow", "prompt": "once", "max_tokens": 50, "seed": number}
            texts = {ask(one, target).text, ask(other, target).text}
            texts |= {ask(one, target, connection=Proxied(path)).text for _ in range(3)}
            assert len(texts) == 1
            answers = [
                ask(one, "/v1/completions", body),
                ask(other, "/v1/completions", body),
                ask(one, "/v1/completions", body, connection=Proxied(path)),
            ]
            choices = {answer.text.partition('"choices"')[2] for answer in answers}
            assert len(choices) == 1


def test_killed_server_costs_only_what_it_was_streaming(
    proxy: Proxy, models_dir: Path, tmp_path: Path
) -> None:
    with (
        GunicornServer(models_dir, env=ENDLESS_ALLOWED) as doomed,
        GunicornServer(models_dir, env=ENDLESS_ALLOWED) as other,
        before(proxy, tmp_path, [doomed, other]) as path,
    ):
        streams: dict[GunicornServer, list[http.client.HTTPResponse]] = {doomed: [], other: []}
        connections = []
        for number in range(6):
            connections.append(Proxied(path))
            connections[-1].request("GET", FOREVER)
            response = connections[-1].getresponse()
            assert response.read(10)
            at_doomed = running(doomed) > len(streams[doomed])
            streams[doomed if at_doomed else other].append(response)
            assert running(doomed) + running(other) == number + 1
        assert streams[doomed] and streams[other]

        targets = [f"/tales/g/once/6000?random_state={number}" for number in range(12)]
        answers: list[Answer | None] = [None] * len(targets)

        def client(number: int) -> None:
            answers[number] = ask(other, targets[number], connection=Proxied(path))

        threads = [threading.Thread(target=client, args=(n,)) for n in range(len(targets))]
        streaming = len(streams[doomed])
        # One alone that is cut has to find the other server, which is the fuller one, by itself.
        for number, thread in enumerate(threads, len(connections) + 1):
            thread.start()
            wait_until(lambda most=number: _places(doomed, other) >= most, what="it runs")
            if running(doomed) > streaming:
                break
        os.killpg(doomed.pid, signal.SIGKILL)
        for thread in threads:
            if not thread.ident:
                thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        # texts of which the client had got nothing were made by the other server: the same ones
        for target, answer in zip(targets, answers, strict=True):
            assert answer is not None and answer.status == 200
            assert answer.text == ask(other, target).text

        for response in streams[other]:
            assert response.read(10)
        left = len(streams[other])
        wait_until(lambda: running(other) == left, what="the streams of the other one run")
        for response in streams[doomed]:
            with pytest.raises((http.client.IncompleteRead, ConnectionError)):
                response.read()
        for connection in connections:
            connection.close()
        for number in range(10):
            target = f"/tales/g/once/20?random_state={number}"
            assert ask(other, target, connection=Proxied(path)).status == 200


def _places(one: GunicornServer, other: GunicornServer) -> float:
    """Texts that two servers generate."""
    return running(one) + running(other)


def _all_checked(folder: Path) -> bool:
    """Whether HAProxy has asked every server /readyz and got its yes."""
    with socket.socket(socket.AF_UNIX) as stats:
        stats.connect(str(folder / STATS))
        stats.sendall(b"show stat\n")
        page = stats.makefile(encoding="ascii").read().removeprefix("# ")
    rows = [row for row in csv.DictReader(page.splitlines()) if row["svname"].startswith("s")]
    return all((row["status"], row["check_status"]) == ("UP", "L7OK") for row in rows)


def test_haproxy_keeps_a_model_on_one_server(models_dir: Path, tmp_path: Path) -> None:
    with (
        GunicornServer(models_dir) as one,
        GunicornServer(models_dir) as other,
        before(HAPROXY, tmp_path, [one, other]) as path,
        # On one connection a request begins when HAProxy is done with the one before: two at once
        # may well be shared out.
        closing(Proxied(path)) as client,
    ):
        wait_until(lambda: _all_checked(tmp_path), what="HAProxy knows that both servers are well")
        for number in range(10):
            for model in ("tales", "flow"):
                target = f"/{model}/g/once/5?random_state={number}"
                assert ask(one, target, connection=client).status == 200
                body = {"model": model, "prompt": "once", "max_tokens": 5, "seed": number}
                assert ask(one, "/v1/completions", body, connection=client).status == 200
        for model in ("tales", "flow"):
            made = wait_until(lambda name=model: _requests(one, other, name, total=20))
            assert made == [0, 20]


def _requests(one: Server, other: Server, model: str, total: int) -> list[float]:
    """What each of two servers counted, once the last is: a moment after its answer came in."""
    made = [metric(server, "simpleml_requests_total", model=model) for server in (one, other)]
    return sorted(made) if sum(made) == total else []


def test_haproxy_lets_a_busy_model_spill_over(models_dir: Path, tmp_path: Path) -> None:
    with (
        GunicornServer(models_dir, env=ENDLESS_ALLOWED) as one,
        GunicornServer(models_dir, env=ENDLESS_ALLOWED) as other,
        before(HAPROXY, tmp_path, [one, other]) as path,
        ExitStack() as stack,
    ):
        for _ in range(12):
            stream = Proxied(path)
            stack.callback(stream.close)
            stream.request("GET", FOREVER)
            assert stream.getresponse().read(5)
        shares = sorted((running(one), running(other)))
        assert sum(shares) == 12
        assert shares[0] >= 3


def test_haproxy_passes_on_that_too_many_wait(models_dir: Path, tmp_path: Path) -> None:
    full = {**ENDLESS_ALLOWED, "SIMPLEML_MAX_ROWS": "1", "SIMPLEML_MAX_WAITING": "0"}
    with (
        GunicornServer(models_dir, env=full) as server,
        before(HAPROXY, tmp_path, [server]) as path,
        ExitStack() as stack,
    ):
        stream = Proxied(path)
        stack.callback(stream.close)
        stream.request("GET", FOREVER)
        assert stream.getresponse().read(5)
        refused = ask(server, "/tales/g/once/5", connection=Proxied(path))
        assert refused.status == 429
        headers = {name.lower(): value for name, value in refused.headers.items()}
        assert int(headers["retry-after"]) >= 1
