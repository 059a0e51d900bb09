"""Generated animals: cats, dogs, other mammals, birds and fish, any of them in any pose before any background.

A scene (pose, background and light) is a function of (seed, index) alone, in the same bytes on every machine. The same
index with two classes shows the same scene with another animal: an exact translation, which no task's data hold.

`cat2dog`, `many` and `fewshot` use scenes of their own, and so do the splits and both sides of each; see `CAT2DOG`,
`MANY` and `FEWSHOT`.
"""

from __future__ import annotations

from collections.abc import Iterator

from i2ibench.data.rows import Row
from i2ibench.data.worlds.creatures.backdrop import backdrop
from i2ibench.data.worlds.creatures.kinds import CLASSES, FAMILIES, draw_look, kind
from i2ibench.data.worlds.creatures.picture import photograph
from i2ibench.data.worlds.creatures.pose import KEYPOINTS, Pose, draw_pose
from i2ibench.data.worlds.creatures.solids import Canvas
from i2ibench.data.worlds.noise import Stream
from i2ibench.task import Resolution

__all__ = [
    "CAT2DOG",
    "CLASSES",
    "FAMILIES",
    "FEWSHOT",
    "HELD_OUT",
    "KEYPOINTS",
    "MANY",
    "SEED",
    "cat2dog",
    "counts",
    "fewshot",
    "many",
    "paint",
    "render",
]

SEED = 2026
CAT2DOG = {
    "train": (range(1000), range(1000, 2000)),
    "val": (range(2000, 2100), range(2100, 2200)),
    "test": (range(2200, 2400), range(2400, 2600)),
}
"""Scenes of the cats and of the dogs of each split."""
MANY = {"train": 10000, "val": 20000, "test": 30000}
"""The first scene of each split; the others follow it."""
FEWSHOT = {
    "train": (range(40000, 40720), range(41000, 41720)),
    "val": (range(42000, 42096), range(42200, 42440)),
    "test": (range(43000, 43192), range(43200, 43380)),
}
"""Scenes of the sources and of the targets of each split."""
HELD_OUT = tuple(CLASSES.index(name) for name in ("leopard", "beagle", "raccoon", "owl", "duck", "goldfish"))
"""Classes that no picture of training is of."""
PER_CLASS = {"val": 5, "test": 12}
"""Pictures of every class in the balanced splits."""


def cat2dog(split: str, resolution: Resolution) -> Iterator[Row]:
    """The rows of `split`: all cats as `source`, then all dogs as `target`. Breeds take turns."""
    cats, dogs = CAT2DOG[split]
    for index in cats:
        yield render(SEED, index, FAMILIES["cats"][index % len(FAMILIES["cats"])], resolution)
    for index in dogs:
        row = render(SEED, index, FAMILIES["dogs"][index % len(FAMILIES["dogs"])], resolution)
        row["target"] = row.pop("source")
        yield row


def many(split: str, resolution: Resolution) -> Iterator[Row]:
    """The rows of `split`, one picture each, as `source`: classes take turns until each has its count."""
    left, index = list(counts(split)), MANY[split]
    while any(left):
        for category, remaining in enumerate(left):
            if remaining:
                yield render(SEED, index, category, resolution)
                left[category] -= 1
                index += 1


def fewshot(split: str, resolution: Resolution) -> Iterator[Row]:
    """The rows of `split`: sources, of the classes trained on, then targets, in training of these and else of the
    others. Classes take turns."""
    trained = [category for category in range(len(CLASSES)) if category not in HELD_OUT]
    sources, targets = FEWSHOT[split]
    for number, index in enumerate(sources):
        yield render(SEED, index, trained[number % len(trained)], resolution)
    asked = trained if split == "train" else HELD_OUT
    for number, index in enumerate(targets):
        row = render(SEED, index, asked[number % len(asked)], resolution)
        row["target"] = row.pop("source")
        yield row


def counts(split: str) -> tuple[int, ...]:
    """How many pictures of each class `many` has.

    In training the class of rank r (from 0) has 160 / (1 + 7 r / (classes - 1)), rounded down: 160 to 20. Ranks are
    spread over the families: class k has rank 11 k modulo the number of classes.
    """
    number = len(CLASSES)
    if split != "train":
        return (PER_CLASS[split],) * number
    return tuple(160 * (number - 1) // (number - 1 + 7 * (11 * category % number)) for category in range(number))


def render(seed: int, index: int, category: int, resolution: Resolution) -> Row:
    """Scene `index` with an animal of class `category`: name, picture (as `source`), class and keypoints."""
    pose, canvas = paint(seed, index, category, resolution)
    shone, light = backdrop(seed, index, pose, resolution)
    return Row(
        name=f"creatures-{index:06d}-{CLASSES[category]}",
        source=photograph(canvas, shone, light, pose, Stream(seed, index, 3)),
        category=category,
        keypoints=pose.keypoints(resolution),
    )


def paint(seed: int, index: int, category: int, resolution: Resolution) -> tuple[Pose, Canvas]:
    """The pose of a scene, and the animal alone on a canvas."""
    pose, canvas = draw_pose(seed, index), Canvas(resolution)
    for solid in kind(category).build(pose, draw_look(seed, index, category)):
        canvas.draw(solid)
    return pose, canvas
