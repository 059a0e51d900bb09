"""The styles by number, and the one function that paints a photo in any of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from i2ibench.data.worlds.noise import Floats, key_hash
from i2ibench.data.worlds.paintings import mosaics, oils, papers
from i2ibench.data.worlds.paintings.planes import enlarge, shrink

_PAINTERS: dict[str, Callable[[Floats, int], Floats]] = {
    "pointillism": oils.pointillism,
    "impressionism": oils.impressionism,
    "expressionism": oils.expressionism,
    "palette knife": oils.palette_knife,
    "gouache": oils.gouache,
    "watercolour": papers.watercolour,
    "ink wash": papers.ink_wash,
    "woodcut": papers.woodcut,
    "pastel": papers.pastel,
    "mosaic": mosaics.mosaic,
    "stained glass": mosaics.stained_glass,
}
STYLES = tuple(_PAINTERS)
"""Names of the styles; a style's id is its place."""


def paint(photo: NDArray[np.uint8], style: int, key: int) -> NDArray[np.uint8]:
    """A painting of `photo`, both uint8 `[H, W, 3]`, in style number `style`; `key` varies it within the style.

    A pixel has 4 x 4 samples, in pictures above 96 pixels 3 x 3, and strokes are as many samples long and wide in
    either: a larger picture is made of more strokes, each a little larger.
    """
    samples = 4 if min(photo.shape[:2]) <= 96 else 3
    painter = _PAINTERS[STYLES[style]]
    return shrink(painter(enlarge(photo, samples), key_hash(key, style)), samples)
