"""Draws who and what moves on a street: lanes of vehicles, parked ones, riders, people."""

from __future__ import annotations

from dataclasses import replace

from i2ibench.data.worlds.noise import Stream
from i2ibench.data.worlds.scene import LANE, RGB, Actor, Heading, Label, Road

_PAINT: tuple[RGB, ...] = (
    (0.62, 0.62, 0.62), (0.03, 0.03, 0.035), (0.28, 0.29, 0.30), (0.14, 0.15, 0.16), (0.45, 0.03, 0.03),
    (0.04, 0.09, 0.32), (0.75, 0.75, 0.74), (0.08, 0.18, 0.13), (0.34, 0.25, 0.16), (0.10, 0.28, 0.50),
    (0.62, 0.36, 0.04),
)  # fmt: skip
_CARGO: tuple[RGB, ...] = (
    (0.74, 0.74, 0.72),
    (0.60, 0.62, 0.66),
    (0.08, 0.20, 0.45),
    (0.50, 0.10, 0.07),
    (0.55, 0.50, 0.36),
)
_BUSES: tuple[RGB, ...] = (
    (0.55, 0.04, 0.04),
    (0.72, 0.42, 0.03),
    (0.05, 0.25, 0.50),
    (0.10, 0.36, 0.16),
    (0.70, 0.68, 0.62),
)
_TRAMS: tuple[RGB, ...] = ((0.62, 0.50, 0.02), (0.60, 0.05, 0.05), (0.06, 0.30, 0.16), (0.10, 0.22, 0.50))
_CLOTHES: tuple[RGB, ...] = (
    (0.05, 0.05, 0.06), (0.07, 0.09, 0.18), (0.40, 0.06, 0.06), (0.60, 0.58, 0.55), (0.08, 0.22, 0.40),
    (0.55, 0.40, 0.06), (0.12, 0.26, 0.14), (0.30, 0.12, 0.26), (0.32, 0.27, 0.20), (0.62, 0.24, 0.04),
)  # fmt: skip
_HAIR: tuple[RGB, ...] = ((0.02, 0.015, 0.01), (0.09, 0.05, 0.025), (0.30, 0.20, 0.09), (0.30, 0.30, 0.30))

_SIZES: dict[Label, tuple[tuple[float, float, float], ...]] = {
    Label.CAR: ((1.82, 1.46, 4.5), (1.78, 1.50, 4.0), (1.9, 1.72, 4.6), (1.92, 1.95, 4.9)),
    Label.TRUCK: ((2.45, 3.3, 8.2), (2.3, 2.8, 6.4)),
    Label.BUS: ((2.55, 3.1, 11.5),),
    Label.TRAIN: ((2.5, 3.5, 24.0),),
}
"""Width, height and length of each variant."""


def draw_actors(rng: Stream, road: Road) -> tuple[Actor, ...]:
    """Everything that stands or moves on `road`, riders right after their vehicles."""
    actors: list[Actor] = []
    _lane(actors, rng, 0.0, Heading.AWAY, rng.uniform(8, 17), road)
    if road.rails is not None:
        near = rng.uniform(9, 20)
        actors.append(draw_vehicle(rng, Label.TRAIN, road.rails, near, rng.choice((Heading.AWAY, Heading.TOWARD))))
    else:
        _lane(actors, rng, -LANE, Heading.TOWARD, rng.uniform(8, 16), road)
    if road.lanes == 2:
        _lane(actors, rng, -2 * LANE, Heading.TOWARD, rng.uniform(9, 18), road)
    if road.crossing and rng.chance(0.45):
        actors = [actor for actor in actors if not _overlaps(actor, road.crossing)]
        label = rng.weighted(((Label.CAR, 4.0), (Label.BUS, 1.5), (Label.TRUCK, 2.0), (Label.TRAIN, 0.7)))
        heading = rng.choice((Heading.LEFT, Heading.RIGHT))
        z = road.crossing[0] + (2.2 if heading is Heading.LEFT else 5.6)
        actors.append(draw_vehicle(rng, label, rng.uniform(-7, 5), z, heading))
    _parked(actors, rng, road)
    _cyclists(actors, rng, road)
    _people(actors, rng, road)
    return tuple(actors)


def _lane(actors: list[Actor], rng: Stream, x: float, heading: Heading, near: float, road: Road) -> None:
    """Up to three vehicles one after the other."""
    kinds = ((Label.CAR, 6.5), (Label.TRUCK, 2.0), (Label.BUS, 1.8), (Label.MOTORCYCLE, 2.0), (Label.BICYCLE, 0.7))
    for _ in range(rng.weighted(((0, 1.2), (1, 2.5), (2, 2.0), (3, 1.0)))):
        label = rng.weighted(kinds)
        if near > min(road.end - 15, 60):
            return
        if label in (Label.MOTORCYCLE, Label.BICYCLE):
            _ridden(actors, rng, label, x + rng.uniform(-0.6, 0.9), near * 0.8, heading)
            near += 6
        else:
            actors.append(draw_vehicle(rng, label, x + rng.uniform(-0.2, 0.2), near, heading))
            near += actors[-1].length + rng.uniform(4, 14)


def _parked(actors: list[Actor], rng: Stream, road: Road) -> None:
    for side, kerb, parking in ((-1, road.left, road.parking[0]), (1, road.right, road.parking[1])):
        if not parking or rng.chance(0.2):
            continue
        near = rng.uniform(5.5, 12)
        while near < min(road.end - 10, 50):
            blocked = road.crossing and near + 6 > road.crossing[0] - 5 and near < road.crossing[1] + 3
            if not blocked and rng.chance(0.7):
                label = rng.weighted(((Label.CAR, 9.0), (Label.TRUCK, 1.0), (Label.MOTORCYCLE, 1.2)))
                heading = Heading.AWAY if side > 0 or rng.chance(0.3) else Heading.TOWARD
                if label is Label.MOTORCYCLE:
                    actors.append(_two_wheeler(rng, label, kerb - side * 0.9, near, _sideways(rng)))
                else:
                    actors.append(draw_vehicle(rng, label, kerb - side * 1.12, near, heading))
                actors[-1] = replace(actors[-1], parked=True)
            near += rng.uniform(5.6, 8.5)


