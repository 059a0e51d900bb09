"""Paints a street scene onto a canvas, far to near: ground, buildings, gardens, barriers, then the street's things."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from functools import partial
from math import sqrt

import numpy as np

from i2ibench.data.worlds import figures, trees, vehicles
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


class _Kind(IntEnum):
    """Where a surface's thing stands in the scene, for its identity."""

    SKY = 0
    GROUND = 1
    BACKDROP = 2
    BUILDING = 3
    BARRIER = 4
    GARDEN_TREE = 5
    STREET_TREE = 6
    POST = 7
    ACTOR = 8

    def face(self, number: int, face: int = 0) -> int:
        """The identity of a face, below 8, of the thing with this number in the scene."""
        return (self * 4096 + number) * 8 + face


def paint(scene: Scene, resolution: Resolution) -> Canvas:
    """Everything in `scene` on a canvas.

    In a frame of a sequence what is nearest to the camera hides the rest. A scene on its own is painted by the order
    below alone, which lets some things on a crossing street cover the corner that should hide them.
    """
    moving = scene.frame is not None
    canvas = Canvas(scene.camera, resolution, nearest=moving)
    canvas.add(Surface(Label.SKY, Label.SKY, Material.SKY, _NEAR, identity=_Kind.SKY.face(0)))
    _ground(canvas, scene)
    _backdrop(canvas, scene)
    for number, building in sorted(enumerate(scene.buildings), key=lambda item: -item[1].z[0]):
        _building(canvas, building, number)
    for number, tree in sorted(enumerate(scene.garden_trees), key=lambda item: -item[1].z):
        _tree(canvas, tree, _Kind.GARDEN_TREE.face(number), moving)
    for number, barrier in sorted(enumerate(scene.barriers), key=lambda item: -item[1].z[0]):
        _barrier(canvas, barrier, _Kind.BARRIER.face(number))
    _standing(canvas, scene, moving)
    return canvas


