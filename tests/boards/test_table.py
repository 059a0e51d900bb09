from __future__ import annotations

import math
import statistics
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from i2ibench.boards.columns import CALIBRATION
from i2ibench.boards.layout import lay_out
from i2ibench.boards.ranks import Measured
from i2ibench.boards.ranks import ranks as column_ranks
from i2ibench.boards.table import Board, Row, board
from i2ibench.errors import BenchError
from i2ibench.record import Cost, Result
from i2ibench.task import Resolution

Make = Callable[..., Result]


def row(one: Board, method: str, preset: str | None = "small") -> Row:
    (found,) = [row for row in one.rows if (row.method, row.preset) == (method, preset)]
    return found


def seeds(result: Make, method: str, values: list[float]) -> list[Result]:
    return [result(method, seed, fid=value) for seed, value in enumerate(values)]


def ranks(one: Board, index: int = 0) -> dict[str, int | None]:
    return {row.method: None if row.cells[index] is None else row.cells[index].rank for row in one.rows}


values = st.one_of(st.just("not at hand"), st.floats(0, 100), st.sampled_from([1.0, 2.0, math.inf, math.nan]))
runs = st.lists(
    st.tuples(
        st.sampled_from(["pix2pix", "c_glow", "spade", "identity", "real", "real train"]),
        st.integers(0, 2),
        st.sampled_from([200, 150, 16]),
        values,
        values,
    ),
    max_size=9,
    unique_by=lambda run: run[:2],
)


def made(result: Make, drawn: list[tuple[str, int, int, object, object]]) -> list[Result]:
    return [
        result(method, seed, fid=fid, ssim=ssim, protocol={"n": n, "quick": n == 16})
        for method, seed, n, fid, ssim in drawn
    ]


@settings(deadline=None)
@given(drawn=runs, data=st.data())
def test_the_order_of_results_does_not_matter(
    result: Make, drawn: list[tuple[str, int, int, object, object]], data: st.DataObject
) -> None:
    results = made(result, drawn)
    shuffled = data.draw(st.permutations(results))
    assert repr(board(shuffled, apart=True)) == repr(board(results, apart=True))  # repr: NaN equals itself


@settings(deadline=None)
@given(drawn=runs)
def test_methods_are_ranked_if_complete_and_references_never(
    result: Make, drawn: list[tuple[str, int, int, object, object]]
) -> None:
    for one in board(made(result, drawn), apart=True):
        for index, column in enumerate(one.columns):
            cells = [(row, row.cells[index]) for row in one.rows]
            ranked = {row.method: cell for row, cell in cells if cell is not None and cell.rank is not None}
            assert not {"identity", "real", "real train"} & set(ranked)
            contenders = [Measured(cell.mean, cell.variance) for cell in ranked.values()]
            assert [cell.rank for cell in ranked.values()] == column_ranks(contenders, column.higher_is_better)
            for row, cell in cells:
                complete = cell is not None and cell.seeds == len(row.seeds) and not math.isnan(cell.mean or 0)
                assert (row.method in ranked) == (complete and not row.is_reference)


@settings(deadline=None)
@given(drawn=runs)
@example(  # what is a guest in one column stands in its own where another row brings that
    drawn=[("pix2pix", 0, 150, 0.0, ""), ("real", 0, 200, 0.0, "")]
    + [("real train", seed, n, 0.0, "") for seed, n in ((0, 150), (1, 200))]
)
def test_each_number_stands_once_under_its_own_protocol(
    result: Make, drawn: list[tuple[str, int, int, object, object]]
) -> None:
    results = made(result, drawn)
    expected: dict[tuple[object, ...], list[float]] = {}
    for one in results:
        for score in one.scores:
            if score.value is not None:
                key = (one.method, score.protocol.quick, score.name, score.protocol.id)
                expected.setdefault(key, []).append(score.value)
    shown = {}
    for one in board(results, apart=True):
        assert len({column.key for column in one.columns}) == len(one.columns)
        for row in one.rows:
            for column, cell in zip(one.columns, row.cells, strict=True):
                if cell is not None and cell.mean is not None:
                    assert cell.protocol is None or row.method in CALIBRATION
                    protocol = cell.protocol or column.protocol
                    assert protocol.quick <= one.quick
                    key = (row.method, protocol.quick, column.name, protocol.id)
                    assert key not in shown
                    shown[key] = cell.mean
    assert {key: repr(mean) for key, mean in shown.items()} == {
        key: repr(statistics.mean(values)) for key, values in expected.items()
    }


