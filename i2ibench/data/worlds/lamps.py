"""The lights of a street at night: street lamps, headlights, signals, lit windows, and the light they throw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from i2ibench.data.worlds.canvas import Canvas, Material
from i2ibench.data.worlds.materials import windows
from i2ibench.data.worlds.noise import Floats, Stream, hash_uniform, lookup
from i2ibench.data.worlds.sampling import Gathered, instances
from i2ibench.data.worlds.scene import RGB, VEHICLES, Actor, Heading, Label, Scene
from i2ibench.data.worlds.shade import F, Samples
from i2ibench.data.worlds.stencil import Part

_HEADLIGHT: RGB = (1.0, 0.95, 0.84)
_TAIL: RGB = (2.2, 0.10, 0.06)
_WARM, _COOL = (1.0, 0.66, 0.30), (0.80, 0.92, 1.0)
_STREETLIGHTS: tuple[RGB, ...] = ((1.0, 0.60, 0.24), (1.0, 0.74, 0.42), (1.0, 0.92, 0.78))


@dataclass(frozen=True)
class Streetlight:
    """A lamp at the end of a post's arm."""

    x: float
    y: float
    z: float


@dataclass(frozen=True)
class Lamps:
    """All lights of a scene."""

    streetlights: tuple[Streetlight, ...]
    colour: RGB
    """Of street lamps."""
    driving: tuple[Actor, ...]
    """Vehicles with their lights on."""
    windows: float
    """Share of the windows that are lit."""
    shops: float
    """Share of the shops that are."""


def lamps(scene: Scene) -> Lamps:
    """The lights of `scene`: whatever is parked is dark."""
    rng = Stream(scene.key, 41)
    arms = (post for post in scene.posts if post.arm and post.light is None)
    return Lamps(
        streetlights=tuple(Streetlight(post.x + post.arm, post.height - 0.2, post.z) for post in arms),
        colour=rng.choice(_STREETLIGHTS),
        driving=tuple(actor for actor in scene.actors if _driving(scene, actor)),
        windows=rng.uniform(0.15, 0.5),
        shops=rng.uniform(0.5, 1.0),
    )


def irradiance(lights: Lamps, scene: Scene, canvas: Canvas, gathered: Gathered) -> Floats:
    """What all lamps throw on the samples, `[3, N]`: street lamps, headlights, those of the camera's own car."""
    s = gathered.samples
    normals = np.array([surface.normal for surface in canvas.surfaces], np.float32).T[:, s.surface]
    soft = gathered.material in (Material.LEAVES, Material.PAINT)
    floor, slope = (F(0.35), F(0.65)) if soft else (F(0.0), F(1.0))  # round things catch light from the side
    street, white = np.zeros(s.x.shape, np.float32), np.zeros(s.x.shape, np.float32)
    for lamp in lights.streetlights:
        dx, dy, dz = F(lamp.x) - s.x, F(lamp.y) - s.y, F(lamp.z) - s.z
        square = dx * dx + dy * dy + dz * dz + F(5)
        inverse = F(1) / np.sqrt(square)
        facing = floor + slope * np.clip((dx * normals[0] + dy * normals[1] + dz * normals[2]) * inverse, F(0), F(1))
        shade = np.clip(dy * inverse * F(1.7) - F(0.1), F(0), F(1))  # the fixture sends its light downward
        street += F(44) * facing * shade / square
    for actor in lights.driving:
        if actor.heading in (Heading.AWAY, Heading.TOWARD) and actor.z - scene.camera.z < 70:
            toward = actor.heading is Heading.TOWARD
            nose = actor.z if toward else actor.z + actor.length
            white += _beam(s, normals, actor.x, nose, -1.0 if toward else 1.0) * F(0.55)
    white += _beam(s, normals, scene.camera.x, scene.camera.z, 1.0)
    return np.stack([street * F(lights.colour[c]) + white * F(_HEADLIGHT[c]) for c in range(3)])


def emission(lights: Lamps, scene: Scene, canvas: Canvas, gathered: Gathered) -> Floats | None:
    """The light that the samples give themselves, `[3, N]`, or None."""
    if gathered.material is Material.FACADE:
        return _windows(lights, scene, gathered.samples)
    if gathered.material is Material.PAINT:
        return _painted(lights, scene, canvas, gathered.samples)
    return None


def _driving(scene: Scene, actor: Actor) -> bool:
    if actor.label in (Label.PERSON, Label.RIDER):
        return False
    if actor.label in (Label.MOTORCYCLE, Label.BICYCLE):
        return any(other.label is Label.RIDER and other.key == actor.key for other in scene.actors)
    if actor.heading in (Heading.LEFT, Heading.RIGHT):
        return True
    return actor.x - scene.road.left > 1.55 and scene.road.right - actor.x > 1.55


