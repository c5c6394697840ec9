"""/metrics of real servers, read with prometheus_client's own parser."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from models import write_model
from prometheus_client.parser import text_string_to_metric_families
from servers import AppServer, GunicornServer, Server
from streams import endless_stream, unread_request
from waiting import wait_until

from simpleml import create_app
from simpleml.errors import SettingsError

SEED = "le secret du vizir "

# Name and kind of everything that is promised.
PROMISED = {
    "simpleml_requests": "counter",
    "simpleml_generated_characters": "counter",
    "simpleml_requests_rejected": "counter",
    "simpleml_request_duration_seconds": "histogram",
    "simpleml_time_to_first_character_seconds": "histogram",
    "simpleml_queue_duration_seconds": "histogram",
    "simpleml_requests_running": "gauge",
    "simpleml_requests_waiting": "gauge",
    "simpleml_model_loaded": "gauge",
    "simpleml_model_validation_bits_per_character": "gauge",
}


class Page:
    """One reading of /metrics."""

    def __init__(self, server: Server) -> None:
        # A connection of its own, so that any worker may answer.
        self.answer = httpx.get(f"{server.base_url}/metrics", timeout=60)
        self.families = {one.name: one for one in text_string_to_metric_families(self.answer.text)}

    def sum(self, sample: str, **labels: str) -> float:
        """Sum of all samples of that name that have these labels."""
        return sum(
            one.value
            for family in self.families.values()
            for one in family.samples
            if one.name == sample and labels.items() <= one.labels.items()
        )

    def labels(self, name: str) -> set[str]:
        return {
            value
            for family in self.families.values()
            for one in family.samples
            for key, value in one.labels.items()
            if key == name
        }


@pytest.fixture(scope="module")
def measured_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder of which one model has a figure on its card."""
    folder = tmp_path_factory.mktemp("ML")
    write_model(folder, "tales", metrics={"bits_per_character": 2.25, "nats": 1.56})
    write_model(folder, "flow", stateful=True, seed=1, metrics={})
    write_model(folder, "unused", card=False)
    return folder


@pytest.fixture(scope="module")
def two_workers(measured_dir: Path) -> Iterator[GunicornServer]:
    """Each worker runs one request and lets one wait."""
    env = {"SIMPLEML_MAX_ROWS": "1", "SIMPLEML_MAX_WAITING": "1", "SIMPLEML_MAX_SIZE": "10000000"}
    with GunicornServer(measured_dir, workers=2, env=env) as running:
        wait_until(lambda: len(running.workers) == 2, what="two workers")
        yield running


@pytest.fixture(scope="module", params=["two workers", "app.py"])
def counted(request: pytest.FixtureRequest, measured_dir: Path) -> Iterator[Server]:
    if request.param == "two workers":
        yield request.getfixturevalue("two_workers")
    else:
        with AppServer(measured_dir) as running:
            yield running


def get(server: Server, path: str, **options: Any) -> httpx.Response:
    return httpx.get(server.base_url + path, timeout=60, **options)


def test_page_holds_what_is_promised_in_the_right_type(counted: Server) -> None:
    get(counted, f"/tales/g/{SEED}/5")
    page = wait_until(
        lambda: page if (page := Page(counted)).families.keys() >= PROMISED.keys() else None,
        what="every family is there",
    )
    assert page.answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert {name: page.families[name].type for name in PROMISED} == PROMISED
    assert all(family.documentation for family in page.families.values())


def test_requests_of_all_workers_are_counted(counted: Server) -> None:
    labels = {"model": "flow", "route": "/<model>/g/<rest>", "status": "200"}
    watched: list[tuple[str, float, dict[str, str]]] = [
        ("simpleml_requests_total", 12, labels),
        ("simpleml_requests_total", 13, {"model": "flow"}),
        ("simpleml_generated_characters_total", 136, {"model": "flow"}),
        ("simpleml_request_duration_seconds_count", 13, {}),
        ("simpleml_time_to_first_character_seconds_count", 13, {}),
        ("simpleml_queue_duration_seconds_count", 13, {}),
    ]
    before = Page(counted)
    for _ in range(12):
        assert get(counted, f"/flow/g/{SEED}/10").status_code == 200
    httpx.post(counted.base_url + "/v1/completions", json={"model": "flow"}, timeout=60)

    def counted_all() -> bool:
        page = Page(counted)
        for name, change, which in watched:
            assert page.sum(name, **which) - before.sum(name, **which) == change, name
        return True

    assert wait_until(counted_all, what="13 requests are counted")


