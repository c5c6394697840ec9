"""What a class keeps, for all processes of a server: files in <models>/.class/.

    keys.json    the pupils' key, the teacher's, and what cookies are signed with
    state.json   what the teacher has set, and the names that pupils gave themselves
    words.json   words that no text is to hold
    wall.json    the texts that were published

Every file is written whole, under one lock, and read again when it has changed. Knows no HTTP.
"""

from __future__ import annotations

import fcntl
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from simpleml.errors import ClassStorageError
from simpleml.files import write_whole
from simpleml.unwanted.words import CLASS_FILE

FOLDER = ".class"
_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"
"""None that is easily taken for another: a key may have to be typed."""


def _typed_key(groups: int) -> str:
    """Random letters in groups of four, about 20 bits each."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(groups))


class Kept(BaseModel):
    """What lies in a file."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class ClassKeys(Kept):
    """Made at the first start of a class, and kept, so that its links stay good."""

    pupils: str = Field(default_factory=lambda: _typed_key(2), min_length=4)
    teacher: str = Field(default_factory=lambda: _typed_key(4), min_length=8)
    cookies: str = Field(default_factory=lambda: secrets.token_hex(16), min_length=16)


class ClassState(Kept):
    """What the teacher has set, and who calls themselves what."""

    paused: bool = False
    hidden: tuple[str, ...] = ()
    """Models that pupils do not see."""
    running: int | None = None
    """Texts of a pupil at once; None: as the settings say. So the next two."""
    waiting: int | None = None
    trainings: int | None = None
    names: dict[str, str] = {}
    """Of visitors."""


class WordRules(Kept):
    """Words that no text is to hold; `--check` reads them too (simpleml.unwanted)."""

    block: bool = True
    words: tuple[str, ...] = ()
    """Besides those of the usual lists."""
    allowed: tuple[str, ...] = ()
    """Of the usual lists, to be let through."""


class WallText(Kept):
    """A text that a pupil has published."""

    id: str
    visitor: str
    author: str
    model: str
    temperature: float
    seed: str
    text: str
    """Seed included."""
    recipe: str
    """What brings it back, as the playground's addresses have it behind their #."""
    published: float
    """Seconds since 1970."""


class Wall(Kept):
    """All of them, the oldest first."""

    texts: tuple[WallText, ...] = ()


K = TypeVar("K", bound=Kept)


class KeptFile(Generic[K]):
    """One file and what it holds, read again when another process has changed it.

    Args:
        path: of the file.
        kind: of what it holds; a file that is missing holds `kind()`.
    """

    def __init__(self, path: Path, kind: type[K]) -> None:
        self.path = path
        self._kind = kind
        self._read: tuple[Any, K] | None = None

    def get(self) -> K:
        """What it holds now.

        Raises:
            ClassStorageError: it is damaged.
        """
        try:
            found = self.path.stat()
        except OSError:
            return self._kind()
        signature = (found.st_ino, found.st_mtime_ns, found.st_size)
        if self._read is None or self._read[0] != signature:
            try:
                self._read = signature, self._kind.model_validate_json(self.path.read_bytes())
            except (OSError, ValueError) as error:
                why = getattr(error, "strerror", None) or "it is damaged"
                raise ClassStorageError(
                    f"What the class keeps in {self.path.name} cannot be read: {why}. Delete it."
                ) from None
        return self._read[1]

    def change(self, change: Callable[[K], K]) -> K:
        """Replace what it holds by what `change` makes of it, while no other process does.

        Raises:
            ClassStorageError: it cannot be written, or is damaged; what was there stands.
        """
        with self._alone():
            before = self.get()
            after = change(before)
            if after is not before or not self.path.exists():
                write_whole(self.path, after.model_dump_json(indent=1).encode())
            return after

    @contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with (self.path.parent / ".changes").open("a") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise ClassStorageError(
                f"What the class keeps cannot be written: {error.strerror or error}."
            ) from error


class ClassStore:
    """The files of a class.

    Args:
        models_dir: the folder of the models.
    """

    def __init__(self, models_dir: Path | str) -> None:
        root = Path(models_dir).absolute() / FOLDER
        self.keys = KeptFile(root / "keys.json", ClassKeys)
        self.state = KeptFile(root / "state.json", ClassState)
        self.words = KeptFile(root.parent / CLASS_FILE, WordRules)
        self.wall = KeptFile(root / "wall.json", Wall)

    def open(self, new_keys: bool = False) -> ClassKeys:
        """The keys; made where there are none yet, or where new ones are asked for.

        Raises:
            ClassStorageError: they cannot be kept.
        """
        return self.keys.change(lambda keys: ClassKeys() if new_keys else keys)
