"""Translating pictures of the user's own with a trained run."""

from __future__ import annotations

import typing
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from i2ibench.adapter import MethodCard, config_from, config_values
from i2ibench.data.exemplars import Exemplars
from i2ibench.data.labels import unpainted
from i2ibench.data.pictures import read_ids, read_picture, to_tensor
from i2ibench.errors import BenchError, nearest
from i2ibench.models.method import Batch
from i2ibench.run import Run
from i2ibench.task import Fit, Need
from i2ibench.translation import tell_broken, write_pictures

if TYPE_CHECKING:
    from i2ibench.models.method import Method

_OF_TRAINING = {Need.PAIRS, Need.FLOW, Need.BOXES}
"""What no translation is made from."""
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
    """A picture whose style all translations take, or a folder whose pictures they take in turn, as many for each as
    the method takes; without it they are drawn from the run's training split."""
    class_name: str | None = None
    """The one to translate to, of a method that is told it, or whose exemplars are to be drawn of it."""
    content: tuple[Path, Path] | None = None
    """A source and its target, whose content is moved to each picture instead of being sampled."""
    instances: Path | None = None
    """A folder of instance ids, a PNG of one channel of 8 or 16 bits for each picture (and for the content's source),
    for methods that read them. Without it each class is one object."""
    first: Path | None = None
    """A folder of translations of the first pictures, by their stems, that a method of sequences goes on from."""
    fit: Fit | None = None
    """How pictures of another size than the run's are brought to it; without it they are refused."""


def translate_folder(run: Run, pictures: Path, to: Path, wishes: Wishes | None = None) -> int:
    """Translate every picture in `pictures`, and return how many there were.

    Each becomes a PNG of the same stem in `to`, its further samples in `to/01`, `to/02`... Pictures must have the
    run's resolution, or a fit must be wished for; for methods that read labels they are label pictures in the colours
    of the task's classes. Methods of sequences take them for one, in the order of their names. Raises `BenchError` on
    an empty folder, a file that is no picture, another size, a colour that is no class's, and wishes that the method
    does not grant.
    """
    wishes = wishes or Wishes()
    config = _config(run, wishes.overrides)
    parsed = config_from(run.adapter.config(), config)
    card, needs = run.adapter.card_for(parsed), {*run.adapter.card.needs, *run.adapter.needs(parsed)}
    _refuse(run, card, needs, wishes)
    reader = _Reader(run, Need.LABELS in needs, Need.INSTANCES in needs, wishes.instances, wishes.fit)
    files = _pictures(_folder(pictures))
    first = {} if wishes.first is None else _first(wishes.first, files)
    method = run.method(config)
    translate = _translator(run, card, method, reader, wishes)
    if Need.INSTANCES in needs and wishes.instances is None:
        run.progress.say(f"no instance ids were given, so {run.spec.method} takes each class for one object")
    broken: list[str] = []
    earlier = [deque[Batch](maxlen=card.history) for _ in range(wishes.samples)]
    total = len(files) * wishes.samples
    with torch.inference_mode(), run.progress.track(f"translate {pictures.name}", total, "pictures") as advance:
        for number, file in enumerate(files):
            batch = reader.batch(file)
            for sample in range(wishes.samples):
                written = (to / f"{sample:02d}" if sample else to) / f"{file.stem}.png"
                if file.stem in first:
                    output = reader.picture(first[file.stem])
                else:
                    output = translate(replace(batch, frames=tuple(earlier[sample]) or None), number, sample)
                broken += write_pictures(output, [written])
                if card.history:
                    earlier[sample].append(replace(batch, target=reader.picture(written)))
                advance(1)
    tell_broken(run.progress, broken, total)
    return len(files)


@dataclass(frozen=True)
class _Reader:
    """Reads pictures of the run's resolution, with the labels that their colours tell and their instances."""

    run: Run
    labels: bool
    instances: bool
    folder: Path | None
    fit: Fit | None

    def batch(self, source: Path, target: Path | None = None) -> Batch:
        """A batch of one."""
        painted = self.labels or self.instances
        pixels = read_picture(source, self.run.spec.resolution, self.fit, painted=painted)
        labels = instances = None
        if painted:
            table = self.run.task.labels
            assert table is not None, "`_refuse` is asked before"
            labels = torch.from_numpy(unpainted(pixels, table, str(source)))[None]
        if self.instances and self.folder is not None:
            ids = read_ids(self.folder / f"{source.stem}.png", self.run.spec.resolution, self.fit)
            instances = torch.from_numpy(ids)[None]
        elif self.instances:
            instances = labels
        made = Batch(
            names=((target or source).stem,),
            source=to_tensor(pixels)[None],
            target=None if target is None else self.picture(target),
            labels=labels if self.labels else None,
            instances=instances,
        )
        return made.to(self.run.device)

    def picture(self, file: Path) -> Tensor:
        """The picture in a file, `[1, 3, H, W]` in [-1, 1], on the run's device."""
        return to_tensor(read_picture(file, self.run.spec.resolution, self.fit))[None].to(self.run.device)


