"""Ten thousand requests of mixed kinds: nothing grows, nothing stays behind."""

from __future__ import annotations

import http.client
import itertools
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
from clients import Stream, address, ask, running, waiting
from servers import GunicornServer
from waiting import wait_until

WARM_UP, REQUESTS, CLIENTS = 2000, 8000, 6
_JSON = {"Accept": "application/json"}
_EVENTS = {"Accept": "text/event-stream"}


def one_request(
    server: GunicornServer, connection: http.client.HTTPConnection, number: int
) -> None:
    """Request `number`: its kind goes in turn, its details with the number."""
    state = number % 1000
    completion = {"model": "flow", "prompt": ["a", "b"], "max_tokens": 5, "seed": state}
    chat = {"model": "tales", "messages": [{"role": "user", "content": "once"}], "max_tokens": 5}

    def leave() -> None:
        stream = Stream(server, f"/flow/g/once/5000?random_state={state}")
        stream.read_first()
        stream.close()

    def expect(status: int, path: str, body: object = None, headers: object = None) -> None:
        answer = ask(server, path, body, headers, connection)  # type: ignore[arg-type]
        assert answer.status == status, (path, answer)

    kinds: list[Callable[[], None]] = [
        lambda: expect(200, f"/tales/g/once/8?random_state={state}"),
        lambda: expect(200, f"/flow/g/once/8/{1 + state % 3}"),
        lambda: expect(200, "/flow", {"seed": "a" * (1 + state), "size": 5, "top_k": 3}),
        lambda: expect(200, "/words", {"seed": " the sultan", "size": 5}, _JSON),
        lambda: expect(200, f"/old/g/{'x' * (state % 50)}/5", None, _EVENTS),
        lambda: expect(200, "/flow/g/once/8?stream=1"),
        lambda: expect(200, "/v1/completions", completion),
        lambda: expect(200, "/v1/completions", {**completion, "stream": True}),
        lambda: expect(200, "/v1/chat/completions", chat),
        lambda: expect(200, "/v1/models"),
        lambda: expect(200, "/tales"),
        lambda: expect(200, "/livez"),
        lambda: expect(200, "/readyz"),
        lambda: expect(200, "/metrics"),
        lambda: expect(404, f"/nobody{number}/g/once/5"),
        lambda: expect(400, "/tales/g/ONCE/5"),
        lambda: expect(400, "/tales", b"{no json"),
        lambda: expect(400, "/tales/g/once/0"),
        lambda: expect(500, "/damaged/g/once/5"),
        lambda: expect(405, "/tales/g/once/5", {}),
        leave,
    ]
    kinds[number % len(kinds)]()


def ask_many(server: GunicornServer, count: int) -> None:
    """So many requests from some clients at once."""
    numbers = itertools.count()
    failures: list[BaseException] = []

    def client() -> None:
        connection = http.client.HTTPConnection(*address(server), timeout=120)
        try:
            while (number := next(numbers)) < count and not failures:
                one_request(server, connection, number)
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def test_ten_thousand_mixed_requests_leave_nothing_behind(models_dir: Path) -> None:
    with GunicornServer(models_dir) as server:
        (pid,) = server.workers
        worker = psutil.Process(pid)

        def at_rest() -> bool:
            return running(server) == 0 and waiting(server) == 0

        ask_many(server, WARM_UP)
        wait_until(at_rest, what="the warm-up is over")
        memory, threads = worker.memory_info().rss, worker.num_threads()
        # the connections of the warm-up are closed, the ones of /metrics come and go
        files = wait_until(lambda: _files_at_rest(worker), what="connections are closed")
        ask_many(server, REQUESTS)
        wait_until(at_rest, what="everything is over")
        assert server.workers == [pid]
        # One of the warm-up may still have been closing when they were counted.
        assert _files_at_rest(worker) <= files
        assert worker.num_threads() <= threads
        assert worker.memory_info().rss <= 1.05 * memory
        assert "Traceback" not in server.log


def _files_at_rest(worker: psutil.Process) -> int:
    """Open files once no client is connected."""

    def quiet() -> int:
        connected = [
            one for one in worker.net_connections("tcp") if one.status == psutil.CONN_ESTABLISHED
        ]
        return 0 if connected else worker.num_fds()

    return wait_until(quiet, what="all clients are gone")
