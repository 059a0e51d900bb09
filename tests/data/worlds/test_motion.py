from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from i2ibench.data.worlds import motion, video
from i2ibench.data.worlds.journeys import CAMERA, draw_journeys
from i2ibench.data.worlds.layout import draw_scene
from i2ibench.data.worlds.occupancy import FRAMES, RATE, Footprint, Journey, Occupancy
from i2ibench.data.worlds.painter import paint
from i2ibench.data.worlds.scene import VEHICLES, Heading, Label, Scene
from i2ibench.task import Resolution

SEED = video.SEED
INDICES = range(30000, 30024)


def frames(index: int) -> list[Scene]:
    return [motion.draw_frame(SEED, index, frame) for frame in range(FRAMES)]


def overlap(one: Footprint, other: Footprint) -> bool:
    return all(a[0] < b[1] and b[0] < a[1] for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("index", INDICES)
def test_nobody_drives_through_anybody(index: int) -> None:
    for scene in frames(index):
        camera = (scene.camera.x - 0.9, scene.camera.x + 0.9), (scene.camera.z - 2.5, scene.camera.z + 2.5)
        taken = [actor.footprint() for actor in scene.actors if actor.label is not Label.RIDER]
        assert not any(overlap(one, other) for one, other in combinations([camera, *taken], 2))


@pytest.mark.parametrize("index", INDICES)
def test_nobody_walks_into_a_wall_or_drives_out_of_the_street(index: int) -> None:
    last = frames(index)[-1]
    for actor in last.actors:
        x, z = actor.footprint()
        assert z[1] < last.road.end
        for building in last.buildings:
            inner = min(building.x, building.x * 2), max(building.x, building.x * 2)
            assert not overlap((x, z), (inner, building.z))


def test_riders_stay_on_their_vehicles() -> None:
    riders = 0
    for index in INDICES:
        actors = motion.draw_frame(SEED, index, 11).actors
        for vehicle, rider in pairwise(actors):
            if rider.label is Label.RIDER:
                riders += 1
                assert vehicle.label in (Label.BICYCLE, Label.MOTORCYCLE)
                assert (vehicle.x, vehicle.z, vehicle.moved) == (rider.x, rider.z, rider.moved)
    assert riders > 10


def test_things_keep_their_places_and_numbers() -> None:
    for index in INDICES[:4]:
        first, *others = frames(index)
        owners = {s.instance: s.identity >> 3 for s in paint(first, Resolution(16, 32)).surfaces if s.instance > 999}
        for scene in others:
            assert [(actor.label, actor.key) for actor in scene.actors] == [(a.label, a.key) for a in first.actors]
            for surface in paint(scene, Resolution(16, 32)).surfaces:
                assert surface.instance < 1000 or owners[surface.instance] == surface.identity >> 3


def test_nothing_comes_from_nowhere() -> None:
    """The surfaces of a frame are among those of the frame before: things leave past the camera and none comes in."""
    for index in INDICES[:6]:
        painted = [{s.identity for s in paint(scene, Resolution(16, 32)).surfaces} for scene in frames(index)]
        assert all(now <= before for before, now in pairwise(painted))
        assert len(painted[0]) > len(painted[-1]) or motion.draw_frame(SEED, index, 15).camera.z < 5


def test_actors_move_in_the_direction_they_face() -> None:
    moving = dict[Label, int]()
    for index in INDICES:
        for actor in motion.draw_frame(SEED, index, FRAMES - 1).actors:
            x, z = actor.moved
            assert not actor.parked or (x, z) == (0, 0)
            along, across = {
                Heading.AWAY: (z, x), Heading.TOWARD: (-z, x), Heading.RIGHT: (x, z), Heading.LEFT: (-x, z),
            }[actor.heading]  # fmt: skip
            assert across == 0 and along >= 0
            moving[actor.label] = moving.get(actor.label, 0) + (along > 0.5)
    for label in (Label.PERSON, Label.RIDER, Label.CAR, Label.TRUCK, Label.BUS, Label.MOTORCYCLE, Label.BICYCLE):
        assert moving[label] > 3


def test_the_camera_drives_forward_at_many_speeds() -> None:
    speeds = []
    for index in range(30000, 30080):
        camera = draw_journeys(draw_scene(SEED, index)).camera
        places = [camera.distance(frame / RATE) for frame in range(FRAMES)]
        assert all(0 <= later - earlier < 11 / RATE for earlier, later in pairwise(places))
        speeds.append(places[-1] * RATE / (FRAMES - 1))
    assert min(speeds) == 0 and max(speeds) > 8 and 3 < float(np.median(speeds)) < 7
    assert 0.03 < np.mean(np.array(speeds) == 0) < 0.25


def test_lights_are_red_for_who_must_wait_and_some_switch() -> None:
    switched = 0
    for index in INDICES:
        states = [[post.light for post in scene.posts if post.light is not None] for scene in frames(index)]
        switched += states[0] != states[-1]
        actors = motion.draw_frame(SEED, index, 0).actors
        if any(actor.label in VEHICLES and actor.heading in (Heading.LEFT, Heading.RIGHT) for actor in actors):
            assert all(state == 0 for at in states for state in at)
    assert switched > 1


def test_a_frame_does_not_depend_on_what_was_drawn_before() -> None:
    frame = motion.draw_frame(SEED, 30002, 9)
    motion._start.cache_clear()
    motion.draw_frame(SEED, 30003, 2)
    assert motion.draw_frame(SEED, 30002, 9) == frame
    assert motion.draw_frame(SEED + 1, 30002, 9) != frame


def test_the_camera_does_not_pass_through_a_crown() -> None:
    trees = [tree for index in INDICES for tree in motion.draw_frame(SEED, index, 0).street_trees]
    assert min(abs(tree.x) - tree.radius[0] * 1.25 for tree in trees) > 1.9


@given(st.floats(0, 10), st.floats(-4, 2), st.floats(0, 1), st.floats(0, 4))
def test_journeys_add_up_their_speed(speed: float, change: float, start: float, time: float) -> None:
    steps = np.arange(4000) * (time / 4000) + time / 8000
    speeds = np.where(steps < start, 0, np.maximum(speed + change * (steps - start), 0))
    journey = Journey(Heading.AWAY, speed, change, start)
    assert journey.distance(time) == pytest.approx(speeds.sum() * time / 4000, abs=0.02)


def test_who_comes_second_waits_or_stays_away() -> None:
    occupancy = Occupancy([((-1.0, 1.0), (20.0, 21.0))])
    wishes = (Journey(Heading.AWAY, 10.0), Journey(Heading.AWAY, 4.0), Journey(Heading.AWAY))
    car = (-0.5, 0.5), (0.0, 4.0)
    assert occupancy.first(car, wishes) == wishes[1]  # 18.75 m would end in the obstacle
    assert occupancy.first(((-0.5, 0.5), (-5.0, -1.0)), wishes) == wishes[1]
    assert occupancy.first(((-0.5, 0.5), (3.0, 7.0)), wishes) is None
    occupancy.stop_line((4.0, 6.0), (5.0, 5.2), opens=1.0)
    beside = (4.5, 5.5), (0.0, 4.0)
    assert occupancy.first(beside, wishes, drives=True) == Journey(Heading.AWAY)
    late = (Journey(Heading.AWAY, 4.0, start=1.0),)
    assert occupancy.first(((4.5, 5.5), (4.1, 4.5)), late, drives=True) == late[0]


def test_the_cameras_car_starts_around_the_camera() -> None:
    x, z = CAMERA.footprint()
    assert x[0] < -0.9 and x[1] > 0.9 and z[0] < 0 < z[1]
