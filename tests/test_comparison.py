"""Two methods compared, on invented values whose verdicts are known, and on runs of the toy."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas
import pytest
import torch
from scipy import stats

import i2ibench
from i2ibench import cli
from i2ibench.comparison import Comparison, Contrast, Verdict, compare
from i2ibench.errors import BenchError
from i2ibench.metrics.statistics import holm
from i2ibench.protocol import Protocol, Score
from i2ibench.record import Budget, Provenance, Result
from i2ibench.run import Run, plan
from i2ibench.store import write_record
from i2ibench.task import Resolution

TASK, SIZE = "aerial2map@1", Resolution(64, 64)
HIGHER = {"lpips": False, "psnr": True, "psp_pixel_accuracy": True, "kid": False, "warping_error": False}


def values(n: int, seed: int, shift: float = 0.0) -> list[float]:
    """Pictures hard and easy for all, a method's own noise, and how much better or worse it is."""
    hard = np.random.default_rng(99).normal(0, 5, n)
    return (20 + hard + np.random.default_rng(seed).normal(shift, 1, n)).tolist()


def write(
    folder: Path,
    per_picture: dict[str, list[float]],
    sets: dict[str, float | str] | None = None,
    *,
    method: str = "ours",
    seed: int | None = 0,
    task: str = TASK,
    resolution: Resolution = SIZE,
    first: int = 0,
    test: str = "f00d",
    sequence: list[str] | None = None,
    protocols: dict[str, dict[str, object]] | None = None,
    **pooled: float,
) -> Path:
    """A folder as a run leaves it: `sets` are scores of sets or reasons to be n/a, `pooled` those that are no means."""
    n = len(next(iter(per_picture.values())))

    def score(name: str, value: float | str) -> Score:
        if isinstance(value, str):
            return Score.not_available(name, HIGHER[name], value)
        fields = {"metric": name.removesuffix("_pixel_accuracy"), "task": task, "resolution": resolution, "n": n}
        protocol = Protocol.model_validate(fields | (protocols or {}).get(name, {}))
        return Score(name=name, value=value, n=n, higher_is_better=HIGHER[name], protocol=protocol)

    means = {name: pooled.get(name, float(np.nanmean(column))) for name, column in per_picture.items()}
    result = Result(
        method=method,
        preset="small",
        seed=seed,
        task=task,
        resolution=resolution,
        scores=tuple(score(name, value) for name, value in {**(sets or {}), **means}.items()),
        provenance=Provenance(
            i2ibench="0", commit=None, python="3", libraries={}, device="cpu", data={"test": test}, started="now"
        ),
    )
    write_record(folder / "scores.json", result)
    table = {"name": [f"picture {first + index}" for index in range(n)], **per_picture}
    pandas.DataFrame(table | ({"sequence": sequence} if sequence else {})).to_parquet(folder / "per_picture.parquet")
    return folder


def named(comparison: Comparison, name: str) -> Contrast:
    (found,) = [contrast for contrast in comparison.contrasts if contrast.name == name]
    return found


def test_what_boards_cannot_tell_apart_a_paired_test_does(tmp_path: Path) -> None:
    ours, theirs = values(80, 1, 0.8), values(80, 2)
    assert stats.ttest_ind(ours, theirs).pvalue > 0.2
    found = compare(write(tmp_path / "a", {"psnr": ours}), write(tmp_path / "b", {"psnr": theirs}, method="other"))
    (psnr,) = found.contrasts
    differences = np.subtract(ours, theirs)
    assert psnr.a == pytest.approx(np.mean(ours)) and psnr.b == pytest.approx(np.mean(theirs))
    assert psnr.difference == pytest.approx(differences.mean()) and psnr.n == 80 and psnr.note is None
    wanted = stats.bootstrap(
        (differences,), np.mean, method="percentile", n_resamples=20_000, rng=np.random.default_rng(0)
    ).confidence_interval
    assert psnr.interval == pytest.approx(tuple(wanted), abs=0.06 * (wanted.high - wanted.low))
    assert psnr.p_value < 0.001 and psnr.verdict is Verdict.BETTER
    assert str(found.a) == "ours (small)" and found.b.method == "other" and not found.quick


