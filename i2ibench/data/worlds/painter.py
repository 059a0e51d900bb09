"""Paints a street scene onto a canvas, far to near: ground, buildings, gardens, barriers, then the street's things."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import sqrt

import numpy as np

from i2ibench.data.worlds import figures, vehicles
from i2ibench.data.worlds.canvas import FAR, Canvas, Material, Surface
from i2ibench.data.worlds.noise import Stream
from i2ibench.data.worlds.scene import RGB, VEHICLES, Actor, Barrier, Building, Heading, Label, Post, Scene, Tree
from i2ibench.data.worlds.stencil import Part
from i2ibench.task import Resolution

Normal = tuple[float, float, float]
_UP: Normal = (0.0, 1.0, 0.0)
_NEAR: Normal = (0.0, 0.0, -1.0)
_ROUND: Normal = (0.0, 0.6, -0.8)
"""For flat stand-ins of round things."""
_HOUSE_DEPTH = 11.0
"""Metres from a building's facade to its back."""


def paint(scene: Scene, resolution: Resolution) -> Canvas:
    """Everything in `scene` on a canvas."""
    canvas = Canvas(scene.camera, resolution)
    canvas.add(Surface(Label.SKY, Label.SKY, Material.SKY, _NEAR))
    _ground(canvas, scene)
    _backdrop(canvas, scene)
    for building in sorted(scene.buildings, key=lambda b: -b.z[0]):
        _building(canvas, building)
    for tree in sorted(scene.garden_trees, key=lambda t: -t.z):
        _tree(canvas, tree)
    for barrier in sorted(scene.barriers, key=lambda b: -b.z[0]):
        _barrier(canvas, barrier)
    _standing(canvas, scene)
    return canvas


def _ground(canvas: Canvas, scene: Scene) -> None:
    road, focal = scene.road, scene.camera.focal
    rows = slice(int(np.count_nonzero(canvas.y <= np.float32(scene.camera.height * focal / FAR))), len(canvas.y))
    depth = canvas.ground_depth(rows)
    x = canvas.x[None, :] * (depth * np.float32(1 / focal))[:, None]
    numbers = [
        canvas.add(Surface(label, label, material, _UP))
        for label, material in (
            (Label.TERRAIN, Material.GRASS),
            (Label.SIDEWALK, Material.PAVING),
            (Label.ROAD, Material.ROAD),
        )
    ]
    terrain, sidewalk, carriageway = (np.int32(number) for number in numbers)
    kerbs = np.float32(road.left), np.float32(road.right)
    outer = np.float32(-road.frontage(-1)), np.float32(road.frontage(1))
    verge = np.float32(road.left - road.verge[0]), np.float32(road.right + road.verge[1])
    kind = np.where((x > outer[0]) & (x < outer[1]), sidewalk, terrain)
    kind[((x > verge[0] + np.float32(0.25)) & (x < kerbs[0] - np.float32(0.25)))] = terrain
    kind[((x > kerbs[1] + np.float32(0.25)) & (x < verge[1] - np.float32(0.25)))] = terrain
    if road.crossing:
        near, far = (np.float32(z) for z in road.crossing)
        kind[(depth > near - np.float32(2.5)) & (depth < far + np.float32(2.5))] = sidewalk
        kind[(depth > near) & (depth < far)] = carriageway
    kind[(x > kerbs[0]) & (x < kerbs[1])] = carriageway
    canvas.surface[rows] = kind
    canvas.depth[rows] = depth[:, None]


def _backdrop(canvas: Canvas, scene: Scene) -> None:
    z, backdrop = scene.road.end, scene.backdrop
    rng, reach = Stream(backdrop.key), 0.5 * canvas.aspect + 0.3
    x, stop = -z * reach / scene.camera.focal, z * reach / scene.camera.focal
    while x < stop:
        width = rng.uniform(9, 18)
        if backdrop.trees:
            radius = width * 0.45, backdrop.height * rng.uniform(0.45, 0.8)
            numbers = (*backdrop.colour, x + width / 2, 0.0, *radius, 0.0)
            surface = Surface(Label.VEGETATION, Label.VEGETATION, Material.LEAVES, _ROUND, numbers)
            canvas.crown(canvas.add(surface), z, (x + width / 2, radius[1] * 0.4), radius, rng.integer(0, 1 << 20))
            x += width * 0.55
        else:
            storeys = rng.integer(2, 6)
            colour = rng.choice(((0.5, 0.4, 0.3), (0.32, 0.2, 0.14), (0.45, 0.44, 0.42), (0.6, 0.56, 0.48)))
            building = Building(
                x, (z, z + 1), storeys * 3.0 + 0.8, rng.uniform(2, 3), 3.0, 2.6, (0.45, 0.5), 0.0, 0, colour,
                (0.6, 0.58, 0.55), rng.choice(((0.3, 0.11, 0.06), (0.13, 0.12, 0.13))), rng.integer(0, 1 << 20),
            )  # fmt: skip
            number = canvas.add(_facade(building, (x, x + width), _NEAR, front=False))
            canvas.front(number, z, (x, x + width), (0.0, building.eaves + building.roof))
            x += width


