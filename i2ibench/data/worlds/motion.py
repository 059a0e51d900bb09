"""Street scenes that move: frame k of a sequence, with the camera driving and the street's traffic under way.

A frame is a function of (seed, index, frame) alone. The street is the one that `layout` draws for (seed, index), seen
from its near end on; `journeys` decides who goes where.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from i2ibench.data.worlds.journeys import Journeys, draw_journeys
from i2ibench.data.worlds.layout import draw_scene
from i2ibench.data.worlds.noise import key_hash
from i2ibench.data.worlds.occupancy import RATE
from i2ibench.data.worlds.scene import Actor, Post, Scene, Tree

_ROUGHNESS, _BUMP = 0.02, 1.3
"""How far the road lifts the camera up and down, and how far apart its bumps are, in metres."""
_SWAY, _BEND = 0.12, 7.0
"""How far the camera strays to either side, and over which distance."""
_CLEARANCE = 2.0
"""Metres beside the middle of the camera's lane that the crowns of trees leave free."""


def draw_frame(seed: int, index: int, frame: int) -> Scene:
    """Frame `frame` of sequence `index`, at `RATE` frames a second. Things keep their places in the scene's tuples."""
    scene, journeys = _start(seed, index)
    time = frame / RATE
    along = journeys.camera.distance(time)
    camera = replace(
        scene.camera,
        height=scene.camera.height + _ROUGHNESS * _undulation(scene.key, 31, along / _BUMP),
        x=_SWAY * (_undulation(scene.key, 32, along / _BEND) - _undulation(scene.key, 32, 0.0)),
        z=along,
    )
    return replace(
        scene,
        camera=camera,
        posts=tuple(_switched(post, journeys, time) for post in scene.posts),
        actors=tuple(_moved(actor, journey.moved(time)) for actor, journey in journeys.actors),
        frame=frame,
    )


@lru_cache(maxsize=4)
def _start(seed: int, index: int) -> tuple[Scene, Journeys]:
    scene = draw_scene(seed, index)
    scene = replace(scene, street_trees=tuple(_pruned(tree) for tree in scene.street_trees))
    return scene, draw_journeys(scene)


def _pruned(tree: Tree) -> Tree:
    """A crown is a flat stand-in: the camera must not pass through one."""
    free = (abs(tree.x) - _CLEARANCE) / 1.25
    if tree.radius[0] <= free:
        return tree
    return replace(tree, radius=(free, tree.radius[1] * free / tree.radius[0]))


def _moved(actor: Actor, moved: tuple[float, float]) -> Actor:
    return replace(actor, x=actor.x + moved[0], z=actor.z + moved[1], moved=moved)


def _switched(post: Post, journeys: Journeys, time: float) -> Post:
    return post if post.light is None else replace(post, light=journeys.light(time))


def _undulation(key: int, purpose: int, place: float) -> float:
    """A smooth random function of `place`, at least 0, with values in [-1, 1)."""
    knot = int(place)
    part = place - knot
    before, after = ((key_hash(key, purpose, knot + at) >> 40) / 8388608.0 - 1 for at in (0, 1))
    return before + (after - before) * (part * part * (3 - 2 * part))
