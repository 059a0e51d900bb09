"""No picture of one split, nor nearly the same one, is in another; no source is in training with its own translation.

The quick form looks at the first pictures of each split; the slow one (`pytest -m slow`, in CI) at all of them.
"""

from __future__ import annotations

from itertools import combinations, islice

import numpy as np
import pytest

from i2ibench import registry
from i2ibench.data.rows import Row
from i2ibench.data.worlds import creatures, streets, streets_tasks, video
from i2ibench.data.worlds.paintings import photos
from i2ibench.task import Task

EMBEDDED = [card for name in sorted(registry._TASKS) if (card := registry.task(name)).embedded]
ALIKE = {"digits": 0.995}
"""Correlation of two pictures' brightness at 16x16 above which they would be one: 0.97 but for digits, of which
different hands' ones agree to 0.992. Pictures of one scene in other noise agree above 0.999."""


def rows_of(task: Task, split: str, count: int | None) -> list[Row]:
    assert isinstance(task.data, str)
    module, _, function = task.data.partition(":")
    load = getattr(__import__(module, fromlist=[function]), function)
    return list(islice(load(split, task.resolution()), count))


def thumbnail(picture: np.ndarray) -> np.ndarray:
    """Brightness `[256]` at 16x16, its mean 0 and its length 1."""
    grey = picture.astype(np.float32).mean(-1)
    height, width = (side // 16 for side in grey.shape)
    small = grey[: height * 16, : width * 16].reshape(16, height, 16, width).mean((1, 3)).ravel()
    small -= small.mean()
    return small / (np.linalg.norm(small) + 1e-6)


def require_no_leak(task: Task, count: int | None) -> None:
    made = {split: rows_of(task, split, count) for split in task.splits}
    names = [row["name"] for rows in made.values() for row in rows]
    assert len(set(names)) == len(names)
    shown = "target" if task.paired else None
    thumbnails: dict[tuple[str, str], np.ndarray] = {}
    for split, rows in made.items():
        for side in ("source", "target"):
            found = [thumbnail(row[side]) for row in rows if side in row and shown in (None, side)]
            if found:
                thumbnails[split, side] = np.stack(found)
    for one, other in combinations(thumbnails, 2):
        if not task.paired or one[0] != other[0]:
            alike = (thumbnails[one] @ thumbnails[other].T).max()
            assert alike < ALIKE.get(task.name, 0.97), f"{one} and {other}"


@pytest.mark.parametrize("task", EMBEDDED, ids=lambda task: task.name)
def test_first_pictures_of_splits_and_sides_differ(task: Task) -> None:
    require_no_leak(task, 16)


@pytest.mark.slow
@pytest.mark.parametrize("task", EMBEDDED, ids=lambda task: task.name)
def test_all_pictures_of_splits_and_sides_differ(task: Task) -> None:
    require_no_leak(task, None)


def test_the_check_finds_one_scene_in_other_noise() -> None:
    picture = streets.render(streets.SEED, 7, streets_tasks.Resolution(64, 128))["target"]
    noisy = np.clip(picture + np.random.default_rng(0).normal(0, 12, picture.shape), 0, 255).astype(np.uint8)
    assert thumbnail(picture) @ thumbnail(noisy) > 0.99


def test_no_street_is_in_two_places() -> None:
    """Of all tasks together: one task's segmenter may read another's pictures."""
    places = [*streets.SPLITS.values(), *video.SPLITS.values()]
    for first in (0, 10_000, 20_000):
        for side in (streets_tasks.SOURCES, streets_tasks.TARGETS):
            places += [range(first + part.start, first + part.stop) for part in side.values()]
    places += [range(start, start + photos.COUNTS[split]) for split, start in photos.SCENES.items()]
    assert not any(set(one) & set(other) for one, other in combinations(places, 2))


def test_no_creature_is_in_two_places() -> None:
    places = [part for sides in creatures.CAT2DOG.values() for part in sides]
    places += [range(start, start + sum(creatures.counts(split))) for split, start in creatures.MANY.items()]
    assert not any(set(one) & set(other) for one, other in combinations(places, 2))


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_no_place_is_photographed_and_painted(split: str) -> None:
    size = registry.task("photo2painting").resolution()
    for role, other in (("source", "target"), ("target", "source")):
        seen = np.zeros((photos.aerial.HEIGHT, photos.aerial.WIDTH), bool)
        for window in photos.windows(split, role, size):  # type: ignore[arg-type]
            seen[window.area] = True
        assert not any(seen[window.area].any() for window in photos.windows(split, other, size))  # type: ignore[arg-type]
