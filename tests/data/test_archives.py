from __future__ import annotations

import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from i2ibench.data import archives
from i2ibench.data.archives import unpack
from i2ibench.errors import BenchError

FILES = {"set/train/1.jpg": b"one" * 100, "set/train/2.jpg": b"", "set/notes.txt": bytes(range(256)) * 5000}


def zipped(path: Path, files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in files.items():
            file.writestr(zipfile.ZipInfo(name), content, compression)
    return path


def tarred(path: Path, files: dict[str, bytes], mode: str = "w", *more: tarfile.TarInfo) -> Path:
    with tarfile.open(path, mode) as file:  # type: ignore[call-overload]
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
        for info in more:
            file.addfile(info)
    return path


def special(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(archive: Path, reason: str) -> None:
    """It is refused for that reason, and nothing is left of it."""
    before = sorted(archive.parent.rglob("*"))
    with pytest.raises(BenchError, match=reason) as caught:
        unpack(archive, archive.parent / "out")
    assert archive.name in str(caught.value)
    assert sorted(archive.parent.rglob("*")) == before


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_tars(mode: str, tmp_path: Path) -> None:
    archive = tarred(tmp_path / "set.dat", FILES, mode, special("set/empty", tarfile.DIRTYPE))
    assert unpack(archive, tmp_path / "deep" / "out") == tmp_path / "deep" / "out"
    assert contents(tmp_path / "deep" / "out") == FILES
    assert (tmp_path / "deep" / "out" / "set" / "empty").is_dir()
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["out"]


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_zips(compression: int, tmp_path: Path) -> None:
    archive = zipped(tmp_path / "set.zip", {**FILES, "set/empty/": b""}, compression)
    (tmp_path / "out").mkdir()  # empty, so it may be there
    unpack(archive, tmp_path / "out")
    assert contents(tmp_path / "out") == FILES and (tmp_path / "out/set/empty").is_dir()


def test_a_tar_that_ends_in_a_zip_is_a_tar(tmp_path: Path) -> None:
    inner = zipped(tmp_path / "inner.zip", {"a": b"b"}).read_bytes()
    unpack(tarred(tmp_path / "set.tar", {"x.txt": b"x", "inner.zip": inner}), tmp_path / "out")
    assert contents(tmp_path / "out") == {"x.txt": b"x", "inner.zip": inner}


def test_links_within_are_kept(tmp_path: Path) -> None:
    archive = tarred(
        tmp_path / "a.tar", FILES, "w",
        special("set/latest", tarfile.SYMTYPE, "train/1.jpg"),
        special("set/same", tarfile.LNKTYPE, "set/notes.txt"),
        special("set/folder", tarfile.SYMTYPE, "../set/train"),
    )  # fmt: skip
    out = unpack(archive, tmp_path / "out")
    assert (out / "set/latest").read_bytes() == FILES["set/train/1.jpg"]
    assert (out / "set/same").read_bytes() == FILES["set/notes.txt"] and not (out / "set/same").is_symlink()
    assert (out / "set/folder/1.jpg").exists()


@pytest.mark.parametrize(
    "name", ["../evil", "/evil", "a/../../evil", "C:/evil", "..\\evil", "a\\..\\..\\evil", "\\evil"]
)
@pytest.mark.parametrize("make", [zipped, tarred])
def test_names_that_lead_elsewhere(make: Callable[..., Path], name: str, tmp_path: Path) -> None:
    refused(make(tmp_path / "archive", {"good.txt": b"1", name: b"2"}), "is refused: its member .* outside")


@pytest.mark.parametrize(
    ("kind", "link"),
    [
        (tarfile.SYMTYPE, "/etc/passwd"),
        (tarfile.SYMTYPE, "../../outside.txt"),
        (tarfile.SYMTYPE, "nowhere"),
        (tarfile.LNKTYPE, "../outside.txt"),
        (tarfile.LNKTYPE, "nowhere"),
        (tarfile.SYMTYPE, "link"),
    ],
)
def test_links_that_lead_elsewhere(kind: bytes, link: str, tmp_path: Path) -> None:
    (tmp_path / "outside.txt").write_text("private")
    refused(tarred(tmp_path / "a.tar", FILES, "w", special("link", kind, link)), "is refused: its (link|member)")


def test_nothing_is_written_through_links(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    archive = tmp_path / "a.tar"
    with tarfile.open(archive, "w") as file:
        file.addfile(special("door", tarfile.SYMTYPE, "../outside"))
        info = tarfile.TarInfo("door/file.txt")
        info.size = 1
        file.addfile(info, io.BytesIO(b"x"))
    refused(archive, "is refused: it has 'door' twice")
    with tarfile.open(archive, "w") as file:
        file.addfile(special("door", tarfile.SYMTYPE, "../outside"))
        file.addfile(special("door/second", tarfile.SYMTYPE, "x"))
    refused(archive, "behind a link")
    assert not list(outside.iterdir())


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_devices_in_tars(kind: bytes, tmp_path: Path) -> None:
    refused(tarred(tmp_path / "a.tar", {}, "w", special("device", kind)), "'device' is a device or pipe")


def test_links_in_zips(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr(info, "/etc/passwd")
    refused(tmp_path / "a.zip", "'link' is a link or device")


@pytest.mark.parametrize("make", [zipped, tarred])
def test_bombs(make: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "RATIO_FREE", 10_000)
    options = {} if make is zipped else {"mode": "w:xz"}
    refused(make(tmp_path / "bomb", {"zeros": bytes(20_000_000)}, **options), "would unpack to more than 200 times")
    many = make(tmp_path / "many", {f"{number}": bytes(400_000) for number in range(50)}, **options)
    refused(many, "would unpack to more than 200 times")
    monkeypatch.setattr(archives, "SIZE_LIMIT", 1_000)
    refused(make(tmp_path / "large", {"noise": os.urandom(2_000)}, **options), "would unpack to more than")
    monkeypatch.setattr(archives, "SIZE_LIMIT", 1_000_000)
    monkeypatch.setattr(archives, "MEMBER_LIMIT", 9)
    refused(make(tmp_path / "members", {str(number): b"" for number in range(10)}, **options), "more than 9 members")


def test_a_zip_that_lies_about_sizes(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"zeros": bytes(5_000_000)})
    data = archive.read_bytes()
    archive.write_bytes(data.replace((5_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    refused(archive, "a.zip")


def test_a_header_that_would_fill_the_memory(tmp_path: Path) -> None:
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 10**10
    (tmp_path / "a.tar").write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(10_000))
    refused(tmp_path / "a.tar", "it has a header of")


def test_what_comes_twice(tmp_path: Path) -> None:
    archive = tmp_path / "a.tar"
    with tarfile.open(archive, "w") as file:
        for _ in range(2):
            file.addfile(tarfile.TarInfo("same.txt"))
    refused(archive, "it has 'same.txt' twice")


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_tars_cut_short_anywhere(mode: str, tmp_path: Path) -> None:
    files = {f"{number}.bin": os.urandom(700) for number in range(6)}
    whole = tarred(tmp_path / "whole", files, mode).read_bytes()
    end = len(whole) if mode != "w" else 6 * 1536
    for length in [0, 1, 9, *range(100, end, 397)]:
        (tmp_path / "cut").write_bytes(whole[:length])
        refused(tmp_path / "cut", "cut short")


def test_a_damaged_tar_header_does_not_end_it_quietly(tmp_path: Path) -> None:
    data = bytearray(tarred(tmp_path / "a.tar", {"1": b"x", "2": b"y", "3": b"z"}).read_bytes())
    data[1024 + 3] ^= 1  # in the name of the second member: its checksum is wrong
    (tmp_path / "a.tar").write_bytes(data)
    refused(tmp_path / "a.tar", "cut short, or damaged in the middle")


def test_damaged_and_encrypted_zips(tmp_path: Path) -> None:
    data = bytearray(zipped(tmp_path / "a.zip", {"noise": os.urandom(5000)}, zipfile.ZIP_STORED).read_bytes())
    data[1000] ^= 1
    (tmp_path / "a.zip").write_bytes(data)
    refused(tmp_path / "a.zip", "CRC")
    (tmp_path / "a.zip").write_bytes(data[:3000])
    refused(tmp_path / "a.zip", "cut short")
    data[1000] ^= 1
    data[6] |= 1
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(data)
    refused(tmp_path / "a.zip", "encrypted")


def test_what_is_no_archive_and_where_it_cannot_go(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="there is no archive"):
        unpack(tmp_path / "none.zip", tmp_path / "out")
    (tmp_path / "page.zip").write_text("<html>not found</html>")
    refused(tmp_path / "page.zip", "is no zip or tar")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    archive = zipped(tmp_path / "a.zip", FILES)
    with pytest.raises(BenchError, match="is no empty folder"):
        unpack(archive, tmp_path / "full")
    with pytest.raises(BenchError, match="is no empty folder"):
        unpack(archive, archive)
    with pytest.raises(BenchError, match="cannot write"):
        unpack(archive, archive / "below")


def test_what_a_kill_left_is_done_again_and_two_do_not_meet(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", FILES)
    (tmp_path / ".out.unpacking" / "set").mkdir(parents=True)
    (tmp_path / ".out.unpacking" / "set" / "half.jpg").touch()
    with FileLock(tmp_path / ".out.lock"), pytest.raises(BenchError, match="by another process"):
        unpack(archive, tmp_path / "out")
    unpack(archive, tmp_path / "out")
    assert contents(tmp_path / "out") == FILES
    assert {path.name for path in tmp_path.iterdir()} == {"a.zip", "out"}


def test_broken_archives_unpack_or_are_refused(tmp_path: Path) -> None:
    """250 seeds: bits flipped, bytes put in, cut short."""
    outcomes = {True: 0, False: 0}
    for seed in range(250):
        random = np.random.default_rng(seed)
        files = {f"d{number % 3}/{number}": random.bytes(random.integers(0, 900)) for number in range(5)}
        path = tmp_path / "archive"
        if seed % 5 == 4:
            zipped(path, files)
        else:
            tarred(path, files, ["w", "w:gz", "w:bz2", "w:xz"][seed % 5])
        data = bytearray(path.read_bytes())
        how = random.integers(0, 4)
        if how == 0:
            del data[random.integers(0, len(data)) :]
        elif how == 1:
            start = random.integers(0, len(data))
            data[start : start + 30] = random.bytes(30)
        elif how == 2:
            for place in random.integers(0, len(data), random.integers(1, 9)):
                data[place] ^= 1 << random.integers(0, 8)
        path.write_bytes(data)
        out = tmp_path / str(seed)
        try:
            unpack(path, out)
        except BenchError as error:
            assert str(path) in str(error) or str(out.parent) in str(error)
            assert not out.exists()
        outcomes[out.exists()] += 1
        assert {entry.name for entry in tmp_path.iterdir() if entry.name.startswith(".")} == set()
    assert min(outcomes.values()) > 40, outcomes
