"""The pictures to be scored: a folder of PNG files or arrays by name, checked before and while they are read.

Whatever is wrong is an error that names the picture, never a score of something else.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from i2ibench.data.pictures import Pixels
from i2ibench.data.rows import Split
from i2ibench.errors import BenchError
from i2ibench.task import Resolution

Outputs = Path | Mapping[str, Pixels]
"""A folder with `<name>.png` for each picture of a split, or the pictures themselves by name, uint8 `[H, W, 3]`."""

_LOSSY = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".avif", ".heic"})


def reader(outputs: Outputs, split: Split, count: int) -> Callable[[str], Pixels]:
    """What reads an output by name, after all names were checked against the first `count` of `split`.

    Raises `BenchError` where the folder is missing, where pictures are missing or too many, or where they were stored
    with loss; the reader does on a picture that cannot be read or is not 8-bit RGB of the split's size.
    """
    names = list(split.rows.names)
    if isinstance(outputs, Path):
        folder = outputs
        _compare(_files(folder), [f"{name}.png" for name in names], count, f"folder {str(folder)!r}", split)
        return lambda name: _read(folder / f"{name}.png", split.resolution)
    pictures = outputs
    _compare(list(pictures), names, count, "the mapping of outputs", split)
    return lambda name: _checked(pictures[name], name, split.resolution)


def _files(folder: Path) -> list[str]:
    if not folder.is_dir():
        raise BenchError(
            f"there is no folder {str(folder)!r} with outputs to score: expected one PNG file for each picture of the "
            "split. Nothing was scored: give the folder that the outputs were written to"
        )
    paths = (path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file())
    files = [path for path in paths if not any(part.startswith(".") for part in path.parts)]
    lossy = [str(file) for file in files if file.suffix.lower() in _LOSSY]
    if lossy:
        raise BenchError(f"folder {str(folder)!r} holds {_some(lossy)}: {_why_not_lossy()}")
    return [file.as_posix() for file in files]


def _compare(found: Sequence[str], wanted: Sequence[str], count: int, where: str, split: Split) -> None:
    """Missing are those of the first `count` that are not there; too many, those that the whole split has not."""
    missing = [name for name in wanted[:count] if name not in set(found)]
    extra = sorted(set(found) - set(wanted))
    if not missing and not extra:
        return
    told = [f"{len(missing)} of {count} are missing ({_some(missing)})"] if missing else []
    told += [f"{len(extra)} are not of the split ({_some(extra)})"] if extra else []
    raise BenchError(
        f"{where} does not match the {split.name} split of {split.task.id} at {split.resolution}: {'; '.join(told)}. "
        f"Nothing was scored: give exactly one output for each picture, named as in the split, say {wanted[0]}"
    )


def _read(file: Path, resolution: Resolution) -> Pixels:
    from PIL import Image

    try:
        content = file.read_bytes()
        with Image.open(io.BytesIO(content)) as picture:
            if picture.format != "PNG":
                lossy = picture.format in ("JPEG", "WEBP", "AVIF", "HEIF")
                found = f"{str(file)!r} is named .png but holds a {picture.format} picture"
                raise BenchError(f"{found}: {_why_not_lossy() if lossy else 'save it as PNG. Nothing was scored'}")
            mode = picture.mode if content[24] <= 8 else f"{content[24]}-bit {picture.mode}"  # Pillow drops low bytes
            pixels = np.asarray(picture)
    except (OSError, SyntaxError, ValueError, IndexError, struct.error, Image.DecompressionBombError) as error:
        raise BenchError(
            f"output {str(file)!r} cannot be read as a picture: it is empty, cut off or no picture at all ({error}). "
            "Nothing was scored: write it again"
        ) from error
    if mode != "RGB":
        raise _unlike(str(file), f"{mode} of {Resolution(*pixels.shape[:2])}", resolution)
    return _checked(pixels, str(file), resolution)


def _checked(pixels: Pixels, name: str, resolution: Resolution) -> Pixels:
    if pixels.dtype != np.uint8 or pixels.shape != (*resolution, 3):
        raise _unlike(name, f"{pixels.dtype} of {'x'.join(map(str, pixels.shape))}", resolution)
    return pixels


def _unlike(name: str, found: str, resolution: Resolution) -> BenchError:
    return BenchError(
        f"output {name!r} is {found}, expected 8-bit RGB of {resolution} (height x width), as the task's pictures. "
        "Nothing was scored: resizing or converting is part of the method, so write the outputs as expected"
    )


def _why_not_lossy() -> str:
    return (
        "lossy compression alone shifts FID and every pixel score, so such pictures are not comparable with others. "
        "Nothing was scored: write the outputs as PNG straight from the method, not by converting these"
    )


def _some(names: Iterable[str], most: int = 3) -> str:
    listed = list(names)
    return ", ".join(listed[:most]) + (f" and {len(listed) - most} more" if len(listed) > most else "")
