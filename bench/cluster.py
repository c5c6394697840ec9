"""Replicas over Ray beside gunicorn with as many workers: speed, wait, processor time.

    .venv-cluster/bin/python bench/cluster.py                  # as root; about ten minutes
    .venv-cluster/bin/python bench/cluster.py --seconds 5 --precision int8

Each process has one thread to generate with; the clients are on the same cores. All of it is in a
network of its own, since Ray listens on all interfaces. `make test-cluster` makes the environment.
Plain texts and streams of 200 characters, state carried on. The processor time is that of all
processes of the server: for Ray its daemons, proxy and the command that serves, for gunicorn the
master. Ends with one JSON line; a request that fails makes the exit status 1.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from common import ROOT, BenchModel, bench_model, cpu_seconds, machine, print_json, print_table
from serve import SIZE, Bench, finish, quantile
from servers import GunicornServer

sys.path.insert(0, str(ROOT / "tests" / "cluster"))

from own_network import own_network
from ray_nodes import Nodes, processes_of


@dataclass(frozen=True)
class Served:
    """A server: where it listens, and in which sessions its processes are."""

    base_url: str
    sessions: tuple[int, ...]

    @property
    def cpu(self) -> float:
        """Seconds of processor time that its processes have used."""
        used = 0.0
        for session in self.sessions:
            for process in processes_of(session):
                try:
                    used += cpu_seconds(process.pid)
                except OSError:
                    pass  # it has just ended
        return used


@contextmanager
def gunicorn(model: BenchModel, precision: str, workers: int) -> Iterator[Served]:
    """gunicorn with workers of one thread."""
    env = {"SIMPLEML_PRECISION": precision, "SIMPLEML_THREADS": "1"}
    with GunicornServer(model.models_dir, workers=workers, env=env) as server:
        yield Served(server.base_url, (server.pid,))


@contextmanager
def ray(model: BenchModel, precision: str, replicas: int) -> Iterator[Served]:
    """Replicas of one core on one node of two."""
    with (
        Nodes(model.models_dir, cores=2) as nodes,
        nodes.serve(replicas=replicas, cores=1, precision=precision) as base_url,
    ):
        yield Served(base_url, nodes.sessions)


def measure(bench: Bench, served: Served, clients: int, stream: bool) -> dict[str, Any]:
    """Let clients ask, once briefly and once for the figures."""

    def ask(seconds: float) -> dict[str, Any]:
        path = bench.path("stateful")
        started: subprocess.Popen[str] = bench.start(
            served,  # type: ignore[arg-type]  # its address is all that is asked for
            path,
            clients=clients,
            seconds=seconds,
            stream=stream,
        )
        return finish(started)

    ask(2.0)
    before = served.cpu
    load = ask(bench.seconds)
    load["cpu"] = (served.cpu - before) / max(1, load["requests"])
    return load


def figures(load: dict[str, Any]) -> dict[str, float]:
    """What is told of a load."""
    return {
        "characters_per_second": round(load["requests"] * SIZE / load["seconds"]),
        "first_p50_seconds": round(quantile(load["first"], 0.5), 4),
        "first_p99_seconds": round(quantile(load["first"], 0.99), 4),
        "cpu_seconds_per_request": round(load["cpu"], 5),
        "failed": load["failed"],
    }


def row(name: str, told: dict[str, float]) -> list[str]:
    """The same for the table."""
    speed, *waits, cpu, failed = told.values()
    return [name, f"{speed:,.0f}", *(f"{1000 * one:,.0f}" for one in waits),
            f"{1000 * cpu:,.1f}", str(failed)]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=30.0, help="of each measurement")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--precision", choices=("float32", "int8"), default="float32")
    options = parser.parse_args()
    described = machine()
    found: dict[str, dict[str, float]] = {}
    with own_network(), bench_model() as model:
        bench = Bench(model, options.seconds, 1, [], {}, {})
        for count in options.processes:
            for kind, start in (("gunicorn", gunicorn), ("Ray", ray)):
                with start(model, options.precision, count) as served:
                    for what in ("plain", "streams"):
                        name = f"{kind}, {count}, {what}"
                        print(f"{name} …", file=sys.stderr, flush=True)
                        load = measure(bench, served, options.clients, what == "streams")
                        found[name] = figures(load)
    print_table(
        f"{options.clients} clients, {SIZE} characters a request, 3x512 {options.precision} "
        f"({model.origin}); {described['cores']} cores {described['processor']}",
        ["", "characters/s", "first p50 ms", "first p99 ms", "CPU ms a request", "failed"],
        [row(name, told) for name, told in found.items()],
    )
    print_json({"bench": "cluster", "machine": described, "seconds": options.seconds, **found})
    if any(told["failed"] for told in found.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
