from __future__ import annotations

import hashlib
from functools import cache
from itertools import combinations, islice

import numpy as np
import pytest

from i2ibench.data.rows import HIDDEN, Row
from i2ibench.data.worlds import streets, video
from i2ibench.data.worlds.occupancy import FRAMES
from i2ibench.task import Resolution
from i2ibench.tasks.labels import CITYSCAPES

SMALL, LARGE = Resolution(64, 128), Resolution(128, 256)

GOLDEN = {
    (30000, 0, SMALL): "66492f94cc4a25056e0dc61f0270431ea42176ef065c2e195fae9d0909b9277c",
    (30037, 9, SMALL): "4419e0199e146561fab0c958b648b43999a00b35c838fd4a9b80ffe604c0aa8e",
    (31115, 15, SMALL): "b1f711dc99f0183183f56cd36b85e8e371af7ef69a3902001adce85dfb4ceab1",
    (30000, 5, LARGE): "b435149a470b994078b46c7520541aefd4f7ec57c4f08fd3c600a93730f6598a",
    (31004, 12, LARGE): "5eea1a9a2d587770c9c8d590bd2453b21759d03f2715b1b9f33d1b063f39de3a",
}


@cache
def row(index: int, frame: int, resolution: Resolution = SMALL) -> Row:
    return next(video.render(video.SEED, index, resolution, range(frame, frame + 1)))


def digest(made: Row) -> str:
    columns = made["source"], made["target"], made["labels"], made["instances"], made["flow"]
    return hashlib.sha256(b"".join(column.tobytes() for column in columns)).hexdigest()


@pytest.mark.parametrize(("index", "frame", "resolution"), GOLDEN)
def test_frames_are_the_same_bytes_everywhere(index: int, frame: int, resolution: Resolution) -> None:
    assert digest(row(index, frame, resolution)) == GOLDEN[index, frame, resolution]


def test_frames_do_not_depend_on_which_were_made_before() -> None:
    sequence = list(video.render(video.SEED, 30007, SMALL))
    assert len(sequence) == FRAMES
    for frame in (0, 1, 8, 15):
        assert digest(sequence[frame]) == digest(row(30007, frame))


def test_load_yields_sequences_in_order() -> None:
    rows = list(islice(video.load("val", SMALL), FRAMES + 2))
    assert [made["name"] for made in rows[:2]] == ["streets-031000-f00", "streets-031000-f01"]
    assert [made["frame"] for made in rows] == [*range(FRAMES), 0, 1]
    assert [made["sequence"] for made in rows] == ["streets-031000"] * FRAMES + ["streets-031001"] * 2


def test_splits_are_disjoint_from_each_other_and_from_the_single_scenes() -> None:
    everything = [*video.SPLITS.values(), *streets.SPLITS.values()]
    assert [len(indices) for indices in video.SPLITS.values()] == [80, 8, 16]
    for one, other in combinations(everything, 2):
        assert not set(one) & set(other)


@pytest.mark.parametrize("resolution", [SMALL, LARGE])
def test_columns_have_their_shapes_and_types(resolution: Resolution) -> None:
    made = row(31102, 4, resolution)
    assert made["target"].shape == made["source"].shape == (*resolution, 3)
    assert made["labels"].shape == made["instances"].shape == tuple(resolution)
    assert made["target"].dtype == made["source"].dtype == made["labels"].dtype == np.uint8
    assert made["instances"].dtype == np.uint16
    assert made["flow"].shape == (*resolution, 2) and made["flow"].dtype == np.int16


@pytest.mark.parametrize("index", [30001, 30010, 31110])
def test_instances_belong_to_their_labels(index: int) -> None:
    labels, instances = row(index, 7)["labels"], row(index, 7)["instances"]
    thing = np.isin(labels, sorted(CITYSCAPES.things))
    assert (instances[thing] // 1000 == labels[thing]).all()
    assert (instances[~thing] == labels[~thing]).all()


def test_flow_of_both_resolutions_is_the_same_motion() -> None:
    for index in (30003, 30009):
        small, large = row(index, 6)["flow"].astype(float), row(index, 6, LARGE)["flow"].astype(float)
        blocks = large.reshape(64, 2, 128, 2, 2)
        seen = (small[..., 0] != HIDDEN) & (blocks[..., 0] != HIDDEN).all((1, 3))
        same = np.abs(blocks.mean((1, 3)) / 2 - small).max(-1) < 8
        assert seen.mean() > 0.8 and same[seen].mean() > 0.9


def test_the_sky_has_no_flow() -> None:
    made = row(30003, 6)
    sky = (made["labels"] == 10) & (made["flow"][..., 0] != HIDDEN)
    assert sky.sum() > 200 and not made["flow"][sky].any()


def test_the_sensors_noise_is_new_in_every_frame() -> None:
    standing = next(index for index in video.SPLITS["train"] if (row(index, 1)["flow"] == 0).all(-1).mean() > 0.7)
    now, before = row(standing, 6), row(standing, 5)
    still = (now["flow"] == 0).all(-1)
    changed = (now["target"][still] != before["target"][still]).any(-1)
    assert still.mean() > 0.5 and changed.mean() > 0.5