def test_streams_are_counted_at_their_end(counted: Server) -> None:
    before = Page(counted).sum("simpleml_generated_characters_total", model="tales")
    body = {"model": "tales", "max_tokens": 70, "n": 1, "stream": True}
    answer = httpx.post(counted.base_url + "/v1/completions", json=body, timeout=60)
    assert answer.text.endswith("data: [DONE]\n\n")
    wait_until(
        lambda: (
            Page(counted).sum("simpleml_generated_characters_total", model="tales") - before == 70
        ),
        what="70 characters are counted",
    )


def test_labels_hold_no_seed_and_no_unknown_name(counted: Server) -> None:
    for path in (f"/tales/g/{SEED}/5", f"/{SEED}", f"/{SEED}/g/a/5", "/a/b/c/d", "/v1/models/xyz"):
        get(counted, path)
    page = Page(counted)
    assert page.labels("model") <= {"", "tales", "flow", "unused"}
    assert "" in page.labels("route")
    assert "vizir" not in page.answer.text and "xyz" not in page.answer.text


def test_model_gauges_tell_what_is_loaded_and_how_good_it_is(counted: Server) -> None:
    get(counted, "/tales/g/a/5")
    page = wait_until(
        lambda: (
            page if (page := Page(counted)).sum("simpleml_model_loaded", model="tales") else None
        ),
        what="the model is loaded",
    )
    loaded = {
        one.labels["model"]: one.value for one in page.families["simpleml_model_loaded"].samples
    }
    assert loaded["tales"] == 1
    assert loaded["unused"] == 0
    (quality,) = page.families["simpleml_model_validation_bits_per_character"].samples
    assert (quality.labels, quality.value) == ({"model": "tales"}, 2.25)


def test_rejections_are_counted_by_reason(counted: Server) -> None:
    assert Page(counted).sum("simpleml_requests_rejected_total", reason="stopping") == 0
    before = Page(counted).sum("simpleml_requests_rejected_total", reason="payload_too_large")
    answer = httpx.post(counted.base_url + "/tales", content=b"a" * (2 << 20), timeout=60)
    assert answer.status_code == 413
    wait_until(
        lambda: (
            Page(counted).sum("simpleml_requests_rejected_total", reason="payload_too_large")
            == before + 1
        ),
        what="the rejection is counted",
    )


def test_gauges_follow_the_engines_of_all_workers(two_workers: GunicornServer) -> None:
    with ExitStack() as streams:
        streams.enter_context(endless_stream(two_workers))
        wait_until(lambda: Page(two_workers).sum("simpleml_requests_running") == 1, what="1 runs")
        # Two workers have a place each: of three requests one waits, wherever they went.
        for _ in range(2):
            streams.enter_context(unread_request(two_workers))
        wait_until(lambda: Page(two_workers).sum("simpleml_requests_waiting") == 1, what="1 waits")
    wait_until(lambda: Page(two_workers).sum("simpleml_requests_running") == 0, what="none runs")
    wait_until(lambda: Page(two_workers).sum("simpleml_requests_waiting") == 0, what="none waits")


def test_full_queue_is_counted(one_place: GunicornServer) -> None:
    def rejected() -> float:
        return Page(one_place).sum("simpleml_requests_rejected_total", reason="queue_full")

    with endless_stream(one_place):
        before = rejected()
        assert get(one_place, "/flow/g/a/5").status_code == 429
        wait_until(lambda: rejected() == before + 1, what="the rejection is counted")
        page = Page(one_place)
    assert page.sum("simpleml_requests_total", status="429", route="/<model>/g/<rest>") == 1


def test_killed_worker_leaves_its_counts_and_not_its_gauges(two_workers: GunicornServer) -> None:
    def tales() -> float:
        return Page(two_workers).sum("simpleml_requests_total", model="tales")

    before = tales() + 1
    get(two_workers, "/tales/g/a/5")
    wait_until(lambda: tales() == before, what="the request is counted")
    with endless_stream(two_workers):
        wait_until(lambda: Page(two_workers).sum("simpleml_requests_running") == 1, what="1 runs")
        for pid in two_workers.workers:  # nothing outside tells which of them runs it
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: Page(two_workers).sum("simpleml_requests_running") == 0, what="0 run")
    assert tales() == before


def test_folder_that_cannot_be_made_stops_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "file" / "metrics"))
    with pytest.raises(SettingsError, match="PROMETHEUS_MULTIPROC_DIR"):
        create_app(models_dir=tmp_path)
