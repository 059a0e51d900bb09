from __future__ import annotations

import re
from collections import Counter
from itertools import combinations, product

import numpy as np
import pytest

from i2ibench.data import aerial
from i2ibench.data.rows import Row
from i2ibench.data.worlds.paintings import photos
from i2ibench.data.worlds.paintings.photos import COUNTS, SCENES, Role, contrast, photo2painting
from i2ibench.data.worlds.paintings.styles import STYLES
from i2ibench.task import Resolution

SMALL, LARGE = Resolution(64, 64), Resolution(128, 128)
ROLES: tuple[Role, Role] = ("source", "target")
SIDES = list(product(COUNTS, ROLES))


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return list(photo2painting("val", SMALL))


def covered(split: str, role: Role) -> np.ndarray:
    """Which pixels of the world any window of one role can cover, at either resolution."""
    seen = np.zeros((aerial.HEIGHT, aerial.WIDTH), bool)
    for resolution in (SMALL, LARGE):
        for window in photos.windows(split, role, resolution):
            seen[window.area] = True
    return seen


def test_no_place_is_in_two_splits_or_in_both_domains() -> None:
    seen = {side: covered(*side) for side in SIDES}
    assert all(area.mean() > 0.02 for area in seen.values())
    for one, other in combinations(SIDES, 2):
        assert not (seen[one] & seen[other]).any()


def test_windows_lie_in_the_strips_of_their_split() -> None:
    for split in COUNTS:
        columns = {column for left, right in aerial.strips(split) for column in range(left, right)}
        for role, resolution in product(ROLES, (SMALL, LARGE)):
            for window in photos.windows(split, role, resolution):
                assert window.column in columns and window.column + window.side - 1 in columns
                assert window.row >= aerial.TOP and window.row + window.side <= aerial.BOTTOM


def test_windows_that_do_not_overlap_are_tried_first() -> None:
    tried = photos.windows("test", "target", SMALL)
    counts = np.zeros((aerial.HEIGHT, aerial.WIDTH), np.uint8)
    for window in tried[:100]:
        counts[window.area] += 1
    assert counts.max() == 1
    assert len(set(tried)) == len(tried)
    assert np.std([window.column for window in tried[:100]]) > 1000


def test_no_street_is_in_two_splits_or_in_both_domains() -> None:
    scenes = {
        (split, role): range(first := SCENES[split] + number * (COUNTS[split] // 2), first + COUNTS[split] // 2)
        for split in COUNTS
        for number, role in enumerate(ROLES)
    }
    for one, other in combinations(scenes.values(), 2):
        assert not set(one) & set(other)


def test_rows_are_photos_and_then_paintings_of_others(rows: list[Row]) -> None:
    count = COUNTS["val"]
    sources, targets = rows[:count], rows[count:]
    assert len(targets) == count
    assert all(set(row) == {"name", "source"} for row in sources)
    assert all(set(row) == {"name", "target", "category"} for row in targets)
    assert {row["source"].shape for row in sources} == {row["target"].shape for row in targets} == {(64, 64, 3)}
    names = [row["name"] for row in rows]
    assert len(set(names)) == len(names) and all(re.fullmatch("[a-z0-9-]+", name) for name in names)
    places = [re.match("(street|aerial)-[0-9a-z]+(-r[0-9]+c[0-9]+)?", name) for name in names]
    assert len({place[0] for place in places if place}) == len(names)


def test_kinds_alternate_and_styles_take_turns(rows: list[Row]) -> None:
    count = COUNTS["val"]
    for side in (rows[:count], rows[count:]):
        assert [row["name"].split("-")[0] for row in side] == ["aerial", "street"] * (count // 2)
    targets = rows[count:]
    for row in targets:
        assert row["name"].endswith(STYLES[row["category"]].replace(" ", "-"))
    shares = Counter((row["name"].split("-")[0], row["category"]) for row in targets)
    assert len(shares) == 2 * len(STYLES) and max(shares.values()) - min(shares.values()) <= 1


def test_names_are_the_same_everywhere(rows: list[Row]) -> None:
    assert [row["name"] for row in rows[:4]] == [
        "aerial-n20e039-r1010c3256",
        "street-041000",
        "aerial-n46e103-r0621c4220",
        "street-041001",
    ]
    assert [row["name"] for row in rows[-2:]] == [
        "aerial-s24e047-r1665c3384-stained-glass",
        "street-041099-pointillism",
    ]


def test_photos_from_above_show_something(rows: list[Row]) -> None:
    above = [row["source"] for row in rows if "source" in row and row["name"].startswith("aerial")]
    assert min(contrast(pixels) for pixels in above) >= photos.CONTRAST
    assert np.mean([pixels.mean() for pixels in above]) > 30


def test_paintings_are_not_told_from_photos_by_mean_colour_alone(rows: list[Row]) -> None:
    """The best threshold on any channel's mean or on brightness is far from sorting the domains."""
    means = {side: np.array([row[side].mean((0, 1)) for row in rows if side in row]) for side in ROLES}  # type: ignore[literal-required]
    for channel in range(3):
        source, target = means["source"][:, channel], means["target"][:, channel]
        best = max(((source < t).mean() + (target >= t).mean()) / 2 for t in np.arange(0, 255, 2))
        assert 0.2 < best < 0.95


def test_contrast() -> None:
    picture = np.zeros((10, 10, 3), np.uint8)
    assert contrast(picture) == 0
    picture[:5] = 255
    assert contrast(picture) == 255
    picture[:] = 0
    picture[0, 0] = 255
    assert contrast(picture) == 0
