from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from i2ibench.data.layouts.init import INIT
from i2ibench.errors import BenchError

HEADER = "picture,left,top,right,bottom,class\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """60 training and 4 test pictures a condition: six drives of ten frames."""
    for split, count in (("train", 60), ("test", 4)):
        for domain in ("sunny", "night"):
            folder = tmp_path / split / domain
            folder.mkdir(parents=True)
            stems = [f"drive{number // 10}_{number:03d}" for number in range(count)]
            for stem in stems:
                Image.new("RGB", (8, 6)).save(folder / f"{stem}.jpg")
            lines = [f"{stem}.jpg,1,2,3,4,person\n" for stem in stems[1:]]
            (tmp_path / split / f"{domain}.csv").write_text(HEADER + "".join(lines))
    return tmp_path


def test_sources_then_targets_with_boxes(tree: Path) -> None:
    listing = INIT().listing(tree, "test")
    assert [entry.name for entry in listing.entries] == [
        f"{domain}-drive0_{number:03d}" for domain in ("sunny", "night") for number in range(4)
    ]
    assert [list(entry.parts) for entry in listing.entries] == [["source"]] * 4 + [["target"]] * 4
    np.testing.assert_array_equal(listing.entries[1].values["boxes"], [[1, 2, 3, 4, 1]])
    assert listing.entries[0].values["boxes"].shape == (0, 5) and not listing.problems
    assert listing.entries[0].parts["source"].read().shape == (6, 8, 3)


def test_val_is_carved_by_name_or_by_drive(tree: Path) -> None:
    for layout, drives in ((INIT(one_in=4), False), (INIT(scene="^(.*)_[0-9]+$", one_in=2), True)):
        names = {split: {entry.name for entry in layout.listing(tree, split).entries} for split in ("train", "val")}
        assert len(names["train"] | names["val"]) == 120 and not names["train"] & names["val"]
        found = {split: {name.split("_")[0] for name in names[split]} for split in names}
        assert (not found["train"] & found["val"]) == drives
    (tree / "test").rename(tree / "val")
    assert len(INIT().listing(tree, "val").entries) == 8 and len(INIT().listing(tree, "train").entries) == 120
    with pytest.raises(BenchError, match="test"):
        INIT().listing(tree, "test")


def test_annotations_of_pascal_voc_beside_the_pictures(tree: Path) -> None:
    for domain in ("sunny", "night"):
        (tree / f"test/{domain}.csv").unlink()
    with pytest.raises(BenchError, match=r"there is no '.*sunny.csv'"):
        INIT().listing(tree, "test")
    box = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>4</xmax><ymax>5</ymax></bndbox>"
    for domain in ("sunny", "night"):
        for stem in ("drive0_000", "ghost"):
            thing = f"<object><name>car</name>{box}</object>"
            text = f"<annotation><filename>{stem}.jpg</filename>{thing}</annotation>"
            (tree / f"test/{domain}/{stem}.xml").write_text(text)
    listing = INIT().listing(tree, "test")
    np.testing.assert_array_equal(listing.entries[0].values["boxes"], [[0, 0, 4, 5, 0]])
    assert ["ghost" in problem.reason for problem in listing.problems] == [True, True]


def test_what_cannot_be_used(tree: Path) -> None:
    with pytest.raises(BenchError, match="rainy"):
        INIT(target="rainy").listing(tree, "train")
    for options, reason in (
        ({"target": "sunny"}, "are both 'sunny'"),
        ({"pictures": "all"}, "patterns"),
        ({"scene": "("}, "regular expression"),
        ({"one_in": 1}, "one_in 1"),
    ):
        with pytest.raises(BenchError, match=reason):
            INIT(**options)  # type: ignore[arg-type]
