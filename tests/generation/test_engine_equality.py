"""The same request is the same text alone and among 64 others, bit for bit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from asking import Asked
from models import write_model

from simpleml import ModelLoader
from simpleml.generation.engine import Engine
from simpleml.generation.network import Precision

REQUESTS = 200
BLENDS = ["even:0.3+other:0.7", "even:0.9+other:0.1", "flow:2+odd:1+other:1", "flow+flowing"]
SEEDS = ["", "le sultan", "a", "il y avait autrefois un roi de perse", "!\n"]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Windows and carried states, sizes that fill no vector register evenly, another alphabet."""
    folder = tmp_path_factory.mktemp("ML")
    write_model(folder, "even", layers=2, units=64, seq_maxlen=12, seed=1)
    write_model(folder, "odd", layers=3, units=33, seq_maxlen=25, seed=2)
    write_model(folder, "flow", layers=2, units=50, stateful=True, seed=3)
    write_model(folder, "flowing", layers=1, units=[129], stateful=True, seed=4)
    write_model(folder, "other", alphabet=" abcdefgimnoprstuàé", seq_maxlen=9, seed=5)
    return folder


@dataclass(frozen=True)
class Spec:
    model: str
    seed: str
    each: int
    options: dict[str, Any]


def specs() -> list[Spec]:
    """200 requests that differ in everything a request can differ in."""
    rng = np.random.default_rng(11)
    made = []
    for number in range(REQUESTS):
        options: dict[str, Any] = {
            "size": int(rng.integers(1, 30)),
            "temperature": float(rng.choice([0.0, 0.2, 0.5, 1.0, 2.0])),
            "random_state": number,
        }
        extras: list[dict[str, Any]] = [
            {}, {"top_k": 5}, {"top_p": 0.8}, {"min_p": 0.1}, {"repetition_penalty": 1.3},
            {"presence_penalty": 0.5, "frequency_penalty": 0.2}, {"stop": ("e", "sul")},
            {"stateful": bool(rng.integers(2))}, {"logit_bias": ((4, 3.0),)}, {"logprobs": 3},
            {"prompt_logprobs": 2}, {"prompt_logprobs": 0, "size": 0},
        ]  # fmt: skip
        options |= extras[int(rng.integers(len(extras)))]
        made.append(
            Spec(
                model=str(rng.choice(["even", "odd", "flow", "flowing", *BLENDS])),
                seed=SEEDS[int(rng.integers(len(SEEDS)))],
                each=int(rng.choice([1, 1, 1, 2, 3])),
                options=options,
            )
        )
    return made


def outcome(asked: Asked) -> tuple[Any, ...]:
    """Everything that a client can see."""
    streams = asked.generation.streams
    logprobs = [(stream.logprobs, stream.prompt_logprobs) for stream in streams]
    return asked.texts(), asked.reasons, logprobs


@pytest.mark.parametrize(
    ("precision", "shards"), [("float32", 1), ("float32", 3), ("int8", 1), ("int8", 2)]
)
def test_batched_text_equals_solo_text(models: Path, precision: Precision, shards: int) -> None:
    """Alone on one thread; and in a crowd, on two threads a step or in shards, as it comes."""
    alone = ModelLoader(models, precision, threads=1)
    crowded = ModelLoader(models, precision, threads=2)
    solo_engine = Engine(max_rows=3, max_waiting=0)
    solo = [
        outcome(Asked(solo_engine, alone.load(spec.model), spec.seed, each=spec.each,
                      **spec.options).wait())
        for spec in specs()
    ]  # fmt: skip
    engine = Engine(max_rows=64, max_waiting=REQUESTS, shards=shards)
    asked = [
        Asked(engine, crowded.load(spec.model), spec.seed, each=spec.each, **spec.options)
        for spec in specs()
    ]
    together = [outcome(one) for one in asked]
    different = [spec for spec, a, b in zip(specs(), solo, together, strict=True) if a != b]
    assert different == []
    assert len({texts[0] for texts, *_ in solo}) > REQUESTS / 2  # they are different texts


def test_the_engines_text_is_the_generators(models: Path) -> None:
    loader = ModelLoader(models)
    engine = Engine(max_rows=64, max_waiting=REQUESTS)
    plain = [spec for spec in specs() if spec.each == 1 and "logprobs" not in spec.options][:30]
    asked = [Asked(engine, loader.load(one.model), one.seed, **one.options) for one in plain]
    for one, spec in zip(asked, plain, strict=True):
        options = dict(spec.options)
        text = loader.load(spec.model).generate(options.pop("size"), seq_seed=spec.seed, **options)
        assert spec.seed + one.text() == text
