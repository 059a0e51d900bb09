"""Between pictures and tensors, and the sample grid that people look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from i2ibench.data.window import Window
from i2ibench.errors import BenchError
from i2ibench.store import written
from i2ibench.task import Fit, Resolution

Pixels = NDArray[np.uint8]
"""`[H, W, 3]`, RGB."""


def to_tensor(pixels: Pixels | Sequence[Pixels]) -> Tensor:
    """uint8 `[H, W, 3]`, or a sequence of them, to float32 `[3, H, W]` or `[B, 3, H, W]` in [-1, 1]."""
    stacked = torch.from_numpy(np.array(pixels))
    return stacked.movedim(-1, -3).float().div_(127.5).sub_(1).contiguous()


def to_pixels(pictures: Tensor) -> Pixels:
    """float `[..., 3, H, W]` in [-1, 1] to uint8 `[..., H, W, 3]`, rounded; values outside are clipped."""
    whole = pictures.detach().float().add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
    return whole.movedim(-3, -1).cpu().contiguous().numpy()


def read_picture(path: Path, size: Resolution, fit: Fit | None = None, *, painted: bool = False) -> Pixels:
    """The picture in a file as RGB, brought to `size` by `fit`, by the nearest pixel where it is `painted` in labels.

    Raises `BenchError` where it is none, is cut short, or has another size and there is no `fit`.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as file:
            pixels = np.asarray(file.convert("RGB"))
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise BenchError(
            f"{str(path)!r} cannot be read as a picture ({error}): it is cut short or of another kind"
        ) from error
    found = Resolution(*pixels.shape[:2])
    if found == size:
        return pixels
    if fit is None:
        raise BenchError(
            f"picture {str(path)!r} is {found} (height x width) and should be {size}: resize it, or have it translated "
            "with --fit cover or --fit stretch"
        )
    window = Window.fit(found, size, fit)
    return window.of_ids(pixels) if painted else window.of_picture(pixels)


def read_ids(path: Path, size: Resolution, fit: Fit | None = None) -> NDArray[np.int64]:
    """The ids in a PNG of one channel of 8 or 16 bits, brought to `size` by `fit`.

    Raises `BenchError` where it is none, or has another size and there is no `fit`.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as file:
            pixels = np.asarray(file)
    except FileNotFoundError as error:
        raise BenchError(f"there are no ids {str(path)!r}: every picture needs a file of its name") from error
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise BenchError(f"{str(path)!r} cannot be read as a picture of ids ({error})") from error
    if pixels.ndim == 2 and fit is not None:
        pixels = Window.fit(Resolution(*pixels.shape), size, fit).of_ids(pixels)
    if pixels.ndim != 2 or Resolution(*pixels.shape) != size:
        raise BenchError(
            f"ids {str(path)!r} should be one channel of {size} (height x width), and are an array of {pixels.shape}: "
            "save ids as they are, in 8 or 16 bits"
        )
    return pixels.astype(np.int64)


def write_png(path: Path, pixels: NDArray[Any]) -> None:
    """Write a picture as PNG, atomically."""
    from PIL import Image

    with written(path) as aside:
        Image.fromarray(pixels).save(aside, "png", compress_level=3)


def spread(count: int, most: int) -> list[int]:
    """At most so many of the numbers below `count`, the first and the last among them, at equal distances."""
    numbers: list[int] = np.linspace(0, count - 1, min(most, count)).astype(int).tolist()
    return numbers


def grid(rows: Sequence[Sequence[Pixels]], titles: Sequence[str], zoom: int = 1, gap: int = 4) -> Pixels:
    """Pictures of one size in rows, column titles above, on white; each pixel drawn `zoom` times as large."""
    from PIL import Image, ImageDraw, ImageFont

    height, width = (side * zoom for side in rows[0][0].shape[:2])
    header = 18
    font = ImageFont.load_default(12)
    sheet = Image.new("RGB", (len(titles) * (width + gap) + gap, header + len(rows) * (height + gap)), "white")
    draw = ImageDraw.Draw(sheet)
    for column, title in enumerate(titles):
        left = gap + column * (width + gap)
        draw.text((left + width / 2, header / 2), title, fill="black", font=font, anchor="mm")
        for row, pictures in enumerate(rows):
            picture = Image.fromarray(pictures[column]).resize((width, height), Image.Resampling.NEAREST)
            sheet.paste(picture, (left, header + row * (height + gap)))
    return np.asarray(sheet)
