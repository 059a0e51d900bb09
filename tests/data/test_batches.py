from __future__ import annotations

from collections.abc import Callable
from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from i2ibench.adapter import Augmentation
from i2ibench.data import examples, rows
from i2ibench.data.augment import augment
from i2ibench.data.batches import Batches, in_order, in_sequence, target_class
from i2ibench.data.pictures import to_pixels, to_tensor
from i2ibench.errors import BenchError
from i2ibench.models.method import Batch
from i2ibench.task import Resolution, Task

SIZE = Resolution(16, 16)


def test_every_example_comes_once_an_epoch_in_another_order(toy: Task) -> None:
    batches = Batches(rows.load(toy, SIZE, "train"), 5, seed=0)
    names = [name for step in range(12) for name in batches(step).names]  # 60 = 5 epochs of 12
    epochs = [names[start : start + 12] for start in range(0, 60, 12)]
    assert all(len(set(epoch)) == 12 for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 5


def test_a_stream_gives_the_batches_of_its_steps(toy: Task) -> None:
    batches = Batches(rows.load(toy, SIZE, "train"), 3, seed=1, augmentation=Augmentation(scale=1.5, mirror=True))
    for step, batch in enumerate(islice(batches.stream(7), 5), 7):
        again = batches(step)
        assert batch.names == again.names
        assert torch.equal(batch.source, again.source)


def test_batches_have_the_contracts_types(toy: Task) -> None:
    batch = Batches(rows.load(toy, SIZE, "train"), 2, seed=0)(0)
    assert batch.target is not None
    assert batch.labels is not None
    assert (batch.source.dtype, tuple(batch.source.shape)) == (torch.float32, (2, 3, 16, 16))
    assert (batch.labels.dtype, tuple(batch.labels.shape)) == (torch.int64, (2, 16, 16))
    assert batch.source.min() >= -1
    assert batch.source.max() <= 1
    assert batch.instances is None


def test_all_pictures_of_an_example_are_varied_alike() -> None:
    labels = np.arange(16 * 16, dtype=np.uint8).reshape(16, 16)
    picture = np.repeat(labels[..., None], 3, axis=2)
    example = {"name": "x", "source": picture, "target": picture.copy(), "labels": labels}
    flipped = 0
    for position in range(20):
        varied = augment(example, Augmentation(scale=1.25, mirror=True), 3, "augment", position)
        np.testing.assert_array_equal(varied["source"], varied["target"])
        assert varied["labels"].shape == (16, 16)
        assert set(np.unique(varied["labels"])) <= set(np.unique(labels))
        flipped += bool(varied["labels"][8, 0] > varied["labels"][8, -1])
    assert 4 < flipped < 16


def test_resizing_is_pillows_bicubic() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (16, 16, 3), dtype=np.uint8)
    varied = augment({"name": "x", "source": picture}, Augmentation(scale=2.0), 0, "augment", 0)["source"]
    large = np.asarray(Image.fromarray(picture).resize((32, 32), Image.Resampling.BICUBIC))
    windows = [large[top : top + 16, left : left + 16] for top in range(17) for left in range(17)]
    assert any(np.array_equal(varied, window) for window in windows)


def test_in_order_keeps_the_splits_order_and_limit(toy: Task) -> None:
    split = rows.load(toy, SIZE, "test")
    names = [name for batch in in_order(split, 4, limit=5) for name in batch.names]
    assert names == split.rows.names[:5]


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255))
def test_eight_bit_pictures_survive_the_round_trip(r: int, g: int, b: int) -> None:
    pixels = np.array([[[r, g, b]]], dtype=np.uint8)
    np.testing.assert_array_equal(to_pixels(to_tensor(pixels)), pixels)


def numbers(pictures: torch.Tensor | None) -> list[int]:
    assert pictures is not None
    return [int(number) for number in to_pixels(pictures)[:, 0, 0, 0]]


