"""Generated street scenes: label map, instance map and picture of the same scene, exactly aligned.

A scene is a function of (seed, index) alone, in the same bytes on every machine; index and split belong together:
train is 0 to 999, val 1000 to 1199, test 1200 to 1399.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from i2ibench.data.labels import painted
from i2ibench.data.rows import Row
from i2ibench.data.worlds.conditions import PLAIN, Condition, under
from i2ibench.data.worlds.layout import draw_scene
from i2ibench.data.worlds.painter import paint
from i2ibench.data.worlds.photo import photograph
from i2ibench.data.worlds.sim import simulate
from i2ibench.task import Resolution
from i2ibench.tasks.labels import CITYSCAPES

SEED = 2026
Style = Literal["photo", "sim"]
"""What draws the picture: a camera, or a driving game."""
AS_DRAWN = Condition()
SPLITS = {"train": range(1000), "val": range(1000, 1200), "test": range(1200, 1400)}


def load(split: str, resolution: Resolution) -> Iterator[Row]:
    """The rows of `split`: `source` is the label map in Cityscapes colours, `target` the photo."""
    for index in SPLITS[split]:
        yield render(SEED, index, resolution)


def photo2label(split: str, resolution: Resolution) -> Iterator[Row]:
    """The same rows with source and target exchanged."""
    for row in load(split, resolution):
        row["source"], row["target"] = row["target"], row["source"]
        yield row


def render(
    seed: int, index: int, resolution: Resolution, *, style: Style = "photo", condition: Condition = AS_DRAWN
) -> Row:
    """One scene: name, source, target, labels (train ids) and instances (class * 1000 + k for things).

    The target is the picture in `style` under `condition`. Raises `ValueError` on a game at night, in weather or in
    snow, which it cannot draw.
    """
    scene, look = under(draw_scene(seed, index), condition)
    canvas = paint(scene, resolution)
    if style == "sim" and look != PLAIN:
        raise ValueError(f"the style 'sim' draws dry streets by day, not {condition}: choose the style 'photo'")
    picture = simulate(scene, canvas) if style == "sim" else photograph(scene, canvas, look)
    labels = canvas.labels()
    return Row(
        name=f"streets-{index:06d}",
        source=painted(labels, CITYSCAPES.palette),
        target=picture,
        labels=labels,
        instances=canvas.instances(),
    )
