"""A thousand times the same ten requests: is each one text, wherever and beside whom it is made?

    python bench/thousand.py                               # about two minutes
    python bench/thousand.py --requests 200                # a rough look
    python bench/thousand.py --server http://HOST:PORT     # a running server as well, any kind
    .venv-cluster/bin/python bench/thousand.py --cluster   # two nodes of Ray too; as root

Each precision is asked --requests times in all: servers with one thread and with as many as there
are cores (shards), with two workers, after a restart, two servers side by side, replicas on two
nodes of a Ray cluster beside a gunicorn if wanted, and each --server.
As many requests again, of the same kinds and with other random states, go along at any moment, from
1 to 48 clients. Answers are compared where their fingerprints are equal, which say the weights, the
precision, the mode and the arithmetic; a --server must have the model. Ends with one JSON line; the
exit status is 1 if a request was answered by two texts, or not at all.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import threading
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any
from urllib.parse import quote, urlencode

from common import ROOT, bench_model, machine, print_json, print_table
from servers import GunicornServer

PRECISIONS = ("float32", "int8")
CLIENTS = (1, 6, 48)
_SECONDS = 300.0


@dataclass(frozen=True)
class Kind:
    """One kind of request; `read` makes of an answer's body what must always be the same."""

    name: str
    path: str
    body: dict[str, Any] | None
    read: Callable[[str], str]

    def request(self, base_url: str, random_state: int) -> urllib.request.Request:
        """It with a random state."""
        if self.body is None:
            sign = "&" if "?" in self.path else "?"
            return urllib.request.Request(
                f"{base_url}{self.path}{sign}random_state={random_state}",
                headers={"Accept": "text/plain"},
            )
        name = "seed" if self.path.startswith("/v1") else "random_state"
        return urllib.request.Request(
            base_url + self.path,
            json.dumps({**self.body, name: random_state}).encode(),
            {"Content-Type": "application/json", "Accept": "application/json"},
        )


def _plain(body: str) -> str:
    return body


def _choices(body: str) -> str:
    return json.dumps(json.loads(body)["choices"])


def _events(body: str) -> str:
    frames = [line[6:] for line in body.splitlines() if line.startswith("data: {")]
    return "".join(json.loads(one)["choices"][0]["text"] for one in frames)


def _generated(body: str) -> str:
    found = json.loads(body)
    return json.dumps([found["generated"], found["finish_reason"], found.get("logprobs")])


def kinds(model: str, seed: str) -> list[Kind]:
    """Ten, of all routes."""
    get = f"/{model}/g/{quote(seed, safe='')}"
    post = {"seed": seed, "size": 60, "temp": 0.8, "stateful": True}
    complete = {"model": model, "prompt": seed, "max_tokens": 40}
    chat = {"model": model, "max_tokens": 30, "messages": [{"role": "user", "content": seed}]}

    def query(size: int, temperature: float, **options: Any) -> str:
        return f"{get}/{size}/{temperature}?{urlencode(options)}"

    return [
        Kind("stateful", query(100, 0.5, stateful=1), None, _plain),
        Kind("windows", query(20, 0.5, stateful=0), None, _plain),
        Kind("greedy", query(60, 0, stateful=1), None, _plain),
        Kind("plain stream", query(50, 1.0, stateful=1, stream=1), None, _plain),
        Kind("top_k, min_p", f"/{model}", {**post, "top_k": 9, "min_p": 0.02}, _generated),
        Kind("penalty, stop", f"/{model}", {**post, "repetition_penalty": 1.2, "stop": [". "]},
             _generated),
        Kind("log probabilities", f"/{model}", {**post, "logprobs": 3}, _generated),
        Kind("completions, n = 3", "/v1/completions",
             {**complete, "n": 3, "stateful": True, "temperature": 0.9}, _choices),
        Kind("completions, events", "/v1/completions", {**complete, "max_tokens": 12,
             "stream": True}, _events),
        Kind("chat", "/v1/chat/completions", {**chat, "top_p": 0.9}, _choices),
    ]  # fmt: skip


