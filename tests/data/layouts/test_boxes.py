from __future__ import annotations

import json
import math
import random
from pathlib import Path

import numpy as np
import pytest

from i2ibench.data.layouts.boxes import Boxes, boxes_at
from i2ibench.errors import BenchError

CLASSES = ("car", "person", "traffic sign")
HEADER = "picture,left,top,right,bottom,class\n"
CSV = HEADER + "a.jpg,1,2,3.5,4,car\na.jpg,0,0,10,10,Traffic Sign\nb.png,5,5,6,6,1\n"
JSON = json.dumps({"a.jpg": [[1, 2, 3.5, 4, "car"], [0, 0, 10, 10, "traffic sign"]], "b": [[5, 5, 6, 6, 1]], "c": []})
VOC = """<annotation><filename>a.jpg</filename><!-- written by a detector -->
<object><name>car</name><bndbox><xmin>2</xmin><ymin>3</ymin><xmax>3.5</xmax><ymax>4</ymax></bndbox></object>
<object><name>traffic sign</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>10</xmax><ymax>10</ymax></bndbox></object>
</annotation>"""


def read(path: Path, text: str) -> Boxes:
    path.write_text(text)
    boxes = Boxes(CLASSES)
    boxes.read(path)
    return boxes


@pytest.mark.parametrize(("name", "text"), [("x.csv", CSV), ("x.JSON", JSON), ("x.xml", VOC)])
def test_all_kinds_of_files_say_the_same(tmp_path: Path, name: str, text: str) -> None:
    boxes = read(tmp_path / name, text)
    np.testing.assert_array_equal(boxes.of("a"), np.array([[1, 2, 3.5, 4, 0], [0, 0, 10, 10, 2]], np.float32))
    assert boxes.of("a").dtype == np.float32 and boxes.of("nowhere").shape == (0, 5)
    if not name.endswith("xml"):
        np.testing.assert_array_equal(boxes.of("b"), [[5, 5, 6, 6, 1]])
    assert not boxes.problems


@pytest.mark.parametrize(
    "line",
    ["3,0,3,5,car", "0,5,3,5,car", "0,0,nan,5,car", "0,0,inf,5,car", "0,0,1,car", "x,0,1,2,car"],
)
def test_boxes_without_area_or_sense_are_problems(tmp_path: Path, line: str) -> None:
    boxes = read(tmp_path / "x.csv", HEADER + "a.jpg," + line + "\na.jpg,0,0,1,1,car\n")
    assert len(boxes.of("a")) == 1 and len(boxes.problems) == 1 and boxes.problems[0].reason.startswith("line 2:")


def test_other_classes_are_left_out_and_told_once(tmp_path: Path) -> None:
    boxes = read(tmp_path / "x.csv", HEADER + "a,0,0,1,1,dog\nb,0,0,1,1,dog\nb,0,0,1,1,3\nb,0,0,1,1,car\n")
    assert [problem.reason for problem in boxes.problems] == [
        "2 boxes of class 'dog' are left out (classes: car, person, traffic sign)",
        "1 boxes of class '3' are left out (classes: car, person, traffic sign)",
    ]
    assert len(boxes.of("b")) == 1
    numbered = Boxes(())
    numbered.take("x", "a", [[0, 0, 1, 1, 70]])
    assert numbered.of("a")[0, 4] == 70 and not numbered.problems


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("x.csv", "left,top\n", "its first line should be picture,left"),
        ("x.csv", "", "its first line should be picture,left"),
        ("x.json", "[]", "it should be"),
        ("x.json", '{"a": 1}', "no list of boxes"),
        ("x.json", "{", "cannot be read"),
        ("x.json", "[" * 100000, "cannot be read"),
        ("x.xml", "<annotation>", "no element found"),
        ("x.xml", "<annotation/>", "<filename>"),
        ("x.xml", '<!DOCTYPE a [<!ENTITY b "c">]><annotation><filename>&b;</filename></annotation>', "entities"),
    ],
)
def test_files_of_another_kind_are_errors(tmp_path: Path, name: str, text: str, reason: str) -> None:
    with pytest.raises(BenchError, match=reason):
        read(tmp_path / name, text)
    with pytest.raises(BenchError, match="No such file"):
        Boxes(CLASSES).read(tmp_path / f"absent-{name}")


def test_where_boxes_are_looked_for(tmp_path: Path) -> None:
    assert boxes_at(tmp_path / "sunny", CLASSES) is None
    (tmp_path / "sunny").mkdir()
    assert boxes_at(tmp_path / "sunny", CLASSES) is None
    (tmp_path / "sunny/a.xml").write_text(VOC)
    (tmp_path / "sunny/broken.XML").write_text("<annotation")
    found = boxes_at(tmp_path / "sunny", CLASSES)
    assert found is not None and len(found.of("a")) == 2 and len(found.problems) == 1
    (tmp_path / "sunny.csv").write_text(HEADER)
    found = boxes_at(tmp_path / "sunny", CLASSES)
    assert found is not None and len(found.of("a")) == 0


@pytest.mark.parametrize("seed", range(150))
def test_any_damage_is_an_error_or_a_problem(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    name, text = [("x.csv", CSV), ("x.json", JSON), ("x.xml", VOC)][seed % 3]
    content = bytearray(text.encode())
    for _ in range(rng.randint(1, 6)):
        kind, at = rng.randrange(4), rng.randrange(len(content) or 1)
        if kind == 0:
            content = content[:at]
        elif kind == 1 and content:
            content[at % len(content)] = rng.randrange(256)
        elif kind == 2:
            content[at:at] = rng.choice(
                [b"1e999", b"-", b"null", b"<", b"\0", b'"', b"\xff\xfe", b"\n\n", b"[[", b"{}"]
            )
        else:
            content = content[at:] + content[:at]
    (tmp_path / name).write_bytes(content)
    boxes = Boxes(CLASSES)
    try:
        boxes.read(tmp_path / name)
    except BenchError as error:
        assert name in str(error)
    for stem in boxes.found:
        found = boxes.of(stem)
        assert found.shape[1] == 5 and np.isfinite(found).all()
        assert all(left < right and top < bottom for left, top, right, bottom, _ in boxes.found[stem])
        assert all(0 <= label < len(CLASSES) and math.floor(label) == label for label in found[:, 4])
