from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from i2ibench.data.rows import Row
from i2ibench.data.worlds import lamps, night, rain, trees
from i2ibench.data.worlds.canvas import SAMPLES, Canvas, Material
from i2ibench.data.worlds.conditions import PLAIN, Condition, under
from i2ibench.data.worlds.layout import draw_scene
from i2ibench.data.worlds.painter import paint
from i2ibench.data.worlds.sampling import gather
from i2ibench.data.worlds.scene import Label, Scene
from i2ibench.data.worlds.streets import AS_DRAWN, SEED, render
from i2ibench.task import Resolution

SMALL = Resolution(64, 128)
NIGHT, WET_NIGHT = Condition(time="night", weather="dry"), Condition(time="night", weather="rain")
RAIN, SNOW = Condition(weather="rain"), Condition(weather="snow")
SUMMER, WINTER = Condition(season="summer"), Condition(season="winter")
ALL = (NIGHT, WET_NIGHT, RAIN, SNOW, SUMMER, WINTER, Condition("night", "snow", "winter"), Condition(weather="dry"))
INDICES = range(7000, 7012)

GOLDEN = {
    (7000, RAIN): "a07152024048b43258dcf5e4bc68e5e0673427e018e805484f1fd22290275d95",
    (7001, SNOW): "9c2061f9b0c90fc18a916eaaa18f451b13966332eb3bf3430276a70e02822939",
    (7002, Condition("night", "snow", "winter")): "90d1b55399d386821e9aaf73b79b9e93b1585db88ae3c7eb34ebba35c39addc6",
}


@cache
def row(index: int, condition: Condition) -> Row:
    return render(SEED, index, SMALL, condition=condition)


@pytest.mark.parametrize(("index", "condition"), GOLDEN)
def test_conditions_are_the_same_bytes_everywhere(index: int, condition: Condition) -> None:
    made = row(index, condition)
    digest = hashlib.sha256(b"".join(made[column].tobytes() for column in ("target", "labels", "instances")))  # type: ignore[literal-required]
    assert digest.hexdigest() == GOLDEN[index, condition]


def test_no_condition_leaves_a_scene_as_it_was_drawn() -> None:
    scene = draw_scene(SEED, 5)
    assert under(scene, AS_DRAWN) == (scene, PLAIN) == under(scene, Condition(time="day"))


@pytest.mark.parametrize("condition", ALL)
def test_street_and_things_stay_where_they_are(condition: Condition) -> None:
    for index in range(20):
        scene = draw_scene(SEED, index)
        changed, _ = under(scene, condition)
        stay = {name: getattr(scene, name) for name in ("key", "camera", "road", "buildings", "posts", "actors")}
        assert {name: getattr(changed, name) for name in stay} == stay
        for before, after in ((scene.street_trees, changed.street_trees), (scene.garden_trees, changed.garden_trees)):
            assert [replace(tree, colour=old.colour, bare=False) for tree, old in zip(after, before, strict=True)] == [
                *before
            ]
        x, y, z = changed.light.sun
        assert x * x + y * y + z * z == pytest.approx(1) and y > 0


@pytest.mark.parametrize("index", INDICES)
def test_labels_change_at_bare_trees_alone(index: int) -> None:
    drawn, winter = row(index, AS_DRAWN), row(index, WINTER)
    for condition in (NIGHT, RAIN, SNOW, SUMMER):
        np.testing.assert_array_equal(row(index, condition)["labels"], drawn["labels"])
        np.testing.assert_array_equal(row(index, condition)["instances"], drawn["instances"])
    changed = drawn["labels"] != winter["labels"]
    either = (drawn["labels"] == Label.VEGETATION) | (winter["labels"] == Label.VEGETATION)
    assert either[changed].all()


def test_bare_trees_show_what_is_behind_them() -> None:
    shares = [
        np.count_nonzero(row(index, WINTER)["labels"] == Label.VEGETATION)
        / max(np.count_nonzero(row(index, SUMMER)["labels"] == Label.VEGETATION), 1)
        for index in INDICES
    ]
    assert 0.1 < np.median(shares) < 0.9


