"""Sequences of generated streets: label map, instances, photo and exact optical flow of every frame.

A sequence is a function of (seed, index); index and split belong together: train is 30000 to 30079, val 31000 to 31007,
test 31100 to 31115. Each has 16 frames, 8 a second.
"""

from __future__ import annotations

from collections.abc import Iterator

from i2ibench.data.labels import painted
from i2ibench.data.rows import Row
from i2ibench.data.worlds.flow import backward_flow
from i2ibench.data.worlds.motion import draw_frame
from i2ibench.data.worlds.occupancy import FRAMES
from i2ibench.data.worlds.painter import paint
from i2ibench.data.worlds.photo import photograph
from i2ibench.data.worlds.streets import SEED
from i2ibench.task import Resolution
from i2ibench.tasks.labels import CITYSCAPES

SPLITS = {"train": range(30000, 30080), "val": range(31000, 31008), "test": range(31100, 31116)}


def load(split: str, resolution: Resolution) -> Iterator[Row]:
    """The frames of the sequences of `split`, in order."""
    for index in SPLITS[split]:
        yield from render(SEED, index, resolution)


def render(seed: int, index: int, resolution: Resolution, frames: range = range(FRAMES)) -> Iterator[Row]:
    """Frames of one sequence.

    Each has name, source, target, labels, instances (the same number for the same object in all frames), sequence,
    frame and flow.
    """
    before = paint(draw_frame(seed, index, frames[0] - 1), resolution) if frames[0] else None
    for frame in frames:
        scene = draw_frame(seed, index, frame)
        canvas = paint(scene, resolution)
        labels = canvas.labels()
        yield Row(
            name=f"streets-{index:06d}-f{frame:02d}",
            source=painted(labels, CITYSCAPES.palette),
            target=photograph(scene, canvas),
            labels=labels,
            instances=canvas.instances(),
            sequence=f"streets-{index:06d}",
            frame=frame,
            flow=backward_flow(canvas, before),
        )
        before = canvas
