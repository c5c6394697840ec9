"""Many at once over HTTP: closed-loop clients, real sockets, a real gunicorn. `make bench` runs it.

    python bench/serve.py                            # everything, about five minutes
    python bench/serve.py --cases window stateful    # some of it; --list names the cases
    python bench/serve.py --seconds 3                # shorter, rougher
    python bench/serve.py --workers 2                # another division of the cores

64 clients ask 200 characters each of one 3x512 model, streaming off. The baseline is the first
program's shape (flask_tflearn_server.py) on the same files, in the same run. The clients run in a
process of their own, on the same cores; their processor time is in the table. Ends with one JSON
line; a request that fails makes the exit status 1.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from common import (
    BenchModel,
    bench_model,
    cpu_seconds,
    machine,
    print_json,
    print_table,
    rss_bytes,
)
from servers import GunicornServer, Server

CLIENTS = 64
SIZE = 200
IDLE_CONNECTIONS = 1000
_HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Bench:
    """The model, and how long and on what to measure."""

    model: BenchModel
    seconds: float
    workers: int
    rows: list[list[str]]
    found: dict[str, float]
    env: dict[str, str]

    def path(self, mode: str, size: int = SIZE) -> str:
        query = "?stateful=true" if mode == "stateful" else ""
        return f"/{self.model.name}/g/{quote(self.model.seed, safe='')}/{size}/0.5{query}"

    @contextmanager
    def server(self, precision: str) -> Iterator[GunicornServer]:
        """A gunicorn that has loaded the model in each worker."""
        env = {"SIMPLEML_PRECISION": precision, **self.env}
        with GunicornServer(self.model.models_dir, workers=self.workers, env=env) as running:
            self.load(running, "window", clients=4 * self.workers, seconds=0.5, size=20)
            self.load(running, "stateful", clients=4 * self.workers, seconds=0.5, size=20)
            yield running

    def start(self, server: Server, path: str, **plan: Any) -> subprocess.Popen[str]:
        """Clients in a process of their own."""
        details = {"port": int(server.base_url.rsplit(":", 1)[1]), "path": path, **plan}
        return subprocess.Popen(
            [sys.executable, str(_HERE / "load.py"), json.dumps(details)],
            stdout=subprocess.PIPE,
            text=True,
        )

    def load(self, server: Server, mode: str, *, size: int = SIZE, **plan: Any) -> dict[str, Any]:
        """Let clients ask for texts and wait for what they measured."""
        plan.setdefault("seconds", self.seconds)
        plan.setdefault("characters", len(self.model.seed) + size)
        return finish(self.start(server, self.path(mode, size), **plan))

    def note(self, name: str, load: dict[str, Any], size: int = SIZE) -> float:
        """A row of the table; returns characters a second."""
        rate: float = load["requests"] * size / load["seconds"]
        self.found[f"{name}_characters_per_second"] = rate
        self.found[f"{name}_p50_seconds"] = quantile(load["latencies"], 0.5)
        self.found[f"{name}_p99_seconds"] = quantile(load["latencies"], 0.99)
        self.found[f"{name}_failed"] = load["failed"]
        baseline = self.found.get("baseline_characters_per_second")
        self.rows.append(
            [
                name.replace("_", " "),
                f"{rate:,.0f}",
                f"{load['requests'] / load['seconds']:,.1f}",
                f"{rate / baseline:.1f}" if baseline else "",
                f"{1000 * quantile(load['latencies'], 0.5):,.0f}",
                f"{1000 * quantile(load['latencies'], 0.99):,.0f}",
                str(load["failed"]),
                f"{load['client_cpu']:.0%}",
            ]
        )
        if load["failed"]:
            print(f"{name}: {load['first_failure']}", file=sys.stderr)
        return rate


def quantile(values: Sequence[float], part: float) -> float:
    """The smallest value that `part` of all do not exceed."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def finish(clients: subprocess.Popen[str]) -> dict[str, Any]:
    """What the clients measured, once they are through."""
    out = clients.communicate()[0]
    if clients.returncode:
        raise SystemExit("the clients failed")
    found: dict[str, Any] = json.loads(out)
    return found


