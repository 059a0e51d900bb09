"""Translating pictures of the user's own with a trained run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from i2ibench.adapter import config_from, config_values
from i2ibench.data.pictures import read_picture, to_tensor
from i2ibench.errors import BenchError, nearest
from i2ibench.models.method import Batch
from i2ibench.run import Run
from i2ibench.task import Need
from i2ibench.translation import tell_broken, write_pictures

if TYPE_CHECKING:
    from i2ibench.models.method import Method

_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")


@dataclass(frozen=True)
class Wishes:
    """What a user may ask of translations."""

    overrides: Mapping[str, str] = field(default_factory=dict)
    """Config fields that only translation reads, say a temperature."""
    seed: int = 0
    samples: int = 1
    """Samples of each picture, of a method that samples."""
    exemplar: Path | None = None
    """A picture whose style all translations take, or a folder whose pictures they take in turn, of a method that
    takes one; without it each is drawn from the run's training split."""
    content: tuple[Path, Path] | None = None
    """A source and its target, whose content is moved to each picture instead of being sampled."""


def translate_folder(run: Run, pictures: Path, to: Path, wishes: Wishes | None = None) -> int:
    """Translate every picture in `pictures`, and return how many there were.

    Each becomes a PNG of the same stem in `to`, its further samples in `to/01`, `to/02`... Pictures must have the
    run's resolution. Raises `BenchError` on an empty folder, a file that is no picture, another size, and wishes that
    the method does not grant.
    """
    wishes = wishes or Wishes()
    _refuse(run, wishes)
    files = _pictures(_folder(pictures))
    method = run.method(_config(run, wishes.overrides))
    translate = _translator(run, method, wishes)
    broken: list[str] = []
    total = len(files) * wishes.samples
    with torch.inference_mode(), run.progress.track(f"translate {pictures.name}", total, "pictures") as advance:
        for number, file in enumerate(files):
            batch = Batch(names=(file.stem,), source=_read(run, file))
            for sample in range(wishes.samples):
                folder = to / f"{sample:02d}" if sample else to
                broken += write_pictures(translate(batch, number, sample), [folder / f"{file.stem}.png"])
                advance(1)
    tell_broken(run.progress, broken, total)
    return len(files)


def _refuse(run: Run, wishes: Wishes) -> None:
    name, card = run.spec.method, run.card
    config = config_from(run.adapter.config(), run.spec.config)
    beyond = sorted(need.value for need in {*card.needs, *run.adapter.needs(config)} - {Need.PAIRS})
    if beyond:
        raise BenchError(
            f"{name} as it was trained reads {' and '.join(beyond)}, which a folder of pictures does not have: "
            "translate the task's test split instead, without --pictures"
        )
    if wishes.samples > 1 and not card.stochastic:
        raise BenchError(f"{name} gives one translation of a picture, so samples must be 1, found {wishes.samples}")
    if wishes.exemplar is not None and not card.exemplar:
        raise BenchError(f"{name} takes no exemplar, so none can be given: leave --exemplar out")
    if wishes.content is None:
        return
    if not card.transfer:
        raise BenchError(f"{name} cannot move content from one source to another: leave --content out")
    if wishes.samples > 1:
        raise BenchError(f"content is moved, not sampled, so samples must be 1, found {wishes.samples}")


def _translator(run: Run, method: Method, wishes: Wishes) -> Callable[[Batch, int, int], Tensor]:
    """What translates a batch of one, the number of its picture and of the sample given."""
    if wishes.content is not None:
        source, target = (_read(run, _file(path)) for path in wishes.content)
        content = Batch(names=(wishes.content[1].stem,), source=source, target=target)
        return lambda batch, number, sample: method.transfer(content, batch)
    styles = None if wishes.exemplar is None else _styles(wishes.exemplar)
    drawn = run.exemplars(wishes.seed) if styles is None else None

    def translate(batch: Batch, number: int, sample: int) -> Tensor:
        if styles is not None:
            batch = replace(batch, exemplar=_read(run, styles[(number + sample) % len(styles)]))
        elif drawn is not None:
            batch = replace(batch, exemplar=drawn(batch, sample))
        return run.adapter.translate(method, batch, seed=wishes.seed, sample=sample)

    return translate


def _config(run: Run, overrides: Mapping[str, str]) -> dict[str, object]:
    """The run's config with `overrides`, all of them fields that only translation reads."""
    free = [one.name for one in fields(run.adapter.config()) if one.metadata.get("stage") == "translate"]
    for name in overrides:
        if name not in free:
            raise BenchError(
                f"{run.spec.method}: {name!r} is fixed once trained; translation may set "
                f"{', '.join(free) or 'nothing'} ({nearest(name, free)})"
            )
    parsed = config_values(run.adapter.configure(run.spec.preset, overrides))
    return {**run.spec.config, **{name: parsed[name] for name in overrides}}


def _styles(exemplar: Path) -> list[Path]:
    """The files of the exemplars that a user gave."""
    return _pictures(exemplar) if exemplar.is_dir() else [_file(exemplar)]


def _read(run: Run, file: Path) -> Tensor:
    """The picture in a file, `[1, 3, H, W]` in [-1, 1], on the run's device."""
    return to_tensor(read_picture(file, run.spec.resolution)).unsqueeze(0).to(run.device)


def _pictures(folder: Path) -> list[Path]:
    """The picture files in a folder, by name. Raises `BenchError` where there are none."""
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in _SUFFIXES)
    if not files:
        raise BenchError(f"there are no pictures in {str(folder)!r} (looked for {', '.join(_SUFFIXES)})")
    return files


def _file(path: Path) -> Path:
    if not path.is_file():
        raise BenchError(f"there is no picture {str(path)!r}")
    return path


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise BenchError(f"there is no folder {str(path)!r}")
    return path