def test_seeds_are_pooled_to_mean_and_sample_deviation(result: Make) -> None:
    (one,) = board([result(seed=seed, fid=value) for seed, value in enumerate([1.0, 2.0, 6.0])])
    cell = one.rows[0].cells[0]
    assert (cell.mean, cell.seeds, one.rows[0].seeds) == (3.0, 3, (0, 1, 2))
    assert cell.spread == pytest.approx(math.sqrt((4 + 1 + 9) / 2))
    assert cell.standard_error is None


def test_several_seeds_have_the_root_mean_square_of_their_standard_errors(result: Make) -> None:
    told = [(0.4, 0.03), (0.6, 0.04)]
    (one,) = board([result(seed=seed, ssim=value) for seed, value in enumerate(told)])
    cell = one.rows[0].cells[0]
    assert cell.standard_error == pytest.approx(math.sqrt((0.03**2 + 0.04**2) / 2))
    assert cell.variance == pytest.approx(0.02 / 2 + (0.03**2 + 0.04**2) / 2)
    for lacking in (0.6, (0.6, math.nan), (0.6, math.inf)):
        (one,) = board([result(ssim=(0.4, 0.03)), result(seed=1, ssim=lacking)])
        assert one.rows[0].cells[0].standard_error is None


def test_one_seed_has_no_spread_but_the_metrics_standard_error(result: Make) -> None:
    (one,) = board([result(ssim=(0.5, 0.01))])
    assert (one.rows[0].cells[0].spread, one.rows[0].cells[0].standard_error) == (None, 0.01)


def test_preset_and_budget_keep_rows_apart(result: Make) -> None:
    (one,) = board([result(fid=1.0), result(fid=2.0, preset="paper"), result(fid=3.0, budget="9 minutes")])
    assert [(r.preset, r.budget, r.cells[0].mean) for r in one.rows] == [
        ("small", "3000 steps", 1.0),
        ("paper", "3000 steps", 2.0),
        ("small", "9 minutes", 3.0),
    ]


def test_one_board_for_each_task_resolution_and_quickness(result: Make) -> None:
    results = [
        result(fid=1.0),
        result(fid=1.0, resolution=Resolution(128, 128)),
        result(fid=1.0, task="other@1"),
        result(fid=1.0, quick=True),
        result("spade", fid=0.5, protocol={"quick": True, "n": 16}),
    ]
    boards = board(results, apart=True)
    assert [(b.task, str(b.resolution), b.quick, len(b.rows)) for b in boards] == [
        ("aerial2map@1", "64x64", False, 1),
        ("aerial2map@1", "64x64", True, 2),
        ("aerial2map@1", "128x128", False, 1),
        ("other@1", "64x64", False, 1),
    ]
    assert ranks(boards[1]) == {"pix2pix": 1, "spade": None}  # the two quick ones follow different protocols
    with pytest.raises(BenchError, match="follow different protocols"):
        board(results)


def test_equal_means_share_a_rank_and_the_next_is_left_out(result: Make) -> None:
    (one,) = board([result("a", fid=1.0), result("b", fid=1.0), result("c", fid=2.0)])
    assert ranks(one) == {"a": 1, "b": 1, "c": 3}


def test_the_same_value_in_more_seeds_is_still_a_tie(result: Make) -> None:
    (one,) = board([result("a", fid=0.1), *(result("b", seed, fid=0.1) for seed in range(3))])
    assert ranks(one) == {"a": 1, "b": 1}


def test_a_difference_within_the_seeds_spread_is_a_tie(result: Make) -> None:
    close = [*seeds(result, "a", [60.0, 62.0]), *seeds(result, "b", [62.0, 64.0]), *seeds(result, "c", [90.0, 91.0])]
    (one,) = board(close)
    # standard error of a - b: sqrt(2 / 2 + 2 / 2) = 1.41; they differ by 2
    assert ranks(one) == {"a": 1, "b": 1, "c": 3}
    (one,) = board([*seeds(result, "a", [60.0, 60.2]), *seeds(result, "b", [62.0, 62.2])])
    assert ranks(one) == {"a": 1, "b": 2}


def test_rows_stand_by_rank_and_inside_a_rank_by_mean(result: Make) -> None:
    told = {"a": (0.48, 0.02), "b": (0.50, 0.02), "c": (0.20, 0.001), "d": (0.19, 0.2)}
    (one,) = board([result(method, ssim=value) for method, value in told.items()])
    assert [(row.method, row.cells[0].rank) for row in one.rows] == [("b", 1), ("a", 1), ("d", 1), ("c", 3)]


def test_higher_is_better_ranks_the_other_way(result: Make) -> None:
    (one,) = board([result("a", ssim=0.1), result("b", ssim=math.inf), result("c", ssim=math.nan)])
    assert ranks(one) == {"b": 1, "a": 2, "c": None}


