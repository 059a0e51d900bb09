from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from i2ibench.boards.markdown import render
from i2ibench.boards.table import board
from i2ibench.record import Provenance, Result

Make = Callable[..., Result]

GOLDEN = """\
### aerial2map@1 at 64x64, 200 test pictures

| method | seeds | fid ↓ | ssim ↑ | bpd 64x64 ↓ | budget | training s | pictures/s | peak MiB | parameters |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| pix2pix (small) | 2 | **61.0 ± 1.4** | **0.5100 ± 0.0141 (0.0100)** | n/a<sup>1</sup> \
| 3000 steps | 40.0 | 300.0 | 512 | 1,000,000 |
| c_glow (small) | 2 | <ins>85.0 ± 7.1</ins> | <ins>0.4000 ± 0 (0.0100)</ins> | 3.250 ± 0.354 \
| 3000 steps | 40.0 | 300.0 | 512 | 1,000,000 |
| *identity (small)* | *1* | *210.0* | *0.7000 (0.0020)* | *n/a*<sup>2</sup> | *3000 steps* | *-* | *-* | *-* | *-* |
| *real* | *-* | *30.0*<sup>3</sup> | *-* | *-* | *-* | *-* | *-* | *-* | *-* |
| *real train* | *-* | *25.0* | *n/a*<sup>4</sup> | *-* | *-* | *-* | *-* | *-* | *-* |

1. pix2pix has no likelihood
2. identity has no likelihood
3. other pictures than in the column's protocol: split is val here and test in the column; n is 150 here and 200 in \
the column
4. a score of single pictures

- `fid`: protocol `FID`: 200 test pictures, colour RGB.
- `ssim`: protocol `SSIM`: 200 test pictures, colour RGB.
- `bpd`: protocol `BPD`: 200 test pictures, colour RGB, bits 8.
- All runs: i2ibench 0.1.0 (commit 1a2b3c4), Python 3.11.7, torch 2.9.0, on cpu.

**Best** and <ins>second</ins> standing of each column: a method stands behind those that are better beyond doubt \
(by more than 1.96 standard errors of the difference, over seeds and pictures; by any difference where neither is \
known), so ties stand together. Numbers: mean ± standard deviation over training seeds (sampling error: the standard \
error over pictures). Not ranked: identity, the sources themselves; real, real val pictures taken for outputs, the \
ceiling; real train, training pictures taken for outputs, what a memoriser reaches. A dash: not told, or not scored \
under that protocol.
"""


def test_a_whole_board(small_board: list[Result]) -> None:
    ids = {score.name: score.protocol.id for score in small_board[2].scores}
    expected = GOLDEN
    for name, id in ids.items():
        expected = expected.replace(f"protocol `{name.upper()}`", f"protocol `{id}`")
    assert render(board(small_board)) == expected


def test_every_line_of_a_table_has_as_many_cells(small_board: list[Result], result: Make) -> None:
    awkward = result("a|b*c_", fid="no | weights\n<b>here</b>", ssim=0.1)
    text = render(board([*small_board, awkward]))
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) == 1
    assert r"a\|b\*c\_ (small)" in text
    assert r"no \| weights \<b\>here\</b\>" in text


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ([0.5, 0.5], "0.5000 ± 0"),
        ([(0.5, 0.01)], "0.5000 (0.0100)"),
        ([(0.5, 0.0)], "0.5000 (0)"),
        ([0.5], "0.5000"),
        ([(0.4, 0.03), (0.6, 0.04)], "0.5000 ± 0.1414 (0.0354)"),
        ([(0.4, 0.03), 0.6], "0.5000 ± 0.1414"),
    ],
)
def test_training_spread_and_sampling_error_stand_apart(result: Make, told: list[object], shown: str) -> None:
    assert f"| {shown} |" in render(board([result(seed=seed, ssim=value) for seed, value in enumerate(told)]))


def test_ties_are_all_best_and_the_next_standing_is_second(result: Make) -> None:
    told = {"a": (0.50, 0.02), "b": (0.49, 0.02), "c": (0.40, 0.02), "d": (0.30, 0.02)}
    text = render(board([result(method, ssim=value) for method, value in told.items()]))
    rows = [line.split(" | ")[2] for line in text.splitlines() if "(small)" in line and line.startswith("|")]
    assert rows == [
        "**0.5000 (0.0200)**",
        "**0.4900 (0.0200)**",
        "<ins>0.4000 (0.0200)</ins>",
        "0.3000 (0.0200)",
    ]


