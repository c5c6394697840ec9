"""A node that is killed under load costs what it was answering; the other one serves on."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from ray_nodes import Nodes, answered
from servers import GunicornServer
from waiting import wait_until

CLIENTS = 8
STATES = range(4)
PATH = "/flow/g/once/2000/0.7?stateful=1&random_state={}"
TEXT = {"Accept": "text/plain"}


@pytest.fixture(scope="module")
def base_url(nodes: Nodes) -> Iterator[str]:
    with nodes.serve(replicas=2) as running:
        yield running


@pytest.fixture(scope="module")
def texts(network: None, models_dir: Path) -> dict[int, str]:
    with GunicornServer(models_dir) as server:
        return {
            state: httpx.get(server.base_url + PATH.format(state), headers=TEXT, timeout=60).text
            for state in STATES
        }


@dataclass
class Seen:
    """What clients met: when each request was begun, and how it ended (empty: as it should)."""

    answers: list[tuple[float, str]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def ask(self, base_url: str, texts: dict[int, str]) -> None:
        """Ask again and again until told that it is over."""
        while not self.over.is_set():
            begun = time.monotonic()
            state = len(self.answers) % len(texts)
            try:
                answer = httpx.get(base_url + PATH.format(state), headers=TEXT, timeout=120)
                trouble = "" if answer.status_code == 200 else f"status {answer.status_code}"
                if not trouble and answer.text != texts[state]:
                    trouble = "another text"
            except httpx.HTTPError as error:
                trouble = repr(error)
            self.answers.append((begun, trouble))

    def good_since(self, moment: float) -> int:
        """Requests begun after it that were answered."""
        return sum(begun > moment and not trouble for begun, trouble in self.answers)


def test_it_costs_what_was_in_flight_there(
    nodes: Nodes, base_url: str, texts: dict[int, str]
) -> None:
    lost = nodes.added[-1]
    assert any("ServeReplica" in one.name() for one in lost.processes), "a replica is there"
    seen = Seen()
    clients = [threading.Thread(target=seen.ask, args=(base_url, texts)) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        wait_until(lambda: seen.good_since(0) >= 3 * CLIENTS, 120, "the clients are served")
        killed = time.monotonic()
        lost.kill()
        dead = time.monotonic()
        wait_until(lambda: seen.good_since(dead) >= 3 * CLIENTS, 120, "the other one serves on")
    finally:
        seen.over.set()
        for client in clients:
            client.join()
    troubles = [(begun - killed, trouble) for begun, trouble in seen.answers if trouble]
    assert not [one for one in troubles if "another text" in one[1]]
    assert len(troubles) <= CLIENTS, troubles
    assert all(begun < dead for begun, trouble in seen.answers if trouble), troubles
    nodes.add()
    wait_until(lambda: len(answered()) == 2, 120, "a new node takes the place", every=0.1)
    assert httpx.get(base_url + PATH.format(0), headers=TEXT, timeout=60).text == texts[0]
