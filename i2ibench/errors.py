"""The one exception that is shown to the user as a sentence instead of a traceback."""

from __future__ import annotations

from collections.abc import Iterable


class BenchError(Exception):
    """Something given to i2ibench cannot be used, or a run cannot go on.

    The text is one paragraph that names the thing, what was expected, what was found and the way out. The command
    line prints it and exits with 2.
    """


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint for a mistyped `name`: the nearest of `known`, or where none is near all of them, 30 at most."""
    import difflib

    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        return "did you mean " + " or ".join(repr(match) for match in close) + "?"
    more = f" and {len(names) - 30} more" if len(names) > 30 else ""
    return "known: " + ", ".join(names[:30]) + more if names else "there are none"