class BaselineServer(Server):
    """flask_tflearn_server.py on the bench's model."""

    def __init__(self, model: BenchModel) -> None:
        super().__init__(model.models_dir)
        self._model = model

    def _launch(self) -> None:
        command = [str(_HERE / "flask_tflearn_server.py"), str(self._model.prefix)]
        self._spawn([*command, "--window", str(self._model.seq_maxlen)])
        while self.process.poll() is None and "http://" not in self.log:
            time.sleep(0.05)
        if self.process.poll() is not None:
            raise SystemExit(f"the baseline did not start:\n{self.log[-2000:]}")
        self.base_url = "http://" + self.log.rpartition("http://")[2].split()[0]


def baseline(bench: Bench) -> None:
    """The first program's shape; one request of each client, which takes minutes."""
    with BaselineServer(bench.model) as server:
        alone = bench.load(server, "window", requests_each=1, seconds=600)
        bench.note("baseline_one_client", alone)
        rate = SIZE / alone["seconds"]
        # A shorter run asks with fewer clients; all requests wait for each other either way.
        clients = CLIENTS if bench.seconds >= 10 else max(2, int(bench.seconds * rate / SIZE))
        load = bench.load(server, "window", clients=clients, requests_each=1, seconds=600)
        load["latencies"] = [one * CLIENTS / clients for one in load["latencies"]]
        bench.note("baseline", load)


def window(bench: Bench) -> None:
    """64 clients, TFLearn's windows."""
    for precision in ("float32", "int8"):
        with bench.server(precision) as server:
            bench.note(f"window_{precision}", bench.load(server, "window", clients=CLIENTS))


def stateful(bench: Bench) -> None:
    """64 clients, state carried on."""
    for precision in ("float32", "int8"):
        with bench.server(precision) as server:
            bench.note(f"stateful_{precision}", bench.load(server, "stateful", clients=CLIENTS))


def alone(bench: Bench) -> None:
    """One client, state carried on."""
    for precision in ("float32", "int8"):
        with bench.server(precision) as server:
            load = bench.load(server, "stateful", clients=1)
            bench.note(f"one_client_stateful_{precision}", load)


def first_character(bench: Bench) -> None:
    """When the first event of a stream comes: on an idle server, and with 64 clients."""
    for mode in ("window", "stateful"):
        for precision in ("float32", "int8"):
            with bench.server(precision) as server:
                name = f"first_character_{mode}_{precision}"
                idle = bench.load(
                    server, mode, size=10, stream=True, pause=0.05, seconds=bench.seconds / 2
                )
                busy = bench.load(server, mode, clients=CLIENTS, stream=True)
                bench.found[f"{name}_idle_p50_seconds"] = quantile(idle["first"], 0.5)
                bench.found[f"{name}_64_clients_p50_seconds"] = quantile(busy["first"], 0.5)
                bench.found[f"{name}_64_clients_p99_seconds"] = quantile(busy["first"], 0.99)
                bench.found[f"{name}_failed"] = idle["failed"] + busy["failed"]
                bench.note(f"streams_{mode}_{precision}", busy)


def livez(bench: Bench) -> None:
    """/livez asked twenty times a second at full load; and the processor time of idleness."""
    for mode, precision in (("window", "float32"), ("stateful", "int8")):
        with bench.server(precision) as server:
            clients = bench.start(
                server, bench.path(mode), clients=CLIENTS, seconds=bench.seconds + 1
            )
            time.sleep(0.5)
            probe = finish(bench.start(server, "/livez", pause=0.05, seconds=bench.seconds))
            finish(clients)
            name = f"livez_{mode}_{precision}"
            bench.found[f"{name}_p50_seconds"] = quantile(probe["latencies"], 0.5)
            bench.found[f"{name}_p99_seconds"] = quantile(probe["latencies"], 0.99)
            bench.found[f"{name}_failed"] = probe["failed"]


