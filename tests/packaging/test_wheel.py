"""The wheel, installed into an empty environment without the checkout: it trains and serves.

uv builds and installs it, which takes seconds once its cache has the packages.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from clients import ask
from servers import Server, environment, free_port
from tflearn_oracle import TFLearnOracle

from simpleml.models.artifact import find_artifact, read_artifact

ROOT = Path(__file__).resolve().parents[2]
TALE = "Once upon a time there was a sultan, and the sultan had a vizier.\n" * 60
SMALL = [
    "--layers", "1", "--units", "16", "--epochs", "2", "--batch-size", "8", "--steps", "32",
    "--sample-every", "0", "--precision", "float32",
]  # fmt: skip


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command; returns what it wrote."""
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=environment(cwd / "ML"),
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy: setuptools leaves folders behind, and takes old files out of them."""
    pytest.importorskip("uv")
    folder = tmp_path_factory.mktemp("source")
    caches = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "simpleml", folder / "simpleml", ignore=caches)
    files = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE")
    for file in [*map(ROOT.joinpath, files), *ROOT.glob("required*.txt")]:
        shutil.copy(file, folder)
    run(sys.executable, "-m", "uv", "build", "--wheel", "--out-dir", "dist", cwd=folder)
    (built,) = (folder / "dist").glob("simpleml-*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment in which there is the wheel and what it needs to train."""
    folder = tmp_path_factory.mktemp("environment")
    uv = (sys.executable, "-m", "uv")
    run(*uv, "venv", "--python", sys.executable, folder / "venv", cwd=folder)
    run(
        *(*uv, "pip", "install", "--python", folder / "venv", f"{wheel}[train]"),
        *("--constraint", ROOT / "constraints.txt"),
        cwd=folder,
    )
    return folder / "venv" / "bin"


def test_every_file_of_the_package_is_in_the_wheel(wheel: Path) -> None:
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("simpleml/")}
    here = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "simpleml").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert packed == here


def test_the_extras_are_the_lists(wheel: Path) -> None:
    (name,) = (name for name in zipfile.ZipFile(wheel).namelist() if name.endswith("/METADATA"))
    metadata = zipfile.ZipFile(wheel).read(name).decode()
    assert re.findall(r"^Provides-Extra: (.*)$", metadata, re.M) == ["train", "gpu", "ray", "dev"]
    needed = re.findall(r"^Requires-Dist: ([\w-]+)(.*)$", metadata, re.M)
    serving = {package for package, rest in needed if "extra ==" not in rest}
    training = {package for package, rest in needed if 'extra == "train"' in rest}
    assert {"flask", "gunicorn", "onnxruntime"} <= serving
    assert {"tensorflow", "tflearn", "lxml"} <= training
    assert "tensorflow" not in serving


class Installed(Server):
    """`simpleml serve` of the wheel's environment, beside the folder ML."""

    def __init__(self, program: Path, folder: Path) -> None:
        super().__init__(folder / "ML", env={"SIMPLEML_TRAINING": "1"})
        self._program = program
        self._folder = folder

    def _launch(self) -> None:
        port = free_port()
        self.base_url = f"http://127.0.0.1:{port}"
        place = ["--host", "127.0.0.1", "--port", str(port)]
        self._process = subprocess.Popen(
            [self._program, "serve", "ML", *place],
            cwd=self._folder,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def test_it_trains_serves_and_tflearn_loads_what_it_wrote(
    installed: Path, tmp_path: Path, oracle: TFLearnOracle
) -> None:
    program = installed / "simpleml"
    (tmp_path / "tales.txt").write_text(TALE, encoding="utf-8")
    assert "simpleml " in run(program, "--version", cwd=tmp_path)
    where = run(
        *(installed / "python", "-c", "import simpleml; print(simpleml.__file__)"), cwd=tmp_path
    )
    assert where.startswith(str(installed.parent))
    run(program, "train", "tales.txt", "--name", "tales", *SMALL, cwd=tmp_path)
    with Installed(program, tmp_path) as server:
        assert len(ask(server, "/tales/g/once/20").text) >= 20
        for page in ("/", "/train", "/docs", "/openapi.json"):
            assert ask(server, page, headers={"Accept": "text/html"}).status == 200
        request = {"text": TALE, "layers": 1, "units": 8}
        looked_at = ask(server, "/v1/train/check", request, {"Content-Type": "application/json"})
        assert looked_at.status == 200, looked_at.text  # a process of its own trained some steps
        assert server.stop() == 0
    artifact = find_artifact(tmp_path / "ML", "tales")
    assert artifact is not None
    read = read_artifact(artifact)
    oracle.build(
        read.vocabulary.index,
        layers=1,
        units=16,
        seq_maxlen=read.card.seq_maxlen,
    )
    oracle.load(tmp_path / "ML" / "tales" / "tales.tfl")
    (probabilities,) = oracle.probabilities([TALE[: read.card.seq_maxlen]])
    assert abs(probabilities.sum() - 1) < 1e-5
