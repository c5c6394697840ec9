"""Waiting for something to become true: the one place in the tests that sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


def wait_until(
    condition: Callable[[], Value], seconds: float = 30.0, what: str = "", every: float = 0.01
) -> Value:
    """Ask `condition` until it says something true and return that.

    Args:
        condition: asked again and again; an exception counts as no.
        seconds: the deadline.
        what: what is waited for, for the message.
        every: seconds between two questions.

    Raises:
        AssertionError: the deadline passed.
    """
    deadline = time.monotonic() + seconds
    last: object = None
    while True:
        try:
            last = value = condition()
            if value:
                return value
        except Exception as error:
            last = error
        if time.monotonic() >= deadline:
            raise AssertionError(f"{what or 'the condition'}: not within {seconds} s ({last!r})")
        time.sleep(every)