def _beam(s: Samples, normals: Floats, x: float, z: float, ahead: float) -> Floats:
    """Two dipped headlights at (x, z) that shine along Z in the direction `ahead`; what is above them gets little."""
    forward = (s.z - F(z)) * F(ahead)
    reach = np.maximum(forward, F(1.5))
    aside = (s.x - F(x)) / reach
    rise = (s.y - F(0.7)) / reach
    wide = F(1) / (F(1) + aside * aside * F(14))
    low = F(1) / (F(1) + np.maximum(rise + F(0.01), F(0)) * F(45))
    facing = np.maximum(normals[2] * F(-ahead), F(0)) + F(3.2) * np.maximum(normals[1], F(0)) * F(0.7) / reach
    facing += F(0.25) * np.abs(normals[0])
    strength = F(62) * facing * wide * wide * low / (reach * reach + F(40))
    beam: Floats = np.where(forward > F(0.2), strength, F(0))
    return beam


def _windows(lights: Lamps, scene: Scene, s: Samples) -> Floats:
    """Rooms behind some windows, warm or cool, and shop windows with their goods before a lit wall."""
    w, key = windows(s, scene), s.numbers[18]
    number = (w.column + F(4096)).astype(np.int64) * 64
    storey = np.floor((s.y - s.numbers[13]) / s.numbers[9]).astype(np.int64) + 8
    storey = np.where(w.shop, np.int64(1), storey)
    draw = hash_uniform((scene.key >> 3) & 0xFFFFFF, number + storey, key.astype(np.int64))
    tint = hash_uniform((scene.key >> 5) & 0xFFFFFF, number + storey, key.astype(np.int64))
    lit = w.pane & (draw < np.where(w.shop, F(lights.shops), F(lights.windows)))
    inside = F(0.75) + F(0.5) * lookup("cloud", s.u * F(60) + key, s.y * F(60))
    goods = np.where(w.fv < F(-0.05), F(0.35) + lookup("leaf", s.u * F(30), s.y * F(30)), F(1.3))
    inside = inside * np.where(w.shop, goods, F(1))
    bright = np.where(lit, (F(0.28) + F(0.75) * tint) * np.maximum(inside, F(0.1)), F(0))
    cool = tint * F(7) - np.floor(tint * F(7)) > F(0.78)
    return np.stack([bright * np.where(cool, F(_COOL[c]), F(_WARM[c])) for c in range(3)])


def _painted(lights: Lamps, scene: Scene, canvas: Canvas, s: Samples) -> Floats:
    """Headlights, tail lights, lit coaches, signals, and the street lamps themselves."""
    parts = len(Part)
    table = np.zeros((3, len(canvas.surfaces) * parts), np.float32)
    driving = {id(actor) for actor in lights.driving}
    actors = instances(scene)
    for number, surface in enumerate(canvas.surfaces):
        if surface.material is not Material.PAINT:
            continue
        actor = actors.get(surface.instance)
        glow: dict[Part, RGB] = {}
        if actor is not None and id(actor) in driving:
            glow = _lights(actor, side=surface.normal[0] != 0)
        elif surface.label is Label.TRAFFIC_LIGHT:
            for part in (Part.RED, Part.AMBER, Part.GREEN):
                red, green, blue = surface.palette[part]
                if max(red, green, blue) > 1:
                    glow[part] = red * 2.6, green * 2.6, blue * 2.6
        for part, shine in glow.items():
            table[:, number * parts + part] = shine
    colour: Floats = table[:, s.surface * parts + s.part]
    plates = (s.part == Part.PLATE) & (s.y < F(0.61))  # number plates share the headlights' part
    colour *= np.where(plates, F(0), F(1))
    fixture = np.zeros(s.x.shape, bool)
    poles = np.array([surface.label is Label.POLE for surface in canvas.surfaces])[s.surface]
    for lamp in lights.streetlights:
        near = (np.abs(s.x - F(lamp.x)) < F(0.37)) & (np.abs(s.z - F(lamp.z)) < F(0.1))
        fixture |= poles & near & (s.y < F(lamp.y + 0.13)) & (s.y > F(lamp.y - 0.06))
    for channel in range(3):
        colour[channel] += np.where(fixture, F(7 * lights.colour[channel]), F(0))
    return colour


def _lights(actor: Actor, *, side: bool) -> dict[Part, RGB]:
    """What glows on a driving vehicle, by part."""
    white = _HEADLIGHT[0] * 6.0, _HEADLIGHT[1] * 6.0, _HEADLIGHT[2] * 6.0
    glow: dict[Part, RGB] = {Part.LAMP: _TAIL}
    across = actor.heading in (Heading.LEFT, Heading.RIGHT)
    if actor.label not in VEHICLES and actor.heading is Heading.TOWARD:
        glow[Part.LAMP] = white
    doors = actor.label is Label.TRAIN and (side or across)  # doors share the headlights' part as well
    if actor.heading is not Heading.AWAY and not doors:
        glow[Part.PLATE] = white
    if actor.label in (Label.BUS, Label.TRAIN):
        glow[Part.GLASS] = (0.42, 0.36, 0.24)
        glow[Part.AMBER] = (1.5, 0.75, 0.08)
    return glow
