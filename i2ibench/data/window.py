"""A part of a picture brought to a size, and how pictures, ids, boxes, points and flow follow it alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from i2ibench.data.columns import Example
from i2ibench.data.rows import HIDDEN
from i2ibench.task import Fit, Resolution

BOX_LEAST = 0.7
"""Share of a box's area that must lie in the window for the box to stay, as INIT (arXiv:1905.01744) is read here."""


@dataclass(frozen=True)
class Window:
    """A part of a picture, brought to a size. Edges are in the picture's pixels and may fall between them."""

    left: float
    top: float
    right: float
    bottom: float
    size: Resolution
    mirror: bool = False
    flip: bool = False

    @classmethod
    def fit(cls, picture: Resolution, size: Resolution, fit: Fit) -> Window:
        """What a card's `fit` takes of a picture."""
        height, width = float(picture.height), float(picture.width)
        if fit is Fit.COVER:
            tall = min(height, width * size.height / size.width)
            wide = min(width, height * size.width / size.height)
            top, left = (height - tall) / 2, (width - wide) / 2
            return cls(left, top, left + wide, top + tall, size)
        return cls(0.0, 0.0, width, height, size)

    def of_example(self, example: Example) -> Example:
        """Every column of an example."""
        return {column: self._of(column, value) for column, value in example.items()}

    @property
    def _zoom(self) -> tuple[float, float]:
        """Pixels of the result to one of the picture, across and down."""
        return self.size.width / (self.right - self.left), self.size.height / (self.bottom - self.top)

    def of_picture(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """uint8 `[H, W, 3]`, resized with Pillow's antialiased bicubic filter as the published recipes do."""
        from PIL import Image

        rows, columns = _whole(self.top, self.bottom), _whole(self.left, self.right)
        if rows is not None and columns is not None and self._zoom == (1.0, 1.0):
            return self._turned(pixels[rows, columns])
        box = self.left, self.top, min(self.right, pixels.shape[1]), min(self.bottom, pixels.shape[0])
        size = self.size.width, self.size.height
        return self._turned(np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC, box)))

    def of_ids(self, ids: NDArray[Any]) -> NDArray[Any]:
        """Ids or vectors `[H, W, ...]` by nearest neighbour."""
        across, down = self._zoom
        rows = (self.top + (np.arange(self.size.height) + 0.5) / down).astype(int).clip(0, ids.shape[0] - 1)
        columns = (self.left + (np.arange(self.size.width) + 0.5) / across).astype(int).clip(0, ids.shape[1] - 1)
        return self._turned(ids[rows[:, None], columns[None, :]])

    def of_flow(self, flow: NDArray[np.float32]) -> NDArray[np.float32]:
        """Vectors in pixels `[H, W, 2]`, which also grow and turn with the window."""
        factors = [
            zoom * (-1 if turned else 1) for zoom, turned in zip(self._zoom, (self.mirror, self.flip), strict=True)
        ]
        moved: NDArray[np.float32] = self.of_ids(flow) * np.array(factors, np.float32)
        return moved

    def of_points(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """x and y `[N, 2]` in pixels; a pixel's centre is at one half."""
        x, y = (
            (points[:, at] - edge) * zoom
            for at, edge, zoom in zip((0, 1), (self.left, self.top), self._zoom, strict=True)
        )
        x = self.size.width - x if self.mirror else x
        y = self.size.height - y if self.flip else y
        return np.stack([x, y], 1).astype(np.float32)

    def of_boxes(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes `[N, 5]`, cut at the window's edges; those of which less than `BOX_LEAST` is left are dropped."""
        corners = np.concatenate([self.of_points(boxes[:, 0:2]), self.of_points(boxes[:, 2:4])], 1)
        low, high = np.minimum(corners[:, :2], corners[:, 2:]), np.maximum(corners[:, :2], corners[:, 2:])
        limit = np.array([self.size.width, self.size.height], np.float32)
        cut_low, cut_high = low.clip(0, limit), high.clip(0, limit)
        left = (cut_high - cut_low).prod(1) >= BOX_LEAST * (high - low).prod(1)
        kept: NDArray[np.float32] = np.concatenate([cut_low, cut_high, boxes[:, 4:]], 1)[left].astype(np.float32)
        return kept

    def _of(self, column: str, value: Any) -> Any:
        if column in ("source", "target"):
            return self.of_picture(value)
        if column in ("labels", "instances"):
            return self.of_ids(value)
        if column == "flow":
            return self.of_flow(in_pixels(value))
        if column == "boxes":
            return self.of_boxes(value)
        return self.of_points(value) if column == "keypoints" else value

    def _turned(self, array: NDArray[Any]) -> NDArray[Any]:
        return array[:: -1 if self.flip else 1, :: -1 if self.mirror else 1]


def in_pixels(flow: NDArray[np.int16]) -> NDArray[np.float32]:
    """A row's flow as float32 pixels, NaN where hidden."""
    pixels: NDArray[np.float32] = flow.astype(np.float32) / np.float32(64)
    pixels[flow[..., 0] == HIDDEN] = np.nan
    return pixels


def _whole(start: float, stop: float) -> slice | None:
    """The slice between two edges that fall on pixels."""
    return slice(int(start), int(stop)) if start.is_integer() and stop.is_integer() else None