def test_few_pictures_are_tested_exactly(tmp_path: Path) -> None:
    ours, theirs = values(8, 3, 0.5), values(8, 4)
    wanted = stats.permutation_test(
        (np.subtract(ours, theirs),), lambda v, axis: v.mean(axis), permutation_type="samples", vectorized=True
    )
    (psnr,) = compare(write(tmp_path / "a", {"psnr": ours}), write(tmp_path / "b", {"psnr": theirs})).contrasts
    assert psnr.p_value == wanted.pvalue == psnr.corrected_p_value


@pytest.mark.parametrize(("shift", "verdict"), [(3.0, Verdict.BETTER), (-3.0, Verdict.WORSE), (0.0, Verdict.TIE)])
@pytest.mark.parametrize("name", ["psnr", "lpips"])
def test_the_verdict_knows_which_way_is_up(tmp_path: Path, name: str, shift: float, verdict: Verdict) -> None:
    toward = shift if HIGHER[name] else -shift
    first = write(tmp_path / "a", {name: values(30, 1, toward)})
    second = write(tmp_path / "b", {name: values(30, 2)})
    there, back = (compare(*sides).contrasts[0] for sides in ((first, second), (second, first)))
    assert there.verdict is verdict
    turned = {Verdict.BETTER: Verdict.WORSE, Verdict.WORSE: Verdict.BETTER, Verdict.TIE: Verdict.TIE}
    assert back.verdict is turned[verdict]
    assert back.difference == -there.difference and back.p_value == there.p_value
    low, high = there.interval
    assert back.interval == pytest.approx((-high, -low), abs=0.2)


def test_p_values_are_corrected_for_the_metrics_compared(tmp_path: Path) -> None:
    shifts = {"psnr": 0.55, "lpips": 0.0, "warping_error": 3.0}
    sides = [
        write(
            tmp_path / side,
            {name: values(30, seed + at, seed * shift) for at, (name, shift) in enumerate(shifts.items())},
        )
        for seed, side in enumerate("ab")
    ]
    found = compare(*sides).contrasts
    assert [contrast.corrected_p_value for contrast in found] == holm([contrast.p_value for contrast in found])
    alone = compare(*sides, ["psnr"]).contrasts
    assert [contrast.name for contrast in alone] == ["psnr"]
    assert alone[0].corrected_p_value == alone[0].p_value == found[0].p_value < found[0].corrected_p_value


def test_seeds_are_averaged_picture_by_picture(tmp_path: Path) -> None:
    ours = [values(20, seed, 0.5) for seed in (1, 2, 3)]
    for seed, column in enumerate(ours):
        write(tmp_path / "runs" / f"ours-s{seed}", {"psnr": column}, seed=seed)
    theirs = values(20, 4)
    b = write(tmp_path / "runs" / "other-s0", {"psnr": theirs}, method="other")
    mean = write(tmp_path / "mean", {"psnr": np.mean(ours, 0).tolist()})
    (tmp_path / "apart").mkdir()
    for seed in range(3):
        (tmp_path / "runs" / f"ours-s{seed}").rename(tmp_path / "apart" / f"s{seed}")
    found = [compare(side, b) for side in (tmp_path / "apart", tmp_path / "apart" / "s*", mean)]
    assert found[0] == found[1] and found[0].a.seeds == (0, 1, 2)
    assert str(found[0].a) == "ours (small), mean of 3 seeds"
    (one,), (other,) = found[0].contrasts, found[2].contrasts
    assert one.difference == pytest.approx(other.difference, rel=1e-12) and one.p_value == other.p_value
    assert one.a == pytest.approx(np.mean(ours))


def test_scores_of_sets_are_shown_and_not_tested(tmp_path: Path) -> None:
    a = write(tmp_path / "a", {"psnr": values(20, 1)}, {"kid": 0.1, "lpips": "no weights"})
    b = write(tmp_path / "b", {"psnr": values(20, 2)}, {"kid": 0.2, "lpips": 0.5})
    found = compare(a, b)
    kid, lpips = named(found, "kid"), named(found, "lpips")
    assert (kid.a, kid.b, kid.p_value, kid.verdict) == (0.1, 0.2, None, None)
    assert kid.note == "no paired test: a score of sets"
    assert (lpips.a, lpips.b, lpips.note) == (None, 0.5, "no weights")
    assert named(found, "psnr").corrected_p_value == named(found, "psnr").p_value  # one test, not three


