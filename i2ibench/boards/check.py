"""The check of scores against a committed baseline: what regressed, what improved, and whether all was compared.

A guard that compares nothing guards nothing. So results and baseline must cover each other: a method, a score or a
number that only one of them has, or another protocol, is bad input (`BenchError`) and not a pass; but rows of real
pictures, which are no method, may be new. Training cost is never checked: it says more about the machine than about the
method.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from i2ibench.boards import tidy
from i2ibench.boards.columns import CALIBRATION
from i2ibench.boards.pool import Entry, Pool, Seeds, pool, protocol_of
from i2ibench.boards.tolerance import tolerance
from i2ibench.boards.words import differences
from i2ibench.errors import BenchError, nearest
from i2ibench.protocol import Score
from i2ibench.record import Result

if TYPE_CHECKING:
    from rich.console import Group

_PROBLEMS_TOLD = 5
"""More would hide the first."""


class Verdict(str, Enum):
    """What became of a score; in the order in which a report shows them."""

    REGRESSED = "regressed"
    IMPROVED = "improved"
    UNCHANGED = "unchanged"
    NOT_CHECKED = "not checked"
    """The baseline has n/a, or lacks a row of real pictures."""


class Change(BaseModel):
    """One score then and now, each a mean over seeds."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="constants")

    run: str
    """Method, preset, budget, task and resolution."""
    name: str
    higher_is_better: bool
    protocol_id: str | None
    baseline: float | None
    spread: float | None
    """Sample standard deviation over the baseline's seeds."""
    baseline_seeds: int
    now: float | None
    seeds: int
    tolerance: float | None
    basis: str
    """What the tolerance comes from, or why nothing was checked."""
    verdict: Verdict


class Report(BaseModel):
    """What a check found: regressions first."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="constants")

    baseline: Path
    k: float
    changes: tuple[Change, ...]

    @property
    def regressed(self) -> tuple[Change, ...]:
        """The scores that are worse than the baseline by more than their tolerance."""
        return self._with(Verdict.REGRESSED)

    @property
    def improved(self) -> tuple[Change, ...]:
        """The scores that are better by more than their tolerance."""
        return self._with(Verdict.IMPROVED)

    @property
    def summary(self) -> str:
        """One line."""
        counts = ", ".join(f"{len(self._with(verdict))} {verdict.value}" for verdict in Verdict)
        return f"{len(self.changes)} scores against {self.baseline} (k = {self.k:g}): {counts}"

    def _with(self, verdict: Verdict) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.verdict == verdict)


def check(
    results: Sequence[Result], baseline: Path, *, k: float = 3.0, methods: Collection[str] | None = None
) -> Report:
    """Compare `results` with the CSV `baseline` (`tidy.write`), or only those of `methods`, by `tolerance`.

    Raises `BenchError` where the baseline cannot be read, and where a score cannot be compared: new, missing, n/a now,
    or under another protocol.
    """
    if not (math.isfinite(k) and k > 0):
        raise BenchError(f"a check's tolerance is k standard deviations, a number above 0, and not {k}")
    then = _chosen(tidy.read(baseline), methods, f"baseline {str(baseline)!r}")
    now = _chosen(results, methods, "results")
    changes: list[Change] = []
    problems: list[str] = []
    for entry in sorted(then.keys() | now.keys(), key=lambda entry: entry.place):
        if entry not in then and entry.method in CALIBRATION:
            changes += [_unchecked(entry, scores, "not in the baseline") for scores in now[entry].scores.values()]
        elif entry not in then:
            problems.append(_new_entry(entry, then))
        elif entry not in now:
            problems.append(f"{entry} is in the baseline and not in the results")
        else:
            for found in _compared(then[entry], now[entry], k):
                if isinstance(found, Change):
                    changes.append(found)
                else:
                    problems.append(found)
    if not changes and not problems:
        problems.append("there are no scores")
    if problems:
        more = f"; and {len(problems) - _PROBLEMS_TOLD} more" if len(problems) > _PROBLEMS_TOLD else ""
        raise BenchError(
            f"the results cannot be checked against baseline {str(baseline)!r}: {'; '.join(problems[:_PROBLEMS_TOLD])}"
            f"{more}. Give results that match the baseline, or write it anew from these (i2ibench check --update)"
        )
    order = list(Verdict)
    return Report(
        baseline=baseline, k=k, changes=tuple(sorted(changes, key=lambda change: order.index(change.verdict)))
    )


def table(report: Report) -> Group:
    """The report for a rich console."""
    from i2ibench.boards.terminal import changes

    return changes(report)


def _chosen(results: Sequence[Result], methods: Collection[str] | None, where: str) -> dict[Entry, Pool]:
    known = {result.method for result in results}
    for method in methods or ():
        if method not in known:
            raise BenchError(f"{where}: there is no method {method!r}: {nearest(method, known)}")
    pools = pool([result for result in results if methods is None or result.method in methods])
    return {found.entry: found for found in pools}


def _new_entry(entry: Entry, then: Mapping[Entry, Pool]) -> str:
    """That the baseline lacks `entry`, and in what the nearest of the same method differs."""

    def differing(other: Entry) -> list[str]:
        pairs = zip(Entry._fields, entry, other, strict=True)
        return [f"{name} is {a} in the results and {b} in the baseline" for name, a, b in pairs if a != b]

    same = sorted((differing(other) for other in then if other.method == entry.method), key=lambda told: len(told))
    return f"{entry} is not in the baseline" + (f": {', '.join(same[0])}" if same else "")


def _compared(then: Pool, now: Pool, k: float) -> Iterator[Change | str]:
    """Each score's change, or what keeps it from being compared."""
    for name in dict.fromkeys(name for name, _ in [*then.scores, *now.scores]):
        before, after = _numbers(then, name), _numbers(now, name)
        gone = [scores for protocol_id, scores in before.items() if protocol_id not in after]
        new = [scores for protocol_id, scores in after.items() if protocol_id not in before]
        for protocol_id in (id for id in before if id in after):
            if lacking := [seed for seed in now.seeds if seed not in after[protocol_id]]:
                yield f"{name} of {now.entry} has no number for seed {lacking[0]}{_reasons(now, name)}"
            else:
                yield _change(then.entry, list(before[protocol_id].values()), list(after[protocol_id].values()), k)
        yield from (_gone(scores, new, now, name) for scores in gone)
        if not before and then.named(name):
            yield from (_unchecked(now.entry, scores) for scores in new or then.named(name).values())
        elif new and not gone:
            protocols = ", ".join(str(key) for key in after if key not in before)
            yield f"{name} of {now.entry} is not in the baseline (protocol {protocols})"
        elif not before and not after:
            yield from (_unchecked(now.entry, scores) for scores in now.named(name).values())


