"""What whoever asks may do, in a class: asked by the routes, of whichever interface.

Where the server is no class everybody may do everything.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import current_app, g

from simpleml.errors import (
    ClassForbiddenError,
    ClassOffError,
    ClassPausedError,
    ModelNotFoundError,
    NotYoursError,
)

if TYPE_CHECKING:
    from simpleml.web.classroom.classroom import Classroom

EXTENSION = "simpleml_class"


def open_class() -> Classroom | None:
    """The class of the application that is answering, if it is one."""
    found: Classroom | None = current_app.extensions.get(EXTENSION)
    return found


def the_class() -> Classroom:
    """The class of the application that is answering.

    Raises:
        ClassOffError: it is none.
    """
    found = open_class()
    if found is None:
        raise ClassOffError("This server is no class: `simpleml class` starts one.")
    return found


def for_teacher() -> Classroom:
    """The class, if the teacher asks.

    Raises:
        ClassOffError: the server is no class.
        ClassForbiddenError: the request lacks the teacher's key.
    """
    found = the_class()
    if not g.record.teacher:
        raise ClassForbiddenError("Only the teacher of this class may do that.")
    return found


def refuse_if_paused() -> None:
    """Let nothing new begin while the class is paused.

    Raises:
        ClassPausedError: it is, and a pupil asks.
    """
    found = open_class()
    if found is not None and not g.record.teacher and found.state.paused:
        raise ClassPausedError("The teacher has paused the class: look up for a moment.")


def trainings_allowed() -> int:
    """Trainings of one pupil that may wait or run; they alone are counted."""
    found = open_class()
    return 0 if found is None else found.trainings


def visible(names: Iterable[str]) -> list[str]:
    """Those models that whoever asks may see: all, but for pupils none that the teacher hides."""
    found = open_class()
    hidden = () if found is None or g.record.teacher else found.state.hidden
    return [name for name in names if name not in hidden]


def check_visible(*names: str) -> None:
    """Let pupils have no model that the teacher hides.

    Raises:
        ModelNotFoundError: one of them is such.
    """
    if hidden := [name for name in names if name not in visible(names)]:
        raise ModelNotFoundError(f"There is no model {hidden[0][:64]!r}.", param="model")


def check_owner(visitor: str, what: str) -> None:
    """Keep a pupil's things from the other pupils.

    Args:
        visitor: whose it is.
        what: it is, for the message.

    Raises:
        NotYoursError: whoever asks is neither that one nor the teacher.
    """
    if open_class() is not None and not g.record.teacher and visitor != g.record.visitor:
        raise NotYoursError(f"{what} is another pupil's: only they and the teacher may do that.")
