"""What the photo style's shaders share: the samples they read, the shade they give, and drawing over colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from i2ibench.data.worlds.noise import Floats, Integers
from i2ibench.data.worlds.scene import RGB

F = np.float32


@dataclass(frozen=True)
class Samples:
    """Samples of one material, each field `[N]`."""

    x: Floats
    """World position, with y and z."""
    y: Floats
    z: Floats
    depth: Floats
    """Distance ahead of the camera: what haze and the loss of detail depend on."""
    u: Floats
    """Position along the surface: X where it faces the camera, Z where it runs along the street. It moves along with
    what moves."""
    numbers: Floats
    """`[K, N]`: the surface's own numbers."""
    part: Integers
    surface: Integers
    dirt: Integers
    """Which stretch of the dirt texture the surface has."""
    palette: Floats
    """`[3, surfaces * parts]`: colours by surface and part, not by sample."""


class Shade(NamedTuple):
    """What a shader gives."""

    colour: Floats
    """Reflectance `[3, N]`."""
    relief: Floats | None = None
    """A factor `[N]` on direct sunlight where the surface is not flat."""


def column(colour: RGB) -> Floats:
    """A colour as `[3, 1]`."""
    return np.array(colour, np.float32)[:, None]


def wave(position: Floats, period: float) -> Floats:
    """Where in its period each position lies, -0.5 to 0.5."""
    share = position * F(1 / period)
    found: Floats = share - np.floor(share) - F(0.5)
    return found


def cover(colour: Floats, where: NDArray[np.bool_], tint: RGB, strength: Floats) -> None:
    """Replace colours under a mask `[N]` by tint * strength."""
    for channel in range(3):
        np.copyto(colour[channel], strength * F(tint[channel]), where=where)


def blend(colour: Floats, where: NDArray[np.bool_], other: Floats) -> None:
    """Replace colours `[3, N]` under a mask `[N]` by `other`."""
    np.copyto(colour, other, where=where[None, :])
