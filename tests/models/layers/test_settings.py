from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import pytest

from i2ibench.models.layers.settings import (
    check_adam,
    check_choices,
    check_epochs,
    check_least,
    check_not_negative,
    check_positive,
    check_share,
)


@dataclass(frozen=True)
class Config:
    kind: str = "one"
    width: int = 1
    weight: float = 0.0
    lr: float = 1e-3
    beta1: float = 0.0
    constant: int = 1
    decay: int = 0


@pytest.mark.parametrize(
    ("check", "wrong", "told"),
    [
        (lambda c: check_choices(c, kind=Literal["one", "two"]), {"kind": "three"}, "one of one, two, found 'three'"),
        (lambda c: check_least(c, weight=0, width=1), {"width": 0}, "width must be at least 1, found 0"),
        (
            lambda c: check_not_negative(c, "width", "weight"),
            {"weight": -0.1},
            "weight must not be negative, found -0.1",
        ),
        (lambda c: check_positive(c, "lr", "width"), {"width": 0}, "width must be positive, found 0"),
        (lambda c: check_positive(c, "lr"), {"lr": float("nan")}, "lr must be positive, found nan"),
        (lambda c: check_share(c, "weight", "beta1"), {"weight": 1.0}, r"weight must lie in \[0, 1\), found 1.0"),
        (lambda c: check_share(c, "weight", "beta1"), {"beta1": -0.5}, r"beta1 must lie in \[0, 1\), found -0.5"),
        (lambda c: check_adam(c), {"lr": 0.0}, "lr must be positive, found 0.0"),
        (lambda c: check_adam(c), {"lr": float("nan")}, "lr must be positive, found nan"),
        (lambda c: check_adam(c, "beta1"), {"beta1": 1.0}, r"beta1 must lie in \[0, 1\), found 1.0"),
        (
            lambda c: check_epochs(c, "constant", "decay"),
            {"constant": 0},
            r"constant \+ decay must be at least 1, found 0",
        ),
    ],
)
def test_what_is_wrong_is_named(check: Callable[[Config], None], wrong: dict[str, object], told: str) -> None:
    check(Config())
    with pytest.raises(ValueError, match=told):
        check(replace(Config(), **wrong))  # type: ignore[arg-type]
