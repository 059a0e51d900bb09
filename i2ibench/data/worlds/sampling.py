"""Hands a canvas to shaders: the samples of each material with all that they read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from i2ibench.data.worlds.canvas import SAMPLES, Canvas, Material
from i2ibench.data.worlds.scene import Actor, Label, Scene
from i2ibench.data.worlds.shade import Samples
from i2ibench.data.worlds.stencil import Part


class Gathered(NamedTuple):
    """The samples of one material."""

    material: Material
    where: NDArray[np.intp]
    """Which samples, counted row by row, `[N]`."""
    samples: Samples


def instances(scene: Scene) -> dict[int, Actor]:
    """The actors by the instance id that they are painted with: numbered per class in the scene's order."""
    found, counts = dict[int, Actor](), dict[Label, int]()
    for actor in scene.actors:
        counts[actor.label] = counts.get(actor.label, -1) + 1
        found[int(actor.label) * 1000 + counts[actor.label]] = actor
    return found


def gather(scene: Scene, canvas: Canvas, *, centres: bool = False) -> Iterator[Gathered]:
    """Every material that is seen, with its samples; the sky has none of its own and is left out.

    With `centres`, the samples are the pixels' centres alone.
    """
    step = slice(SAMPLES // 2, None, SAMPLES) if centres else slice(None)
    surfaces, number = canvas.surfaces, canvas.surface[step, step].ravel()
    kinds = np.array([surface.material for surface in surfaces], np.uint8)[number]
    width = max(len(surface.numbers) for surface in surfaces)
    numbers = np.array(
        [surface.numbers + (0.0,) * (width - len(surface.numbers)) for surface in surfaces], np.float32
    ).T
    along = np.array([surface.normal[0] != 0 for surface in surfaces])
    blank = ((0.0, 0.0, 0.0),) * len(Part)
    palette = np.array([surface.palette or blank for surface in surfaces], np.float32).reshape(-1, 3).T.copy()
    x, y, z = (plane[step, step].ravel() for plane in canvas.world())
    depth, part = canvas.depth[step, step].ravel(), canvas.part[step, step].ravel()
    moved_x, moved_z = np.array([surface.moved for surface in surfaces], np.float32).T
    dirt = np.arange(len(surfaces), dtype=np.int32)
    if scene.frame is not None:
        dirt = np.array([surface.identity & 511 for surface in surfaces], np.int32)
    for material in Material:
        where = np.flatnonzero(kinds == material)
        if not where.size or material is Material.SKY:
            continue
        surface = number[where]
        samples = Samples(
            x=x[where], y=y[where], z=z[where], depth=depth[where],
            u=np.where(along[surface], z[where] - moved_z[surface], x[where] - moved_x[surface]),
            numbers=numbers[:, surface], part=part[where].astype(np.int32), surface=surface, dirt=dirt[surface],
            palette=palette,
        )  # fmt: skip
        yield Gathered(material, where, samples)
