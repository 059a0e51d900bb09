"""Vectors, turns and frames in 3D: right (x), up (y) and towards the viewer (z), in picture heights.

Turns are given by the tangent of half their angle, so that cosine and sine are quotients of polynomials, the same to
the last bit on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

Vector = tuple[float, float, float]
Axes = tuple[Vector, Vector, Vector]

UPRIGHT: Axes = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


@dataclass(frozen=True)
class Frame:
    """A place, three perpendicular unit axes and a unit of length."""

    origin: Vector
    axes: Axes
    scale: float

    def at(self, x: float, y: float, z: float) -> Vector:
        """The point with these coordinates."""
        return add(self.origin, self.along(x, y, z), self.scale)

    def along(self, x: float, y: float, z: float) -> Vector:
        """The direction with these components, of the same length."""
        right, up, front = self.axes
        return add(add(scaled(right, x), up, y), front, z)


def add(first: Vector, second: Vector, factor: float = 1.0) -> Vector:
    """first + second * factor."""
    return first[0] + second[0] * factor, first[1] + second[1] * factor, first[2] + second[2] * factor


def scaled(vector: Vector, factor: float) -> Vector:
    """vector * factor."""
    return vector[0] * factor, vector[1] * factor, vector[2] * factor


def between(first: Vector, second: Vector, share: float = 0.5) -> Vector:
    """The point at `share` of the way."""
    return add(first, add(second, first, -1.0), share)


def dot(first: Vector, second: Vector) -> float:
    """The scalar product."""
    return first[0] * second[0] + first[1] * second[1] + first[2] * second[2]


def cross(first: Vector, second: Vector) -> Vector:
    """The vector product."""
    return (
        first[1] * second[2] - first[2] * second[1],
        first[2] * second[0] - first[0] * second[2],
        first[0] * second[1] - first[1] * second[0],
    )


def length(vector: Vector) -> float:
    """The Euclidean norm."""
    return sqrt(dot(vector, vector))


def unit(vector: Vector) -> Vector:
    """The vector with length 1."""
    return scaled(vector, 1.0 / length(vector))


def turn(tangent: float) -> tuple[float, float]:
    """Cosine and sine of the angle whose half has this tangent."""
    square = tangent * tangent
    return (1.0 - square) / (1.0 + square), 2.0 * tangent / (1.0 + square)


def axes_of(yaw: float, pitch: float, roll: float) -> Axes:
    """Axes of what first rolled (its right side up), then pitched (front up), then yawed (front to the right).

    All three are tangents of half the angle.
    """
    (cy, sy), (cp, sp), (cr, sr) = turn(yaw), turn(pitch), turn(roll)

    def place(vector: Vector) -> Vector:
        x, y, z = vector
        x, y = x * cr - y * sr, x * sr + y * cr
        y, z = y * cp + z * sp, z * cp - y * sp
        return x * cy + z * sy, y, z * cy - x * sy

    return place(UPRIGHT[0]), place(UPRIGHT[1]), place(UPRIGHT[2])


def axes_along(up: Vector, front: Vector) -> Axes:
    """Axes whose second is along `up` and whose third is as near to `front` as can be."""
    second = unit(up)
    first = unit(cross(second, front))
    return first, second, cross(first, second)
