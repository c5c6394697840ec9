"""The original routes: GET /<model>/g/<seed>/<size>[/<temp>], POST /<model>, GET /<model>, GET /.

By real HTTP, because what a client sends and what Flask makes of it are two things. Each request
goes out byte for byte as written here.
"""

from __future__ import annotations

import http.client
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from models import ALPHABET, write_model
from servers import AppServer, GunicornServer, Server
from streams import endless_stream
from waiting import wait_until

import simpleml
from simpleml import ModelLoader, SequenceGenerator

SECONDS = 60  # a request that takes longer fails its test


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @cached_property
    def text(self) -> str:
        return self.body.decode("utf-8")

    @cached_property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def type(self) -> str:
        return self.headers["Content-Type"]


def ask(
    server: Server,
    path: str,
    method: str = "GET",
    body: bytes | str | dict[str, Any] | None = None,
    **headers: str,
) -> Answer:
    """One request whose path is sent as it stands."""
    connection = http.client.HTTPConnection(urlsplit(server.base_url).netloc, timeout=SECONDS)
    # http.client refuses what a client can send all the same
    connection._validate_path = lambda path: None  # type: ignore[attr-defined]
    connection._encode_request = lambda line: line.encode("latin-1")  # type: ignore[attr-defined]
    if isinstance(body, dict):
        body = json.dumps(body)
    if isinstance(body, str):
        body = body.encode()
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


def post(server: Server, values: dict[str, Any], model: str = "tales", **headers: str) -> Answer:
    return ask(server, f"/{model}", "POST", values, **headers)


@pytest.fixture(scope="module")
def loader(models_dir: Path) -> ModelLoader:
    return ModelLoader(models_dir)


@pytest.fixture(scope="module")
def tales(loader: ModelLoader) -> SequenceGenerator:
    return loader.load("tales")


@pytest.fixture(scope="module", params=["gunicorn", "app.py"])
def either(request: pytest.FixtureRequest) -> Server:
    """The tests that use it run against both ways to start the server."""
    name = {"gunicorn": "server", "app.py": "app_server"}[request.param]
    server: Server = request.getfixturevalue(name)
    return server


# --- GET /<model>/g/<seed>/<size>[/<temp>] --------------------------------------------------------


def test_answer_is_the_seed_and_exactly_size_characters(either: Server) -> None:
    answer = ask(either, "/tales/g/le%20sultan/200")
    assert answer.status == 200
    assert answer.type == "text/plain; charset=utf-8"
    assert answer.text.startswith("le sultan")
    assert len(answer.text) == len("le sultan") + 200
    assert set(answer.text) <= set(ALPHABET)


def test_text_is_the_generators(either: Server, tales: SequenceGenerator) -> None:
    answer = ask(either, "/tales/g/le%20sultan/120/0.7?random_state=5")
    assert answer.text == tales.generate(120, 0.7, "le sultan", random_state=5)
    assert answer.headers["X-Random-State"] == "5"
    assert answer.headers["X-Finish-Reason"] == "length"


def test_temperature_is_a_half_where_none_is_given(
    server: GunicornServer, tales: SequenceGenerator
) -> None:
    answer = ask(server, "/tales/g/le%20sultan/60?random_state=5")
    assert answer.text == tales.generate(60, 0.5, "le sultan", random_state=5)


@pytest.mark.parametrize("temp", ["0", "1", "2", ".5", "0.", "1e-3", "1e-12", "1e-300", "5e-324"])
def test_temperature_may_be_written_in_any_way(
    server: GunicornServer, tales: SequenceGenerator, temp: str
) -> None:
    answer = ask(server, f"/tales/g/le/30/{temp}?random_state=5")
    assert answer.text == tales.generate(30, float(temp), "le", random_state=5)