def _numbers(found: Pool, name: str) -> dict[str | None, Seeds]:
    """The scores of `name` that are numbers."""
    numbers = {
        protocol_id: {seed: score for seed, score in scores.items() if score.value is not None}
        for protocol_id, scores in found.named(name).items()
    }
    return {protocol_id: scores for protocol_id, scores in numbers.items() if scores}


def _gone(scores: Seeds, new: Sequence[Seeds], now: Pool, name: str) -> str:
    """Why the baseline's `scores` of `name` have no counterpart now."""
    then = protocol_of(scores)
    others = [protocol for found in new if (protocol := protocol_of(found)) is not None]
    if then is not None and others:
        nearest_one = min(others, key=lambda protocol: len(then.difference(protocol)))
        told = differences(then, nearest_one, "in the baseline", "now")
        return f"{name} of {now.entry} follows another protocol: {told}"
    if now.named(name):
        return f"{name} of {now.entry} is n/a now{_reasons(now, name)} and was a number"
    return f"{name} of {now.entry} is in the baseline and not in the results"


def _reasons(found: Pool, name: str) -> str:
    """Why scores of `name` are n/a, in brackets."""
    told = {score.reason for scores in found.named(name).values() for score in scores.values() if score.reason}
    return f" ({'; '.join(sorted(told))})" if told else ""


def _change(entry: Entry, then: Sequence[Score], now: Sequence[Score], k: float) -> Change | str:
    values = [score.value for score in then if score.value is not None]
    if any(map(math.isnan, values)) or (any(map(math.isinf, values)) and len(set(values)) > 1):
        return f"{then[0].name} of {entry} is {', '.join(map(str, values))} in the baseline: nothing compares with that"
    if then[0].higher_is_better != now[0].higher_is_better:
        return f"{then[0].name} of {entry} is better the other way round in the baseline"
    mean = statistics.mean([score.value for score in now if score.value is not None])
    if math.isinf(values[0]):
        expected, spread, allowed, basis = values[0], None, 0.0, "an infinite score"
    else:
        expected, spread, allowed, basis = tolerance(then, len(now), k)
    return Change(
        run=str(entry),
        name=then[0].name,
        higher_is_better=then[0].higher_is_better,
        protocol_id=None if then[0].protocol is None else then[0].protocol.id,
        baseline=expected,
        spread=spread,
        baseline_seeds=len(then),
        now=mean,
        seeds=len(now),
        tolerance=allowed,
        basis=basis,
        verdict=_verdict(expected, mean, allowed, then[0].higher_is_better),
    )


def _verdict(expected: float, now: float, allowed: float, higher_is_better: bool) -> Verdict:
    if math.isnan(now):
        return Verdict.REGRESSED
    gain = 0.0 if now == expected else (now - expected if higher_is_better else expected - now)
    if abs(gain) <= allowed:
        return Verdict.UNCHANGED
    return Verdict.IMPROVED if gain > 0 else Verdict.REGRESSED


def _unchecked(entry: Entry, by_seed: Seeds, basis: str = "n/a in the baseline") -> Change:
    """A score that the baseline has no number of."""
    scores = list(by_seed.values())
    values = [score.value for score in scores if score.value is not None]
    return Change(
        run=str(entry),
        name=scores[0].name,
        higher_is_better=scores[0].higher_is_better,
        protocol_id=None if scores[0].protocol is None else scores[0].protocol.id,
        baseline=None,
        spread=None,
        baseline_seeds=0,
        now=statistics.mean(values) if values else None,
        seeds=len(values),
        tolerance=None,
        basis=basis,
        verdict=Verdict.NOT_CHECKED,
    )
