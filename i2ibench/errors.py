"""The one exception that is shown to the user as a sentence instead of a traceback."""

from __future__ import annotations

from collections.abc import Iterable


class BenchError(Exception):
    """Something given to i2ibench cannot be used, or a run cannot go on.

    The text is one paragraph that names the thing, what was expected, what was found and the way out. The command
    line prints it and exits with 2.
    """


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint for a mistyped `name`: the nearest of `known`, or all of them where none is near."""
    import difflib

    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        return "did you mean " + " or ".join(repr(match) for match in close) + "?"
    if len(names) > 20:
        return f"none of {len(names)} known names is near it"
    return "known: " + ", ".join(names) if names else "there are none"
