from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from i2ibench import cli

CARD = """
name = "mine"
level = "strong"
gives = ["pairs"]
resolutions = ["16x16"]

[data]
layout = "paired-folders"

[data.options]
source = "{split}/plan"
target = "{split}/photo"
"""


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path):
    """Exit code, standard output and standard error of one command, as a shell would see them."""
    monkeypatch.setenv("I2IBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["i2ibench", *map(str, arguments)])
        try:
            cli.main()
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "mine.toml").write_text(CARD)
    for split in ("train", "val", "test"):
        for side in ("plan", "photo"):
            folder = tmp_path / "set" / split / side
            folder.mkdir(parents=True)
            for number in range(3):
                Image.fromarray(np.full((20, 20, 3), 40 * number, np.uint8)).save(folder / f"{number}.png")
    return tmp_path / "set"


@pytest.mark.usefixtures("toy")
def test_from_ones_own_files_to_a_trained_run(shell, root: Path, tmp_path: Path) -> None:
    assert shell("data", "check", "mine.toml", "--root", root)[0] == 0
    code, printed, error = shell("data", "prepare", "mine.toml", "--root", root, "--json")
    assert code == 0, error
    assert [(row["split"], row["rows"]) for row in json.loads(printed)] == [("train", 3), ("val", 3), ("test", 3)]
    assert shell("data", "preview", "mine", "--count", 2)[0] == 0
    assert Image.open(tmp_path / "mine-train.png").size == (4 + 2 * 132, 18 + 2 * 132)
    code, printed, error = shell("train", "toy-gan", "mine", "--preset", "small", "--budget", "3 steps")
    assert code == 0, error
    code, printed, _ = shell("list", "tasks", "--json")
    assert "mine@1" in [row["task"] for row in json.loads(printed)]
    code, printed, _ = shell("show", "mine", "--json")
    assert "train/plan" in json.loads(printed)["tree"]


def test_a_check_exits_with_1_where_files_cannot_be_used(shell, root: Path) -> None:
    (root / "test" / "photo" / "1.png").unlink()
    (root / "train" / "plan" / "2.png").write_bytes(b"nothing")
    code, printed, _ = shell("data", "check", "mine.toml", "--root", root, "--json")
    assert code == 1
    train, val, test = json.loads(printed)
    assert len(train["problems"]) == 1 and not val["problems"] and len(test["problems"]) == 1
    assert shell("data", "check", "mine.toml", "--root", root)[0] == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["prepare", "mine.toml"], "no root was given"),
        (["prepare", "mine.toml", "--root", "nowhere"], "train/plan"),
        (["check", "toy"], "reads no files of yours"),
        (["check", "tyo"], "did you mean 'toy'"),
        (["prepare", "yours.toml"], "cannot be read"),
        (["preview", "toy", "--split", "tset"], "did you mean 'test'"),
        (["preview", "toy", "--resolution", "17"], "is offered at"),
    ],
)
@pytest.mark.usefixtures("toy", "root")
def test_bad_input_is_one_paragraph_and_exit_2(shell, arguments: list[str], told: str) -> None:
    code, printed, error = shell("data", *arguments)
    assert (code, printed) == (2, "")
    assert told in " ".join(error.split())
    assert "Traceback" not in error
