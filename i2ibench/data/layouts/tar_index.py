"""Where the members of a tar file lie: one pass over its headers, so that each is read by a seek, without unpacking.

Formats: ustar, GNU and pax (POSIX.1-2001), not compressed.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from i2ibench.data.layouts.layout import Problem
from i2ibench.data.layouts.parts import Content
from i2ibench.errors import BenchError

_BLOCK = 512
_LONGEST = 1 << 20
"""Bytes of a header's extension, at most."""
_PADDING = 1 << 16
"""Bytes after the end mark in which further members are looked for; writers pad to 10 KiB by default."""
_FILES = b"0\x007"
_DIRECTORY = b"5"
_WITHOUT_DATA = b"123456"
_KINDS = {b"1": "a hard link", b"2": "a symbolic link", b"3": "a device", b"4": "a device", b"6": "a pipe"}
_COMPRESSED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd", b"PK": "zip"}


@dataclass(frozen=True)
class TarIndex:
    """The files in a tar file, in its order."""

    file: Path
    size: int
    """Of the tar file in bytes."""
    names: list[str]
    offsets: NDArray[np.int64]
    """First byte of each member's content `[N]`."""
    sizes: NDArray[np.int64]
    """Bytes of each member's content `[N]`."""
    problems: tuple[Problem, ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    def content(self, number: int) -> Content:
        """A member, to be read when needed."""
        load = partial(_member, self.file, self.size, int(self.offsets[number]), int(self.sizes[number]))
        return Content(f"{self.file}/{self.names[number]}", load)


def tar_index(file: Path) -> TarIndex:
    """List the files in a tar file by its headers; contents are passed over.

    What is damaged, cut short, or neither file nor folder is a problem of the index. Raises `BenchError` where it is
    no tar file, is empty or compressed, or cannot be read.
    """
    names, places, problems = list[str](), list[tuple[int, int]](), list[Problem]()
    try:
        with file.open("rb", buffering=0) as tar:
            state = file.stat()
            _require_tar(file, tar.read(_BLOCK), state.st_size)
            try:
                for name, offset, size, kind in _members(tar, state.st_size):
                    if kind is None:
                        names.append(name)
                        places.append((offset, size))
                    else:
                        problems.append(Problem(f"{file}/{name}", f"is {kind}, not a file: left out"))
            except _Damaged as damage:
                problems.append(Problem(str(file), str(damage)))
    except OSError as error:
        raise BenchError(f"shard {str(file)!r} cannot be read: {error.strerror or error}") from error
    table = np.array(places, np.int64).reshape(-1, 2)
    offsets, sizes = np.ascontiguousarray(table[:, 0]), np.ascontiguousarray(table[:, 1])
    return TarIndex(file, state.st_size, names, offsets, sizes, tuple(problems))


class _Damaged(Exception):
    """Why the rest of a tar file cannot be listed."""


def _member(file: Path, whole: int, offset: int, size: int) -> bytes:
    with file.open("rb", buffering=0) as tar:
        tar.seek(offset)
        content = tar.read(size)
        changed = len(content) < size or tar.seek(0, io.SEEK_END) != whole
    if changed:
        raise BenchError(f"shard {str(file)!r} has another size than when it was listed: begin anew")
    return content


def _require_tar(file: Path, block: bytes, size: int) -> None:
    if not size:
        raise BenchError(f"shard {str(file)!r} is empty: it was not copied whole")
    for magic, kind in _COMPRESSED.items():
        if block.startswith(magic):
            raise BenchError(
                f"shard {str(file)!r} is compressed ({kind}), so that its members cannot be read one by one: "
                "unpack it to a plain .tar (pictures are compressed as they are)"
            )
    if len(block) < _BLOCK or (any(block) and not _is_header(block)):
        raise BenchError(f"shard {str(file)!r} is no tar file: its first {_BLOCK} bytes are not a header")


def _members(tar: io.RawIOBase, whole: int) -> Iterator[tuple[str, int, int, str | None]]:
    """Name, offset and size of each member, and what it is where it is no file. Raises `_Damaged`."""
    position, extended = 0, dict[str, str]()
    while True:
        tar.seek(position)
        block = tar.read(_BLOCK) or b""
        if len(block) < _BLOCK:
            raise _Damaged(f"ends at byte {position + len(block)} without an end mark: it may have been cut short")
        if not any(block):
            if any(tar.read(_PADDING) or b""):
                raise _Damaged(f"goes on after its end mark at byte {position}: joined files are read up to there")
            return
        if not _is_header(block):
            raise _Damaged(f"has a damaged header at byte {position}: members from there on are lost")
        kind, size = block[156:157], _number(block[124:136], position)
        position += _BLOCK
        if kind in (b"x", b"g", b"L", b"K"):
            if size > _LONGEST or position + size > whole:
                raise _Damaged(f"has a damaged header at byte {position - _BLOCK}: members from there on are lost")
            payload = tar.read(size) or b""
            if kind == b"x":
                extended |= _records(payload, position)
            elif kind == b"L":
                extended["path"] = _text(payload.partition(b"\0")[0])
            position += -(-size // _BLOCK) * _BLOCK
            continue
        name = extended.get("path") or _name(block)
        if "size" in extended:
            size = _number(extended["size"].encode(), position - _BLOCK, base=10)
        if kind == b"S":  # old GNU: where the holes are may go on in further blocks
            more = block[482]
            while more:
                more = (tar.read(_BLOCK) or b"").ljust(_BLOCK, b"\0")[504]
                position += _BLOCK
        is_folder = kind == _DIRECTORY or (kind == b"\0" and name.endswith("/"))
        if kind in _WITHOUT_DATA or is_folder:
            size = 0
        if position + size > whole:
            raise _Damaged(f"is cut short within {name!r}, which should end at byte {position + size} of {whole}")
        sparse = kind == b"S" or any(key.startswith("GNU.sparse") for key in extended)
        if not is_folder:
            is_file = kind in _FILES and not sparse
            other = "sparse" if sparse else _KINDS.get(kind, f"of unknown type {kind!r}")
            yield name, position, size, None if is_file else other
        position += -(-size // _BLOCK) * _BLOCK
        extended = {}


def _is_header(block: bytes) -> bool:
    """Whether the checksum holds: the sum of all bytes, its own eight taken as blanks."""
    field = block[148:156].strip(b"\0 ")
    if not field.isdigit():
        return False
    stated = int(field, 8) if field.translate(None, b"89") == field else -1
    own = block[148:156]
    if stated == sum(block) - sum(own) + 256:
        return True
    signed = np.frombuffer(block, np.int8)  # old writers summed bytes as signed
    return stated == int(signed.sum()) - int(np.frombuffer(own, np.int8).sum()) + 256


def _number(field: bytes, position: int, base: int = 8) -> int:
    if field[:1] == b"\x80":
        return int.from_bytes(field[1:], "big")
    digits = field.partition(b"\0")[0].strip(b" ") or b"0"
    try:
        if digits.isdigit():
            return int(digits, base)
    except ValueError:
        pass
    raise _Damaged(f"has a size that is no number at byte {position}: members from there on are lost")


def _name(block: bytes) -> str:
    name = block[:100].partition(b"\0")[0]
    prefix = block[345:500].partition(b"\0")[0] if block[257:263] == b"ustar\0" else b""
    return _text(prefix + b"/" + name if prefix else name)


def _records(payload: bytes, position: int) -> dict[str, str]:
    """Records `LENGTH KEY=VALUE\\n` of a pax header."""
    found, start = dict[str, str](), 0
    while start < len(payload) and payload[start]:
        length, _, _ = payload[start : start + 20].partition(b" ")
        end = start + int(length) if length.isdigit() else start
        key, sign, value = payload[start + len(length) + 1 : end - 1].partition(b"=")
        if end > len(payload) or end <= start + len(length) or not sign:
            raise _Damaged(f"has a damaged extended header at byte {position}: members from there on are lost")
        found[_text(key)] = _text(value)
        start = end
    return found


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
