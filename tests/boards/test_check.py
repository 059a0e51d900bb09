from __future__ import annotations

import json
import math
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from i2ibench.boards import tidy
from i2ibench.boards.check import Report, Verdict, check, table
from i2ibench.errors import BenchError
from i2ibench.record import Cost, Result

Make = Callable[..., Result]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "baseline.csv"


def against(file: Path, baseline: list[Result], now: list[Result], **told: object) -> Report:
    tidy.write(baseline, file)
    return check(now, file, **told)


def verdicts(report: Report) -> dict[str, str]:
    return {change.name: change.verdict.value for change in report.changes}


def seeds(result: Make, **values: list[float]) -> list[Result]:
    count = len(next(iter(values.values())))
    return [result(seed=seed, **{name: column[seed] for name, column in values.items()}) for seed in range(count)]


def test_a_baseline_passes_its_own_check(small_board: list[Result], file: Path) -> None:
    report = against(file, small_board, small_board)
    assert not report.regressed and not report.improved
    assert {change.verdict for change in report.changes} == {Verdict.UNCHANGED, Verdict.NOT_CHECKED}


def test_worse_and_better_by_each_scores_own_direction(result: Make, file: Path) -> None:
    baseline = seeds(result, fid=[59.0, 60.0, 61.0], ssim=[0.49, 0.50, 0.51])
    # tolerances: 6.75 sqrt(1/3 + 1) times spreads of 1 and 0.01
    assert verdicts(against(file, baseline, [result(fid=67.7, ssim=0.43)])) == {"fid": "unchanged", "ssim": "unchanged"}
    assert verdicts(against(file, baseline, [result(fid=67.9, ssim=0.42)])) == {"fid": "regressed", "ssim": "regressed"}
    assert verdicts(against(file, baseline, [result(fid=52.1, ssim=0.58)])) == {"fid": "improved", "ssim": "improved"}


def test_regressions_come_first_and_are_counted(result: Make, file: Path) -> None:
    baseline = seeds(result, psnr=[20.0, 20.1], ssim=[0.5, 0.501], fid=[60.0, 60.1])
    report = against(file, baseline, [result(psnr=20.0, ssim=0.7, fid=90.0)])
    assert [change.name for change in report.changes] == ["fid", "ssim", "psnr"]
    assert [change.name for change in report.regressed] == ["fid"]
    assert report.summary.endswith("(k = 3): 1 regressed, 1 improved, 1 unchanged, 0 not checked")
    change = report.regressed[0]
    assert (change.baseline, change.now, change.baseline_seeds, change.seeds) == (pytest.approx(60.05), 90.0, 2, 1)


def test_k_widens_the_tolerance(result: Make, file: Path) -> None:
    baseline = seeds(result, fid=[59.0, 60.0, 61.0])
    assert against(file, baseline, [result(fid=65.0)], k=1.0).regressed
    assert not against(file, baseline, [result(fid=65.0)], k=3.0).regressed


@settings(deadline=None)
@given(
    then=st.lists(st.floats(1, 100), min_size=1, max_size=4),
    now=st.lists(st.floats(1, 100), min_size=1, max_size=3),
    error=st.none() | st.floats(0, 5),
)
def test_a_score_and_its_negative_get_the_same_verdict(
    result: Make, tmp_path_factory: pytest.TempPathFactory, then: list[float], now: list[float], error: float | None
) -> None:
    def told(values: list[float]) -> list[Result]:
        return [result(seed=seed, fid=(value, error), ssim=(-value, error)) for seed, value in enumerate(values)]

    found = verdicts(against(tmp_path_factory.mktemp("check") / "b.csv", told(then), told(now)))
    assert found["fid"] == found["ssim"]


def test_training_cost_is_not_checked(result: Make, file: Path) -> None:
    report = against(file, [result(fid=60.0, cost=Cost(seconds=1))], [result(fid=60.0, cost=Cost(seconds=1e6))])
    assert verdicts(report) == {"fid": "unchanged"}


