"""The comparison of two methods picture by picture: is one better, or is it these pictures?

Both translated the same pictures, so a picture that is hard for both takes no part in the difference: a paired test
tells methods apart that a board of means and standard errors shows as a tie. It speaks of other pictures of the same
kind; whether another training would turn the verdict, only several seeds a side can tell.
"""

from __future__ import annotations

import contextlib
import math
from collections import defaultdict
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from i2ibench import registry
from i2ibench.contestant import Contestant, Side, read, require_one_protocol, require_same_names
from i2ibench.errors import BenchError, nearest
from i2ibench.metrics.statistics import holm, ratio_interval, sign_flip_test
from i2ibench.protocol import Score
from i2ibench.task import Need, ResolutionField

if TYPE_CHECKING:
    from pandas import DataFrame

ALPHA = 0.05
"""A corrected p-value below which two methods are told apart."""


class Verdict(str, Enum):
    """What the first method is, compared with the second."""

    BETTER = "better"
    WORSE = "worse"
    TIE = "tie"


class Contrast(BaseModel):
    """One score of both."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="constants")

    name: str
    higher_is_better: bool
    protocol_id: str | None = None
    a: float | None
    """The score, over seeds its mean; None where it is n/a."""
    b: float | None
    n: int = 0
    """Pictures compared."""
    difference: float | None = None
    """Mean over pictures of a - b."""
    interval: tuple[float, float] | None = None
    """95 % bootstrap interval of `difference`."""
    p_value: float | None = None
    """Of the sign-flip test."""
    corrected_p_value: float | None = None
    """After Holm, for all tests of the comparison."""
    verdict: Verdict | None = None
    note: str | None = None
    """Why there is no test, or what it is of where that is not the difference of the scores."""


class Comparison(BaseModel):
    """Two methods on the same pictures."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="constants")

    task: str
    resolution: ResolutionField
    quick: bool
    a: Contestant
    b: Contestant
    contrasts: tuple[Contrast, ...]


def compare(a: Path, b: Path, metrics: Sequence[str] | None = None) -> Comparison:
    """Compare the method whose scores are in or under `a` with the one under `b`, by `metrics` or all that both have.

    Both are folders that a run or `evaluate` made, or hold several of one method, its seeds; or patterns of such. A
    metric is named by its own name or by that of one of its scores.

    Raises `BenchError` where a folder has no scores or those of several methods, where task, resolution, pictures or
    the protocol of a metric differ, and on metrics that were not scored.
    """
    first, second = read(a), read(b)
    _require_same_task(first, second)
    contrasts = [_contrast(name, first, second) for name in _names(first, second, metrics)]
    tested = [index for index, contrast in enumerate(contrasts) if contrast.p_value is not None]
    corrected = holm([p for contrast in contrasts if (p := contrast.p_value) is not None])
    for index, p_value in zip(tested, corrected, strict=True):
        verdict = _verdict(contrasts[index], p_value)
        contrasts[index] = contrasts[index].model_copy(update={"corrected_p_value": p_value, "verdict": verdict})
    return Comparison(
        task=first.entry.task,
        resolution=first.entry.resolution,
        quick=first.entry.quick,
        a=first.contestant,
        b=second.contestant,
        contrasts=tuple(contrasts),
    )


def _require_same_task(first: Side, second: Side) -> None:
    for what in ("task", "resolution"):
        mine, theirs = getattr(first.entry, what), getattr(second.entry, what)
        if mine != theirs:
            raise BenchError(
                f"the {what} of {first.contestant} is {mine} and that of {second.contestant} {theirs}: compare two "
                "methods on the same pictures"
            )
    known = [result.provenance.data for result in (*first.results, *second.results) if result.provenance is not None]
    prints = sorted({data["test"] for data in known if "test" in data})
    if len(prints) > 1:
        raise BenchError(
            f"the test pictures of {first.entry.task} are not the same in all results (fingerprints "
            f"{', '.join(text[:12] for text in prints)}): translate and score all again on the same data"
        )


