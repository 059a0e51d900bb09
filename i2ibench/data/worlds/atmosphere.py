"""Draws the light of a scene: where the sun stands, and what sky and air do to it."""

from __future__ import annotations

from math import sqrt

from i2ibench.data.worlds.noise import Stream
from i2ibench.data.worlds.scene import RGB, Light


def draw_light(rng: Stream) -> Light:
    """A clear, cloudy, overcast, hazy or low-sun sky."""
    weather = rng.weighted((("clear", 3.0), ("cloudy", 3.0), ("overcast", 2.0), ("hazy", 1.0), ("low", 2.0)))
    across = rng.uniform(0.25, 1.0) * (1 if rng.chance(0.5) else -1)
    along = rng.uniform(-1.5, 1.5)
    level = sqrt(across * across + along * along)
    up = level * (rng.uniform(0.3, 0.55) if weather == "low" else rng.uniform(0.7, 1.9))
    norm = sqrt(level * level + up * up)
    sun = (across / norm, up / norm, along / norm)
    warm = rng.uniform(-1, 1)
    if weather == "overcast":
        grey = rng.uniform(0.62, 0.9)
        return Light(
            sun=sun,
            sun_colour=_scale((0.22, 0.21, 0.2), rng.uniform(0.4, 1)),
            ambient=_scale((0.84, 0.87 + 0.01 * warm, 0.92), rng.uniform(0.8, 1)),
            zenith=_scale((0.60, 0.64, 0.70), grey),
            horizon=_scale((0.82, 0.84, 0.87), grey),
            cloud_cover=rng.uniform(0.8, 1),
            haze=rng.uniform(0.002, 0.007),
            wetness=rng.uniform(0.3, 1) if rng.chance(0.4) else 0.0,
        )
    if weather == "low":
        return Light(
            sun=sun,
            sun_colour=(1.5, rng.uniform(0.8, 1.0), rng.uniform(0.32, 0.55)),
            ambient=(0.36, 0.38, 0.5),
            zenith=_scale((0.24, 0.34, 0.58), rng.uniform(0.7, 1)),
            horizon=(0.95, rng.uniform(0.55, 0.7), rng.uniform(0.32, 0.5)),
            cloud_cover=rng.uniform(0.1, 0.6),
            haze=rng.uniform(0.003, 0.009),
            wetness=0.0,
        )
    hazy = weather == "hazy"
    return Light(
        sun=sun,
        sun_colour=_scale((1.45, 1.33 + 0.05 * warm, 1.14 - 0.07 * warm), 0.5 if hazy else rng.uniform(0.9, 1.1)),
        ambient=(0.5, 0.53, 0.58) if hazy else (0.27, 0.32, 0.42),
        zenith=(0.46, 0.55, 0.68) if hazy else _scale((0.12, 0.27, 0.60), rng.uniform(0.75, 1.25)),
        horizon=(0.74, 0.74, 0.72) if hazy else (0.52, 0.66, 0.84),
        cloud_cover=rng.uniform(0.35, 0.7) if weather != "clear" else rng.uniform(0, 0.3),
        haze=rng.uniform(0.009, 0.016) if hazy else rng.uniform(0.0015, 0.005),
        wetness=0.0,
    )


def _scale(colour: RGB, factor: float) -> RGB:
    return colour[0] * factor, colour[1] * factor, colour[2] * factor