@pytest.mark.parametrize("shape", range(trees.SHAPES))
def test_bare_trees_stand_on_the_ground_and_are_mostly_air(shape: int) -> None:
    parts = trees.bare(shape).parts
    middle = parts.shape[1] // 2
    assert parts[0, middle] and parts[: parts.shape[0] // 4].any(0).mean() < 0.15  # the trunk alone
    assert 0.05 < (parts > 0).mean() < 0.25 and parts[parts.shape[0] * 3 // 4 :].any()


@pytest.mark.parametrize("condition", [NIGHT, WET_NIGHT, RAIN, SUMMER, WINTER])
def test_labels_are_those_of_the_picture(condition: Condition) -> None:
    """Where labels change, the picture has edges, and they are gone when shifted."""
    ratios = []
    for index in INDICES:
        labels, photo = row(index, condition)["labels"].astype(int), row(index, condition)["target"].astype(float)
        change = labels[:, 1:] != labels[:, :-1]
        gradient = np.abs(np.diff(photo, axis=1)).sum(-1)
        elsewhere = gradient[~change].mean()
        ratios.append((gradient[change].mean() / elsewhere, gradient[np.roll(change, 4, axis=1)].mean() / elsewhere))
    edges, moved = np.mean(ratios, axis=0)
    assert edges > 1.8 and moved < 0.75 * edges


def test_nights_are_dark_with_bright_lamps() -> None:
    days = [row(index, AS_DRAWN)["target"].mean() for index in INDICES]
    nights = [row(index, NIGHT)["target"] for index in INDICES]
    for day, dark in zip(days, nights, strict=True):
        assert 20 < dark.mean() < 0.8 * day
    assert np.mean([(dark.max(-1) > 220).mean() > 0.001 for dark in nights]) > 0.7
    assert max((dark.max(-1) > 220).mean() for dark in nights) < 0.1


def test_the_ground_is_brightest_below_a_street_lamp() -> None:
    checked = 0
    for index in range(40):
        scene, _ = under(draw_scene(SEED, index), NIGHT)
        lights = replace(lamps.lamps(scene), driving=())
        if not lights.streetlights:
            continue
        lamp = lights.streetlights[0]
        alone = replace(lights, streetlights=(lamp,))
        canvas = paint(scene, SMALL)
        road = next(gathered for gathered in gather(scene, canvas) if gathered.material is Material.ROAD)
        without = lamps.irradiance(replace(alone, streetlights=()), scene, canvas, road)
        light = lamps.irradiance(alone, scene, canvas, road) - without
        away = np.hypot(road.samples.x - lamp.x, road.samples.z - lamp.z)
        order = np.argsort(away)
        assert (np.diff(light[1][order]) <= 1e-4).all() and (light >= -1e-6).all()
        checked += 1
    assert checked > 10


def test_parked_vehicles_are_dark() -> None:
    for index in range(40):
        scene = draw_scene(SEED, index)
        for actor in lamps.lamps(scene).driving:
            assert (
                scene.road.left + 1.5 < actor.x < scene.road.right - 1.5
                or actor.label
                in (
                    Label.BICYCLE,
                    Label.MOTORCYCLE,
                )
                or actor.heading.value in ("left", "right")
            )


def test_glare_spreads_evenly_around_what_is_bright() -> None:
    dark = np.full((3, 32, 64), 0.5, np.float32)
    np.testing.assert_array_equal(night.bloom(dark), dark)
    dark[:, 16, 32] = 4
    added = night.bloom(dark) - dark
    np.testing.assert_allclose(added[:, 1:], added[:, :0:-1], atol=1e-6)
    np.testing.assert_allclose(added[:, :, 1:], added[:, :, :0:-1], atol=1e-6)
    assert added[0, 16, 34] > 0 and added[0, 16, 34] > added[0, 16, 36] >= 0 and added[0, 0, 0] == 0


def test_wet_ground_mirrors_and_the_rest_does_not() -> None:
    scene = draw_scene(SEED, 8)
    canvas = paint(scene, SMALL)
    even = np.full((3, *canvas.surface.shape), 0.3, np.float32)
    np.testing.assert_allclose(rain.mirror(even, scene, canvas, 1.0), even, atol=1e-6)
    kinds = np.array([surface.material for surface in canvas.surfaces])[canvas.surface]
    ground = np.isin(kinds, (Material.ROAD, Material.PAVING, Material.GRASS))
    above = np.where(ground, np.float32(0), np.float32(1))[None].repeat(3, 0)
    mirrored = rain.mirror(above, scene, canvas, 1.0)
    np.testing.assert_array_equal(mirrored[:, ~ground], above[:, ~ground])
    np.testing.assert_array_equal(mirrored[:, kinds == Material.GRASS], above[:, kinds == Material.GRASS])
    far, near = (mirrored[0][(kinds == Material.ROAD) & depths].mean() for depths in _depths(canvas))
    assert far > 2 * near > 0


def _depths(canvas: Canvas) -> tuple[np.ndarray, np.ndarray]:
    return canvas.depth > 30, canvas.depth < 8


@pytest.mark.parametrize("fall", [rain.streaks, rain.flakes])
def test_what_falls_is_brighter_than_the_dark(fall) -> None:  # type: ignore[no-untyped-def]
    scene, dark = draw_scene(SEED, 3), np.zeros((3, 64, 128), np.float32)
    np.testing.assert_array_equal(fall(dark, scene, 0.0), dark)
    few, many = ((fall(dark, scene, density) > 0.02).mean() for density in (0.3, 1.0))
    assert 0 < 1.5 * few < many < 0.6


def test_snow_is_white_and_summer_is_green() -> None:
    snowy, lawn = [], []
    for index in INDICES:
        for condition, found in ((WINTER, snowy), (SUMMER, lawn)):
            made = row(index, condition)
            found += made["target"][made["labels"] == Label.TERRAIN].astype(float).tolist()
    white, green = np.array(snowy), np.array(lawn)
    assert np.ptp(white.mean(0)) < 20 and white.mean() > 1.2 * green.mean()
    assert (green[:, 1] > green[:, 0]).mean() > 0.95 and (green[:, 1] > green[:, 2]).mean() > 0.95


def test_roads_in_winter_are_ploughed() -> None:
    bright = {Label.ROAD: [0.0], Label.SIDEWALK: [0.0]}
    for index in INDICES:
        made = row(index, WINTER)
        for label, found in bright.items():
            found += made["target"][made["labels"] == label].mean(1).tolist()
    assert np.mean(bright[Label.ROAD]) < 0.85 * np.mean(bright[Label.SIDEWALK])


def test_pictures_under_conditions_keep_the_sample_on_the_pixels_centre() -> None:
    scene: Scene = under(draw_scene(SEED, 7003), WINTER)[0]
    canvas = paint(scene, SMALL)
    middle = canvas.surface[SAMPLES // 2 :: SAMPLES, SAMPLES // 2 :: SAMPLES]
    labels = np.array([surface.label for surface in canvas.surfaces], np.uint8)[middle]
    np.testing.assert_array_equal(labels, row(7003, WINTER)["labels"])
