from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from i2ibench.data.rows import Row
from i2ibench.data.worlds.conditions import Condition
from i2ibench.data.worlds.scene import Label
from i2ibench.data.worlds.streets import SEED, Style, render
from i2ibench.task import Resolution

SMALL = Resolution(64, 128)
INDICES = range(7100, 7112)


@cache
def row(index: int, style: Style = "sim") -> Row:
    return render(SEED, index, SMALL, style=style)


def test_games_show_the_scene_of_the_photo() -> None:
    for index in INDICES:
        for column in ("name", "source", "labels", "instances"):
            np.testing.assert_array_equal(row(index)[column], row(index, "photo")[column])  # type: ignore[literal-required]


def test_labels_are_aligned_to_the_edges_to_the_pixel() -> None:
    ratios = []
    for index in INDICES:
        labels, game = row(index)["labels"].astype(int), row(index)["target"].astype(float)
        change = labels[:, 1:] != labels[:, :-1]
        gradient = np.abs(np.diff(game, axis=1)).sum(-1)
        ratios.append([gradient[np.roll(change, shift, axis=1)].mean() for shift in (0, -1, 1)])
    here, before, after = np.mean(ratios, axis=0)
    assert here > 1.6 * max(before, after)


def test_edges_are_not_blended() -> None:
    """A signal's lamp or a sign has the same colours on its rim as inside: no sample of another surface is mixed in."""
    for index in INDICES:
        game, labels = row(index)["target"], row(index)["labels"]
        sky = game[labels == Label.SKY]
        rows = np.nonzero(labels == Label.SKY)[0]
        for at in np.unique(rows):
            assert len(np.unique(sky[rows == at], axis=0)) == 1


def test_games_are_more_colourful_and_have_no_noise() -> None:
    def spread(style: Style) -> float:
        return float(np.mean([np.ptp(row(index, style)["target"].astype(int), axis=-1).mean() for index in INDICES]))

    def roughness(style: Style) -> float:
        found = []
        for index in INDICES:
            picture = row(index, style)["target"].astype(float).mean(-1)
            sky = row(index, style)["labels"] == Label.SKY
            inside = sky[:, 1:] & sky[:, :-1]
            found += np.abs(np.diff(picture, axis=1))[inside].tolist()
        return float(np.mean(found))

    assert spread("sim") > 1.6 * spread("photo")
    assert roughness("sim") == 0 < 1 < roughness("photo")


def test_things_throw_a_dark_spot_on_the_ground() -> None:
    darker = []
    for index in INDICES:
        labels, grey = row(index)["labels"], row(index)["target"].astype(float).mean(-1)
        road = labels == Label.ROAD
        below_car = np.zeros_like(road)
        below_car[1:] = road[1:] & (labels[:-1] == Label.CAR)
        if below_car.any():
            darker.append(grey[below_car].mean() / grey[road].mean())
    assert len(darker) > 3 and np.mean(darker) < 0.85


@pytest.mark.parametrize("condition", [Condition(time="night"), Condition(weather="rain"), Condition(season="winter")])
def test_games_refuse_what_they_cannot_draw(condition: Condition) -> None:
    with pytest.raises(ValueError, match="style 'photo'"):
        render(SEED, 1, SMALL, style="sim", condition=condition)


def test_games_can_draw_summer() -> None:
    made = render(SEED, 1, SMALL, style="sim", condition=Condition(season="summer"))
    assert made["target"].shape == (*SMALL, 3) and made["target"].dtype == np.uint8
