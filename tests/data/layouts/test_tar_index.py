from __future__ import annotations

import io
import random
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from i2ibench.data.layouts.tar_index import TarIndex, tar_index
from i2ibench.errors import BenchError

FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


def add(tar: tarfile.TarFile, name: str, content: bytes, kind: bytes = tarfile.REGTYPE, mtime: float = 0) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.type, member.mtime, member.linkname = len(content), kind, mtime, "target"  # type: ignore[assignment]
    tar.addfile(member, io.BytesIO(content))


def small(path: Path, count: int = 6, form: str = "pax") -> Path:
    with tarfile.open(path, "w", format=FORMATS[form]) as tar:
        for number in range(count):
            add(
                tar,
                f"{number:03d}.txt",
                b"%d" % number * (number * 100 + 1),
                mtime=number + 0.5 if form == "pax" else 1,
            )
    return path


def contents(index: TarIndex) -> dict[str, bytes]:
    return {name: index.content(number).load() for number, name in enumerate(index.names)}


name = st.text(
    st.characters(codec="utf-8", exclude_characters="\0/", exclude_categories=["Cs"]), min_size=1, max_size=160
)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.lists(name, min_size=1, max_size=3), st.binary(max_size=1100)), max_size=6),
    st.sampled_from(["gnu", "pax"]),
    st.floats(0, 2e9),
)
def test_members_are_those_that_tarfile_finds(
    tmp_path_factory: pytest.TempPathFactory, members: list[tuple[list[str], bytes]], form: str, mtime: float
) -> None:
    path = tmp_path_factory.mktemp("tar") / "x.tar"
    with tarfile.open(path, "w", format=FORMATS[form], encoding="utf-8") as tar:
        add(tar, "folder", b"", tarfile.DIRTYPE)
        for parts, content in members:
            add(tar, "/".join(parts), content, mtime=mtime)
    index = tar_index(path)
    with tarfile.open(path, encoding="utf-8") as tar:
        expected = [
            (member.name, member.offset_data, member.size, tar.extractfile(member).read())  # type: ignore[union-attr]
            for member in tar
            if member.isfile()
        ]
    assert not index.problems and len(index) == len(expected)
    for number, (found, offset, size, content) in enumerate(expected):
        assert index.names[number].rstrip("/") == found
        assert (index.offsets[number], index.sizes[number]) == (offset, size)
        assert index.content(number).load() == content


@pytest.mark.parametrize("form", FORMATS)
def test_long_names_and_an_empty_tar(tmp_path: Path, form: str) -> None:
    long = "/".join(["d" * 60, "e" * 80, "f" * 90 + ".png"])
    with tarfile.open(tmp_path / "x.tar", "w", format=FORMATS[form]) as tar:
        add(tar, long, b"content")
    assert contents(tar_index(tmp_path / "x.tar")) == {long: b"content"}
    tarfile.open(tmp_path / "none.tar", "w").close()
    assert len(tar_index(tmp_path / "none.tar")) == 0


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        add(tar, "a.png", b"a")
        for number, kind in enumerate((tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, b"Z")):
            add(tar, f"{number}.png", b"", kind)
        add(tar, "b.png", b"b")
    index = tar_index(tmp_path / "x.tar")
    assert contents(index) == {"a.png": b"a", "b.png": b"b"}
    kinds = ["a symbolic link", "a hard link", "a device", "a pipe", "of unknown type b'Z'"]
    assert [problem.reason for problem in index.problems] == [f"is {kind}, not a file: left out" for kind in kinds]


def test_large_sizes_in_base_256(tmp_path: Path) -> None:
    header = tarfile.TarInfo("huge.bin")
    header.size = 1 << 40
    path = tmp_path / "x.tar"
    path.write_bytes(header.tobuf(tarfile.GNU_FORMAT))
    with path.open("r+b") as file:  # sparse on disk
        file.truncate(512 + (1 << 40) + 1024)
    index = tar_index(path)
    assert index.sizes.tolist() == [1 << 40] and not index.problems


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz"])
def test_compressed_shards_are_refused_with_the_way_out(tmp_path: Path, kind: str) -> None:
    with tarfile.open(tmp_path / "x.tar", f"w:{kind}") as tar:  # type: ignore[call-overload]
        add(tar, "a.png", b"a")
    with pytest.raises(BenchError, match="compressed.*unpack it to a plain .tar"):  # noqa: RUF043
        tar_index(tmp_path / "x.tar")


