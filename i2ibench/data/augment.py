"""The random window of an example, as its method's recipe asks."""

from __future__ import annotations

import math

import torch

from i2ibench.adapter import Augmentation
from i2ibench.data.columns import Example
from i2ibench.data.window import Window
from i2ibench.errors import BenchError
from i2ibench.models.method import generator
from i2ibench.task import Resolution

_NOTHING = Augmentation()


def augment(example: Example, augmentation: Augmentation, *key: int | str) -> Example:
    """The example as its window shows it; the window is a function of `key`."""
    if augmentation.model_copy(update={"frames": 0}) == _NOTHING:
        return example
    picture = next(example[column] for column in ("source", "target") if column in example)
    return window(augmentation, Resolution(*picture.shape[:2]), *key).of_example(example)


def window(augmentation: Augmentation, picture: Resolution, *key: int | str) -> Window:
    """The window that belongs to `key`. Raises `BenchError` where a crop is larger than the scaled picture."""
    down, right, mirror, flip, area, aspect, taken = torch.rand(7, generator=generator(*key)).tolist()
    size = augmentation.crop or picture
    turned = {"mirror": augmentation.mirror and mirror < 0.5, "flip": augmentation.flip and flip < 0.5}
    if augmentation.area is not None and taken < augmentation.probability:
        return Window(*_share(augmentation, picture, size, down, right, area, aspect), size, **turned)
    height, width = (round(side * augmentation.scale) for side in picture)
    if height < size.height or width < size.width:
        raise BenchError(
            f"a training crop of {size} does not fit into pictures of {Resolution(height, width)}: choose a "
            "smaller crop or a larger resolution"
        )
    top, left = int(down * (height - size.height + 1)), int(right * (width - size.width + 1))
    tall, wide = picture.height / height, picture.width / width
    edges = left * wide, top * tall, (left + size.width) * wide, (top + size.height) * tall
    return Window(*edges, size, **turned)


def _share(
    augmentation: Augmentation,
    picture: Resolution,
    size: Resolution,
    down: float,
    right: float,
    area: float,
    aspect: float,
) -> tuple[float, float, float, float]:
    """Edges of a window of a drawn share of the area and a drawn aspect, as large as the picture allows."""
    assert augmentation.area is not None
    smallest, largest = augmentation.area
    covered = (smallest + area * (largest - smallest)) * picture.height * picture.width
    narrow, wide = (math.log(limit) for limit in augmentation.aspect)
    shape = math.exp(narrow + aspect * (wide - narrow)) * size.width / size.height
    width = min(math.sqrt(covered * shape), picture.width)
    height = min(math.sqrt(covered / shape), picture.height)
    left, top = right * (picture.width - width), down * (picture.height - height)
    return left, top, left + width, top + height
