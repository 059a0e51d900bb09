"""Scoring a folder of any method's translations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from i2ibench import registry
from i2ibench.progress import Progress
from i2ibench.record import Result
from i2ibench.store import RunFolder, write_record, written

if TYPE_CHECKING:
    import torch

    from i2ibench.distributed import Ranks


def score_folder(
    task: str,
    folder: Path,
    *,
    name: str,
    resolution: str | None,
    metrics: Sequence[str] | None,
    reference: str = "test",
    samples: Path | None = None,
    out: Path,
    device: torch.device,
    limit: int | None,
    progress: Progress,
    ranks: Ranks | None = None,
) -> Result:
    """Score a folder of PNG translations of `task`'s test split, and keep the scores under `out`.

    Sets of pictures are compared with the real targets of the split `reference`. `samples` holds further samples of the
    sources in folders `01`, `02`...; `ranks` share the work.

    Raises `BenchError` on missing or extra pictures, lossy files, other sizes and whatever else `evaluate` refuses.
    """
    from i2ibench import provenance
    from i2ibench.data import rows
    from i2ibench.metrics.evaluate import evaluate
    from i2ibench.training.precision import device_name

    card = registry.task(task)
    size = card.resolution(resolution)
    split, reals = (rows.load(card, size, part, progress=progress) for part in ("test", reference))
    scored = evaluate(
        folder,
        split,
        metrics or list(card.metrics),
        device=device,
        reference=None if reference == split.name else reals,
        samples=samples,
        limit=limit,
        progress=progress,
        ranks=ranks,
    )
    result = Result(
        method=name,
        task=card.id,
        resolution=size,
        quick=limit is not None,
        scores=scored.scores,
        provenance=provenance.collect(device_name(device), {part.name: part.fingerprint for part in (split, reals)}),
    )
    quick = "" if limit is None else f"-first{limit}"
    against = "" if reference == split.name else f"-against-{reference}"
    kept = RunFolder(out / f"{card.id}-{size}--{name}{quick}{against}")
    with written(kept.per_picture) as aside:
        scored.per_picture.to_parquet(aside)
    write_record(kept.scores, result)
    return result
