"""Broken data sets from folder to split: never a traceback, never an example that goes missing in silence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from i2ibench import own_tasks, registry
from i2ibench.data import rows
from i2ibench.data.checks import check
from i2ibench.data.prepare import prepare
from i2ibench.errors import BenchError
from i2ibench.progress import Silent
from i2ibench.task import Resolution, Task

SIZE, EACH = Resolution(8, 8), 4
CARDS = {
    "pairs": ('"paired-folders"', '["pairs"]', ("A", "B"), "{split}/{side}/{number}.png"),
    "domains": ('"domains"', "[]", ("A", "B"), "{split}{side}/{number}.png"),
}


def build(root: Path, kind: str, draw: np.random.Generator) -> Task:
    """A data set of good pictures and its card."""
    layout, gives, sides, pattern = CARDS[kind]
    (root / "card.toml").write_text(
        f'name = "broken"\nlevel = "weak"\ngives = {gives}\nresolutions = ["8x8"]\n[data]\nlayout = {layout}\n'
    )
    for split in ("train", "val", "test") if kind == "pairs" else ("train", "test"):
        for side in sides:
            for number in range(EACH):
                file = (
                    root
                    / "set"
                    / pattern.format(split=split, side=side, number=f"{side}{number}" if kind == "domains" else number)
                )
                file.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(draw.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(file)
    return own_tasks.read(root / "card.toml")


def damage(root: Path, draw: np.random.Generator) -> int:
    """Spoil some files in one of many ways; how many."""
    files = sorted((root / "set").rglob("*.png"))
    chosen = draw.choice(len(files), draw.integers(1, 5), replace=False)
    for index in chosen:
        file, content = files[index], bytearray(files[index].read_bytes())
        way = draw.integers(0, 8)
        if way == 0:
            file.write_bytes(b"")
        elif way == 1:
            file.write_bytes(content[: draw.integers(1, len(content))])
        elif way == 2:
            file.write_bytes(draw.integers(0, 256, 200, dtype=np.uint8).tobytes())
        elif way == 3:
            for place in draw.integers(0, len(content), 6):
                content[place] ^= 1 << draw.integers(0, 8)
            file.write_bytes(bytes(content))
        elif way == 4:
            file.unlink()
        elif way == 5:
            file.rename(file.with_suffix(".txt"))
        elif way == 6:
            Image.new(draw.choice(["1", "L", "P", "RGBA", "CMYK", "I;16"]), (8, 8)).save(file, "tiff")
        else:
            Image.new("RGB", (int(draw.integers(1, 20)), int(draw.integers(1, 20)))).save(file)
    return len(chosen)


@pytest.mark.parametrize("kind", CARDS)
@pytest.mark.parametrize("seed", range(100))
def test_every_example_is_in_the_split_or_told(
    kind: str, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("I2IBENCH_CACHE", str(tmp_path / "cache"))
    draw = np.random.default_rng([seed, len(kind)])
    task = build(tmp_path, kind, draw)
    damage(tmp_path, draw)
    left = len([file for file in (tmp_path / "set").rglob("*") if file.suffix == ".png"])
    try:
        checks = check(task, tmp_path / "set", progress=Silent())
    except BenchError:  # a whole domain is gone
        assert left < EACH * 6
        return
    unusable = sum(len(one.problems) for one in checks)
    if unusable:
        with pytest.raises(BenchError, match="cannot be used"):
            prepare(task, tmp_path / "set", SIZE, progress=Silent())
    try:
        made = prepare(task, tmp_path / "set", SIZE, leave_out=True, progress=Silent())
    except BenchError as error:  # nothing of the source domain is left
        assert "at least one" in str(error)
        return
    kept = sum(record.rows * (2 if task.paired else 1) + record.targets for record in made.values())
    assert kept + sum(len(record.left_out) for record in made.values()) * (2 if task.paired else 1) >= left
    assert bool(unusable) == any(record.left_out for record in made.values())
    for name in made:
        split = rows.load(registry.task("broken"), SIZE, name)
        for table in filter(None, (split.rows, split.targets)):
            assert all(
                table[index].get("source", table[index].get("target")).shape == (8, 8, 3) for index in range(len(table))
            )
