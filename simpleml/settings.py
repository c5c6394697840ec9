"""Every setting of the server: name, default, bounds and help in one table.

Order: default, then the environment (SIMPLEML_<NAME IN CAPITALS>), then an argument of create_app.
Read once, when the application is made; importing this module reads nothing.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from simpleml.errors import SettingsError

PREFIX = "SIMPLEML_"
_SWITCH = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}


def _setting(default: Any, help: str, **bounds: Any) -> Any:
    return field(default=default, metadata={"help": help, **bounds})


@dataclass(frozen=True)
class Settings:
    """The settings in force; `Settings.read()` makes them."""

    models_dir: Path = _setting(Path("ML"), "the folder that holds one folder per model")
    precision: str = _setting(
        "float32",
        "float32 (TFLearn's numbers) or int8 (about three times faster)",
        choices=("float32", "int8"),
    )
    threads: int = _setting(
        0, "native threads with which a worker generates; 0 shares the cores among the workers",
        low=0, high=256,
    )  # fmt: skip
    most_loaded: int = _setting(8, "models kept in memory by a worker", low=1, high=1000)
    max_size: int = _setting(10_000, "characters per request", low=1, high=10**7)
    max_seed: int = _setting(100_000, "characters of a seed", low=1, high=10**7)
    max_body: int = _setting(1 << 20, "bytes of a request's body", low=1024, high=1 << 30)
    max_rows: int = _setting(64, "texts that a worker generates at once", low=1, high=4096)
    max_waiting: int = _setting(256, "requests that may wait in a worker", low=0, high=10**5)
    deadline: float = _setting(
        60.0, "seconds that a request may take, waiting included", low=0.1, high=3600.0
    )
    body_timeout: float = _setting(
        20.0, "seconds that a client may take to send its body", low=0.1, high=3600.0
    )
    cors_origins: tuple[str, ...] = _setting(
        ("*",), "origins whose pages may call the server, separated by commas; * for all"
    )
    frame_ancestors: tuple[str, ...] = _setting(
        (), "origins whose pages may show these pages in a frame, separated by commas; none lets "
        "none",
        pattern=r"\*|https?://[A-Za-z0-9.*-]+(:([0-9]+|\*))?",
    )  # fmt: skip
    api_keys: tuple[str, ...] = _setting(
        (), "keys that may call it, separated by commas; none lets everyone", secret=True
    )
    training: bool = _setting(
        False, "true opens /train and /v1/train: models are trained on texts that are sent"
    )
    training_keys: tuple[str, ...] = _setting(
        (), "keys that may train, separated by commas; none lets this machine alone", secret=True
    )
    training_max_bytes: int = _setting(
        10_000_000, "bytes of a text to train on", low=1024, high=1 << 30
    )
    import_max_bytes: int = _setting(
        100_000_000, "bytes of a model that is brought in, unpacked", low=1024, high=1 << 40
    )
    training_max_jobs: int = _setting(
        20, "trainings kept, those that wait or are over included", low=1, high=1000
    )
    ray_address: str = _setting(
        "", "a Ray cluster over which trainings run, several at once; auto finds this machine's"
    )
    ray_cores: int = _setting(2, "cores of each training over a cluster", low=1, high=1024)
    ray_gpus: int = _setting(0, "GPUs of each training over a cluster", low=0, high=64)
    corpora_url: str = _setting(
        "https://raw.githubusercontent.com",
        "where the texts of shipped models are fetched from: GitHub, or a mirror of it",
    )
    class_: bool = _setting(
        False, "true opens /class: pupils by link, in turn; a teacher who sees, stops and hides"
    )
    class_running: int = _setting(
        2, "texts that a pupil may have written at once, in a class", low=1, high=64
    )
    class_waiting: int = _setting(1, "requests of a pupil that may wait", low=0, high=100)
    class_trainings: int = _setting(1, "trainings of a pupil that may wait or run", low=0, high=100)

    @staticmethod
    def variable(name: str) -> str:
        """The environment variable of a setting; `class_` is SIMPLEML_CLASS."""
        return PREFIX + name.rstrip("_").upper()

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None, **given: Any) -> Settings:
        """Settings from the environment (os.environ unless given) and from arguments.

        Raises:
            SettingsError: names the variable or argument and says what it may be.
        """
        environment = os.environ if environment is None else environment
        known = {one.name: one for one in fields(cls)}
        if unknown := sorted(set(given) - set(known)):
            near = difflib.get_close_matches(unknown[0], known, 1)
            hint = f"Did you mean {near[0]}?" if near else f"The settings are {', '.join(known)}."
            raise SettingsError(f"Unknown setting {unknown[0]}. {hint}", param=unknown[0])
        _refuse_misspelt(environment, [cls.variable(name) for name in known])
        values: dict[str, Any] = {}
        for name, one in known.items():
            variable = cls.variable(name)
            if name in given:
                values[name] = _checked(name, given[name], one.default, one.metadata)
            elif environment.get(variable, "") != "":
                values[name] = _checked(variable, environment[variable], one.default, one.metadata)
        return cls(**values)


def _refuse_misspelt(environment: Mapping[str, str], known: list[str]) -> None:
    """Stop where a variable is nearly a setting: SIMPLEML_API_KEY would leave the server open.

    Others of the prefix are let be: Kubernetes sets SIMPLEML_PORT beside a service of that name.
    So is one whose setting is there as well: clients keep their key in SIMPLEML_API_KEY.
    """
    short = [one.removeprefix(PREFIX) for one in known]
    for variable in sorted(set(environment) - set(known)):
        if variable.startswith(PREFIX):
            near = difflib.get_close_matches(variable.removeprefix(PREFIX), short, 1, cutoff=0.85)
            if near and PREFIX + near[0] not in environment:
                raise SettingsError(
                    f"Unknown setting {variable}. Did you mean {PREFIX}{near[0]}?", param=variable
                )


def _fitting(label: str, parts: tuple[str, ...], pattern: str) -> tuple[str, ...]:
    for part in parts:
        if pattern and not re.fullmatch(pattern, part):
            raise SettingsError(
                f"{label} holds {part!r}; it must be origins such as https://example.org, or *",
                param=label,
            )
    return parts


def _checked(label: str, value: Any, default: Any, rules: Mapping[str, Any]) -> Any:
    try:
        if isinstance(default, tuple):
            parts = value.split(",") if isinstance(value, str) else value
            found = tuple(part.strip() for part in parts if part.strip())
            return _fitting(label, found, rules.get("pattern", ""))
        if isinstance(default, Path):
            return Path(value)
        if isinstance(default, bool):
            return _SWITCH[str(value).strip().lower()]
        converted = type(default)(value)
    except (TypeError, ValueError, AttributeError, KeyError):
        kind = {
            bool: "true or false (1 or 0, yes or no, on or off)",
            int: "a whole number",
            float: "a number",
        }.get(type(default), "a text")
        raise SettingsError(f"{label} is {value!r}; it must be {kind}", param=label) from None
    choices = rules.get("choices")
    if choices and converted not in choices:
        raise SettingsError(
            f"{label} is {value!r}; it must be one of {', '.join(choices)}", param=label
        )
    low, high = rules.get("low"), rules.get("high")
    if low is not None and not low <= converted <= high:
        raise SettingsError(f"{label} is {value!r}; it must be {low} to {high}", param=label)
    return converted


def table() -> list[tuple[str, str, str]]:
    """(variable, default, help) of every setting, for the documentation and a test of it."""
    rows = []
    for one in fields(Settings):
        default = one.default
        shown = ",".join(default) if isinstance(default, tuple) else str(default)
        if isinstance(default, bool):
            shown = shown.lower()
        bounds = ""
        if "low" in one.metadata:
            bounds = f" ({one.metadata['low']} to {one.metadata['high']})"
        rows.append((Settings.variable(one.name), shown, one.metadata["help"] + bounds))
    return rows
