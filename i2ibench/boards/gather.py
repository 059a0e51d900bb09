"""Scores brought together from where they lie: run folders, and boards that were published."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from i2ibench.boards import tidy
from i2ibench.errors import BenchError
from i2ibench.record import Result
from i2ibench.store import read_record


def find_results(paths: Iterable[Path]) -> list[Result]:
    """Every `scores.json` in or under `paths`, in the order of their names, then what each `.csv` among them holds.

    Raises `BenchError` where there is none, and on a file that holds no scores.
    """
    wanted = list(paths)
    for path in wanted:
        if not path.exists():
            raise BenchError(f"there is no {str(path)!r} to look for scores in")
        if path.is_file() and path.suffix not in (".csv", ".json"):
            raise BenchError(
                f"{str(path)!r} holds no scores: give folders of runs, their scores.json, or the .csv of a board"
            )
    published = [path for path in wanted if path.suffix == ".csv"]
    places = [path for path in wanted if path not in published]
    files = sorted({file for path in places for file in ([path] if path.is_file() else path.rglob("scores.json"))})
    if not files and not published:
        raise BenchError(
            f"there are no scores under {', '.join(map(repr, map(str, wanted)))}: run or evaluate something first"
        )
    held = [read_record(file, Result) for file in files]
    return held + [result for path in published for result in tidy.read(path)]