def _ground(canvas: Canvas, scene: Scene) -> None:
    road, focal = scene.road, scene.camera.focal
    rows = slice(int(np.count_nonzero(canvas.y <= np.float32(scene.camera.height * focal / FAR))), len(canvas.y))
    x, z = canvas.ground(rows, slice(None))
    numbers = [
        canvas.add(Surface(label, label, material, _UP, identity=_Kind.GROUND.face(0, face)))
        for face, (label, material) in enumerate(
            ((Label.TERRAIN, Material.GRASS), (Label.SIDEWALK, Material.PAVING), (Label.ROAD, Material.ROAD))
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
        kind[(z > near - np.float32(2.5)) & (z < far + np.float32(2.5))] = sidewalk
        kind[(z > near) & (z < far)] = carriageway
    kind[(x > kerbs[0]) & (x < kerbs[1])] = carriageway
    canvas.surface[rows] = kind
    canvas.depth[rows] = canvas.level_depth(rows)[:, None]


def _backdrop(canvas: Canvas, scene: Scene) -> None:
    z, backdrop = scene.road.end, scene.backdrop
    rng, reach = Stream(backdrop.key), 0.5 * canvas.aspect + 0.3
    x, stop = -z * reach / scene.camera.focal, z * reach / scene.camera.focal
    number = -1
    while x < stop:
        width, number = rng.uniform(9, 18), number + 1
        identity = _Kind.BACKDROP.face(number)
        if backdrop.trees:
            radius = width * 0.45, backdrop.height * rng.uniform(0.45, 0.8)
            numbers = (*backdrop.colour, x + width / 2, 0.0, *radius, 0.0)
            surface = Surface(Label.VEGETATION, Label.VEGETATION, Material.LEAVES, _ROUND, numbers, (), identity)
            canvas.crown(canvas.add(surface), z, (x + width / 2, radius[1] * 0.4), radius, rng.integer(0, 1 << 20))
            x += width * 0.55
        else:
            storeys = rng.integer(2, 6)
            colour = rng.choice(((0.5, 0.4, 0.3), (0.32, 0.2, 0.14), (0.45, 0.44, 0.42), (0.6, 0.56, 0.48)))
            building = Building(
                x, (z, z + 1), storeys * 3.0 + 0.8, rng.uniform(2, 3), 3.0, 2.6, (0.45, 0.5), 0.0, 0, colour,
                (0.6, 0.58, 0.55), rng.choice(((0.3, 0.11, 0.06), (0.13, 0.12, 0.13))), rng.integer(0, 1 << 20),
            )  # fmt: skip
            surface = _facade(building, (x, x + width), _NEAR, identity)
            canvas.front(canvas.add(surface), z, (x, x + width), (0.0, building.eaves + building.roof))
            x += width


def _building(canvas: Canvas, building: Building, at: int) -> None:
    out = 1.0 if building.x > 0 else -1.0
    top, (near, far) = building.eaves + building.roof, building.z
    if near - canvas.camera.z > 1:
        ends = sorted((building.x, building.x + out * _HOUSE_DEPTH))
        number = canvas.add(_facade(building, (ends[0], ends[1]), _NEAR, _Kind.BUILDING.face(at), gabled=True))
        canvas.front(number, near, (ends[0], ends[1]), (0.0, top), gable=building.roof)
    if building.roof:
        slope = building.roof / (_HOUSE_DEPTH / 2)
        norm = sqrt(1 + slope * slope)
        tilted = (-out * slope / norm, 1 / norm, 0.0)
        number = canvas.add(_facade(building, (near, far), tilted, _Kind.BUILDING.face(at, 1)))
        canvas.roof(number, building.x, (near, far), (building.eaves, top), _HOUSE_DEPTH / 2)
    number = canvas.add(_facade(building, (near, far), (-out, 0.0, 0.0), _Kind.BUILDING.face(at, 2)))
    canvas.side(number, building.x, (near, far), (0.0, building.eaves))


def _facade(
    building: Building, u: tuple[float, float], normal: Normal, identity: int, *, gabled: bool = False
) -> Surface:
    numbers = (
        *building.colour, *building.trim, *building.roof_colour, building.storey, building.bay, *building.window,
        building.ground_floor, float(building.material), building.eaves, *u, float(building.key), float(gabled),
    )  # fmt: skip
    return Surface(Label.BUILDING, Label.BUILDING, Material.FACADE, normal, numbers, (), identity)


def _barrier(canvas: Canvas, barrier: Barrier, identity: int) -> None:
    normal = (-1.0 if barrier.x > 0 else 1.0, 0.0, 0.0)
    if barrier.label is Label.VEGETATION:
        middle, half = (barrier.z[0] + barrier.z[1]) / 2, (barrier.z[1] - barrier.z[0]) / 2
        numbers: tuple[float, ...] = (*barrier.colour, middle, barrier.height / 2, half * 4, barrier.height, 1.0)
        normal = (normal[0] * 0.8, 0.6, 0.0)
        surface = Surface(barrier.label, barrier.label, Material.LEAVES, normal, numbers, (), identity)
    else:
        material = Material.WALL if barrier.label is Label.WALL else Material.FENCE
        numbers = (*barrier.colour, float(barrier.style), barrier.height, float(barrier.key))
        surface = Surface(barrier.label, barrier.label, material, normal, numbers, (), identity)
    canvas.side(canvas.add(surface), barrier.x, barrier.z, (0.0, barrier.height))


def _tree(canvas: Canvas, tree: Tree, identity: int, moving: bool) -> None:
    if tree.z - canvas.camera.z < (0.8 if moving else 3):
        return
    label, (half, tall) = Label.VEGETATION, tree.radius
    if tree.bare:
        palette, reach = _palette({Part.BARK: tree.bark}), half * 1.1
        number = canvas.add(Surface(label, label, Material.PAINT, _ROUND, (), palette, identity))
        branches, x = trees.bare(tree.key % trees.SHAPES), (tree.x - reach, tree.x + reach)
        flipped = tree.key // trees.SHAPES % 2 == 1
        canvas.front(number, tree.z, x, (0.0, tree.middle + tall * 1.1), branches, flipped=flipped)
        return
    if tree.trunk:
        palette = _palette({Part.BARK: tree.bark})
        number = canvas.add(Surface(label, label, Material.PAINT, _ROUND, (), palette, identity))
        width = 0.11 + 0.05 * half
        canvas.front(number, tree.z, (tree.x - width, tree.x + width), (0.0, tree.middle), figures.bark())
    numbers = (*tree.colour, tree.x, tree.middle, half, tall, 0.0)
    number = canvas.add(Surface(label, label, Material.LEAVES, _ROUND, numbers, (), identity + 1))
    canvas.crown(number, tree.z, (tree.x, tree.middle), tree.radius, tree.key)


def _standing(canvas: Canvas, scene: Scene, moving: bool) -> None:
    """Street trees, posts and actors by depth; instances are numbered per class in the scene's order."""
    counts: dict[Label, int] = {}
    jobs: list[tuple[float, Callable[[], None]]] = []
    for number, tree in enumerate(scene.street_trees):
        jobs.append((tree.z, partial(_tree, canvas, tree, _Kind.STREET_TREE.face(number), moving)))
    for number, post in enumerate(scene.posts):
        jobs.append((post.z, partial(_post, canvas, post, _Kind.POST.face(number))))
    for number, actor in enumerate(scene.actors):
        instance = counts[actor.label] = counts.get(actor.label, -1) + 1
        jobs.append((actor.z, partial(_actor, canvas, actor, instance, _Kind.ACTOR.face(number))))
    for _, job in sorted(jobs, key=lambda job: -job[0]):  # stable: a rider comes after the vehicle
        job()


def _post(canvas: Canvas, post: Post, identity: int) -> None:
    z, half = post.z, post.width / 2
    palette = _palette({Part.METAL: post.colour, Part.PLATE: (0.9, 0.88, 0.8)})
    pole = canvas.add(Surface(Label.POLE, Label.POLE, Material.PAINT, _ROUND, (), palette, identity))
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
        label = Label.TRAFFIC_LIGHT
        number = canvas.add(Surface(label, label, Material.PAINT, _NEAR, (), palette, identity + 1))
        width = post.sign_size * 0.42
        canvas.front(number, z, (end - width / 2, end + width / 2), y, figures.traffic_light())
    if post.sign is not None:
        label = Label.TRAFFIC_SIGN
        number = canvas.add(Surface(label, label, Material.PAINT, _NEAR, (), _SIGNS, identity + 2))
        width = post.sign_size / 2
        canvas.front(number, z, (post.x - width, post.x + width), y, figures.sign(post.sign))


def _actor(canvas: Canvas, actor: Actor, number: int, identity: int) -> None:
    instance = int(actor.label) * 1000 + number
    palette = _livery(actor)

    def add(normal: Normal, face: int) -> int:
        surface = Surface(actor.label, instance, Material.PAINT, normal, (), palette, identity + face, actor.moved)
        return canvas.add(surface)

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
            add(_NEAR if box else _ROUND, 0), actor.z, (actor.x - half, actor.x + half), y, stencil, flipped=flipped
        )
        return
    x = actor.x - actor.width / 2, actor.x + actor.width / 2
    z = actor.z, actor.z + actor.length
    facing = actor.heading is Heading.TOWARD
    stencil = vehicles.end(actor.label, actor.variant, facing)
    for face, slice_z in enumerate(((z[0] + z[1]) / 2, z[0] + 0.4)):  # what shows between rounded corners
        canvas.front(add(_NEAR, face), slice_z, x, y, stencil)
    if x[0] > canvas.camera.x or x[1] < canvas.camera.x:
        right = x[0] > canvas.camera.x
        normal = (-1.0 if right else 1.0, 0.0, 0.0)
        profile = vehicles.side(actor.label, actor.variant)
        canvas.side(add(normal, 2), x[0] if right else x[1], z, y, profile, flipped=facing)
    end = add(_NEAR, 3)
    deck = vehicles.DECK.get((actor.label, actor.variant))
    if deck is None:
        canvas.front(end, z[0], x, y, stencil)
        return
    share, rear, front = deck
    back = front if facing else rear
    canvas.front(end, z[0] + back, x, y, stencil, share=(share, 1.0))
    canvas.level(add(_UP, 4), actor.height * share, (x[0] + 0.07, x[1] - 0.07), (z[0], z[0] + back), Part.BODY)
    canvas.front(end, z[0], x, y, stencil, share=(0.0, share))


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