@pytest.mark.parametrize(
    ("name", "then", "now", "verdict"),
    [
        ("psnr", [math.inf, math.inf], math.inf, "unchanged"),
        ("psnr", [math.inf], 40.0, "regressed"),
        ("psnr", [40.0], math.inf, "improved"),
        ("fid", [40.0], math.inf, "regressed"),
        ("psnr", [40.0], math.nan, "regressed"),
        ("fid", [40.0], math.nan, "regressed"),
        ("fid", [0.0, 0.0], 0.0, "unchanged"),
        ("fid", [0.0, 0.0], 1e-9, "regressed"),
        ("fid", [40.0, 40.0], 40.01, "unchanged"),
        ("fid", [40.0, 40.0], 40.1, "regressed"),
        ("fid", [40.0], 48.4, "unchanged"),
        ("fid", [40.0], 48.6, "regressed"),
    ],
)
def test_verdicts_at_the_edges(
    result: Make, file: Path, name: str, then: list[float], now: float, verdict: str
) -> None:
    report = against(file, seeds(result, **{name: then}), [result(**{name: now})])
    assert verdicts(report) == {name: verdict}


def test_a_score_that_the_baseline_has_not_is_not_checked(result: Make, file: Path) -> None:
    baseline = [result(fid="no weights", bpd="no likelihood", ssim=0.5)]
    report = against(file, baseline, [result(fid=60.0, bpd="no likelihood", ssim=0.5)])
    assert verdicts(report) == {"ssim": "unchanged", "fid": "not checked", "bpd": "not checked"}
    assert {change.name: change.now for change in report.changes} == {"ssim": 0.5, "fid": 60.0, "bpd": None}


@pytest.mark.parametrize(
    ("then", "now", "told"),
    [
        (
            {"fid": 1.0},
            {"fid": "weights are gone"},
            r"fid of pix2pix .* is n/a now \(weights are gone\) and was a number",
        ),
        ({"fid": 1.0, "ssim": 0.5}, {"ssim": 0.5}, "fid of pix2pix .* is in the baseline and not in the results"),
        ({"ssim": 0.5}, {"fid": 1.0, "ssim": 0.5}, r"fid of pix2pix .* is not in the baseline \(protocol \w{12}\)"),
        (
            {"fid": 1.0},
            {"fid": 1.0, "protocol": {"n": 16, "quick": True}, "quick": False},
            "quick is True in the results and False in the baseline",
        ),
        (
            {"fid": 1.0},
            {"fid": 1.0, "protocol": {"resize": "bilinear"}},
            "fid of pix2pix .* follows another protocol: resize is None in the baseline and bilinear now",
        ),
        ({"fid": 1.0}, {"fid": 1.0, "preset": "paper"}, "preset is paper in the results and small in the baseline"),
        ({"fid": 1.0}, {"fid": 1.0, "budget": "9 steps"}, "budget is 9 steps in the results and 3000 steps in the"),
        (
            {"fid": 1.0},
            {"fid": 1.0, "method": "spade"},
            "pix2pix .* is in the baseline and not in the results; spade .* is not in the baseline",
        ),
        ({"fid": math.nan}, {"fid": 1.0}, "fid of pix2pix .* is nan in the baseline"),
    ],
)
def test_what_cannot_be_compared_is_no_pass(
    result: Make, file: Path, then: dict[str, object], now: dict[str, object], told: str
) -> None:
    with pytest.raises(BenchError, match=told) as caught:
        against(file, [result(**then)], [result(**now)])
    assert str(file) in str(caught.value) and "check --update" in str(caught.value)


def test_a_failed_seed_is_no_pass(result: Make, file: Path) -> None:
    with pytest.raises(BenchError, match=r"fid of pix2pix .* has no number for seed 1 \(diverged\)"):
        against(file, seeds(result, fid=[1.0, 1.0]), [result(fid=1.0), result(seed=1, fid="diverged")])


def test_seeds_that_are_partly_infinite_are_no_baseline(result: Make, file: Path) -> None:
    with pytest.raises(BenchError, match=r"psnr of .* is 40\.0, inf in the baseline"):
        against(file, seeds(result, psnr=[40.0, math.inf]), [result(psnr=40.0)])


