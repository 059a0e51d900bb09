"""Parts of examples: how a file, or the bytes of one, becomes an array.

Each has `.file`, for people, and `.read()`, which raises `BenchError` on whatever is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from i2ibench.data.decode import read_ids, read_photo
from i2ibench.data.labels import painted
from i2ibench.data.layouts.layout import Part
from i2ibench.errors import BenchError
from i2ibench.task import IGNORE

Half = Literal["left", "right"]
"""Which of two pictures that lie side by side in one file."""
Colours = Sequence[tuple[int, int, int]] | Mapping[tuple[int, int, int], int]
"""RGB by id, or ids by RGB where several colours share one."""


@dataclass(frozen=True)
class Content:
    """A picture file that is no file: a shard's member, a row's bytes."""

    name: str
    """For people: where it is."""
    load: Callable[[], bytes]
    """Called when the part is read. May raise `BenchError` or `OSError`."""


@dataclass(frozen=True)
class Photo:
    """A photo, or one half of a file with two."""

    content: Path | Content
    half: Half | None = None

    @property
    def file(self) -> str:
        """Where it is."""
        return _name(self.content, self.half)

    def read(self) -> NDArray[np.uint8]:
        """uint8 `[H, W, 3]`."""
        return _half(read_photo(_bytes(self.content), _name(self.content)), self.half, self.file)


@dataclass(frozen=True)
class Crop:
    """What a box shows of a photo. Parts of the box that lie outside are left away."""

    photo: Photo
    box: tuple[float, float, float, float]
    """Left, top, right, bottom in pixels, right and bottom excluded; rounded to whole pixels."""

    @property
    def file(self) -> str:
        """Where it is."""
        return self.photo.file

    def read(self) -> NDArray[np.uint8]:
        """uint8 `[h, w, 3]`."""
        pixels = self.photo.read()
        height, width = pixels.shape[:2]
        left, top, right, bottom = (round(edge) for edge in self.box)
        cut = pixels[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
        if not cut.size:
            raise BenchError(
                f"{self.file!r} is {height}x{width} (height x width) and its box {self.box} (left, top, right, bottom) "
                "has no pixel in it: mend the file of boxes"
            )
        return np.ascontiguousarray(cut)


@dataclass(frozen=True)
class Middle:
    """The middle of a photo at its own scale, for what resizing would change, such as noise."""

    photo: Photo
    size: tuple[int, int]
    """Height and width in pixels."""

    @property
    def file(self) -> str:
        """Where it is."""
        return self.photo.file

    def read(self) -> NDArray[np.uint8]:
        """uint8 `[*size, 3]`."""
        pixels = self.photo.read()
        top, left = ((found - wanted) // 2 for found, wanted in zip(pixels.shape, self.size, strict=False))
        if min(top, left) < 0:
            raise BenchError(
                f"{self.file!r} is {pixels.shape[0]}x{pixels.shape[1]} (height x width) and should be at least "
                f"{self.size[0]}x{self.size[1]}: a window of this size is cut out"
            )
        return np.ascontiguousarray(pixels[top : top + self.size[0], left : left + self.size[1]])


@dataclass(frozen=True)
class LabelIds:
    """A label map whose values are ids: train ids by `table`."""

    content: Path | Content
    table: Mapping[int, int] | None = None
    """Train id by the file's id; without it they are the same. Ids outside become 255."""
    strict: bool = False
    """Ids outside the table are an error."""

    @property
    def file(self) -> str:
        """Where it is."""
        return _name(self.content)

    def read(self) -> NDArray[np.uint8]:
        """uint8 `[H, W]`, 255 ignored."""
        ids = read_ids(_bytes(self.content), self.file)
        table = {train_id: train_id for train_id in range(256)} if self.table is None else self.table
        found = np.full(65536, IGNORE, np.uint8)
        for label, train_id in table.items():
            if 0 <= label < len(found):  # negative ids (Cityscapes' licence plates) are in no file
                found[label] = train_id if 0 <= train_id < IGNORE else IGNORE
        if self.strict and (strange := sorted(set(np.unique(ids).tolist()) - set(table))):
            known = f"{min(table)} to {max(table)}" if table else "none"
            raise BenchError(
                f"label map {self.file!r} has ids that its table lacks: {_few(strange)} (known: {known}): is it of "
                "another set, or are its values colours?"
            )
        train_ids: NDArray[np.uint8] = found[ids]
        return train_ids


