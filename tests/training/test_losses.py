from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from i2ibench.training.losses import Diverged, LossLog, draw, read


def test_steps_of_different_networks_are_averaged_each_over_its_own(tmp_path: Path) -> None:
    log = LossLog(tmp_path / "losses.jsonl", 0)
    for step, losses in enumerate([{"a": 1.0}, {"b": 5.0, "c": 2.0}, {"a": 3.0}], 1):
        log.add(step, {name: torch.tensor(value) for name, value in losses.items()})
    assert log.flush() == {"a": 2.0, "b": 5.0, "c": 2.0}
    log.add(4, {"b": torch.tensor(1.0)})
    log.flush()
    assert read(log.path) == [{"step": 3, "a": 2.0, "b": 5.0, "c": 2.0}, {"step": 4, "b": 1.0}]
    draw(log.path, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 0


def test_what_the_last_row_of_curves_leaves_over_is_blank(tmp_path: Path) -> None:
    log = LossLog(tmp_path / "losses.jsonl", 0)
    log.add(1, dict.fromkeys("abcd", torch.tensor(1.0)))
    log.flush()
    draw(log.path, tmp_path / "curves.png")
    with Image.open(tmp_path / "curves.png") as picture:
        pixels = np.asarray(picture.convert("L"))
    lower = pixels[pixels.shape[0] // 2 :]
    assert lower[:, : lower.shape[1] // 3].min() == 0
    assert lower[:, lower.shape[1] // 3 + 10 :].min() == 255


def test_a_loss_that_the_first_step_lacks_is_guarded_too(tmp_path: Path) -> None:
    log = LossLog(tmp_path / "losses.jsonl", 0)
    log.add(1, {"a": torch.tensor(1.0)})
    log.add(2, {"b": torch.tensor(math.nan)})
    with pytest.raises(Diverged, match="'b' was nan at step 2"):
        log.flush()
