from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from i2ibench.cli_pose import app
from i2ibench.errors import BenchError
from i2ibench.metrics.posing import training as pose_training
from i2ibench.metrics.posing.network import Architecture
from i2ibench.metrics.posing.reader import PoseReaderCard, Recipe
from i2ibench.task import Resolution, Task


def test_options_reach_the_training_and_the_card_is_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: dict[str, object] = {}

    def train(task: Task, **options: object) -> PoseReaderCard:
        asked.update(options, task=task.name)
        return PoseReaderCard(
            task=task.id,
            resolutions=(Resolution(64, 64),),
            keypoints=9,
            architecture=Architecture(),
            resize="",
            recipe=Recipe(),
            seed=3,
            train_fingerprints={},
            weights_sha256="f" * 64,
        )

    monkeypatch.setattr(pose_training, "train", train)
    options = ["--seed", "3", "--limit", "8", "--out", str(tmp_path), "--resolution", "64x64", "--device", "cpu"]
    result = CliRunner().invoke(app, ["train", "creatures-cat2dog", *options, "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    assert json.loads(result.stdout)["task"] == "creatures-cat2dog@1"
    assert (asked["task"], asked["seed"], asked["limit"], asked["out"]) == ("creatures-cat2dog", 3, 8, tmp_path)
    assert asked["resolutions"] == [Resolution(64, 64)]


def test_a_task_without_keypoints_is_refused() -> None:
    with pytest.raises(BenchError, match="no keypoints"):
        CliRunner().invoke(app, ["train", "digits", "--device", "cpu"], catch_exceptions=False)
