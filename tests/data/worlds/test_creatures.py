from __future__ import annotations

import hashlib
import io
import re
from collections import Counter
from functools import cache
from itertools import chain, combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from i2ibench.data.rows import Row
from i2ibench.data.worlds import creatures
from i2ibench.data.worlds.creatures import CAT2DOG, CLASSES, FAMILIES, FEWSHOT, HELD_OUT, KEYPOINTS, MANY, SEED
from i2ibench.data.worlds.creatures.kinds import draw_look
from i2ibench.data.worlds.creatures.pose import draw_pose
from i2ibench.data.worlds.creatures.solids import SAMPLES
from i2ibench.task import Resolution

SMALL, LARGE = Resolution(64, 64), Resolution(128, 128)
SCENES = range(70000, 70012)
"""Scenes that no task has; each is rendered with every class."""

GOLDEN = {
    (0, "tabby", SMALL): "780e9a591df62965ce8c308e818e610c27f60a5532fab44f695105b4145af9d8",
    (1234, "poodle", SMALL): "97aae737227ebfa6af2c3809925af3a64f87931daf3660ca578f61ac397f4cbf",
    (10017, "panda", SMALL): "0e899e1798c9f76840010758850f3c1400cd26624ea289d57c54c7474261172f",
    (20005, "parrot", SMALL): "024e0323d9ae153a50d3223f4cdc77b172ea82d7f204a1f5f4f8302d6a31607f",
    (30008, "puffer", SMALL): "4d3a3c7831e7e4f2f6196ac6047ec170faafee2e6a827b28d18648f9ef33333e",
    (2, "tiger", LARGE): "e8d255a83d6994b7b89e5d79124af8eb6e0a2b9e482a4674f342efaef3544740",
    (1500, "husky", LARGE): "2ca89aecfe3b9509f6022f25b8451ba6b46b74d99b2b2ecff67a95eb7b6692e1",
    (30021, "owl", LARGE): "8047500c5384012dff6f506da532923e4c942ae6a4233e14c37ad19dc8b00fc9",
    (30029, "clownfish", LARGE): "099fcb1826d4b5625ab6eebc3fe5b7a38fd8399a036050df60aa8279b40c9227",
}


@cache
def row(index: int, name: str, resolution: Resolution = SMALL) -> Row:
    return creatures.render(SEED, index, CLASSES.index(name), resolution)


@cache
def silhouette(index: int, name: str) -> NDArray[np.bool_]:
    """Pixels of the small picture of which any sample sees the animal."""
    _, canvas = creatures.paint(SEED, index, CLASSES.index(name), SMALL)
    return canvas.covered().reshape(SMALL.height, SAMPLES, SMALL.width, SAMPLES).any((1, 3))


@cache
def pictures() -> NDArray[np.uint8]:
    """`[classes, scenes, H, W, 3]`."""
    return np.stack([[row(index, name)["source"] for index in SCENES] for name in CLASSES])


def digest(made: Row) -> str:
    return hashlib.sha256(made["source"].tobytes() + made["keypoints"].tobytes()).hexdigest()


@pytest.mark.parametrize(("index", "name", "resolution"), GOLDEN)
def test_pictures_are_the_same_bytes_everywhere(index: int, name: str, resolution: Resolution) -> None:
    assert digest(row(index, name, resolution)) == GOLDEN[index, name, resolution]


def test_pictures_do_not_depend_on_what_was_made_before() -> None:
    first = digest(creatures.render(SEED, 11, 3, SMALL))
    creatures.render(SEED, 12, 20, LARGE)
    assert digest(creatures.render(SEED, 11, 3, SMALL)) == first
    assert digest(creatures.render(SEED + 1, 11, 3, SMALL)) != first


def test_there_are_families_of_named_classes() -> None:
    assert len(CLASSES) == len(set(CLASSES)) == 30
    assert list(chain(*FAMILIES.values())) == list(range(30))
    assert all(re.fullmatch(r"[a-z]+", name) for name in CLASSES)


@pytest.mark.parametrize("resolution", [SMALL, LARGE])
def test_columns_have_their_shapes_and_types(resolution: Resolution) -> None:
    made = row(7, "koala", resolution)
    assert made["name"] == "creatures-000007-koala"
    assert made["source"].shape == (*resolution, 3) and made["source"].dtype == np.uint8
    assert made["keypoints"].shape == (len(KEYPOINTS), 2) and made["keypoints"].dtype == np.float32
    assert CLASSES[made["category"]] == "koala"


