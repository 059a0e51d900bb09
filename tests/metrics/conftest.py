"""Small splits and random networks, so that no test needs the network or the real weights.

The scripts in `benchmarks` that write tables of `docs/metrics.md` are importable by the tests that hold them to it.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import datasets
import numpy as np
import pytest
import torch
from PIL import Image

from i2ibench import weights
from i2ibench.data.rows import Split
from i2ibench.data.tables import ArrowTable
from i2ibench.task import LabelTable, Level, Need, Resolution, Task

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

LABELS = LabelTable(name="two", names=("ground", "thing"), palette=((0, 0, 0), (255, 0, 0)))


def pictures(count: int, size: tuple[int, int], seed: int) -> np.ndarray:
    """Smooth random pictures, uint8 `[count, H, W, 3]`: blocks of colour with some noise."""
    draw = np.random.default_rng(seed)
    coarse = draw.integers(0, 256, (count, -(-size[0] // 8), -(-size[1] // 8), 3))
    blocks = coarse.repeat(8, axis=1).repeat(8, axis=2)[:, : size[0], : size[1]]
    return np.clip(blocks + draw.normal(0, 8, blocks.shape), 0, 255).astype(np.uint8)


def png(array: np.ndarray) -> dict[str, Any]:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "png")
    return {"bytes": buffer.getvalue(), "path": None}


@pytest.fixture
def write() -> Callable[[Path, dict[str, np.ndarray]], Path]:
    """Writes outputs as a folder of PNG files."""

    def write_folder(folder: Path, outputs: dict[str, np.ndarray]) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for name, pixels in outputs.items():
            Image.fromarray(pixels).save(folder / f"{name}.png")
        return folder

    return write_folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the test's own."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("I2IBENCH_CACHE", str(folder))
    return folder


@pytest.fixture
def make_split() -> Callable[..., Split]:
    """Makes a split of random pictures: source, target and, where asked, labels."""

    def make(
        count: int = 8,
        size: tuple[int, int] = (32, 48),
        *,
        name: str = "test",
        seed: int = 0,
        paired: bool = True,
        labels: bool = False,
    ) -> Split:
        columns: dict[str, Any] = {
            "name": [f"{name}{number:03d}" for number in range(count)],
            "source": [png(picture) for picture in pictures(count, size, seed)],
            "target": [png(picture) for picture in pictures(count, size, seed + 1)],
        }
        if labels:
            draw = np.random.default_rng(seed)
            columns["labels"] = [png(draw.integers(0, 2, size).astype(np.uint8)) for _ in range(count)]
        kinds = {column: datasets.Value("string") if column == "name" else datasets.Image() for column in columns}
        task = Task(
            name="squares",
            title="squares to squares",
            description="Random blocks of colour.",
            level=Level.STRONG,
            gives=frozenset({Need.PAIRS} if paired else set()) | (frozenset({Need.LABELS}) if labels else frozenset()),
            resolutions=(Resolution(*size),),
            splits={"train": 0, "val": count, "test": count},
            data="nowhere:none",
            labels=LABELS if labels else None,
            metrics={"psnr": "pairs"},
            source="made here",
            licence="none",
        )
        table = datasets.Dataset.from_dict(columns, features=datasets.Features(kinds))
        rows, targets = ArrowTable(table), None
        if not paired:
            rows, targets = (ArrowTable(table.remove_columns([other])) for other in ("target", "source"))
        return Split(task, Resolution(*size), name, rows, f"fingerprint of {name} {count} {size} {seed}", targets)

    return make


@pytest.fixture
def outputs() -> Callable[[Split, int], dict[str, np.ndarray]]:
    """Random outputs for every picture of a split."""

    def make(split: Split, seed: int = 7) -> dict[str, np.ndarray]:
        return dict(zip(split.rows.names, pictures(len(split), tuple(split.resolution), seed), strict=True))

    return make


@pytest.fixture(scope="session")
def inception_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights in the shape of torch-fidelity's Inception, its features as large as real ones."""
    from torch_fidelity import feature_extractor_inceptionv3 as module

    kind = module.FeatureExtractorInceptionV3
    nothing = mock.patch.object(module, "load_state_dict_from_url", lambda *_, **__: {})
    with nothing, mock.patch.object(kind, "load_state_dict", lambda *_: None):
        network = kind("inception-v3-compat", ["2048"])
    torch.manual_seed(0)
    for part in network.modules():
        if isinstance(part, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(part.weight)
    for name, part in network.Mixed_7c.named_modules():
        if isinstance(part, torch.nn.Conv2d) and name.split(".")[0].endswith(("1x1", "a", "b", "pool")):
            part.weight.data *= 4
    file = tmp_path_factory.mktemp("weights") / "inception.pth"
    torch.save(network.state_dict(), file)
    return file


@pytest.fixture(scope="session")
def alexnet_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random AlexNet trunk with torchvision's names."""
    import torchvision
    from safetensors.torch import save_file

    torch.manual_seed(0)
    state = torchvision.models.alexnet().state_dict()
    file = tmp_path_factory.mktemp("weights") / "alexnet.safetensors"
    save_file({name: value for name, value in state.items() if name.startswith("features.")}, file)
    return file


@pytest.fixture
def random_weights(inception_file: Path, alexnet_file: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Puts the random networks in the place of the real ones."""
    files, real = {"inception": inception_file, "alexnet": alexnet_file}, weights.path
    monkeypatch.setattr(weights, "path", lambda name: files.get(name) or real(name))
    return files
