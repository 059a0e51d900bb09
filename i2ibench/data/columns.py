"""How each column of a `Row` is kept in Arrow and comes back: pictures as PNG, the rest as numbers and text."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from datasets import Features

Example = dict[str, Any]
"""A decoded row: arrays as in `Row`, texts and numbers."""

_PICTURES = ("source", "target", "labels", "instances", "flow")
_LISTS = {"boxes": 5, "keypoints": 2}
"""Columns of float32 lists, with the numbers in an item."""
_NUMBERS = ("category", "frame")


def features(row: Mapping[str, Any]) -> Features:
    """The Arrow columns of rows like this one."""
    import datasets

    kinds: dict[str, Any] = {}
    for column in row:
        if column in _PICTURES:
            kinds[column] = datasets.Image()
        elif column in _LISTS:
            kinds[column] = datasets.Sequence(datasets.Value("float32"))
        else:
            kinds[column] = datasets.Value("int64" if column in _NUMBERS else "string")
    return datasets.Features(kinds)


def stored(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as Arrow takes it."""
    return {column: _stored(column, value) for column, value in row.items()}


def decoded(record: Mapping[str, Any]) -> Example:
    """A row from what Arrow gives."""
    return {column: _decoded(column, value) for column, value in record.items()}


def content(value: Any) -> bytes:
    """The bytes that a column adds to a fingerprint."""
    if isinstance(value, (str, int)):
        return str(value).encode()
    return np.ascontiguousarray(value).tobytes()


def _stored(column: str, value: Any) -> Any:
    if column == "flow":
        planes = np.moveaxis(value, -1, 0).reshape(-1, value.shape[1])  # x above y
        return _png((planes.astype(np.int32) + (1 << 15)).astype(np.uint16))
    if column in _PICTURES:
        return _png(value)
    return value.ravel().tolist() if column in _LISTS else value


def _decoded(column: str, value: Any) -> Any:
    if column == "flow":
        planes = _array(value).astype(np.int32) - (1 << 15)
        return np.ascontiguousarray(np.moveaxis(planes.astype(np.int16).reshape(2, -1, planes.shape[1]), 0, -1))
    if column in _PICTURES:
        return _array(value)
    return np.array(value, np.float32).reshape(-1, _LISTS[column]) if column in _LISTS else value


def _png(picture: NDArray[Any]) -> dict[str, Any]:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "png", compress_level=1)
    return {"bytes": buffer.getvalue(), "path": None}


def _array(picture: Mapping[str, Any]) -> NDArray[Any]:
    from PIL import Image

    with Image.open(io.BytesIO(picture["bytes"])) as file:
        pixels = np.asarray(file)
    return pixels.astype(np.uint16) if pixels.dtype == np.int32 else pixels  # Pillow before 11 reads I;16 as I
