"""The metric `pose`: its arithmetic and states with a reader that reads coordinates off the picture."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from i2ibench import registry
from i2ibench.data.rows import Split
from i2ibench.data.tables import ArrowTable
from i2ibench.errors import BenchError
from i2ibench.metrics.ceiling import ceiling
from i2ibench.metrics.evaluate import evaluate
from i2ibench.metrics.metric import Chunk, Setting
from i2ibench.metrics.pose import Pose
from i2ibench.metrics.posing import reader as pose_reader
from i2ibench.metrics.posing.keypoints import keypoint_scores
from i2ibench.metrics.posing.network import Architecture
from i2ibench.metrics.posing.reader import Found, PoseReaderCard, Recipe
from i2ibench.task import Level, Need, Resolution, Task

SIZE = Resolution(8, 8)
K = 3


def card(**changes: object) -> PoseReaderCard:
    values: dict[str, object] = {
        "task": "marks@1",
        "resolutions": (SIZE,),
        "keypoints": K,
        "architecture": Architecture(),
        "resize": "none",
        "recipe": Recipe(),
        "seed": 0,
        "train_fingerprints": {},
        "weights_sha256": "f" * 64,
    }
    return PoseReaderCard.model_validate({**values, **changes})


def marks(**changes: object) -> Task:
    values: dict[str, object] = {
        "name": "marks",
        "title": "",
        "description": "",
        "level": Level.WEAK,
        "gives": frozenset({Need.KEYPOINTS}),
        "resolutions": (SIZE,),
        "splits": {"val": 4, "test": 6},
        "targets": {"val": 4, "test": 5},
        "data": "nowhere:none",
        "metrics": {"pose": "keypoints"},
        "source": "",
        "licence": "",
    }
    return Task.model_validate({**values, **changes})


def setting(task: Task | None = None, n: int = 6) -> Setting:
    return Setting(task or marks(), SIZE, "test", n=n, n_reference=5, reference_hash="")


class Coordinates:
    """Reads keypoint k as the red and green of the k-th pixel, in thirty-seconds of a pixel."""

    def __init__(self, found: Found, device: object) -> None:
        self.found = found

    def __call__(self, pictures: torch.Tensor) -> torch.Tensor:
        return ((pictures[:, :2, 0, :K] + 1) * 127.5).round().movedim(1, -1) / 32


@pytest.fixture
def at_hand(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = Found(card(), tmp_path / "marks.safetensors")
    monkeypatch.setattr(pose_reader, "find", lambda task, resolution: found)
    monkeypatch.setattr(Found, "failing", None)
    monkeypatch.setattr(pose_reader, "read", Coordinates)


def drawn(keypoints: np.ndarray) -> np.ndarray:
    """A picture that `Coordinates` reads these keypoints `[K, 2]` in, uint8 `[8, 8, 3]`."""
    picture = np.full((*SIZE, 3), 9, np.uint8)
    picture[0, :K, :2] = np.nan_to_num(keypoints * 32).round()
    return picture


def poses(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (count, K, 2)).astype(np.float32) / 32


def chunk(indices: list[int], keypoints: np.ndarray, found: np.ndarray) -> Chunk:
    output = torch.from_numpy(np.stack([drawn(found[i]) for i in indices])).movedim(-1, 1) / 127.5 - 1
    return Chunk(tuple(f"marks-{i}" for i in indices), output, keypoints=torch.from_numpy(keypoints[indices]))


@pytest.mark.usefixtures("at_hand")
def test_means_standard_errors_and_values_of_pictures() -> None:
    true, found = poses(6, 0), poses(6, 0)
    found[2:4, 0] += 0.25
    found[4] = poses(6, 1)[4]
    true[5, 1:] = math.nan  # one known keypoint has no size
    metric = Pose(setting())
    metric.update(chunk([0, 1, 2, 3, 4, 5], true, found))
    expected = keypoint_scores(torch.from_numpy(found), torch.from_numpy(true))
    pck, error = metric.compute()
    assert (pck.name, pck.higher_is_better, error.name, error.higher_is_better) == (
        "pose_pck", True, "pose_error", False,
    )  # fmt: skip
    for score, values in ((pck, expected.pck[:5].numpy()), (error, expected.error[:5].numpy())):
        assert score.n == 5
        assert score.value == pytest.approx(values.mean(), rel=1e-12)
        assert score.standard_error == pytest.approx(values.std(ddof=1) / math.sqrt(5), rel=1e-9)
        assert score.interval is not None and score.interval[0] <= values.mean() <= score.interval[1]
        column = metric.per_picture()[score.name]
        np.testing.assert_allclose([column[f"marks-{i}"] for i in range(5)], values, rtol=1e-12)
        assert math.isnan(column["marks-5"])


@pytest.mark.usefixtures("at_hand")
def test_kept_pose_scores_best_and_another_worse() -> None:
    true = poses(6, 0)
    kept, moved = Pose(setting()), Pose(setting())
    kept.update(chunk(list(range(6)), true, true))
    moved.update(chunk(list(range(6)), true, np.roll(true, 1, 0)))
    assert [score.value for score in kept.compute()] == [1, 0]
    (pck, error) = (score.value for score in moved.compute())
    assert pck is not None and pck < 0.5 and error is not None and error > 0.1


@hypothesis_settings(deadline=None, max_examples=20)
@given(order=st.permutations(range(6)), cut=st.integers(1, 5), turned=st.booleans())
def test_shards_merge_to_the_whole(order: list[int], cut: int, turned: bool) -> None:
    true, found = poses(6, 0), poses(6, 1) * 0.2 + poses(6, 0) * 0.8
    with pytest.MonkeyPatch.context() as patch:
        at = Found(card(), Path("marks.safetensors"))
        patch.setattr(pose_reader, "find", lambda task, resolution: at)
        patch.setattr(Found, "failing", None)
        patch.setattr(pose_reader, "read", Coordinates)
        whole, left, right = Pose(setting()), Pose(setting()), Pose(setting())
        whole.update(chunk(list(range(6)), true, found))
        left.update(chunk(order[:cut], true, found))
        right.update(chunk(order[cut:], true, found))
    if turned:
        left, right = right, left
    left.merge(right)
    assert left.compute() == whole.compute()
    assert left.per_picture() == whole.per_picture()


def test_unavailable_without_keypoints_or_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "--needs keypoints" in (Pose.unavailable(setting(marks(gives=frozenset()))) or "")
    monkeypatch.setattr(pose_reader, "find", lambda task, resolution: None)
    assert "`i2ibench pose train marks`" in (Pose.unavailable(setting()) or "")
    with pytest.raises(BenchError, match="no pose reader of marks@1 at 8x8"):
        Pose(setting())


def test_unavailable_with_other_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "marks.safetensors"
    found = Found(card(), file)
    monkeypatch.setattr(pose_reader, "find", lambda task, resolution: found)
    assert "no weights" in (Pose.unavailable(setting()) or "")
    file.write_bytes(b"other")
    reason = Pose.unavailable(setting()) or ""
    assert "their card says ffffffffffff" in reason and "`i2ibench pose train marks`" in reason
    with pytest.raises(BenchError, match="their card says"):
        Pose(setting())
    shipped = dataclasses.replace(found, weights=pose_reader.SHIPPED / "marks.safetensors")
    assert "install i2ibench again" in (shipped.failing or "")


@pytest.mark.usefixtures("at_hand")
def test_another_number_of_keypoints_is_refused() -> None:
    other = chunk([0], poses(1, 0), poses(1, 0))
    assert other.keypoints is not None
    with pytest.raises(BenchError, match="come with 2 keypoints, and its pose reader finds 3"):
        Pose(setting()).update(dataclasses.replace(other, keypoints=other.keypoints[:, :2]))


@pytest.mark.usefixtures("at_hand")
def test_pictures_without_keypoints_are_not_available() -> None:
    metric = Pose(setting())
    metric.update(dataclasses.replace(chunk([0], poses(1, 0), poses(1, 0)), keypoints=None))
    assert all(score.value is None and "two known keypoints" in (score.reason or "") for score in metric.compute())


def test_protocol_changes_with_what_changes_the_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def protocol_id(**changes: object) -> str:
        found = Found(card(**changes), Path("marks.safetensors"))
        monkeypatch.setattr(pose_reader, "find", lambda task, resolution: found)
        monkeypatch.setattr(Found, "failing", None)
        return Pose(setting()).protocol().id

    ids = [protocol_id(), protocol_id(weights_sha256="e" * 64), protocol_id(resize="other"), protocol_id(keypoints=4)]
    assert len(set(ids)) == 4
    assert protocol_id(seed=5, recipe=Recipe(epochs=1)) == ids[0]  # the weights say it


def split_of(name: str, sources: np.ndarray, targets: np.ndarray) -> Split:
    def table(column: str, keypoints: np.ndarray) -> ArrowTable:
        kinds = {
            "name": datasets.Value("string"),
            column: datasets.Image(),
            "keypoints": datasets.Sequence(datasets.Value("float32")),
        }
        columns = {
            "name": [f"{name}-{column}-{i}" for i in range(len(keypoints))],
            column: [{"bytes": _png(drawn(points)), "path": None} for points in keypoints],
            "keypoints": [points.ravel().tolist() for points in keypoints],
        }
        return ArrowTable(datasets.Dataset.from_dict(columns, features=datasets.Features(kinds)))

    return Split(marks(), SIZE, name, table("source", sources), f"{name} marks", table("target", targets))


def _png(picture: np.ndarray) -> bytes:
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "png")
    return buffer.getvalue()


@pytest.mark.usefixtures("at_hand")
def test_walk_compares_outputs_with_sources_and_reals_with_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "metric", lambda name: Pose)
    sources, targets = poses(6, 0), poses(5, 1)
    sources[3, 2] = math.nan
    test, val = split_of("test", sources, targets), split_of("val", poses(4, 2), poses(4, 3))

    found = evaluate({name: drawn(p) for name, p in zip(test.rows.names, sources, strict=True)}, test, ["pose"])
    assert [(score.value, score.n) for score in found.scores] == [(1, 6), (0, 6)]
    assert found.per_picture["pose_pck"].tolist() == [1] * 6

    others = {name: drawn(p) for name, p in zip(test.rows.names, np.roll(sources, 1, 0), strict=True)}
    expected = keypoint_scores(torch.from_numpy(np.nan_to_num(np.roll(sources, 1, 0))), torch.from_numpy(sources))
    shuffled = evaluate(others, test, ["pose"], batch_size=4).scores
    assert [score.value for score in shuffled] == pytest.approx([values.mean().item() for values in expected])

    real = ceiling(test, val, ["pose"])
    assert [(score.value, score.n) for score in real] == [(1, 5), (0, 5)]
    untargeted = ceiling(test, val, ["pose"], sets_only=True)
    assert all(score.value is None for score in untargeted)
