"""Exact optical flow between two frames of a moving street scene.

What moves is rigid: buildings, ground and posts stand, an actor's surfaces (people and two-wheelers are flat sheets)
move with the actor, and the sky is at infinity, where nothing moves since the camera does not turn. Cast shadows are no
things: the flow under them is the ground's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from i2ibench.data.rows import HIDDEN
from i2ibench.data.worlds.canvas import SAMPLES, Canvas
from i2ibench.data.worlds.scene import Label

UNITS = 64
"""Units of flow to a pixel."""

_NEAREST = 0.05
"""Metres ahead of the camera from which on a point can be seen."""
_SHEET = 0.05
"""Metres by which the depths of one surface that faces the camera may differ."""


def backward_flow(now: Canvas, before: Canvas | None) -> NDArray[np.int16]:
    """Where each pixel's centre was in the frame before, minus where it is: `[H, W, 2]`, x and y in 1/64 pixels.

    A point counts as seen in the frame before if one of the nine samples around its place there, which are a third of a
    pixel apart, shows the same face of the same thing. Else, where it was outside that picture, and where there was no
    frame before, the flow is `HIDDEN`.
    """
    height, width = now.resolution
    if before is None:
        return np.full((height, width, 2), HIDDEN, np.int16)
    middle = slice(SAMPLES // 2, None, SAMPLES)
    surface, depth = now.centres(), now.depth[middle, middle].astype(np.float64)
    x, y = now.x[middle][None, :].astype(np.float64), now.y[middle][:, None].astype(np.float64)
    past_x, past_y, past_depth = _project(now, before, x, y, depth, _steps(now, before)[surface])
    sky = np.array([face.label is Label.SKY for face in now.surfaces])[surface]
    flow_x, flow_y = (np.where(sky, 0.0, (past - at) * height) for past, at in ((past_x, x), (past_y, y)))

    column, row = np.arange(width) + 0.5 + flow_x, np.arange(height)[:, None] + 0.5 + flow_y
    seen = (past_depth > _NEAREST) & (column >= 0) & (column < width) & (row >= 0) & (row < height)
    column, row = np.where(seen, column, 0.0), np.where(seen, row, 0.0)
    identity = _identities(now)[surface]
    sheet = np.array([face.normal[2] < 0 for face in now.surfaces])[surface] & ~sky
    shown = _identities(before)[before.surface]
    matched = np.zeros(seen.shape, bool)
    for down in (-1, 0, 1):
        for across in (-1, 0, 1):
            at = (
                np.clip(np.floor(row * SAMPLES).astype(np.int64) + down, 0, height * SAMPLES - 1),
                np.clip(np.floor(column * SAMPLES).astype(np.int64) + across, 0, width * SAMPLES - 1),
            )
            level = ~sheet | (np.abs(before.depth[at] - past_depth) < _SHEET)
            matched |= (shown[at] == identity) & level
    flow = np.where((seen & matched)[..., None], np.stack([flow_x, flow_y], axis=-1) * UNITS, float(HIDDEN))
    exact: NDArray[np.int16] = np.floor(flow + 0.5).astype(np.int16)
    return exact


def _project(
    now: Canvas,
    before: Canvas,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    depth: NDArray[np.float64],
    step: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Place and depth in the frame before of points seen at (x, y), counted from the vanishing point."""
    here, there, focal = now.camera, before.camera, now.camera.focal
    past_depth = depth - step[..., 1] + (here.z - there.z)
    scale = focal / np.where(past_depth > _NEAREST, past_depth, 1.0)
    past_x = (x * depth / focal - step[..., 0] + (here.x - there.x)) * scale
    past_y = (y * depth / focal - (here.height - there.height)) * scale
    return past_x, past_y, past_depth


def _steps(now: Canvas, before: Canvas) -> NDArray[np.float64]:
    """How far each surface of `now` came along X and Z since the frame before, `[surfaces, 2]`."""
    moved = {face.identity: face.moved for face in before.surfaces}
    steps = [
        (face.moved[0] - then[0], face.moved[1] - then[1])
        for face, then in ((face, moved.get(face.identity, face.moved)) for face in now.surfaces)
    ]
    return np.array(steps, np.float64)


def _identities(canvas: Canvas) -> NDArray[np.int64]:
    return np.array([face.identity for face in canvas.surfaces], np.int64)
