"""What keeps scores of one name out of one column: the fields in which their protocols differ, and whose they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from i2ibench.boards.columns import CALIBRATION
from i2ibench.boards.pool import Pool
from i2ibench.boards.words import differences, listed
from i2ibench.protocol import Protocol


def mixture(columns: Mapping[str, Sequence[Protocol]], pools: Sequence[Pool]) -> str | None:
    """How the protocols of each score in `columns` differ, and which of `pools` follow which; None where all agree.

    A clause for a sentence. Scores that differ alike are told together.
    """
    names: dict[tuple[str, str], list[str]] = {}
    for name, protocols in columns.items():
        for other in protocols[1:]:
            whose = f"{_followers(name, protocols[0], pools)} and those of {_followers(name, other, pools)}"
            how = differences(protocols[0], other, "for the former", "for the latter")
            names.setdefault((whose, how), []).append(f"`{name}`")
    told = (
        f"scores of {whose} follow different protocols in {listed(same)}: {how}" for (whose, how), same in names.items()
    )
    return "; ".join(told) or None


def _followers(name: str, protocol: Protocol, pools: Sequence[Pool]) -> str:
    """The rows that have the score `name` under `protocol`; with their seeds where others of theirs do not.

    Rows of real pictures are told only where they are all there is: the methods are what should agree.
    """
    titles = [entry_pool.entry.title for entry_pool in pools]
    having = [entry_pool for entry_pool in pools if (name, protocol.id) in entry_pool.scores]
    methods = [entry_pool for entry_pool in having if entry_pool.entry.method not in CALIBRATION]
    told = []
    for entry_pool in methods or having:
        seeds = entry_pool.scores[name, protocol.id]
        entry = entry_pool.entry
        title = f"{entry.title} after {entry.budget}" if titles.count(entry.title) > 1 else entry.title
        part = len(seeds) < len(entry_pool.seeds)
        told.append(f"{title} seed {listed(list(map(str, seeds)))}" if part else title)
    return ", ".join(told)