def test_a_metric_of_one_side_is_shown_unless_it_was_asked_for(tmp_path: Path) -> None:
    a = write(tmp_path / "a", {"psnr": values(9, 1), "lpips": values(9, 2)})
    b = write(tmp_path / "b", {"psnr": values(9, 3)})
    lpips = named(compare(a, b), "lpips")
    assert lpips.a is not None and lpips.b is None and "was scored by it" in lpips.note
    with pytest.raises(BenchError, match="b' was not scored by 'lpips'"):
        compare(a, b, ["lpips"])
    with pytest.raises(BenchError, match="neither side was scored by 'psrn': did you mean 'psnr'"):
        compare(a, b, ["psrn"])


def test_pixels_that_are_pooled_are_told(tmp_path: Path) -> None:
    column = {"psp_pixel_accuracy": values(15, 1)}
    a = write(tmp_path / "a", column, psp_pixel_accuracy=0.7)
    b = write(tmp_path / "b", {"psp_pixel_accuracy": values(15, 2)})
    (found,) = compare(a, b, ["psp"]).contrasts
    assert found.a == 0.7 and "pool all pixels" in found.note and found.p_value is not None


def test_pictures_without_a_value_are_left_out_on_both_sides(tmp_path: Path) -> None:
    ours, theirs = values(10, 1), values(10, 2)
    ours[3] = theirs[3] = float("nan")
    a, b = write(tmp_path / "a", {"psnr": ours}), write(tmp_path / "b", {"psnr": theirs})
    (found,) = compare(a, b).contrasts
    assert found.n == 9 and found.difference == pytest.approx(np.nanmean(np.subtract(ours, theirs)))
    ours[4] = float("nan")
    (found,) = compare(write(tmp_path / "a", {"psnr": ours}), b).contrasts
    assert found.p_value is None and found.note == "no paired test: 1 pictures have a value on one side"


def test_frames_of_a_sequence_are_no_independent_pictures(tmp_path: Path) -> None:
    drift = np.repeat([1.5, -0.9, 1.2, 0.8, -1.0, 1.6], 10)  # what a method does to one sequence
    ours, theirs = (np.array(values(60, 1)) + drift).tolist(), values(60, 2)
    sequence = [f"s{index // 10}" for index in range(60)]
    sides = [
        write(tmp_path / side, {"psnr": column}, sequence=sequence, task="streets-video@1")
        for side, column in (("a", ours), ("b", theirs))
    ]
    (found,) = compare(*sides).contrasts
    totals = np.subtract(ours, theirs).reshape(6, 10).sum(1)
    exact = stats.permutation_test((totals,), lambda v, axis: v.sum(axis), permutation_type="samples", vectorized=True)
    assert found.p_value == exact.pvalue and found.n == 60
    assert found.difference == pytest.approx(np.subtract(ours, theirs).mean())
    frames = [write(tmp_path / f"{side}2", {"psnr": column}) for side, column in (("a", ours), ("b", theirs))]
    (careless,) = compare(*frames).contrasts
    assert careless.p_value < found.p_value / 3
    assert careless.interval[1] - careless.interval[0] < 0.7 * (found.interval[1] - found.interval[0])


def test_frames_that_cannot_be_told_apart_are_not_tested(tmp_path: Path) -> None:
    sides = [write(tmp_path / side, {"psnr": values(9, 1)}, task="streets-video@1") for side in "ab"]
    (found,) = compare(*sides).contrasts
    assert found.p_value is None and "frames of a sequence depend on each other" in found.note


