"""Cast shadows: of buildings on everything, of trees, vehicles and people on the ground."""

from __future__ import annotations

import numpy as np

from i2ibench.data.worlds.canvas import Canvas
from i2ibench.data.worlds.noise import Floats, lookup
from i2ibench.data.worlds.scene import VEHICLES, Actor, Label, Scene, Tree

F = np.float32
_STEP = 0.5
"""Metres between the entries of the skyline tables."""


def behind_buildings(scene: Scene, x: Floats, y: Floats, z: Floats) -> Floats:
    """The share of sunlight, 0 to 1, that buildings leave to points `[N]`.

    The row of buildings on the sun's side is a screen of varying distance and height along Z.
    """
    sun_x, sun_y, sun_z = scene.light.sun
    side = 1.0 if sun_x > 0 else -1.0
    count = int(scene.road.end / _STEP) + 1
    tops, planes = np.zeros(count, np.float32), np.full(count, scene.road.frontage(int(side)) * side, np.float32)
    for building in scene.buildings:
        if building.x * side > 0:
            part = slice(int(max(building.z[0], 0) / _STEP), int(building.z[1] / _STEP) + 1)
            tops[part], planes[part] = building.eaves + building.roof * 0.5, building.x
    reach = (F(scene.road.frontage(int(side)) * side) - x) * F(1 / sun_x)
    for _ in range(2):
        entry = np.clip((z + reach * F(sun_z)) * F(1 / _STEP), F(0), F(count - 1)).astype(np.int32)
        reach = (planes[entry] - x) * F(1 / sun_x)
    above = y + reach * F(sun_y) - tops[entry]
    lit = np.clip(above * F(1.2) + F(1), F(0), F(1))
    sunlight: Floats = np.where(reach > F(0.05), lit, F(1))
    return sunlight


def cast(scene: Scene, canvas: Canvas) -> tuple[Floats, Floats]:
    """On the ground of every sample: the share of sunlight that things leave, and of skylight."""
    sunlight, openness = np.ones(canvas.surface.shape, np.float32), np.ones(canvas.surface.shape, np.float32)
    for tree in (*scene.street_trees, *scene.garden_trees):
        if tree.z < 60:
            _tree(scene, canvas, sunlight, tree)
    for post in scene.posts:
        half = post.width / 2
        _box(
            scene, canvas, sunlight, (post.x - half, post.x + half), (post.z - half, post.z + half), (0.0, post.height)
        )
    for actor in scene.actors:
        if actor.label is not Label.RIDER:
            _actor(scene, canvas, sunlight, openness, actor)
    for barrier in scene.barriers:
        _box(scene, canvas, sunlight, (barrier.x - 0.1, barrier.x + 0.1), barrier.z, (0.0, barrier.height))
    return sunlight, openness


def _actor(scene: Scene, canvas: Canvas, sunlight: Floats, openness: Floats, actor: Actor) -> None:
    box = actor.label in VEHICLES
    x, z = actor.footprint()
    low = 0.15 if box else 0.0
    _box(scene, canvas, sunlight, x, z, (low, actor.height * 0.95))
    margin = 0.3 if box else 0.2
    rows, columns = canvas.ground_window((x[0] - margin, x[1] + margin), (z[0] - margin, z[1] + margin))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    ground_x, ground_z = canvas.ground(rows, columns)
    outside = np.maximum(np.maximum(F(x[0]) - ground_x, ground_x - F(x[1])), F(0))
    beyond = np.maximum(np.maximum(F(z[0]) - ground_z, ground_z - F(z[1])), F(0))[:, None]
    near = np.clip((outside + beyond) * F(1 / margin), F(0), F(1))
    np.minimum(openness[rows, columns], F(0.35) + F(0.65) * near, out=openness[rows, columns])


def _box(
    scene: Scene,
    canvas: Canvas,
    sunlight: Floats,
    x: tuple[float, float],
    z: tuple[float, float],
    y: tuple[float, float],
) -> None:
    """Shade the ground points from which a ray to the sun meets the box."""
    slope_x, slope_z = scene.light.sun[0] / scene.light.sun[1], scene.light.sun[2] / scene.light.sun[1]
    ends_x = [edge - slope_x * height for edge in x for height in y]
    ends_z = [edge - slope_z * height for edge in z for height in y]
    rows, columns = canvas.ground_window((min(ends_x), max(ends_x)), (min(ends_z), max(ends_z)))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    ground_x, ground_z = canvas.ground(rows, columns)
    first_x, last_x = _slab(ground_x, x, slope_x)
    first_z, last_z = _slab(ground_z, z, slope_z)
    enter = np.maximum(np.maximum(first_x, first_z[:, None]), F(y[0]))
    leave = np.minimum(np.minimum(last_x, last_z[:, None]), F(y[1]))
    np.copyto(sunlight[rows, columns], F(0.0), where=enter < leave)


def _slab(position: Floats, bounds: tuple[float, float], slope: float) -> tuple[Floats, Floats]:
    """Heights at which a ray that leaves `position` with `slope` enters and leaves `bounds`."""
    if abs(slope) < 1e-3:
        slope = 1e-3
    first, second = (F(bounds[0]) - position) * F(1 / slope), (F(bounds[1]) - position) * F(1 / slope)
    return np.minimum(first, second), np.maximum(first, second)


def _tree(scene: Scene, canvas: Canvas, sunlight: Floats, tree: Tree) -> None:
    """Shade the ground points from which a ray to the sun meets the crown, with light between the leaves."""
    half, tall = tree.radius
    slope_x, slope_z = scene.light.sun[0] / scene.light.sun[1], scene.light.sun[2] / scene.light.sun[1]
    centre = tree.x - slope_x * tree.middle, tree.z - slope_z * tree.middle
    reach = half * 1.3 + tall * abs(slope_x), half * 1.3 + tall * abs(slope_z)
    rows, columns = canvas.ground_window(
        (centre[0] - reach[0], centre[0] + reach[0]), (centre[1] - reach[1], centre[1] + reach[1])
    )
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    ground_x, ground_z = canvas.ground(rows, columns)
    # Distance of the ray from the crown's middle, in units in which the crown is a unit ball.
    ray = slope_x / half, 1 / tall, slope_z / half
    square = ray[0] * ray[0] + ray[1] * ray[1] + ray[2] * ray[2]
    dx = (ground_x - F(tree.x)) * F(1 / half)
    dy = F(-tree.middle / tall)
    dz = ((ground_z - F(tree.z)) * F(1 / half))[:, None]
    along = dx * F(ray[0]) + (dz * F(ray[2]) + dy * F(ray[1]))
    distance = dx * dx + (dz * dz + dy * dy) - along * along * F(1 / square)
    gaps = lookup("leaf", ground_x * F(20), np.broadcast_to(ground_z[:, None], ground_x.shape) * F(20))
    dense = np.clip((F(1) - distance) * F(2.5) + gaps * F(2.2), F(0), F(0.3 if tree.bare else 0.9))
    np.minimum(sunlight[rows, columns], F(1) - dense, out=sunlight[rows, columns])
