"""Dockerfile, compose file, Kubernetes manifests and systemd unit: well-formed, and true to the
program. No container engine is needed."""

from __future__ import annotations

import json
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from clients import ask
from models import write_model
from servers import ROOT, GunicornServer

DEPLOY = ROOT / "deploy"
DOCKERFILE = DEPLOY / "Dockerfile"


def tool(name: str) -> str:
    """A program from the virtual environment or the system."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def graceful_timeout() -> int:
    """Seconds that running requests have when the server stops."""
    seconds: int = runpy.run_module("simpleml.commands.gunicorn_conf")["graceful_timeout"]
    return seconds


def instructions() -> list[tuple[str, str]]:
    """(INSTRUCTION, rest) of the Dockerfile, continued lines joined."""
    lines = [
        line for line in DOCKERFILE.read_text().splitlines() if not line.lstrip().startswith("#")
    ]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    parts = [line.split(None, 1) for line in joined.splitlines() if line.strip()]
    return [(word.upper(), rest) for word, rest in parts]


def copied() -> list[str]:
    """What the Dockerfile takes from the repository."""
    return [
        source
        for word, rest in instructions()
        if word == "COPY" and "--from" not in rest
        for source in rest.split()[:-1]
    ]


def test_dockerfile_passes_the_linter() -> None:
    checked = subprocess.run(
        [tool("hadolint"), "--no-color", str(DOCKERFILE)], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_image_runs_as_nobody_special_and_is_looked_after() -> None:
    last = dict(instructions())
    assert last["USER"].isdecimal() and last["USER"] != "0"
    assert "/readyz" in last["HEALTHCHECK"]
    assert last["EXPOSE"] == "8280"
    assert json.loads(last["VOLUME"]) == ["/app/ML"]
    assert json.loads(last["CMD"]) == ["gunicorn"]


def test_build_context_lets_through_what_is_copied_and_nothing_else() -> None:
    ignore = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    let_through = {line[1:] for line in ignore if line.startswith("!")}
    assert "*" in ignore
    assert let_through == set(copied())


def test_files_of_the_image_are_enough_to_serve(tmp_path: Path) -> None:
    for source in copied():
        assert source == "ML" or (ROOT / source).exists(), f"{source} is copied and not there"
        if source in ("ML", "required-serve.txt", "constraints.txt"):
            continue
        if (ROOT / source).is_dir():
            compiled = shutil.ignore_patterns("__pycache__")  # others write there meanwhile
            shutil.copytree(ROOT / source, tmp_path / source, ignore=compiled)
        else:
            shutil.copy(ROOT / source, tmp_path)
    write_model(tmp_path / "ML", "tales")

    class Image(GunicornServer):
        def _spawn(self, command: Any, pass_fds: Any = ()) -> None:
            self._env.pop("SIMPLEML_MODELS_DIR")
            self._process = subprocess.Popen(
                [sys.executable, *command],
                cwd=tmp_path,
                env=self._env,
                stdout=self._log,
                stderr=subprocess.STDOUT,
                pass_fds=pass_fds,
                start_new_session=True,
            )

    with Image(tmp_path / "ML") as server:
        assert ask(server, "/tales/g/once/10").status == 200
        assert "tales" in ask(server, "/v1/models").text


def test_compose_file_is_valid_and_leaves_time_to_stop() -> None:
    compose_spec = pytest.importorskip("compose_spec")
    compose = compose_spec.PyCompose.from_yaml((DEPLOY / "compose.yaml").read_text())
    compose.validate()
    server = compose.to_dict()["services"]["simpleml"]
    build = server["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).resolve() == DOCKERFILE
    assert _seconds(server["stop_grace_period"]) > graceful_timeout()
    assert server["environment"]["SIMPLEML_THREADS"] == "2"
    assert float(server["deploy"]["resources"]["limits"]["cpus"]) == 2


def _seconds(duration: str) -> float:
    units = {"h": 3600, "m": 60, "s": 1}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)([hms])", duration))


def manifests() -> dict[str, dict[str, Any]]:
    """The Kubernetes objects by kind."""
    yaml = pytest.importorskip("yaml")
    found: dict[str, dict[str, Any]] = {}
    for file in sorted((DEPLOY / "kubernetes").glob("*.yaml")):
        for document in yaml.safe_load_all(file.read_text()):
            if document:
                assert document["kind"] not in found
                found[document["kind"]] = document
    return found


@pytest.mark.parametrize("version", ["1.28", "1.32", "latest"])
def test_kubernetes_manifests_match_the_schemas(version: str) -> None:
    validator = pytest.importorskip("kubernetes_validate")
    chosen = validator.latest_version() if version == "latest" else version
    for document in manifests().values():
        validator.validate(document, chosen, strict=True)


def test_kubernetes_manifests_are_true_to_the_program() -> None:
    found = manifests()
    pod = found["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    (port,) = container["ports"]
    pause = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["terminationGracePeriodSeconds"] > pause + graceful_timeout()
    assert port["containerPort"] == 8280
    assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container["resources"]["limits"]["cpu"] == container["resources"]["requests"]["cpu"]
    labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert found["Service"]["spec"]["selector"].items() <= labels.items()
    assert found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"].items() <= labels.items()
    claims = [
        volume["persistentVolumeClaim"]["claimName"]
        for volume in pod["volumes"]
        if "persistentVolumeClaim" in volume
    ]
    assert claims == [found["PersistentVolumeClaim"]["metadata"]["name"]]
    scaler = found["HorizontalPodAutoscaler"]["spec"]
    assert scaler["scaleTargetRef"]["name"] == found["Deployment"]["metadata"]["name"]
    assert scaler["metrics"][0]["pods"]["metric"]["name"] == "simpleml_requests_waiting"
    assert "replicas" not in found["Deployment"]["spec"]


def test_autoscaler_reads_a_metric_that_the_server_has(server: GunicornServer) -> None:
    assert "simpleml_requests_waiting" in ask(server, "/metrics").text


def test_settings_named_in_deploy_exist() -> None:
    from simpleml.settings import table

    known = {variable for variable, *_ in table()}
    for file in DEPLOY.rglob("*"):
        if file.is_file():
            named = set(re.findall(r"SIMPLEML_[A-Z_]+[A-Z]", file.read_text()))
            assert named <= known, f"{file.name} names {sorted(named - known)}"


def test_systemd_unit_verifies(tmp_path: Path) -> None:
    verify = tool("systemd-analyze")
    text = (DEPLOY / "simpleml.service").read_text()
    for path in re.findall(r"^WorkingDirectory=(.*)$", text, re.MULTILINE):
        text = text.replace(f"{path}/.venv/bin/gunicorn", tool("gunicorn"))
        text = text.replace(f"WorkingDirectory={path}", f"WorkingDirectory={ROOT}")
    unit = tmp_path / "simpleml.service"
    unit.write_text(text)
    checked = subprocess.run([verify, "verify", str(unit)], capture_output=True, text=True)
    complaints = [line for line in checked.stderr.splitlines() if "simpleml" in line]
    assert checked.returncode == 0 and not complaints, checked.stderr


def test_systemd_unit_leaves_time_to_stop() -> None:
    text = (DEPLOY / "simpleml.service").read_text()
    found = re.search(r"^TimeoutStopSec=(\d+)$", text, re.MULTILINE)
    assert found and int(found[1]) > graceful_timeout()
