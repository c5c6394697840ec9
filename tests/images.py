"""Images that are really built: buildah for building, namespaces for running, both as root.

    builder = Builder(folder)                    # its own storage, a base of Debian's packages
    image = builder.build("serve")
    with image.running(["gunicorn"]) as container:
        container.python("print(1)")             # inside, as the image's user

A container here is what an engine makes of an image: its user, its command, its environment, a root
that cannot be written, no capabilities, processes and a network of its own. No engine, no registry
and no network device are needed. Nothing of the machine goes into the repository: where pip finds
its packages is lent to the build, and stays in a storage that is thrown away.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil
import pytest
from servers import ROOT
from waiting import wait_until

DEPLOY = ROOT / "deploy"
BASE_PACKAGES = "python3,python3-venv,ca-certificates"
PULLED = "docker.io/library/python:3.11-slim-bookworm"
BUILD_SECONDS = 1500
_OF_THE_INDEX = ("index-url", "extra-index-url", "cert", "proxy", "trusted-host", "timeout")
_ENTER = """
set -eu
mount --bind "$1" "$1"
mount -o remount,bind,ro "$1"
mount -t proc proc "$1/proc"
mount -t tmpfs tmpfs "$1/tmp"
mount -t tmpfs tmpfs "$1/dev"
mkdir -m 1777 "$1/dev/shm"
for name in null zero urandom; do
    touch "$1/dev/$name"
    mount --bind "/dev/$name" "$1/dev/$name"
done
if [ -n "$2" ]; then mount --bind "$2" "$1/app/ML"; fi
ip link set lo up
user=$3
cd "$1"
shift 3
exec chroot . setpriv --reuid "$user" --regid "$user" --clear-groups \
    --bounding-set=-all --inh-caps=-all --no-new-privs env --ignore-environment "$@"