SEEDS = [
    ("", ""),
    ("/", "/"),
    ("//", "//"),
    ("%2F", "/"),
    ("a/b", "a/b"),
    ("a%2Fb", "a/b"),
    ("/a/", "/a/"),
    ("a//b", "a//b"),
    ("http://a.b/", "http://a.b/"),
    ("a%0Ab", "a\nb"),
    ("%0A", "\n"),
    ("100%25", "100%"),
    ("a%252Fb", "a%2Fb"),
    ("a%20b", "a b"),
    ("a+b", "a+b"),
    ("%20", " "),
    ("a?b".replace("?", "%3F"), "a?b"),
    ("%23", "#"),
    ("%C3%A9t%C3%A9", "été"),
    (quote("Où ça ? « là »"), "Où ça ? « là »"),
    (quote("🙂"), "🙂"),
    ("g", "g"),
    ("g/g", "g/g"),
    (".", "."),
    ("..", ".."),
    ("a;b,c:d&e=f", "a;b,c:d&e=f"),
    ("%00", "\0"),
    (quote("'\"\\<script>"), "'\"\\<script>"),
    ("1/2", "1/2"),
]


@pytest.mark.parametrize(("sent", "seed"), SEEDS)
def test_a_seed_may_hold_anything_a_url_can_carry(
    either: Server, tales: SequenceGenerator, sent: str, seed: str
) -> None:
    for temp in ("", "/0.5"):
        size = "20" if sent != "1/2" or temp else "x"
        if size == "x":
            continue  # /1/2/20 is size 2 and temp 20, see below
        path = f"/tales/g/{sent}/{size}{temp}?random_state=5&on_unknown=skip"
        answer = ask(either, path)
        assert answer.status == 200, answer.text
        assert answer.text == tales.generate(20, 0.5, seed, random_state=5, on_unknown="skip")


def test_raw_bytes_in_a_path_are_utf8(app_server: AppServer, tales: SequenceGenerator) -> None:
    """As curl sends an accent that was typed. gunicorn (27) refuses such a request line itself."""
    path = "/tales/g/été/20?random_state=5".encode().decode("latin-1")
    assert ask(app_server, path).text == tales.generate(20, 0.5, "été", random_state=5)


def test_size_and_temp_are_read_from_the_right(server: GunicornServer) -> None:
    """/m/g/1/2/10 is seed 1, size 2, temp 10; POST says what is meant."""
    answer = ask(server, "/tales/g/1/2/10?random_state=5", Accept="application/json")
    assert (answer.json["seed"], len(answer.json["generated"])) == ("1", 2)
    answer = ask(server, "/tales/g/a/b/7?random_state=5", Accept="application/json")
    assert (answer.json["seed"], len(answer.json["generated"])) == ("a/b", 7)
    answer = ask(server, "/tales/g/1/2/3/0.5?random_state=5", Accept="application/json")
    assert (answer.json["seed"], len(answer.json["generated"])) == ("1/2", 3)


# --- POST /<model> --------------------------------------------------------------------------------


def test_post_gives_the_same_text(either: Server, tales: SequenceGenerator) -> None:
    answer = post(either, {"seed": "le sultan", "size": 50, "temp": 0.8, "random_state": 3})
    assert answer.status == 200
    assert answer.type == "text/plain; charset=utf-8"
    assert answer.text == tales.generate(50, 0.8, "le sultan", random_state=3)


def test_post_has_defaults_for_everything(server: GunicornServer, tales: SequenceGenerator) -> None:
    answer = post(server, {"random_state": 3})
    assert answer.text == tales.generate(100, 0.5, "", random_state=3)


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "text/plain", "application/x-www-form-urlencoded", "x", "", "image/png"],
)
def test_the_body_is_json_whatever_its_content_type_says(
    server: GunicornServer, content_type: str
) -> None:
    answer = ask(server, "/tales", "POST", {"seed": "le", "size": 9}, Content_Type=content_type)
    assert (answer.status, len(answer.text)) == (200, 11)


def test_a_seed_in_json_may_be_anything(server: GunicornServer, tales: SequenceGenerator) -> None:
    seed = "a/b\n% \0 été 🙂 \"'"
    values = {"seed": seed, "size": 9, "random_state": 3, "on_unknown": "skip"}
    assert post(server, values).text == tales.generate(
        9, 0.5, seed, random_state=3, on_unknown="skip"
    )


def test_a_slash_after_the_model_changes_nothing(server: GunicornServer) -> None:
    assert ask(server, "/tales/", "POST", {"size": 3}).status == 200


