"""How a picture is given to a segmenter: at which size, whole or in crops, mirrored too, in which numbers.

Sliding crops as in semseg's and mmseg's tests: crops at a fixed stride from the top left, the last ones moved back to
end at the edge, and the mean of what was found wherever crops overlap.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor
from torch.nn import functional as F

from i2ibench.task import Resolution, ResolutionField

AS_THEY_ARE = "none: pictures at their own size"
IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)
"""Of R, G and B on the scale 0 to 255."""
PIXELS = 1 << 20
"""That a network is fed at once."""


class Feeding(BaseModel):
    """How a picture is given to the network and its findings are put together; the default changes nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mean: tuple[float, float, float] | None = None
    """Subtracted from R, G and B on the scale 0 to 255, before division by `std`; None leaves them in [-1, 1]."""
    std: tuple[float, float, float] | None = None
    size: ResolutionField | None = None
    """To which pictures are brought first; what is found comes back bilinearly."""
    crop: ResolutionField | None = None
    """Read in sliding crops of this size; None reads pictures whole."""
    stride: ResolutionField | None = None
    mirror: bool = False
    """Each crop is read mirrored too."""
    average: Literal["logits", "probabilities"] = "logits"
    """Of what the mean is taken where crops overlap or mirror each other."""

    @property
    def resize(self) -> str:
        """How pictures come to size, for the protocol."""
        if self.size is None:
            return AS_THEY_ARE
        return f"bilinear, antialiased, to {self.size}; findings brought back by bilinear"

    @property
    def told(self) -> str | None:
        """The rest, for the protocol; None where a picture is read whole, in [-1, 1]."""
        parts = []
        if self.mean is not None and self.std is not None:
            parts.append(f"mean {_numbers(self.mean)} and deviation {_numbers(self.std)} of 0 to 255")
        if self.crop is not None and self.stride is not None:
            parts.append(f"sliding crops {self.crop} with stride {self.stride}")
        if self.mirror:
            parts.append("mirrored too")
        if self.crop is not None or self.mirror:
            parts.append(f"mean of {self.average}")
        return ", ".join(parts) or None

    def read(self, logits: Callable[[Tensor], Tensor], pictures: Tensor) -> Tensor:
        """Logits or probabilities `[B, classes, H, W]` of pictures `[B, 3, H, W]` in [-1, 1].

        `logits` gives those of what the network is fed, at its size.
        """
        return torch.cat([self._read(logits, some) for some in torch.split(pictures, self._at_once(pictures))])

    def _read(self, logits: Callable[[Tensor], Tensor], pictures: Tensor) -> Tensor:
        found = self._averaged(logits, self.prepared(pictures))
        if self.size is not None:
            found = F.interpolate(found, pictures.shape[-2:], mode="bilinear", align_corners=False)
        return found

    def prepared(self, pictures: Tensor) -> Tensor:
        """Pictures `[B, 3, H, W]` in [-1, 1], brought to size and normalised."""
        if self.size is not None:
            pictures = F.interpolate(pictures, tuple(self.size), mode="bilinear", align_corners=False, antialias=True)
        if self.mean is None or self.std is None:
            return pictures
        mean, std = (pictures.new_tensor(values).reshape(3, 1, 1) for values in (self.mean, self.std))
        return ((pictures + 1) * 127.5 - mean) / std

    def _averaged(self, logits: Callable[[Tensor], Tensor], fed: Tensor) -> Tensor:
        if self.crop is None or self.stride is None:
            return self._once(logits, fed)
        height, width = fed.shape[-2:]
        # a picture smaller than a crop lies in its middle, in zeros: the mean colour
        tall, wide = max(self.crop.height - height, 0), max(self.crop.width - width, 0)
        fed = F.pad(fed, (wide // 2, wide - wide // 2, tall // 2, tall - tall // 2))
        total: Tensor | None = None
        count = fed.new_zeros(fed.shape[-2:])
        for top in _starts(fed.shape[-2], self.crop.height, self.stride.height):
            for left in _starts(fed.shape[-1], self.crop.width, self.stride.width):
                here = (..., slice(top, top + self.crop.height), slice(left, left + self.crop.width))
                found = self._once(logits, fed[here])
                if total is None:
                    total = found.new_zeros(*found.shape[:2], *fed.shape[-2:])
                total[here] += found
                count[here] += 1
        assert total is not None
        return (total / count)[..., tall // 2 : tall // 2 + height, wide // 2 : wide // 2 + width]

    def _once(self, logits: Callable[[Tensor], Tensor], fed: Tensor) -> Tensor:
        found = self._quantity(logits(fed))
        return (found + self._quantity(logits(fed.flip(-1))).flip(-1)) / 2 if self.mirror else found

    def _quantity(self, found: Tensor) -> Tensor:
        return found.softmax(1) if self.average == "probabilities" else found

    def _at_once(self, pictures: Tensor) -> int:
        size = self.crop or self.size or Resolution(*pictures.shape[-2:])
        return max(1, PIXELS // (size.height * size.width))


def _starts(length: int, crop: int, stride: int) -> list[int]:
    """Where crops start along a side."""
    last = length - crop
    return [min(number * stride, last) for number in range(math.ceil(last / stride) + 1)]


def _numbers(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:g}" for value in values)
