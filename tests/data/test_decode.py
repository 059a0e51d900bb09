from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageFile

from i2ibench.data import decode
from i2ibench.data.decode import read_ids, read_photo
from i2ibench.errors import BenchError

RANDOM = np.random.default_rng(0)
COLOURS = RANDOM.integers(0, 256, (6, 5, 3), np.uint8)
GREY = RANDOM.integers(0, 256, (6, 5), np.uint8)
GREY16 = RANDOM.integers(0, 65536, (6, 5), np.uint16)


def encoded(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def png(header: tuple[int, int, int, int], rows: NDArray[np.uint8], *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG by its specification, for what Pillow cannot write: width, height, bits, colour type; raw rows."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    lines = b"".join(b"\0" + row.tobytes() for row in rows)
    parts = [chunk(b"IHDR", struct.pack(">IIBBBBB", *header, 0, 0, 0)), *(chunk(*part) for part in chunks)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_colours_are_read_as_they_are(kind: str, tmp_path: Path) -> None:
    content = encoded(Image.fromarray(COLOURS), kind)
    (tmp_path / "a.dat").write_bytes(content)  # told by content, not by suffix
    for source in (content, tmp_path / "a.dat"):
        found = read_photo(source, "a")
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, COLOURS)


def test_webp_without_loss() -> None:
    np.testing.assert_array_equal(read_photo(encoded(Image.fromarray(COLOURS), "WEBP", lossless=True), "a"), COLOURS)


def test_grey_and_one_bit_have_equal_channels() -> None:
    expected = np.stack([GREY] * 3, axis=-1)
    np.testing.assert_array_equal(read_photo(encoded(Image.fromarray(GREY)), "a"), expected)
    black = np.array([[True, False], [False, True]])
    found = read_photo(encoded(Image.fromarray(black)), "a")
    np.testing.assert_array_equal(found[..., 0], [[255, 0], [0, 255]])


def test_palettes_are_read_by_colour_as_photos_and_by_index_as_ids() -> None:
    palette = RANDOM.integers(0, 256, (7, 3), np.uint8)
    indices = RANDOM.integers(0, 7, (6, 5), np.uint8)
    picture = Image.fromarray(indices).convert("P")
    picture = Image.new("P", (5, 6))
    picture.putdata(indices.ravel().tolist())
    picture.putpalette(palette.ravel().tolist())
    for kind in ("PNG", "GIF", "BMP", "TIFF"):
        content = encoded(picture, kind)
        np.testing.assert_array_equal(read_photo(content, "a"), palette[indices])
    np.testing.assert_array_equal(read_ids(encoded(picture), "a"), indices)


def test_upper_byte_of_sixteen_bits() -> None:
    content = encoded(Image.fromarray(GREY16))
    np.testing.assert_array_equal(read_photo(content, "a"), np.stack([GREY16 >> 8] * 3, axis=-1))
    found = read_ids(content, "a")
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, GREY16)
    np.testing.assert_array_equal(read_ids(encoded(Image.fromarray(GREY16), "TIFF"), "a"), GREY16)
    colours = RANDOM.integers(0, 65536, (6, 5, 3)).astype(">u2")
    rows = colours.reshape(6, 15)
    np.testing.assert_array_equal(read_photo(png((5, 6, 16, 2), rows), "a"), colours >> 8)  # type: ignore[arg-type]


def test_transparency_is_over_white() -> None:
    pixels = RANDOM.integers(0, 256, (6, 5, 4), np.uint8)
    pixels[0, 0, 3], pixels[0, 1, 3] = 0, 255
    found = read_photo(encoded(Image.fromarray(pixels)), "a")
    alpha = pixels[..., 3:] / 255
    np.testing.assert_allclose(found, pixels[..., :3] * alpha + 255 * (1 - alpha), atol=0.5 + 1e-9)
    assert found[0, 0].tolist() == [255, 255, 255]
    np.testing.assert_array_equal(found[0, 1], pixels[0, 1, :3])
    grey = read_photo(encoded(Image.fromarray(pixels[..., 2:])), "a")
    np.testing.assert_allclose(grey, pixels[..., 2:3] * alpha + 255 * (1 - alpha) + np.zeros(3), atol=0.5 + 1e-9)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_transparent_colour_becomes_white(channels: int) -> None:
    rows = np.array([[10, 10, 10, 20, 20, 20]], np.uint8)[:, : 2 * channels]
    rows = np.repeat(np.array([[10, 20]], np.uint8), channels, axis=1)
    key = struct.pack(f">{channels}H", *[20] * channels)
    content = png((2, 1, 8, 0 if channels == 1 else 2), rows, (b"tRNS", key))
    assert read_photo(content, "a").tolist() == [[[10] * 3, [255] * 3]]


def test_a_transparent_grey_of_sixteen_bits_becomes_white() -> None:
    rows = np.array([[2570, 5140]], ">u2")
    content = png((2, 1, 16, 0), rows, (b"tRNS", struct.pack(">H", 5140)))  # type: ignore[arg-type]
    assert read_photo(content, "a").tolist() == [[[10] * 3, [255] * 3]]
    colour = png((1, 1, 16, 2), np.array([[1, 2, 999]], ">u2"), (b"tRNS", struct.pack(">3H", 1, 2, 999)))  # type: ignore[arg-type]
    with pytest.raises(BenchError, match="16 bits"):
        read_photo(colour, "a")


def test_a_transparent_index_becomes_white() -> None:
    picture = Image.new("P", (2, 1))
    picture.putdata([0, 1])
    picture.putpalette([10, 20, 30, 40, 50, 60])
    assert read_photo(encoded(picture, transparency=1), "a").tolist() == [[[10, 20, 30], [255, 255, 255]]]


def test_cmyk_is_read_as_pillow_converts_it() -> None:
    picture = Image.fromarray(COLOURS).convert("CMYK")
    np.testing.assert_array_equal(read_photo(encoded(picture, "TIFF"), "a"), np.asarray(picture.convert("RGB")))
    flat = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # red
    assert np.abs(read_photo(encoded(flat, "JPEG"), "a").astype(int) - [255, 0, 0]).max() <= 3


def test_orientation_has_no_effect() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    content = encoded(Image.fromarray(COLOURS), exif=exif)
    assert Image.open(io.BytesIO(content)).getexif()[0x0112] == 6
    np.testing.assert_array_equal(read_photo(content, "a"), COLOURS)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "TIFF", "WEBP"])