# --- options of both ------------------------------------------------------------------------------

OPTIONS: list[dict[str, Any]] = [
    {"random_state": 0},
    {"random_state": 2**32 - 1},
    {"random_state": 1, "top_k": 3},
    {"random_state": 1, "top_p": 0.5},
    {"random_state": 1, "min_p": 0.2},
    {"random_state": 1, "repetition_penalty": 1.4},
    {"random_state": 1, "stateful": True},
    {"random_state": 1, "stateful": False},
    {"random_state": 1, "stop": "e"},
    {"random_state": 1, "stop": ["e", "sultan", "\n"]},
]


@pytest.mark.parametrize("options", OPTIONS, ids=repr)
def test_options_are_the_generators_by_query_and_by_json(
    server: GunicornServer, tales: SequenceGenerator, options: dict[str, Any]
) -> None:
    expected = tales.generate(60, 0.9, "le sul", **options)
    assert post(server, {"seed": "le sul", "size": 60, "temp": 0.9, **options}).text == expected
    query = "&".join(
        f"{name}={quote(str(one))}"
        for name, value in options.items()
        for one in (value if isinstance(value, list) else [value])
    )
    assert ask(server, f"/tales/g/le%20sul/60/0.9?{query}").text == expected
    assert ask(server, f"/tales?{query}", "POST", {"seed": "le sul", "size": 60, "temp": 0.9})


def test_json_goes_before_the_query(server: GunicornServer) -> None:
    answer = ask(server, "/tales?size=3", "POST", {"size": 5})
    assert len(answer.text) == 5


def test_the_path_goes_before_the_query(server: GunicornServer) -> None:
    assert len(ask(server, "/tales/g/le/5?size=3&seed=x").text) == 7


@pytest.mark.parametrize(
    ("query", "same_as"),
    [
        ("temperature=0.9", "temp=0.9"),
        ("max_tokens=7", "size=7"),
        ("length=7", "size=7"),
        ("seed=le%20&size=9&temperature=1", "seed=le%20&size=9&temp=1"),
    ],
)
def test_options_of_other_programs_are_understood_in_every_form(
    server: GunicornServer, query: str, same_as: str
) -> None:
    one, other = (ask(server, f"/tales?{each}&random_state=3") for each in (query, same_as))
    assert one.status == 200 and one.text == other.text
    assert one.headers["X-Ignored"] is None
    pairs = [part.split("=") for part in query.replace("%20", " ").split("&")]
    posted = ask(server, "/tales", "POST", {**dict(pairs), "random_state": 3})
    assert posted.text == other.text


def test_an_address_with_a_query_writes_as_the_path_does(server: GunicornServer) -> None:
    asked = ask(server, "/tales?seed=le%20sultan&size=20&temp=0.3&random_state=5")
    assert asked.text == ask(server, "/tales/g/le%20sultan/20/0.3?random_state=5").text
    assert ask(server, "/tales?seed=le%20&size=0").status == 400
    assert ask(server, "/tales?seed=le%20", "HEAD").body == b""
    assert "alphabet" in ask(server, "/tales?sead=le").json
    assert ask(server, "/tales?sead=le").headers["X-Ignored"] == '["sead"]'


def test_options_that_mean_nothing_are_named(server: GunicornServer) -> None:
    plain = ask(server, "/tales/g/le/5/0.4?temprature=1&temperature=2&random_state=1")
    assert json.loads(plain.headers["X-Ignored"]) == ["temprature", "temperature"]
    assert plain.text == ask(server, "/tales/g/le/5/0.4?random_state=1").text
    body = {"seed": "le", "size": 5, "length": 9, "é\n": 1}
    told = ask(server, "/tales", "POST", body, Accept="application/json")
    assert told.json["ignored"] == ["length", "é\n"]
    assert len(told.json["generated"]) == 5
    assert "ignored" not in ask(server, "/tales/g/le/5", Accept="application/json").json
    many = {f"{number:03}{'x' * 500}": 1 for number in range(99)}
    assert len(ask(server, "/tales", "POST", many).headers["X-Ignored"]) < 2000
    events = ask(server, "/tales/g/le/5?sise=3", Accept="text/event-stream")
    assert json.loads(events.text.split("event: done\ndata: ")[1])["ignored"] == ["sise"]


