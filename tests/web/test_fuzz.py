"""Every route of /openapi.json with requests made up from it, fitting and not.

No answer but a described one (status, content type, headers, schema), and no 5xx but 503 and 504.
The cases are the same in every run; SIMPLEML_TEST_FUZZ=10 tries ten times as many.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from models import write_model
from schemathesis import GenerationMode
from schemathesis.specs.openapi import checks
from servers import GunicornServer

from simpleml.web.app import OPERATIONS
from simpleml.web.openapi.document import document
from simpleml.web.openapi.operation import Operation

EXAMPLES = 4
GENERATING_EXAMPLES = 15
TIMES = int(os.environ.get("SIMPLEML_TEST_FUZZ", "1"))

CONFORMANCE = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
SCHEMA = schemathesis.openapi.from_dict(document(OPERATIONS, asks_for_keys=False))


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GunicornServer]:
    """A server whose requests are short."""
    folder = tmp_path_factory.mktemp("ML")
    write_model(folder, "tales")
    write_model(folder, "flow", stateful=True, seed=1)
    env = {"SIMPLEML_MAX_SIZE": "30", "SIMPLEML_MAX_SEED": "2000", "SIMPLEML_MAX_BODY": "50000"}
    with GunicornServer(Path(folder), env=env) as running:
        yield running


def takes_values(operation: Operation) -> bool:
    return operation.query is not None or operation.body is not None


CASES = [(one, GenerationMode.POSITIVE) for one in OPERATIONS]
CASES += [(one, GenerationMode.NEGATIVE) for one in OPERATIONS if takes_values(one)]


@pytest.mark.parametrize(
    ("operation", "mode"), CASES, ids=[f"{one.id}-{mode.value}" for one, mode in CASES]
)
def test_every_answer_is_a_described_one(
    fuzzed: GunicornServer, operation: Operation, mode: GenerationMode
) -> None:
    described = SCHEMA[operation.path][operation.method.upper()]
    session = requests.Session()

    @settings(
        max_examples=TIMES * (GENERATING_EXAMPLES if takes_values(operation) else EXAMPLES),
        deadline=None,
        database=None,
        derandomize=TIMES == 1,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        case=described.as_strategy(generation_mode=mode),
        model=st.sampled_from(["tales", "flow", "tales", "flow", "flow:0.3+tales:0.7", None]),
        mix=st.sampled_from(["tales,flow", "flow:0.3,tales:0.7", None]),
        forgiving=st.sampled_from([True, True, False]),
        accept=st.sampled_from(
            [None, "application/json", "text/plain", "text/event-stream", "text/html, */*;q=0.1"]
        ),
    )
    def ask(
        case: schemathesis.Case,
        model: str | None,
        mix: str | None,
        forgiving: bool,
        accept: str | None,
    ) -> None:
        # A made-up name is hardly ever a model's.
        if model is not None and "model" in (case.path_parameters or {}):
            case.path_parameters["model"] = model
        if model is not None and isinstance(case.body, dict) and "model" in case.body:
            case.body["model"] = model
        # Nor does made-up text keep to a model's alphabet.
        if forgiving and mode is GenerationMode.POSITIVE and takes_values(operation):
            options = case.body if operation.body is not None else case.query
            if isinstance(options, dict):  # a text to train on has no options
                options["on_unknown"] = "skip"
                if mix and "mix" in options:  # nor do made-up names of members
                    options["mix"] = mix
        answer = case.call(
            base_url=fuzzed.base_url,
            session=session,
            headers={"Accept": accept} if accept else {},
            timeout=60,
        )
        case.validate_response(answer, checks=CONFORMANCE)
        # max_time_ms may be 1
        assert answer.status_code < 500 or answer.status_code in (503, 504), answer.text

    ask()


def test_wrong_values_are_refused_on_v1(fuzzed: GunicornServer) -> None:
    """What the schema of a body does not allow is answered with 4xx."""
    session = requests.Session()
    for path in ("/v1/completions", "/v1/chat/completions"):

        @settings(
            max_examples=TIMES * GENERATING_EXAMPLES,
            deadline=None,
            database=None,
            derandomize=TIMES == 1,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=SCHEMA[path]["POST"].as_strategy(generation_mode=GenerationMode.NEGATIVE))
        def ask(case: schemathesis.Case) -> None:
            if isinstance(case.body, dict) and isinstance(case.body.get("model"), str):
                case.body["model"] = "tales"
            answer = case.call(base_url=fuzzed.base_url, session=session, timeout=60)
            case.validate_response(answer, checks=[checks.negative_data_rejection])

        ask()


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE"])
def test_other_methods_are_405_with_allow(fuzzed: GunicornServer, method: str) -> None:
    for path in ("/tales", "/tales/g/a/5", "/v1/completions", "/livez", "/metrics", "/docs", "/"):
        answer = httpx.request(method, fuzzed.base_url + path, timeout=60)
        assert answer.status_code == 405, path
        assert "OPTIONS" in answer.headers["Allow"]
        assert "html" not in answer.headers["Content-Type"]


def test_server_is_as_before_after_all_that(fuzzed: GunicornServer) -> None:
    queue = httpx.get(f"{fuzzed.base_url}/api/queue", timeout=60).json()
    assert (queue["running"], queue["waiting"]) == (0, 0)
    assert "Traceback" not in fuzzed.log
    assert len(fuzzed.workers) == 1