def test_a_method_with_a_failed_seed_is_not_ranked(result: Make) -> None:
    (one,) = board([result(fid=1.0), result(seed=1, fid="diverged"), result("spade", fid=5.0)])
    cell = row(one, "pix2pix").cells[0]
    assert (cell.mean, cell.seeds, cell.rank, cell.reasons) == (1.0, 1, None, ("diverged",))
    assert ranks(one)["spade"] == 1


def test_numbers_that_rank_nobody_are_shown_without_rank(result: Make) -> None:
    results = [result("pix2pix", fid=3.0, ssim=0.2), result("spade", fid=2.0, ssim=0.1)]
    silent = [
        one.model_copy(update={"scores": tuple(s.model_copy(update={"ranks": s.name != "fid"}) for s in one.scores)})
        for one in results
    ]
    (loud,), (quiet,) = board(results), board(silent)
    assert [row.method for row in loud.rows] == ["spade", "pix2pix"]
    assert [row.method for row in quiet.rows] == ["pix2pix", "spade"]  # by ssim
    assert ranks(quiet) == {"pix2pix": None, "spade": None} and ranks(quiet, 1) == {"pix2pix": 1, "spade": 2}
    assert [column.ranks for column in quiet.columns] == [False, True]
    assert [row.cells[0].mean for row in quiet.rows if row.cells[0]] == [3.0, 2.0]
    assert any(remark.startswith("`fid`: shown, not ranked") for remark in lay_out(quiet).remarks)
    assert not any("not ranked" in remark for remark in lay_out(loud).remarks)


def test_methods_in_order_of_the_first_column_and_references_last(small_board: list[Result]) -> None:
    (one,) = board(small_board)
    assert [r.method for r in one.rows] == ["pix2pix", "c_glow", "identity", "real", "real train"]
    assert [c.name for c in one.columns] == ["fid", "ssim", "bpd"]


def test_two_protocols_of_one_metric_are_refused_with_the_field_and_the_rows(result: Make) -> None:
    results = [
        result("a", fid=1.0, ssim=0.5),
        result("b", fid=2.0, ssim=0.5),
        result("c", fid=3.0, ssim=0.5, protocol={"n": 150, "weights_sha256": "0" * 64}),
    ]
    with pytest.raises(BenchError) as caught:
        board(results)
    assert str(caught.value) == (
        "aerial2map@1 at 64x64: scores of a (small), b (small) and those of c (small) follow different protocols in "
        "`fid` and `ssim`: n is 200 for the former and 150 for the latter; weights_sha256 is None for the former and "
        "000000000000 for the latter. Such numbers cannot share a column: score them again under one protocol "
        "(i2ibench evaluate RUN --rescore), or show each in a column of its own (i2ibench board --apart)"
    )


def test_a_refusal_tells_the_seeds_and_budgets_that_a_title_leaves_open(result: Make) -> None:
    other = {"protocol": {"n": 150}}
    with pytest.raises(BenchError, match=r"scores of a \(small\) seed 0 and 2 and those of a \(small\) seed 1 follow"):
        board([result("a", 0, fid=1.0), result("a", 1, fid=1.0, **other), result("a", 2, fid=1.0)])
    results = [*seeds(result, "a", [1.0, 1.0]), result("a", fid=1.0, budget="9 minutes", **other)]
    with pytest.raises(
        BenchError, match=r"scores of a \(small\) after 3000 steps and those of a \(small\) after 9 minutes f"
    ):
        board(results)


def test_three_protocols_are_each_told_against_the_first(result: Make) -> None:
    results = [result("a", fid=1.0), result("a", 1, fid=1.0)]
    results += [result("b", fid=1.0, protocol={"n": 9}), result("c", fid=1.0, protocol={"n": 8})]
    with pytest.raises(BenchError) as caught:
        board(results)
    told = str(caught.value)
    assert "n is 200 for the former and 9 for the latter" in told
    assert "n is 200 for the former and 8 for the latter" in told


def test_identity_may_not_follow_another_protocol_but_real_pictures_may_be_others(result: Make, real: Make) -> None:
    with pytest.raises(BenchError, match=r"of identity \(small\) .*follow different protocols in `fid`: n is"):
        board([result(fid=1.0), result("identity", fid=1.0, protocol={"n": 150})])
    reals = [real(fid=1.0, protocol={"n": 150}), real("real train", fid=1.0, protocol={"n": 120})]
    (one,) = board([result(fid=1.0), *reals])
    assert one.mixed is None and len(one.columns) == 1
    with pytest.raises(BenchError, match=r"scores of .*real.* follow different protocols in `fid`: resize is"):
        board([result(fid=1.0), real(fid=1.0, protocol={"resize": "bilinear"})])


