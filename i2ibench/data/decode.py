"""Picture files to pixels, by rules that hold for every data set.

Photos (`read_photo`) become uint8 `[H, W, 3]` RGB:

- 8-bit RGB as it is; grey and 1-bit in three equal channels; palettes by their colours; CMYK, YCCK and YCbCr as
  Pillow converts them;
- of 16-bit values the upper byte;
- what is transparent, by an alpha channel or a colour key, over white;
- of a JPEG that carries further pictures (MPO: depth, gain or stereo of a phone) the first;
- orientation tags (EXIF) have no effect: label maps, boxes and published numbers refer to the pixels as they are
  stored.

Ids (`read_ids`) become uint8 or uint16 `[H, W]`: the values of an 8- or 16-bit grey picture, or a palette's indices.

All else is refused in a sentence: animations and pages, 32-bit values, other colour spaces, PNG with wrong checksums,
what is cut short or no picture, and more than `PIXEL_LIMIT` pixels, told by the header before anything is decoded.
What Pillow warns of besides (broken metadata) passes through as its warnings.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from i2ibench.errors import BenchError

if TYPE_CHECKING:
    from PIL import Image
    from PIL.ImageFile import ImageFile

PIXEL_LIMIT = 89_000_000
"""Height times width above which a picture is refused: just below where Pillow starts to warn of bombs."""
FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "TIFF", "GIF", "PPM")
"""Pillow's names of the formats that are read, told by content whatever a file is called."""

_OPAQUE = ("1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr")
_ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")
_WHOLE16 = ("I;16", "I;16L", "I;16B", "I;16N")
_LOSSY = ("JPEG", "MPO")


def read_photo(content: bytes | Path, name: str) -> NDArray[np.uint8]:
    """The picture as uint8 `[H, W, 3]` by the rules above. `name` is what errors call it.

    Raises `BenchError` that names the file and the reason.
    """
    return _decoded(content, name, _photo)


def read_ids(content: bytes | Path, name: str) -> NDArray[Any]:
    """The ids as uint8 or uint16 `[H, W]` by the rules above. `name` is what errors call it.

    Raises `BenchError` that names the file and the reason; so too for what cannot hold ids: colours, JPEG, and grey
    values of less than 8 bits, which may be meant as shades.
    """
    return _decoded(content, name, _ids)


def kind_of(path: Path) -> str | None:
    """Format and mode of a picture file, by its header alone: `JPEG RGB`, `PNG I;16`. None where it is no picture."""
    try:
        with _opened(path) as file:
            return f"{file.format} {file.mode}"
    except Exception:  # whatever is wrong with it, reading it tells
        return None


def _decoded(content: bytes | Path, name: str, convert: Callable[[ImageFile], NDArray[Any]]) -> NDArray[Any]:
    from PIL import UnidentifiedImageError

    if isinstance(content, Path) and not content.is_file():
        raise BenchError(f"{name!r} cannot be read as a picture: there is no such file")
    if (isinstance(content, bytes) and not content) or (isinstance(content, Path) and not content.stat().st_size):
        raise BenchError(f"{name!r} cannot be read as a picture: it is empty")
    try:
        with _opened(content) as file:
            _require_one(file)
            if file.format == "PNG":
                with _opened(content) as twin:  # verifying uses a picture up
                    twin.verify()
            return convert(file)
    except _Refused as refusal:
        raise BenchError(f"picture {name!r} is refused: {refusal}") from None
    except UnidentifiedImageError:
        known = ", ".join(FORMATS)
        raise BenchError(
            f"{name!r} cannot be read as a picture: its content is none of {known}, or its header is broken"
        ) from None
    except PermissionError as error:
        raise BenchError(f"{name!r} cannot be read: {error.strerror}") from error
    except Exception as error:  # broken bytes lead Pillow's readers to errors of any kind
        raise BenchError(
            f"{name!r} cannot be read as a picture: it is cut short or damaged ({error or type(error).__name__})"
        ) from error


class _Refused(Exception):
    """Why a picture that may be in order is not read."""


def _opened(content: bytes | Path) -> ImageFile:
    from PIL import Image

    Image.init()  # without it `formats` knows only what happens to be loaded
    try:
        return Image.open(io.BytesIO(content) if isinstance(content, bytes) else content, formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _Refused(f"it has more than {PIXEL_LIMIT:,} pixels: make it smaller") from error


def _require_one(file: ImageFile) -> None:
    width, height = file.size
    if width < 1 or height < 1:
        raise _Refused(f"it is {height}x{width} (height x width)")
    if width * height > PIXEL_LIMIT:
        raise _Refused(
            f"it is {height}x{width} (height x width), more than {PIXEL_LIMIT:,} pixels in all: make it smaller"
        )
    frames = getattr(file, "n_frames", 1)
    if frames > 1 and file.format != "MPO":
        raise _Refused(f"it has {frames} frames or pages: store the one that is meant as a picture of its own")


def _photo(file: ImageFile) -> NDArray[np.uint8]:
    file.load()
    key = file.info.get("transparency")
    if _is_whole16(file):
        values = np.asarray(file)
        grey = (values >> 8).astype(np.uint8)
        if isinstance(key, int):
            grey[values == key] = 255
        return np.repeat(grey[..., None], 3, axis=2)
    if file.mode in _ALPHA or (file.mode in _OPAQUE and key is not None):
        if isinstance(key, tuple) and max(key) > 255:
            raise _Refused("its transparent colour has 16 bits: store it with an alpha channel or without transparency")
        return _over_white(file.convert("RGBA"))
    if file.mode in _OPAQUE:
        return np.array(file.convert("RGB"))
    raise _Refused(f"its pixels are of Pillow's mode {file.mode!r}, not 8- or 16-bit grey or colours: convert it")


def _over_white(picture: Image.Image) -> NDArray[np.uint8]:
    """Colours weighted by alpha, the rest white, rounded to the nearest."""
    pixels = np.asarray(picture).astype(np.uint32)
    alpha = pixels[..., 3:]
    blended: NDArray[np.uint8] = ((pixels[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
    return blended


def _ids(file: ImageFile) -> NDArray[Any]:
    if file.format in _LOSSY:
        raise _Refused("it should hold ids, and JPEG does not keep values as they were: store ids as PNG")
    if file.mode == "1" or (file.mode == "L" and file.tile and file.tile[0].args in ("L;2", "L;4")):
        raise _Refused("it should hold ids, and its grey values have less than 8 bits: store ids as 8-bit grey PNG")
    if not _is_whole16(file) and file.mode not in ("L", "P"):
        raise _Refused(
            f"it should hold ids, an 8- or 16-bit value or palette index a pixel, but is of Pillow's mode {file.mode!r}"
        )
    file.load()
    return np.array(file, np.uint16 if _is_whole16(file) else np.uint8)


def _is_whole16(file: ImageFile) -> bool:
    """16-bit grey. Pillow before 11 opens PNG of this kind with mode I, and PPM still is."""
    return file.mode in _WHOLE16 or (file.mode == "I" and file.format in ("PNG", "PPM"))
