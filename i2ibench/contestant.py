"""One side of a comparison: the scores of a method and its values of single pictures, over all its seeds."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from i2ibench.boards.pool import Entry, entry_of
from i2ibench.errors import BenchError
from i2ibench.protocol import Score
from i2ibench.record import Result
from i2ibench.store import RunFolder

if TYPE_CHECKING:
    from pandas import DataFrame


class Contestant(BaseModel):
    """One side of a comparison."""

    model_config = ConfigDict(frozen=True)

    method: str
    preset: str | None
    budget: str | None
    seeds: tuple[int | None, ...]
    """None is a result of no stated seed. Of several, each picture's values are averaged first."""

    def __str__(self) -> str:
        told = ", ".join(text for text in (self.preset, self.budget) if text)
        seeds = f", mean of {len(self.seeds)} seeds" if len(self.seeds) > 1 else ""
        return f"{self.method}{f' ({told})' if told else ''}{seeds}"


@dataclass(frozen=True)
class Side:
    """A contestant with its results, one a seed."""

    path: Path
    entry: Entry
    results: tuple[Result, ...]
    pictures: DataFrame
    """Values by picture's name, each the mean over seeds, and `sequence` where pictures are frames."""

    @property
    def contestant(self) -> Contestant:
        """Who it is."""
        seeds = tuple(result.seed for result in self.results)
        return Contestant(method=self.entry.method, preset=self.entry.preset, budget=self.entry.budget, seeds=seeds)

    @property
    def names(self) -> list[str]:
        """Of all scores, n/a or not."""
        return list(dict.fromkeys(score.name for result in self.results for score in result.scores))

    def score(self, name: str) -> Score | None:
        """The mean over seeds, n/a where one of them is; None where one of them was not scored by it at all."""
        found = [score for result in self.results for score in result.scores if score.name == name]
        if len(found) < len(self.results):
            return None
        lacking = [score for score in found if score.value is None]
        if lacking:
            return lacking[0]
        for other in found[1:]:
            require_one_protocol(found[0], other, f"seeds under {str(self.path)!r}")
        mean = math.fsum(score.value for score in found if score.value is not None) / len(found)
        return found[0].model_copy(update={"value": mean})


def read(path: Path) -> Side:
    """The scores in or under `path`, a folder or a pattern of folders.

    Raises `BenchError` where there are none, where they are of more than one method or setting, where a seed comes
    twice, and where the values of single pictures are lacking.
    """
    folders = sorted({file.parent for place in _matching(path) for file in place.rglob("scores.json")})
    if not folders:
        raise BenchError(f"there are no scores in or under {str(path)!r}: evaluate that run or those pictures first")
    results = [RunFolder(folder).result() for folder in folders]
    entries = sorted({entry_of(result) for result in results}, key=lambda entry: entry.place)
    if len(entries) > 1:
        raise BenchError(
            f"{str(path)!r} holds {len(entries)} settings ({'; '.join(map(str, entries[:3]))}"
            f"{'...' if len(entries) > 3 else ''}), and a comparison has one a side, whose seeds alone may be several: "
            "name its run folder, or in quotes a pattern of its seeds' folders, say 'runs/quick/*pix2pix-small-s*'"
        )
    twice = [seed for seed, count in Counter(result.seed for result in results).items() if count > 1]
    if twice:
        which = "no stated seed" if twice[0] is None else f"seed {twice[0]}"
        raise BenchError(f"{str(path)!r} holds several results of {which} for {entries[0]}: name the one to compare")
    return Side(path, entries[0], tuple(results), _mean_over_seeds([_pictures(folder) for folder in folders]))


def require_one_protocol(one: Score, other: Score, where: str) -> None:
    """Raise `BenchError` naming the fields in which two scores' protocols differ."""
    if one.protocol is not None and other.protocol is not None:
        one.protocol.require_equal(other.protocol, where)


def require_same_names(one: DataFrame, other: DataFrame, which: str) -> None:
    """Raise `BenchError` where two tables are not of the same pictures."""
    differing = one.index.symmetric_difference(other.index)
    if len(differing):
        raise BenchError(
            f"{which} were scored on {len(one)} and {len(other)} pictures, of which {len(differing)} are not the same "
            f"(first {differing[0]!r}): score both on the same pictures"
        )


def _matching(path: Path) -> list[Path]:
    """The folder `path`, or those that it is a pattern of."""
    if path.exists():
        return [path]
    found = sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))
    if not found:
        raise BenchError(f"there is no {str(path)!r} to look for scores in")
    return found


def _pictures(folder: Path) -> DataFrame:
    import pandas

    file = RunFolder(folder).per_picture
    try:
        table = pandas.read_parquet(file)
    except FileNotFoundError as error:
        raise BenchError(
            f"{str(folder)!r} has scores but no {file.name}, the values of single pictures that a comparison is of: "
            "score it again (real pictures, in the place of outputs, have none)"
        ) from error
    except (OSError, ValueError) as error:
        raise BenchError(f"{str(file)!r} cannot be read ({error}): score that run again") from error
    by_name: DataFrame = table.set_index("name").sort_index()
    return by_name


def _mean_over_seeds(tables: Sequence[DataFrame]) -> DataFrame:
    first = tables[0]
    for other in tables[1:]:
        require_same_names(first, other, "two seeds of one method")
    if len(tables) == 1:
        return first
    shared = [column for column in first.columns if all(column in table.columns for table in tables)]
    values = [column for column in shared if column != "sequence"]
    mean: DataFrame = sum((table[values] for table in tables[1:]), first[values]) / len(tables)
    return mean.assign(sequence=first["sequence"]) if "sequence" in shared else mean