def test_two_protocols_of_one_metric_are_two_columns_if_asked_for_apart(result: Make) -> None:
    results = [result("a", fid=1.0), result("b", fid=2.0), result("c", fid=3.0, protocol={"resize": "bilinear"})]
    (one,) = board(results, apart=True)
    assert one.mixed is not None and "resize is None for the former and bilinear for the latter" in one.mixed
    assert [c.name for c in one.columns] == ["fid", "fid"]
    assert one.columns[0].header == f"fid ↓ [{one.columns[0].protocol.id}]"
    assert [one.columns[1].protocol.resize, row(one, "c").cells[0], row(one, "c").cells[1].rank] == [
        "bilinear",
        None,
        1,
    ]


def test_not_available_without_protocol_joins_the_column_with_numbers(result: Make) -> None:
    (one,) = board([result("a", fid=1.0), result("b", fid="no weights")])
    assert len(one.columns) == 1
    assert row(one, "b").cells[0].reasons == ("no weights",)
    assert row(one, "b").cells[0].mean is None


def test_a_real_row_of_other_pictures_is_shown_with_its_own_protocol(result: Make, real: Make) -> None:
    (one,) = board([result(fid=60.0), real(fid=30.0, protocol={"n": 150, "split": "val"})])
    cell = row(one, "real", None).cells[0]
    assert len(one.columns) == 1
    assert (cell.mean, cell.rank, cell.protocol.n) == (30.0, None, 150)


def test_a_real_row_of_fewer_pictures_for_a_classifier_of_outputs_fits_in(result: Make, real: Make) -> None:
    outputs, fewer = ({"n": n, "n_training": n, "training": "outputs"} for n in (200, 100))
    (one,) = board([result(fc=0.2, protocol=outputs), real(fc=1.0, protocol=fewer)])
    assert len(one.columns) == 1
    with pytest.raises(BenchError, match="training_hash is"):
        board([result(fc=0.2, protocol=outputs), real(fc=1.0, protocol={**fewer, "training_hash": "f00d"})])


def test_a_real_row_measured_otherwise_has_a_column_of_its_own(result: Make, real: Make) -> None:
    (one,) = board([result(fid=60.0), real(fid=30.0, protocol={"resize": "bilinear"})], apart=True)
    assert len(one.columns) == 2
    assert [cell if cell is None else cell.mean for cell in row(one, "real", None).cells] == [None, 30.0]


def test_a_score_made_later_replaces_its_not_available(result: Make) -> None:
    (one,) = board([result(fid="no weights"), result(fid=60.0), result(ssim=0.5)])
    assert [(cell.mean, cell.reasons) for cell in one.rows[0].cells] == [(60.0, ()), (0.5, ())]


def test_two_values_of_one_seed_are_refused(result: Make) -> None:
    with pytest.raises(BenchError, match=r"of seed 0 for pix2pix \(small\) .* fid is 60 in one and 61 in the other"):
        board([result(fid=60.0), result(fid=61.0)])
    with pytest.raises(BenchError, match="without a seed"):
        board([result("yours", None, fid=60.0), result("yours", None, fid=61.0)])
    assert len(board([result(fid=60.0), result(fid=60.0)])[0].rows) == 1


def test_two_directions_of_one_score_are_refused(result: Make) -> None:
    other = result("spade", fid=60.0)
    turned = other.model_copy(update={"scores": (other.scores[0].model_copy(update={"higher_is_better": True}),)})
    with pytest.raises(BenchError, match="higher fid is better"):
        board([result(fid=60.0), turned])


def test_costs_are_means_of_time_and_maxima_of_space(result: Make) -> None:
    costs = [Cost(seconds=s, pictures=100, peak_memory=m, parameters=7) for s, m in ((10, 5), (30, 4))]
    (one,) = board([result(seed=seed, fid=1.0, cost=cost) for seed, cost in enumerate(costs)])
    cost = one.rows[0].cost
    assert (cost.seconds, cost.peak_memory, cost.parameters) == (20.0, 5, 7)
    assert cost.pictures_per_second == pytest.approx((100 / 10 + 100 / 30) / 2)


def test_what_was_not_trained_has_no_speed(result: Make) -> None:
    (one,) = board([result("identity", fid=1.0, cost=Cost())])
    assert (one.rows[0].cost.seconds, one.rows[0].cost.pictures_per_second, one.rows[0].cost.parameters) == (
        None,
        None,
        0,
    )


def test_no_results_no_boards() -> None:
    assert board([]) == []
