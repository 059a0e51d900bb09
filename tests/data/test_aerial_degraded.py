from __future__ import annotations

import hashlib
from itertools import islice

import numpy as np
import pytest

from i2ibench.data import aerial, aerial_degraded
from i2ibench.data.aerial_degraded import darkened, decode, encode, noisy
from i2ibench.task import Resolution

SMALL, LARGE = Resolution(64, 64), Resolution(128, 128)
RAMP = np.ascontiguousarray(np.broadcast_to(np.arange(256, dtype=np.uint8)[None, :, None], (64, 256, 3)))


def linear(level: np.ndarray) -> np.ndarray:
    """sRGB's curve as the standard writes it."""
    encoded = np.asarray(level, np.float64) / 255
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def test_light_is_that_of_the_standard() -> None:
    levels = np.arange(256)
    np.testing.assert_allclose(decode(levels.astype(np.uint8)), linear(levels), atol=0.5001 / 65535)


def test_levels_survive_the_way_to_light_and_back() -> None:
    np.testing.assert_array_equal(encode(decode(RAMP)), RAMP)


def test_light_goes_to_the_nearest_level_and_is_clipped() -> None:
    light = np.linspace(0, 1, 4001)
    curve = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    difference = encode(light.astype(np.float32)).astype(int) - np.rint(curve * 255)
    assert np.abs(difference).max() <= 1 and (difference != 0).mean() < 0.01
    np.testing.assert_array_equal(encode(np.array([-0.3, 1.7], np.float32)), [0, 255])


@pytest.mark.parametrize(("spoil", "digest"), [(noisy, "c59029d4f10e3d29"), (darkened, "f291d85221be76e2")])
def test_pictures_are_the_same_bytes_everywhere(spoil: object, digest: str) -> None:
    assert callable(spoil)
    assert hashlib.sha256(spoil(RAMP, "n47e011-r0253c2834").tobytes()).hexdigest()[:16] == digest


@pytest.mark.parametrize("spoil", [noisy, darkened])
def test_what_is_drawn_is_a_function_of_the_name(spoil: object) -> None:
    assert callable(spoil)
    first = spoil(RAMP, "n47e011-r0253c2834")
    other = spoil(RAMP, "n47e011-r0253c2835")
    np.testing.assert_array_equal(spoil(RAMP, "n47e011-r0253c2834"), first)
    assert (first != other).mean() > 0.3


@pytest.mark.parametrize(("shot", "read"), [(0.01, 0.0), (0.0, 0.02), (0.004, 0.01)])
@pytest.mark.parametrize("level", [0.05, 0.4])
def test_noise_has_its_mean_variance_and_shape(shot: float, read: float, level: float) -> None:
    light = np.full((128, 128, 3), level, np.float32)
    noise = aerial_degraded._exposed(light, shot, read, 9).astype(np.float64) - level
    variance = shot * level + read * read
    assert abs(noise.mean()) < 4 * np.sqrt(variance / noise.size)
    np.testing.assert_allclose(noise.var(), variance, rtol=0.03)
    standard = noise / np.sqrt(variance)
    assert abs((standard**3).mean()) < 0.05 and abs((standard**4).mean() - 3) < 0.2
    assert abs(np.corrcoef(standard[:, 1:].ravel(), standard[:, :-1].ravel())[0, 1]) < 0.02
    assert abs(np.corrcoef(standard[..., 0].ravel(), standard[..., 1].ravel())[0, 1]) < 0.03


def test_strengths_span_their_range() -> None:
    """Over many names, noise of a flat picture is weak in some and strong in others, within the bounds."""
    grey = np.full((16, 16, 3), 128, np.uint8)
    level = float(linear(np.array(128)))
    found = [decode(noisy(grey, f"name-{n}")).std() for n in range(200)]
    low, high = (
        np.sqrt(shot * level + read**2) for shot, read in zip(aerial_degraded.SHOT, aerial_degraded.READ, strict=True)
    )
    assert low * 0.8 < min(found) < low * 1.6 and high * 0.6 < max(found) < high * 1.2


def test_low_light_is_dark_and_off_in_colour() -> None:
    grey = np.full((32, 32, 3), 200, np.uint8)
    light = np.array([decode(darkened(grey, f"name-{n}")).mean((0, 1)) for n in range(200)]) / linear(np.array(200))
    green = light[:, 1]
    assert aerial_degraded.EXPOSURE[0] * 0.9 < green.min() and green.max() < aerial_degraded.EXPOSURE[1] * 1.1
    cast = light[:, 0] / light[:, 2]
    assert cast.min() < 0.85 and cast.max() > 1.15 and 0.9 < np.median(cast) < 1.1


@pytest.mark.parametrize("load", [aerial_degraded.denoise, aerial_degraded.lowlight])
def test_targets_are_the_pictures_of_aerial2map(load: object) -> None:
    assert callable(load)
    whole = {row["name"]: row["source"] for row in aerial.load("test", SMALL)}
    made = list(islice(load("test", SMALL), 20))
    for row in made:
        np.testing.assert_array_equal(row["target"], whole[row["name"]])
        assert row["source"].shape == (64, 64, 3) and row["source"].dtype == np.uint8
        assert row["target"].mean() >= aerial_degraded.BRIGHT


def test_counts() -> None:
    """As the cards say: at 64x64, and at 128x128 in their descriptions."""
    splits = ("train", "val", "test")
    assert [_bright(split, SMALL) for split in splits] == [906, 204, 212]
    assert [_bright(split, LARGE) for split in splits] == [749, 60, 59]


def _bright(split: str, resolution: Resolution) -> int:
    return sum(row["source"].mean() >= aerial_degraded.BRIGHT for row in aerial.load(split, resolution))
