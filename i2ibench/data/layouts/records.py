"""The plain text files in which data sets list their pictures: one record a line, its fields apart by blanks."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

from i2ibench.data.layouts.layout import Problem
from i2ibench.errors import BenchError


def text_lines(path: Path) -> list[tuple[int, str]]:
    """The lines that are not empty, with their numbers from 1 on, blanks around them removed.

    Raises `BenchError` where the file is missing, cannot be read or is no text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BenchError(f"{str(path)!r} should be a text file in UTF-8, and byte {error.start} is not") from error
    except OSError as error:
        raise BenchError(f"{str(path)!r} cannot be read: {error.strerror or error}") from error
    return [(number, line.strip()) for number, line in enumerate(text.split("\n"), 1) if line.strip()]


def records(path: Path, fields: int, problems: list[Problem], *, skip: int = 0) -> list[tuple[str, ...]]:
    """The file's records of `fields` fields, the last with its blanks; `skip` lines at the top are left out.

    A line of fewer fields is a problem. Raises `BenchError` as `text_lines` does.
    """
    found = list[tuple[str, ...]]()
    for line_number, line in text_lines(path)[skip:]:
        record = tuple(line.split(None, fields - 1))
        if len(record) == fields:
            found.append(record)
        else:
            problems.append(Problem(str(path), f"line {line_number} should have {fields} fields, not {len(record)}"))
    return found


def numbers(path: Path, texts: Iterable[str], problems: list[Problem]) -> tuple[float, ...] | None:
    """Finite numbers out of the file; where one is none, a problem and None."""
    values = list[float]()
    for text in texts:
        try:
            values.append(float(text))
        except ValueError:
            values.append(math.nan)
        if not math.isfinite(values[-1]):
            problems.append(Problem(str(path), f"has {text[:40]!r} where a number should be"))
            return None
    return tuple(values)
