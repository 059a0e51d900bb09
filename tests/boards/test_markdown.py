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

| method | seeds | fid ↓ | ssim ↑ | bpd ↓ | budget | training s | pictures/s | peak MiB | parameters |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| pix2pix (small) | 2 | **61.0 ± 1.4** | **0.5100 ± 0.0141** | n/a<sup>1</sup> \
| 3000 steps | 40.0 | 300.0 | 512 | 1,000,000 |
| c_glow (small) | 2 | <ins>85.0 ± 7.1</ins> | <ins>0.4000 ± 0.0000</ins> | 3.250 ± 0.354 \
| 3000 steps | 40.0 | 300.0 | 512 | 1,000,000 |
| *identity (small)* | *1* | *210.0* | *0.7000 (0.0020)* | *n/a*<sup>2</sup> | *3000 steps* | *-* | *-* | *-* | *-* |
| *real* | *-* | *30.0*<sup>3</sup> | *-* | *-* | *-* | *-* | *-* | *-* | *-* |

1. pix2pix has no likelihood
2. identity has no likelihood
3. under its own protocol `REAL`, not the column's: split is val here and test in the column; n is 150 here and 200 in \
the column

- `fid`: protocol `FID`: 200 test pictures, colour RGB.
- `ssim`: protocol `SSIM`: 200 test pictures, colour RGB.
- `bpd`: protocol `BPD`: 200 test pictures, colour RGB.
- All runs: i2ibench 0.1.0 (commit 1a2b3c4), Python 3.11.7, torch 2.9.0, on cpu.

**Best** and <ins>second</ins> of each column. Numbers are means over seeds ± standard deviation over seeds; in \
brackets, for one seed, the metric's standard error over pictures. Identity and real are not ranked. A dash: not told, \
or not scored under that protocol.
"""


def test_a_whole_board(small_board: list[Result]) -> None:
    ids = {score.name: score.protocol.id for score in small_board[2].scores}
    expected = GOLDEN.replace("REAL", small_board[-1].scores[0].protocol.id)
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


def test_protocols_that_differ_are_told_apart(result: Make) -> None:
    one, other = result("a", fid=1.0), result("b", fid=2.0, protocol={"resize": "bilinear"})
    ids = sorted([one.scores[0].protocol.id, other.scores[0].protocol.id])
    text = render(board([one, other]))
    assert all(rf"fid ↓ \[{id}\]" in text for id in ids)
    first, second = ("None", "bilinear") if one.scores[0].protocol.id == ids[0] else ("bilinear", "None")
    assert f"resize is {first} in `{ids[0]}` and {second} in `{ids[1]}`" in text


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


@pytest.mark.parametrize(("value", "shown"), [(float("inf"), "∞"), (float("-inf"), "-∞"), (float("nan"), "NaN")])
def test_numbers_that_are_not_finite(result: Make, value: float, shown: str) -> None:
    assert f"| {shown} |" in render(board([result(psnr=value)]))


def test_no_boards_no_text() -> None:
    assert render([]) == ""