@dataclass
class Found:
    """Texts by kind and fingerprint, and what went wrong."""

    texts: dict[tuple[str, str], dict[str, int]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(int))
    )
    failures: list[str] = field(default_factory=list)
    beside: int = 0
    """Requests that went along."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, kind: Kind, base_url: str, random_state: int, counts: bool) -> None:
        """Ask once and note the answer if it counts."""
        try:
            with urllib.request.urlopen(
                kind.request(base_url, random_state), timeout=_SECONDS
            ) as answer:
                fingerprint = answer.headers["X-Fingerprint"] or "none"
                text = kind.read(answer.read().decode())
        except Exception as error:  # whatever it is, it is no text
            with self.lock:
                self.failures.append(f"{kind.name}: {error}")
            return
        with self.lock:
            if counts:
                self.texts[kind.name, fingerprint][text] += 1
            else:
                self.beside += 1


def ask(found: Found, base_urls: list[str], asked: list[Kind], each: int, clients: int) -> None:
    """Each kind so many times, among as many others, by so many clients at once."""
    rng = random.Random(each * 1000 + clients)
    plan = [(kind, rng.choice(base_urls), 7, True) for kind in asked for _ in range(each)]
    plan += [
        (kind, rng.choice(base_urls), rng.randrange(1000, 2**32), False)
        for kind in asked
        for _ in range(each)
    ]
    rng.shuffle(plan)
    waiting: SimpleQueue[tuple[Kind, str, int, bool]] = SimpleQueue()
    for one in plan:
        waiting.put(one)

    def client() -> None:
        while True:
            try:
                found.take(*waiting.get_nowait())
            except Empty:
                return

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


Servers = Callable[[ExitStack], list[str]]


def arrangements(models_dir: Path, precision: str, cores: int) -> Iterator[tuple[str, Servers]]:
    """Ways to serve, each as what starts its servers."""

    def start(stack: ExitStack, threads: int, workers: int = 1) -> str:
        env = {"SIMPLEML_PRECISION": precision, "SIMPLEML_THREADS": str(threads)}
        server = GunicornServer(models_dir, workers=workers, env=env)
        return stack.enter_context(server).base_url

    many = max(2, cores)
    yield "1 thread", lambda stack: [start(stack, 1)]
    yield f"{many} threads", lambda stack: [start(stack, many)]
    yield "restarted", lambda stack: [start(stack, many)]
    yield "2 workers", lambda stack: [start(stack, 1, workers=2)]
    yield "2 servers", lambda stack: [start(stack, 1), start(stack, many)]


def over_ray(models_dir: Path, precision: str, stack: ExitStack) -> list[str]:
    """Replicas on two nodes, in a network of their own, and a gunicorn beside them."""
    sys.path.insert(0, str(ROOT / "tests" / "cluster"))
    from own_network import own_network
    from ray_nodes import Nodes

    stack.enter_context(own_network())
    nodes = stack.enter_context(Nodes(models_dir))
    nodes.add()
    served = stack.enter_context(nodes.serve(replicas=2, precision=precision))
    env = {"SIMPLEML_PRECISION": precision, "SIMPLEML_THREADS": "1"}
    return [served, stack.enter_context(GunicornServer(models_dir, env=env)).base_url]


@contextmanager
def model_to_ask(folder: str | None, name: str | None) -> Iterator[tuple[Path, str, str]]:
    """(models folder, model, seed): those given, or the bench's."""
    if folder is not None and name is not None:
        yield Path(folder), name, "My dear Watson, "
        return
    with bench_model() as model:
        yield model.models_dir, model.name, model.seed


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=1000, help="of each precision, in all")
    parser.add_argument("--server", action="append", default=[], metavar="URL")
    parser.add_argument("--cluster", action="store_true", help="a Ray cluster too")
    parser.add_argument("--models-dir", help="instead of the bench's own; with --model")
    parser.add_argument("--model", help="of --models-dir, or by this name on each --server")
    options = parser.parse_args()
    found = Found()
    started = time.perf_counter()
    with model_to_ask(options.models_dir, options.model) as (models_dir, name, seed):
        ten = kinds(name, seed)
        ways = [
            (f"{precision}, {way}", servers)
            for precision in PRECISIONS
            for way, servers in arrangements(models_dir, precision, os.cpu_count() or 1)
        ]
        if options.cluster:
            ways += [
                (f"{precision}, Ray", partial(over_ray, models_dir, precision))
                for precision in PRECISIONS
            ]
        ways += [(url, lambda stack, url=url: [url.rstrip("/")]) for url in options.server]
        each = -(-options.requests * len(PRECISIONS) // (len(ways) * len(ten) * len(CLIENTS)))
        for way, servers in ways:
            print(way, flush=True)
            with ExitStack() as stack:
                base_urls = servers(stack)
                for clients in CLIENTS:
                    ask(found, base_urls, ten, each, clients)
    report(found, ten, [way for way, _ in ways], time.perf_counter() - started)


def report(found: Found, asked: list[Kind], ways: list[str], seconds: float) -> None:
    """The table, the failures, the JSON line, the exit status."""
    prints = sorted({fingerprint for _, fingerprint in found.texts})
    names = ["; ".join(one.split("; ")[1:]) for one in prints]
    rows = []
    for kind in asked:
        row = [kind.name]
        for fingerprint in prints:
            texts = found.texts.get((kind.name, fingerprint), {})
            row.append(f"{sum(texts.values())}: {len(texts)}" if texts else "")
        rows.append(row)
    print_table("Requests: different texts, by kind and fingerprint", ["", *names], rows)
    most = max((len(texts) for texts in found.texts.values()), default=0)
    counted = sum(sum(texts.values()) for texts in found.texts.values())
    for failure in found.failures[:10]:
        print(failure)
    print_json({
        "bench": "thousand", "machine": machine(), "ways": ways, "requests": counted,
        "beside": found.beside, "texts_each_at_most": most, "failed": len(found.failures),
        "fingerprints": len(prints), "seconds": round(seconds, 1),
    })  # fmt: skip
    if most != 1 or found.failures:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
