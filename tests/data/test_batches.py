from __future__ import annotations

from itertools import islice

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from i2ibench.adapter import Augmentation
from i2ibench.data import rows
from i2ibench.data.augment import augment
from i2ibench.data.batches import Batches, in_order
from i2ibench.data.pictures import to_pixels, to_tensor
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