def idle(bench: Bench) -> None:
    """What a worker costs that has generated and now waits; what idle connections cost."""
    with bench.server("float32") as server:
        bench.load(server, "stateful", clients=CLIENTS, seconds=1)
        time.sleep(1.0)
        seconds = max(5.0, bench.seconds)
        before = sum(cpu_seconds(pid) for pid in server.workers)
        time.sleep(seconds)
        used = sum(cpu_seconds(pid) for pid in server.workers) - before
        bench.found["idle_worker_cpu"] = used / seconds / bench.workers

        free = bench.load(server, "stateful", clients=8)
        memory = sum(rss_bytes(pid) for pid in server.workers)
        bench.found["worker_mb"] = memory / 1e6 / bench.workers
        with _connections(server, IDLE_CONNECTIONS):
            held = bench.load(server, "stateful", clients=8)
            more = sum(rss_bytes(pid) for pid in server.workers) - memory
        bench.note("8_clients", free)
        bench.note("8_clients_and_1000_idle", held)
        bench.found["idle_connections_mb"] = more / 1e6


@contextmanager
def _connections(server: Server, count: int) -> Iterator[None]:
    """So many clients that have asked once and keep their connection."""
    port = int(server.base_url.rsplit(":", 1)[1])
    held = []
    try:
        for _ in range(count):
            one = socket.create_connection(("127.0.0.1", port), timeout=60)
            one.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            held.append(one)
        for one in held:
            if not one.recv(4096).startswith(b"HTTP/1.1 200"):
                raise SystemExit("an idle connection was not served")
        yield
    finally:
        for one in held:
            one.close()


CASES: dict[str, Callable[[Bench], None]] = {
    "baseline": baseline,
    "window": window,
    "stateful": stateful,
    "alone": alone,
    "first_character": first_character,
    "livez": livez,
    "idle": idle,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES), metavar="CASE")
    parser.add_argument("--list", action="store_true", help="say what the cases are and stop")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement")
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    if options.list:
        for name, case in CASES.items():
            print(f"{name:16} {case.__doc__}")
        return
    described = machine()
    rows: list[list[str]] = []
    env = {name: value for name, value in os.environ.items() if name.startswith("SIMPLEML_")}
    with bench_model() as model:
        bench = Bench(model, options.seconds, options.workers, rows, {}, env)
        for name in options.cases:
            print(f"{name} …", file=sys.stderr)
            CASES[name](bench)
    _report(bench, described)
    if any(value for name, value in bench.found.items() if name.endswith("_failed")):
        raise SystemExit(1)


def _report(bench: Bench, described: dict[str, Any]) -> None:
    if bench.rows:
        print_table(
            f"{SIZE} characters a request, 3x512, V = {bench.model.vocabulary_size} "
            f"({bench.model.origin}), {bench.workers} worker(s); "
            f"{described['cores']} cores {described['processor']}",
            [
                "", "characters/s", "requests/s", "x baseline", "p50 ms", "p99 ms", "failed",
                "clients' CPU",
            ],
            bench.rows,
        )  # fmt: skip
    beside = [
        [name.replace("_", " ").removesuffix(" seconds") + " ms", f"{1000 * value:,.1f}"]
        for name, value in bench.found.items()
        if name.startswith(("first_character", "livez")) and name.endswith("_seconds")
    ]
    for name, words in (
        ("idle_worker_cpu", "idle worker, % of a core"),
        ("worker_mb", "worker, MB"),
        ("idle_connections_mb", "1,000 idle connections, MB"),
    ):
        if name in bench.found:
            factor = 100 if name == "idle_worker_cpu" else 1
            beside.append([words, f"{factor * bench.found[name]:.2f}"])
    if beside:
        print_table("Beside it", ["", ""], beside)
    found = {name: round(value, 4) for name, value in bench.found.items()}
    print_json({"bench": "serve", "machine": described, "workers": bench.workers, **found})


if __name__ == "__main__":
    main()
