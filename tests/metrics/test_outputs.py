from __future__ import annotations

import io
import re
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from i2ibench.errors import BenchError
from i2ibench.metrics import png
from i2ibench.metrics.evaluate import evaluate
from i2ibench.metrics.outputs import reader
from i2ibench.task import Resolution


def missing(folder):
    for number in range(4):
        (folder / f"test00{number}.png").unlink()


def extra(folder):
    (folder / "test001.png").rename(folder / "other.png")


def jpeg(folder):
    Image.open(folder / "test001.png").save(folder / "test001.jpg")
    (folder / "test001.png").unlink()


def disguised(folder):
    Image.open(folder / "test001.png").save(folder / "test001.png", "jpeg")


def webp(folder):
    Image.open(folder / "test001.png").save(folder / "test001.png", "webp")


def bitmap(folder):
    Image.open(folder / "test001.png").save(folder / "test001.png", "bmp")


def text(folder):
    (folder / "test001.png").write_text("no picture")


def empty(folder):
    (folder / "test001.png").write_bytes(b"")


def begun(folder):
    (folder / "test001.png").write_bytes((folder / "test001.png").read_bytes()[:20])


def cut(folder):
    content = (folder / "test001.png").read_bytes()
    (folder / "test001.png").write_bytes(content[: len(content) // 2])


def last_byte(folder):
    content = (folder / "test001.png").read_bytes()
    (folder / "test001.png").write_bytes(content[:-1])


def larger(folder):
    Image.open(folder / "test001.png").resize((96, 64)).save(folder / "test001.png")


def turned(folder):
    Image.open(folder / "test001.png").transpose(Image.Transpose.ROTATE_90).save(folder / "test001.png")


def alpha(folder):
    Image.open(folder / "test001.png").convert("RGBA").save(folder / "test001.png")


def palette(folder):
    Image.open(folder / "test001.png").quantize(16).save(folder / "test001.png")


def grey(folder):
    Image.open(folder / "test001.png").convert("L").save(folder / "test001.png")


def deep(folder):
    Image.fromarray(np.zeros((32, 48), np.uint16)).save(folder / "test001.png")


def deep_colour(folder):
    """Pillow reads such a file as RGB and drops the low bytes without a word."""
    (folder / "test001.png").write_bytes(made_png(16, 2))


def made_png(depth: int, colours: int) -> bytes:
    lines = b"".join(b"\0" + bytes(48 * 6) for _ in range(32))
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", 48, 32, depth, colours, 0, 0, 0)),
        (b"IDAT", zlib.compress(lines)),
        (b"IEND", b""),
    ]
    chunks = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts)
    return png.SIGNATURE + b"".join(chunks)


WRONG = [
    (missing, r"does not match the 6 pictures .*4 missing \(test000.png, test001.png, test002.png and 1 more\)"),
    (extra, r"1 missing \(test001.png\); 1 not of the split \(other.png\)"),
    (jpeg, r"32x48: 1 stored with loss \(test001\.jpg\)\. Nothing .*lossy compression alone shifts FID"),
    (disguised, r"1 stored with loss \(test001\.png holds JPEG\)"),
    (webp, r"1 stored with loss \(test001\.png holds WebP\)"),
    (bitmap, r"named .png but holding something else \(test001\.png holds BMP\).*save the outputs as PNG"),
    (text, r"something else \(test001\.png holds no picture\)"),
    (empty, r"1 cut short \(test001\.png: empty\)"),
    (begun, r"1 cut short \(test001\.png: 20 bytes\)"),
    (cut, r"1 cut short \(test001\.png: [\d,]+ bytes without an end\)"),
    (last_byte, r"1 cut short \(test001\.png: [\d,]+ bytes without an end\)"),
    (larger, r"1 of another size \(test001\.png is 64x96\).*write 32x48 \(height x width\)"),
    (turned, r"1 of another size \(test001\.png is 48x32\)"),
    (alpha, r"1 not 8-bit RGB \(test001\.png is 8-bit RGBA\)"),
    (palette, r"1 not 8-bit RGB \(test001\.png is [48]-bit palette\)"),
    (grey, r"1 not 8-bit RGB \(test001\.png is 8-bit grey\)"),
    (deep, r"1 not 8-bit RGB \(test001\.png is 16-bit grey\)"),
    (deep_colour, r"1 not 8-bit RGB \(test001\.png is 16-bit RGB\)"),
]


