from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from i2ibench.boards import tidy
from i2ibench.boards.table import board
from i2ibench.errors import BenchError
from i2ibench.record import Cost, Result

Make = Callable[..., Result]

words = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=8)
numbers = st.floats() | st.none()
costs = st.none() | st.builds(
    Cost, seconds=st.floats(0, 1e6), steps=st.integers(0, 9), peak_memory=st.integers(0, 2**40), parameters=st.just(7)
)


def in_order(results: list[Result]) -> list[str]:
    return sorted(map(repr, results))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "board.csv"


@settings(deadline=None)
@given(
    drawn=st.lists(
        st.tuples(words, st.none() | words, st.integers(0, 9) | st.none(), numbers, numbers, words, costs),
        min_size=1,
        unique_by=lambda run: (run[0], run[1], run[2]),
    )
)
def test_results_read_back_exactly(
    result: Make, tmp_path_factory: pytest.TempPathFactory, drawn: list[tuple[object, ...]]
) -> None:
    results = [
        result(method, seed, preset=preset, cost=cost, fid=(value, error), bpd=reason)
        for method, preset, seed, value, error, reason, cost in drawn
    ]
    path = tmp_path_factory.mktemp("tidy") / "board.csv"
    tidy.write(results, path)
    assert in_order(tidy.read(path)) == in_order(results)


@pytest.mark.parametrize(
    "value", [0.1 + 0.2, 5e-324, 1.7976931348623157e308, -0.0, math.inf, -math.inf, math.nan, None]
)
def test_a_value_reads_back_to_the_bit(result: Make, file: Path, value: float | None) -> None:
    tidy.write([result(fid=value)], file)
    assert repr(tidy.read(file)[0].scores[0].value) == repr(value)


def with_interval(result: Result, interval: tuple[float, float] | None) -> Result:
    scores = tuple(score.model_copy(update={"interval": interval}) for score in result.scores)
    return result.model_copy(update={"scores": scores})


@pytest.mark.parametrize("interval", [None, (0.1 + 0.2, 0.4), (-math.inf, math.inf)])
def test_an_interval_reads_back(result: Make, file: Path, interval: tuple[float, float] | None) -> None:
    tidy.write([with_interval(result(fid=0.3), interval)], file)
    assert tidy.read(file)[0].scores[0].interval == interval
    row = pd.read_csv(file, dtype=str, keep_default_na=False).iloc[0]
    assert (row["interval_low"], row["interval_high"]) == (("", "") if interval is None else tuple(map(repr, interval)))


@pytest.mark.parametrize("ranks", [True, False])
def test_whether_a_score_ranks_reads_back(result: Make, file: Path, ranks: bool) -> None:
    one = result(fid=0.3)
    scores = tuple(score.model_copy(update={"ranks": ranks}) for score in one.scores)
    tidy.write([one.model_copy(update={"scores": scores})], file)
    assert [score.ranks for score in tidy.read(file)[0].scores] == [ranks]


def test_a_file_written_before_these_columns_is_read(small_board: list[Result], file: Path) -> None:
    told = [with_interval(result, (0.0, 1.0)) for result in small_board]
    tidy.write(told, file)
    frame = pd.read_csv(file, dtype=str, keep_default_na=False)
    frame.drop(columns=list(tidy.LATER)).to_csv(file, index=False)
    bare = [result.model_copy(update={"provenance": None}) for result in small_board]
    assert in_order(tidy.read(file)) == in_order(bare)


@pytest.mark.parametrize("reason", ["two\nlines", 'a "quoted", comma', "n/a", "NaN", "None", " spaces ", "\r\n"])
def test_a_reason_reads_back(result: Make, file: Path, reason: str) -> None:
    tidy.write([result(fid=reason)], file)
    assert tidy.read(file)[0].scores[0].reason == reason


def test_boards_of_what_was_read_are_the_same(small_board: list[Result], file: Path) -> None:
    tidy.write(small_board, file)
    assert board(tidy.read(file)) == board(small_board)


def test_where_results_were_made_reads_back(small_board: list[Result], file: Path) -> None:
    tidy.write(small_board, file)
    assert in_order(tidy.read(file)) == in_order(small_board)


def test_equal_results_give_equal_bytes(small_board: list[Result], tmp_path: Path) -> None:
    tidy.write(small_board, tmp_path / "a.csv")
    tidy.write(small_board[::-1], tmp_path / "b.csv")
    tidy.write(tidy.read(tmp_path / "a.csv"), tmp_path / "c.csv")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes() == (tmp_path / "c.csv").read_bytes()


def test_pandas_reads_it_as_a_table_of_numbers(small_board: list[Result], file: Path) -> None:
    tidy.write(small_board, file)
    frame = pd.read_csv(file)
    assert tuple(frame.columns) == tidy.COLUMNS
    assert len(frame) == sum(len(result.scores) for result in small_board)
    assert frame.query("method == 'c_glow' and metric == 'fid'")["value"].tolist() == [90.0, 80.0]
    assert frame["quick"].dtype == bool


def changed(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (",value,", ",score,", "missing: value; unknown: score"),
        (",61.5,", ",sixty,", r"row 1: value is 'sixty'"),
        (",small,0,", ",small,zero,", r"row 1: seed is 'zero'"),
        (",61.5,,,", ",61.5,,1.0,", r"row 1: interval.1 is 'None'"),
        (",64x64,", ",64 by 64,", r"resolution '64 by 64' is not HEIGHTxWIDTH"),
        ('""n"":200', '""n"":100', r"states protocol_id '\w{12}' but holds the protocol \w{12}"),
        ('""n"":200', '""n"":', r"row 1: protocol is"),
        ('""n"":200', '""m"":200', r"row 1: n is"),
        ('""python"":', '""python""', r"row 1: provenance is"),
        ('""python"":', '""perl"":', r"row 1: python is"),
    ],
)
def test_a_spoilt_file_is_named_with_its_row(
    result: Make, small_board: list[Result], file: Path, old: str, new: str, told: str
) -> None:
    tidy.write([result(fid=61.5, provenance=small_board[0].provenance)], file)
    changed(file, old, new)
    with pytest.raises(BenchError, match=told) as caught:
        tidy.read(file)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is not a CSV"),
        (b"\xff\xfe\x00", "is not a CSV"),
        (b'a,b\n"', "is not a CSV|does not have the columns"),
        (b"<<<<<<< ours\n", "does not have the columns"),
        (",".join(tidy.COLUMNS).encode() + b"\n", "holds no scores"),
    ],
)
def test_what_is_no_scores_file_is_refused(file: Path, content: bytes, told: str) -> None:
    file.write_bytes(content)
    with pytest.raises(BenchError, match=told):
        tidy.read(file)


def test_a_missing_file_and_a_folder_are_refused(file: Path) -> None:
    with pytest.raises(BenchError, match=r"there is no scores file '.*board\.csv'"):
        tidy.read(file)
    with pytest.raises(BenchError, match="cannot be read"):
        tidy.read(file.parent)


def test_nothing_is_written_without_scores(file: Path) -> None:
    with pytest.raises(BenchError, match="there are no scores to write"):
        tidy.write([], file)
    assert not file.exists()
