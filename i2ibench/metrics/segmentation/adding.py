"""Takes a published segmenter of Cityscapes' classes for a task of the same classes."""

from __future__ import annotations

import hashlib
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from i2ibench.data.rows import Split, is_made, load, split_folder
from i2ibench.errors import BenchError, nearest
from i2ibench.metrics.segmentation.card import Ceiling, Found, SegmenterCard
from i2ibench.metrics.segmentation.checkpoints import FORMATS, Checkpoint, read_checkpoint
from i2ibench.metrics.segmentation.reals import CEILING, ceiling_of, read_reals
from i2ibench.metrics.segmentation.segmenter import SHIPPED, encode, file_stem, read, trained_folder
from i2ibench.progress import Progress, Silent
from i2ibench.store import read_record, write_record, written
from i2ibench.task import Resolution, Task
from i2ibench.tasks.labels import CITYSCAPES
from i2ibench.weights import TIMEOUT

CITYSCAPES_SIZE = Resolution(1024, 2048)
VALIDATION = 500
"""Pictures of Cityscapes' official validation, on which published figures were taken at `CITYSCAPES_SIZE`."""
SEMSEG = 0.9597, 0.7730
"""Pixel accuracy and mIoU of semseg's PSPNet50 there, single scale (its README; "ground truth" in Full-Glow)."""


def add(
    task: Task,
    source: str,
    *,
    form: str | None = None,
    size: Resolution | None = None,
    figures: tuple[float, float] | None = None,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> SegmenterCard:
    """Make the checkpoint at `source`, a file or an address, the segmenter of `task`, and return its card.

    `size` stands in for the 1024x2048 to which pictures are brought. `figures` are the published pixel accuracy and
    mIoU on the official validation at 1024x2048, if the file is not semseg's own PSPNet50. Wherever the task's test
    pictures were prepared, what the network finds in the first `CEILING` is measured now, elsewhere at the first
    scoring. Raises `BenchError` on a task of other classes and on a file that is no such checkpoint.
    """
    if task.labels is None or task.labels.names != CITYSCAPES.names:
        has = "no label maps" if task.labels is None else f"the {len(task.labels)} classes of {task.labels.name!r}"
        raise BenchError(
            f"task {task.id} has {has}, and published segmenters know the 19 of Cityscapes by train id: train one of "
            f"its own with `i2ibench segmenter train {task.name}`"
        )
    if task.segmenter:
        raise BenchError(f"task {task.id} is read by the segmenter of {task.segmenter}: add it there")
    if (SHIPPED / f"{file_stem(task)}.json").exists():
        raise BenchError(
            f"i2ibench brings the segmenter of {task.id} along, and it goes first so that everybody's scores share a "
            "protocol: published ones are for other tasks, say cityscapes-label2photo"
        )
    if form is not None and form not in FORMATS:
        raise BenchError(f"there is no format {form!r} of segmenters: {nearest(form, FORMATS)}")
    progress = progress or Silent()
    with _at_hand(source, progress) as file:
        checkpoint = read_checkpoint(file, Path(source).name if Path(source).exists() else source, form)
    _require_classes(checkpoint)

    content = encode(checkpoint.network, torch.float32)
    feeding = checkpoint.feeding if size is None else checkpoint.feeding.model_copy(update={"size": size})
    card = SegmenterCard(
        task=task.id,
        resolutions=task.resolutions,
        label_table=task.labels.name,
        classes=task.labels.names,
        architecture=checkpoint.architecture,
        resize=feeding.resize,
        feeding=feeding,
        origin=checkpoint.file,
        weights_sha256=hashlib.sha256(content).hexdigest(),
        ceilings=_published(checkpoint, feeding.size, task, figures),
    )
    found = Found(card, (trained_folder() / file_stem(task)).with_suffix(".safetensors"))
    with written(found.weights) as aside:
        aside.write_bytes(content)
    write_record(found.card_file, card)
    for resolution in task.resolutions:
        if card.ceiling(resolution) is None and is_made(split_folder(task, resolution, "test")):
            measured(found, load(task, resolution, "test"), device=device, progress=progress)
    return read_record(found.card_file, SegmenterCard)


def measured(
    found: Found, split: Split, *, device: torch.device | str = "cpu", progress: Progress | None = None
) -> Ceiling:
    """What the segmenter finds in the first `CEILING` real pictures of `split`; put on its card."""
    matrices = read_reals(read(found, device), split, CEILING, progress=progress)
    ceiling = ceiling_of(matrices, split)
    card = read_record(found.card_file, SegmenterCard)
    write_record(found.card_file, card.model_copy(update={"ceilings": (*card.ceilings, ceiling)}))
    return ceiling


def _published(
    checkpoint: Checkpoint, size: Resolution | None, task: Task, figures: Sequence[float] | None
) -> tuple[Ceiling, ...]:
    """What is known of the file at the size that it was published at, if the task has that."""
    full = CITYSCAPES_SIZE
    if figures is None and (checkpoint.file.format, checkpoint.architecture.depth) == ("semseg", 50):
        figures = SEMSEG
    if figures is None or size != full or full not in task.resolutions:
        return ()
    return (Ceiling(resolution=full, n=VALIDATION, pixel_accuracy=figures[0], miou=figures[1]),)


def _require_classes(checkpoint: Checkpoint) -> None:
    known = checkpoint.classes
    count = checkpoint.network.get_parameter("decode_head.conv_seg.weight").shape[0]
    if count != len(CITYSCAPES) or (known is not None and known != CITYSCAPES.names):
        told = "" if known is None else f" ({', '.join(known[:3])}...)"
        raise BenchError(
            f"checkpoint {checkpoint.file.file!r} knows {count} classes{told}, expected the 19 of Cityscapes in the "
            "order of their train ids: take one that was trained on Cityscapes"
        )


@contextmanager
def _at_hand(source: str, progress: Progress) -> Iterator[Path]:
    """The file itself, or what an address gives, for as long as the block lasts."""
    if "://" not in source:
        yield Path(source)
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "checkpoint.pth"
        try:
            with (
                urllib.request.urlopen(source, timeout=TIMEOUT) as answer,
                file.open("wb") as stream,
                progress.track(f"fetch {source}", None, "MB") as advance,
            ):
                while block := answer.read(1 << 20):
                    stream.write(block)
                    advance(len(block) / 1e6)
        except (OSError, ValueError) as error:
            raise BenchError(
                f"checkpoint {source} cannot be fetched ({error}): fetch it on a machine that can, and give the file "
                "with --from"
            ) from error
        yield file
