from __future__ import annotations

import hashlib
import math
import pickle
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from i2ibench.errors import BenchError
from i2ibench.metrics.segmentation.checkpoints import load_backbone, load_safely, read_checkpoint
from i2ibench.metrics.segmentation.networks import (
    ARCHITECTURES,
    ResNetArchitecture,
    UNetArchitecture,
    build,
    logits,
    training_logits,
)
from i2ibench.task import Resolution

TINY = ResNetArchitecture(depth=18, head_channels=8, auxiliary_channels=6)


class Bottleneck(nn.Module):
    """A ResNet block as torchvision and semseg name it, with the stride in its middle convolution."""

    def __init__(self, channels: int, width: int, stride: int, dilation: int, shortcut: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, dilation, dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.downsample = None
        if shortcut:
            convolution = nn.Conv2d(channels, 4 * width, 1, stride, bias=False)
            self.downsample = nn.Sequential(convolution, nn.BatchNorm2d(4 * width))

    def forward(self, x: Tensor) -> Tensor:
        kept = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        return F.relu(self.bn3(self.conv3(x)) + kept)


class Pyramid(nn.Module):
    def __init__(self, channels: int, scales: tuple[int, ...]) -> None:
        super().__init__()
        width = channels // len(scales)
        self.features = nn.ModuleList(
            nn.Sequential(
                nn.AdaptiveAvgPool2d(scale), nn.Conv2d(channels, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
            )
            for scale in scales
        )

    def forward(self, x: Tensor) -> Tensor:
        size = x.shape[-2:]
        pooled = [F.interpolate(part(x), size, mode="bilinear", align_corners=True) for part in self.features]
        return torch.cat([x, *pooled], 1)


class SemsegPSPNet50(nn.Module):
    """The published network in plain PyTorch, from its names and shapes alone."""

    def __init__(self, classes: int = 19) -> None:
        super().__init__()
        stem: list[nn.Module] = []
        for before, after, stride in ((3, 64, 2), (64, 64, 1), (64, 128, 1)):
            stem += [nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        self.layer0 = nn.Sequential(*stem, nn.MaxPool2d(3, 2, 1))
        channels = 128
        for number, (blocks, width, stride, dilation) in enumerate(
            ((3, 64, 1, 1), (4, 128, 2, 1), (6, 256, 1, 2), (3, 512, 1, 4)), start=1
        ):
            made = []
            for block in range(blocks):
                made.append(Bottleneck(channels, width, stride if block == 0 else 1, dilation, block == 0))
                channels = 4 * width
            self.add_module(f"layer{number}", nn.Sequential(*made))
        self.ppm = Pyramid(2048, (1, 2, 3, 6))
        self.cls = self._head(4096, 512, classes)
        self.aux = self._head(1024, 256, classes)

    @staticmethod
    def _head(channels: int, width: int, classes: int) -> nn.Sequential:
        convolution = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        return nn.Sequential(
            convolution, nn.BatchNorm2d(width), nn.ReLU(), nn.Dropout2d(0.1), nn.Conv2d(width, classes, 1)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        size = x.shape[-2:]
        x = self.layer2(self.layer1(self.layer0(x)))
        third = self.layer3(x)
        found = self.cls(self.ppm(self.layer4(third))), self.aux(third)
        main, auxiliary = (F.interpolate(each, size, mode="bilinear", align_corners=True) for each in found)
        return main, auxiliary


def disturbed(network: nn.Module, seed: int = 0) -> nn.Module:
    """Random weights, and batch norms that do something."""
    torch.manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.0)
            nn.init.normal_(module.bias, 0, 0.1)
            nn.init.normal_(module.running_mean, 0, 0.1)
            nn.init.uniform_(module.running_var, 0.8, 3)
    return network.eval()


@pytest.fixture(scope="module")
def semseg(tmp_path_factory: pytest.TempPathFactory) -> tuple[SemsegPSPNet50, Path]:
    network = disturbed(SemsegPSPNet50())
    file = tmp_path_factory.mktemp("semseg") / "train_epoch_200.pth"
    state = OrderedDict((f"module.{name}", value) for name, value in network.state_dict().items())
    torch.save({"epoch": 200, "state_dict": state}, file)
    return network, file


@torch.no_grad()
def test_semseg_is_the_same_network(semseg: tuple[SemsegPSPNet50, Path]) -> None:
    network, file = semseg
    found = read_checkpoint(file, file.name)
    assert (found.file.format, found.file.sha256) == ("semseg", hashlib.sha256(file.read_bytes()).hexdigest())
    architecture = found.architecture
    assert (architecture.depth, architecture.stem_channels, architecture.head_channels) == (50, 128, 512)
    assert (architecture.align_corners, architecture.contract_dilation) == (True, False)
    pictures = torch.randn(2, 3, 73, 89)
    ours = training_logits(found.network.eval(), pictures, architecture)
    for mine, theirs in zip(ours, network(pictures), strict=True):
        assert theirs.std() > 0.01
        assert (mine - theirs).abs().max() < 1e-5 * max(1.0, float(theirs.abs().max()))


def test_semseg_is_fed_as_published(semseg: tuple[SemsegPSPNet50, Path]) -> None:
    feeding = read_checkpoint(semseg[1], "x").feeding
    assert (feeding.size, feeding.crop, feeding.mirror) == (Resolution(1024, 2048), Resolution(713, 713), True)
    assert feeding.stride == Resolution(*2 * (math.ceil(713 * 2 / 3),))
    assert feeding.average == "probabilities"
    assert feeding.mean == pytest.approx([255 * part for part in (0.485, 0.456, 0.406)])
    assert feeding.std == pytest.approx([255 * part for part in (0.229, 0.224, 0.225)])


@torch.no_grad()
def test_dilation_and_corners_are_told_apart(semseg: tuple[SemsegPSPNet50, Path]) -> None:
    """What weights do not show does change the logits, so reading it wrongly would be seen above."""
    network, file = semseg
    found = read_checkpoint(file, "x")
    pictures = torch.randn(1, 3, 73, 73)
    theirs = network(pictures)[0]
    for change in ({"contract_dilation": True}, {"align_corners": False}):
        other = found.architecture.model_copy(update=change)
        rebuilt = build(other, 19).eval()
        rebuilt.load_state_dict(found.network.state_dict(), strict=False)
        assert (logits(rebuilt, pictures, other) - theirs).abs().max() > 1e-3


def mmseg_file(folder: Path, architecture: ResNetArchitecture = TINY, **content: object) -> tuple[nn.Module, Path]:
    network = disturbed(build(architecture, 19, auxiliary=True))
    file = folder / "pspnet.pth"
    torch.save({"meta": {}, "state_dict": network.state_dict(), **content}, file)
    return network, file


CONFIG = """
import os
norm_cfg = dict(type='SyncBN', requires_grad=True)
img_norm_cfg = dict(mean=[120.0, 110.0, 100.0], std=[60.0, 61.0, 62.0], to_rgb=True)
model = dict(
    backbone=dict(type='ResNetV1c', depth=18, norm_cfg=norm_cfg, contract_dilation=False),
    decode_head=dict(type='PSPHead', norm_cfg=norm_cfg, align_corners=True),
    auxiliary_head=dict(type='FCNHead', align_corners=False),
    test_cfg=dict(mode='slide', crop_size=(769, 769), stride=(513, 513)))
train_pipeline = [dict(type='RandomCrop', crop_size=(512, 1024))]
os.remove('/nowhere/at/all')
"""


@torch.no_grad()
@pytest.mark.parametrize("architecture", [TINY, TINY.model_copy(update={"deep_stem": False})])
def test_mmseg_comes_back(tmp_path: Path, architecture: ResNetArchitecture) -> None:
    network, file = mmseg_file(tmp_path, architecture)
    found = read_checkpoint(file, "pspnet.pth")
    assert found.file.format == "mmseg"
    assert found.architecture == architecture
    assert found.feeding.crop is None and not found.feeding.mirror
    pictures = torch.randn(2, 3, 33, 49)
    assert torch.equal(logits(found.network.eval(), pictures, architecture), logits(network, pictures, architecture))


@pytest.mark.parametrize("key", ["cfg", "config"])
def test_mmseg_config_is_read_and_not_run(tmp_path: Path, key: str) -> None:
    _, file = mmseg_file(tmp_path, meta={key: CONFIG, "CLASSES": ("a", "b")})
    found = read_checkpoint(file, "x")
    assert found.architecture == TINY.model_copy(update={"align_corners": True, "contract_dilation": False})
    assert (found.feeding.crop, found.feeding.stride) == (Resolution(769, 769), Resolution(513, 513))
    assert (found.feeding.mean, found.feeding.std) == ((120, 110, 100), (60, 61, 62))
    assert found.classes == ("a", "b")


def test_no_auxiliary_head_is_no_fault(tmp_path: Path) -> None:
    network, file = mmseg_file(tmp_path)
    state = {name: value for name, value in network.state_dict().items() if not name.startswith("auxiliary_head.")}
    torch.save(state, file)
    assert read_checkpoint(file, "x").architecture.head_channels == TINY.head_channels


def test_every_fault_is_named(tmp_path: Path) -> None:
    network, file = mmseg_file(tmp_path)
    state = dict(network.state_dict())
    del state["decode_head.conv_seg.bias"], state["backbone.layer2.0.bn1.weight"]
    state["backbone.layer1.0.conv1.weight"] = torch.zeros(64, 64, 1, 1)
    state["decode_head.extra"] = torch.zeros(1)
    torch.save({"state_dict": state}, file)
    with pytest.raises(BenchError) as caught:
        read_checkpoint(file, "x")
    told = str(caught.value)
    assert "2 tensors are missing: backbone.layer2.0.bn1.weight, decode_head.conv_seg.bias" in told
    assert "1 tensors are left over: decode_head.extra" in told
    assert "backbone.layer1.0.conv1.weight is 64x64x1x1 instead of 64x64x3x3" in told


class Strange:
    """What no checkpoint should hold."""


def test_numpy_is_read_and_objects_are_not(tmp_path: Path) -> None:
    plain = {"state_dict": {"a": torch.ones(2)}, "best": np.float64(0.5), "n": np.int64(3), "seen": np.arange(3.0)}
    torch.save(plain, tmp_path / "plain.pth")
    content = load_safely(tmp_path / "plain.pth")
    assert (content["best"], content["n"], content["seen"].tolist()) == (0.5, 3, [0, 1, 2])
    torch.save({"state_dict": {}, "hook": Strange()}, tmp_path / "strange.pth")
    with pytest.raises(BenchError, match=r"holds an object of \S*Strange.*'state_dict'"):
        load_safely(tmp_path / "strange.pth")


def test_numpy_of_either_name_is_read(tmp_path: Path) -> None:
    """Files are written where numpy 1 names its module `core`, and where numpy 2 names it `_core`."""
    for number, module in enumerate((b"numpy.core.multiarray", b"numpy._core.multiarray")):
        file = tmp_path / f"{number}.pth"
        torch.save({"best": np.float64(0.25)}, file, _use_new_zipfile_serialization=False)
        written = file.read_bytes()
        ours = np.float64(0).__reduce__()[0].__module__.encode()
        file.write_bytes(written.replace(b"c" + ours + b"\n", b"c" + module + b"\n"))
        assert load_safely(file)["best"] == 0.25


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", pickle.dumps([1, 2])])
def test_what_is_no_checkpoint_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file.pth").write_bytes(content)
    with pytest.raises(BenchError, match=r"file\.pth"):
        read_checkpoint(tmp_path / "file.pth", "x")
    with pytest.raises(BenchError, match="there is no checkpoint"):
        read_checkpoint(tmp_path / "none.pth", "x")


@pytest.mark.parametrize("content", [[1, 2], {}, {"state_dict": {"a": 3}}])
def test_no_table_of_tensors_is_told(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "file.pth")
    with pytest.raises(BenchError, match="no table of tensors by name"):
        read_checkpoint(tmp_path / "file.pth", "x")


@pytest.mark.parametrize("naming", ["mmseg", "timm"])
def test_backbone_with_a_deep_stem_is_taken(tmp_path: Path, naming: str) -> None:
    donor = disturbed(build(TINY, 3)).get_submodule("backbone").state_dict()
    state = {name: value for name, value in donor.items() if not name.endswith("num_batches_tracked")}
    if naming == "timm":
        state = {name.replace("stem.7.", "bn1.").replace("stem.", "conv1."): value for name, value in state.items()}
    torch.save({**state, "fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}, tmp_path / "resnet.pth")
    network = build(TINY, 3, auxiliary=True)
    assert load_backbone(network, TINY, tmp_path / "resnet.pth").file == "resnet.pth"
    mine = network.get_submodule("backbone").state_dict()
    assert all(torch.equal(mine[name], donor[name]) for name in donor if not name.endswith("num_batches_tracked"))


def test_backbone_of_torchvision_is_refused_with_what_fits(tmp_path: Path) -> None:
    import torchvision

    torch.save(torchvision.models.resnet18().state_dict(), tmp_path / "resnet18.pth")
    with pytest.raises(BenchError) as caught:
        load_backbone(build(TINY, 3), TINY, tmp_path / "resnet18.pth")
    told = str(caught.value)
    assert "one convolution of 7x7" in told and "left over: conv1.weight" in told and "resnet18_v1c" in told
    plain = TINY.model_copy(update={"deep_stem": False})
    load_backbone(build(plain, 3), plain, tmp_path / "resnet18.pth")
    with pytest.raises(BenchError, match="U-Net begins with none"):
        load_backbone(build(UNetArchitecture(), 3), UNetArchitecture(), tmp_path / "resnet18.pth")


def test_published_networks_are_those_of_mmsegs_configs() -> None:
    """Against the configs that mmseg installs."""
    mmengine = pytest.importorskip("mmengine")
    import mmseg

    configs = Path(mmseg.__file__).parent / ".mim" / "configs" / "pspnet"
    for name, depth in (("resnet18", "r18"), ("resnet50", "r50")):
        file = configs / f"pspnet_{depth}-d8_4xb2-80k_cityscapes-512x1024.py"
        if not file.exists():
            pytest.skip("this mmseg came without its configs")
        model = mmengine.Config.fromfile(file).model
        model.pretrained = model.data_preprocessor = None
        for part in (model.backbone, model.decode_head, model.auxiliary_head):
            part.norm_cfg = {"type": "BN"}
        ours = build(ARCHITECTURES[name], 19, auxiliary=True)
        from mmengine.registry import DefaultScope
        from mmseg.registry import MODELS

        with DefaultScope.overwrite_default_scope("mmseg"):
            theirs = MODELS.build(model)
        shapes = [{key: value.shape for key, value in each.state_dict().items()} for each in (ours, theirs)]
        assert shapes[0] == shapes[1]
        strides = [
            [(m.stride, m.dilation, m.padding) for m in each.modules() if isinstance(m, nn.Conv2d)]
            for each in (ours, theirs)
        ]
        assert strides[0] == strides[1]
        assert theirs.auxiliary_head.loss_decode.loss_weight == 0.4
        assert [head.dropout_ratio for head in (ours.decode_head, ours.auxiliary_head)] == [0.1, 0.1]
