"""What goes wrong is said in the visitor's language: each error has words in English and French."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from models import write_model

import simpleml
from simpleml import create_app, errors

PACKAGE = Path(simpleml.__file__).parent
FOLDERS = ("common", "training", "playground", "class", "score")
NOT_OF_PAGES = {"error", "training_backend"}  # the unforeseen; what stops train.py alone


def words(language: str) -> dict[str, str]:
    """All words of all pages."""
    found: dict[str, str] = {}
    for folder in FOLDERS:
        found |= json.loads((PACKAGE / "web" / "static" / folder / f"{language}.json").read_text())
    return found


def codes() -> Iterator[str]:
    """Of every error that may be answered."""
    waiting = [errors.SimpleMLError]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if kind.__module__ == errors.__name__ and kind.code not in NOT_OF_PAGES:
            yield kind.code


def raised() -> Iterator[tuple[str, set[str] | None]]:
    """Each reason that stands in the code with the parameters beside it; None: not written out."""
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            name = getattr(getattr(node, "func", None), "id", "")
            if not isinstance(node, ast.Call) or not name.endswith("Error"):
                continue
            given = {one.arg: one.value for one in node.keywords}
            reason, params = given.get("reason"), given.get("params")
            if isinstance(reason, ast.Constant):
                keys = params.keys if isinstance(params, ast.Dict) else []
                whole = params is None or (isinstance(params, ast.Dict) and None not in keys)
                names = {str(one.value) for one in keys if isinstance(one, ast.Constant)}
                yield str(reason.value), names if whole else None


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_error_that_is_answered_has_a_sentence(language: str) -> None:
    said = words(language)
    assert [code for code in codes() if f"error.{code}" not in said] == []


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_reason_has_a_sentence_whose_gaps_are_filled(language: str) -> None:
    said = words(language)
    found = list(raised())
    assert len(found) > 20
    for reason, params in found:
        sentence = said[f"error.{reason}"]
        if params is not None:
            assert set(re.findall(r"{(\w+)}", sentence)) <= params, reason


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    models = tmp_path_factory.mktemp("ML")
    write_model(models, "tales")
    return create_app(models_dir=models, max_seed=100, max_size=1000).test_client()


@pytest.mark.parametrize(
    ("body", "reason", "params"),
    [
        ({"size": 5000}, "value_range", {"field": "size", "low": 1, "high": 1000}),
        ({"size": "many"}, "value_wrong", {"field": "size"}),
        ({"temp": -1}, "value_least", {"field": "temp", "least": 0}),
        ({"seed": "a" * 101}, "value_long", {"field": "seed", "most": 100}),
        ({"stop": list("abcde")}, "value_many", {"field": "stop", "most": 4}),
    ],
)
def test_a_refused_value_is_told_with_the_bounds_that_hold(
    client: FlaskClient, body: dict[str, Any], reason: str, params: dict[str, Any]
) -> None:
    answer = client.post("/tales", json=body, headers={"Accept": "application/json"})
    assert answer.status_code in (400, 413)
    error = answer.get_json()["error"]
    assert error["reason"] == reason, error
    assert error["params"] == params, error
