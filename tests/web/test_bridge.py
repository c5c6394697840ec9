"""The application without gevent, behind its bridge to ASGI: all that gunicorn answers."""

from __future__ import annotations

import http.client
import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import openai
import pytest
from clients import running
from servers import ONE_PLACE, AsgiServer, GunicornServer, Server
from waiting import wait_until

pytest.importorskip("uvicorn")

FOREVER = "/tales/g/once/10000000?stream=1"
SLOW = {**ONE_PLACE, "SIMPLEML_BODY_TIMEOUT": "3"}
OF_ITS_OWN = {"date", "server", "x-request-id", "connection", "transfer-encoding", "keep-alive"}


@pytest.fixture(scope="module")
def bridged(models_dir: Path) -> Iterator[AsgiServer]:
    with AsgiServer(models_dir) as running:
        yield running


@pytest.fixture(scope="module")
def narrow(models_dir: Path) -> Iterator[AsgiServer]:
    """One text at a time, no queue, and impatient with slow bodies."""
    with AsgiServer(models_dir, env=SLOW) as running:
        yield running


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/tales/g/once/30?random_state=3", None),
        ("GET", "/tales/g/a%2Fb%20%3F/20?random_state=1", None),
        ("GET", "/tales/g//a//b/20?random_state=1", None),
        ("GET", "/tales/g/%C3%A9t%C3%A9%0A/20?random_state=1", None),
        ("GET", "/tales/g/%FF/20?random_state=1", None),
        ("GET", "/tales/g/once/30?random_state=3&stream=1", None),
        ("HEAD", "/tales/g/once/30?random_state=3", None),
        ("OPTIONS", "/v1/completions", None),
        ("POST", "/flow", {"seed": "once", "size": 30, "random_state": 4}),
        ("POST", "/v1/completions", {"model": "flow", "prompt": "once", "seed": 1, "n": 2}),
        ("POST", "/v1/completions", {"model": "nobody", "prompt": "once"}),
        ("POST", "/v1/score", {"models": ["tales", "flow"], "text": "once upon a time"}),
        ("POST", "/flow", "no JSON"),
        ("POST", "/flow", "x" * (1 << 20) + "xx"),
        ("GET", "/damaged/g/once/5", None),
        ("GET", "/static/common/nothing.js", None),
        ("GET", "/", None),
        ("GET", "/livez", None),
        ("DELETE", "/livez", None),
        ("GET", "/v1/models", None),
    ],
)  # fmt: skip
def test_it_answers_as_gunicorn_does(
    method: str, path: str, body: object, bridged: AsgiServer, server: GunicornServer
) -> None:
    data = body if body is None or isinstance(body, str) else json.dumps(body)
    answers = [
        httpx.request(
            method, one.base_url + path, content=data, headers={"X-Request-Id": "mine"}, timeout=60
        )
        for one in (bridged, server)
    ]
    ours, theirs = answers
    assert ours.status_code == theirs.status_code
    assert ours.headers["X-Request-Id"] == "mine"
    named = [set(one.headers) - OF_ITS_OWN for one in answers]
    assert named[0] == named[1]
    assert ours.headers.get("Content-Type") == theirs.headers.get("Content-Type")
    assert told(ours) == told(theirs).replace(server.base_url, bridged.base_url)


def told(answer: httpx.Response) -> str:
    """Its text, without what differs from answer to answer."""
    if answer.headers.get("Content-Type", "").startswith("text/event-stream"):
        events = answer.text.split("\n\n")
        pieces = [json.loads(one[6:])["text"] for one in events if one.startswith('data: {"text"')]
        return "".join(pieces)
    if answer.request.url.path.startswith("/v1/completions") and answer.is_success and answer.text:
        return json.dumps(answer.json()["choices"])
    return answer.text


def test_openai_streams_through_it(bridged: AsgiServer) -> None:
    client = openai.OpenAI(base_url=f"{bridged.base_url}/v1", api_key="none")
    asked = {"model": "flow", "prompt": "once", "max_tokens": 60, "seed": 2}
    whole = client.completions.create(**asked).choices[0].text
    pieces = [one.choices[0].text for one in client.completions.create(**asked, stream=True)]
    assert "".join(pieces) == whole
    assert len(whole) == 60


def test_a_client_that_leaves_frees_its_row(narrow: AsgiServer) -> None:
    for _ in range(3):
        with httpx.stream("GET", narrow.base_url + FOREVER, timeout=60) as stream:
            pieces = stream.iter_bytes()  # which closes the connection when it is collected
            assert next(pieces)
            refused = httpx.get(f"{narrow.base_url}/tales/g/once/5", timeout=60)
            assert refused.status_code == 429
            assert int(refused.headers["Retry-After"]) >= 1
        wait_until(lambda: running(narrow) == 0, what="the row is free again")
    assert httpx.get(f"{narrow.base_url}/tales/g/once/5", timeout=60).status_code == 200


def test_a_client_that_does_not_read_is_waited_for_and_freed(narrow: AsgiServer) -> None:
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect((urlsplit(narrow.base_url).hostname, urlsplit(narrow.base_url).port))
        client.sendall(f"GET {FOREVER} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert client.recv(1)
        wait_until(lambda: running(narrow) == 1, what="it runs")
    wait_until(lambda: running(narrow) == 0, what="the row is free again")


def connection(server: Server) -> http.client.HTTPConnection:
    parts = urlsplit(server.base_url)
    return http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=60)


def test_slow_and_large_bodies_without_a_length_are_refused(narrow: AsgiServer) -> None:
    slow = connection(narrow)
    slow.putrequest("POST", "/flow")
    slow.putheader("Transfer-Encoding", "chunked")
    slow.putheader("Accept", "application/json")
    slow.endheaders()
    slow.send(b"1\r\n{\r\n")
    answer = slow.getresponse()
    assert answer.status == 408
    assert json.loads(answer.read())["error"]["code"] == "request_timeout"
    large = connection(narrow)
    headers = {"Transfer-Encoding": "chunked", "Accept": "application/json"}
    large.request(
        "POST", "/flow", body=iter([b"x" * 65536] * 17), headers=headers, encode_chunked=True
    )
    answer = large.getresponse()
    assert answer.status == 413, answer.read()
    assert json.loads(answer.read())["error"]["code"] == "payload_too_large"


def test_nothing_there_needs_gevent(models_dir: Path) -> None:
    with AsgiServer(models_dir) as server:
        assert httpx.get(f"{server.base_url}/tales/g/once/5", timeout=60).status_code == 200
        assert server.stop(signal.SIGTERM) in (0, -signal.SIGTERM)
        assert "gevent is not loaded" in server.log