def _names(first: Side, second: Side, metrics: Sequence[str] | None) -> list[str]:
    """The scores to compare, in the first's order. Raises `BenchError` on a metric that a side was not scored by."""
    known = list(dict.fromkeys([*first.names, *second.names]))
    if metrics is None:
        return known
    of_metric: dict[str, set[str]] = defaultdict(set)
    for result in (*first.results, *second.results):
        for score in result.scores:
            of_metric[score.name].add(score.name)
            if score.protocol is not None:
                of_metric[score.protocol.metric].add(score.name)
    for metric in metrics:
        if metric not in of_metric:
            raise BenchError(f"neither side was scored by {metric!r}: {nearest(metric, of_metric)}")
        for side in (first, second):
            if any(side.score(name) is None for name in of_metric[metric]):
                raise BenchError(f"{str(side.path)!r} was not scored by {metric!r}: evaluate it by that metric first")
    wanted = {name for metric in metrics for name in of_metric[metric]}
    return [name for name in known if name in wanted]


def _contrast(name: str, first: Side, second: Side) -> Contrast:
    a, b = first.score(name), second.score(name)
    told = a or b
    assert told is not None, "names are those of either side"
    if a is None or b is None:
        side = first if a is None else second
        note = f"not every result in or under {str(side.path)!r} was scored by it"
        return _untested(told, a, b, note)
    if a.value is None or b.value is None:
        return _untested(told, a, b, a.reason or b.reason or "n/a")
    require_one_protocol(a, b, f"{first.contestant} against {second.contestant}")
    require_same_names(first.pictures, second.pictures, f"{first.contestant} and {second.contestant}")
    if name not in first.pictures or name not in second.pictures:
        return _untested(a, a, b, "no paired test: a score of sets")
    return _tested(a, b, first.pictures, second.pictures)


def _untested(told: Score, a: Score | None, b: Score | None, note: str) -> Contrast:
    return Contrast(
        name=told.name,
        higher_is_better=told.higher_is_better,
        protocol_id=None if told.protocol is None else told.protocol.id,
        a=None if a is None else a.value,
        b=None if b is None else b.value,
        note=note,
    )


def _tested(a: Score, b: Score, ours: DataFrame, theirs: DataFrame) -> Contrast:
    """The paired test; frames of a sequence depend on each other, so that whole sequences are drawn and flipped."""
    untested = _untested(a, a, b, "")
    values, others = ours[a.name], theirs[a.name]
    one_sided = int((values.isna() != others.isna()).sum())
    if one_sided:
        return untested.model_copy(update={"note": f"no paired test: {one_sided} pictures have a value on one side"})
    values, others = values.dropna(), others.dropna()
    differences = values - others
    if "sequence" in ours:
        clusters = differences.groupby(ours["sequence"].loc[differences.index]).agg(["sum", "count"])
        totals, counts = clusters["sum"].tolist(), clusters["count"].tolist()
    elif a.protocol is not None and _is_video(a.protocol.task):
        note = "no paired test: frames of a sequence depend on each other, and which belong together was not kept"
        return untested.model_copy(update={"note": note})
    else:
        totals, counts = differences.tolist(), [1] * len(differences)
    if len(totals) < 2:
        return untested.model_copy(update={"note": f"no paired test: {len(totals)} independent pictures"})
    return untested.model_copy(
        update={
            "n": len(differences),
            "difference": math.fsum(totals) / len(differences),
            "interval": ratio_interval(totals, counts),
            "p_value": sign_flip_test(totals),
            "note": _pooled(a, values.tolist()) or _pooled(b, others.tolist()),
        }
    )


def _is_video(task: str) -> bool:
    with contextlib.suppress(BenchError):  # the task of somebody else's checkout, or of another version
        return Need.VIDEO in registry.task(task).gives
    return False


def _pooled(score: Score, values: Sequence[float]) -> str | None:
    """What to say where a score is not the mean of its pictures' values, as accuracies over all pixels."""
    assert score.value is not None
    if math.isclose(math.fsum(values) / len(values), score.value, rel_tol=1e-9, abs_tol=1e-12):
        return None
    return "the difference is between means over pictures; the scores pool all pixels"


def _verdict(contrast: Contrast, p_value: float) -> Verdict:
    assert contrast.difference is not None
    if p_value >= ALPHA:
        return Verdict.TIE
    return Verdict.BETTER if (contrast.difference > 0) == contrast.higher_is_better else Verdict.WORSE
