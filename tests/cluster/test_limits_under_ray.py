"""One replica with one place and no queue: refusals, clients that leave, bodies without end."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import openai
import pytest
from ray_nodes import Nodes
from waiting import wait_until

COMPLETION = {"model": "flow", "prompt": "once", "max_tokens": 60, "seed": 2}
FOREVER = "/tales/g/once/10000000?stream=1"


@pytest.fixture(scope="module")
def narrow(nodes: Nodes) -> Iterator[str]:
    """One replica with one place, no queue, and endless texts."""
    with nodes.serve(max_rows=1, max_waiting=0, max_size=10_000_000) as base_url:
        yield base_url


def running(base_url: str) -> float:
    page = httpx.get(f"{base_url}/metrics").text
    (line,) = (one for one in page.splitlines() if one.startswith("simpleml_requests_running "))
    return float(line.split()[1])


def test_a_refusal_is_passed_on_and_a_client_that_leaves_frees_its_row(narrow: str) -> None:
    for _ in range(3):
        with httpx.stream("GET", narrow + FOREVER, timeout=60) as stream:
            pieces = stream.iter_bytes()  # which closes the connection when it is collected
            assert next(pieces)
            assert stream.status_code == 200
            wait_until(lambda: running(narrow) == 1, what="it has the row")
            refused = httpx.post(f"{narrow}/v1/completions", json=COMPLETION, timeout=60)
            assert refused.status_code == 429
            assert int(refused.headers["Retry-After"]) >= 1
            assert refused.json()["error"]["code"] == "queue_full"
            client = openai.OpenAI(base_url=f"{narrow}/v1", api_key="none", max_retries=0)
            with pytest.raises(openai.RateLimitError) as caught:
                client.completions.create(**COMPLETION)
            assert caught.value.code == "queue_full"
            assert httpx.get(f"{narrow}/livez", timeout=60).status_code == 200
        wait_until(lambda: running(narrow) == 0, what="the row is free again")
    assert httpx.get(f"{narrow}/tales/g/once/5", timeout=60).status_code == 200


def test_a_body_without_end_is_cut_off(narrow: str) -> None:
    too_much = (b"x" * 65536 for _ in range(17))
    answer = httpx.post(
        f"{narrow}/flow", content=too_much, headers={"Accept": "application/json"}, timeout=60
    )
    assert answer.status_code == 413
    assert json.loads(answer.text)["error"]["code"] == "payload_too_large"
