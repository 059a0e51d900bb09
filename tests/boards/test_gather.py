from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from i2ibench.boards import tidy
from i2ibench.boards.gather import find_results
from i2ibench.boards.table import board
from i2ibench.errors import BenchError
from i2ibench.record import Result
from i2ibench.store import write_record

Make = Callable[..., Result]


def test_a_published_board_grows_by_what_is_in_folders(result: Make, tmp_path: Path) -> None:
    published, new = result("pix2pix", fid=60.0), result("c_glow", fid=50.0)
    tidy.write([published], tmp_path / "leaderboards" / "flows.csv")
    write_record(tmp_path / "runs" / "one" / "scores.json", new)
    found = find_results([tmp_path / "runs", tmp_path / "leaderboards" / "flows.csv"])
    assert found == [new, published]
    (one,) = board(found)
    assert [row.method for row in one.rows] == ["c_glow", "pix2pix"]


def test_boards_of_a_folder_are_not_read_unasked(result: Make, tmp_path: Path) -> None:
    tidy.write([result(fid=60.0)], tmp_path / "board.csv")
    with pytest.raises(BenchError, match="there are no scores under"):
        find_results([tmp_path])


def test_the_same_result_twice_is_one_row(result: Make, tmp_path: Path) -> None:
    one = result(fid=60.0)
    tidy.write([one], tmp_path / "board.csv")
    write_record(tmp_path / "scores.json", one)
    (made,) = board(find_results([tmp_path / "scores.json", tmp_path / "board.csv"]))
    assert [row.seeds for row in made.rows] == [(0,)]


def test_real_pictures_scored_on_another_processor_are_one_row(real: Make, tmp_path: Path) -> None:
    there, here = real(fid=30.0, bpd="n/a of real pictures"), real(fid=30.000001, bpd="n/a of real pictures")
    tidy.write([there], tmp_path / "published.csv")
    write_record(tmp_path / "scores.json", here)
    found = find_results([tmp_path / "scores.json", tmp_path / "published.csv"])
    (made,) = board(found)
    assert [row.method for row in made.rows] == ["real"]
    tidy.write(found, tmp_path / "board.csv")
    assert len(tidy.read(tmp_path / "board.csv")) == 1
    with pytest.raises(BenchError, match="disagree: fid is 30 in one and 31 in the other"):
        board([there, real(fid=31.0)])


def test_places_without_scores_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="there are no scores under"):
        find_results([tmp_path])
    with pytest.raises(BenchError, match="to look for scores in"):
        find_results([tmp_path / "absent"])
    (tmp_path / "board.md").write_text("| a board for reading |\n")
    with pytest.raises(BenchError, match="holds no scores: give folders of runs"):
        find_results([tmp_path / "board.md"])
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(BenchError, match="does not have the columns"):
        find_results([tmp_path / "other.csv"])