def test_unknown_options_are_passed_over(server: GunicornServer) -> None:
    """A page that breaks its cache by a query keeps working."""
    assert ask(server, "/tales/g/le/5?_=12345").status == 200


# --- forms of the answer --------------------------------------------------------------------------


def test_json_tells_everything(either: Server, tales: SequenceGenerator) -> None:
    answer = ask(either, "/tales/g/le%20sultan%20dit%20que/40?random_state=5",
                 Accept="application/json")  # fmt: skip
    assert answer.type.startswith("application/json")
    text = tales.generate(40, 0.5, "le sultan dit que", random_state=5)
    elapsed = answer.json.pop("elapsed_ms")
    assert elapsed > 0
    assert answer.json.pop("fingerprint") == tales.fingerprint()
    assert answer.json == {
        "model": "tales",
        "seed": "le sultan dit que",
        "text": text,
        "generated": text.removeprefix("le sultan dit que"),
        "finish_reason": "length",
        "random_state": 5,
        "seed_characters_used": 12,
    }


def test_a_drawn_random_state_is_told_so_that_the_text_can_be_had_again(
    server: GunicornServer,
) -> None:
    first = post(server, {"seed": "le", "size": 40}, Accept="application/json").json
    second = post(server, {"seed": "le", "size": 40}, Accept="application/json").json
    assert first["random_state"] != second["random_state"]
    values = {"seed": "le", "size": 40, "random_state": first["random_state"]}
    again = post(server, values)
    assert again.text == first["text"] != second["text"]
    plain = post(server, {"seed": "le", "size": 40})
    values["random_state"] = int(plain.headers["X-Random-State"])
    assert post(server, values).text == plain.text


def test_finish_reason_and_seed_characters(server: GunicornServer) -> None:
    stopped = post(server, {"seed": "le", "size": 500, "temp": 1, "stop": "e", "random_state": 1},
                   Accept="application/json").json  # fmt: skip
    assert stopped["finish_reason"] == "stop"
    assert "e" not in stopped["generated"]
    assert stopped["seed_characters_used"] == 2
    whole = post(server, {"seed": "le sultan dit que", "size": 1}, "flow",
                 Accept="application/json").json  # fmt: skip
    assert whole["seed_characters_used"] == 17  # the state carries all of them


JSON = "application/json"
PLAIN = "text/plain; charset=utf-8"
EVENTS = "text/event-stream; charset=utf-8"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, PLAIN),
        ("", PLAIN),
        ("*/*", PLAIN),
        ("text/*", PLAIN),
        ("text/plain", PLAIN),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", PLAIN),
        ("image/png", PLAIN),
        ("nonsense", PLAIN),
        ("application/json", JSON),
        ("Application/JSON", JSON),
        # axios asks so unless told otherwise; its pages have always been given plain text
        ("application/json, text/plain, */*", PLAIN),
        ("text/plain;q=0.5, application/json", JSON),
        ("application/json;q=0.5, text/plain", PLAIN),
        ("application/json;q=0", PLAIN),
        ("text/event-stream", EVENTS),
    ],
)
def test_accept_decides_the_form(server: GunicornServer, accept: str | None, expected: str) -> None:
    headers = {} if accept is None else {"Accept": accept}
    answer = ask(server, "/tales/g/le/5", **headers)
    assert answer.status == 200
    assert answer.type.startswith(expected)


# --- streaming ------------------------------------------------------------------------------------