@pytest.mark.parametrize(("harm", "told"), WRONG, ids=[harm.__name__ for harm, _ in WRONG])
def test_wrong_outputs_are_named_and_nothing_is_scored(harm, told, make_split, outputs, write, tmp_path) -> None:
    split = make_split(6)
    folder = write(tmp_path / "out", outputs(split))
    reader(folder, split, 6)
    harm(folder)
    with pytest.raises(BenchError, match=rf"{told}") as error:
        evaluate(folder, split, ["psnr"])
    assert "Nothing was scored" in str(error.value) and "\n" not in str(error.value)


def test_all_faults_are_told_at_once_before_any_picture_is_decoded(make_split, outputs, write, tmp_path, monkeypatch):
    split = make_split(12)
    folder = write(tmp_path / "out", outputs(split))
    (folder / "test000.png").unlink()
    for number, harm in enumerate([jpeg, bitmap, cut, larger, alpha], start=2):
        aside = write(tmp_path / str(number), {"test001": outputs(split)["test001"]})
        harm(aside)
        (folder / f"test{number:03d}.png").unlink()
        (harmed,) = aside.iterdir()
        harmed.rename(folder / f"test{number:03d}{harmed.suffix}")
    (folder / "strange.txt").write_text("")
    monkeypatch.setattr(Image, "open", lambda *_: pytest.fail("a picture was decoded"))
    with pytest.raises(BenchError) as error:
        evaluate(folder, split, ["psnr"])
    for told in (
        "1 missing (test000.png)",
        "1 not of the split (strange.txt)",
        "1 stored with loss (test002.jpg)",
        "1 named .png but holding something else (test003.png holds BMP)",
        "1 cut short (test004.png",
        "1 of another size (test005.png is 64x96)",
        "1 not 8-bit RGB (test006.png is 8-bit RGBA)",
    ):
        assert told in str(error.value)


def test_damage_inside_is_told_when_the_picture_is_read(make_split, outputs, write, tmp_path) -> None:
    split = make_split(40)
    folder = write(tmp_path / "out", outputs(split))
    content = bytearray((folder / "test003.png").read_bytes())
    content[60:90] = bytes(30)
    (folder / "test003.png").write_bytes(content)
    read = reader(folder, split, 40)
    assert read("test002").shape == (32, 48, 3)
    with pytest.raises(BenchError, match=r"test003\.png' cannot be read as a picture: its data are damaged"):
        read("test003")


def test_what_stands_behind_the_end_of_a_picture_is_passed_over(make_split, outputs, write, tmp_path) -> None:
    split = make_split(2)
    pictures = outputs(split)
    folder = write(tmp_path / "out", pictures)
    with (folder / "test001.png").open("ab") as file:
        file.write(b"left by a camera")
    np.testing.assert_array_equal(reader(folder, split, 2)("test001"), pictures["test001"])


@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    mode=st.sampled_from(["RGB", "RGBA", "L", "LA", "P", "1", "I;16"]),
    compression=st.integers(0, 9),
    cut=st.floats(0, 0.999),
)
@settings(max_examples=60, deadline=None)
def test_headers_say_what_pillow_finds(size, mode, compression, cut, tmp_path_factory) -> None:
    names = {"L": "grey", "LA": "grey with alpha", "P": "palette", "1": "grey", "I;16": "grey"}
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, "png", compress_level=compression)
    content = buffer.getvalue()
    file = tmp_path_factory.mktemp("png") / "a.png"
    file.write_bytes(content)
    with Image.open(file) as picture:
        found = png.inspect(file)
        assert isinstance(found, png.Header)
        assert found.resolution == Resolution(picture.height, picture.width)
        assert found.colours == names.get(mode, mode)
    file.write_bytes(content[: int(cut * len(content))])
    assert not isinstance(png.inspect(file), png.Header)


def test_a_missing_folder_is_named(make_split, tmp_path) -> None:
    with pytest.raises(BenchError, match=r"there is no folder .*absent"):
        evaluate(tmp_path / "absent", make_split(3), ["psnr"])


