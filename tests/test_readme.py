"""What README.md says of the settings and of the files is so."""

from __future__ import annotations

import re
from pathlib import Path

from simpleml.settings import table

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_setting_stands_in_the_readme_with_its_default_and_bounds() -> None:
    for variable, default, meaning in table():
        shown = f"`{default}`" if default else "none"
        assert f"| `{variable}` | {shown} | {meaning} |" in README


def test_every_file_that_the_readme_links_to_is_there() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