def test_unpaired_sides_each_come_once_an_epoch_of_their_own(unpaired: rows.Split) -> None:
    batches = Batches(unpaired, 7, seed=0)
    taken = [batches(step) for step in range(5)]  # 35 sources and targets: 5 and 7 epochs
    sources = [number for batch in taken for number in numbers(batch.source)]
    targets = [number for batch in taken for number in numbers(batch.target)]
    assert all(sorted(sources[start : start + 7]) == list(range(7)) for start in range(0, 35, 7))
    assert all(sorted(targets[start : start + 5]) == list(range(100, 105)) for start in range(0, 35, 5))
    assert len(set(zip(sources, targets, strict=True))) > 20


def _pixels(batch: Batch) -> list[tuple[np.ndarray, np.ndarray]]:
    assert batch.target is not None
    return list(zip(batch.source.numpy(), batch.target.numpy(), strict=True))


def test_pairs_are_parted_for_methods_that_may_not_know_them(toy: Task) -> None:
    split = rows.load(toy, SIZE, "train")
    together, apart = (Batches(split, len(split.rows), 0, paired=paired) for paired in (True, False))
    own = {source.tobytes(): target for source, target in _pixels(together(0))}
    epochs = [_pixels(apart(step)) for step in range(2)]
    for pairs in epochs:
        assert {source.tobytes() for source, _ in pairs} == set(own)
        assert {target.tobytes() for _, target in pairs} == {target.tobytes() for target in own.values()}
        same = sum(np.array_equal(own[source.tobytes()], target) for source, target in pairs)
        assert same < len(own) / 4
    assert [target.tobytes() for _, target in epochs[0]] != [target.tobytes() for _, target in epochs[1]]


def test_unpaired_sides_are_varied_on_their_own(unpaired: rows.Split) -> None:
    recipe = Augmentation(mirror=True)
    batches = Batches(unpaired, 64, 0, recipe)
    batch = batches(0)
    assert batch.boxes is not None and batch.target_boxes is not None
    mirrored = [box[0, 0] == 3 for box in batch.boxes]
    target_mirrored = [box[0, 0] == 2 for box in batch.target_boxes]
    agree = np.mean([one == other for one, other in zip(mirrored, target_mirrored, strict=True)])
    assert 16 < sum(mirrored) < 48 and 0.25 < agree < 0.75


def test_a_many_class_source_meets_another_class(many: rows.Split) -> None:
    batches = Batches(many, 12, seed=3)
    for step in range(4):
        batch = batches(step)
        assert batch.classes is not None and batch.classes.dtype == torch.int64
        assert sorted(numbers(batch.source)) == list(range(12))
        assert (batch.classes[:, 0] != batch.classes[:, 1]).all()
        own = many.rows.column("category")
        assert [own[number] for number in numbers(batch.target)] == batch.classes[:, 1].tolist()


def test_in_translation_a_many_class_source_has_one_other_class(many: rows.Split) -> None:
    (batch,) = in_order(many, 20)
    assert batch.classes is not None
    assert batch.classes[:, 0].tolist() == many.rows.column("category")
    one_by_one = [each.classes for each in in_order(many, 1)]
    assert torch.equal(torch.cat(one_by_one), batch.classes)
    chosen = [target_class(f"name{n}", 2, range(5)) for n in range(4000)]
    counts = np.bincount(chosen, minlength=5)
    assert counts[2] == 0 and ((counts[[0, 1, 3, 4]] - 1000) ** 2 / 1000).sum() < 16.3  # chi-squared, 0.1 percent


def test_where_only_targets_have_classes_sources_are_given_one(split_of: Callable[..., rows.Split]) -> None:
    plain = picture_split(split_of)
    (batch,) = in_order(plain, 10)
    assert batch.classes is not None and batch.classes[:, 0].tolist() == [-1] * 9
    assert set(batch.classes[:, 1].tolist()) == {4, 7}
    drawn = Batches(plain, 9, seed=0)(0)
    assert drawn.classes is not None
    assert drawn.classes.tolist() == [[-1, 4 if number % 2 else 7] for number in numbers(drawn.target)]


def picture_split(split_of: Callable[..., rows.Split]) -> rows.Split:
    """9 sources without class; targets of class 7 where their number is even, else 4."""
    pictures = [np.full((8, 8, 3), number, np.uint8) for number in range(9)]
    targets = [
        {"name": f"t{number}", "target": picture, "category": 4 if number % 2 else 7}
        for number, picture in enumerate(pictures)
    ]
    return split_of([{"name": f"s{number}", "source": picture} for number, picture in enumerate(pictures)], targets)


