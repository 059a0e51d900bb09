"""Whatever bytes a file has, reading it gives an array or a `BenchError`, and nothing else."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.random import Generator
from PIL import Image

from i2ibench.data.decode import read_ids, read_photo
from i2ibench.data.layouts.parts import Crop, InstanceIds, LabelColours, LabelIds, Painted, Photo
from i2ibench.errors import BenchError

SEEDS = range(600)
KINDS = {
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "JPEG": ("L", "RGB", "CMYK", "YCbCr"),
    "BMP": ("1", "L", "P", "RGB"),
    "WEBP": ("RGB", "RGBA"),
    "TIFF": ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F", "LAB"),
    "GIF": ("L", "P"),
    "PPM": ("1", "L", "RGB", "I;16"),
}


def picture(random: Generator) -> bytes:
    """A picture of any kind, mode and size."""
    kind = str(random.choice(list(KINDS)))
    mode = str(random.choice(KINDS[kind]))
    height, width = random.integers(1, 50, 2)
    noise = random.integers(0, 256, (height, width, 3), np.uint8) // random.choice([1, 64])
    base = Image.fromarray(noise.astype(np.uint8))
    if mode == "LAB":
        made = Image.frombytes("LAB", base.size, base.tobytes())
    elif mode in ("I;16", "I", "F"):
        made = base.convert("L").convert(mode)
    else:
        made = base.convert(mode)
    buffer = io.BytesIO()
    made.save(buffer, kind)
    return buffer.getvalue()


def broken(content: bytes, random: Generator) -> bytes:
    """The same, cut short, with bits flipped, bytes put in, swapped for noise, or as it is."""
    how, data = random.integers(0, 7), bytearray(content)
    if how == 0:
        return content[: random.integers(0, len(content) + 1)]
    if how in (1, 2):
        first = len(data) if how == 1 else min(len(data), 64)  # headers are the weak place
        for place in random.integers(0, first, random.integers(1, 12)):
            data[place] ^= 1 << random.integers(0, 8)
    elif how == 3:
        start = random.integers(0, len(data))
        data[start : start + 40] = random.bytes(40)
    elif how == 4:
        place = random.integers(0, len(data))
        data[place:place] = random.bytes(random.integers(1, 100))
    elif how == 5:
        return random.bytes(random.integers(0, 200))
    return bytes(data)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL.*", "ignore::PIL.Image.DecompressionBombWarning")
def test_broken_pictures(tmp_path: Path) -> None:
    outcomes = {"read": 0, "refused": 0}
    for seed in SEEDS:
        random = np.random.default_rng(seed)
        content = broken(picture(random), random)
        path = tmp_path / f"{seed}.{random.choice(['png', 'jpg', 'tif', 'txt'])}"
        path.write_bytes(content)
        for read in (
            lambda content=content: read_photo(content, "fuzz"),
            lambda content=content: read_ids(content, "fuzz"),
            Photo(path, "left").read,
            Crop(Photo(path), (-3, 2, 20, 9)).read,
            LabelIds(path, {0: 0, 1: 1}, strict=bool(seed % 2)).read,
            InstanceIds(path).read,
            LabelColours(path, ((0, 0, 0), (255, 0, 0)), "right", tolerance=9).read,
            Painted(LabelIds(path), ((1, 2, 3),)).read,
        ):
            try:
                found = read()
            except BenchError as error:
                outcomes["refused"] += 1
                assert "fuzz" in str(error) or path.name in str(error)
            else:
                outcomes["read"] += 1
                assert found.dtype in (np.uint8, np.uint16) and found.ndim in (2, 3) and found.size
    assert min(outcomes.values()) > 500, outcomes
