from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from i2ibench import weights
from i2ibench.adapter import Shape
from i2ibench.adapters.hierarchy_flow import HierarchyFlow
from i2ibench.errors import BenchError
from i2ibench.models.hierarchy_flow import HierarchyFlow as Model
from i2ibench.models.layers.perceptual import Trunk, untrained_weights
from i2ibench.models.method import Batch, Method
from i2ibench.task import Resolution

TINY = {"channels": "[6]", "style_width": "4"}
SHAPE = Shape(resolution=Resolution(32, 32))


class Harness:
    """Knows one file, and looks at the method when it is handed over for training."""

    def __init__(self, file: Path | None = None) -> None:
        self.file = file
        self.asked: list[str] = []
        self.losses: list[float] = []

    def load(self, name: str, into: Callable[[Mapping[str, Tensor]], None]) -> None:
        self.asked.append(name)
        assert self.file is not None
        weights.load(name, self.file, into, "training")

    def fit(self, method: Method) -> None:
        picture = torch.linspace(-1, 1, 3 * 32 * 32).reshape(1, 3, 32, 32)
        batch = Batch(("a",), picture, picture.flip(3))
        self.losses += [update.loss.item() for update in method.updates(batch, 0)]  # type: ignore[union-attr]


def build(**overrides: str) -> Method:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return HierarchyFlow.build(HierarchyFlow.configure("small", {**TINY, **overrides}), SHAPE)


@pytest.mark.parametrize(("trunk", "file"), [("vgg16", "w.safetensors"), ("vgg19_normalised", "w.pth")])
def test_losses_get_their_network_before_training(tmp_path: Path, trunk: Trunk, file: str) -> None:
    tensors = untrained_weights(trunk, "test")
    if file.endswith(".pth"):
        torch.save({**tensors, "35.bias": torch.zeros(512)}, tmp_path / file)
    else:
        save_file({**tensors, "features.28.bias": torch.zeros(512)}, tmp_path / file)
    method, harness = build(perceptual=trunk), Harness(tmp_path / file)
    assert isinstance(method, Model)
    assert HierarchyFlow.weights(method.config) == (trunk,)
    HierarchyFlow.train(method, harness)
    assert harness.asked == [trunk]
    direct = build(perceptual=trunk)
    assert isinstance(direct, Model)
    direct.load_perceptual(tensors)
    expected = Harness()
    expected.fit(direct)
    assert harness.losses == expected.losses


@pytest.mark.parametrize("content", [b"", b"no weights", None])
def test_refuses_a_file_of_something_else(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "w.pth"
    if content is None:
        torch.save(untrained_weights("vgg16", "test"), file)
    else:
        file.write_bytes(content)
    with pytest.raises(BenchError, match=r"'vgg19_normalised' in .*w.pth.*weights get vgg19_normalised --from FILE"):
        HierarchyFlow.train(build(perceptual="vgg19_normalised"), Harness(file))


@pytest.mark.parametrize(
    "overrides", [{"perceptual": "untrained"}, {"content_weight": "0", "style_weight": "0", "l1_weight": "1"}]
)
def test_asks_for_no_file_where_none_is_read(overrides: dict[str, str]) -> None:
    harness = Harness()
    HierarchyFlow.train(build(**overrides), harness)
    assert harness.asked == []
    assert len(harness.losses) == 1


def test_every_preset_reads_trained_weights() -> None:
    for preset in HierarchyFlow.presets:
        assert HierarchyFlow.weights(HierarchyFlow.configure(preset)), preset


@pytest.mark.parametrize(("preset", "smallest"), [("paper", 16), ("small", 16)])
def test_refuses_pictures_that_leave_no_room(preset: str, smallest: int) -> None:
    config = HierarchyFlow.configure(preset)
    with torch.device("meta"):
        HierarchyFlow.build(config, Shape(resolution=Resolution(smallest, 64)))
    with pytest.raises(BenchError, match=rf"sides of at least {smallest} pixels, .*{smallest - 1}x64: choose"):
        HierarchyFlow.build(config, Shape(resolution=Resolution(smallest - 1, 64)))


def test_presets_are_the_published_configurations() -> None:
    paper, first = HierarchyFlow.configure("paper"), HierarchyFlow.configure("first")
    augmentation = HierarchyFlow.augmentation(paper)
    assert (augmentation.area, augmentation.mirror, augmentation.flip) == ((0.8, 1.0), True, False)
    augmentation = HierarchyFlow.augmentation(first)
    assert (augmentation.area, augmentation.mirror, augmentation.flip) == ((0.5, 1.0), True, True)
    with torch.device("meta"):
        sizes = {
            preset: sum(p.numel() for p in HierarchyFlow.build(HierarchyFlow.configure(preset), SHAPE).parameters())
            for preset in ("paper", "published", "first", "lowlevel")
        }
    # the first public version counts a g that it never trains
    assert sizes == {"paper": 1_017_362, "published": 1_017_362, "first": 683_880, "lowlevel": 683_880}
