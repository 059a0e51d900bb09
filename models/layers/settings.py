"""Checks that configs make of their fields, with errors that name field, what was expected and what was found."""

from __future__ import annotations

from typing import Any, get_args


def check_choices(config: object, **kinds: Any) -> None:
    """Raise `ValueError` where a field is none of the values of its `Literal`."""
    for field, kind in kinds.items():
        value, choices = getattr(config, field), get_args(kind)
        if value not in choices:
            raise ValueError(f"{field} must be one of {', '.join(choices)}, found {value!r}")


def check_least(config: object, **least: int) -> None:
    """Raise `ValueError` where a field is below what is given for it."""
    for field, smallest in least.items():
        if getattr(config, field) < smallest:
            raise ValueError(f"{field} must be at least {smallest}, found {getattr(config, field)}")


def check_not_negative(config: object, *fields: str) -> None:
    """Raise `ValueError` where a field is below 0."""
    for field in fields:
        if getattr(config, field) < 0:
            raise ValueError(f"{field} must not be negative, found {getattr(config, field)}")


def check_positive(config: object, *fields: str) -> None:
    """Raise `ValueError` where a field is not above 0."""
    for field in fields:
        if not getattr(config, field) > 0:
            raise ValueError(f"{field} must be positive, found {getattr(config, field)}")


def check_share(config: object, *fields: str) -> None:
    """Raise `ValueError` where a field is no share of a whole, in [0, 1), that leaves something of it."""
    for field in fields:
        if not 0 <= getattr(config, field) < 1:
            raise ValueError(f"{field} must lie in [0, 1), found {getattr(config, field)}")


def check_adam(config: Any, *betas: str) -> None:
    """Raise `ValueError` on an `lr` that is not positive, or one of the `betas` outside [0, 1)."""
    if not config.lr > 0:
        raise ValueError(f"lr must be positive, found {config.lr}")
    for field in betas:
        if not 0 <= getattr(config, field) < 1:
            raise ValueError(f"{field} must lie in [0, 1), found {getattr(config, field)}")


def check_epochs(config: object, *pair: str) -> None:
    """Raise `ValueError` where the epochs of a schedule, which are not negative, are none together."""
    if sum(getattr(config, field) for field in pair) < 1:
        raise ValueError(f"{' + '.join(pair)} must be at least 1, found 0")
