from __future__ import annotations

import hashlib
from functools import cache
from itertools import combinations

import numpy as np
import pytest

from i2ibench.data.rows import Row
from i2ibench.data.worlds import streets
from i2ibench.data.worlds.canvas import SAMPLES
from i2ibench.data.worlds.layout import draw_scene
from i2ibench.data.worlds.painter import paint
from i2ibench.data.worlds.scene import Label
from i2ibench.task import Resolution
from i2ibench.tasks.labels import CITYSCAPES
from i2ibench.tasks.strong import STREETS_LABEL2PHOTO

SMALL, LARGE = STREETS_LABEL2PHOTO.resolutions

GOLDEN = {
    (0, SMALL): "92c9d01f5f0f623d0846fc7869c87f82e08ca2d7c4f62ebdd75320e85d5925cb",
    (345, SMALL): "b9cd74071667c6616c8bdaf83dd706b292cd8ad43c7f4210a2b9e397675c3a2b",
    (1250, SMALL): "23e0ca6ca0664886968009c202c1348f1a7ceadad66253ec6a412c42b9f01aae",
    (0, LARGE): "f6c221f4136f67e963a1c6c28b454e2b672d7a26844d6c831e85c5faeeb02405",
    (345, LARGE): "5033fb14e783d810b16755f1fdd07909a57bde841ea06019825f5c11a3ca7850",
    (1250, LARGE): "00a66e1e04eda8e191cde2d1534fa7648ec15b62834f2be7182bc6ca49b1a52f",
}


@cache
def row(index: int, resolution: Resolution = SMALL) -> Row:
    return streets.render(streets.SEED, index, resolution)


def digest(made: Row) -> str:
    content = b"".join(made[column].tobytes() for column in ("source", "target", "labels", "instances"))  # type: ignore[literal-required]
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(("index", "resolution"), GOLDEN)
def test_scenes_are_the_same_bytes_everywhere(index: int, resolution: Resolution) -> None:
    assert digest(row(index, resolution)) == GOLDEN[index, resolution]


def test_scenes_do_not_depend_on_what_was_made_before() -> None:
    first = digest(streets.render(streets.SEED, 11, SMALL))
    streets.render(streets.SEED, 12, LARGE)
    assert digest(streets.render(streets.SEED, 11, SMALL)) == first
    assert digest(streets.render(streets.SEED + 1, 11, SMALL)) != first


def test_splits_are_disjoint_and_as_the_card_says() -> None:
    assert {name: len(indices) for name, indices in streets.SPLITS.items()} == STREETS_LABEL2PHOTO.splits
    for one, other in combinations(streets.SPLITS.values(), 2):
        assert not set(one) & set(other)


def test_load_yields_the_split_in_order() -> None:
    loaded = streets.load("val", SMALL)
    assert [next(loaded)["name"] for _ in range(3)] == ["streets-001000", "streets-001001", "streets-001002"]


@pytest.mark.parametrize("resolution", [SMALL, LARGE])
@pytest.mark.parametrize("index", [3, 1207])
def test_columns_have_their_shapes_and_types(index: int, resolution: Resolution) -> None:
    made = row(index, resolution)
    assert made["target"].shape == made["source"].shape == (*resolution, 3)
    assert made["labels"].shape == made["instances"].shape == tuple(resolution)
    assert made["target"].dtype == made["source"].dtype == made["labels"].dtype == np.uint8
    assert made["instances"].dtype == np.uint16


@pytest.mark.parametrize("index", range(0, 40, 4))
def test_instances_belong_to_their_labels(index: int) -> None:
    labels, instances = row(index)["labels"], row(index)["instances"]
    thing = np.isin(labels, sorted(CITYSCAPES.things))
    assert (instances[thing] // 1000 == labels[thing]).all()
    assert (instances[~thing] == labels[~thing]).all()


@pytest.mark.parametrize("index", range(0, 40, 8))
def test_the_source_decodes_to_the_labels(index: int) -> None:
    made = row(index)
    distance = np.abs(made["source"][:, :, None].astype(int) - np.array(CITYSCAPES.palette)).sum(-1)
    np.testing.assert_array_equal(distance.argmin(-1), made["labels"])
    assert (distance.min(-1) == 0).all()


def test_classes_are_those_of_the_table() -> None:
    assert tuple(label.name.lower().replace("_", " ") for label in Label) == CITYSCAPES.names
    assert len(set(CITYSCAPES.palette)) == len(CITYSCAPES)


def test_every_class_is_seen_often() -> None:
    made = [np.bincount(row(index)["labels"].ravel(), minlength=19) >= 8 for index in range(1200, 1260)]
    assert (np.mean(made, axis=0) > 0.1).all()


def test_both_resolutions_show_the_same_scene() -> None:
    agree = []
    for index in (5, 6, 7):
        small, large = row(index)["labels"], row(index, LARGE)["labels"]
        blocks = np.stack([large[y::2, x::2] for y in (0, 1) for x in (0, 1)])
        agree.append((blocks == small).any(0).mean())
    assert min(agree) > 0.97


def test_the_carriageway_lies_between_the_kerbs() -> None:
    for index in range(6):
        scene = draw_scene(streets.SEED, index)
        canvas = paint(scene, SMALL)
        labels = np.array([surface.label for surface in canvas.surfaces])[canvas.surface]
        x, y, _ = canvas.world()
        road = labels == Label.ROAD
        assert np.abs(y[road]).max() < 0.01
        crossing = scene.road.crossing or (0.0, 0.0)
        straight = road & ~((canvas.depth > crossing[0]) & (canvas.depth < crossing[1]))
        assert x[straight].min() > scene.road.left - 0.01 and x[straight].max() < scene.road.right + 0.01


def test_photos_are_no_recolouring_of_labels() -> None:
    """A class looks different from scene to scene and within one, by much more than the sensor's noise."""
    roads = [row(index)["target"][row(index)["labels"] == Label.ROAD].astype(float) for index in range(20)]
    assert np.std([road.mean() for road in roads]) > 8
    assert np.mean([road.mean(1).std() for road in roads]) > 8


def test_labels_are_those_of_the_photo() -> None:
    """Where labels change, the photo has edges: four times the gradient of elsewhere, and none when shifted."""
    ratios = []
    for index in range(12):
        labels, photo = row(index)["labels"].astype(int), row(index)["target"].astype(float)
        change = labels[:, 1:] != labels[:, :-1]
        gradient = np.abs(np.diff(photo, axis=1)).sum(-1)
        shifted = np.roll(change, 4, axis=1)
        ratios.append(
            (gradient[change].mean() / gradient[~change].mean(), gradient[shifted].mean() / gradient[change].mean())
        )
    edges, moved = np.mean(ratios, axis=0)
    assert edges > 3 and moved < 0.6


def test_a_sample_sits_on_each_pixels_centre() -> None:
    assert SAMPLES % 2 == 1