def test_arrays_are_checked_all_at_once(make_split, outputs) -> None:
    split = make_split(6)
    pictures = outputs(split)
    del pictures["test000"]
    pictures["test001"] = pictures["test001"].astype(np.float32) / 127.5 - 1
    pictures["test002"] = pictures["test002"][:16]
    pictures["test003"] = pictures["test003"].tolist()
    pictures["other"] = pictures["test004"]
    with pytest.raises(BenchError, match="mapping of outputs does not match the 6 pictures") as error:
        evaluate(pictures, split, ["psnr"])
    assert "1 missing (test000); 1 not of the split (other); 3 no uint8 array [32, 48, 3]" in str(error.value)
    assert re.search(
        r"test001 is float32 of 32x48x3 from -[\d.]+ to [\d.]+, test002 is uint8 of 16x48", str(error.value)
    )
    assert "test003 is list" in str(error.value) and "named as in the split, say test000;" in str(error.value)
    assert "rounding (x + 1) * 127.5" in str(error.value)


def test_hidden_files_are_left_alone(make_split, outputs, write, tmp_path) -> None:
    split = make_split(2)
    folder = write(tmp_path / "out", outputs(split))
    (folder / ".left-by-a-kill.png").write_bytes(b"")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "a.png").write_bytes(b"")
    assert evaluate(folder, split, ["psnr"]).scores[0].n == 2


@pytest.mark.parametrize("low", [0, -1])
@pytest.mark.parametrize("as_files", [True, False])
def test_floats_cast_to_bytes_are_told(low, as_files, make_split, outputs, write, tmp_path) -> None:
    split = make_split(20)
    pictures = {
        name: (pixels / 255.0 * (1 - low) + low).astype(np.int64).astype(np.uint8)  # int64: what a cast of -1 gives
        for name, pixels in outputs(split).items()
    }
    with pytest.raises(BenchError, match=r"floats in \[0, 1\] or \[-1, 1\] that were cast to 8 bits") as error:
        evaluate(write(tmp_path / "out", pictures) if as_files else pictures, split, ["psnr"])
    assert "no values but 0, 1" in str(error.value) and "Nothing was scored" in str(error.value)


def test_pictures_of_two_colours_are_none_of_those(make_split, outputs) -> None:
    split = make_split(5)
    edges = {name: (pixels > 99).astype(np.uint8) * np.uint8(255) for name, pixels in outputs(split).items()}
    assert evaluate(edges, split, ["psnr"]).scores[0].value > 0
    dark = {name: pixels // 100 for name, pixels in outputs(split).items()}  # 0, 1 and 2
    assert evaluate(dark, split, ["psnr"]).scores[0].value > 0


def test_samples_are_counted_and_checked_like_outputs(make_split, outputs, write, tmp_path) -> None:
    split = make_split(6)
    folder = write(tmp_path / "out", outputs(split))
    first, second = outputs(split, 8), outputs(split, 9)
    samples = tmp_path / "samples"
    write(samples / "01", first)
    write(samples / "02", {name: second[name] for name in ("test001", "test004")})
    read = reader(folder, split, 6, samples)
    assert read.samples == dict.fromkeys(split.rows.names, 2) | {"test001": 3, "test004": 3}
    np.testing.assert_array_equal(read("test001", 1), first["test001"])
    np.testing.assert_array_equal(read("test004", 2), second["test004"])
    np.testing.assert_array_equal(read("test004"), outputs(split)["test004"])
    assert reader(folder, split, 6).samples == {}

    (samples / "01" / "test004.png").unlink()
    (samples / "01" / "strange.png").write_bytes(b"")
    (samples / "more").mkdir()
    Image.new("RGB", (48, 33)).save(samples / "02" / "test001.png")
    with pytest.raises(BenchError) as error:
        reader(folder, split, 6, samples)
    assert "1 missing (samples/01/test004.png)" in str(error.value)
    assert "2 not of the split (samples/more, samples/01/strange.png)" in str(error.value)
    assert "1 of another size (samples/02/test001.png is 33x48)" in str(error.value)
    with pytest.raises(BenchError, match="there is no folder"):
        reader(folder, split, 6, tmp_path / "absent")


def test_samples_cast_to_bytes_are_told(make_split, outputs, write, tmp_path) -> None:
    split = make_split(3)
    folder = write(tmp_path / "out", outputs(split))
    write(tmp_path / "samples" / "01", {name: pixels // 200 for name, pixels in outputs(split).items()})
    with pytest.raises(BenchError, match="cast to 8 bits without being scaled"):
        reader(folder, split, 3, tmp_path / "samples")
