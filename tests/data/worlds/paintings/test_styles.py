from __future__ import annotations

import hashlib
import re
from functools import cache
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from i2ibench.data.worlds.noise import lookup
from i2ibench.data.worlds.paintings.styles import STYLES, paint

GOLDEN = {
    "pointillism": ("68ad8b7a8587f2fc", "a1cc88c2becb129b"),
    "impressionism": ("ab911e4e9eeb4d5b", "4787a13b5f75cf38"),
    "expressionism": ("634b1740d82432b3", "ec2a4fe6bc268c49"),
    "palette knife": ("f5901f3db64146d1", "ba47c837c93ea737"),
    "gouache": ("dace5e27794b8035", "058afeaa7c7cda62"),
    "watercolour": ("9ae64ceba31cabca", "7ace297ce7e806f3"),
    "ink wash": ("e31ca2d7974c14df", "b81bdca83ff84058"),
    "woodcut": ("77ae58967b319f9f", "6afb9111a521955d"),
    "pastel": ("b8da02ffd498e6a0", "2247846af91d2153"),
    "mosaic": ("07fe43df861623df", "cf6433b9af6ecdca"),
    "stained glass": ("b20ebea343f3414f", "b17e08e445c3e693"),
}
"""The first 16 digits of sha256 at 64x64 and 128x128."""


@cache
def photo(side: int) -> NDArray[np.uint8]:
    """A red ball on a field under a cloudy sky."""
    y, x = np.mgrid[:side, :side].astype(np.float32) * np.float32(64 / side)
    sky = np.stack([90 + y, 140 + y, 220 - y])
    ground = np.stack([120 - x, 100 + (y - 32) * 2, 60 + x * 0])
    picture = np.where(y < 28 + lookup("cloud", x * 2, x * 0 + 9) * 12, sky, ground)
    ball = (x - 40) ** 2 + (y - 36) ** 2 < 100
    picture = np.where(ball, np.array([200, 40, 30])[:, None, None], picture) + lookup("grain", x * 8, y * 8) * 20
    return np.ascontiguousarray(np.clip(picture, 0, 255).astype(np.uint8).transpose(1, 2, 0))


@cache
def painting(style: int, key: int = 7, side: int = 64) -> NDArray[np.uint8]:
    return paint(photo(side), style, key)


def luma(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    return picture @ np.array([0.299, 0.587, 0.114])


def blocks(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means of 8 x 8 blocks."""
    side = plane.shape[0] // 8
    return plane.reshape(side, 8, side, 8).mean((1, 3))


@pytest.mark.parametrize("style", GOLDEN)
def test_paintings_are_the_same_bytes_everywhere(style: str) -> None:
    number = STYLES.index(style)
    made = painting(number), painting(number, 8, 128)
    assert tuple(hashlib.sha256(picture.tobytes()).hexdigest()[:16] for picture in made) == GOLDEN[style]


def test_all_styles_are_held_to_their_bytes() -> None:
    assert tuple(GOLDEN) == STYLES
    assert all(re.fullmatch("[a-z]+( [a-z]+)?", style) for style in STYLES)


@pytest.mark.parametrize("style", range(len(STYLES)))
def test_size_stays_and_need_not_be_square(style: int) -> None:
    wide = np.ascontiguousarray(photo(64)[:40])
    made = paint(wide, style, 3)
    assert made.shape == wide.shape and made.dtype == np.uint8
    np.testing.assert_array_equal(wide, photo(64)[:40])
    np.testing.assert_array_equal(made, paint(wide, style, 3))


@pytest.mark.parametrize("style", range(len(STYLES)))
def test_layout_survives(style: int) -> None:
    """Light and dark lie where they do in the photo, and not where they do upside down."""
    for key in (7, 9):
        there, here = blocks(luma(photo(64))).ravel(), blocks(luma(painting(style, key))).ravel()
        upside_down = blocks(luma(painting(style, key))[::-1]).ravel()
        assert np.corrcoef(there, here)[0, 1] > 0.6 > np.corrcoef(there, upside_down)[0, 1]


@pytest.mark.parametrize("style", range(len(STYLES)))
def test_strokes_have_body_where_the_photo_is_flat(style: int) -> None:
    flat = np.full((64, 64, 3), (96, 128, 150), np.uint8)
    rough = np.abs(np.diff(luma(paint(flat, style, 5)), axis=1)).mean()
    assert rough > (1.0 if STYLES[style] in ("gouache", "ink wash", "watercolour") else 3.0)


@pytest.mark.parametrize("style", range(len(STYLES)))
def test_keys_vary_a_style(style: int) -> None:
    difference = np.abs(painting(style, 7).astype(int) - painting(style, 9)).mean()
    assert 4 < difference < 90


def test_styles_differ_from_each_other_more_than_from_themselves() -> None:
    """Nearest neighbour by roughness, colour and contrast, which keys hardly move, finds the style."""

    def measured(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
        grey, colour = luma(picture), picture.astype(float)
        steps = [np.abs(np.diff(grey, n, axis)).mean() for n in (1, 2) for axis in (0, 1)]
        tones = np.percentile(grey, [2, 25, 50, 75, 98]) / 10
        return np.array([*steps, *tones, np.ptp(colour, -1).mean() / 5, (np.ptp(colour, -1) < 24).mean() * 10])

    known = {(style, key): measured(painting(style, key)) for style in range(len(STYLES)) for key in (7, 9, 11)}
    hits = 0
    for (style, key), value in known.items():
        others = {other: np.abs(value - known[other]).sum() for other in known if other != (style, key)}
        hits += min(others, key=others.__getitem__)[0] == style
    assert hits > 0.6 * len(known)
    for one, other in combinations(range(len(STYLES)), 2):
        assert np.abs(painting(one).astype(int) - painting(other)).mean() > 10


@pytest.mark.parametrize("style", range(len(STYLES)))
def test_the_margin_is_painted_like_the_middle(style: int) -> None:
    """No frame, no bare edge: the outermost pixels are as rough as those further in, and of no constant colour."""
    margin, middle = [], []
    for key in (7, 9, 11):
        made = luma(painting(style, key))
        steps = np.abs(np.diff(made, axis=0))
        margin.append(steps[:, [0, -1]].mean())
        middle.append(steps[:, [12, 20, 28, 36, 44, 52]].mean())
        for edge in (made[0], made[-1], made[:, 0], made[:, -1]):
            assert np.ptp(edge) > 10
    assert 0.5 < np.mean(margin) / np.mean(middle) < 2