def _cyclists(actors: list[Actor], rng: Stream, road: Road) -> None:
    """Cyclists near the kerb, motorcycles and bicycles standing on the sidewalk."""
    for side, kerb, parking in ((-1, road.left, road.parking[0]), (1, road.right, road.parking[1])):
        heading = Heading.AWAY if side > 0 else Heading.TOWARD
        if rng.chance(0.28):
            beside = 2.5 if parking else 0.7
            _ridden(
                actors, rng, Label.BICYCLE, kerb - side * (beside + rng.uniform(0, 0.4)), rng.uniform(6, 15), heading
            )
        if rng.chance(0.22):
            label = Label.BICYCLE if rng.chance(0.6) else Label.MOTORCYCLE
            z = road.crosswalk + 1.5 if road.crosswalk else rng.uniform(7, 15)
            _ridden(actors, rng, label, rng.uniform(road.left + 1, road.right - 1), z, _sideways(rng))
        for label, probability in ((Label.BICYCLE, 0.35), (Label.MOTORCYCLE, 0.2)):
            if rng.chance(probability):
                z = rng.uniform(6, 15)
                for _ in range(rng.integer(1, 3)):
                    x = kerb + side * rng.uniform(0.9, 1.9)
                    actors.append(replace(_two_wheeler(rng, label, x, z, _sideways(rng)), parked=True))
                    z += rng.uniform(1.2, 2.5)


def _people(actors: list[Actor], rng: Stream, road: Road) -> None:
    for at, (side, kerb) in enumerate(((-1, road.left), (1, road.right))):
        inner, outer = kerb + side * (road.verge[at] + 0.5), side * (road.frontage(side) - 0.4)
        for _ in range(rng.weighted(((0, 1.0), (1, 2.0), (2, 2.0), (4, 1.0)))):
            z = rng.uniform(7, 30)
            actors.append(draw_person(rng, inner + (outer - inner) * rng.uniform(), z))
            if rng.chance(0.3):
                actors.append(draw_person(rng, actors[-1].x + rng.uniform(0.55, 0.8), z + rng.uniform(-0.4, 0.4)))
    if road.crosswalk is not None:
        for _ in range(rng.integer(0, 3)):
            actors.append(draw_person(rng, rng.uniform(road.left, road.right), road.crosswalk + rng.uniform(0.3, 2.7)))


def draw_vehicle(rng: Stream, label: Label, x: float, z: float, heading: Heading) -> Actor:
    """A car, truck, bus or tram with its near end at Z = `z`."""
    variant = rng.integer(0, len(_SIZES[label]) - 1)
    width, height, length = _SIZES[label][variant]
    size = rng.uniform(0.95, 1.05)
    paint = {Label.TRUCK: _PAINT, Label.BUS: _BUSES, Label.TRAIN: _TRAMS}.get(label, _PAINT)
    second = rng.choice(_CARGO) if label is Label.TRUCK else (0.72, 0.72, 0.70)
    colours = (rng.choice(paint), second, rng.choice(_PAINT))
    return Actor(label, x, z, heading, width, height * size, length, variant, colours, rng.integer(0, 1 << 20))


def _two_wheeler(rng: Stream, label: Label, x: float, z: float, heading: Heading) -> Actor:
    across = heading in (Heading.LEFT, Heading.RIGHT)
    length = 1.8 if label is Label.BICYCLE else 2.1
    width, height = length if across else 0.75, 1.1 if label is Label.BICYCLE else 1.25
    colours = (rng.choice(_PAINT), rng.choice(_CLOTHES), rng.choice(_PAINT))
    return Actor(label, x, z, heading, width, height, 0.5 if across else length, 0, colours, rng.integer(0, 1 << 20))


def _ridden(actors: list[Actor], rng: Stream, label: Label, x: float, z: float, heading: Heading) -> None:
    """A bicycle or motorcycle and its rider."""
    vehicle = _two_wheeler(rng, label, x, z, heading)
    motor = label is Label.MOTORCYCLE
    colours = (rng.choice(_CLOTHES), rng.choice(_CLOTHES), rng.choice(_PAINT if motor else _HAIR))
    actors.append(vehicle)
    actors.append(
        Actor(Label.RIDER, x, z, heading, vehicle.width, 1.75, vehicle.length, int(motor), colours, vehicle.key)
    )


def draw_person(rng: Stream, x: float, z: float) -> Actor:
    """Someone on foot, facing anywhere."""
    height = rng.uniform(1.1, 1.4) if rng.chance(0.12) else rng.uniform(1.58, 1.92)
    heading = rng.choice((Heading.AWAY, Heading.TOWARD, Heading.LEFT, Heading.RIGHT))
    colours = (rng.choice(_CLOTHES), rng.choice(_CLOTHES), rng.choice(_HAIR))
    return Actor(
        Label.PERSON, x, z, heading, height * 0.46, height, 0.4, rng.integer(0, 2), colours, rng.integer(0, 1 << 20)
    )


def _overlaps(actor: Actor, z: tuple[float, float]) -> bool:
    return actor.z < z[1] and actor.z + actor.length > z[0]


def _sideways(rng: Stream) -> Heading:
    return rng.choice((Heading.LEFT, Heading.RIGHT))
