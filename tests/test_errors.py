"""Hints for mistyped names."""

from __future__ import annotations

import pytest

from i2ibench.errors import nearest


@pytest.mark.parametrize(
    ("known", "told"),
    [
        (["lynx", "tiger"], "did you mean 'lynx'?"),
        (["tiger", "bear"], "known: bear, tiger"),
        ([f"{number:02}" for number in range(33)], "29 and 3 more"),
        ([], "there are none"),
    ],
)
def test_a_hint_names_what_is_near_or_what_there_is(known: list[str], told: str) -> None:
    assert nearest("linx", known).endswith(told)
