"""What a resumed run may be given anew."""

from __future__ import annotations

from typing import Any

import pytest

from simpleml.training.options import lengthened


@pytest.mark.parametrize(
    ("saved", "given", "longer"),
    [
        ({"max_minutes": 5.0}, {}, False),
        ({"max_minutes": 5.0}, {"max_minutes": 5.0, "patience": 3}, False),
        ({"max_minutes": 5.0}, {"max_minutes": 8.0}, True),
        ({"max_minutes": None}, {"max_minutes": 8.0}, True),
        ({}, {"epochs": 3}, True),
    ],
)
def test_another_end_is_one_that_differs(
    saved: dict[str, Any], given: dict[str, Any], longer: bool
) -> None:
    assert lengthened(saved, given) is longer
