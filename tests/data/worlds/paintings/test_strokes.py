from __future__ import annotations

import numpy as np
import pytest

from i2ibench.data.worlds.paintings.heading import along_edges, edges
from i2ibench.data.worlds.paintings.strokes import Brush, lay

SHAPE = (96, 96)
EAST = np.ones(SHAPE, np.float32), np.zeros(SHAPE, np.float32)
PLAIN = Brush(cell=12, length=26, width=7, corners=0.0, vary=0.0, turn=0.0, bend=0.0, ragged=0.0)


def some(share: float) -> np.ndarray:
    return np.full(SHAPE, share, np.float32)


def test_a_lone_stroke_is_a_whole_oval() -> None:
    """Its area is pi / 4 x length x width: looking at nine cells cuts nothing off."""
    areas = []
    for key in range(60):
        layer = lay(PLAIN, EAST, key, chance=some(0.02))
        for stroke in np.unique(layer.stroke[layer.covered]):
            inside = 15 <= layer.row[stroke] < 81 and 15 <= layer.column[stroke] < 81
            near = np.hypot(layer.row - layer.row[stroke], layer.column - layer.column[stroke]) < 40
            seen = set(np.unique(layer.stroke[layer.covered])) & set(np.flatnonzero(near))
            if inside and seen == {stroke}:
                areas.append(np.count_nonzero(layer.covered & (layer.stroke == stroke)))
    assert len(areas) > 20
    np.testing.assert_allclose(areas, np.pi / 4 * 26 * 7, rtol=0.08)


@pytest.mark.parametrize(("cos", "sin"), [(1.0, 0.0), (0.0, 1.0), (0.6, 0.8), (0.6, -0.8)])
def test_places_in_a_stroke_run_along_the_heading(cos: float, sin: float) -> None:
    layer = lay(PLAIN, (some(cos), some(sin)), 4)
    same = layer.covered[1:, 1:] & (layer.stroke[1:, 1:] == layer.stroke[:-1, 1:]) & layer.covered[:-1, 1:]
    same &= (layer.stroke[1:, 1:] == layer.stroke[1:, :-1]) & layer.covered[1:, :-1]
    right = (layer.along[1:, 1:] - layer.along[1:, :-1])[same]
    down = (layer.along[1:, 1:] - layer.along[:-1, 1:])[same]
    np.testing.assert_allclose(right, cos / 13, atol=1e-5)
    np.testing.assert_allclose(down, sin / 13, atol=1e-5)


def test_what_is_covered_lies_inside_its_stroke_and_nothing_else_is() -> None:
    layer = lay(PLAIN, EAST, 5)
    assert (layer.along**2 + layer.across**2)[layer.covered].max() < 1
    assert 0.5 < layer.covered.mean() < 1
    box = lay(Brush(12, 26, 7, corners=1.0, vary=0.0, turn=0.0, bend=0.0, ragged=0.0), EAST, 5)
    assert np.abs(box.along[box.covered]).max() < 1 and np.abs(box.across[box.covered]).max() < 1
    assert box.covered.mean() > layer.covered.mean()


def test_chance_and_girth_leave_strokes_out() -> None:
    assert not lay(PLAIN, EAST, 6, chance=some(0.0)).covered.any()
    assert not lay(PLAIN, EAST, 6, girth=some(0.0)).covered.any()
    left = some(0.0)
    left[:, :30] = 1
    columns = np.flatnonzero(lay(PLAIN, EAST, 6, chance=left).covered.any(0))
    assert columns.min() < 10 and 25 < columns.max() < 30 + 13 + 1
    assert lay(PLAIN, EAST, 6, girth=some(0.4)).covered.mean() < 0.6 * lay(PLAIN, EAST, 6).covered.mean()


def test_colours_are_taken_under_the_stroke() -> None:
    columns = np.broadcast_to(np.arange(96, dtype=np.float32), SHAPE)
    layer = lay(PLAIN, EAST, 7)
    apart = (layer.spread(layer.sample(columns)) - columns)[layer.covered]
    assert np.abs(apart).max() <= 14


@pytest.mark.parametrize("angle", np.linspace(0, np.pi, 8, endpoint=False))
def test_heading_follows_stripes(angle: float) -> None:
    y, x = np.mgrid[:96, :96]
    stripes = (np.sin((x * np.cos(angle) + y * np.sin(angle)) * 0.4) * 0.4 + 0.5).astype(np.float32)
    cos, sin = along_edges(stripes, 1, 5, 0.5, (0.0, 0.0))
    np.testing.assert_allclose(cos**2 + sin**2, 1, atol=1e-5)
    across = np.abs(cos * np.cos(angle) + sin * np.sin(angle))[10:-10, 10:-10]
    assert across.mean() < 0.08


def test_edges_are_where_any_channel_has_one() -> None:
    colour = np.full((3, 32, 32), 0.5, np.float32)
    colour[2, :, 16:] = 0.9
    found = edges(colour, 1)
    assert found[:, 15:17].min() > 0.1 and found[:, :12].max() == found[:, 20:].max() == 0