@dataclass(frozen=True)
class LabelColours:
    """A label map in colours: the first id whose colour is met exactly, else by tolerance, else 255."""

    content: Path | Content
    palette: Colours
    half: Half | None = None
    tolerance: float = 0.0
    """Other colours have the id of the nearest colour, if that is within this distance of RGB (Euclidean)."""

    @property
    def file(self) -> str:
        """Where it is."""
        return _name(self.content, self.half)

    def read(self) -> NDArray[np.uint8]:
        """uint8 `[H, W]`, 255 ignored."""
        pixels = _half(read_photo(_bytes(self.content), _name(self.content)), self.half, self.file)
        pairs = (
            self.palette.items()
            if isinstance(self.palette, Mapping)
            else list(zip(self.palette, range(IGNORE), strict=False))
        )
        known = np.array([colour for colour, _ in pairs], np.float64).reshape(-1, 3)
        labels = np.array([label for _, label in pairs] or [IGNORE], np.uint8)
        packed = pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
        colours, where = np.unique(packed, return_inverse=True)
        rgb = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=1).astype(np.float64)
        nearest, distance = np.zeros(len(rgb), np.int64), np.full(len(rgb), np.inf)
        for index, one in enumerate(known):
            candidate = np.sqrt(np.square(rgb - one).sum(1))
            nearest[candidate < distance] = index
            distance = np.minimum(distance, candidate)
        by_colour = np.where(distance <= self.tolerance, labels[nearest], IGNORE).astype(np.uint8)
        return by_colour[where].reshape(packed.shape)


@dataclass(frozen=True)
class InstanceIds:
    """A map of instance ids, as they are in the file."""

    content: Path | Content

    @property
    def file(self) -> str:
        """Where it is."""
        return _name(self.content)

    def read(self) -> NDArray[np.uint16]:
        """uint16 `[H, W]`."""
        return read_ids(_bytes(self.content), self.file).astype(np.uint16)


@dataclass(frozen=True)
class Painted:
    """A label map in its classes' colours, as a picture; ignored pixels are black."""

    labels: Part
    """Reads as train ids `[H, W]`."""
    palette: Sequence[tuple[int, int, int]]

    @property
    def file(self) -> str:
        """Where it is."""
        return self.labels.file

    def read(self) -> NDArray[np.uint8]:
        """uint8 `[H, W, 3]`."""
        return painted(self.labels.read(), self.palette)


def _name(content: Path | Content, half: Half | None = None) -> str:
    name = content.name if isinstance(content, Content) else str(content)
    return name if half is None else f"{name} ({half} half)"


def _bytes(content: Path | Content) -> bytes | Path:
    if isinstance(content, Path):
        return content
    try:
        return content.load()
    except OSError as error:
        raise BenchError(f"{content.name!r} cannot be read: {error.strerror or error}") from error


def _half(pixels: NDArray[np.uint8], half: Half | None, file: str) -> NDArray[np.uint8]:
    if half is None:
        return pixels
    height, width = pixels.shape[:2]
    if width % 2:
        raise BenchError(
            f"{file!r} should hold two pictures of one size side by side, but is {height}x{width} (height x width), "
            "which has no halves: is it a single picture?"
        )
    return np.ascontiguousarray(pixels[:, : width // 2] if half == "left" else pixels[:, width // 2 :])


def _few(values: Sequence[Any], most: int = 10) -> str:
    shown = ", ".join(map(str, values[:most]))
    return shown if len(values) <= most else f"{shown} and {len(values) - most} more"
