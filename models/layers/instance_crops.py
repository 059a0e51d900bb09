"""Views of pictures by the boxes of their objects, as INIT trains on them (Shen et al., arXiv 1905.01744, section 3).

Boxes are `[N, 5]`, left, top, right and bottom in pixels, class, and lie within their picture. A pixel belongs to a box
where its centre does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


class Crop(NamedTuple):
    """A part of a picture in whole pixels, `right` and `bottom` not in it."""

    left: int
    top: int
    right: int
    bottom: int


def drawn_crops(boxes: Sequence[Tensor], least_side: int) -> list[Crop | None]:
    """Of each picture the pixels of one of its boxes, None where no box's shorter side has `least_side` pixels.

    `least_side` is at least 1. All that have are equally likely; the global generator is asked once for each picture
    that has any. Boxes on another device are read in one transfer, together with whatever that waits for.
    """
    rows = torch.cat(list(boxes))[:, :4].tolist() if any(map(len, boxes)) else []
    crops: list[Crop | None] = []
    for count in map(len, boxes):
        own, rows = rows[:count], rows[count:]
        valid = [row for row in own if min(row[2] - row[0], row[3] - row[1]) >= least_side]
        chosen = valid[int(torch.randint(len(valid), ()))] if valid else None
        crops.append(None if chosen is None else Crop(*(math.ceil(edge - 0.5) for edge in chosen)))
    return crops


def instance_pictures(pictures: Tensor, crops: Sequence[Crop | None], size: int) -> Tensor:
    """Those crops `[K, C, size, size]` of pictures `[B, C, H, W]` that are not None.

    They are resized bilinearly, antialiased where that makes them smaller.
    """
    parts = [
        picture[None, :, crop.top : crop.bottom, crop.left : crop.right]
        for picture, crop in zip(pictures, crops, strict=True)
        if crop is not None
    ]
    return torch.cat([F.interpolate(part, (size, size), mode="bilinear", antialias=True) for part in parts])


def without_instances(picture: Tensor, boxes: Tensor) -> Tensor:
    """A picture `[C, H, W]` in [-1, 1] with all its boxes filled with 0, which is mid-grey."""
    left, top, right, bottom = boxes[:, :4, None].unbind(1)
    y, x = (torch.arange(side, device=boxes.device) + 0.5 for side in picture.shape[1:])
    rows, columns = (y >= top) & (y < bottom), (x >= left) & (x < right)
    covered = (rows[:, :, None] & columns[:, None, :]).any(0)
    return picture.masked_fill(covered.to(picture.device), 0.0)
