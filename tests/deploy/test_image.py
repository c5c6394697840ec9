"""The image of deploy/Dockerfile, really built and run: user, rights, size, ports, texts.

`make test-image` installs what it needs where it is missing, and builds the one for training too.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from images import Builder, Container, Image
from servers import ROOT
from waiting import wait_until

from simpleml import ModelLoader

MOST_BYTES = 720_000_000
"""Of the whole image on Debian's own Python (some 250 MB), with the models of ML/ (115 MB)."""
MOST_BYTES_TRAIN = 3_300_000_000
TRAIN = os.environ.get("SIMPLEML_TEST_TRAIN_IMAGE") == "1"
PATH = "/contes/g/Il%20%C3%A9tait/80/1.0?random_state=7"
NO_CAPABILITIES = {f"Cap{kind}": "0" * 16 for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")}


@pytest.fixture(scope="session")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builder]:
    """buildah, whose storage is emptied afterwards: it is gigabytes, and mounted."""
    made = Builder(tmp_path_factory.mktemp("images"))
    yield made
    made("rm", "--all")
    made("rmi", "--all", "--force")


@pytest.fixture(scope="session")
def image(builder: Builder) -> Image:
    return builder.build("serve")


@pytest.fixture(scope="session")
def container(image: Image) -> Iterator[Container]:
    """The image as it runs by itself, ready."""
    with image.running() as running:
        wait_until(lambda: running.ask("/readyz"), 60, "the image's server is ready")
        yield running


def status(container: Container) -> dict[str, str]:
    lines = Path(f"/proc/{container.first.pid}/status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def test_it_runs_as_its_user_without_capabilities(container: Container) -> None:
    said = status(container)
    assert said["Uid"].split() == said["Gid"].split() == ["10001"] * 4
    assert {name: said[name] for name in NO_CAPABILITIES} == NO_CAPABILITIES
    assert said["NSpid"].split()[-1] == "1"
    assert "gunicorn" in " ".join(container.first.cmdline())


def test_its_texts_are_those_of_the_checkout(container: Container) -> None:
    here = ModelLoader(ROOT / "ML").load("contes").generate(80, 1.0, "Il était", random_state=7)
    assert container.ask(PATH) == here


@pytest.mark.parametrize("place", ["/app", "/app/ML", "/app/simpleml", "/opt/venv", "/etc", "/"])
def test_its_files_cannot_be_written_by_anyone(container: Container, place: str) -> None:
    for user, why in (("10001", ("Permission denied", "Read-only")), ("0", ("Read-only",))):
        done = container.python(f"open({place + '/mine'!r}, 'w')", user)
        assert done.returncode != 0 and any(one in done.stderr for one in why), done.stderr


def test_nothing_but_its_port_listens(container: Container) -> None:
    assert container.listening() == {8280}
    assert list(container.image.config["ExposedPorts"]) == ["8280/tcp"]


def test_its_health_check_is_kept_and_says_when_it_is_well(image: Image) -> None:
    check = image.config["Healthcheck"]
    assert check["Interval"] == 15e9 and check["Retries"] == 3
    kind, program, option, code = check["Test"]
    assert (kind, program, option) == ("CMD", "python", "-c")
    with image.running() as well:
        wait_until(lambda: well.python(code).returncode == 0, 60, "the check is content")
    with image.running(["sleep", "600"]) as ill:
        assert "Connection refused" in ill.python(code).stderr


def test_it_ends_by_itself_when_it_is_stopped(image: Image) -> None:
    with image.running() as running:
        wait_until(lambda: running.ask("/readyz"), 60, "the image's server is ready")
        assert running.stop() == 0
        assert "Traceback" not in running.log


def test_it_is_small_and_holds_nothing_of_the_build(image: Image) -> None:
    assert image.bytes < MOST_BYTES
    within = {path.name for path in (image.root / "app").iterdir()}
    assert within == {"app.py", "train.py", "gunicorn.conf.py", "simpleml", "ML", "__pycache__"}
    assert not (image.root / "build").exists()
    assert not list((image.root / "root").glob(".cache"))
    packages = {path.name for path in image.root.glob("opt/venv/lib/python3*/site-packages/*")}
    assert "flask" in packages and "tensorflow" not in packages
    assert not (image.root / "etc" / "pip.conf").exists() or not (
        (image.root / "etc" / "pip.conf").read_text()
    )


@pytest.mark.skipif(not TRAIN, reason="the image for training takes gigabytes: make test-image")
def test_the_one_for_training_trains_what_it_then_serves(builder: Builder, tmp_path: Path) -> None:
    image = builder.build("train")
    assert image.bytes < MOST_BYTES_TRAIN
    models = tmp_path / "ML"
    models.mkdir()
    (models / "tale.txt").write_text("Once upon a time there was a sultan who told tales. " * 400)
    for path in (models, models / "tale.txt"):
        shutil.chown(path, 10001, 10001)
    command = ["python", "train.py", "ML/tale.txt", "--name", "tale", "--epochs", "1"]
    with image.running([*command, "--units", "16", "--layers", "1"], models) as training:
        assert training.process.wait(600) == 0, training.log
    with image.running(models=models) as running:
        wait_until(lambda: running.ask("/readyz"), 60, "the image's server is ready")
        assert len(running.ask("/tale/g/once/20?random_state=1")) == 24
