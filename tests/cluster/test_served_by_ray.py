"""The server as replicas on two nodes: gunicorn's answers, from either."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest
from ray_nodes import Nodes, answered
from servers import GunicornServer

ASKED = [
    "/tales/g/once/40?random_state=3",
    "/tales/g/once/40/0.5?random_state=4",
    "/tales/g/a%2Fb%20%3F/30/1.3?random_state=1",
    "/flow/g/once/200/0.7?random_state=5&stateful=1",
    "/flow/g/once/60/0?stateful=1",
    "/words/g/the%20sultan/20/0.8?random_state=6",
    "/old/g/once/30/0.9?random_state=7",
]
COMPLETION = {"model": "flow", "prompt": "once", "max_tokens": 60, "seed": 2}
TEXT = {"Accept": "text/plain"}


@pytest.fixture(scope="module", params=["float32", "int8"])
def served(
    request: pytest.FixtureRequest, nodes: Nodes, models_dir: Path
) -> Iterator[tuple[str, GunicornServer]]:
    """Two replicas, and gunicorn with the same settings."""
    env = {"SIMPLEML_PRECISION": request.param}
    with (
        GunicornServer(models_dir, env=env) as gunicorn,
        nodes.serve(replicas=2, precision=request.param) as base_url,
    ):
        yield base_url, gunicorn


def test_texts_are_gunicorns_from_either_node(served: tuple[str, GunicornServer]) -> None:
    base_url, gunicorn = served
    fingerprints = set()
    for path in ASKED:
        theirs = httpx.get(gunicorn.base_url + path, headers=TEXT, timeout=60)
        assert theirs.status_code == 200
        for _ in range(4):  # a connection each: the proxy lets the replicas take turns
            ours = httpx.get(base_url + path, headers=TEXT, timeout=60)
            assert (ours.status_code, ours.text) == (200, theirs.text)
            assert ours.headers["X-Fingerprint"] == theirs.headers["X-Fingerprint"]
            assert len(ours.headers.get_list("X-Request-Id")) == 1
        fingerprints.add(theirs.headers["X-Fingerprint"])
    assert len(fingerprints) >= 4, "four models"
    assert min(answered().values()) > 0, "both replicas had their share"


def test_a_stream_is_the_same_text(served: tuple[str, GunicornServer]) -> None:
    base_url, _ = served
    path = "/tales/g/once/80/0.9?random_state=8"
    whole = httpx.get(base_url + path, headers=TEXT, timeout=60).text
    with httpx.stream("GET", f"{base_url}{path}&stream=1", headers=TEXT, timeout=60) as stream:
        assert stream.status_code == 200
        assert "".join(stream.iter_text()) == whole


def test_openai_streams(served: tuple[str, GunicornServer]) -> None:
    base_url, gunicorn = served
    texts = []
    for one in (base_url, gunicorn.base_url):
        client = openai.OpenAI(base_url=f"{one}/v1", api_key="none", max_retries=0)
        pieces = [
            chunk.choices[0].text for chunk in client.completions.create(**COMPLETION, stream=True)
        ]
        texts.append("".join(pieces))
        assert client.completions.create(**COMPLETION).choices[0].text == texts[-1]
    assert texts[0] == texts[1]
    assert len(texts[0]) == 60


def test_errors_are_ours(served: tuple[str, GunicornServer]) -> None:
    base_url, gunicorn = served
    accept = {"Accept": "application/json"}
    for path in ("/nobody/g/once/5", "/tales/g/once/0", "/damaged/g/once/5", "/nothing/at/all"):
        ours, theirs = (
            httpx.get(one + path, headers=accept, timeout=60)
            for one in (base_url, gunicorn.base_url)
        )
        assert ours.status_code == theirs.status_code >= 400
        assert ours.json() == theirs.json()