def test_splits_of_cat2dog_share_no_scene() -> None:
    parts = list(chain(*CAT2DOG.values()))
    assert [len(part) for part in parts] == [1000, 1000, 100, 100, 200, 200]
    for one, other in combinations(parts, 2):
        assert not set(one) & set(other)


@pytest.fixture
def unpainted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows without the time it takes to render them."""

    def render(seed: int, index: int, category: int, resolution: Resolution) -> Row:
        blank = np.zeros((*resolution, 3), np.uint8)
        return Row(name=f"creatures-{index:06d}-{CLASSES[category]}", source=blank, category=category)

    monkeypatch.setattr(creatures, "render", render)


@pytest.mark.usefixtures("unpainted")
@pytest.mark.parametrize(("split", "count"), [("train", 1000), ("val", 100), ("test", 200)])
def test_cat2dog_yields_all_cats_then_all_dogs(split: str, count: int) -> None:
    rows = list(creatures.cat2dog(split, SMALL))
    assert ["source" in made for made in rows] == [True] * count + [False] * count
    assert ["target" in made for made in rows] == [False] * count + [True] * count
    assert {made["category"] for made in rows[:count]} == set(FAMILIES["cats"])
    assert {made["category"] for made in rows[count:]} == set(FAMILIES["dogs"])
    breeds = Counter(made["category"] for made in rows).values()
    assert max(breeds) - min(breeds) <= 1
    assert len({made["name"] for made in rows}) == 2 * count


@pytest.mark.usefixtures("unpainted")
@pytest.mark.parametrize("split", FEWSHOT)
def test_fewshot_asks_for_classes_that_were_not_trained_on(split: str) -> None:
    rows, (sources, targets) = list(creatures.fewshot(split, SMALL)), FEWSHOT[split]
    assert ["source" in made for made in rows] == [True] * len(sources) + [False] * len(targets)
    given, asked = (Counter(made["category"] for made in rows if side in made) for side in ("source", "target"))
    assert set(given).isdisjoint(HELD_OUT) and len(given) == len(CLASSES) - len(HELD_OUT)
    assert set(asked) == (set(given) if split == "train" else set(HELD_OUT))
    for counted in (given, asked):
        assert len(set(counted.values())) == 1, "as many of each"
    assert len({made["name"] for made in rows}) == len(rows)


def test_fewshot_holds_kinds_of_all_families_out_and_shares_no_scene() -> None:
    assert all(set(family) & set(HELD_OUT) for family in FAMILIES.values())
    for one, other in combinations(chain(*FEWSHOT.values()), 2):
        assert not set(one) & set(other)


def test_loaders_yield_what_render_makes() -> None:
    for loaded in (creatures.cat2dog("val", SMALL), creatures.many("test", SMALL), creatures.fewshot("val", SMALL)):
        made = next(loaded)
        _, index, name = made["name"].split("-")
        assert digest(made) == digest(row(int(index), name))


def test_many_is_unbalanced_in_training_alone() -> None:
    train = creatures.counts("train")
    assert max(train) == 160 and min(train) == 20 and len(train) == len(CLASSES)
    for family in FAMILIES.values():  # common and rare classes in each
        assert max(train[category] for category in family) > 1.7 * min(train[category] for category in family)
    assert set(creatures.counts("val")) == {5} and set(creatures.counts("test")) == {12}
    ranges = [range(MANY[split], MANY[split] + sum(creatures.counts(split))) for split in MANY]
    for one, other in combinations((*ranges, *chain(*CAT2DOG.values())), 2):
        assert not set(one) & set(other)


@pytest.mark.usefixtures("unpainted")
@pytest.mark.parametrize("split", MANY)
def test_many_yields_its_counts_of_distinct_scenes(split: str) -> None:
    rows = list(creatures.many(split, SMALL))
    counted = Counter(made["category"] for made in rows)
    assert tuple(counted[category] for category in range(len(CLASSES))) == creatures.counts(split)
    indices = [int(made["name"].split("-")[1]) for made in rows]
    assert indices == list(range(MANY[split], MANY[split] + len(rows)))


def test_a_scene_is_the_same_with_every_class() -> None:
    """Pose to the last bit, and every pixel that neither animal covers."""
    for index in SCENES[:2]:
        first = row(index, CLASSES[0])
        for name in CLASSES[1:]:
            other = row(index, name)
            np.testing.assert_array_equal(other["keypoints"], first["keypoints"])
            outside = ~(silhouette(index, CLASSES[0]) | silhouette(index, name))
            assert outside.mean() > 0.4
            np.testing.assert_array_equal(other["source"][outside], first["source"][outside])


def test_keypoints_are_in_the_frame_and_on_the_animal() -> None:
    for index in SCENES[:5]:
        for name in CLASSES:
            place = row(index, name)["keypoints"]
            assert (place > 1).all() and (place < 63).all()
            column, line = np.floor(place).astype(int).T
            seen = silhouette(index, name)
            near = np.stack([seen[line + y, column + x] for y in (-1, 0, 1) for x in (-1, 0, 1)]).any(0)
            assert near.all(), (index, name, KEYPOINTS[int(near.argmin())])


@given(st.integers(0, 2**40))
def test_poses_are_upright_and_have_room(index: int) -> None:
    pose = draw_pose(SEED, index)
    place = dict(zip(KEYPOINTS, pose.keypoints(SMALL), strict=True))
    assert all(1 < value < 63 for value in np.concatenate(list(place.values())))
    assert place["head"][1] < place["chest"][1] < place["left foot"][1]
    assert place["left eye"][0] > place["right eye"][0]  # the animal looks at us
    for frame in (pose.head, pose.body):
        axes = np.array(frame.axes)
        np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(axes) == pytest.approx(1)


def test_eyes_are_where_the_keypoints_say() -> None:
    """Eyes are dark and lie still while the coat changes: around them a penguin's white face is light."""
    darker = []
    for index in SCENES[:8]:
        made = row(index, "penguin", LARGE)
        grey = made["source"].mean(-1)
        for x, y in made["keypoints"][:2].astype(int):
            darker.append(grey[y - 2 : y + 3, x - 2 : x + 3].mean())
    assert np.mean(darker) < 90


