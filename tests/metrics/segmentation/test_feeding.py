from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from i2ibench.metrics.segmentation.feeding import IMAGENET_MEAN, IMAGENET_STD, Feeding
from i2ibench.task import Resolution


def network(seed: int = 0) -> nn.Module:
    """Convolutions whose findings depend on place: crops and mirror images are read otherwise."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 6, 5, padding=2), nn.Tanh(), nn.Conv2d(6, 4, 3, padding=1)).double()


def pictures(height: int, width: int, count: int = 2) -> Tensor:
    return torch.rand(count, 3, height, width, dtype=torch.float64) * 2 - 1


def test_the_default_changes_nothing() -> None:
    some, net = pictures(9, 13), network()
    assert torch.equal(Feeding().read(net, some), net(some))
    assert Feeding().told is None
    assert Feeding().resize == "none: pictures at their own size"


@torch.no_grad()
def test_normalisation_is_torchvisions() -> None:
    from torchvision.transforms.functional import normalize

    some = pictures(9, 13)
    fed = Feeding(mean=IMAGENET_MEAN, std=IMAGENET_STD).prepared(some)
    expected = normalize((some + 1) / 2, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    torch.testing.assert_close(fed, expected)


def semseg(net: nn.Module, picture: Tensor, crop: int, stride: int) -> Tensor:
    """The mean of probabilities of crops and their mirror images `[classes, H, W]`, pixel by pixel in numpy."""
    _, height, width = picture.shape
    tall, wide = max(crop - height, 0), max(crop - width, 0)
    padded = np.zeros((3, height + tall, width + wide))
    padded[:, tall // 2 : tall // 2 + height, wide // 2 : wide // 2 + width] = picture.numpy()
    total, count = np.zeros((4, *padded.shape[1:])), np.zeros(padded.shape[1:])
    for row in range(math.ceil((padded.shape[1] - crop) / stride) + 1):
        bottom = min(row * stride + crop, padded.shape[1])
        for column in range(math.ceil((padded.shape[2] - crop) / stride) + 1):
            right = min(column * stride + crop, padded.shape[2])
            here = slice(bottom - crop, bottom), slice(right - crop, right)
            part = torch.from_numpy(padded[:, here[0], here[1]].copy())[None]
            plain, mirrored = net(part).softmax(1)[0], net(part.flip(3)).softmax(1)[0].flip(2)
            total[:, here[0], here[1]] += ((plain + mirrored) / 2).numpy()
            count[here] += 1
    found = total / count
    return torch.from_numpy(found[:, tall // 2 : tall // 2 + height, wide // 2 : wide // 2 + width])


@torch.no_grad()
@settings(deadline=None, max_examples=40)
@given(height=st.integers(5, 40), width=st.integers(5, 40), crop=st.integers(6, 20), stride=st.integers(2, 20))
def test_sliding_crops_are_semsegs(height: int, width: int, crop: int, stride: int) -> None:
    stride = min(stride, crop)
    net, some = network(), pictures(height, width)
    feeding = Feeding(
        crop=Resolution(crop, crop), stride=Resolution(stride, stride), mirror=True, average="probabilities"
    )
    expected = torch.stack([semseg(net, picture, crop, stride) for picture in some])
    torch.testing.assert_close(feeding.read(net, some), expected)


@torch.no_grad()
@pytest.mark.parametrize(("height", "width"), [(20, 40), (17, 33), (16, 16)])
def test_crops_without_mirrors_are_mmsegs(height: int, width: int) -> None:
    from mmseg.models.segmentors import EncoderDecoder

    class Slides:
        """What mmseg's own method asks of its segmentor."""

        align_corners = False
        out_channels = 4

        def __init__(self, net: nn.Module) -> None:
            self.net = net
            self.test_cfg = type("Config", (), {"stride": (7, 9), "crop_size": (16, 16)})

        def encode_decode(self, crops: Tensor, _: object) -> Tensor:
            found: Tensor = self.net(crops)
            return found

    net, some = network().float(), pictures(height, width).float()
    theirs = EncoderDecoder.slide_inference(Slides(net), some, [{"img_shape": (height, width)}])
    ours = Feeding(crop=Resolution(16, 16), stride=Resolution(7, 9)).read(net, some)
    torch.testing.assert_close(ours, theirs)


@torch.no_grad()
def test_enlarged_pictures_are_found_at_their_own_size() -> None:
    net, some = network(), pictures(8, 12)
    found = Feeding(size=Resolution(16, 24)).read(net, some)
    large = F.interpolate(some, (16, 24), mode="bilinear", align_corners=False)
    torch.testing.assert_close(found, F.avg_pool2d(net(large), 2))  # bilinear at half the size is the mean of four


@torch.no_grad()
def test_batches_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from i2ibench.metrics.segmentation import feeding as segmenter_feeding

    net, some = network(), pictures(10, 10, 5)
    feeding = Feeding(crop=Resolution(8, 8), stride=Resolution(5, 5), mirror=True)
    together = feeding.read(net, some)
    monkeypatch.setattr(segmenter_feeding, "PIXELS", 1)
    torch.testing.assert_close(feeding.read(net, some), together)


def test_protocols_tell_how() -> None:
    feeding = Feeding(
        mean=IMAGENET_MEAN, std=IMAGENET_STD, size=Resolution(16, 32), crop=Resolution(9, 9), stride=Resolution(6, 6)
    )
    assert feeding.told == (
        "mean 123.675 116.28 103.53 and deviation 58.395 57.12 57.375 of 0 to 255, "
        "sliding crops 9x9 with stride 6x6, mean of logits"
    )
    assert "16x32" in feeding.resize
