"""Fixtures that all tests share: the folder with real old models, small models, servers."""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from flask import Flask
from flask.testing import FlaskClient
from models import WORDS, write_model
from servers import ONE_PLACE, AppServer, GunicornServer
from tflearn_oracle import TFLearnOracle

from simpleml import create_app

ROOT = Path(__file__).resolve().parent.parent

# How long an example takes is the machine's affair.
hypothesis.settings.register_profile("untimed", parent=hypothesis.settings(), deadline=None)
hypothesis.settings.load_profile("untimed")

FOLDERS = {
    "browser": ("browser",),
    "faults": ("faults", "slow"),
    "deploy": ("faults", "slow"),
    "harness": ("slow", "tensorflow"),
    "cluster": ("cluster", "slow"),
    "packaging": ("slow", "tensorflow"),
    "training": ("tensorflow",),
    "exactness": ("tensorflow",),
}
"""What every test of a folder is marked with."""
SLOW = (
    "test_api_docs", "test_examples", "test_fuzz", "test_hostile", "test_keys", "test_metrics",
    "test_notebook", "test_openai_client", "test_readme_blocks", "test_serve", "test_settings",
    "test_shipped_models", "test_skips", "test_supervisor", "test_training_api",
    "test_corpus_indexes", "test_training_from_a_base", "test_engine_equality", "test_service",
    "test_originality_option", "test_base_overlap", "test_command", "test_original", "test_blend",
    "test_score", "test_export_routes", "test_training_news", "test_incoming",
)  # fmt: skip
"""Files whose tests start programs of their own or look at very many cases."""
SERVERS = {"server", "app_server", "one_place"}
"""Fixtures that start a server: a test that asks for one is slow."""
ALLOWED_SKIPS = Path(__file__).with_name("allowed_skips.txt")

_skipped: set[str] = set()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark by folder and by what a test asks for."""
    for item in items:
        marks = [*FOLDERS.get(item.path.parent.name, ())]
        fixtures = set(getattr(item, "fixturenames", ()))
        if item.path.stem in SLOW or fixtures & SERVERS:
            marks.append("slow")
        if "oracle" in fixtures:
            marks.append("tensorflow")
        for mark in marks:
            item.add_marker(mark)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember why a test was skipped."""
    if report.skipped and not hasattr(report, "wasxfail") and isinstance(report.longrepr, tuple):
        _skipped.add(report.longrepr[2].removeprefix("Skipped: "))


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Remember why a file of tests was skipped."""
    if report.skipped and isinstance(report.longrepr, tuple):
        _skipped.add(report.longrepr[2].removeprefix("Skipped: "))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """With CI=1 a reason to skip that is on no list fails the run."""
    if os.environ.get("CI") != "1" or hasattr(session.config, "workerinput"):
        return
    lines = ALLOWED_SKIPS.read_text(encoding="utf-8").splitlines()
    allowed = [line.split("  # ")[0].strip() for line in lines if line and line[0] != "#"]
    unforeseen = {why for why in _skipped if not any(re.fullmatch(one, why) for one in allowed)}
    for why in sorted(unforeseen):
        print(f"\nskipped for a reason that is not in {ALLOWED_SKIPS.name}: {why}")
    if unforeseen and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(autouse=True, scope="session")
def _no_settings_from_outside() -> Iterator[None]:
    """A SIMPLEML_* variable of the caller must not decide a test."""
    patch = pytest.MonkeyPatch()
    for name in list(os.environ):
        if name.startswith("SIMPLEML_") and name != "SIMPLEML_TEST_SHARED":
            patch.delenv(name)
    yield
    patch.undo()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with corpora and old models, beside the repository unless told otherwise."""
    folder = Path(os.environ.get("SIMPLEML_TEST_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no folder {folder} with the old models (SIMPLEML_TEST_SHARED names it)")
    return folder


@pytest.fixture(scope="session")
def oracle() -> Iterator[TFLearnOracle]:
    """The real TFLearn, started once for all tests (about five seconds)."""
    if importlib.util.find_spec("tflearn") is None:  # importing it here would switch TF 2 off
        pytest.skip("TFLearn is not installed")
    with TFLearnOracle() as running:
        yield running


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder for reading only: four whole models and a broken one.

    tales     characters, windows of 12
    flow      characters, stateful
    words     words, stateful, with a symbol for unknown ones
    old       characters, windows of 7, no card
    damaged   its data file is short by one byte
    """
    folder = tmp_path_factory.mktemp("ML")
    write_model(
        folder, "tales", metrics={"nats_per_character": 1.5}, corpus={"licence": "public domain"}
    )
    write_model(folder, "flow", stateful=True, seed=1, units=48)
    write_model(
        folder, "words", level="word", alphabet=WORDS, unknown_symbol="<unk>", stateful=True, seed=2
    )
    write_model(folder, "old", layers=1, units=24, seq_maxlen=7, seed=3, card=False)
    damaged = write_model(folder, "damaged", seed=4)
    data = damaged / "damaged.tfl.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:-1])
    return folder


@pytest.fixture
def app(models_dir: Path) -> Flask:
    """An application over `models_dir`, in this process."""
    return create_app(models_dir=models_dir)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Its test client."""
    return app.test_client()


@pytest.fixture(scope="session")
def server(models_dir: Path) -> Iterator[GunicornServer]:
    """One real gunicorn with one gevent worker over `models_dir`, shared by many tests."""
    with GunicornServer(models_dir) as running:
        yield running


@pytest.fixture(scope="session")
def one_place(models_dir: Path) -> Iterator[GunicornServer]:
    """One text at a time and no queue; texts may be endless. See streams.endless_stream."""
    with GunicornServer(models_dir, env=ONE_PLACE) as running:
        yield running


@pytest.fixture(scope="session")
def app_server(models_dir: Path) -> Iterator[AppServer]:
    """`python app.py` over `models_dir`."""
    with AppServer(models_dir) as running:
        yield running
