"""Which way strokes run: along the edges of the photo, and with a slow drift where it has none."""

from __future__ import annotations

import numpy as np

from i2ibench.data.worlds.noise import Floats, key_hash
from i2ibench.data.worlds.paintings.planes import F, blur, texture

Heading = tuple[Floats, Floats]
"""Cosine and sine of the direction at each sample."""


def along_edges(colour: Floats, key: int, radius: int, drift: float, lean: tuple[float, float]) -> Heading:
    """Along the edges of `colour` `[..., h, w]`, smoothed over `radius` samples.

    `drift` is how much a slow random flow counts beside the edges (1: a little), `lean` a direction to which it keeps,
    as cosine and sine of twice the angle. Directions are averaged as vectors of twice the angle, in which opposite
    ones are equal (Bigun and Granlund, 1987), and halved by the half-angle formulas.
    """
    shape = colour.shape[-2:]
    double_cos, double_sin = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    planes = blur(colour, 2).reshape(-1, *shape)
    for number in range(planes.shape[0]):
        across, down = gradient(planes[number])
        double_cos -= across * across - down * down
        double_sin -= F(2) * across * down
    flow = [blur(texture("cloud", shape, key_hash(key, n), 0.5), 6) * F(3) for n in (1, 2)]
    weight = F(0.002 * drift)
    return _halved(
        blur(double_cos, radius) + (flow[0] + F(lean[0])) * weight,
        blur(double_sin, radius) + (flow[1] + F(lean[1])) * weight,
    )


def gradient(plane: Floats) -> tuple[Floats, Floats]:
    """Central differences across and down."""
    padded = np.pad(plane, 1, mode="edge")
    return padded[1:-1, 2:] - padded[1:-1, :-2], padded[2:, 1:-1] - padded[:-2, 1:-1]


def edges(colour: Floats, radius: int) -> Floats:
    """How steep `colour` `[..., h, w]` is around each sample, in its steepest plane."""
    planes = blur(colour, radius).reshape(-1, *colour.shape[-2:])
    steepest = np.zeros(planes.shape[1:], np.float32)
    for number in range(planes.shape[0]):
        across, down = gradient(planes[number])
        steepest = np.maximum(steepest, across * across + down * down)
    return np.sqrt(steepest)


def _halved(double_cos: Floats, double_sin: Floats) -> Heading:
    """The direction whose double angle is given, of any length."""
    length = np.sqrt(double_cos * double_cos + double_sin * double_sin) + F(1e-12)
    ratio = np.clip(double_cos / length, F(-1), F(1))
    cos = np.sqrt((F(1) + ratio) * F(0.5))
    sin = np.sqrt((F(1) - ratio) * F(0.5))
    return cos, np.where(double_sin < 0, -sin, sin)