def _refuse(run: Run, card: MethodCard, needs: set[Need], wishes: Wishes) -> None:
    name = run.spec.method
    readable = {Need.CLASSES} if card.classes else set()
    if run.task.labels is not None:
        readable |= {Need.LABELS, Need.INSTANCES}
    if card.history:
        readable |= {Need.VIDEO}
    beyond = sorted(need.value for need in needs - _OF_TRAINING - readable)
    if beyond:
        raise BenchError(
            f"{name} as it was trained reads {' and '.join(beyond)}, which a folder of pictures does not have: "
            "translate the task's test split instead, without --pictures"
        )
    if wishes.instances is not None and Need.INSTANCES not in needs:
        raise BenchError(f"{name} as it was trained reads no instances: leave --instances out")
    if wishes.first is not None and not card.history:
        raise BenchError(f"{name} translates each picture alone and goes on from none: leave --first out")
    if wishes.samples > 1 and not card.stochastic:
        raise BenchError(f"{name} gives one translation of a picture, so samples must be 1, found {wishes.samples}")
    _refuse_class(run, card, wishes)
    if wishes.exemplar is not None and not card.exemplars:
        styles = typing.get_args(typing.get_type_hints(run.adapter.config()).get("style"))
        way_out = "add --set style=exemplar" if "exemplar" in styles else "leave --exemplar out"
        raise BenchError(f"{name} as it is set takes no exemplar, so none can be given: {way_out}")
    if card.exemplars and card.backward and wishes.exemplar is None:
        raise BenchError(
            f"{name} translates backward here, to pictures like {run.task.id}'s sources, and takes the style of such: "
            "give --exemplar, a picture or a folder of them"
        )
    if wishes.content is None:
        return
    if not card.transfer:
        raise BenchError(f"{name} cannot move content from one source to another: leave --content out")
    if wishes.samples > 1:
        raise BenchError(f"content is moved, not sampled, so samples must be 1, found {wishes.samples}")


def _refuse_class(run: Run, card: MethodCard, wishes: Wishes) -> None:
    name, known = run.spec.method, run.task.classes
    if wishes.class_name is None:
        if card.classes and known:
            raise BenchError(
                f"{name} translates to classes of {run.task.id}, and none is asked for: give --class, one of "
                f"{', '.join(known)}"
            )
    elif not known or not (card.classes or card.exemplars):
        whose = f"{run.task.id} has no classes" if not known else f"{name} is not told one"
        raise BenchError(f"no class can be asked for, as {whose}: leave --class out")
    elif wishes.class_name not in known:
        raise BenchError(f"{run.task.id} has no class {wishes.class_name!r}: {nearest(wishes.class_name, known)}")


def _translator(
    run: Run, card: MethodCard, method: Method, reader: _Reader, wishes: Wishes
) -> Callable[[Batch, int, int], Tensor]:
    """What translates a batch of one, the number of its picture and of the sample given."""
    if wishes.content is not None:
        content = reader.batch(*(_file(path) for path in wishes.content))
        return lambda batch, number, sample: method.transfer(content, batch)
    count = card.exemplars
    styles = None if wishes.exemplar is None else _styles(wishes.exemplar, count)
    drawn = Exemplars(run.split(run.task.shown), wishes.seed, count) if count and styles is None else None
    wanted = None
    if wishes.class_name is not None:
        wanted = torch.tensor([[-1, run.task.classes.index(wishes.class_name)]], device=run.device)

    def translate(batch: Batch, number: int, sample: int) -> Tensor:
        batch = replace(batch, classes=wanted)
        if styles is not None:
            taken = [styles[(number + sample + k) % len(styles)] for k in range(count)]
            batch = replace(batch, exemplars=tuple(map(reader.picture, taken)))
        elif drawn is not None:
            batch = replace(batch, exemplars=drawn(batch, sample))
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


def _styles(exemplar: Path, count: int) -> list[Path]:
    """The files of the exemplars that a user gave, of which each translation takes `count`."""
    if not exemplar.exists():
        raise BenchError(f"there is no exemplar {str(exemplar)!r}: give a picture, or a folder of pictures")
    files = _pictures(exemplar) if exemplar.is_dir() else [exemplar]
    if len(files) < count:
        raise BenchError(f"each translation takes {count} exemplars, and {str(exemplar)!r} has {len(files)}: give more")
    return files


def _pictures(folder: Path) -> list[Path]:
    """The picture files in a folder, by name. Raises `BenchError` where there are none."""
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in _SUFFIXES)
    if not files:
        raise BenchError(f"there are no pictures in {str(folder)!r} (looked for {', '.join(_SUFFIXES)})")
    return files


def _first(folder: Path, files: Sequence[Path]) -> dict[str, Path]:
    """The given translations of the first of `files`, by their stems. Raises `BenchError` where they are of others."""
    given = {file.stem: file for file in _pictures(_folder(folder))}
    expected = [file.stem for file in files[: len(given)]]
    if sorted(given) != sorted(expected):
        raise BenchError(
            f"--first {str(folder)!r} must hold translations of the first pictures, named "
            f"{', '.join(expected[:3])}..., found {', '.join(sorted(given)[:3])}"
        )
    return given


def _file(path: Path) -> Path:
    if not path.is_file():
        raise BenchError(f"there is no picture {str(path)!r}")
    return path


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise BenchError(f"there is no folder {str(path)!r}")
    return path
