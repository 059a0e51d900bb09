"""The pictures to be scored: a folder of PNG files or arrays by name, all checked before anything is scored.

What can be told without decoding is told of all pictures at once: which are missing, of another split, stored with
loss, no PNG files, cut short, of another size, mode or depth. Data that are damaged inside are an error when the
picture is read. Whatever is wrong is an error that names the picture, never a score of something else.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import numpy as np

from i2ibench.data.pictures import Pixels
from i2ibench.data.rows import Split
from i2ibench.errors import BenchError
from i2ibench.metrics import png
from i2ibench.task import Resolution

Outputs = Path | Mapping[str, Pixels]
"""A folder with `<name>.png` for each picture of a split, or the pictures themselves by name, uint8 `[H, W, 3]`."""

_LOSSY = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".avif", ".heic"})
_SPREAD = 8
"""Pictures that are decoded to see their range."""


@dataclass(frozen=True)
class Reader:
    """Reads outputs by name, after all were checked."""

    outputs: Outputs
    resolution: Resolution
    folders: tuple[Path, ...] = ()
    """Of the further samples, in their order."""
    samples: Mapping[str, int] = field(default_factory=dict)
    """Samples at hand of each source that has several, the output itself counted."""

    def __call__(self, name: str, sample: int = 0) -> Pixels:
        """The output of a source, or a further sample of it. Raises `BenchError` on damaged data."""
        if sample:
            return _read(self.folders[sample - 1] / f"{name}.png", self.resolution)
        if isinstance(self.outputs, Path):
            return _read(self.outputs / f"{name}.png", self.resolution)
        return self.outputs[name]


def reader(outputs: Outputs, split: Split, count: int, samples: Path | None = None, *, foreign: bool = True) -> Reader:
    """What reads an output by name, after those of the first `count` pictures of `split` were checked.

    `samples` is a folder with subfolders `01`, `02`, ... of further samples of the same sources, named alike: of all
    sources or of some, but none without the samples before it. Of `foreign` outputs, those not written by the harness,
    the range is checked too. Raises `BenchError` with all that is wrong.
    """
    names = split.rows.names
    faults = _Faults()
    if isinstance(outputs, Path):
        _check_files(faults, outputs, _files(outputs), split, names[:count])
        where, example = f"folder {str(outputs)!r}", f"{names[0]}.png"
    else:
        _check_arrays(faults, outputs, split, count)
        where, example = "the mapping of outputs", names[0]
    folders: tuple[Path, ...] = ()
    at_hand: dict[str, int] = {}
    if samples is not None:
        folders, at_hand = _check_samples(faults, samples, split)
        where += f" with samples in {str(samples)!r}"
    faults.refuse(where, example, split, count)

    read = Reader(outputs, split.resolution, folders, at_hand)
    for sample in range(len(folders) + 1 if foreign else 0):
        _refuse_unscaled(read, [name for name in names[:count] if at_hand.get(name, 1) > sample], sample, split)
    return read


class _Fault(Enum):
    """A kind of fault, and the way out of it."""

    MISSING = "missing", "give exactly one output for each picture, named as in the split, say {example}"
    EXTRA = "not of the split", "give exactly one output for each picture, named as in the split, say {example}"
    LOSSY = (
        "stored with loss",
        "write PNG straight from the method, not by converting these: lossy compression alone shifts FID and every "
        "pixel score",
    )
    NOT_PNG = "named .png but holding something else", "save the outputs as PNG"
    CUT = "cut short", "write again what was cut short"
    SIZE = (
        "of another size",
        "write {resolution} (height x width), as the task's pictures: resizing is part of the method",
    )
    MODE = "not 8-bit RGB", "write 8-bit RGB: converting is part of the method"
    ARRAY = (
        "no uint8 array [{resolution.height}, {resolution.width}, 3]",
        "give uint8 RGB arrays, made of floats in [-1, 1] by rounding (x + 1) * 127.5",
    )


class _Faults:
    """Everything that is wrong, by kind."""

    def __init__(self) -> None:
        self.found: dict[_Fault, list[str]] = {fault: [] for fault in _Fault}

    def add(self, fault: _Fault, *names: str) -> None:
        self.found[fault] += names

    def refuse(self, where: str, example: str, split: Split, count: int) -> None:
        """Raise `BenchError` unless nothing was found; `example` is how an output is named."""
        found = {fault: names for fault, names in self.found.items() if names}
        if not found:
            return
        facts = {"example": example, "resolution": split.resolution}
        told = [f"{len(names)} {fault.value[0].format(**facts)} ({_some(names)})" for fault, names in found.items()]
        ways = dict.fromkeys(fault.value[1].format(**facts) for fault in found)
        raise BenchError(
            f"{where} does not match the {count} pictures of the {split.name} split of {split.task.id} at "
            f"{split.resolution}: {'; '.join(told)}. Nothing was scored: {'; '.join(ways)}"
        )


def _check_files(
    faults: _Faults, folder: Path, files: Sequence[str], split: Split, wanted: Sequence[str], within: str = ""
) -> None:
    """Check the PNG files of `wanted` in `folder`; other `files` must be of the split. `within` precedes told names."""
    there = set(files)
    lossy = [file for file in files if Path(file).suffix.lower() in _LOSSY]
    otherwise = {file.rpartition(".")[0] for file in lossy}
    faults.add(_Fault.LOSSY, *(within + file for file in lossy))
    faults.add(
        _Fault.EXTRA, *(within + file for file in sorted(there - {*lossy, *(f"{n}.png" for n in split.rows.names)}))
    )
    for name in wanted:
        file = f"{name}.png"
        if file in there:
            _check_file(faults, folder / file, within + file, split.resolution)
        elif name not in otherwise:
            faults.add(_Fault.MISSING, within + file)


def _check_file(faults: _Faults, file: Path, name: str, resolution: Resolution) -> None:
    try:
        found = png.inspect(file)
    except OSError as error:
        raise BenchError(
            f"output {str(file)!r} cannot be read ({error}). Nothing was scored: make it readable"
        ) from error
    if isinstance(found, png.NotPNG):
        faults.add(_Fault.LOSSY if found.lossy else _Fault.NOT_PNG, f"{name} holds {found.found}")
    elif isinstance(found, png.CutShort):
        faults.add(_Fault.CUT, f"{name}: {found.found}")
    else:
        if found.resolution != resolution:
            faults.add(_Fault.SIZE, f"{name} is {found.resolution}")
        if (found.depth, found.colours) != (8, "RGB"):
            faults.add(_Fault.MODE, f"{name} is {found.depth}-bit {found.colours}")


def _check_arrays(faults: _Faults, outputs: Mapping[str, Pixels], split: Split, count: int) -> None:
    names = split.rows.names
    faults.add(_Fault.MISSING, *(name for name in names[:count] if name not in outputs))
    faults.add(_Fault.EXTRA, *sorted(set(outputs) - set(names)))
    for name in names[:count]:
        if name in outputs and (told := _unlike(outputs[name], split.resolution)) is not None:
            faults.add(_Fault.ARRAY, f"{name} is {told}")


def _unlike(pixels: object, resolution: Resolution) -> str | None:
    """What an array is instead of uint8 `[H, W, 3]`; None where it is that."""
    if not isinstance(pixels, np.ndarray):
        return type(pixels).__name__
    if pixels.dtype == np.uint8 and pixels.shape == (*resolution, 3):
        return None
    told = f"{pixels.dtype} of {'x'.join(map(str, pixels.shape))}"
    if pixels.size and np.issubdtype(pixels.dtype, np.number):
        told += f" from {pixels.min():.4g} to {pixels.max():.4g}"
    return told


def _check_samples(faults: _Faults, samples: Path, split: Split) -> tuple[tuple[Path, ...], dict[str, int]]:
    """The sample folders, and the samples at hand of each source that has several."""
    inside = sorted(entry for entry in _folder(samples).iterdir() if not entry.name.startswith("."))
    folders = tuple(samples / f"{number:02d}" for number in range(1, sum(entry.is_dir() for entry in inside) + 1))
    faults.add(_Fault.EXTRA, *(f"{samples.name}/{entry.name}" for entry in inside if entry not in folders))
    at_hand: dict[str, int] = {}
    for number, folder in enumerate(folders, 1):
        files = _files(folder) if folder.is_dir() else []
        there = set(files)
        wanted = [name for name in split.rows.names if f"{name}.png" in there]
        _check_files(faults, folder, files, split, wanted, f"{samples.name}/{folder.name}/")
        skipped = [name for name in wanted if at_hand.get(name, 1) < number]
        faults.add(_Fault.MISSING, *(f"{samples.name}/{number - 1:02d}/{name}.png" for name in skipped))
        at_hand.update(dict.fromkeys(wanted, number + 1))
    return folders, at_hand


def _refuse_unscaled(read: Callable[[str, int], Pixels], names: Sequence[str], sample: int, split: Split) -> None:
    """Raise `BenchError` where pictures look like floats in [0, 1] or [-1, 1] cast to 8 bits as they are.

    Such have the values 0 and 1 alone, or with them 255, which -1 becomes. Pictures of two colours, 0 and 255, are not
    meant, nor are tasks whose real pictures are so.
    """
    spread = [names[index * len(names) // _SPREAD] for index in range(_SPREAD)] if names else []
    values = _values(read(name, sample) for name in dict.fromkeys(spread))
    if not values or not values <= {0, 1, 255} or (255 in values and 1 not in values):
        return
    table, column = split.reals
    if _values(table[index * len(table) // _SPREAD][column] for index in range(_SPREAD)) <= {0, 1, 255}:
        return
    raise BenchError(
        f"outputs hold no values but {', '.join(map(str, sorted(values)))} ({len(set(spread))} of {len(names)} were "
        f"looked at, first {spread[0]!r}), and the real pictures of {split.task.id} more: they look like floats in "
        "[0, 1] or [-1, 1] that were cast to 8 bits without being scaled. Nothing was scored: write round(x * 255) of "
        "pictures x in [0, 1], round((x + 1) * 127.5) of those in [-1, 1]"
    )


def _values(pictures: Iterable[Pixels]) -> set[int]:
    return {int(value) for pixels in pictures for value in np.flatnonzero(np.bincount(pixels.ravel(), minlength=256))}


def _folder(folder: Path) -> Path:
    if not folder.is_dir():
        raise BenchError(
            f"there is no folder {str(folder)!r} with outputs to score: expected one PNG file for each picture of the "
            "split. Nothing was scored: give the folder that the outputs were written to"
        )
    return folder


def _files(folder: Path) -> list[str]:
    """Files in and under `folder`, as paths from it; hidden ones are left alone."""
    found = []
    for at, folders, files in os.walk(_folder(folder)):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        place = Path(at).relative_to(folder).as_posix()
        found += [name if place == "." else f"{place}/{name}" for name in sorted(files) if not name.startswith(".")]
    return found


def _read(file: Path, resolution: Resolution) -> Pixels:
    from PIL import Image

    try:
        with Image.open(file) as picture:
            pixels = np.asarray(picture)
    except (OSError, SyntaxError, ValueError, IndexError, struct.error, Image.DecompressionBombError) as error:
        raise BenchError(
            f"output {str(file)!r} cannot be read as a picture: its data are damaged ({error}). Nothing was scored: "
            "write it again"
        ) from error
    if pixels.dtype != np.uint8 or pixels.shape != (*resolution, 3):
        raise BenchError(f"output {str(file)!r} has changed since it was checked. Nothing was scored: score again")
    return pixels


def _some(names: Sequence[str], most: int = 3) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