def events(answer: Answer) -> Iterator[tuple[str, Any]]:
    """(name, data) of every event; a comment has none."""
    assert answer.text.endswith("\n\n")
    for block in answer.text.removesuffix("\n\n").split("\n\n"):
        name, data = "message", ""
        for line in block.split("\n"):
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                data += value
        yield name, json.loads(data)


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/tales/g/le%20sultan/60?random_state=5", {"Accept": "text/event-stream"}),
        ("/tales/g/le%20sultan/60?random_state=5&stream=1", {}),
        ("/tales/g/le%20sultan/60?random_state=5&stream=true", {"Accept": "*/*"}),
    ],
)
def test_events_carry_the_text_as_it_grows(
    either: Server, tales: SequenceGenerator, path: str, headers: dict[str, str]
) -> None:
    answer = ask(either, path, **headers)
    assert answer.status == 200
    assert answer.type == EVENTS
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["X-Accel-Buffering"] == "no"
    *pieces, (name, last) = events(answer)
    expected = tales.generate(60, 0.5, "le sultan", random_state=5)
    assert {one for one, _ in pieces} == {"message"}
    assert "".join(data["text"] for _, data in pieces) == expected.removeprefix("le sultan")
    assert all(data["text"] for _, data in pieces)
    assert name == "done"
    assert last["text"] == expected
    assert last["finish_reason"] == "length"
    assert last["random_state"] == 5


def test_plain_chunks_are_the_text(either: Server, tales: SequenceGenerator) -> None:
    answer = ask(either, "/tales/g/le%20sultan/60?random_state=5&stream=1", Accept="text/plain")
    assert answer.type == PLAIN
    assert answer.headers["Transfer-Encoding"] == "chunked"
    assert answer.text == tales.generate(60, 0.5, "le sultan", random_state=5)


def test_post_streams_too(server: GunicornServer) -> None:
    answer = post(server, {"seed": "le", "size": 30, "stream": True, "random_state": 5})
    *_, (name, last) = events(answer)
    assert (name, len(last["generated"])) == ("done", 30)


@pytest.mark.parametrize("accept", ["text/plain", "text/event-stream"])
def test_a_stream_comes_in_pieces_while_the_text_grows(server: GunicornServer, accept: str) -> None:
    """Ten thousand characters are never ready at once."""
    connection = http.client.HTTPConnection(urlsplit(server.base_url).netloc, timeout=SECONDS)
    try:
        connection.request("GET", "/tales/g/le/10000?stream=1", headers={"Accept": accept})
        response = connection.getresponse()
        assert response.headers["Content-Length"] is None
        first = response.read1(1 << 20)
        assert 0 < len(first.decode()) < 9000
        rest = response.read()
    finally:
        connection.close()
    if accept == "text/plain":
        assert len((first + rest).decode()) == 10_002


def test_stop_strings_never_show_in_a_stream(
    server: GunicornServer, tales: SequenceGenerator
) -> None:
    whole = tales.generate(200, 1.0, "le ", random_state=3)
    stop = whole[100:104]
    values = {"seed": "le ", "size": 200, "temp": 1, "random_state": 3, "stop": stop}
    answer = post(server, {**values, "stream": True})
    *pieces, (_, last) = events(answer)
    shown = "".join(data["text"] for _, data in pieces)
    assert "le " + shown == whole[: whole.index(stop, 3)] == last["text"]
    assert last["finish_reason"] == "stop"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/tales/g/%C5%92/5?stream=1", 400),
        ("/tales/g/le/0?stream=1", 400),
        ("/nobody/g/le/5?stream=1", 404),
        ("/damaged/g/le/5?stream=1", 500),
    ],
)
def test_early_errors_of_a_stream_keep_their_status(
    server: GunicornServer, path: str, status: int
) -> None:
    answer = ask(server, path, Accept="text/event-stream")
    assert answer.status == status
    assert answer.type == PLAIN


# --- seeds ----------------------------------------------------------------------------------------


def test_an_unknown_character_is_told_with_all_that_helps(server: GunicornServer) -> None:
    answer = ask(server, "/tales/g/L%E2%80%99%C3%A9t%C3%A9/5", Accept="application/json")
    assert answer.status == 400
    error = answer.json["error"]
    assert (error["type"], error["code"]) == ("invalid_request_error", "unknown_characters")
    assert error["param"] == "seed"
    assert "'L' (LATIN CAPITAL LETTER L) at position 0 (nearest: 'l')" in error["message"]
    assert "'’' (RIGHT SINGLE QUOTATION MARK) at position 1" in error["message"]