def test_what_is_no_tar(tmp_path: Path) -> None:
    (tmp_path / "empty.tar").touch()
    (tmp_path / "text.tar").write_text("text" * 400)
    (tmp_path / "short.tar").write_bytes(bytes(100))
    for file, reason in (
        ("empty", "is empty"),
        ("text", "no tar file"),
        ("short", "no tar file"),
        ("absent", "No such"),
    ):
        with pytest.raises(BenchError, match=reason):
            tar_index(tmp_path / f"{file}.tar")


def test_what_is_cut_short_is_told_and_the_rest_is_kept(tmp_path: Path) -> None:
    whole = small(tmp_path / "x.tar", form="gnu").read_bytes()
    full = tar_index(tmp_path / "x.tar")
    for length in range(512, 4000, 100):
        (tmp_path / "cut.tar").write_bytes(whole[:length])
        index = tar_index(tmp_path / "cut.tar")
        inside = [
            n for n, (start, size) in enumerate(zip(full.offsets, full.sizes, strict=True)) if start + size <= length
        ]
        assert index.names == [full.names[number] for number in inside]
        assert len(index.problems) == 1 and "cut short" in index.problems[0].reason
        assert all(contents(index)[name] == contents(full)[name] for name in index.names)


def test_joined_shards_are_told(tmp_path: Path) -> None:
    whole = small(tmp_path / "x.tar").read_bytes()
    (tmp_path / "x.tar").write_bytes(whole + whole)
    index = tar_index(tmp_path / "x.tar")
    assert len(index) == 6 and "joined files" in index.problems[0].reason


def test_a_shard_that_changes_is_noticed(tmp_path: Path) -> None:
    index = tar_index(small(tmp_path / "x.tar"))
    small(tmp_path / "x.tar", count=3)
    with pytest.raises(BenchError, match="another size"):
        index.content(0).load()


@pytest.mark.parametrize("seed", range(300))
def test_any_damage_to_headers_is_an_error_or_a_problem(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    form = rng.choice(list(FORMATS))
    content = bytearray(small(tmp_path / "x.tar", form=form).read_bytes())
    intact = contents(tar_index(tmp_path / "x.tar"))
    headers = [at for at in range(0, len(content), 512) if content[at + 257 : at + 262] == b"ustar"]
    at = rng.choice(headers)
    kind = rng.randrange(5)
    if kind == 0:  # any byte of a header
        content[at + rng.randrange(512)] ^= rng.randrange(1, 256)
    elif kind == 1:  # a size, with the checksum mended
        content[at + 124 : at + 136] = rng.choice(
            [b"77777777777\0", b"\x80" + bytes([255] * 11), b"-1         \0", b"z" * 12]
        )
    elif kind == 2:  # a type, with the checksum mended
        content[at + 156] = rng.randrange(256)
    elif kind == 3:
        content = content[: rng.randrange(1, len(content))]
    else:
        start = rng.randrange(len(content))
        content[start : start + 600] = rng.randbytes(600)
    if kind in (1, 2):
        content[at + 148 : at + 156] = b" " * 8
        content[at + 148 : at + 156] = b"%06o\0 " % sum(content[at : at + 512])
    (tmp_path / "x.tar").write_bytes(content)
    try:
        index = tar_index(tmp_path / "x.tar")
    except BenchError as error:
        assert "x.tar" in str(error)
        return
    found = contents(index)
    assert all(len(found[name]) == size for name, size in zip(index.names, index.sizes, strict=True))
    if not index.problems and kind in (0, 3):  # silently whole: then nothing is lost
        assert set(intact) == set(found)
