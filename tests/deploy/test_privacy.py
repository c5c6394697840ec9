"""Serving reports to nobody and leaves no files behind."""

from __future__ import annotations

from pathlib import Path

import psutil
from clients import ask
from servers import GunicornServer


def test_generating_writes_no_file_and_talks_to_its_clients_alone(
    models_dir: Path, tmp_path: Path
) -> None:
    home, temporary = tmp_path / "home", tmp_path / "tmp"
    home.mkdir()
    temporary.mkdir()
    env = {"HOME": str(home), "TMPDIR": str(temporary), "XDG_CACHE_HOME": str(home / "cache")}
    with GunicornServer(models_dir, env=env) as server:
        assert ask(server, "/tales/g/once/50").status == 200
        (pid,) = server.workers
        for connection in psutil.Process(pid).net_connections("inet"):
            assert connection.laddr.port == int(server.base_url.rpartition(":")[2])
        assert not any("icrosoft" in one.path for one in psutil.Process(pid).open_files())
    assert not list(home.rglob("*"))
    assert not list(temporary.rglob("*"))