def test_a_turned_direction_is_no_pass(result: Make, file: Path) -> None:
    turned = result(fid=1.0)
    turned = turned.model_copy(update={"scores": (turned.scores[0].model_copy(update={"higher_is_better": True}),)})
    with pytest.raises(BenchError, match="better the other way round"):
        against(file, [result(fid=1.0)], [turned])


def test_many_problems_are_counted(result: Make, file: Path) -> None:
    with pytest.raises(BenchError, match=r"; and 4 more\. Give results"):
        against(file, [result(f"m{i}", fid=1.0) for i in range(10)], [result("m9", fid=1.0)])


def test_a_row_of_real_pictures_may_be_new_and_a_lost_one_is_no_pass(result: Make, real: Make, file: Path) -> None:
    row = real("real train", fid=20.0, ssim="a score of single pictures")
    report = against(file, [result(fid=60.0)], [result(fid=60.0), row])
    assert verdicts(report) == {"fid": "not checked", "ssim": "not checked"} and not report.regressed
    assert [(c.run[:10], c.verdict.value) for c in report.changes if c.now is not None] == [
        ("pix2pix (s", "unchanged"),
        ("real train", "not checked"),
    ]
    assert {change.basis for change in report.changes if change.run.startswith("real")} == {"not in the baseline"}
    with pytest.raises(BenchError, match=r"real train on .* is in the baseline and not in the results"):
        against(file, [result(fid=60.0), row], [result(fid=60.0)])


def test_a_baseline_written_without_intervals_still_checks(small_board: list[Result], file: Path) -> None:
    tidy.write(small_board, file)
    frame = pd.read_csv(file, dtype=str, keep_default_na=False)
    frame.drop(columns=list(tidy.INTERVAL)).to_csv(file, index=False)
    assert not check(small_board, file).regressed


def test_the_committed_baseline_passes_its_own_check() -> None:
    baseline = Path(__file__).parents[2] / "leaderboards" / "quick.csv"
    report = check(tidy.read(baseline), baseline)
    assert not report.regressed and not report.improved
    assert sum(change.verdict is Verdict.UNCHANGED for change in report.changes) > 20


def test_methods_narrow_both_sides(result: Make, file: Path) -> None:
    baseline = [result("ours", fid=60.0), result("theirs", fid=60.0)]
    report = against(file, baseline, [result("ours", fid=99.0), result("new", fid=1.0)], methods=["ours"])
    assert [(change.run[:4], change.verdict.value) for change in report.changes] == [("ours", "regressed")]
    with pytest.raises(BenchError, match=r"baseline .* no method 'our': did you mean 'ours'"):
        against(file, baseline, baseline, methods=["our"])


def test_unusable_baselines_results_and_tolerances(result: Make, file: Path) -> None:
    with pytest.raises(BenchError, match="there is no scores file"):
        check([result(fid=1.0)], file)
    with pytest.raises(BenchError, match="is in the baseline and not in the results"):
        against(file, [result(fid=1.0)], [])
    for k in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(BenchError, match="a number above 0"):
            against(file, [result(fid=1.0)], [result(fid=1.0)], k=k)


def test_the_report_prints_what_moved_and_dumps_as_json(result: Make, file: Path) -> None:
    baseline = [result(fid=60.0, ssim=(0.5, 0.01), bpd="no likelihood")]
    report = against(file, baseline, [result(fid=90.0, ssim=(0.5, 0.01), bpd="no likelihood")])
    out = StringIO()
    Console(file=out, width=80).print(table(report))
    lines = out.getvalue().splitlines()
    assert lines[0].strip() == "pix2pix (small) after 3000 steps on aerial2map@1 at 64x64"
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if line.startswith("│")]
    assert cells == [
        ["fid ↓", "60.00", "90.00", "12.73", "regressed"],
        ["ssim ↑", "0.5000", "0.5000", "0.0424", "unchanged"],
    ]
    told = " ".join(out.getvalue().split())
    assert "1 regressed, 0 improved, 1 unchanged, 1 not checked" in told
    assert "judged by 5% of the value: more seeds in the baseline judge better" in told
    assert json.loads(report.model_dump_json())["changes"][0]["verdict"] == "regressed"
