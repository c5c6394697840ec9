"""docs/api.md: its curl calls and its Python are run against a server."""

from __future__ import annotations

import re
import shlex
import shutil
import string
import subprocess
import sys
from collections.abc import Iterator

import pytest
from models import write_model
from servers import ROOT, GunicornServer

from simpleml.settings import table
from simpleml.web.openapi.document import ERRORS

PAGE = (ROOT / "docs" / "api.md").read_text("utf-8")
HERE = "http://localhost:8280"
CALLS = [
    line
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.S)
    for line in block.splitlines()
    if line.startswith("curl")
]


@pytest.fixture(scope="module")
def sherlock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GunicornServer]:
    """A server with a model of that name, another one, and one of the page's keys."""
    folder = tmp_path_factory.mktemp("ML")
    write_model(folder, "sherlock", alphabet=string.ascii_letters + " ,.\n")
    write_model(folder, "shakespeare", alphabet=string.ascii_letters + " ,.\n", seed=1)
    (folder / "sherlock.txt").write_text("To Sherlock Holmes she is always the woman.\n")
    keys = {"SIMPLEML_API_KEYS": "first-secret,none", "SIMPLEML_TRAINING_KEYS": "first-secret"}
    with GunicornServer(folder, env={**keys, "SIMPLEML_TRAINING": "1"}) as running:
        yield running


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("call", CALLS)
def test_curl_call_works(sherlock: GunicornServer, call: str) -> None:
    command = shlex.split(call.replace(HERE, sherlock.base_url).replace("second-", "first-"))
    command += ["--silent", "--show-error", "--fail-with-body", "--max-time", "60"]
    if "secret" not in call:
        command += ["-H", "X-API-Key: first-secret"]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout
    assert len(done.stdout) > 10


def test_python_works(sherlock: GunicornServer) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    code = code.replace(HERE, sherlock.base_url)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout) > 600


def test_errors_and_settings_are_the_server_s() -> None:
    statuses = {int(one) for one in re.findall(r"^\| (\d{3}) \|", PAGE, re.M)}
    assert statuses == set(ERRORS)
    known = {variable for variable, _, _ in table()}
    assert set(re.findall(r"SIMPLEML_[A-Z_]+", PAGE)) <= known


def test_links_within_the_page_lead_somewhere() -> None:
    anchors = {
        re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^#+ (.*)$", PAGE, re.M)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= anchors
