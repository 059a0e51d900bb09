"""Which folder serves which split, and what is carved where a set has none of its own."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from pydantic import ConfigDict

from i2ibench.data.layouts.layout import Entry, missing
from i2ibench.data.layouts.trees import find_root
from i2ibench.errors import BenchError, nearest

Splits = Mapping[str, str | tuple[str, ...]]
"""The folder that serves a split, or several names of which the first that exists does. What is not named is carved
from `train`: see `share`."""

SPLITS = ("train", "val", "test")

OPTIONS = ConfigDict(extra="forbid")
"""Layouts check the options that cards give: they are pydantic's dataclasses with this."""


def require_split(split: str, splits: Splits) -> None:
    """Raises `BenchError` where `split` is none, or `splits` names what is none or lacks `train`."""
    for name in (split, *splits):
        if name not in SPLITS:
            raise BenchError(f"there is no split {name!r}: {nearest(name, SPLITS)}")
    if "train" not in splits:
        raise BenchError(f"option splits names {', '.join(splits) or 'no split'}: 'train' is needed too")


def names_of(splits: Splits, split: str) -> tuple[str, ...]:
    """The names under which the folder of `split`, or of what it is carved from, is looked for."""
    found = splits.get(split, splits["train"])
    return (found,) if isinstance(found, str) else found


def split_folder(root: Path, pattern: str, splits: Splits, split: str, tree: str) -> Path:
    """The folder `pattern`, with `{split}` in it, that serves `split`, found as `find_root` does.

    Raises `BenchError` where there is none.
    """
    folders = [pattern.replace("{split}", name) for name in names_of(splits, split)]
    for folder in folders:
        try:
            return find_root(root, folder, tree) / folder
        except BenchError:
            if folder == folders[-1] and len(folders) == 1:
                raise
    raise missing(root, root / " or ".join(folders), tree)


def shown(pattern: str, splits: Splits) -> list[str]:
    """`pattern` for each split, as a tree shows it; once where splits have no folders."""
    served = splits if "{split}" in pattern else ("train",)
    return [pattern.replace("{split}", " or ".join(names_of(splits, split))) for split in served]


def share(
    entries: Iterable[Entry],
    split: str,
    served: Iterable[str],
    one_in: int,
    group: Callable[[Entry], str] = lambda entry: entry.name,
) -> tuple[Entry, ...]:
    """Of the entries of the folder that serves `split` those that belong to it.

    All of them, where each split is `served` by files of its own. A split that is not is carved from `train`: the
    groups whose names have the lowest hashes go to `test`, one in `one_in` of them, and of the rest as many to `val`.
    So sizes are known beforehand, and files that come or go move hardly any other.
    """
    if one_in < 2:
        raise BenchError(f"option one_in is {one_in}, and should be 2 or more: one in so many is carved from 'train'")
    chosen, own = tuple(entries), set(served)
    if split != "train" and split in own:
        return chosen
    groups = sorted({group(entry) for entry in chosen}, key=lambda name: hashlib.sha256(name.encode()).digest())
    carved = dict[str, set[str]]()
    for held in ("test", "val"):
        count = 0 if held in own or len(groups) < 3 else max(1, len(groups) // one_in)
        carved[held], groups = set(groups[:count]), groups[count:]
    carved["train"] = set(groups)
    return tuple(entry for entry in chosen if group(entry) in carved[split])


def expression(option: str, text: str) -> re.Pattern[str]:
    """A regular expression that is an option. Raises `BenchError` where it is none."""
    try:
        return re.compile(text)
    except re.error as error:
        raise BenchError(f"option {option} {text!r} is not a regular expression: {error}") from error