@pytest.mark.parametrize(
    ("differing", "told"),
    [
        ({"task": "toy@1"}, "the task of ours .* is aerial2map@1 and that of .* toy@1"),
        ({"resolution": Resolution(32, 32)}, "the resolution of ours .* is 64x64 and that of .* 32x32"),
        ({"test": "beef"}, r"not the same in all results \(fingerprints beef, f00d\)"),
        ({"first": 2}, "scored on 9 and 9 pictures, of which 4 are not the same"),
        (
            {"protocols": {"kid": {"seed": 1}}},
            "two kid scores follow different protocols .seed is None here and 1 there",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused(tmp_path: Path, differing: dict, told: str) -> None:
    a = write(tmp_path / "a", {"psnr": values(9, 1)}, {"kid": 1.0})
    b = write(tmp_path / "b", {"psnr": values(9, 2)}, {"kid": 2.0}, method="other", **differing)
    with pytest.raises(BenchError, match=told):
        compare(a, b)


def test_protocols_of_metrics_that_were_not_asked_for_do_not_matter(tmp_path: Path) -> None:
    a = write(tmp_path / "a", {"psnr": values(9, 1)}, {"kid": 1.0})
    b = write(tmp_path / "b", {"psnr": values(9, 2)}, {"kid": 2.0}, protocols={"kid": {"seed": 1}})
    assert len(compare(a, b, ["psnr"]).contrasts) == 1


def test_a_side_is_one_method(tmp_path: Path) -> None:
    column = {"psnr": values(9, 1)}
    write(tmp_path / "both" / "a", column)
    b = write(tmp_path / "both" / "b", column, method="other")
    with pytest.raises(BenchError, match="holds 2 settings"):
        compare(tmp_path / "both", b)
    write(tmp_path / "twice" / "a", column)
    write(tmp_path / "twice" / "b", column)
    with pytest.raises(BenchError, match="several results of seed 0"):
        compare(b, tmp_path / "twice")
    with pytest.raises(BenchError, match="no scores in or under"):
        compare(b, (tmp_path / "empty").mkdir() or tmp_path / "empty")
    with pytest.raises(BenchError, match="there is no"):
        compare(b, tmp_path / "nowhere*")
    (b / "per_picture.parquet").unlink()
    with pytest.raises(BenchError, match=r"no per_picture\.parquet"):
        compare(b, tmp_path / "both" / "a")


def test_the_command_prints_a_table_or_json(tmp_path: Path, monkeypatch, capsys) -> None:
    a = write(tmp_path / "a", {"psnr": values(40, 1, 2.0)}, {"kid": 0.1})
    b = write(tmp_path / "b", {"psnr": values(40, 2)}, {"kid": 0.2}, method="other", seed=None)
    told = json.loads(printed(capsys, monkeypatch, "compare", a, b, "--json"))
    assert Comparison.model_validate(told) == compare(a, b) == i2ibench.compare(a, b)
    table = printed(capsys, monkeypatch, "compare", a, b)
    assert "A: ours (small)" in table and "B: other (small)" in table
    (row,) = [line for line in table.splitlines() if "psnr ↑" in line]
    psnr = named(compare(a, b), "psnr")
    for text in (f"{psnr.difference:+.4f}", f"{psnr.interval[0]:.4f} to {psnr.interval[1]:.4f}", "better", "40"):
        assert text in row
    assert "no paired test: a score of sets" in " ".join(table.split())
    only = printed(capsys, monkeypatch, "compare", a, b, "--metrics", "psnr")
    assert "psnr" in only and "kid" not in only


def test_two_runs_of_a_method_are_compared(toy, runs: Path) -> None:
    folders = []
    for seed in (0, 1):
        spec = plan("toy-gan", "toy", preset="small", budget=Budget(steps=2), seed=seed)
        run = Run(spec, runs, torch.device("cpu"))
        run.perform()
        folders.append(run.folder.path)
    found = compare(*folders)
    tables = [pandas.read_parquet(folder / "per_picture.parquet") for folder in folders]
    assert {contrast.name for contrast in found.contrasts} == {"ssim", "psnr", "bpd"}
    for contrast in found.contrasts:
        differences = tables[0][contrast.name] - tables[1][contrast.name]
        assert contrast.difference == pytest.approx(differences.mean()) and contrast.n == 6
        assert contrast.p_value >= 2 / 2**6 and contrast.note is None


def printed(capsys, monkeypatch, *arguments: object) -> str:
    monkeypatch.setattr("sys.argv", ["i2ibench", *map(str, arguments)])
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert not stop.value.code
    return capsys.readouterr().out
