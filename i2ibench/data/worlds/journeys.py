"""Decides who goes where in a street scene that moves, so that nobody drives through anybody.

Everyone wants to go their way at their speed and has second thoughts: slower, braking, standing. In a fixed order each
takes the first of these that touches nothing decided before, at any time; who has none stays away. The camera's car is
one of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum

from i2ibench.data.worlds.noise import Stream
from i2ibench.data.worlds.occupancy import Footprint, Journey, Occupancy
from i2ibench.data.worlds.scene import LANE, VEHICLES, Actor, Heading, Label, Road, Scene
from i2ibench.data.worlds.traffic import draw_person, draw_vehicle

CAMERA = Actor(Label.CAR, 0.0, -3.0, Heading.AWAY, 2.3, 1.5, 5.5, 0, ((0.0, 0.0, 0.0),) * 3, 0)
"""The car that carries the camera, in no picture, when it starts."""

_GAP = 1.2
"""Metres that drivers leave before and behind them."""
_SIDEWAYS = (Heading.LEFT, Heading.RIGHT)
_NEVER = 1e6

Party = tuple[Actor, ...]
"""Who shares a journey: one actor, or a two-wheeler and its rider."""


@dataclass(frozen=True)
class Journeys:
    """Who takes part, each with their journey. Riders come right after their vehicles and share their journeys."""

    camera: Journey
    actors: tuple[tuple[Actor, Journey], ...]
    lights: tuple[tuple[float, int], ...]
    """From when on the traffic lights show which state, in order of time."""

    def light(self, time: float) -> int:
        """State of the traffic lights: 0 red, 1 amber, 2 green."""
        return [state for since, state in self.lights if since <= time][-1]


class _Role(IntEnum):
    """What a party does, in the order in which they decide."""

    PARKED = 0
    CROSS_TRAFFIC = 1
    CROSSING = 2
    """On foot or on two wheels over the carriageway."""
    DRIVING = 3
    RIDING = 4
    CAMERA = 5
    """The camera's car, which at a red light may stand from the beginning."""
    WALKING = 6


def draw_journeys(scene: Scene) -> Journeys:
    """The journeys of the camera, of everyone in `scene`, and of some who come up behind them."""
    rng, road = Stream(scene.key, 34), scene.road
    parties = _parties(scene.actors)
    parties += _latecomers(Stream(scene.key, 35), road, parties)
    parties = [_turned(rng, road, party) for party in parties]
    roles = [_role(road, party[0]) for party in parties]
    if _state(scene) and _Role.CROSS_TRAFFIC not in roles:  # drivers have green or amber, so nobody crosses
        parties = [party for party, role in zip(parties, roles, strict=True) if role is not _Role.CROSSING]
        roles = [role for role in roles if role is not _Role.CROSSING]
    lights, opens = _lights(rng, scene, _Role.CROSS_TRAFFIC in roles or _Role.CROSSING in roles)
    pace = rng.uniform(3.0, 9.5)
    parties.append((CAMERA,))
    roles.append(_Role.CAMERA)

    occupancy = Occupancy(_obstacles(scene))
    _stop_lines(occupancy, road, opens)
    decided: dict[int, Journey | None] = {}
    for at in sorted(range(len(parties)), key=lambda at: (roles[at], _turn(parties[at][0]))):
        actor, role = parties[at][0], roles[at]
        wishes = _wishes(Stream(scene.key, 36, at), actor, role, pace, opens)
        gap = _GAP if role in (_Role.CROSS_TRAFFIC, _Role.DRIVING, _Role.CAMERA) else 0.05
        drives = role in (_Role.DRIVING, _Role.RIDING, _Role.CAMERA)
        decided[at] = occupancy.first(actor.footprint(), wishes, gap, drives=drives)
    camera = decided.pop(len(parties) - 1) or Journey(Heading.AWAY)
    together = ((actor, journey) for at, journey in sorted(decided.items()) if journey for actor in parties[at])
    return Journeys(camera, tuple(together), lights)


def _parties(actors: tuple[Actor, ...]) -> list[Party]:
    parties: list[Party] = []
    for actor in actors:
        if actor.label is Label.RIDER:
            parties[-1] = (*parties[-1], actor)
        else:
            parties.append((actor,))
    return parties


def _latecomers(rng: Stream, road: Road, parties: list[Party]) -> list[Party]:
    """More traffic from afar and from the sides, and more people, for a street that the camera drives along."""
    drawn: list[Actor] = []
    kinds = ((Label.CAR, 7.0), (Label.TRUCK, 1.5), (Label.BUS, 1.0))
    for x in ((-LANE,) if road.rails is None else ()) + ((-2 * LANE,) if road.lanes == 2 else ()):
        for _ in range(rng.integer(1, 3)):
            z = rng.uniform(22, min(road.end - 15, 80))
            drawn.append(draw_vehicle(rng, rng.weighted(kinds), x + rng.uniform(-0.2, 0.2), z, Heading.TOWARD))
    if rng.chance(0.5):
        z = rng.uniform(25, min(road.end - 15, 60))
        drawn.append(draw_vehicle(rng, rng.weighted(kinds), rng.uniform(-0.2, 0.2), z, Heading.AWAY))
    if road.crossing and any(party[0].label in VEHICLES and party[0].heading in _SIDEWAYS for party in parties):
        for _ in range(rng.integer(0, 2)):
            heading = rng.choice(_SIDEWAYS)
            left = heading is Heading.LEFT
            z = road.crossing[0] + (2.2 if left else 5.6)
            x = rng.uniform(9, 26) if left else rng.uniform(-26, -9)
            drawn.append(draw_vehicle(rng, rng.weighted(kinds), x, z, heading))
    for _ in range(rng.integer(1, 6)):
        side = rng.choice((-1, 1))
        inner, outer = _walkway(road, side)
        drawn.append(draw_person(rng, inner + (outer - inner) * rng.uniform(), rng.uniform(6, 42)))
    return [(actor,) for actor in drawn]