def test_changes_of_the_seed_are_reported(server: GunicornServer, tales: SequenceGenerator) -> None:
    values = {"seed": "L’été", "size": 20, "random_state": 3, "on_unknown": "nearest"}
    plain = post(server, values)
    assert plain.text == tales.generate(20, 0.5, "L’été", random_state=3, on_unknown="nearest")
    changes = [
        {"position": 0, "original": "L", "replacement": "l"},
        {"position": 1, "original": "’", "replacement": "'"},
    ]
    assert json.loads(plain.headers["X-Seed-Changes"]) == changes
    answer = post(server, values, Accept="application/json").json
    assert answer["seed_changes"] == changes
    assert answer["seed"] == "L’été"
    assert answer["text"].startswith("L’été")


def test_an_unchanged_seed_reports_nothing(server: GunicornServer) -> None:
    plain = post(server, {"seed": "le", "size": 2, "on_unknown": "nearest"})
    assert plain.headers["X-Seed-Changes"] is None


def test_a_seed_of_many_unknown_characters_has_a_header_that_clients_accept(
    server: GunicornServer,
) -> None:
    values = {"seed": "漢" * 50_000, "size": 2, "on_unknown": "skip"}
    answer = post(server, values)
    assert answer.status == 200
    assert len(answer.headers["X-Seed-Changes"]) < 8000
    assert json.loads(answer.headers["X-Seed-Changes"])[-1]["more"] > 49_000


def test_a_long_seed_works_by_post(server: GunicornServer, tales: SequenceGenerator) -> None:
    seed = "le sultan dit " * 7000
    answer = post(server, {"seed": seed, "size": 5, "random_state": 1})
    assert answer.text == seed + tales.generate(5, 0.5, seed[-12:], random_state=1)[12:]


# --- GET /<model> and GET / -----------------------------------------------------------------------


def test_the_card_tells_what_the_model_is(either: Server) -> None:
    card = ask(either, "/tales").json
    assert card["model"] == "tales"
    assert card["alphabet"] == sorted(ALPHABET)
    assert (card["layers"], card["units"], card["seq_maxlen"]) == (2, 32, 12)
    assert card["mode"] == "window"
    assert card["metrics"] == {"nats_per_character": 1.5}
    assert card["corpus"]["licence"] == "public domain"
    assert re.fullmatch("[0-9a-f]{64}", card["weights_sha256"])
    assert ask(either, "/flow").json["mode"] == "stateful"


def test_an_old_model_has_a_card_made_from_its_files(server: GunicornServer) -> None:
    card = ask(server, "/old").json
    assert (card["layers"], card["units"], card["seq_maxlen"]) == (1, 24, 7)


def test_the_root_lists_the_models_as_json(server: GunicornServer) -> None:
    answer = ask(server, "/", Accept="application/json")
    assert answer.status == 200
    assert answer.json["name"]
    assert answer.json["version"] == simpleml.__version__
    assert "tales" in json.dumps(answer.json["models"])


def test_models_of_words_generate_words(server: GunicornServer, loader: ModelLoader) -> None:
    answer = post(server, {"seed": "the sultan", "size": 6, "random_state": 2, "temp": 1}, "words")
    expected = loader.load("words").generate(6, 1.0, "the sultan", random_state=2)
    assert answer.text == expected


# --- probes, headers ------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz", "/health"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_probes_answer(either: Server, path: str, method: str) -> None:
    answer = ask(either, path, method)
    assert answer.status == 200
    assert answer.type.startswith("application/json")
    assert answer.body == b"" if method == "HEAD" else answer.json == {"status": "ok"}


def test_readyz_gives_reasons_where_there_is_nothing_to_serve(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder, reason in ((tmp_path / "empty", "holds no model"), (tmp_path / "no", "not there")):
        client = simpleml.create_app(models_dir=folder).test_client()
        for path in ("/readyz", "/healthz", "/health"):
            answer = client.get(path)
            assert answer.status_code == 503
            assert any(reason in one for one in answer.json["reasons"])
        assert client.get("/livez").status_code == 200
        write_model(folder, "x", layers=1, units=8)
        assert client.get("/readyz").status_code == 200


@pytest.mark.slow
def test_readyz_refuses_while_the_server_stops(models_dir: Path) -> None:
    app = simpleml.create_app(models_dir=models_dir)
    app.extensions["simpleml"].engine.stop()
    client = app.test_client()
    assert client.get("/readyz").status_code == 503
    assert client.get("/livez").status_code == 200
    answer = client.get("/tales/g/le/5")
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) >= 1


