"""The process by which a server has trainings run over a Ray cluster.

    python -P -m simpleml.jobs.ray_driver ADDRESS CORES GPUS

It takes orders on standard input, a JSON object a line, and says on standard output how they end:

    {"start": "7", "order": {…}}   {"stop": "7"}   {"kill": "7"}
    {"ready": true}                {"ended": "7", "code": 0}

A server may be made of greenlets, with which Ray's threads do not get along: so it is a process.
When standard input ends, the tasks are cancelled, save and end, and so does this.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import threading
import time
from queue import Empty, SimpleQueue
from typing import Any

from simpleml.jobs.executor import Order
from simpleml.jobs.task import STOP_SECONDS, STOPPED, train

CONNECT_SECONDS = 10.0
LOOK_EVERY = 0.2
UNEXPECTED = os.EX_SOFTWARE


class Driver:
    """The tasks of one server.

    Args:
        ray: the module, imported when this is a process: the server loads none of it.
        task: its remote function of simpleml.jobs.task.train.
        say: passes on what there is to say.
    """

    def __init__(self, ray: Any, task: Any, say: Any) -> None:
        self._ray = ray
        self._task = task
        self._say = say
        self._running: dict[str, Any] = {}

    def obey(self, said: dict[str, Any]) -> None:
        """Carry out one line."""
        if (number := said.get("start")) is not None:
            order = {name: _fixed(value) for name, value in said["order"].items()}
            self._running[number] = self._task.remote(Order(**order), number)
        for word in ("stop", "kill"):
            if (ref := self._running.get(said.get(word, ""))) is not None:
                self._ray.cancel(ref, force=word == "kill")

    def look(self) -> None:
        """Say what has ended."""
        numbers = {ref: number for number, ref in self._running.items()}
        if not numbers:
            return
        ended, _ = self._ray.wait(list(numbers), num_returns=len(numbers), timeout=0)
        for ref in ended:
            self._say({"ended": numbers[ref], "code": self._code(ref)})
            del self._running[numbers[ref]]

    def end(self) -> None:
        """Cancel all and wait for them to save."""
        for ref in self._running.values():
            self._ray.cancel(ref)
        until = time.monotonic() + STOP_SECONDS
        while self._running and time.monotonic() < until:
            self.look()
            time.sleep(LOOK_EVERY)

    def _code(self, ref: Any) -> int:
        known = self._ray.exceptions
        try:
            return int(self._ray.get(ref))
        except (known.TaskCancelledError, known.WorkerCrashedError):
            return STOPPED
        except Exception as error:  # of the task itself: its folder cannot be written, say
            print(error, file=sys.stderr, flush=True)
            return UNEXPECTED


def _fixed(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def main(arguments: list[str]) -> None:
    """Serve until standard input ends."""
    import ray

    address, cores, gpus = arguments
    with contextlib.suppress(OSError):
        os.setpgid(0, 0)  # Ctrl-C at the server's terminal reaches it through the server
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever else prints

    def say(what: dict[str, Any]) -> None:
        print(json.dumps(what), file=answers, flush=True)

    lines: SimpleQueue[str] = SimpleQueue()
    threading.Thread(target=_read, args=(lines,), daemon=True).start()
    _knock(address)
    ray.init(address=address, log_to_driver=False)
    remote = ray.remote(num_cpus=float(cores), num_gpus=float(gpus), max_retries=-1)
    driver = Driver(ray, remote(train), say)
    say({"ready": True})
    while True:
        try:
            line = lines.get(timeout=LOOK_EVERY)
            if not line:
                break
            driver.obey(json.loads(line))
        except Empty:
            driver.look()
    driver.end()


def _knock(address: str) -> None:
    """Raise OSError where nothing listens: Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if host and "/" not in address and port.isdecimal():
        socket.create_connection((host, int(port)), CONNECT_SECONDS).close()


def _read(lines: SimpleQueue[str]) -> None:
    for line in sys.stdin:
        lines.put(line)
    lines.put("")
    # Ray may be waiting for a cluster that does not answer; otherwise this thread ends with main.
    time.sleep(STOP_SECONDS + CONNECT_SECONDS)
    os._exit(UNEXPECTED)


if __name__ == "__main__":
    main(sys.argv[1:])