"""


class Builder:
    """buildah with a storage of its own, and a base to build on."""

    def __init__(self, folder: Path) -> None:
        """Skips the test where buildah, root or a base is not to be had."""
        if shutil.which("buildah") is None:
            pytest.skip("buildah is not installed")
        if os.getuid() != 0:
            pytest.skip("an image is built and run by root alone here")
        self.folder = folder
        self._driver = "overlay"
        if self._try("info").returncode:  # the folder itself lies on an overlay
            self._driver = "vfs"
            shutil.rmtree(folder / "storage", ignore_errors=True)
        self.base = self._make_base() if shutil.which("mmdebstrap") else self._pull_base()

    def _try(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        place = ["--root", f"{self.folder}/storage", "--runroot", f"{self.folder}/run"]
        command = ["buildah", "--storage-driver", self._driver, *place, *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=BUILD_SECONDS)

    def __call__(self, *arguments: str) -> str:
        """What a call of buildah prints; fails with what it complained of."""
        done = self._try(*arguments)
        assert done.returncode == 0, f"buildah {arguments[0]}: {done.stdout[-3000:]}{done.stderr}"
        return done.stdout.strip()

    def _make_base(self) -> str:
        tar = self.folder / "base.tar"
        command = ["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase"]
        command += [f"--include={BASE_PACKAGES}", "bookworm", str(tar)]
        made = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_SECONDS)
        if made.returncode:
            pytest.skip("Debian's packages cannot be fetched for a base")
        container = self("from", "scratch")
        self("add", container, str(tar), "/")
        self("commit", "--rm", container, "base")
        tar.unlink()
        return "localhost/base"

    def _pull_base(self) -> str:
        if self._try("pull", "--retry", "0", PULLED).returncode:
            pytest.skip(f"mmdebstrap is not installed and {PULLED} cannot be pulled")
        return PULLED

    def build(self, target: str) -> Image:
        """A target of deploy/Dockerfile, from what its .dockerignore lets through."""
        lent = [f"--volume={own}:{there}:ro" for own, there in self._index()]
        self(
            "build", "--isolation", "chroot", "--format", "docker", "--layers",
            "--file", str(DEPLOY / "Dockerfile"),
            "--ignorefile", str(DEPLOY / "Dockerfile.dockerignore"),
            "--build-arg", f"BASE={self.base}", "--target", target, *lent, "--tag", target,
            str(ROOT),
        )  # fmt: skip
        return Image(self, target)

    def _index(self) -> list[tuple[str, str]]:
        """Where this machine's pip finds packages, as files that are mounted while pip runs."""
        listed = subprocess.run(
            [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True
        ).stdout
        said = dict(line.split("=", 1) for line in listed.splitlines() if "=" in line)
        lines, files = ["[global]"], []
        for option in _OF_THE_INDEX:
            value = said.get(f":env:.{option}", said.get(f"global.{option}", "")).strip("'\"")
            value = " ".join(one for one in value.split() if not one.startswith("file:"))
            if value:
                lines.append(f"{option} = {value}")
            if value and option == "cert":
                files.append((value, value))
        conf = self.folder / "pip.conf"
        conf.write_text("\n".join(lines) + "\n")
        return [(str(conf), "/etc/pip.conf"), *files]


class Image:
    """An image that was built."""

    def __init__(self, builder: Builder, name: str) -> None:
        self._builder, self.name = builder, name

    @cached_property
    def _inspected(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._builder("inspect", "--type", "image", self.name))
        return found

    @property
    def config(self) -> dict[str, Any]:
        """What an engine is told of it, in Docker's format: User, Cmd, Env, Healthcheck, …"""
        config: dict[str, Any] = self._inspected["Docker"]["config"]
        return config

    @cached_property
    def root(self) -> Path:
        """Its files."""
        return Path(self._builder("mount", self._builder("from", self.name)))

    @property
    def bytes(self) -> int:
        """What its files hold, those of the base included."""
        counted = subprocess.run(
            ["du", "--summarize", "--one-file-system", "--block-size=1", str(self.root)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return int(counted.stdout.split()[0])

    @contextmanager
    def running(
        self,
        command: Sequence[str] = (),
        models: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Iterator[Container]:
        """Run its command, or another one, as an engine does.

        Args:
            models: a folder mounted over /app/ML, to be written by the image's user.
            environment: beside the image's own.
        """
        variables = [*self.config["Env"], *(f"{k}={v}" for k, v in (environment or {}).items())]
        where = ["--chdir", self.config["WorkingDir"]]
        words = [*where, *variables, *(command or self.config["Cmd"])]
        places = [str(self.root), str(models or ""), self.config["User"]]
        with tempfile.TemporaryFile() as log:
            process = subprocess.Popen(
                ["unshare", "--net", "--pid", "--ipc", "--uts", "--mount", "--fork", "--kill-child",
                 "sh", "-c", _ENTER, "sh", *places, *words],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
            try:
                yield Container(process, self, log.fileno())
            finally:
                if process.poll() is None:
                    process.kill()
                process.wait()


@dataclass(frozen=True)
class Container:
    """An image that runs: process 1 of namespaces of its own."""

    process: subprocess.Popen[bytes]
    image: Image
    _log: int

    @property
    def log(self) -> str:
        """What it wrote so far."""
        return os.pread(self._log, os.fstat(self._log).st_size, 0).decode("utf-8", "replace")

    @property
    def first(self) -> psutil.Process:
        """Its process 1, once it is the image's own program."""

        def find() -> psutil.Process | None:
            assert self.process.poll() is None, self.log
            (one,) = psutil.Process(self.process.pid).children()
            return one if str(one.uids().real) == self.image.config["User"] else None

        return wait_until(find, what="the image's command runs")

    def python(self, code: str, user: str = "") -> subprocess.CompletedProcess[str]:
        """Run Python in it, as the image's user unless told otherwise; nothing is checked."""
        user = user or self.image.config["User"]
        return subprocess.run(
            ["nsenter", "--target", str(self.first.pid), "--all", "--root", "--wd",
             "--setuid", user, "--setgid", user, "env", "--ignore-environment",
             *self.image.config["Env"], "python", "-c", code],
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip

    def ask(self, path: str) -> str:
        """GET a path of the server inside, from inside: its network is its own.

        Raises:
            AssertionError: it did not answer 200; with what was said.
        """
        url = f"http://127.0.0.1:8280{path}"
        code = f"import urllib.request as u; print(u.urlopen({url!r}).read().decode(), end='')"
        done = self.python(code)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def listening(self) -> set[int]:
        """The ports on which anything in it listens, TCP, and those of UDP."""
        found = set()
        for table, state in (("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")):
            file = Path(f"/proc/{self.first.pid}/net/{table}")
            for line in file.read_text().splitlines()[1:] if file.exists() else ():
                words = line.split()
                if words[3] == state:
                    found.add(int(words[1].rpartition(":")[2], 16))
        return found

    def stop(self, seconds: float = 60.0) -> int:
        """SIGTERM to process 1, as an engine stops it; returns the exit code."""
        self.first.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)
