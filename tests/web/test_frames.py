"""Who may show the pages in a frame: nobody, unless the setting names them."""

from __future__ import annotations

from pathlib import Path

import pytest

from simpleml import create_app
from simpleml.errors import SettingsError


def ancestors(models_dir: Path, path: str = "/", **given: object) -> str:
    client = create_app(models_dir=models_dir, **given).test_client()
    policy = client.get(path, headers={"Accept": "text/html"}).headers["Content-Security-Policy"]
    (found,) = (part for part in policy.split("; ") if part.startswith("frame-ancestors "))
    return found.removeprefix("frame-ancestors ")


def test_nobody_unless_the_setting_names_them(models_dir: Path) -> None:
    assert ancestors(models_dir) == "'none'"
    sites = "https://one.example, http://localhost:3000"
    for path in ("/", "/score"):
        found = ancestors(models_dir, path, frame_ancestors=sites)
        assert found == "https://one.example http://localhost:3000"
    assert ancestors(models_dir, frame_ancestors="*") == "*"
    assert ancestors(models_dir, frame_ancestors="https://*.example") == "https://*.example"


@pytest.mark.parametrize("site", ["one.example", "https://one.example/page", "'self'; img-src *"])
def test_what_is_no_origin_stops_the_start(models_dir: Path, site: str) -> None:
    with pytest.raises(SettingsError, match="must be origins such as"):
        create_app(models_dir=models_dir, frame_ancestors=site)
