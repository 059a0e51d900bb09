"""The test that a segmenter passes before its scores are trusted: it reads real pictures as well as its card says.

Wrong weights, another preprocessing or other pictures than those of the card show in what it finds in real ones. A
test that was passed is remembered in the cache for as long as weights, pictures and libraries stay the same.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path

import torch

from i2ibench.cache import cache_folder
from i2ibench.data.rows import Split, load
from i2ibench.errors import BenchError
from i2ibench.metrics.segmentation import segmenter
from i2ibench.metrics.segmentation.adding import measured
from i2ibench.metrics.segmentation.card import Ceiling, Found
from i2ibench.metrics.segmentation.reals import ceiling_of, read_reals
from i2ibench.provenance import libraries
from i2ibench.store import write_record
from i2ibench.task import Resolution, Task

TOLERANCE = 0.005
"""By which pixel accuracy and mIoU may differ from the card's."""
VERSION = 1
"""Raised when the test itself changes."""


_READ: dict[Path, Ceiling] = {}
"""What was found in this process, by where a pass is remembered: whether a metric can be had is asked several times."""


def failing(found: Found, task: Task, resolution: Resolution, device: torch.device | str = "cpu") -> str | None:
    """Why the segmenter of `task`, whose own it is, cannot be trusted at `resolution`; None where it can.

    Where its card states nothing for these pictures, what it finds in them is measured and put on the card.
    """
    try:
        split = load(task, resolution, "test")
    except (BenchError, ImportError) as error:
        return (
            f"the segmenter of {task.id} must read real test pictures at {resolution} before it is trusted, and they "
            f"are not at hand: {error}"
        )
    try:
        segmenter.verify(found)
        stated = found.card.ceiling(resolution)
        if stated is None:
            stated = measured(found, split, device=device)
            _READ[_file(found, stated, split, device)] = stated
        file = _file(found, stated, split, device)
        if file.exists():
            return None
        if file not in _READ:
            matrices = read_reals(segmenter.read(found, device), split, stated.n)
            _READ[file] = ceiling_of(matrices, split)
    except BenchError as error:
        return str(error)
    read = _READ[file]
    if max(abs(read.pixel_accuracy - stated.pixel_accuracy), abs(read.miou - stated.miou)) > TOLERANCE:
        return _told(found, stated, read)
    # a cache that cannot be written costs the test's time again, not the score
    with suppress(BenchError):
        write_record(file, read)
    return None


def _file(found: Found, stated: Ceiling, split: Split, device: torch.device | str) -> Path:
    """Where a passed test is remembered."""
    versions = libraries()
    key = {
        "version": VERSION,
        "weights": found.card.weights_sha256,
        "architecture": found.card.architecture.model_dump(mode="json"),
        "feeding": found.card.feeding.model_dump(mode="json"),
        "stated": stated.model_dump(mode="json"),
        "pictures": split.fingerprint,
        "device": torch.device(device).type,
        "libraries": {name: versions.get(name) for name in ("torch", "onedl-mmsegmentation", "mmsegmentation")},
    }
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    return cache_folder() / "segmenters" / "passed" / f"{digest}.json"


def _told(found: Found, stated: Ceiling, read: Ceiling) -> str:
    others = stated.fingerprint is not None and stated.fingerprint != read.fingerprint
    task, published = found.card.task.partition("@")[0], stated.fingerprint is None and found.card.origin is not None
    return (
        f"the segmenter of {found.card.task} cannot be trusted: in the first {stated.n} real test pictures at "
        f"{stated.resolution} it must find pixel accuracy {stated.pixel_accuracy:.4f} and mIoU {stated.miou:.4f}, as "
        f"{'published' if published else 'its card says'}, and it finds {read.pixel_accuracy:.4f} and {read.miou:.4f} "
        f"in {read.n} (at most {TOLERANCE:g} apart): "
        + ("these are other pictures than the card's, " if others else "these are the wrong weights for the card, ")
        + "or they are prepared or normalised otherwise. "
        + (f"Prepare the data of {task} again as the card's were, or " if others else "")
        + segmenter.again(found)
    )
