"""Unpacks the archives that data sets come in, without trusting them."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, cast

from i2ibench.errors import BenchError
from i2ibench.store import writing

MEMBER_LIMIT = 5_000_000
"""Files, folders and links in an archive."""
SIZE_LIMIT = 2 * 1024**4
"""Bytes unpacked in all."""
RATIO_LIMIT = 200
"""Bytes unpacked for a byte of the archive: pictures hardly shrink, bombs do by thousands."""
RATIO_FREE = 64 * 1024**2
"""Bytes that may be unpacked at any ratio: little archives of text shrink well."""

_CHUNK = 1024**2
_HEADER_LIMIT = 16 * 1024**2
_TOO_LARGE = f"it would unpack to more than {RATIO_LIMIT} times its size, or {SIZE_LIMIT:,} bytes, as no pictures do"
_BLOCK = 512
_COMPRESSIONS: dict[bytes, Callable[[Path], IO[bytes]]] = {
    b"\x1f\x8b": gzip.GzipFile,  # type: ignore[dict-item]
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\0": lzma.LZMAFile,
}


@dataclass(frozen=True)
class _Member:
    """A file where it has `open`, a link where it has `link`, else a folder."""

    name: str
    size: int = 0
    open: Callable[[], IO[bytes]] | None = None
    link: str | None = None
    hard: bool = False
    """The link is a second name for the file `link`; else what `link` says from where it lies."""


class _Unsafe(Exception):
    """Why an archive is refused."""


def unpack(archive: Path, to: Path) -> Path:
    """Unpack a zip or tar (plain, gz, bz2, xz; told by content) to the folder `to`, which must be new or empty.

    Everything is written to a hidden folder beside `to` and moved there at the end: `to` is whole or absent, and what
    was stopped is simply done again. Returns `to`.

    Raises `BenchError`, and leaves nothing behind, for what is no archive, is cut short, damaged or encrypted; for
    members with absolute paths, with `..` or of one name; for devices, and links out of the archive; above
    `MEMBER_LIMIT`, `SIZE_LIMIT` or `RATIO_LIMIT`; and where `to` cannot be written.
    """
    from filelock import FileLock, Timeout

    if not archive.is_file():
        raise BenchError(f"there is no archive {str(archive)!r}")
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise BenchError(f"{str(to)!r} is there already and is no empty folder: remove it, or unpack elsewhere")
    aside, lock = to.parent / f".{to.name}.unpacking", to.parent / f".{to.name}.lock"
    with writing(to):
        to.parent.mkdir(parents=True, exist_ok=True)
        try:
            held = FileLock(lock)
            held.acquire(timeout=0)
        except Timeout as error:
            raise BenchError(f"{str(to)!r} is being unpacked by another process: wait for it") from error
    try:
        shutil.rmtree(aside, ignore_errors=True)  # of one that was killed
        with writing(to):
            aside.mkdir()
        _extract(archive, aside)
        with writing(to):
            if to.is_dir():
                to.rmdir()
            aside.rename(to)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        lock.unlink(missing_ok=True)
        held.release()
    return to


def _extract(archive: Path, aside: Path) -> None:
    size = archive.stat().st_size
    allowed = min(SIZE_LIMIT, max(RATIO_FREE, RATIO_LIMIT * size))
    try:
        with archive.open("rb") as file:
            start = file.read(8)
        if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            with zipfile.ZipFile(archive) as packed:
                _write(_of_zip(packed), aside, allowed)
        else:
            opener = next((opener for magic, opener in _COMPRESSIONS.items() if start.startswith(magic)), None)
            with opener(archive) if opener else archive.open("rb") as stream:
                _write(_of_tar(_Guarded(stream, allowed)), aside, allowed)
    except BenchError:
        raise
    except _Unsafe as reason:
        raise BenchError(f"archive {str(archive)!r} is refused: {reason}") from None
    except Exception as error:  # damaged archives lead their readers to errors of any kind
        raise BenchError(
            f"{str(archive)!r} cannot be unpacked: it is no zip or tar (gz, bz2, xz), or is cut short, damaged or "
            f"encrypted ({error or type(error).__name__}): get it again"
        ) from error


def _write(members: Iterator[_Member], aside: Path, allowed: int) -> None:
    """Files and folders as they come, then links: so nothing is ever written through a link."""
    left, links = allowed, list[_Member]()
    for number, member in enumerate(members):
        if number >= MEMBER_LIMIT:
            raise _Unsafe(f"it has more than {MEMBER_LIMIT:,} members")
        path = aside / _inside(member.name)
        if member.link is not None:
            links.append(member)
        elif member.open is None:
            with writing(path):
                path.mkdir(parents=True, exist_ok=True)
        else:
            left -= _write_file(member, member.open, path, left)
    for member in sorted(links, key=lambda link: not link.hard):
        _write_link(member, aside)
    root = aside.resolve()
    for member in links:
        path = aside / _inside(member.name)
        if not path.exists() or not path.resolve().is_relative_to(root):
            raise _Unsafe(f"its link {member.name!r} names {member.link!r}, which is not in it")


def _write_file(member: _Member, opened: Callable[[], IO[bytes]], path: Path, left: int) -> int:
    """The bytes written."""
    if member.size > left:
        raise _Unsafe(_TOO_LARGE)
    if path.exists():
        raise _Unsafe(f"it has {member.name!r} twice")
    written = 0
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        sink = path.open("xb")
    with sink, opened() as source:
        while chunk := source.read(_CHUNK):
            written += len(chunk)
            if written > left:  # headers lie
                raise _Unsafe(_TOO_LARGE)
            with writing(path):
                sink.write(chunk)
    if written != member.size:
        raise _Unsafe(f"{member.name!r} has {written:,} bytes and should have {member.size:,}")
    return written


def _write_link(member: _Member, aside: Path) -> None:
    path, named = aside / _inside(member.name), str(member.link)
    if named.startswith("/"):
        raise _Unsafe(f"its link {member.name!r} names {named!r}, which is not in it")
    if os.path.lexists(path):
        raise _Unsafe(f"it has {member.name!r} twice")
    if not path.parent.resolve().is_relative_to(aside.resolve()):
        raise _Unsafe(f"{member.name!r} lies behind a link out of it")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if not member.hard:
            path.symlink_to(named)
        elif (file := aside / _inside(named)).is_file():
            path.hardlink_to(file)


def _of_zip(packed: zipfile.ZipFile) -> Iterator[_Member]:
    for info in packed.infolist():
        kind = stat.S_IFMT(info.external_attr >> 16)
        if "\0" in info.orig_filename:
            raise _Unsafe(f"the name {info.orig_filename!r} has a zero byte")
        if info.is_dir():
            yield _Member(info.filename)
        elif kind in (0, stat.S_IFREG):
            yield _Member(info.filename, info.file_size, partial(packed.open, info))
        else:
            raise _Unsafe(f"{info.filename!r} is a link or device, where files and folders should be")


def _of_tar(stream: _Guarded) -> Iterator[_Member]:
    with tarfile.open(fileobj=cast(IO[bytes], stream), mode="r:") as packed:
        for info in packed:
            if info.isdir():
                yield _Member(info.name)
            elif info.isreg():
                yield _Member(info.name, info.size, partial(_tar_file, packed, info))
            elif info.issym() or info.islnk():
                yield _Member(info.name, link=info.linkname, hard=info.islnk())
            else:
                raise _Unsafe(f"{info.name!r} is a device or pipe, where files and folders should be")
            packed.members = []  # type: ignore[attr-defined]  # may be millions
        if stream.last != bytes(_BLOCK):  # the reader ends as quietly at a damaged header as at the end
            raise _Unsafe("it is cut short, or damaged in the middle")
        while stream.read(_CHUNK):  # to the end, where checksums are
            pass


def _tar_file(packed: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    file = packed.extractfile(info)
    if file is None:
        raise _Unsafe(f"{info.name!r} has no content")
    return file


class _Guarded:
    """A stream to read a tar from that gives no more than it may, nor a header that fills the memory."""

    def __init__(self, stream: IO[bytes], allowed: int) -> None:
        self._stream = stream
        self._left = 2 * allowed  # what is not content, headers and padding, has its share too
        self.last = b""
        """What was read last."""

    def read(self, size: int) -> bytes:
        """The next `size` bytes."""
        if not 0 <= size <= _HEADER_LIMIT:
            raise _Unsafe(f"it has a header of {size:,} bytes")
        self.last = self._stream.read(size)
        self._left -= len(self.last)
        if self._left < 0:
            raise _Unsafe(_TOO_LARGE)
        return self.last

    def seek(self, position: int) -> int:
        """Go to a byte."""
        return self._stream.seek(position)

    def tell(self) -> int:
        """The byte that is next."""
        return self._stream.tell()


def _inside(name: str) -> str:
    """The name, if it can only lie inside a folder."""
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or ".." in parts or ":" in parts[0] or "\0" in name or not name:
        raise _Unsafe(f"its member {name!r} would lie outside of the folder")
    return name