def _building(canvas: Canvas, building: Building) -> None:
    out = 1.0 if building.x > 0 else -1.0
    top, (near, far) = building.eaves + building.roof, building.z
    if near > 1:
        ends = sorted((building.x, building.x + out * _HOUSE_DEPTH))
        number = canvas.add(_facade(building, (ends[0], ends[1]), _NEAR, front=True))
        canvas.front(number, near, (ends[0], ends[1]), (0.0, top), gable=building.roof)
    if building.roof:
        slope = building.roof / (_HOUSE_DEPTH / 2)
        norm = sqrt(1 + slope * slope)
        number = canvas.add(_facade(building, (near, far), (-out * slope / norm, 1 / norm, 0.0), front=False))
        canvas.roof(number, building.x, (near, far), (building.eaves, top), _HOUSE_DEPTH / 2)
    number = canvas.add(_facade(building, (near, far), (-out, 0.0, 0.0), front=False))
    canvas.side(number, building.x, (near, far), (0.0, building.eaves))


def _facade(building: Building, u: tuple[float, float], normal: Normal, *, front: bool) -> Surface:
    numbers = (
        *building.colour, *building.trim, *building.roof_colour, building.storey, building.bay, *building.window,
        building.ground_floor, float(building.material), building.eaves, *u, float(building.key), float(front),
    )  # fmt: skip
    return Surface(Label.BUILDING, Label.BUILDING, Material.FACADE, normal, numbers)


def _barrier(canvas: Canvas, barrier: Barrier) -> None:
    normal = (-1.0 if barrier.x > 0 else 1.0, 0.0, 0.0)
    if barrier.label is Label.VEGETATION:
        middle, half = (barrier.z[0] + barrier.z[1]) / 2, (barrier.z[1] - barrier.z[0]) / 2
        numbers: tuple[float, ...] = (*barrier.colour, middle, barrier.height / 2, half * 4, barrier.height, 1.0)
        surface = Surface(barrier.label, barrier.label, Material.LEAVES, (normal[0] * 0.8, 0.6, 0.0), numbers)
    else:
        material = Material.WALL if barrier.label is Label.WALL else Material.FENCE
        numbers = (*barrier.colour, float(barrier.style), barrier.height, float(barrier.key))
        surface = Surface(barrier.label, barrier.label, material, normal, numbers)
    canvas.side(canvas.add(surface), barrier.x, barrier.z, (0.0, barrier.height))


def _tree(canvas: Canvas, tree: Tree) -> None:
    if tree.z < 3:
        return
    label, (half, tall) = Label.VEGETATION, tree.radius
    if tree.trunk:
        palette = _palette({Part.BARK: tree.bark})
        number = canvas.add(Surface(label, label, Material.PAINT, _ROUND, (), palette))
        width = 0.11 + 0.05 * half
        canvas.front(number, tree.z, (tree.x - width, tree.x + width), (0.0, tree.middle), figures.bark())
    numbers = (*tree.colour, tree.x, tree.middle, half, tall, 0.0)
    number = canvas.add(Surface(label, label, Material.LEAVES, _ROUND, numbers))
    canvas.crown(number, tree.z, (tree.x, tree.middle), tree.radius, tree.key)


def _standing(canvas: Canvas, scene: Scene) -> None:
    """Street trees, posts and actors by depth; instances are numbered per class in the scene's order."""
    counts: dict[Label, int] = {}
    jobs: list[tuple[float, Callable[[], None]]] = []
    jobs += [(tree.z, partial(_tree, canvas, tree)) for tree in scene.street_trees]
    jobs += [(post.z, partial(_post, canvas, post)) for post in scene.posts]
    for actor in scene.actors:
        number = counts[actor.label] = counts.get(actor.label, -1) + 1
        jobs.append((actor.z, partial(_actor, canvas, actor, number)))
    for _, job in sorted(jobs, key=lambda job: -job[0]):  # stable: a rider comes after the vehicle
        job()


def _post(canvas: Canvas, post: Post) -> None:
    z, half = post.z, post.width / 2
    palette = _palette({Part.METAL: post.colour, Part.PLATE: (0.9, 0.88, 0.8)})
    pole = canvas.add(Surface(Label.POLE, Label.POLE, Material.PAINT, _ROUND, (), palette))
    canvas.front(pole, z, (post.x - half, post.x + half), (0.0, post.height), figures.metal())
    end = post.x + post.arm
    if post.arm:
        reach = min(post.x, end), max(post.x, end)
        canvas.front(pole, z, reach, (post.height - 0.16, post.height), figures.metal())
        if post.light is None:
            canvas.front(pole, z, (end - 0.35, end + 0.35), (post.height - 0.24, post.height + 0.02), figures.metal())
    y = post.sign_height, post.sign_height + post.sign_size
    if post.light is not None:
        lit = ((1.6, 0.10, 0.05), (1.6, 0.75, 0.05), (0.10, 1.5, 0.55))
        unlit = ((0.14, 0.02, 0.02), (0.14, 0.08, 0.01), (0.01, 0.11, 0.06))
        lamps = [lit[at] if at == post.light else unlit[at] for at in range(3)]
        palette = _palette(
            {
                Part.RED: lamps[0],
                Part.AMBER: lamps[1],
                Part.GREEN: lamps[2],
                Part.DARK: (0.02, 0.025, 0.025),
                Part.SECOND: (0.42, 0.30, 0.02),
            }
        )
        number = canvas.add(Surface(Label.TRAFFIC_LIGHT, Label.TRAFFIC_LIGHT, Material.PAINT, _NEAR, (), palette))
        width = post.sign_size * 0.42
        canvas.front(number, z, (end - width / 2, end + width / 2), y, figures.traffic_light())
    if post.sign is not None:
        number = canvas.add(Surface(Label.TRAFFIC_SIGN, Label.TRAFFIC_SIGN, Material.PAINT, _NEAR, (), _SIGNS))
        width = post.sign_size / 2
        canvas.front(number, z, (post.x - width, post.x + width), y, figures.sign(post.sign))


