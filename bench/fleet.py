"""A calculation, not a measurement: many models behind deploy/haproxy.cfg on many hosts.

    python bench/fleet.py                          # 100 hosts, 10,000 models
    python bench/fleet.py --hosts 4 --models 200 --weight 1

HAProxy's ring has 16 points for each unit of a server's weight. Requests come for models by Zipf's
law (the k-th most wanted has 1/k of the first one's); `--at-once` of them are at work on each host.
A request goes to the first host after its model's point that has less than 1.5 times its share.
"""

from __future__ import annotations

import argparse
import json
from bisect import bisect_left
from collections import Counter

import numpy as np

WORKER_MB = {"float32": 125, "int8": 110}
MODEL_MB = {"float32": 22, "int8": 8}
POINTS = 16
BALANCE = 1.5
REQUESTS = 200_000
MOST_ASKED = 40
"""Hosts that a model is spread over at most, in this calculation."""


class Ring:
    """Hosts on a circle, a number of points each."""

    def __init__(self, hosts: range | list[int], points: int) -> None:
        places = [
            (place, host) for host in hosts for place in np.random.default_rng(host).random(points)
        ]
        self._places, self._hosts = zip(*sorted(places), strict=True)

    def after(self, place: float) -> list[int]:
        """Hosts in the order in which a model at that place asks them."""
        first = bisect_left(self._places, place)
        found: dict[int, None] = {}
        for at in range(first, first + len(self._hosts)):
            found[self._hosts[at % len(self._hosts)]] = None
            if len(found) == MOST_ASKED:
                break
        return list(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--hosts", type=int, default=100)
    parser.add_argument("--models", type=int, default=10_000)
    parser.add_argument("--weight", type=int, default=16, help="of each server line")
    parser.add_argument("--at-once", type=int, default=8, help="requests on each host")
    asked = parser.parse_args()
    rng = np.random.default_rng(1_000_003)
    models = rng.random(asked.models)
    ring = Ring(range(asked.hosts), POINTS * asked.weight)
    orders = [ring.after(place) for place in models]
    homes = Counter(order[0] for order in orders)
    most = max(homes.values())
    wanted = 1 / np.arange(1, asked.models + 1)
    drawn = rng.choice(asked.models, REQUESTS, p=wanted / wanted.sum())
    share = Counter(orders[model][0] for model in drawn)

    at_once = asked.hosts * asked.at_once
    running: list[int] = []
    load = [0] * asked.hosts
    used: dict[int, set[int]] = {}
    away = 0
    for model in drawn:
        if len(running) == at_once:
            at = int(rng.integers(at_once))
            load[running[at]] -= 1
            running[at] = running[-1]
            running.pop()
        limit = BALANCE * (len(running) + 1) / asked.hosts
        host = next(
            (one for one in orders[model] if load[one] < max(1.0, limit)), orders[model][-1]
        )
        away += host != orders[model][0]
        load[host] += 1
        running.append(host)
        used.setdefault(int(model), set()).add(host)
    kept = Counter(host for hosts in used.values() for host in hosts)

    alive = Ring([one for one in range(asked.hosts) if one], POINTS * asked.weight)
    moved = Counter(
        alive.after(place)[0] for place, order in zip(models, orders, strict=True) if order[0] == 0
    )
    figures = {
        "hosts": asked.hosts, "models": asked.models, "weight": asked.weight,
        "models_a_host": round(asked.models / asked.hosts, 1), "models_on_the_fullest": most,
        "busiest_without_spilling_over": round(asked.hosts * max(share.values()) / REQUESTS, 2),
        "requests_away_from_home": round(away / REQUESTS, 3),
        "hosts_of_the_hottest_model": len(used[0]),
        "models_met_by_the_fullest": max(kept.values()),
        "memory_mb_of_the_fullest": {
            kind: WORKER_MB[kind] + MODEL_MB[kind] * (max(kept.values()) - 1) for kind in MODEL_MB
        },
        "models_that_move_when_a_host_dies": sum(moved.values()),
        "hosts_that_take_them": len(moved), "most_that_one_takes": max(moved.values(), default=0),
    }  # fmt: skip
    for name, value in figures.items():
        print(f"{name.replace('_', ' '):36} {value}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
