from __future__ import annotations

from collections.abc import Callable
from io import StringIO

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from i2ibench.boards.table import board
from i2ibench.boards.terminal import packed, table
from i2ibench.record import Result


def printed(results: list[Result], width: int, colour: bool = False) -> str:
    out = StringIO()
    console = Console(file=out, width=width, force_terminal=colour, color_system="truecolor" if colour else None)
    for one in board(results):
        console.print(table(one))
    return out.getvalue()


def test_a_wide_terminal_gets_one_table(small_board: list[Result]) -> None:
    text = printed(small_board, 200)
    assert text.count("┏") == 1
    assert "│ pix2pix (small)  │     2 │" in text
    assert "3. other pictures than in the column's protocol" in text


def test_a_narrow_terminal_gets_several_with_nothing_cut(small_board: list[Result]) -> None:
    text = printed(small_board, 80)
    assert text.count("┏") > 1
    assert text.count("│ c_glow (small)") == text.count("┏")
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    for cell in ("61.0 ± 1.4", "0.5100 ± 0.0141 (0.0100)", "3.250 ± 0.354", "n/a [2]", "1,000,000", "bpd 64x64 ↓"):
        assert cell in text


def test_best_and_second_are_marked(small_board: list[Result]) -> None:
    text = printed(small_board, 200, colour=True)
    assert "\x1b[1;32m61.0 ± 1.4" in text
    assert "\x1b[4m85.0 ± 7.1" in text


def test_brackets_in_names_are_no_markup(result: Callable[..., Result]) -> None:
    assert "[bold]mine (small)" in printed([result("[bold]mine", fid=1.0)], 120)


@given(widths=st.lists(st.integers(1, 60), min_size=2, max_size=12), room=st.integers(20, 200))
def test_packing_shows_every_column_once_and_fits(widths: list[int], room: int) -> None:
    tables = packed(widths, room)
    assert [column for columns in tables for column in columns[1:]] == list(range(1, len(widths)))
    for columns in tables:
        assert columns[0] == 0
        assert len(columns) == 2 or sum(widths[column] + 3 for column in columns) + 1 <= room
