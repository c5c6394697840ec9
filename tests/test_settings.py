"""Settings: default, then the environment, then an argument; a bad one stops the start by name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from servers import ROOT, environment

from simpleml import create_app
from simpleml.errors import SettingsError
from simpleml.settings import PREFIX, Settings, table


def test_defaults_are_the_contracts_limits() -> None:
    settings = Settings.read({})
    assert settings.models_dir == Path("ML")
    assert settings.precision == "float32"
    assert (settings.max_size, settings.max_seed, settings.max_body) == (10_000, 100_000, 1 << 20)
    assert (settings.max_rows, settings.max_waiting, settings.deadline) == (64, 256, 60.0)
    assert settings.cors_origins == ("*",)
    assert settings.api_keys == ()


def test_an_argument_goes_before_the_environment_and_that_before_the_default() -> None:
    given = {"SIMPLEML_MAX_SIZE": "77", "SIMPLEML_MAX_ROWS": "5"}
    settings = Settings.read(given, max_size=88)
    assert (settings.max_size, settings.max_rows, settings.max_waiting) == (88, 5, 256)


def test_an_empty_variable_is_as_none() -> None:
    assert Settings.read({"SIMPLEML_MAX_SIZE": ""}).max_size == 10_000


@pytest.mark.parametrize(
    ("given", "on"),
    [
        ("true", True), ("1", True), ("yes", True), ("on", True), ("TRUE", True), (" On ", True),
        ("false", False), ("0", False), ("no", False), ("off", False), ("No", False),
        ("", False), (True, True), (False, False), (1, True), (0, False),
    ],
)  # fmt: skip
def test_a_switch_is_a_real_boolean(given: str | bool | int, on: bool) -> None:
    if isinstance(given, str):
        assert Settings.read({"SIMPLEML_TRAINING": given}).training is on
    else:
        assert Settings.read({}, training=given).training is on


@pytest.mark.parametrize("value", ["2", "-1", "maybe", "truee", "1.0", "oui", "none", "[]"])
def test_a_switch_that_is_neither_on_nor_off_stops_the_start(value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.read({"SIMPLEML_TRAINING": value})
    assert caught.value.message == (
        f"SIMPLEML_TRAINING is {value!r}; it must be true or false (1 or 0, yes or no, on or off)"
    )
    assert caught.value.param == "SIMPLEML_TRAINING"
    with pytest.raises(SettingsError, match="training is "):
        Settings.read({}, training=value)


def test_lists_are_parted_by_commas() -> None:
    settings = Settings.read({"SIMPLEML_API_KEYS": " one, two ,,three"})
    assert settings.api_keys == ("one", "two", "three")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAX_SIZE", "many"), ("MAX_SIZE", "0"), ("MAX_SIZE", "-1"), ("MAX_SIZE", "1.5"),
        ("MAX_SIZE", "99999999999"), ("MAX_ROWS", "0"), ("MAX_WAITING", "-1"), ("DEADLINE", "x"),
        ("DEADLINE", "0"), ("DEADLINE", "nan"), ("DEADLINE", "inf"), ("MAX_BODY", "1"),
        ("PRECISION", "int4"), ("PRECISION", "FLOAT32"), ("THREADS", "-1"), ("MOST_LOADED", "0"),
    ],
)  # fmt: skip
def test_a_bad_value_is_told_by_the_variables_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.read({PREFIX + name: value})
    assert caught.value.message.startswith(f"SIMPLEML_{name} is {value!r}; it must be ")


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [("API_KEY", "API_KEYS"), ("MAX_ROW", "MAX_ROWS"), ("PRECISON", "PRECISION")],
)
def test_a_misspelt_variable_is_not_passed_over(misspelt: str, meant: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.read({PREFIX + misspelt: "1"})
    assert caught.value.message == (
        f"Unknown setting SIMPLEML_{misspelt}. Did you mean SIMPLEML_{meant}?"
    )


def test_other_variables_of_the_prefix_are_let_be() -> None:
    kubernetes = {"SIMPLEML_PORT": "tcp://10.0.0.7:80", "SIMPLEML_SERVICE_HOST": "10.0.0.7"}
    client = {"SIMPLEML_API_KEYS": "one", "SIMPLEML_API_KEY": "one"}
    assert Settings.read({**kubernetes, **client}).api_keys == ("one",)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"max_size": "many"}, "max_size is 'many'; it must be a whole number"),
        ({"max_sise": 5}, "Unknown setting max_sise. Did you mean max_size?"),
        ({"port": 5}, "Unknown setting port. The settings are models_dir, "),
        ({"models_dir": None}, "models_dir is None"),
        ({"api_keys": 5}, "api_keys is 5"),
    ],
    ids=repr,
)
def test_a_bad_argument_is_told_by_its_name(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        create_app(**given)
    assert caught.value.message.startswith(message)


def test_every_setting_stands_in_the_table_with_its_help() -> None:
    rows = table()
    assert {row[0] for row in rows} == {
        PREFIX + name.rstrip("_").upper() for name in vars(Settings.read({}))
    }
    assert all(len(text) > 10 for _, _, text in rows)


@pytest.mark.parametrize("command", [["-m", "gunicorn", "--check-config", "app:app"], ["app.py"]])
def test_a_bad_setting_stops_the_start_in_one_line(models_dir: Path, command: list[str]) -> None:
    said = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=environment(models_dir, {"SIMPLEML_MAX_ROWS": "lots"}),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert said.returncode != 0
    assert "SIMPLEML_MAX_ROWS is 'lots'; it must be a whole number" in said.stdout + said.stderr
    assert "Traceback" not in said.stdout + said.stderr