def test_individuals_of_a_class_differ() -> None:
    looks = {draw_look(SEED, index, 4) for index in range(50)}
    assert len(looks) == 50
    assert draw_look(SEED, 3, 4) != draw_look(SEED, 3, 5)


def test_both_resolutions_show_the_same() -> None:
    for index, name in ((5, "lynx"), (6, "beagle"), (7, "toucan"), (8, "goldfish")):
        small, large = row(index, name)["source"].astype(float), row(index, name, LARGE)["source"].astype(float)
        halved = large.reshape(64, 2, 64, 2, 3).mean((1, 3))
        assert np.corrcoef(small.ravel(), halved.ravel())[0, 1] > 0.95
        np.testing.assert_allclose(row(index, name, LARGE)["keypoints"], row(index, name)["keypoints"] * 2, rtol=1e-6)


def test_classes_are_told_by_their_looks() -> None:
    """A nearest class mean over coarse pixels, and scenes it has not seen: far above the chance of 1 in 30."""
    coarse = pictures().reshape(30, len(SCENES), 16, 4, 16, 4, 3).mean((3, 5)).reshape(30, len(SCENES), -1)
    assert accuracy(coarse) > 0.25


def test_classes_are_not_told_by_the_border_or_the_background() -> None:
    found = pictures().astype(float)
    edges = (found[:, :, 0], found[:, :, -1], found[:, :, :, 0], found[:, :, :, -1])
    border = np.concatenate(edges, axis=2)
    same = (border == border[:1]).all(-1)
    assert same.mean() > 0.99 and same.mean((1, 2)).min() > 0.97
    assert accuracy(border.reshape(30, len(SCENES), -1)) < 0.1
    assert accuracy(border.mean(2)) < 0.1
    top = found[:, :, :6].reshape(30, len(SCENES), -1)
    assert accuracy(top) < 0.12


def test_classes_are_hardly_told_by_the_size_of_the_file() -> None:
    """Stripes take more bytes than plain coats, but the sensor's noise, which varies by scene, takes more still."""
    sizes = np.array([[[png_size(picture)] for picture in scenes] for scenes in pictures()], float)
    assert accuracy(sizes) < 0.12
    cats, dogs = (sizes[list(FAMILIES[name])].ravel() for name in ("cats", "dogs"))
    larger = (cats[:, None] > dogs[None]).mean() + 0.5 * (cats[:, None] == dogs[None]).mean()
    assert 0.35 < larger < 0.65


def accuracy(features: NDArray[np.float64]) -> float:
    """Of the nearest class mean, learnt on the first half of the scenes and tested on the other; `[C, N, F]`."""
    classes, count, _ = features.shape
    means = features[:, : count // 2].mean(1)
    tested = features[:, count // 2 :].reshape(-1, means.shape[1])
    found = np.stack([((tested - mean) ** 2).sum(1) for mean in means]).argmin(0)
    return float((found == np.repeat(np.arange(classes), count - count // 2)).mean())


def png_size(picture: NDArray[np.uint8]) -> int:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "png")
    return len(buffer.getvalue())
