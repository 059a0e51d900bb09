"""The warping error against torch's own sampling, closed forms and the generated streets' exact flow."""

from __future__ import annotations

import functools
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from i2ibench import registry
from i2ibench.data.rows import Split, make
from i2ibench.data.tables import ArrowTable
from i2ibench.data.worlds.video import render
from i2ibench.metrics.ceiling import ceiling
from i2ibench.metrics.evaluate import evaluate
from i2ibench.metrics.metric import Chunk, Setting
from i2ibench.metrics.statistics import ratio_interval
from i2ibench.metrics.warping import WarpingError, warp, warped_difference
from i2ibench.task import Resolution
from i2ibench.tasks.video import STREETS_VIDEO

SIZE = Resolution(16, 24)
NAME = "warping_error"


def setting(**fields) -> Setting:
    values = {"task": STREETS_VIDEO, "resolution": SIZE, "split": "test", "n": 6, "n_reference": 6, **fields}
    return Setting(reference_hash="0", **values)


def noise(count: int, seed: int, size: tuple[int, int] = SIZE) -> torch.Tensor:
    """Random 8-bit pictures `[count, 3, H, W]`."""
    return torch.randint(0, 256, (count, 3, *size), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


def still(count: int, x: float = 0.0, y: float = 0.0) -> torch.Tensor:
    """One flow for all pixels."""
    return torch.tensor([x, y]).view(1, 2, 1, 1).repeat(count, 1, *SIZE)


def chunk(pictures: torch.Tensor, flow: torch.Tensor, sequence: str = "a", start: int = 0) -> Chunk:
    frames = tuple((sequence, start + i) for i in range(len(pictures)))
    return Chunk(tuple(f"{s}{i}" for s, i in frames), output=pictures / 127.5 - 1, frames=frames, flow=flow)


def scored(*chunks: Chunk) -> WarpingError:
    metric = WarpingError(setting())
    for one in chunks:
        metric.update(one)
    return metric


@pytest.mark.parametrize(("x", "y"), [(1, 0), (0, -2), (-3, 2), (5, 5)])
def test_pictures_shifted_by_whole_pixels_differ_nowhere_visible(x: int, y: int) -> None:
    scene = noise(1, 0, (80, 80))[0]
    frames = [scene[:, 30 + y * i : 46 + y * i, 30 + x * i : 54 + x * i] for i in range(5)]
    metric = scored(chunk(torch.stack(frames), still(5, x, y)))
    assert metric.compute()[0].value == 0
    visible = warp(frames[0], still(1, x, y)[0])[1]
    assert int(visible.sum()) == (SIZE.height - abs(y)) * (SIZE.width - abs(x))
    wrong = scored(chunk(torch.stack(frames), still(5, -x, -y))).compute()[0]
    assert wrong.value > 0.1


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**31), reach=st.sampled_from([0.5, 3.0, 20.0]))
def test_sampling_between_pixels_is_torchs(seed: int, reach: float) -> None:
    before, now = noise(2, seed)
    draw = torch.Generator().manual_seed(seed)
    flow = (torch.rand(2, *SIZE, generator=draw) * 2 - 1) * reach
    flow[:, torch.rand(*SIZE, generator=draw) < 0.2] = math.nan
    check(before, now, flow)


@pytest.mark.parametrize(("x", "y"), [(0.5, 0.0), (0.0, 0.5), (-0.5, 0.5), (7.5, -3.5)])
def test_half_pixels_are_torchs(x: float, y: float) -> None:
    check(*noise(2, 1), still(1, x, y)[0])


def check(before: torch.Tensor, now: torch.Tensor, flow: torch.Tensor) -> None:
    """Against `grid_sample`, whose coordinates run from -1 to 1 between the picture's edges."""
    places = torch.stack(torch.meshgrid(torch.arange(SIZE.width), torch.arange(SIZE.height), indexing="xy")) + 0.5
    grid = (places.double() + flow) / torch.tensor([SIZE.width, SIZE.height]).view(2, 1, 1) * 2 - 1
    wanted = F.grid_sample(
        before[None].double(), grid.nan_to_num().movedim(0, -1)[None], padding_mode="border", align_corners=False
    )[0]
    mask = (grid.abs() <= 1).all(0)
    warped, visible = warp(before, flow)
    assert torch.equal(visible, mask)
    torch.testing.assert_close(warped[:, mask], wanted[:, mask])
    error = ((wanted - now) / 255).square()[:, mask].mean()
    assert warped_difference(before, now, flow) == pytest.approx(error.item(), rel=1e-9, nan_ok=True)