def test_frames_and_pages_are_refused(kind: str) -> None:
    frames = [Image.fromarray(COLOURS), Image.fromarray(255 - COLOURS)]
    content = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    with pytest.raises(BenchError, match=r"'a.gif' is refused: it has 2 frames or pages"):
        read_photo(content, "a.gif")


def test_of_a_jpeg_with_a_second_picture_the_first_is_read() -> None:
    smooth = np.full((16, 16, 3), 90, np.uint8)
    content = encoded(
        Image.fromarray(smooth), "MPO", save_all=True, append_images=[Image.new("RGB", (8, 8), "white")], quality=95
    )
    assert np.abs(read_photo(content, "a").astype(int) - smooth).max() <= 2


def test_too_many_pixels_are_refused_by_the_header_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", never)
    for side in (9_500, 15_000, 60_000):  # above ours, above Pillow's warning, above Pillow's error
        with pytest.raises(BenchError, match="more than 89,000,000 pixels"):
            read_photo(png((side, side, 8, 0), np.zeros((1, 1), np.uint8)), "bomb.png")


def test_the_limit_is_inclusive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "PIXEL_LIMIT", 30)
    assert read_photo(encoded(Image.fromarray(COLOURS)), "a").shape == (6, 5, 3)
    monkeypatch.setattr(decode, "PIXEL_LIMIT", 29)
    with pytest.raises(BenchError, match="it is 6x5"):
        read_photo(encoded(Image.fromarray(COLOURS)), "a")


def test_ids_are_refused_where_values_may_have_changed() -> None:
    for content, reason in (
        (encoded(Image.fromarray(GREY), "JPEG"), "JPEG does not keep values"),
        (encoded(Image.fromarray(COLOURS)), "mode 'RGB'"),
        (encoded(Image.fromarray(np.dstack([GREY, GREY]))), "mode 'LA'"),
        (encoded(Image.fromarray(GREY > 9)), "less than 8 bits"),
        (png((2, 1, 4, 0), np.array([[0x12]], np.uint8)), "less than 8 bits"),
        (png((2, 1, 2, 0), np.array([[0x12]], np.uint8)), "less than 8 bits"),
    ):
        with pytest.raises(BenchError, match=reason):
            read_ids(content, "labels")


def test_other_values_are_refused() -> None:
    for picture in (Image.fromarray(np.ones((2, 2), np.float32)), Image.fromarray(np.ones((2, 2), np.int32))):
        content = encoded(picture, "TIFF")
        for read in (read_photo, read_ids):
            with pytest.raises(BenchError, match=rf"mode '{picture.mode}'"):
                read(content, "a.tif")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "TIFF", "PPM", "WEBP", "GIF"])
def test_what_is_cut_short_is_refused(kind: str) -> None:
    content = encoded(Image.fromarray(RANDOM.integers(0, 256, (40, 40, 3), np.uint8)), kind)
    for length in (len(content) // 2, len(content) - 30 if kind != "GIF" else len(content) // 3):
        with pytest.raises(BenchError, match=r"'cut\.pic' cannot be read as a picture"):
            read_photo(content[:length], "cut.pic")


def test_wrong_checksums_are_refused() -> None:
    content = bytearray(encoded(Image.fromarray(COLOURS)))
    content[content.index(b"IDAT") - 4 + 8 + 60] ^= 1
    with pytest.raises(BenchError, match="damaged"):
        read_photo(bytes(content), "a")


def test_what_is_no_picture_is_told(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="'a' cannot be read as a picture: it is empty"):
        read_photo(b"", "a")
    with pytest.raises(BenchError, match="its content is none of PNG, JPEG"):
        read_photo(b"<html>not found</html>", "a.jpg")
    with pytest.raises(BenchError, match="no such file"):
        read_photo(tmp_path / "a.png", "a.png")
    with pytest.raises(BenchError, match="no such file"):
        read_ids(tmp_path, "a folder")
    (tmp_path / "b.png").touch()
    with pytest.raises(BenchError, match=r"b\.png"):
        read_photo(tmp_path / "b.png", "b.png")


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from(["1", "L", "P", "RGB", "RGBA", "LA", "I;16", "CMYK"]))
def test_every_mode_and_size_that_is_written_is_read(width: int, height: int, mode: str) -> None:
    picture = Image.effect_noise((width, height), 50).convert("L")
    picture = picture.convert("I;16") if mode == "I;16" else picture.convert("RGB").convert(mode)
    found = read_photo(encoded(picture, "TIFF" if mode == "CMYK" else "PNG"), "a")
    assert found.shape == (height, width, 3) and found.dtype == np.uint8
