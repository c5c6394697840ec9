"""The questions that are asked, and the texts that are right: each was asked alone before.

Three small models: `steady` is left alone; `changing` is replaced, of which there are two versions;
`ill` is truncated, deleted and restored.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

from models import ALPHABET, write_model

from simpleml import create_app

STEADY, CHANGING, ILL = "steady", "changing", "ill"
VERSIONS = (1, 2)
BLEND = f"mix={STEADY}:0.5,{CHANGING}:0.5"


@dataclass(frozen=True)
class Question:
    """A request and all texts that may answer it."""

    model: str
    path: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    texts: frozenset[str] = frozenset()

    @property
    def head(self) -> bytes:
        """The request as it goes over a plain socket, which then is closed."""
        lines = [f"{'POST' if self.body else 'GET'} {self.path} HTTP/1.1", "Host: localhost"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines += [f"Content-Length: {len(self.body)}"] if self.body else []
        return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + (self.body or b"")


def write(models_dir: Path, model: str, version: int = 1) -> None:
    """Write a model with the program's own writer, which replaces it as a whole."""
    number = {STEADY: 10, CHANGING: 20, ILL: 30}[model] + version
    write_model(models_dir, model, stateful=model != STEADY, seed=number, units=48)


def text_of(content_type: str, body: str) -> str:
    """The text in an answer of any kind.

    Raises:
        ValueError, KeyError: a stream ended with an error, or early.
    """
    if content_type.startswith("application/json"):
        said = json.loads(body)
        return str(said["text"] if "text" in said else said["choices"][0]["text"])
    if not content_type.startswith("text/event-stream"):
        return body
    data = [line[6:] for line in body.splitlines() if line.startswith("data: ")]
    if data and data[-1] == "[DONE]":
        return "".join(json.loads(one)["choices"][0]["text"] for one in data[:-1])
    return str(json.loads(data[-1])["text"])


def questions(random: Random, folder: Path, count: int = 60) -> list[Question]:
    """Questions of all kinds with the texts that this machine gives to each, asked one by one."""
    asked = [_question(random, number) for number in range(count)]
    found: list[set[str]] = [set() for _ in asked]
    for version in VERSIONS:
        models = folder / f"known-{version}"
        write(models, STEADY)
        write(models, CHANGING, version)
        write(models, ILL)
        client = create_app(models_dir=models).test_client()
        for texts, one in zip(found, asked, strict=True):
            method = "POST" if one.body else "GET"
            answer = client.open(one.path, method=method, data=one.body, headers=dict(one.headers))
            assert answer.status_code == 200, answer.text
            texts.add(text_of(answer.content_type, answer.text))
        shutil.rmtree(models)
    return [
        Question(one.model, one.path, one.body, one.headers, frozenset(texts))
        for texts, one in zip(found, asked, strict=True)
    ]


def _question(random: Random, number: int) -> Question:
    model = (STEADY, CHANGING, ILL)[number % 3]
    letters = [one for one in ALPHABET if one.isalpha()]
    seed = "".join(random.choices(letters, k=random.randint(1, 30)))
    size, state = random.randint(20, 400), random.randrange(10**6)
    path = f"/{model}/g/{quote(seed)}/{size}?random_state={state}"
    kind = (number // 3) % 6
    if kind == 1:
        return Question(model, path, headers={"Accept": "application/json"})
    if kind == 2:
        return Question(model, path, headers={"Accept": "text/event-stream"})
    if kind == 3:
        return Question(model, f"{path}&stream=1")
    if kind == 4:
        body: dict[str, Any] = {"model": model, "prompt": seed, "max_tokens": size, "seed": state}
        body["stream"] = bool(number % 2)
        kinds = {"Content-Type": "application/json"}
        return Question(model, "/v1/completions", json.dumps(body).encode(), kinds)
    if kind == 5 and model == CHANGING:
        return Question(model, f"{path}&{BLEND}")
    return Question(model, path)
