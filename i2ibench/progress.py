"""How long work tells that it goes on: the harness reports through this, the command line draws bars."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Advance = Callable[[float], None]
"""Called with how much was done since the last call, in the unit of the total."""


class Progress(Protocol):
    """Whoever shows progress."""

    def track(self, title: str, total: float | None, unit: str, done: float = 0) -> AbstractContextManager[Advance]:
        """A piece of work of `total` units (None: unknown), of which `done` were done before."""

    def say(self, text: str) -> None:
        """One line worth knowing."""


class Silent:
    """Shows nothing."""

    @contextmanager
    def track(self, title: str, total: float | None, unit: str, done: float = 0) -> Iterator[Advance]:
        """Track nothing."""
        yield lambda amount: None

    def say(self, text: str) -> None:
        """Say nothing."""
