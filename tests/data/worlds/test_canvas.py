from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from i2ibench.data.worlds.canvas import SAMPLES, Canvas, Material, Surface
from i2ibench.data.worlds.scene import Camera, Label
from i2ibench.data.worlds.stencil import Part, Stencil
from i2ibench.task import Resolution

CAMERA = Camera(height=1.8, focal=1.2, vanishing_x=0.1, horizon_y=-0.05)
SIZE = Resolution(32, 64)


def canvas() -> Canvas:
    made = Canvas(CAMERA, SIZE)
    made.add(Surface(Label.SKY, Label.SKY, Material.SKY, (0.0, 0.0, -1.0)))
    return made


def surface(made: Canvas) -> int:
    return made.add(Surface(Label.CAR, 13000, Material.PAINT, (0.0, 0.0, -1.0)))


def rays() -> tuple[np.ndarray, np.ndarray]:
    """Directions (x, y) / z of all samples, from the pinhole model alone."""
    rows, columns = SIZE.height * SAMPLES, SIZE.width * SAMPLES
    x = ((np.arange(columns) + 0.5) / columns - 0.5) * 2 - CAMERA.vanishing_x
    y = (np.arange(rows) + 0.5) / rows - 0.5 - CAMERA.horizon_y
    return np.meshgrid(x / CAMERA.focal, -y / CAMERA.focal)


coordinate = st.floats(-8, 8)
size = st.floats(0.2, 6)


@settings(max_examples=60, deadline=None)
@given(coordinate, size, st.floats(0, 4), size, st.floats(2, 40))
def test_what_faces_the_camera_covers_the_rays_that_meet_it(
    x: float, wide: float, low: float, tall: float, z: float
) -> None:
    made = canvas()
    made.front(surface(made), z, (x, x + wide), (low, low + tall))
    across, up = rays()
    at_x, at_y = across * z, up * z + CAMERA.height
    for margin, expected in ((1e-3, True), (-1e-3, False)):
        inside = (at_x > x + margin) & (at_x < x + wide - margin) & (at_y > low + margin) & (at_y < low + tall - margin)
        found = made.surface == 1
        assert found[inside].all() if expected else not found[~inside].any()
    assert (made.depth[made.surface == 1] == np.float32(z)).all()


@settings(max_examples=60, deadline=None)
@given(st.floats(1, 12), st.booleans(), st.floats(1, 20), st.floats(1, 40), st.floats(0.5, 15))
def test_what_runs_along_the_street_covers_the_rays_that_meet_it(
    x: float, left: bool, near: float, long: float, tall: float
) -> None:
    made, x = canvas(), -x if left else x
    made.side(surface(made), x, (near, near + long), (0.0, tall))
    across, up = rays()
    with np.errstate(divide="ignore", invalid="ignore"):
        z = x / across
        y = up * z + CAMERA.height
    inside = (z > near * 1.001) & (z < (near + long) * 0.999) & (y > 0.01) & (y < tall - 0.01)
    outside = ~((z > near * 0.999) & (z < (near + long) * 1.001) & (y > -0.01) & (y < tall + 0.01))
    found = made.surface == 1
    assert found[inside].all() and not found[outside].any()
    np.testing.assert_allclose(made.depth[inside], z[inside], rtol=1e-4)


@settings(max_examples=60, deadline=None)
@given(st.floats(2, 12), st.booleans(), st.floats(1, 20), st.floats(2, 30), st.floats(2, 9), st.floats(1, 4))
def test_roofs_lie_on_their_slope(x: float, left: bool, near: float, long: float, eaves: float, rise: float) -> None:
    made, x, run = canvas(), -x if left else x, 5.0
    made.roof(surface(made), x, (near, near + long), (eaves, eaves + rise), run)
    found = made.surface == 1
    world_x, world_y, _ = made.world()
    slope = (np.abs(world_x[found]) - abs(x)) / run * rise
    np.testing.assert_allclose(world_y[found] - eaves, slope, atol=0.01)
    if abs(x) * rise / run + CAMERA.height < eaves:  # seen from below its plane
        assert not found.any()


