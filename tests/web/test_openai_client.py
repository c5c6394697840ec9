"""The official openai client against a real server, as people will use it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types import Completion
from servers import GunicornServer
from waiting import wait_until


@pytest.fixture(scope="module")
def client(server: GunicornServer) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{server.base_url}/v1", api_key="none", max_retries=0) as client:
        yield client


def test_models_are_listed_and_retrieved(client: OpenAI) -> None:
    names = [model.id for model in client.models.list()]
    assert "tales" in names
    assert client.models.retrieve("tales").id == "tales"
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("nowhere")
    assert caught.value.code == "model_not_found"


def test_completion(client: OpenAI) -> None:
    answer = client.completions.create(
        model="tales",
        prompt=["le sultan ", "dit "],
        n=2,
        max_tokens=20,
        temperature=0.5,
        seed=7,
        logprobs=3,
        echo=True,
        stop=["never there"],
        extra_body={"top_k": 5, "min_p": 0.01, "repetition_penalty": 1.1},
    )
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    for choice, prompt in zip(
        answer.choices, ["le sultan ", "le sultan ", "dit ", "dit "], strict=True
    ):
        assert choice.text.startswith(prompt)
        assert choice.finish_reason == "length"
        assert choice.logprobs is not None and choice.logprobs.tokens is not None
        assert "".join(choice.logprobs.tokens) == choice.text
    assert answer.usage is not None and answer.usage.completion_tokens == 80
    assert answer.system_fingerprint


def test_streamed_completion(client: OpenAI) -> None:
    whole = client.completions.create(model="tales", prompt="le ", max_tokens=50, seed=3)
    stream = client.completions.create(
        model="tales",
        prompt="le ",
        max_tokens=50,
        seed=3,
        stream=True,
        stream_options={"include_usage": True},
    )
    *chunks, last = stream
    assert "".join(chunk.choices[0].text for chunk in chunks) == whole.choices[0].text
    assert chunks[-1].choices[0].finish_reason == "length"
    assert last.choices == [] and last.usage == whole.usage


def test_chat(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="tales",
        messages=[
            {"role": "system", "content": "Tell tales."},
            {"role": "user", "content": [{"type": "text", "text": "L’Été, "}]},
        ],
        max_completion_tokens=20,
        seed=7,
        logprobs=True,
        top_logprobs=2,
    )
    (choice,) = answer.choices
    assert choice.message.role == "assistant"
    assert choice.message.content is not None and len(choice.message.content) == 20
    assert choice.logprobs is not None and choice.logprobs.content is not None
    assert "".join(one.token for one in choice.logprobs.content) == choice.message.content


def test_streamed_chat(client: OpenAI) -> None:
    stream = client.chat.completions.create(
        model="tales", messages=[{"role": "user", "content": "le "}], max_tokens=30, stream=True
    )
    first, *chunks = stream
    assert first.choices[0].delta.role == "assistant"
    assert len("".join(chunk.choices[0].delta.content or "" for chunk in chunks)) == 30
    assert chunks[-1].choices[0].finish_reason == "length"


def test_many_streams_at_once_with_the_async_client(server: GunicornServer) -> None:
    async def text(client: AsyncOpenAI, seed: int) -> str:
        stream = await client.completions.create(
            model="flow", prompt="le ", max_tokens=60, seed=seed, stream=True
        )
        return "".join([chunk.choices[0].text async for chunk in stream])

    async def ask() -> tuple[list[str], list[str]]:
        async with AsyncOpenAI(
            base_url=f"{server.base_url}/v1", api_key="none", max_retries=0
        ) as client:
            together = await asyncio.gather(*(text(client, seed) for seed in range(20)))
            return list(together), [await text(client, seed) for seed in range(20)]

    together, alone = asyncio.run(ask())
    assert together == alone
    assert len(set(alone)) > 1


def test_stream_that_is_left_early_frees_its_place(one_place: GunicornServer) -> None:
    with OpenAI(base_url=f"{one_place.base_url}/v1", api_key="none", max_retries=0) as client:
        for _ in range(3):
            stream = endless_stream(client)
            next(iter(stream))
            stream.close()


def endless_stream(client: OpenAI) -> openai.Stream[Completion]:
    """A stream that would not end; waits until the only place is free."""

    def ask() -> openai.Stream[Completion]:
        return client.completions.create(model="tales", prompt="", max_tokens=10**6, stream=True)

    return wait_until(ask, what="the place is free")


def test_errors_are_the_client_s_own_exceptions(client: OpenAI, one_place: GunicornServer) -> None:
    with pytest.raises(openai.BadRequestError) as bad:
        client.completions.create(model="tales", prompt="Œ")
    assert (bad.value.code, bad.value.param) == ("unknown_characters", "prompt")
    with pytest.raises(openai.BadRequestError) as hint:
        client.completions.create(model="tales", prompt="", seed="le sultan")  # type: ignore[call-overload]
    assert "goes into prompt" in str(hint.value)
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="nowhere", messages=[{"role": "user", "content": ""}])
    with pytest.raises(openai.InternalServerError) as broken:
        client.completions.create(model="damaged", prompt="")
    assert broken.value.code == "model_broken"
    with (
        OpenAI(base_url=f"{one_place.base_url}/v1", api_key="none", max_retries=0) as busy,
        endless_stream(busy) as stream,
    ):
        next(iter(stream))
        with pytest.raises(openai.RateLimitError) as full:
            busy.completions.create(model="tales", prompt="")
    assert full.value.code == "queue_full"
    assert int(full.value.response.headers["Retry-After"]) >= 1
