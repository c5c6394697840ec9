"""docs/training.md names every option of train.py with its default."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from simpleml.commands.train import parser
from simpleml.training.begun import settled
from simpleml.training.options import TrainingOptions

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `(--[a-z-]+)` \|([^|]*)\|", TEXT, flags=re.MULTILINE))


def flags() -> list[str]:
    return [
        action.option_strings[-1]
        for action in parser()._actions
        if action.option_strings and action.dest != "help"
    ]


def test_every_option_has_its_row_and_no_row_is_left_over() -> None:
    assert sorted(flags()) == sorted(ROWS)


@pytest.mark.parametrize("flag", ROWS)
def test_the_default_in_the_table_is_the_real_one(flag: str) -> None:
    default = getattr(TrainingOptions(), flag[2:].replace("-", "_"), None)
    if default is not None and not isinstance(default, bool):
        assert ROWS[flag].strip() == f"{default}"


@pytest.mark.parametrize("name", ["dropout", "weight_drop", "learning_rate", "weight_decay"])
def test_defaults_that_depend_on_the_recipe_are_the_real_ones(name: str) -> None:
    stateful = getattr(settled(TrainingOptions(), 1_000_000, begun=False), name)
    windows = getattr(settled(TrainingOptions(recipe="windows"), 1_000_000, begun=False), name)
    assert ROWS[f"--{name.replace('_', '-')}"].strip() == f"{stateful:g}, windows {windows:g}"


def test_no_link_leads_nowhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert (ROOT / "docs" / target).exists(), target