def _actor(canvas: Canvas, actor: Actor, instance: int) -> None:
    identity = int(actor.label) * 1000 + instance
    palette = _livery(actor)

    def add(normal: Normal) -> int:
        return canvas.add(Surface(actor.label, identity, Material.PAINT, normal, (), palette))

    across = actor.heading in (Heading.LEFT, Heading.RIGHT)
    flipped = actor.heading is Heading.LEFT
    y = 0.0, actor.height
    box = actor.label in VEHICLES
    if not box or across:
        half = (actor.length if box else actor.width) / 2
        if box:
            stencil = vehicles.side(actor.label, actor.variant)
        elif actor.label is Label.PERSON:
            stencil = figures.person(actor.variant, across)
        elif actor.label is Label.RIDER:
            stencil = figures.rider(actor.variant == 1, across)
        else:
            stencil = figures.two_wheeler(actor.label, across)
        canvas.front(
            add(_NEAR if box else _ROUND), actor.z, (actor.x - half, actor.x + half), y, stencil, flipped=flipped
        )
        return
    x = actor.x - actor.width / 2, actor.x + actor.width / 2
    z = actor.z, actor.z + actor.length
    facing = actor.heading is Heading.TOWARD
    stencil = vehicles.end(actor.label, actor.variant, facing)
    for slice_z in ((z[0] + z[1]) / 2, z[0] + 0.4):  # what shows between the rounded corners of end and side
        canvas.front(add(_NEAR), slice_z, x, y, stencil)
    if x[0] > 0 or x[1] < 0:
        inner = x[0] if x[0] > 0 else x[1]
        profile = vehicles.side(actor.label, actor.variant)
        canvas.side(add((-1.0 if inner > 0 else 1.0, 0.0, 0.0)), inner, z, y, profile, flipped=facing)
    number = add(_NEAR)
    deck = vehicles.DECK.get((actor.label, actor.variant))
    if deck is None:
        canvas.front(number, z[0], x, y, stencil)
        return
    share, rear, front = deck
    back = front if facing else rear
    canvas.front(number, z[0] + back, x, y, stencil, share=(share, 1.0))
    canvas.level(add(_UP), actor.height * share, (x[0] + 0.07, x[1] - 0.07), (z[0], z[0] + back), Part.BODY)
    canvas.front(number, z[0], x, y, stencil, share=(0.0, share))


def _palette(colours: dict[Part, RGB]) -> tuple[RGB, ...]:
    return tuple(colours.get(part, (0.2, 0.2, 0.2)) for part in Part)


_SIGNS = _palette(
    {
        Part.RED: (0.60, 0.02, 0.03), Part.PLATE: (0.82, 0.82, 0.80), Part.BLUE: (0.02, 0.10, 0.50),
        Part.AMBER: (0.80, 0.50, 0.02), Part.DARK: (0.02, 0.02, 0.02),
    }
)  # fmt: skip


def _livery(actor: Actor) -> tuple[RGB, ...]:
    first, second, third = actor.colours
    rng = Stream(actor.key)
    skin = rng.choice(((0.56, 0.36, 0.26), (0.42, 0.25, 0.16), (0.22, 0.12, 0.075), (0.62, 0.42, 0.32)))
    toward = actor.heading is Heading.TOWARD
    return _palette(
        {
            Part.BODY: first, Part.SECOND: second, Part.THIRD: third, Part.GLASS: (0.05, 0.07, 0.09),
            Part.TYRE: (0.018, 0.018, 0.02), Part.METAL: (0.40, 0.41, 0.43), Part.LAMP: (0.62, 0.02, 0.02),
            Part.PLATE: (1.1, 1.08, 0.95) if toward else (0.75, 0.75, 0.70), Part.DARK: (0.035, 0.036, 0.04),
            Part.SKIN: skin, Part.SHOE: rng.choice(((0.04, 0.03, 0.03), (0.5, 0.5, 0.5), (0.12, 0.07, 0.04))),
            Part.RED: (0.5, 0.02, 0.02), Part.AMBER: (1.1, 0.55, 0.05),
        }
    )  # fmt: skip