def test_flicker_gives_its_variance() -> None:
    """Independent noise of standard deviation s in each frame: the difference of two has variance 2 s^2."""
    flicker = (noise(30, 2) % 2) * 100 + 50  # 50 or 150: deviation 50
    assert scored(chunk(flicker, still(30))).compute()[0].value == pytest.approx(2 * (50 / 255) ** 2, rel=0.03)
    flash = torch.full((4, 3, *SIZE), 90, dtype=torch.uint8)
    flash[1::2] += 51
    assert scored(chunk(flash, still(4))).compute()[0].value == pytest.approx(0.04, rel=1e-12)


def test_pixels_that_are_hidden_count_nowhere() -> None:
    pictures, flow = torch.full((2, 3, *SIZE), 10, dtype=torch.uint8), still(2)
    pictures[1, :, :4] = 255
    flow[1, :, :4] = math.nan
    assert scored(chunk(pictures, flow)).compute()[0].value == 0
    pictures[1, :, 4:6] = 61  # a sixth of the visible pixels, by a fifth of the range
    assert scored(chunk(pictures, flow)).compute()[0].value == pytest.approx(0.04 / 6)


def test_mean_is_over_pairs_and_its_error_over_sequences() -> None:
    lengths = {"a": 5, "b": 3, "c": 2}
    metric = WarpingError(setting())
    for seed, (sequence, length) in enumerate(lengths.items()):
        metric.update(chunk(noise(length, seed) // (seed + 1), still(length), sequence))
    (score,) = metric.compute()
    errors = metric.per_picture()[NAME]
    assert [name for name, error in errors.items() if math.isnan(error)] == ["a0", "b0", "c0"]
    values = {s: [errors[f"{s}{i}"] for i in range(1, length)] for s, length in lengths.items()}
    mean = np.mean(np.concatenate(list(values.values())))
    assert score.value == pytest.approx(mean) and score.n == 7
    residuals = np.array([sum(v) - len(v) * mean for v in values.values()])
    assert score.standard_error == pytest.approx(math.sqrt(3 / 2 * (residuals**2).sum()) / 7)
    assert score.interval == pytest.approx(ratio_interval([sum(v) for v in values.values()], [4, 2, 1]))
    assert score.interval[0] < mean < score.interval[1]

    even = WarpingError(setting())
    for seed, sequence in enumerate("abcd"):
        even.update(chunk(noise(3, seed) // (seed + 1), still(3), sequence))
    means = [np.mean([even.errors[s, 1], even.errors[s, 2]]) for s in "abcd"]
    (score,) = even.compute()
    assert score.value == pytest.approx(np.mean(means))
    assert score.standard_error == pytest.approx(np.std(means, ddof=1) / 2)


@functools.lru_cache
def film() -> tuple[list[tuple[str, int]], torch.Tensor, torch.Tensor]:
    """Three sequences of 6, 1 and 5 frames; one frame in the midst is a cut."""
    frames = [(s, i) for s, length in (("a", 6), ("b", 1), ("c", 5)) for i in range(length)]
    flow = torch.rand(12, 2, *SIZE, generator=torch.Generator().manual_seed(9)) * 4 - 2
    flow[frames.index(("c", 2))] = math.nan
    return frames, noise(12, 8), flow


def walked(rows: range, size: int) -> WarpingError:
    frames, pictures, flow = film()
    metric = WarpingError(setting())
    for start in range(rows.start, rows.stop, size):
        part = range(start, min(start + size, rows.stop))
        names = tuple(f"{s}{i}" for s, i in (frames[row] for row in part))
        output = pictures[part.start : part.stop] / 127.5 - 1
        keys = tuple(frames[row] for row in part)
        metric.update(Chunk(names, output=output, frames=keys, flow=flow[part.start : part.stop]))
    return metric


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_shards_in_any_split_and_order_are_one_walk(data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, 11), max_size=8), "cuts"))
    ranges = [range(a, b) for a, b in zip([0, *cuts], [*cuts, 12], strict=True)]
    shards = [walked(rows, data.draw(st.integers(1, 12), "chunk")) for rows in data.draw(st.permutations(ranges))]
    while len(shards) > 1:
        other = shards.pop(data.draw(st.integers(1, len(shards) - 1), "merged"))
        shards[0].merge(other)
    whole = walked(range(12), 12)
    assert shards[0].compute() == whole.compute()
    assert shards[0].errors == whole.errors and len(whole.errors) == 8
    assert set(shards[0].names.values()) == set(whole.names.values())
    assert not shards[0].firsts and set(shards[0].lasts) == set(whole.lasts) == {("a", 5), ("b", 0), ("c", 4)}


def test_state_keeps_one_picture_a_run_and_no_chunk() -> None:
    metric = scored(chunk(noise(20, 3), still(20)), chunk(noise(20, 4), still(20), "b", 7))
    assert set(metric.lasts) == {("a", 19), ("b", 26)} and set(metric.firsts) == {("b", 7)}
    kept = [*metric.lasts.values(), *metric.firsts["b", 7]]
    assert all(tensor.untyped_storage().nbytes() == tensor.numel() * tensor.element_size() for tensor in kept)


def test_reasons_for_none(make_split) -> None:
    assert WarpingError.unavailable(setting()) is None
    squares = setting(task=make_split(2).task)
    assert "'squares@1' gives no optical flow" in WarpingError.unavailable(squares)
    assert "i2ibench list tasks --needs flow" in WarpingError.unavailable(squares)
    (score,) = scored(chunk(noise(1, 0), still(1)), chunk(noise(1, 1), still(1), "b")).compute()
    assert score.value is None and "none of 2 frames" in score.reason
    (score,) = scored(chunk(noise(2, 0), still(2) + math.nan)).compute()
    assert score.value is None and score.n == 0
    (score,) = scored(Chunk(("x",), output=torch.zeros(1, 3, *SIZE))).compute()
    assert score.value is None
    (score,) = scored(chunk(noise(2, 0), still(2))).compute()
    assert score.value is not None and score.standard_error is None


def test_protocol_id_moves_with_what_moves_the_number() -> None:
    metric = scored(chunk(noise(2, 0), still(2)))
    protocol = metric.compute()[0].protocol
    assert "bilinear" in protocol.warp and protocol.value_range.startswith("[0, 1]")
    changes = [{"warp": "nearest"}, {"n": 7}, {"quick": True}, {"split": "val"}, {"value_range": "[-1, 1]"}]
    ids = {protocol.id, *(protocol.model_copy(update=change).id for change in changes)}
    assert len(ids) == 1 + len(changes)
    metric.merge(scored(chunk(noise(2, 1), still(2), "b")))
    assert metric.compute()[0].protocol.id == protocol.id


@pytest.fixture(scope="module")
def streets(tmp_path_factory: pytest.TempPathFactory) -> Split:
    """Five frames of two drives."""
    resolution, folder = Resolution(64, 128), tmp_path_factory.mktemp("streets") / "test"
    rows = (row for index in (31100, 31103) for row in render(0, index, resolution, range(5)))
    record = make(folder, rows)
    return Split(STREETS_VIDEO, resolution, "test", ArrowTable.read(folder / "rows.arrow"), record.fingerprint)


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> str:
    real = registry.metric
    monkeypatch.setattr(registry, "metric", lambda name: WarpingError if name == NAME else real(name))
    return NAME


def test_real_frames_are_steadier_than_shuffled_or_swapped_ones(streets, registered, cache: Path) -> None:
    rows = list(streets.rows)
    names, targets = [row["name"] for row in rows], [np.asarray(row["target"]) for row in rows]
    order = [2, 0, 4, 1, 3]
    shuffled = [targets[i] for i in order] + [targets[5 + i] for i in order]
    swapped = [targets[(i + 5) % 10] for i in range(10)]
    real, out_of_order, elsewhere = (
        evaluate(dict(zip(names, pictures, strict=True)), streets, [registered], batch_size=3)
        for pictures in (targets, shuffled, swapped)
    )
    value = real.scores[0].value
    assert 0 < value < 0.5 * out_of_order.scores[0].value and value < 0.5 * elsewhere.scores[0].value
    assert real.scores[0].n == 8 and real.scores[0].standard_error > 0

    table = real.per_picture
    assert list(table["name"]) == names
    assert list(table.index[table[NAME].isna()]) == [0, 5]
    assert table[NAME].mean() == pytest.approx(value)

    (top,) = ceiling(streets, streets, [registered], batch_size=4)
    assert top == real.scores[0]
    (quick,) = ceiling(streets, streets, [registered], limit=3)
    assert quick.n == 2 and quick.protocol.quick and quick.protocol.id != top.protocol.id