def test_bits_per_dimension_are_told_with_their_resolution(result: Make) -> None:
    assert "| bpd 64x64 ↓ |" in render(board([result(bpd=3.0, fid=1.0)]))
    assert "| fid ↓ |" in render(board([result(bpd=3.0, fid=1.0)]))
    assert "| bpd ↓ |" in render(board([result(bpd="no likelihood", fid=1.0)]))


def test_protocols_that_differ_are_told_apart(result: Make) -> None:
    one, other = result("a", fid=1.0), result("b", fid=2.0, protocol={"resize": "bilinear"})
    ids = sorted([one.scores[0].protocol.id, other.scores[0].protocol.id])
    text = render(board([one, other], apart=True))
    assert all(rf"fid ↓ \[{id}\]" in text for id in ids)
    a, b = "a (small)", "b (small)"
    former, latter = (a, b) if one.scores[0].protocol.id == ids[0] else (b, a)
    assert (
        f"- Several columns of one score: scores of {former} and those of {latter} follow different protocols" in text
    )


def test_one_method_alone_is_not_called_best(result: Make) -> None:
    assert "**" not in render(board([result(fid=1.0)])).split("**Best**")[0]


def test_quick_boards_say_so(result: Make) -> None:
    text = render(board([result(fid=1.0, quick=True)]))
    assert text.startswith(
        "### aerial2map@1 at 64x64, 200 test pictures (quick: a part of the pictures, not to be quoted)"
    )


def test_a_failed_seed_is_told(result: Make) -> None:
    text = render(board([result(fid=1.0), result(seed=1, fid="diverged")]))
    assert "1. 1 of 2 seeds, so not ranked; diverged" in text


def test_budgets_data_and_machines_that_differ_are_told(result: Make) -> None:
    told = {"i2ibench": "0.1.0", "commit": None, "python": "3.12.1", "libraries": {}, "started": ""}
    here = Provenance(**told, device="cpu", data={"train": "aa"})
    there = Provenance(**told, device="gpu", data={"train": "bb"})
    text = render(
        board([result("a", fid=1.0, provenance=here), result("b", fid=2.0, provenance=there, budget="9 minutes")])
    )
    assert "Rows differ in budget" in text
    assert "Runs differ in the pictures of split train: fingerprints aa, bb." in text
    assert "- a (small): i2ibench 0.1.0, Python 3.12.1, on cpu." in text
    assert "- b (small): i2ibench 0.1.0, Python 3.12.1, on gpu." in text


def test_machines_tell_a_methods_budgets_apart(result: Make) -> None:
    told = {"i2ibench": "0.1.0", "commit": None, "python": "3.12.1", "libraries": {}, "started": "", "data": {}}
    here, there = Provenance(**told, device="cpu"), Provenance(**told, device="gpu")
    runs = [result(fid=1.0, provenance=here), result(fid=2.0, provenance=there, budget="9 minutes")]
    text = render(board(runs))
    assert "- pix2pix (small) after 3000 steps: i2ibench 0.1.0, Python 3.12.1, on cpu." in text
    assert "- pix2pix (small) after 9 minutes: i2ibench 0.1.0, Python 3.12.1, on gpu." in text


def test_seeds_made_elsewhere_are_counted(result: Make) -> None:
    told = {"i2ibench": "0.1.0", "commit": None, "python": "3.12.1", "libraries": {}, "started": "", "data": {}}
    here, there = Provenance(**told, device="cpu"), Provenance(**told, device="gpu")
    runs = [result(seed=0, fid=1.0, provenance=here), result(seed=1, fid=1.1)]
    text = render(board(runs))
    assert "- pix2pix (small) (1 of 2 seeds): i2ibench 0.1.0, Python 3.12.1, on cpu." in text
    text = render(board([*runs, result(seed=2, fid=1.2, provenance=there), result("a", fid=2.0, provenance=here)]))
    assert "- pix2pix (small) (1 of 3 seeds), a (small): i2ibench 0.1.0, Python 3.12.1, on cpu." in text
    assert "- pix2pix (small) (1 of 3 seeds): i2ibench 0.1.0, Python 3.12.1, on gpu." in text


@pytest.mark.parametrize(("value", "shown"), [(float("inf"), "∞"), (float("-inf"), "-∞"), (float("nan"), "NaN")])
def test_numbers_that_are_not_finite(result: Make, value: float, shown: str) -> None:
    assert f"| {shown} |" in render(board([result(psnr=value)]))


def test_no_boards_no_text() -> None:
    assert render([]) == ""