def test_a_clip_is_a_picture_after_its_own_earlier_frames(video: rows.Split) -> None:
    batches = Batches(video, 6, 0, Augmentation(frames=2))
    seen = set()
    for step in range(3):
        batch = batches(step)
        assert batch.frames is not None and len(batch.frames) == 2 and batch.flow is not None
        last = numbers(batch.source)
        assert [numbers(frame.source) for frame in batch.frames] == [[n - 2 for n in last], [n - 1 for n in last]]
        assert [numbers(frame.target) for frame in batch.frames][1] == [n + 99 for n in last]
        assert batch.flow[:, 0, 0, 0].tolist() == [n % 10 for n in last]
        assert batch[0:2].frames is not None and numbers(batch[0:2].frames[0].source) == [n - 2 for n in last[:2]]
        seen |= set(last)
    assert seen == {2, 3, 4, 12, 13, 14}


def test_frames_in_sequence_come_after_their_own_earlier_ones(video: rows.Split) -> None:
    batches = list(in_sequence(video, 16, 2))
    assert [numbers(batch.source) for batch in batches] == [[n, 10 + n] for n in range(5)]
    earlier = [[numbers(frame.source) for frame in batch.frames or ()] for batch in batches]
    assert earlier[:3] == [[], [[0, 10]], [[0, 10], [1, 11]]] and earlier[4] == [[2, 12], [3, 13]]
    limited = [numbers(batch.source) for batch in in_sequence(video, 1, 1, limit=7)]
    assert limited == [[0], [10], [1], [11], [2], [3], [4]]


def test_the_frames_of_a_clip_are_varied_alike(video: rows.Split) -> None:
    batch = Batches(video, 16, 0, Augmentation(frames=1, mirror=True))(0)
    assert batch.flow is not None and batch.frames is not None
    now, before = batch.flow[:, 0, 0, 0], batch.frames[0].flow[:, 0, 0, 0]
    mirrored = now < 0
    assert 0 < mirrored.sum() < 16
    frame = before[now.abs() > 1]
    assert torch.equal(frame < 0, mirrored[now.abs() > 1])


def test_clips_need_a_video_task(toy: Task) -> None:
    with pytest.raises(BenchError, match="earlier frames were asked for, and the pictures are no frames"):
        Batches(rows.load(toy, SIZE, "train"), 2, 0, Augmentation(frames=2))
    with pytest.raises(BenchError, match="the pictures are no frames"):
        next(in_sequence(rows.load(toy, SIZE, "train"), 2, 2))


@pytest.mark.parametrize("ranks", [2, 3])
def test_ranks_share_the_very_same_batch(unpaired: rows.Split, ranks: int) -> None:
    whole = Batches(unpaired, 6, 5, Augmentation(mirror=True))(3)
    parts = [Batches(unpaired, 6, 5, Augmentation(mirror=True), rank=rank, ranks=ranks)(3) for rank in range(ranks)]
    for rank, part in enumerate(parts):
        assert part.names == whole.names[rank::ranks]
        assert part.target is not None and whole.target is not None
        assert torch.equal(part.source, whole.source[rank::ranks])
        assert torch.equal(part.target, whole.target[rank::ranks])


@pytest.mark.parametrize("workers", [1, 4])
def test_batches_are_the_same_whatever_the_number_of_workers(unpaired: rows.Split, workers: int) -> None:
    batches = Batches(unpaired, 3, 1, Augmentation(scale=1.5, mirror=True))
    for step, batch in enumerate(islice(batches.stream(workers=workers), 6)):
        assert batch.names == batches(step).names
        assert torch.equal(batch.source, batches(step).source)


def test_what_does_not_fit_in_memory_gives_the_same_batches(toy: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    split = rows.load(toy, SIZE, "train")
    kept = Batches(split, 4, seed=0)(2)
    monkeypatch.setattr(examples, "IN_MEMORY", 0)
    fresh = Batches(split, 4, seed=0)
    assert fresh.examples._kept is None
    assert torch.equal(fresh(2).source, kept.source)
