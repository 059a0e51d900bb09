"""Pictures of the user's own: translating a folder of them with a trained run, scoring a folder of any method's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from i2ibench import registry
from i2ibench.adapter import config_values
from i2ibench.errors import BenchError, nearest
from i2ibench.progress import Progress
from i2ibench.record import Result
from i2ibench.run import Run
from i2ibench.store import RunFolder, write_record, written

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from i2ibench.distributed import Ranks


_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")


def translate_folder(
    run: Run, pictures: Path, to: Path, overrides: Mapping[str, str], seed: int, exemplar: Path | None = None
) -> int:
    """Translate every picture in `pictures` to a PNG of the same stem in `to`, and return how many there were.

    `overrides` may set config fields that only translation reads. `exemplar` is a picture whose style all translations
    take, or a folder whose pictures they take in turn, for a method that takes one; without it each is drawn from the
    run's training split. Pictures must have the run's resolution.

    Raises `BenchError` on an empty folder, a file that is no picture, another size, other overrides, and an exemplar
    for a method that takes none.
    """
    import torch

    from i2ibench.data.pictures import read_picture, to_tensor
    from i2ibench.models.method import Batch
    from i2ibench.translation import tell_broken, write_pictures

    files = _pictures(_folder(pictures))
    styles = None if exemplar is None else _styles(run, exemplar)
    method = run.method(_translation_config(run, overrides))
    drawn = run.exemplars(seed) if styles is None else None
    broken: list[str] = []

    @lru_cache(maxsize=16)
    def style(file: Path) -> Tensor:
        return to_tensor(read_picture(file, run.spec.resolution)).unsqueeze(0).to(run.device)

    with torch.inference_mode(), run.progress.track(f"translate {pictures.name}", len(files), "pictures") as advance:
        for number, file in enumerate(files):
            source = to_tensor(read_picture(file, run.spec.resolution)).unsqueeze(0).to(run.device)
            batch = Batch(names=(file.stem,), source=source)
            if styles is not None:
                batch = replace(batch, exemplar=style(styles[number % len(styles)]))
            elif drawn is not None:
                batch = replace(batch, exemplar=drawn(batch))
            broken += write_pictures(run.adapter.translate(method, batch, seed=seed), [to / f"{file.stem}.png"])
            advance(1)
    tell_broken(run.progress, broken, len(files))
    return len(files)


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


def _translation_config(run: Run, overrides: Mapping[str, str]) -> dict[str, object]:
    """The run's config with `overrides`, all of them fields that only translation reads."""
    free = [field.name for field in fields(run.adapter.config()) if field.metadata.get("stage") == "translate"]
    for name in overrides:
        if name not in free:
            raise BenchError(
                f"{run.spec.method}: {name!r} is fixed once trained; translation may set "
                f"{', '.join(free) or 'nothing'} ({nearest(name, free)})"
            )
    parsed = config_values(run.adapter.configure(run.spec.preset, overrides))
    return {**run.spec.config, **{name: parsed[name] for name in overrides}}


def _styles(run: Run, exemplar: Path) -> list[Path]:
    """The files of the exemplars that a user gave."""
    if not run.adapter.card.exemplar:
        raise BenchError(f"{run.spec.method} takes no exemplar, so none can be given: leave --exemplar out")
    if not exemplar.exists():
        raise BenchError(f"there is no exemplar {str(exemplar)!r}: give a picture, or a folder of pictures")
    return _pictures(exemplar) if exemplar.is_dir() else [exemplar]


def _pictures(folder: Path) -> list[Path]:
    """The picture files in a folder, by name. Raises `BenchError` where there are none."""
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in _SUFFIXES)
    if not files:
        raise BenchError(f"there are no pictures in {str(folder)!r} (looked for {', '.join(_SUFFIXES)})")
    return files


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise BenchError(f"there is no folder {str(path)!r}")
    return path
