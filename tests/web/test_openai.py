"""/v1 over HTTP: what OpenAI's contract says, held against a real server."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from flask import Flask
from flask.testing import FlaskClient
from models import ALPHABET, WORDS
from servers import GunicornServer
from streams import endless_stream
from waiting import wait_until

from simpleml.generation.batch import Batch
from simpleml.models.vocabulary import Vocabulary
from simpleml.web import run as run_module

Post = Callable[..., httpx.Response]
SYMBOLS = Vocabulary.of(ALPHABET).symbols


@pytest.fixture(scope="module")
def http(server: GunicornServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.base_url, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def complete(http: httpx.Client) -> Post:
    """POST /v1/completions of the model `tales`."""

    def post(**fields: Any) -> httpx.Response:
        return http.post("/v1/completions", json={"model": "tales", **fields})

    return post


@pytest.fixture(scope="module")
def chat(http: httpx.Client) -> Post:
    """POST /v1/chat/completions of the model `tales`."""

    def post(*messages: Any, **fields: Any) -> httpx.Response:
        said = [one if isinstance(one, dict) else user(one) for one in messages]
        return http.post(
            "/v1/chat/completions", json={"model": "tales", "messages": said, **fields}
        )

    return post


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def text_of(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    (choice,) = answer.json()["choices"]
    return str(choice["text"])


def frames(answer: httpx.Response) -> list[Any]:
    """The events of a whole stream; [DONE] as it is."""
    assert answer.status_code == 200, answer.text
    assert answer.text.endswith("\n\n")
    found = []
    for frame in answer.text[:-2].split("\n\n"):
        if not frame.startswith(":"):
            assert frame.startswith("data: ") and "\n" not in frame
            data = frame.removeprefix("data: ")
            found.append(data if data == "[DONE]" else json.loads(data))
    return found


# --- completions


def test_completion_has_openai_shape(complete: Post) -> None:
    answer = complete(prompt="le sultan ", max_tokens=20)
    body = answer.json()
    assert answer.headers["Content-Type"].startswith("application/json")
    assert body["id"].startswith("cmpl-")
    assert body["object"] == "text_completion"
    assert body["model"] == "tales"
    assert isinstance(body["created"], int)
    assert len(body["choices"][0].pop("text")) == 20
    assert body["choices"] == [{"index": 0, "logprobs": None, "finish_reason": "length"}]
    assert body["usage"] == {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}


def test_defaults_are_openai_s(complete: Post) -> None:
    answer = complete()
    assert len(text_of(answer)) == 16
    assert answer.json()["usage"]["prompt_tokens"] == 0


def test_fingerprint_says_what_makes_the_text(complete: Post, http: httpx.Client) -> None:
    """Weights, precision, mode and arithmetic, in every form; the random state beside it."""
    card = http.get("/tales").json()
    answer = complete(prompt="a", seed=9)
    fingerprint = answer.json()["system_fingerprint"]
    parts = dict(one.split("=") for one in fingerprint.split("; "))
    assert parts.pop("arithmetic").startswith("1-")
    assert parts == {
        "weights": card["weights_sha256"],
        "precision": card["precision"],
        "mode": f"window-{card['seq_maxlen']}",
    }
    plain = http.get("/tales/g/a/9", params={"random_state": 9})
    streamed = http.get("/tales/g/a/9", params={"random_state": 9, "stream": 1})
    for one in (answer, plain, streamed, complete(prompt="a", seed=9, stream=True)):
        assert one.headers["X-Fingerprint"] == fingerprint
        assert one.headers["X-Random-State"] == "9"
    json = http.get("/tales/g/a/9", headers={"Accept": "application/json"})
    assert json.json()["fingerprint"] == json.headers["X-Fingerprint"] == fingerprint
    carried = http.get("/tales/g/a/9", params={"stateful": 1}).headers["X-Fingerprint"]
    assert carried == fingerprint.replace(parts["mode"], "stateful")


def test_seed_gives_the_text_of_the_original_route(complete: Post, http: httpx.Client) -> None:
    there = http.get("/tales/g/le sultan /40/0.5", params={"random_state": 7}).text
    here = text_of(complete(prompt="le sultan ", max_tokens=40, temperature=0.5, seed=7))
    assert "le sultan " + here == there


def test_random_state_header_gives_the_text_again(complete: Post) -> None:
    first = complete(prompt="le ", max_tokens=40)
    again = complete(prompt="le ", max_tokens=40, seed=int(first.headers["X-Random-State"]))
    assert text_of(again) == text_of(first)


@pytest.mark.parametrize("seed", [7 + 2**32, 7 - 2**32, 7 + 5 * 2**64, 7.0])
def test_seed_of_any_size_is_taken_modulo_2_to_the_32(complete: Post, seed: int) -> None:
    assert text_of(complete(prompt="le ", seed=seed)) == text_of(complete(prompt="le ", seed=7))


def test_n_and_prompts_are_the_texts_of_requests_of_their_own(complete: Post) -> None:
    prompts = ["le sultan ", "", "dit : "]
    body = complete(prompt=prompts, n=2, seed=100, max_tokens=12).json()
    assert [choice["index"] for choice in body["choices"]] == list(range(6))
    for choice in body["choices"]:
        alone = complete(
            prompt=prompts[choice["index"] // 2], seed=100 + choice["index"], max_tokens=12
        )
        assert choice["text"] == text_of(alone)
    assert body["usage"] == {"prompt_tokens": 16, "completion_tokens": 72, "total_tokens": 88}


def test_token_ids_are_the_alphabet_s_indices(complete: Post) -> None:
    ids = [SYMBOLS.index(symbol) for symbol in "le sultan"]
    text = text_of(complete(prompt="le sultan", seed=3))
    assert text_of(complete(prompt=ids, seed=3)) == text
    assert text_of(complete(prompt=[ids], seed=3)) == text
    assert text_of(complete(prompt=ids, seed=3, echo=True)) == "le sultan" + text


def test_echo_begins_with_the_prompt_as_given(complete: Post) -> None:
    plain = text_of(complete(prompt="LE É", on_unknown="nearest", seed=1))
    assert text_of(complete(prompt="LE É", on_unknown="nearest", seed=1, echo=True)) == (
        "LE É" + plain
    )


def test_max_tokens_zero_with_echo_answers_the_prompt(complete: Post) -> None:
    answer = complete(prompt="le sultan", echo=True, max_tokens=0)
    assert text_of(answer) == "le sultan"
    assert answer.json()["usage"]["completion_tokens"] == 0
    streamed = frames(complete(prompt="le sultan", echo=True, max_tokens=0, stream=True))
    assert "".join(one["choices"][0]["text"] for one in streamed[:-1]) == "le sultan"


def test_stop_ends_before_the_string(complete: Post) -> None:
    whole = text_of(complete(prompt="le ", seed=5, max_tokens=60))
    stop = whole[20:23]
    answer = complete(prompt="le ", seed=5, max_tokens=60, stop=[stop, "never in it"])
    assert text_of(answer) == whole[: whole.index(stop)]
    assert answer.json()["choices"][0]["finish_reason"] == "stop"


def test_temperature_zero_and_top_k_one_take_the_likeliest(complete: Post) -> None:
    greedy = text_of(complete(prompt="le ", temperature=0))
    assert text_of(complete(prompt="le ", temperature=0)) == greedy
    assert text_of(complete(prompt="le ", top_k=1)) == greedy
    assert text_of(complete(prompt="le ", temperature=5e-324)) == greedy


def test_logit_bias_forces_and_bans(complete: Post) -> None:
    index = str(SYMBOLS.index("z"))
    assert text_of(complete(prompt="le ", logit_bias={index: 100})) == "z" * 16
    banned = {str(number): -100 for number in range(len(SYMBOLS)) if SYMBOLS[number] not in "ab"}
    assert set(text_of(complete(prompt="le ", logit_bias=banned, max_tokens=50))) <= set("ab")


def test_penalties_make_a_greedy_text_change_its_symbols(complete: Post) -> None:
    index = {str(SYMBOLS.index(one)): 50 for one in "xyz"}
    options = {"prompt": "le ", "temperature": 0, "logit_bias": index, "max_tokens": 30}
    plain = text_of(complete(**options))
    assert set(plain) <= set("xyz")
    for name in ("presence_penalty", "frequency_penalty"):
        assert text_of(complete(**options, **{name: 2})) != plain
    assert set(text_of(complete(**options, frequency_penalty=2))) == set("xyz")
    assert text_of(complete(**options, repetition_penalty=2)) != plain


def test_top_p_and_min_p_narrow_the_choice(complete: Post) -> None:
    greedy = text_of(complete(prompt="le ", temperature=0))
    assert text_of(complete(prompt="le ", top_p=1e-9)) == greedy
    assert text_of(complete(prompt="le ", min_p=1)) == greedy


def test_logprobs_are_the_network_s_whatever_the_options(complete: Post) -> None:
    options = {"prompt": "le ", "max_tokens": 8, "temperature": 0}
    body = complete(**options, logprobs=5).json()["choices"][0]
    told = body["logprobs"]
    assert "".join(told["tokens"]) == body["text"]
    assert told["text_offset"] == list(range(8))
    for token, logprob, top in zip(
        told["tokens"], told["token_logprobs"], told["top_logprobs"], strict=True
    ):
        assert top[token] == logprob == max(top.values())
        assert len(top) == 5
        assert 0 < sum(math.exp(one) for one in top.values()) <= 1 + 1e-6
    hot = complete(prompt="le ", max_tokens=1, temperature=9, seed=4, logprobs=5).json()
    assert (
        hot["choices"][0]["logprobs"]["top_logprobs"][0].items() >= told["top_logprobs"][0].items()
    )


def test_logprobs_zero_reports_the_drawn_symbol_alone(complete: Post) -> None:
    told = complete(prompt="le ", logprobs=0).json()["choices"][0]["logprobs"]
    assert [list(top) for top in told["top_logprobs"]] == [[one] for one in told["tokens"]]


def test_logprobs_with_echo_and_stop_cover_the_text(complete: Post) -> None:
    whole = text_of(complete(prompt="le ", seed=5, max_tokens=60))
    choice = complete(
        prompt="le ", seed=5, max_tokens=60, stop=whole[20:23], logprobs=1, echo=True
    ).json()["choices"][0]
    told = choice["logprobs"]
    assert "".join(told["tokens"]) == choice["text"]
    assert told["token_logprobs"][0] is None
    assert None not in told["token_logprobs"][1:]


@pytest.mark.parametrize("model", ["tales", "flow"])
def test_a_prompt_is_scored_as_if_it_had_been_written(complete: Post, model: str) -> None:
    """Its log probabilities are those of the same symbols where the model wrote them."""
    wrote = complete(model=model, prompt="l", seed=3, max_tokens=40, logprobs=3).json()["choices"][
        0
    ]
    prompt = "l" + wrote["text"]
    answer = complete(model=model, prompt=prompt, echo=True, max_tokens=0, logprobs=3).json()
    choice = answer["choices"][0]
    assert (choice["text"], choice["finish_reason"]) == (prompt, "length")
    assert answer["usage"] == {"prompt_tokens": 41, "completion_tokens": 0, "total_tokens": 41}
    told, written = choice["logprobs"], wrote["logprobs"]
    assert told["tokens"] == list(prompt)
    assert told["token_logprobs"] == [None, *written["token_logprobs"]]
    assert told["top_logprobs"] == [None, *written["top_logprobs"]]
    assert told["text_offset"] == list(range(41))


def test_what_follows_a_scored_prompt_is_what_follows_it_anyway(complete: Post) -> None:
    for model in ("tales", "flow"):
        plain = complete(model=model, prompt="le sultan", seed=4, max_tokens=30, logprobs=1)
        scored = complete(
            model=model, prompt="le sultan", seed=4, max_tokens=30, logprobs=1, echo=True
        ).json()["choices"][0]
        choice = plain.json()["choices"][0]
        assert scored["text"] == "le sultan" + choice["text"]
        assert scored["logprobs"]["top_logprobs"][9:] == choice["logprobs"]["top_logprobs"]


def test_of_a_prompt_what_the_model_reads_is_scored(complete: Post) -> None:
    """É is read as é, œ as o and e, and ☃ is not read at all."""
    told = complete(
        prompt="lÉœ☃a", on_unknown="nearest", echo=True, max_tokens=0, logprobs=1
    ).json()["choices"][0]["logprobs"]
    read = complete(prompt="léoea", echo=True, max_tokens=0, logprobs=1).json()
    first, e_acute, o, e, a = read["choices"][0]["logprobs"]["token_logprobs"]
    assert told["tokens"] == ["l", "É", "œ", "☃", "a"]
    assert told["token_logprobs"] == [first, e_acute, pytest.approx(o + e), None, a]
    assert told["text_offset"] == [0, 1, 2, 3, 4]


def test_a_scored_prompt_of_words_and_one_of_token_ids(http: httpx.Client) -> None:
    ask = {"model": "words", "echo": True, "max_tokens": 0, "logprobs": 2}
    index = Vocabulary.of(WORDS).index
    ids = [index[one] for one in ("the", " sultan", " said")]
    answers = [
        http.post("/v1/completions", json={**ask, "prompt": prompt}).json()
        for prompt in ("the sultan said", ids)
    ]
    told, of_ids = (one["choices"][0]["logprobs"] for one in answers)
    assert told["tokens"] == ["the", " sultan", " said"]
    assert [one is None for one in told["token_logprobs"]] == [True, False, False]
    assert of_ids == told


def test_streamed_prompts_are_scored_each_before_its_text(complete: Post) -> None:
    options = {
        "prompt": ["le sultan et le vizir", "l", ""], "echo": True, "logprobs": 1, "seed": 2,
        "max_tokens": 5,
    }  # fmt: skip
    whole = complete(**options).json()["choices"]
    parts = ("tokens", "token_logprobs", "top_logprobs", "text_offset")
    told: list[dict[str, list[Any]]] = [{part: [] for part in parts} for _ in whole]
    for frame in frames(complete(**options, stream=True))[:-1]:
        (choice,) = frame["choices"]
        for part in parts:
            told[choice["index"]][part] += choice["logprobs"][part]
    assert told == [one["logprobs"] for one in whole]


def test_scored_prompts_have_a_limit_together(http: httpx.Client) -> None:
    answer = http.post(
        "/v1/completions",
        json={"model": "tales", "prompt": "le" * 1000, "n": 60, "echo": True, "logprobs": 1},
    )
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (413, "prompt")
    assert "120000" in error["message"]


def test_a_word_is_a_token_of_a_word_model(http: httpx.Client) -> None:
    body = http.post(
        "/v1/completions",
        json={"model": "words", "prompt": "the sultan", "max_tokens": 5, "logprobs": 1, "seed": 1},
    ).json()
    choice = body["choices"][0]
    assert body["usage"] == {"prompt_tokens": 2, "completion_tokens": 5, "total_tokens": 7}
    assert "".join(choice["logprobs"]["tokens"]) == choice["text"]
    assert set(choice["logprobs"]["tokens"]) <= set(WORDS)


def test_null_is_absent_and_unknown_fields_are_ignored(complete: Post) -> None:
    nulls = dict.fromkeys(
        [
            "max_tokens",
            "temperature",
            "top_p",
            "n",
            "stream",
            "stop",
            "logprobs",
            "echo",
            "presence_penalty",
            "top_k",
            "min_p",
            "frequency_penalty",
            "logit_bias",
            "user",
            "suffix",
            "stream_options",
            "repetition_penalty",
        ]
    )
    plain = text_of(complete(prompt="le ", seed=2))
    assert text_of(complete(prompt="le ", seed=2, best_of=1, metadata={"a": []}, **nulls)) == plain


BAD: list[tuple[dict[str, Any], str | None, str]] = [
    ({"max_tokens": 0}, "max_tokens", "echo"),
    ({"max_tokens": -1}, "max_tokens", "greater"),
    ({"max_tokens": 10**6}, "max_tokens", "10000"),
    ({"max_tokens": "5"}, "max_tokens", "integer"),
    ({"max_tokens": True}, "max_tokens", "true or false"),
    ({"max_tokens": 1.5}, "max_tokens", "integer"),
    ({"temperature": -0.1}, "temperature", "greater"),
    ({"temperature": "hot"}, "temperature", "number"),
    ({"top_p": 0}, "top_p", "greater"),
    ({"top_p": 1.1}, "top_p", "less"),
    ({"top_k": -1}, "top_k", "greater"),
    ({"min_p": 2}, "min_p", "less"),
    ({"repetition_penalty": 0}, "repetition_penalty", "greater"),
    ({"presence_penalty": 3}, "presence_penalty", "less"),
    ({"frequency_penalty": -3}, "frequency_penalty", "greater"),
    ({"n": 0}, "n", "greater"),
    ({"n": 65}, "n", "64"),
    ({"prompt": ["a"] * 65}, "prompt", "64"),
    ({"prompt": []}, "prompt", "list"),
    ({"prompt": {"a": 1}}, "prompt", "text"),
    ({"prompt": ["a", 1]}, "prompt", "text"),
    ({"prompt": [len(SYMBOLS)]}, "prompt", "token"),
    ({"prompt": [-1]}, "prompt", "token ids"),
    ({"stop": ["a"] * 5}, "stop", "4"),
    ({"stop": ""}, "stop", "at least 1"),
    ({"stop": [1]}, "stop", "string"),
    ({"logprobs": 6}, "logprobs", "less"),
    ({"logprobs": True}, "logprobs", "true or false"),
    ({"seed": "le sultan"}, "seed", "goes into prompt"),
    ({"seed": 1.5}, "seed", "integer"),
    ({"seed": True}, "seed", "true or false"),
    ({"suffix": "the end"}, "suffix", "forwards"),
    ({"logit_bias": {"a": 1}}, "logit_bias", "pattern"),
    ({"logit_bias": {"0": 101}}, "logit_bias", "less"),
    ({"logit_bias": {str(len(SYMBOLS)): 1}}, "logit_bias", "symbols are 0 to"),
    ({"stream": "yes"}, "stream", "boolean"),
    ({"on_unknown": "guess"}, "on_unknown", "nearest"),
    ({"model": 5}, "model", "string"),
    ({"model": None}, "model", "missing"),
]


@pytest.mark.parametrize(("fields", "param", "words"), BAD, ids=[str(one[0])[:40] for one in BAD])
def test_bad_value_names_the_parameter(
    complete: Post, fields: dict[str, Any], param: str | None, words: str
) -> None:
    answer = complete(**{"prompt": "le ", **fields})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert set(error) - {"reason", "params"} == {"message", "type", "param", "code"}
    assert (error["type"], error["code"]) == ("invalid_request_error", "invalid_value")
    assert error["param"] == param
    assert words in error["message"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"a"', b"\xff", b'{"model": NaN}', b"1" * 5000]
)
def test_body_that_is_no_json_object_is_400(http: httpx.Client, body: bytes) -> None:
    answer = http.post("/v1/completions", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_value"


def test_unknown_characters_are_named_and_may_be_replaced(complete: Post) -> None:
    answer = complete(prompt="le Sultan")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (
        400, "unknown_characters", "prompt",
    )  # fmt: skip
    assert "LATIN CAPITAL LETTER S" in error["message"]
    known = text_of(complete(prompt="le sultan", seed=1))
    assert text_of(complete(prompt="le Sultan", seed=1, on_unknown="nearest")) == known


def test_unknown_model_is_404_and_lists_those_there_are(complete: Post) -> None:
    answer = complete(model="nowhere")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (404, "model_not_found")
    assert "tales" in error["message"]


def test_broken_model_is_500_and_says_which_file(complete: Post) -> None:
    answer = complete(model="damaged")
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["code"]) == (
        500, "server_error", "model_broken",
    )  # fmt: skip
    assert "damaged.tfl.data" in error["message"]


def test_prompt_that_is_too_long_is_413(complete: Post) -> None:
    answer = complete(prompt="a" * 100_001)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "payload_too_large")


def test_body_that_is_too_large_is_413(complete: Post) -> None:
    answer = complete(prompt="a" * (1 << 20))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "payload_too_large")


# --- streams


def test_stream_is_the_same_text_and_ends_with_done(complete: Post) -> None:
    whole = complete(prompt="le ", seed=8, max_tokens=50)
    answer = complete(prompt="le ", seed=8, max_tokens=50, stream=True)
    assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["X-Accel-Buffering"] == "no"
    *chunks, done = frames(answer)
    assert done == "[DONE]"
    assert "".join(one["choices"][0]["text"] for one in chunks) == text_of(whole)
    reasons = [one["choices"][0]["finish_reason"] for one in chunks]
    assert reasons == [None] * (len(chunks) - 1) + ["length"]
    assert {one["object"] for one in chunks} == {"text_completion"}
    assert len({one["id"] for one in chunks}) == 1
    assert not any("usage" in one for one in chunks)


def test_stream_of_many_texts_gives_each_its_pieces_and_its_end(complete: Post) -> None:
    options = {"prompt": ["le ", "dit"], "n": 2, "seed": 8, "max_tokens": 30, "logprobs": 2}
    whole = complete(**options).json()["choices"]
    *chunks, _ = frames(complete(**options, stream=True))
    for number, choice in enumerate(whole):
        mine = [c for one in chunks for c in one["choices"] if c["index"] == number]
        assert "".join(one["text"] for one in mine) == choice["text"]
        tokens = [token for one in mine for token in one["logprobs"]["tokens"]]
        offsets = [offset for one in mine for offset in one["logprobs"]["text_offset"]]
        assert tokens == choice["logprobs"]["tokens"]
        assert offsets == choice["logprobs"]["text_offset"]
        assert [one["finish_reason"] for one in mine][-1] == "length"


def test_stream_reports_usage_when_asked(complete: Post) -> None:
    *chunks, last, _ = frames(
        complete(prompt="le ", stream=True, stream_options={"include_usage": True})
    )
    assert last["choices"] == []
    assert last["usage"] == {"prompt_tokens": 3, "completion_tokens": 16, "total_tokens": 19}
    assert all(one["usage"] is None for one in chunks)


def test_stream_never_shows_a_part_of_a_stop_string(complete: Post) -> None:
    whole = text_of(complete(prompt="le ", seed=5, max_tokens=60))
    stop = whole[20:30]
    *chunks, _ = frames(
        complete(prompt="le ", seed=5, max_tokens=60, stop=stop, stream=True, logprobs=0)
    )
    text = "".join(one["choices"][0]["text"] for one in chunks)
    assert text == whole[: whole.index(stop)]
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    tokens = [token for one in chunks for token in one["choices"][0]["logprobs"]["tokens"]]
    assert "".join(tokens) == text


def test_stream_with_echo_begins_with_the_prompt(complete: Post) -> None:
    *chunks, _ = frames(complete(prompt="le sultan", echo=True, stream=True, seed=1))
    text = "".join(one["choices"][0]["text"] for one in chunks)
    assert text == text_of(complete(prompt="le sultan", echo=True, seed=1))


@pytest.mark.parametrize(
    ("fields", "status"),
    [({"model": "nowhere"}, 404), ({"prompt": "É"}, 400), ({"model": "damaged"}, 500)],
)
def test_early_error_of_a_stream_keeps_its_status(
    complete: Post, fields: dict[str, Any], status: int
) -> None:
    answer = complete(**{"prompt": "le ", "stream": True, **fields})
    assert answer.status_code == status
    assert set(answer.json()) == {"error"}


# --- chat completions


def test_chat_has_openai_shape(chat: Post) -> None:
    body = chat("le sultan ", max_tokens=20).json()
    assert body["id"].startswith("chatcmpl-")
    assert body["object"] == "chat.completion"
    (choice,) = body["choices"]
    assert choice["finish_reason"] == "length"
    assert choice["message"]["role"] == "assistant"
    assert len(choice["message"]["content"]) == 20
    assert body["usage"] == {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}


def test_last_user_message_is_the_prompt(chat: Post, complete: Post) -> None:
    answer = chat(
        {"role": "system", "content": "You are a teller of tales."},
        "first",
        {"role": "assistant", "content": "second", "name": "x"},
        [{"type": "text", "text": "le "}, {"type": "text", "text": "sultan"}],
        {"role": "assistant", "content": None, "tool_calls": []},
        seed=4,
        max_completion_tokens=16,
        max_tokens=5,
    )
    content = answer.json()["choices"][0]["message"]["content"]
    assert content == text_of(complete(prompt="le sultan", seed=4))


def test_chat_reads_unknown_characters_as_the_nearest_unless_told(chat: Post) -> None:
    asked = chat("L’Été 😀", seed=1).json()["choices"][0]["message"]["content"]
    assert asked == chat("l'été ", seed=1).json()["choices"][0]["message"]["content"]
    refused = chat("L’Été 😀", on_unknown="error")
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "unknown_characters")


def test_chat_stream_says_who_speaks_first(chat: Post) -> None:
    whole = chat("le ", seed=3, n=2).json()
    *chunks, done = frames(chat("le ", seed=3, n=2, stream=True))
    assert done == "[DONE]"
    assert {one["object"] for one in chunks} == {"chat.completion.chunk"}
    for choice in whole["choices"]:
        mine = [c for one in chunks for c in one["choices"] if c["index"] == choice["index"]]
        assert mine[0]["delta"] == {"role": "assistant", "content": ""}
        pieces = [one["delta"].get("content", "") for one in mine]
        assert "".join(pieces) == choice["message"]["content"]
        assert [one["finish_reason"] for one in mine] == [None] * (len(mine) - 1) + ["length"]


def test_chat_logprobs_have_bytes_and_the_likeliest(chat: Post) -> None:
    choice = chat("le ", logprobs=True, top_logprobs=3, max_tokens=6).json()["choices"][0]
    content = choice["logprobs"]["content"]
    assert "".join(one["token"] for one in content) == choice["message"]["content"]
    for one in content:
        assert bytes(one["bytes"]).decode() == one["token"]
        assert len(one["top_logprobs"]) == 3
        assert max(top["logprob"] for top in one["top_logprobs"]) >= one["logprob"]
    plain = chat("le ", logprobs=True).json()["choices"][0]["logprobs"]["content"]
    assert plain[0]["top_logprobs"] == []


@pytest.mark.parametrize(
    ("messages", "fields", "param"),
    [
        ([], {}, "messages"),
        ([{"role": "system", "content": "x"}], {}, "messages"),
        ([user([{"type": "image_url", "image_url": {"url": "x"}}])], {}, "messages"),
        ([user(5)], {}, "messages"),
        ([{"content": "x"}], {}, "messages"),
        ([user("le")], {"top_logprobs": 2}, "top_logprobs"),
        ([user("le")], {"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        ([user("le")], {"max_tokens": 0}, "max_tokens"),
        ([user("le")], {"max_completion_tokens": 10**6}, "max_completion_tokens"),
        ([user("le")], {"n": 65}, "n"),
    ],
)
def test_bad_chat_names_the_parameter(
    chat: Post, messages: list[Any], fields: dict[str, Any], param: str
) -> None:
    answer = chat(*messages, **fields)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


# --- models, routes


def test_models_are_listed_and_retrieved(http: httpx.Client) -> None:
    body = http.get("/v1/models").json()
    assert body["object"] == "list"
    assert [one["id"] for one in body["data"]] == ["damaged", "flow", "old", "tales", "words"]
    for one in body["data"]:
        assert one["object"] == "model"
        assert one["created"] > 1_600_000_000
        assert http.get(f"/v1/models/{one['id']}").json() == one


@pytest.mark.parametrize("name", ["nowhere", "org/name", "..", "%2e%2e", "v1", "é"])
def test_unknown_model_cannot_be_retrieved(http: httpx.Client, name: str) -> None:
    answer = http.get(f"/v1/models/{name.replace('/', '%2F')}")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("application/json")


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/nothing", "/v1/chat", "/v1/engines/a/b/c"])
def test_unknown_route_is_404_in_json(http: httpx.Client, path: str) -> None:
    fields = {"message", "type", "param", "code"}
    if path.strip("/") == "v1":  # no model of that name
        fields |= {"reason", "params"}
    for method in ("GET", "POST"):
        answer = http.request(method, path, headers={"Accept": "text/html"}, json={})
        assert answer.status_code == 404
        assert set(answer.json()["error"]) == fields


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/models", {"GET", "HEAD", "OPTIONS"}),
        ("POST", "/v1/models/tales", {"GET", "HEAD", "OPTIONS"}),
        ("GET", "/v1/completions", {"POST", "OPTIONS"}),
        ("PUT", "/v1/chat/completions", {"POST", "OPTIONS"}),
    ],
)
def test_wrong_method_is_405_with_allow(
    http: httpx.Client, method: str, path: str, allowed: set[str]
) -> None:
    answer = http.request(method, path)
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == allowed
    assert answer.json()["error"]["code"] == "method_not_allowed"


def test_head_and_options_answer_without_a_body(http: httpx.Client) -> None:
    head = http.head("/v1/models")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Type"] == "application/json"
    options = http.options("/v1/completions")
    assert (options.status_code, options.content) == (200, b"")
    assert "POST" in options.headers["Allow"]


# --- limits and faults, which need a server or an application of their own


@pytest.fixture(scope="module")
def hasty(server: GunicornServer) -> Iterator[httpx.Client]:
    """A server that gives a request half a second."""
    env = {
        "SIMPLEML_DEADLINE": "0.5",
        "SIMPLEML_MAX_SIZE": "10000000",
        "SIMPLEML_MAX_SEED": "1000000",
    }
    with (
        GunicornServer(server.models_dir, env=env) as running,
        httpx.Client(base_url=running.base_url, timeout=60) as http,
    ):
        for model in ("tales", "flow"):
            http.get(f"/{model}")  # loads it
        yield http


def test_deadline_cuts_the_text_and_says_so(hasty: httpx.Client) -> None:
    options = {"model": "tales", "prompt": "le ", "max_tokens": 10**7}

    def cut(**more: Any) -> httpx.Response:
        answer = hasty.post("/v1/completions", json={**options, **more})
        assert answer.status_code == 200  # 504: a busy machine drew nothing within the time
        return answer

    body = wait_until(cut, what="a text is cut").json()
    assert body["truncated_by"] == "time"
    assert body["choices"][0]["finish_reason"] == "length"
    assert 0 < len(body["choices"][0]["text"]) == body["usage"]["completion_tokens"]
    *chunks, _ = frames(wait_until(lambda: cut(stream=True), what="a stream is cut"))
    assert chunks[-1]["truncated_by"] == "time"
    assert chunks[-1]["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize("stream", [False, True])
def test_deadline_before_the_first_symbol_is_504(hasty: httpx.Client, stream: bool) -> None:
    answer = hasty.post(
        "/v1/completions", json={"model": "flow", "prompt": "a" * 900_000, "stream": stream}
    )
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["code"]) == (
        504, "timeout_error", "deadline",
    )  # fmt: skip


def test_full_queue_is_429_with_retry_after(one_place: GunicornServer) -> None:
    asked = {"model": "tales", "messages": [user("a")]}
    with endless_stream(one_place):
        answer = httpx.post(one_place.base_url + "/v1/chat/completions", json=asked, timeout=60)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["code"]) == (
        429, "rate_limit_error", "queue_full",
    )  # fmt: skip
    assert 1 <= int(answer.headers["Retry-After"]) <= 120


def test_stopping_server_is_503_with_retry_after(app: Flask, client: FlaskClient) -> None:
    app.extensions["simpleml"].engine.stop()
    answer = client.post("/v1/completions", json={"model": "tales"})
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "stopping")  # type: ignore[index]
    assert int(answer.headers["Retry-After"]) > 0


def test_failed_step_after_the_headers_is_an_event_and_the_end(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    step, begun, steps = Batch.step, threading.Event(), 0

    def failing(batch: Batch, symbols: Any) -> Any:
        nonlocal steps
        steps += 1
        if steps == 20:  # some text is there, not all
            begun.wait(30)
            raise RuntimeError("secret detail")
        return step(batch, symbols)

    monkeypatch.setattr(Batch, "step", failing)
    asked = {"model": "tales", "max_tokens": 100, "stream": True}
    answer = client.post("/v1/completions", json=asked, buffered=False)
    assert answer.status_code == 200
    begun.set()
    *_, last = answer.text.removesuffix("\n\n").split("\n\n")
    error = json.loads(last.removeprefix("data: "))["error"]
    assert (error["type"], error["code"]) == ("server_error", "generation_failed")
    assert "[DONE]" not in answer.text and "secret" not in answer.text


def test_silent_stream_sends_pings(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    step, go_on = Batch.step, threading.Event()
    steps = 0

    def slow(batch: Batch, symbols: Any) -> Any:
        nonlocal steps
        steps += 1
        if steps == 20:  # some text is there, not all
            go_on.wait(30)
        return step(batch, symbols)

    monkeypatch.setattr(Batch, "step", slow)
    monkeypatch.setattr(run_module, "PING_SECONDS", 0.02)
    asked = {"model": "tales", "max_tokens": 100, "stream": True}
    answer = client.post("/v1/completions", json=asked, buffered=False)
    seen = []
    for part in answer.response:
        seen.append(part.decode() if isinstance(part, bytes) else part)
        if seen[-1].startswith(":"):
            go_on.set()
    assert ": ping\n\n" in seen
    assert seen[-1] == "data: [DONE]\n\n"


def test_body_of_any_depth_is_no_server_error(client: FlaskClient) -> None:
    for depth in (10, *range(900, 1010), 100_000):
        body = '{"model": "nowhere", "user": ' + "[" * depth + "]" * depth + "}"
        assert client.post("/v1/completions", data=body).status_code in (400, 404), depth
