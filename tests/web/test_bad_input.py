"""What nobody should send: each is told by name, none is an error of the server's own."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from flask.testing import FlaskClient
from models import ALPHABET, write_model
from servers import GunicornServer, Server

from simpleml import create_app
from simpleml.models.card import RESERVED_NAMES


def raw(server: Server, request: bytes) -> tuple[int, str, str]:
    """Send bytes as they are; returns status, headers and body of the answer."""
    host, port = urlsplit(server.base_url).hostname, urlsplit(server.base_url).port
    assert host is not None
    assert port is not None
    with socket.create_connection((host, port), timeout=60) as connection:
        connection.sendall(request)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), head.decode("latin-1"), body.decode("utf-8", "replace")


def get(server: Server, path: str, accept: str = "*/*") -> tuple[int, str, str]:
    line = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: {accept}\r\n\r\n"
    return raw(server, line.encode())


def check_message(status: int, head: str, body: str, *parts: str) -> None:
    """A plain message of one line, no page, no traceback, with what it must name."""
    assert "text/plain" in head
    assert body.endswith("\n")
    assert body.count("\n") == 1
    assert not body.lstrip().startswith("<")
    assert len(body) < 700
    for part in (*parts,):
        assert part in body
    assert "Traceback" not in body
    assert ".py" not in body
    assert status < 500 or status == 503


# --- names of models ------------------------------------------------------------------------------

NAMES = [
    "nobody", "..", ".", "%2e%2e", "..%2f..%2fetc%2fpasswd", "..%5c..", "tales%00", "%00",
    "tales%20",
    "%20tales", "tales%0a", "T%C3%A9", "x" * 65, "x" * 5000, ".tales", "-tales", "_tales", "~root",
    "tales%2f..%2ftales", "tales;x", "*", "con", "tales.tfl",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=lambda name: name[:20])
@pytest.mark.parametrize("rest", ["/g/le/5", ""])
def test_a_name_that_is_no_models_is_404(server: GunicornServer, name: str, rest: str) -> None:
    status, head, body = get(server, f"/{name}{rest}")
    assert status == 404
    check_message(status, head, body)
    if "%2f" not in name and name not in ("", ".", ".."):
        assert "There is no model" in body
        assert "damaged, flow, old, tales, words" in body


def test_a_name_of_ten_thousand_characters_is_refused(server: GunicornServer) -> None:
    """gunicorn itself refuses a request line of more than its limit."""
    status, _, body = get(server, f"/{'x' * 10_000}/g/le/5")
    assert 400 <= status < 500
    assert "Traceback" not in body


def test_that_name_is_404_where_it_gets_through(client: FlaskClient) -> None:
    answer = client.get(f"/{'x' * 10_000}/g/le/5")
    assert answer.status_code == 404
    assert "There is no model 'xxx" in answer.text
    assert len(answer.text) < 300


def test_no_path_leads_out_of_the_models_folder(tmp_path: Path) -> None:
    write_model(tmp_path / "ML", "inside", layers=1, units=8)
    write_model(tmp_path, "outside", layers=1, units=8)
    client = create_app(models_dir=tmp_path / "ML").test_client()
    for name in ("../outside", "..%2foutside", "%2e%2e/outside", "inside/../../outside"):
        for path in (f"/{name}", f"/{name}/g/a/5", f"/{name}/g/a/5?x={tmp_path}"):
            answer = client.get(path)
            assert answer.status_code in (400, 404), path
            assert str(tmp_path) not in answer.text


@pytest.mark.parametrize("name", sorted(RESERVED_NAMES))
def test_a_folder_with_a_reserved_name_is_no_model(tmp_path: Path, name: str) -> None:
    write_model(tmp_path, "x", layers=1, units=8).rename(tmp_path / name)
    answer = create_app(models_dir=tmp_path).test_client().get(f"/{name}/g/a/5")
    assert answer.status_code == 404


# --- paths ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rest", "parts"),
    [
        ("le/0", ["size", "0"]),
        ("le/-1", ["size", "-1"]),
        ("le/1.5", ["size", "1.5"]),
        ("le/abc", ["size", "abc"]),
        ("le/10001", ["size is 10001; it must be 1 to 10000"]),
        ("le/1000000000000", ["size is 1000000000000; it must be 1 to 10000"]),
        ("le/" + "9" * 3000, ["size"]),
        ("le/", ["size"]),
        ("le/%20", ["size"]),
        ("le/0x10", ["size", "0x10"]),
        ("le/1e3", ["size", "1e3"]),
        ("le/nan", ["size", "nan"]),
        ("le/%D9%A1", ["size"]),
        ("le/5/-1", ["temp", "-1"]),
        ("le/5/nan", ["temp", "nan"]),
        ("le/5/inf", ["temp", "inf"]),
        ("le/5/-inf", ["temp", "-inf"]),
        ("le/5/1e999", ["temp"]),
        ("le/5/abc", ["temp", "abc"]),
        ("le/5/", ["temp"]),
        ("le/5/0,5", ["temp", "0,5"]),
        ("le/5/1000001", ["temp"]),
        ("%C5%92/5", ["LATIN CAPITAL LIGATURE OE", "position 0"]),
        ("le%ff/5", ["REPLACEMENT CHARACTER", "position 2"]),
        ("le/5?top_k=-1", ["top_k", "-1"]),
        ("le/5?top_k=x", ["top_k", "x"]),
        ("le/5?top_p=0", ["top_p"]),
        ("le/5?top_p=2", ["top_p"]),
        ("le/5?min_p=-1", ["min_p"]),
        ("le/5?repetition_penalty=0", ["repetition_penalty"]),
        ("le/5?random_state=-1", ["random_state"]),
        ("le/5?random_state=4294967296", ["random_state"]),
        ("le/5?random_state=x", ["random_state"]),
        ("le/5?on_unknown=guess", ["on_unknown", "guess"]),
        ("le/5?stateful=perhaps", ["stateful", "perhaps"]),
        ("le/5?stream=maybe", ["stream", "maybe"]),
        ("le/5?max_time_ms=0", ["max_time_ms"]),
        ("le/5?max_time_ms=x", ["max_time_ms"]),
        ("le/5?stop=", ["stop"]),
        ("le/5?stop=a&stop=b&stop=c&stop=d&stop=e", ["stop"]),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_a_bad_value_in_an_address_is_400_and_named(
    server: GunicornServer, rest: str, parts: Sequence[str]
) -> None:
    status, head, body = get(server, f"/tales/g/{rest}")
    assert status == 400, body
    check_message(status, head, body, *parts)
    status, head, body = get(server, f"/tales/g/{rest}", "application/json")
    assert status == 400
    error = json.loads(body)["error"]
    assert error["type"] == "invalid_request_error"
    assert error["code"] in ("invalid_value", "unknown_characters")
    assert set(error) - {"reason", "params"} == {"message", "type", "param", "code"}


# --- bodies ---------------------------------------------------------------------------------------


def posted(server: Server, body: bytes, accept: str = "*/*") -> tuple[int, str, str]:
    head = (
        f"POST /tales HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: {accept}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return raw(server, head.encode() + body)


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        (b"", ["The body is not JSON"]),
        (b"seed=le&size=5", ["The body is not JSON", "at character 0"]),
        (b"{", ["The body is not JSON"]),
        (b'{"seed": "le",}', ["The body is not JSON", "at character"]),
        (b"{'seed': 'le'}", ["The body is not JSON"]),
        (b'{"temp": NaN}', ["The body is not JSON", "NaN"]),
        (b'{"temp": Infinity}', ["The body is not JSON", "Infinity"]),
        (b'{"seed": "\xff"}', ["The body is not UTF-8", "byte 10"]),
        (b"\xff\xfe{}", ["The body is not"]),
        (b"\x00", ["The body is not"]),
        (b"[" * 100_000, ["The body is not JSON"]),
        (b'{"size": ' + b"9" * 5000 + b"}", ["The body is not JSON"]),
        (b"[]", ["a JSON list", "must be an object"]),
        (b'"le sultan"', ["a JSON str", "must be an object"]),
        (b"5", ["a JSON int", "must be an object"]),
        (b"null", ["must be an object"]),
        (b"true", ["a JSON bool", "must be an object"]),
    ],
    ids=lambda value: repr(value[:20]) if isinstance(value, bytes) else "",
)
def test_a_body_that_is_no_json_object_is_400(
    server: GunicornServer, body: bytes, parts: Sequence[str]
) -> None:
    status, head, text = posted(server, body)
    assert status == 400, text
    check_message(status, head, text, *parts)


@pytest.mark.parametrize(
    "values",
    [
        {"seed": 5}, {"seed": None}, {"seed": ["le"]}, {"seed": {"a": 1}}, {"seed": True},
        {"size": None}, {"size": "abc"}, {"size": 1.5}, {"size": True}, {"size": [5]}, {"size": {}},
        {"size": 0}, {"size": -1}, {"size": 10**12}, {"size": 10**300}, {"size": ""},
        {"temp": None}, {"temp": "hot"}, {"temp": -1}, {"temp": True}, {"temp": [1]},
        {"temp": "nan"}, {"temp": "inf"}, {"temp": 1e7},
        {"top_k": -1}, {"top_k": 1.5}, {"top_k": "x"}, {"top_p": 0}, {"top_p": "x"}, {"min_p": 2},
        {"repetition_penalty": 0}, {"repetition_penalty": None}, {"random_state": -1},
        {"random_state": 2**32}, {"random_state": 1.5}, {"random_state": "x"},
        {"random_state": True}, {"stop": 5}, {"stop": [5]}, {"stop": [""]}, {"stop": ["a"] * 5},
        {"stop": {"a": 1}}, {"stop": ["a", None]}, {"on_unknown": "x"}, {"on_unknown": None},
        {"stateful": "x"}, {"stateful": []}, {"stream": "x"}, {"stream": 5}, {"max_time_ms": 0},
        {"max_time_ms": -1}, {"max_time_ms": "x"}, {"max_time_ms": True},
    ],
    ids=lambda values: json.dumps(values)[:40],
)  # fmt: skip
def test_a_bad_value_in_a_body_is_400_and_named(
    server: GunicornServer, values: dict[str, Any]
) -> None:
    (name,) = values
    status, head, body = posted(server, json.dumps(values).encode())
    assert status == 400, body
    check_message(status, head, body, name)
    _, _, body = posted(server, json.dumps(values).encode(), "application/json")
    assert json.loads(body)["error"]["param"] == name


@pytest.mark.parametrize("policy", ["error", "nearest", "skip"])
@pytest.mark.parametrize("seed", [r"\ud800", r"a\udfffb", r"\ud83d"])
def test_half_a_character_is_400(server: GunicornServer, policy: str, seed: str) -> None:
    """JSON can write half of a surrogate pair, UTF-8 cannot send it back."""
    body = f'{{"seed": "{seed}", "size": 3, "on_unknown": "{policy}"}}'.encode()
    for accept in ("*/*", "application/json", "text/event-stream"):
        status, _, text = posted(server, body, accept)
        assert status == 400, text
        assert "half of a surrogate pair" in text


@pytest.mark.parametrize(
    "body", [rb'{"stop": "\ud800"}', b'{"seed": "\xed\xa0\x80"}', rb'{"\udfff": 1}'], ids=repr
)
def test_half_a_character_anywhere_is_400(server: GunicornServer, body: bytes) -> None:
    status, head, text = posted(server, body)
    assert status == 400
    check_message(status, head, text, "half of a surrogate pair")


def test_both_halves_are_a_character(server: GunicornServer) -> None:
    body = rb'{"seed": "\ud83d\ude42", "size": 3, "on_unknown": "skip"}'
    status, _, text = posted(server, body)
    assert status == 200
    assert text.startswith("🙂")


@pytest.mark.parametrize("accept", ["*/*", "application/json"])
def test_a_body_of_ten_megabytes_is_413(server: GunicornServer, accept: str) -> None:
    body = json.dumps({"seed": "a" * 10_000_000}).encode()
    head = (
        f"POST /tales HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: {accept}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    # The server answers as soon as it knows the length; what was not sent is not waited for.
    status, _, text = raw(server, head.encode() + body[:1000])
    assert status == 413
    assert "larger than the 1048576 bytes accepted" in text
    if accept == "application/json":
        assert json.loads(text)["error"]["code"] == "payload_too_large"


def test_a_chunked_body_of_ten_megabytes_is_413(server: GunicornServer) -> None:
    head = b"POST /tales HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"20000\r\n" + b"a" * 0x20000 + b"\r\n"
    with socket.create_connection(
        (urlsplit(server.base_url).hostname or "", urlsplit(server.base_url).port or 0), timeout=60
    ) as connection:
        connection.sendall(head)
        try:
            for _ in range(80):
                connection.sendall(chunk)
            connection.sendall(b"0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            pass  # it answered and closed before all was sent
        received = connection.recv(65536)
    assert received.split(b" ")[1] == b"413"


def test_a_chunked_body_within_the_limit_is_read(server: GunicornServer) -> None:
    request = (
        b"POST /tales HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
        b'd\r\n{"seed": "le"\r\nc\r\n, "size": 9}\r\n0\r\n\r\n'
    )
    status, _, text = raw(server, request)
    assert (status, len(text)) == (200, 11)


def test_a_seed_over_the_limit_is_413(client: FlaskClient) -> None:
    answer = client.post("/tales", json={"seed": "a" * 100_001, "size": 1})
    assert answer.status_code == 413
    assert "The seed has 100001 characters; at most 100000" in answer.text
    assert client.post("/tales", json={"seed": "a" * 100_000, "size": 1}).status_code == 200


# --- methods, broken models -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/tales", {"GET", "POST"}),
        ("PUT", "/tales", {"GET", "POST"}),
        ("PATCH", "/tales", {"GET", "POST"}),
        ("POST", "/tales/g/le/5", {"GET"}),
        ("DELETE", "/tales/g/le/5", {"GET"}),
        ("POST", "/livez", {"GET"}),
    ],
)
def test_a_method_that_is_not_allowed_is_405(
    server: GunicornServer, method: str, path: str, allowed: set[str]
) -> None:
    request = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    status, head, body = raw(server, request.encode())
    assert status == 405, body
    check_message(status, head, body, method)
    (line,) = [one for one in head.split("\r\n") if one.lower().startswith("allow:")]
    assert allowed <= {one.strip() for one in line.partition(":")[2].split(",")}


@pytest.mark.parametrize("path", ["/damaged/g/le/5", "/damaged"])
def test_a_broken_model_is_500_and_says_which_file(server: GunicornServer, path: str) -> None:
    status, head, body = get(server, path)
    assert status == 500
    assert "text/plain" in head
    assert "The model damaged cannot be used: damaged.tfl.data-00000-of-00001 is cut short" in body
    status, _, body = get(server, path, "application/json")
    assert json.loads(body)["error"]["code"] == "model_broken"
    assert json.loads(body)["error"]["type"] == "server_error"
    assert get(server, "/tales/g/le/5")[0] == 200


def test_a_hostile_pickle_is_told_over_http_and_never_runs(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "ML", "x", layers=1, units=8)
    trace = tmp_path / "it ran"
    call = f"cposix\nsystem\n(S'touch \"{trace}\"'\ntR.".encode()
    (folder / "char_idx_x.pickle").write_bytes(call)
    write_model(tmp_path / "ML", "y", layers=1, units=8)
    client = create_app(models_dir=tmp_path / "ML").test_client()
    answer = client.get("/x/g/a/5")
    assert answer.status_code == 500
    assert "char_idx_x.pickle: it asks for posix.system" in answer.text
    assert not trace.exists()
    assert client.get("/y/g/a/5").status_code == 200


def test_an_error_nobody_thought_of_tells_nothing_of_the_inside(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the password is swordfish")

    monkeypatch.setattr("simpleml.web.original.routes.parse", fail)
    for accept in ("*/*", "application/json"):
        answer = client.get("/tales/g/le/5", headers={"Accept": accept})
        assert answer.status_code == 500
        assert "swordfish" not in answer.text
        assert "Traceback" not in answer.text
        assert "its log says what" in answer.text
    assert "swordfish" in caplog.text


# --- HTTP itself ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /tales/g/%zz/5 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /tales/g/%/5 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET //tales//g/le/5 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /tales/x/le/5 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /tales/g HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /tales?%00=%00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /tales/g/le/5?stream=\xff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /tales/g/le/5 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: \xff;q=x,,\r\n\r\n",
        b"HEAD /nobody HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"OPTIONS /tales/g/le/5 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"FOO /tales HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /tales/g/le/5 HTTP/1.0\r\n\r\n",
        b"GET http://elsewhere/tales HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    ],
    ids=lambda value: repr(value[:30]),
)
def test_odd_requests_are_never_an_error_of_the_servers(
    server: GunicornServer, request_bytes: bytes
) -> None:
    status, _, body = raw(server, request_bytes)
    assert 200 <= status < 500, body
    assert "Traceback" not in body


def test_a_raw_byte_in_the_query_is_told_whatever_server_lets_it_in(tmp_path: Path) -> None:
    client = create_app(models_dir=tmp_path).test_client()
    answer = client.get("/tales/g/le/5", environ_overrides={"QUERY_STRING": "stream=\xff"})
    assert answer.status_code == 400 and "not percent-encoded" in answer.text


def test_percent_signs_that_are_no_escapes_are_part_of_the_seed(tmp_path: Path) -> None:
    write_model(tmp_path, "x", alphabet=ALPHABET + "%", layers=1, units=8)
    client = create_app(models_dir=tmp_path).test_client()
    for seed in ("100%", "%zz", "%"):
        answer = client.get(f"/x/g/{quote(seed)}/5")
        assert answer.status_code == 200
        assert answer.text.startswith(seed)