def _walkway(road: Road, side: int) -> tuple[float, float]:
    kerb = road.right if side > 0 else -road.left
    return side * (kerb + road.verge[side > 0] + 0.5), side * (road.frontage(side) - 0.4)


def _turned(rng: Stream, road: Road, party: Party) -> Party:
    """People on the carriageway face across it, most of those beside it along it."""
    person = party[0]
    if person.label is not Label.PERSON:
        return party
    if _role(road, person) is _Role.CROSSING:
        return (replace(person, heading=rng.choice(_SIDEWAYS)),)
    if person.heading in _SIDEWAYS and rng.chance(0.8):
        return (replace(person, heading=rng.choice((Heading.AWAY, Heading.TOWARD))),)
    return party


def _role(road: Road, actor: Actor) -> _Role:
    if actor.parked:
        return _Role.PARKED
    if actor.label in VEHICLES:
        return _Role.CROSS_TRAFFIC if actor.heading in _SIDEWAYS else _Role.DRIVING
    if actor.label is Label.PERSON:
        return _Role.CROSSING if road.left < actor.x < road.right else _Role.WALKING
    return _Role.CROSSING if actor.heading in _SIDEWAYS else _Role.RIDING


def _turn(actor: Actor) -> float:
    """Who drives ahead decides first."""
    return -actor.z if actor.heading is Heading.AWAY else actor.z


def _wishes(rng: Stream, actor: Actor, role: _Role, pace: float, opens: float) -> Iterator[Journey]:
    heading = actor.heading
    if role is _Role.CAMERA:
        if opens == 0 or rng.chance(0.82):
            yield from _drive(heading, min(pace * rng.uniform(0.8, 1.15), 10.0), opens)
    elif role is _Role.DRIVING:
        yield from _drive(heading, pace * rng.uniform(0.85, 1.15), opens)
    elif role is _Role.CROSS_TRAFFIC:
        yield from _drive(heading, rng.uniform(4, 9), 0.0)
    elif role is _Role.RIDING and actor.label is Label.MOTORCYCLE:
        yield from _drive(heading, pace * rng.uniform(0.9, 1.3), opens)
    elif role in (_Role.RIDING, _Role.CROSSING) and actor.label is not Label.PERSON:
        yield from _drive(heading, rng.uniform(2.5, 5.5), opens)
    elif role is _Role.CROSSING or (role is _Role.WALKING and rng.chance(0.85)):
        speed = rng.uniform(1.0, 1.7)
        yield from (Journey(heading, speed * share) for share in (1.0, 0.75, 0.5))
    yield Journey(heading)


def _drive(heading: Heading, speed: float, opens: float) -> Iterator[Journey]:
    """At `speed`, or slower and slower; from standing once the light turns green."""
    for share, brakes in ((1.0, (0.0,)), (0.85, (0.0,)), (1.0, (1.5, 3.0)), (0.7, (0.0, 3.0)), (0.5, (0.0, 2.0, 3.5))):
        for brake in brakes:
            yield Journey(heading, speed * share, -brake)
    yield from (Journey(heading, speed * 0.3, -brake) for brake in (0.0, 1.0, 2.5))
    if 0 < opens < _NEVER:
        yield Journey(heading, 0.0, 1.8, opens + 0.2)
    yield Journey(heading, speed * 0.15, -0.6)
    yield Journey(heading)


def _lights(rng: Stream, scene: Scene, closed: bool) -> tuple[tuple[tuple[float, int], ...], float]:
    """What the lights show over time, and from when on they let drivers pass."""
    state, switch = _state(scene), rng.uniform(0.3, 1.6)
    if closed:
        return ((0.0, 0),), _NEVER
    if state == 0:
        return ((0.0, 0), (switch, 2)), switch
    if state == 1:
        return ((0.0, 1), (switch, 0)), _NEVER
    return ((0.0, 2), (switch, 1)) if state and rng.chance(0.6) else ((0.0, 2),), 0.0


def _state(scene: Scene) -> int | None:
    """What the traffic lights show at the beginning, if there are any."""
    return next((post.light for post in scene.posts if post.light is not None), None)


def _stop_lines(occupancy: Occupancy, road: Road, opens: float) -> None:
    """Where drivers wait: before the zebra crossing or the crossing street, on their own side."""
    if road.crosswalk is not None:
        near, far = road.crosswalk - 1.5, road.crosswalk + 3.5
    elif road.crossing:
        near = far = road.crossing[0] - 2.0
    else:
        return
    far = road.crossing[1] + 2.5 if road.crossing else far
    occupancy.stop_line((-LANE / 2, road.right), (near, near + 0.2), opens)
    occupancy.stop_line((road.left, -LANE / 2), (far - 0.2, far), opens)


def _obstacles(scene: Scene) -> Iterator[Footprint]:
    """What stands: fronts of buildings, barriers, trunks, poles, and the end of the street."""
    for building in scene.buildings:
        yield (min(building.x, building.x * 3), max(building.x, building.x * 3)), building.z
    for barrier in scene.barriers:
        yield (barrier.x - 0.1, barrier.x + 0.1), barrier.z
    for tree in scene.street_trees:
        yield (tree.x - 0.15, tree.x + 0.15), (tree.z - 0.1, tree.z + 0.1)
    for post in scene.posts:
        yield (post.x - 0.1, post.x + 0.1), (post.z - 0.1, post.z + 0.1)
    yield (-200.0, 200.0), (scene.road.end - 1, scene.road.end + 1)
