"""One log line per request: what it says, and what it never says."""

from __future__ import annotations

import re

import httpx
import pytest
from servers import AppServer, GunicornServer, Server
from waiting import wait_until

SEED = "le secret du vizir "


@pytest.fixture(params=["gunicorn", "app.py"])
def any_server(request: pytest.FixtureRequest) -> Server:
    name = "server" if request.param == "gunicorn" else "app_server"
    found: GunicornServer | AppServer = request.getfixturevalue(name)
    return found


def line_of(server: Server, request_id: str) -> dict[str, str]:
    """The fields of that request's line, once it is written."""

    def find() -> str:
        (line,) = [one for one in server.log.splitlines() if f"request_id={request_id}" in one]
        return line

    line = wait_until(find, what="the line is written")
    return dict(re.findall(r"(\w+)=(\S+)", line))


def test_line_has_route_model_characters_and_times(any_server: Server) -> None:
    answer = httpx.get(
        f"{any_server.base_url}/tales/g/{SEED}/40",
        headers={"X-Request-Id": "my-own_id.1"},
        timeout=60,
    )
    assert answer.headers["X-Request-Id"] == "my-own_id.1"
    fields = line_of(any_server, "my-own_id.1")
    assert fields["method"] == "GET"
    assert fields["route"] == "/<model>/g/<rest>"
    assert (fields["model"], fields["status"], fields["characters"]) == ("tales", "200", "40")
    assert float(fields["ms"]) > float(fields["queue_ms"]) >= 0


def test_streamed_answer_is_logged_at_its_end(any_server: Server) -> None:
    body = {"model": "flow", "prompt": SEED, "max_tokens": 300, "n": 2, "stream": True}
    with httpx.stream(
        "POST", f"{any_server.base_url}/v1/completions", json=body, timeout=60
    ) as answer:
        answer.read()
    fields = line_of(any_server, answer.headers["X-Request-Id"])
    assert fields["route"] == "/v1/completions"
    assert (fields["model"], fields["characters"]) == ("flow", "600")


def test_errors_are_logged_with_their_status(any_server: Server) -> None:
    for path, status in (
        ("/nowhere/g/a/5", "404"),
        ("/v1/nothing", "404"),
        ("/tales/g/a/0", "400"),
    ):
        answer = httpx.get(any_server.base_url + path, timeout=60)
        fields = line_of(any_server, answer.headers["X-Request-Id"])
        assert fields["status"] == status
        assert fields["model"] == ("tales" if status == "400" else "-")


def test_neither_seed_nor_path_nor_made_up_ids_are_logged(any_server: Server) -> None:
    url = any_server.base_url
    httpx.get(f"{url}/tales/g/{SEED}/5", timeout=60)
    httpx.get(f"{url}/{SEED}", timeout=60)
    httpx.post(f"{url}/tales", json={"seed": SEED, "size": -1}, timeout=60)
    httpx.post(f"{url}/v1/completions", json={"model": "tales", "prompt": SEED.upper()}, timeout=60)
    last = httpx.get(f"{url}/livez", headers={"X-Request-Id": f"a {SEED}."}, timeout=60)
    assert re.fullmatch(r"[0-9a-f]{16}", last.headers["X-Request-Id"])
    line_of(any_server, last.headers["X-Request-Id"])
    assert "vizir" not in any_server.log.lower()