@settings(max_examples=40, deadline=None)
@given(st.floats(-3, 3), st.floats(0, 20), coordinate, st.floats(3, 30))
def test_a_camera_sees_what_one_at_the_origin_sees_of_a_shifted_world(
    shift_x: float, shift_z: float, x: float, z: float
) -> None:
    pictures = []
    for camera, dx, dz in ((CAMERA, 0.0, 0.0), (replace(CAMERA, x=shift_x, z=shift_z), shift_x, shift_z)):
        made = Canvas(camera, SIZE)
        made.add(Surface(Label.SKY, Label.SKY, Material.SKY, (0.0, 0.0, -1.0)))
        made.level(surface(made), 0.0, (-5 + dx, 5 + dx), (2 + dz, 40 + dz), 1)
        made.side(surface(made), 6 + dx, (4 + dz, 30 + dz), (0.0, 5.0))
        made.roof(surface(made), 6 + dx, (4 + dz, 30 + dz), (5.0, 7.0), 5.0)
        made.front(surface(made), z + dz, (x + dx, x + 2 + dx), (0.0, 1.5))
        pictures.append(made)
    origin, moved = pictures
    assert (origin.surface == moved.surface).mean() > 0.995
    same = origin.surface == moved.surface
    for place, shift in zip(range(3), (shift_x, 0.0, shift_z), strict=True):
        np.testing.assert_allclose(
            moved.world()[place][same] - shift, origin.world()[place][same], rtol=1e-3, atol=1e-2
        )


def test_the_nearest_hides_the_rest_where_the_canvas_is_told_so() -> None:
    for nearest in (True, False):
        made = Canvas(CAMERA, SIZE, nearest=nearest)
        made.add(Surface(Label.SKY, Label.SKY, Material.SKY, (0.0, 0.0, -1.0)))
        for z in (5.0, 10.0):
            made.front(surface(made), z, (-2, 2), (0, 4))
        behind = made.surface == 2
        assert behind.any() != nearest
        assert ((made.depth == 5).sum() > (made.depth == 10).sum()) or not nearest


def test_what_is_behind_the_camera_is_not_painted() -> None:
    made = Canvas(replace(CAMERA, z=20.0), SIZE)
    made.add(Surface(Label.SKY, Label.SKY, Material.SKY, (0.0, 0.0, -1.0)))
    made.front(surface(made), 19.0, (-2, 2), (0, 4))
    made.side(surface(made), 3.0, (2, 19), (0, 4))
    made.level(surface(made), 0.0, (-2, 2), (2, 19), 1)
    made.roof(surface(made), 3.0, (2, 19), (1, 2), 5.0)
    made.crown(surface(made), 19.0, (0.0, 2.0), (1.0, 1.0), 7)
    assert not made.surface.any()


def test_near_covers_far_and_stencils_leave_holes() -> None:
    made = canvas()
    ring = Stencil(1, 1, 64).disk(Part.TYRE, 0.5, 0.5, 0.5).disk(Part.NONE, 0.5, 0.5, 0.3)
    made.front(surface(made), 10, (-2, 2), (0, 4))
    made.front(surface(made), 5, (-1, 1), (0, 2), ring)
    share = np.count_nonzero(made.surface == 2) / ((CAMERA.focal / 5 * 2 * SIZE.height * SAMPLES) ** 2)
    assert share == pytest.approx(np.pi * (0.25 - 0.09), rel=0.03)
    assert (made.part[made.surface == 2] == Part.TYRE).all()
    middle = int((0.5 + CAMERA.horizon_y + (CAMERA.height - 1) * CAMERA.focal / 5) * SIZE.height * SAMPLES)
    column = int((0.5 + CAMERA.vanishing_x / 2) * SIZE.width * SAMPLES)
    assert made.surface[middle, column] == 1


def test_polygons_fill_their_area() -> None:
    points = ((0.1, 0.2), (1.7, 0.1), (1.9, 0.8), (1.0, 0.4), (0.3, 0.9))
    shoelace = abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(points, points[1:] + points[:1], strict=True))) / 2
    parts = Stencil(2, 1, 400).polygon(Part.BODY, *points).parts
    assert np.count_nonzero(parts) / 200**2 == pytest.approx(shoelace, rel=0.01)