@pytest.mark.parametrize("path", ["/tales/g/le/3", "/tales", "/nobody", "/livez", "/tales/g/le/x"])
def test_every_answer_has_a_request_id(server: GunicornServer, path: str) -> None:
    assert ask(server, path, X_Request_Id="abc-123.X").headers["X-Request-Id"] == "abc-123.X"
    made = {ask(server, path).headers["X-Request-Id"] for _ in range(2)}
    assert len(made) == 2
    assert all(re.fullmatch(r"[0-9a-f]{16,}", one) for one in made)


@pytest.mark.parametrize("given", ["a b", "x" * 129, "é", "a;b", "<script>"])
def test_a_request_id_that_could_do_harm_is_replaced(server: GunicornServer, given: str) -> None:
    found = ask(server, "/livez", X_Request_Id=given).headers["X-Request-Id"]
    assert re.fullmatch(r"[0-9a-f]{16,}", found)


def test_head_generates_nothing(server: GunicornServer) -> None:
    answer = ask(server, "/tales/g/le/5000", "HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert ask(server, "/tales/g/%C5%92/5", "HEAD").status == 400


# --- concurrency ----------------------------------------------------------------------------------


def test_probes_answer_while_a_generation_runs(one_place: GunicornServer) -> None:
    """The arithmetic is in a native thread: the loop that serves is free all the time."""
    with endless_stream(one_place):
        for _ in range(20):
            assert ask(one_place, "/livez").status == 200


def test_many_clients_get_each_their_text(server: GunicornServer, tales: SequenceGenerator) -> None:
    found: dict[int, str] = {}

    def client(state: int) -> None:
        found[state] = ask(server, f"/tales/g/le/40?random_state={state}").text

    threads = [threading.Thread(target=client, args=(state,)) for state in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert found == {n: tales.generate(40, 0.5, "le", random_state=n) for n in range(40)}


@pytest.mark.slow
def test_an_idle_server_wakes_for_the_first_request(models_dir: Path) -> None:
    """Nothing else ticks in the worker: a lost wake-up would wait for its own timeout."""
    with GunicornServer(models_dir) as idle:
        assert ask(idle, "/tales").status == 200  # loads it
        connection = http.client.HTTPConnection(urlsplit(idle.base_url).netloc, timeout=14)
        for _ in range(3):
            connection.request("GET", "/tales/g/le/5")
            assert len(connection.getresponse().read()) >= 7
        connection.close()


def test_tensorflow_is_never_imported_while_serving(either: Server) -> None:
    assert ask(either, "/tales/g/le/5").status == 200
    pids = either.workers if isinstance(either, GunicornServer) else [either.pid]
    assert pids
    for pid in pids:
        mapped = Path(f"/proc/{pid}/maps").read_text()
        assert "onnxruntime" in mapped
        assert "tensorflow" not in mapped
        assert "keras" not in mapped


@pytest.mark.slow
def test_a_replaced_model_is_served_by_a_running_server(tmp_path: Path) -> None:
    write_model(tmp_path, "x", layers=1, units=16, seed=1)
    with GunicornServer(tmp_path) as running:
        before = ask(running, "/x/g/le/30?random_state=1").text
        assert ask(running, "/y").status == 404
        write_model(tmp_path, "x", layers=1, units=24, seed=2)
        write_model(tmp_path, "y", layers=1, units=16, seed=1)
        after = ask(running, "/x/g/le/30?random_state=1").text
        assert after == ModelLoader(tmp_path).load("x").generate(30, 0.5, "le", random_state=1)
        assert after != before
        assert ask(running, "/y/g/le/30?random_state=1").text == before


# --- limits of a server with small ones -----------------------------------------------------------


@pytest.fixture(scope="module")
def small(models_dir: Path) -> Iterator[GunicornServer]:
    """A server with one place, one waiting request and little of everything else."""
    limits = {
        "SIMPLEML_MAX_ROWS": "1",
        "SIMPLEML_MAX_WAITING": "1",
        "SIMPLEML_MAX_SIZE": "1000000",
        "SIMPLEML_MAX_SEED": "100",
        "SIMPLEML_MAX_BODY": "2000",
        "SIMPLEML_DEADLINE": "30",
    }
    with GunicornServer(models_dir, env=limits) as running:
        yield running


@pytest.fixture
def hog(small: GunicornServer) -> Iterator[Callable[[], None]]:
    """A stream that takes the only place until it is told to leave."""
    connection = http.client.HTTPConnection(urlsplit(small.base_url).netloc, timeout=SECONDS)
    connection.request("GET", "/flow/g/le/1000000?stream=1", headers={"Accept": "text/plain"})
    response = connection.getresponse()
    assert response.read1(10)

    def leave() -> None:
        connection.sock.close()
        response.close()
        connection.close()

    yield leave
    leave() if connection.sock else None
    wait_until(lambda: ask(small, "/tales/g/le/1?max_time_ms=100").status == 200, 30, "its place")


def test_a_client_that_leaves_frees_its_place(
    small: GunicornServer, hog: Callable[[], None]
) -> None:
    assert ask(small, "/tales/g/le/5?max_time_ms=100").status == 504
    hog()
    wait_until(lambda: ask(small, "/tales/g/le/5?max_time_ms=200").status == 200, 20)


def test_deadline_in_the_queue_is_504(small: GunicornServer, hog: Callable[[], None]) -> None:
    answer = ask(small, "/tales/g/le/5?max_time_ms=50", Accept="application/json")
    assert answer.status == 504
    assert answer.json["error"]["type"] == "timeout_error"
    assert answer.json["error"]["code"] == "deadline"
    assert ask(small, "/tales/g/le/5?max_time_ms=50").type == PLAIN


def test_deadline_while_running_is_200_and_what_there_is(small: GunicornServer) -> None:
    values = {"seed": "le", "size": 1_000_000, "max_time_ms": 1500, "random_state": 1}

    def cut() -> Answer | None:
        answer = post(small, values, Accept="application/json")
        return answer if answer.status == 200 else None  # 504: nothing was drawn within the time

    answer = wait_until(cut, what="a text is cut")
    assert answer.json["finish_reason"] == "length"
    assert answer.json["truncated_by"] == "time"
    assert 0 < len(answer.json["generated"]) < 1_000_000


def test_a_full_queue_is_429_with_retry_after(
    small: GunicornServer, hog: Callable[[], None]
) -> None:
    answers: list[Answer] = []

    def client() -> None:
        answers.append(ask(small, "/tales/g/le/5?max_time_ms=20000", Accept="application/json"))

    clients = [threading.Thread(target=client) for _ in range(4)]
    for one in clients:
        one.start()
    wait_until(lambda: len(answers) == 3, 15, "all but the one that may wait are refused")
    for answer in answers:
        assert answer.status == 429
        assert 1 <= int(answer.headers["Retry-After"]) <= 120
        assert answer.json["error"]["type"] == "rate_limit_error"
        assert answer.json["error"]["code"] == "queue_full"
    assert ask(small, "/livez").status == 200
    hog()
    for one in clients:
        one.join(SECONDS)
    assert answers[3].status == 200


@pytest.mark.parametrize(
    ("values", "status", "code"),
    [
        ({"size": 1_000_001}, 400, "invalid_value"),
        ({"seed": "a" * 101, "size": 1}, 413, "payload_too_large"),
        ({"seed": "a" * 3000}, 413, "payload_too_large"),
    ],
    ids=["size", "seed", "body"],
)
def test_limits_are_the_settings(
    small: GunicornServer, values: dict[str, Any], status: int, code: str
) -> None:
    answer = post(small, values, Accept="application/json")
    assert (answer.status, answer.json["error"]["code"]) == (status, code)
    assert post(small, {"seed": "a" * 100, "size": 1}).status == 200
