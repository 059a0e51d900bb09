"""What the 8-bit metrics of pairs see of a picture: its RGB as stored, or the luma alone.

The luma Y of YCbCr is ITU-R BT.601 in the 16-235 form in which low-level vision scores deraining, deblurring and
super-resolution: MATLAB's `rgb2ycbcr` of floating-point pictures, in units of 8-bit steps and not rounded.
scikit-image's `rgb2ycbcr` gives the same numbers; MATLAB's rounds where it is given 8-bit pictures. The data range
stays 255, by custom, although Y spans 219.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from torch import Tensor

from i2ibench.metrics.extractors import to_bytes

Colour = Literal["RGB", "Y"]

VALUE_RANGE: Mapping[Colour, str] = {
    "RGB": "[0, 255], 8 bits",
    "Y": "[16, 235], ITU-R BT.601 luma of 8-bit RGB, not rounded",
}
"""The protocol's words for what `samples` gives."""


def samples(pictures: Tensor, colour: Colour) -> Tensor:
    """Pictures `[B, 3, H, W]` in [-1, 1] as uint8 RGB of the same shape, or as float64 luma `[B, 1, H, W]`."""
    return to_bytes(pictures) if colour == "RGB" else luma(to_bytes(pictures))


def luma(pictures: Tensor) -> Tensor:
    """Y of 8-bit RGB `[B, 3, H, W]`: float64 `[B, 1, H, W]` from 16 (black) to 235 (white)."""
    red, green, blue = pictures.double().unbind(1)
    return (16 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255).unsqueeze(1)
