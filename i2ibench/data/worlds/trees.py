"""Stencils of trees without leaves: a trunk that forks again and again into thinner branches."""

from __future__ import annotations

from functools import cache

from i2ibench.data.worlds.noise import Stream
from i2ibench.data.worlds.stencil import Part, Stencil

SHAPES = 8
"""How many bare trees there are; mirrored ones double them."""
_TURNS = ((0.96, 0.28), (12 / 13, 5 / 13), (0.8, 0.6), (15 / 17, 8 / 17))
"""Cosine and sine of the angles of forks: exact fractions, for sines differ in their last bits between machines."""
_WIDTH, _HEIGHT = 4.0, 6.0
_FORKS = 6


@cache
def bare(shape: int) -> Stencil:
    """A leafless tree over 4 x 6 m, its trunk in the middle of the lower edge."""
    stencil, rng = Stencil(_WIDTH, _HEIGHT, 320), Stream(0xBA2E, shape)
    fork = 1.9 + rng.uniform(-0.2, 0.3)
    stencil.line(Part.BARK, 0.26, (2.0, 0.0), (2.0 + rng.uniform(-0.08, 0.08), fork))
    for cosine, sine in ((1.0, 0.0), *((c, s * side) for side in (-1, 1) for c, s in (rng.choice(_TURNS[1:3]),))):
        length = rng.uniform(1.0, 1.3) if sine == 0 else rng.uniform(0.85, 1.15)
        _branch(stencil, rng, (2.0, fork - 0.12 * rng.uniform()), (sine, cosine), length, 0.15, _FORKS - 1)
    return stencil


def _branch(
    stencil: Stencil,
    rng: Stream,
    start: tuple[float, float],
    along: tuple[float, float],
    length: float,
    width: float,
    forks: int,
) -> None:
    """Draw a branch from `start` in the direction `along` and what grows from it."""
    end = start[0] + along[0] * length, start[1] + along[1] * length
    stencil.line(Part.BARK, width, start, end)
    if not forks:
        return
    for side in (-1, 1):
        cosine, sine = rng.choice(_TURNS)
        sine = sine * side
        turned = along[0] * cosine + along[1] * sine, along[1] * cosine - along[0] * sine
        origin = (end[0] - along[0] * length * 0.35, end[1] - along[1] * length * 0.35) if rng.chance(0.4) else end
        _branch(stencil, rng, origin, turned, length * rng.uniform(0.66, 0.84), max(width * 0.66, 0.03), forks - 1)
