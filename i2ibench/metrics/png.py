"""What a PNG file says of itself in its first and last bytes (PNG specification, sections 5 and 11), undecoded."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path

from i2ibench.task import Resolution

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_END = b"\0\0\0\0IEND\xaeB`\x82"
_COLOURS = {0: "grey", 2: "RGB", 3: "palette", 4: "grey with alpha", 6: "RGBA"}


@dataclass(frozen=True)
class Header:
    """Size, bits a channel and colours of a PNG file that is there from its first byte to its last."""

    resolution: Resolution
    depth: int
    colours: str
    """Like Pillow's modes: "RGB", "RGBA", "grey", "grey with alpha" or "palette"."""


@dataclass(frozen=True)
class NotPNG:
    """The file holds something else: `found` is the format's name, or that it is none we know."""

    found: str
    lossy: bool = False


@dataclass(frozen=True)
class CutShort:
    """The file begins like a PNG file, or is empty, and ends too early."""

    found: str


def inspect(file: Path) -> Header | NotPNG | CutShort:
    """What `file` is, by two reads of a few bytes. Damage between its ends is not seen. Raises `OSError`."""
    with file.open("rb", buffering=0) as stream:
        head = stream.read(33)
        if not head:
            return CutShort("empty")
        if not head.startswith(SIGNATURE):
            return _other(head)
        size = os.fstat(stream.fileno()).st_size
        if len(head) < 33 or head[12:16] != b"IHDR":
            return CutShort(f"{size} bytes")
        stream.seek(-len(_END), os.SEEK_END)
        if stream.read(len(_END)) != _END and not _whole(file):
            return CutShort(f"{size:,} bytes without an end")
    width, height, depth, colours = struct.unpack(">IIBB", head[16:26])
    return Header(Resolution(height, width), depth, _COLOURS.get(colours, f"colour type {colours}"))


def _whole(file: Path) -> bool:
    """Whether the end chunk comes at all: some programs leave something behind it, which readers pass over."""
    content = file.read_bytes()
    at = len(SIGNATURE)
    while at + 12 <= len(content):
        if content[at + 4 : at + 8] == b"IEND":
            return True
        at += 12 + int.from_bytes(content[at : at + 4], "big")
    return False


def _other(head: bytes) -> NotPNG:
    if head.startswith(b"\xff\xd8\xff"):
        return NotPNG("JPEG", lossy=True)
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return NotPNG("WebP", lossy=True)
    if head[4:8] == b"ftyp":
        return NotPNG("AVIF or HEIF", lossy=True)
    for found, signature in {"BMP": b"BM", "GIF": b"GIF8", "TIFF": b"II*\0", "NumPy": b"\x93NUMPY"}.items():
        if head.startswith(signature):
            return NotPNG(found)
    return NotPNG("no picture")
