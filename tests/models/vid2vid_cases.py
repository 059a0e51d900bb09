"""Small vid2vids and sequences for their tests."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from i2ibench.models.layers.boundaries import boundaries
from i2ibench.models.layers.semantics import one_hot
from i2ibench.models.method import Batch, Update
from i2ibench.models.vid2vid import Vid2Vid, Vid2VidConfig

CLASSES = 3
SMALL: dict[str, Any] = {
    "ngf": 4,
    "halvings": 1,
    "blocks": 2,
    "norm": "instance",
    "ndf": 2,
    "n_layers": 2,
    "scales_temporal": 1,
    "first": "generated",
    "foreground": (),
    "perceptual": "none",
    "still_ngf": 4,
    "still_halvings": 1,
    "still_blocks": 1,
    "frames_start": 4,
    "frames_max": 4,
}


def build(**settings: Any) -> Vid2Vid:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Vid2Vid(Vid2VidConfig(**{**SMALL, **settings}), CLASSES)


def sequence(frames: int, pictures: int = 1, side: int = 16) -> list[Batch]:
    """A texture that slides by a pixel a frame, its labels too, with its exact flow."""
    stream = torch.Generator().manual_seed(1)
    coarse = torch.rand(pictures, 3, 4, 4, generator=stream) * 1.6 - 0.8
    texture = F.interpolate(coarse, (side, side + frames), mode="bilinear")
    found = []
    for number in range(frames):
        target = texture[..., frames - number : frames - number + side].contiguous()
        labels = (target.mean(1) * 4).round().long().remainder(CLASSES)
        flow = torch.zeros(pictures, 2, side, side)
        flow[:, 0] = -1
        flow[:, :, :, 0] = float("nan")
        names = tuple(f"{i}-{number}" for i in range(pictures))
        found.append(Batch(names, -target, target, labels=labels, instances=labels + 1, flow=flow))
    return found


def example(frames: int, pictures: int = 1, side: int = 16) -> Batch:
    *earlier, last = sequence(frames, pictures, side)
    return dataclasses.replace(last, frames=tuple(earlier))


def perform(method: Vid2Vid, batch: Batch, fraction: float = 0.0) -> Iterator[Update]:
    """The least loop: zero, backward, step; yields each update after its step."""
    optimizers = method.optimizers()
    method.fraction = fraction
    for update in method.updates(batch, 0):
        assert isinstance(update, Update)
        optimizers[update.optimizer].zero_grad()
        update.loss.backward()
        optimizers[update.optimizer].step()
        yield update


def encoded(frame: Batch) -> Tensor:
    assert frame.labels is not None
    assert frame.instances is not None
    return torch.cat([one_hot(frame.labels, CLASSES), boundaries(frame.instances)], 1)


def target_of(frame: Batch) -> Tensor:
    assert frame.target is not None
    return frame.target
