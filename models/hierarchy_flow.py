"""Hierarchy Flow For High-Fidelity Image-to-Image Translation.

Fan, Chen, Liu. arXiv 2308.06909. Couplings that widen a picture's channels without changing its resolution: each
subtracts features of the picture from it, step by step, and keeps every step. On the way back the steps take the mean
and deviation of the style, and the same features are added again; with the style left out the picture returns exactly.

Deliberate deviations:
- `reverse`: the current public code's reverse pass adds the features halved and so is no inverse. The default, `exact`,
  is the inverse of the paper and of the first public code; `current` is the other.
- `perceptual`: the published losses read the normalised VGG-19 (`vgg19_normalised`). The default is torchvision's
  VGG-16, which is at hand everywhere; its features are of another scale, so losses compare within one network only.
- Convolutions whose bias an instance norm removes again keep it untrained.
- Aligned style keeps channels of its own for each picture of a batch; the published code mixes those of all of them in
  one of the two terms. It trains with one picture a step, where that is the same.
- The weightings of groups that the published configurations leave unused (softmax, sigmoid, attention) are left out,
  and so are the toy likelihood of its first version.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam, Optimizer

from i2ibench.models.layers.hierarchical_coupling import GroupWeight, HierarchicalCoupling, Reverse, StyleEncoder
from i2ibench.models.layers.perceptual import SMALLEST, PerceptualNetwork, Trunk, untrained_weights
from i2ibench.models.layers.ranges import unit
from i2ibench.models.layers.settings import check_adam, check_choices, check_least, check_not_negative
from i2ibench.models.layers.style_losses import (
    aligned_style_loss,
    channel_statistics,
    content_loss,
)
from i2ibench.models.method import Batch, Method, TakeTensors, Update, required

StyleInput = Literal["target", "source"]
Perceptual = Literal["vgg16", "vgg19_normalised", "untrained"]


@dataclass(frozen=True)
class HierarchyFlowConfig:
    """The defaults are the published GTA to Cityscapes configuration (256x512), its reverse pass apart."""

    channels: tuple[int, ...] = (30, 120)
    """After each coupling; each a multiple of the one before, the first of 3."""
    pad: int = 10
    """Pixels of reflection put around the picture, and cut off at the end."""
    group_weight: GroupWeight = "learned"
    """g, by which the groups are averaged in the reverse pass: 1/2, or learned from there, one for each coupling."""
    reverse: Reverse = "exact"
    """`exact` inverts the forward pass where the style is left out; `current`, of the current public code, does not."""
    feature_relu: bool = True
    """A ReLU ends the feature networks; the first public version has none."""
    style_width: int = 64
    """Channels after the style encoder's first convolution."""
    style_dim: int = 8
    """Numbers that the style encoder makes of a picture."""
    style: StyleInput = "target"
    """What gives the style: a picture of the target domain (in paired tasks the very target, while training), or the
    source, as published for super-resolution. In paired tasks the latter: no target can be had for translating."""
    perceptual: Perceptual = "vgg16"
    """The network of the content and style losses. `untrained` is VGG-16 with random weights, for trials without a
    file: its losses know nothing of pictures."""
    content_weight: float = 1.0
    style_weight: float = 0.1
    keep: float = 0.8
    """k, the share of channels that the style loss aligns. Less preserves more of the content."""
    l1_weight: float = 0.0
    """On the distance to each source's own target: above 0 in paired tasks only."""
    mixup: float = 0.0
    """How often a source is replaced by a blend of itself and its own target: above 0 in paired tasks only."""
    lr: float = 1e-4
    beta1: float = 0.9
    beta2: float = 0.999
    weight_decay: float = 0.0
    """As an L2 penalty, added to the gradient."""
    crop_area: tuple[float, float] = (0.8, 1.0)
    """Training pictures are windows of this share of the area, of an aspect between 3/4 and 4/3 of the picture's."""
    mirror: bool = True
    """Training pictures are mirrored with probability 1/2."""
    flip: bool = False
    """They are turned upside down with probability 1/2."""

    def __post_init__(self) -> None:
        """Raise `ValueError` on a value that no flow or loss can be made of."""
        check_choices(self, group_weight=GroupWeight, reverse=Reverse, style=StyleInput, perceptual=Perceptual)
        steps = list(zip((3, *self.channels), self.channels, strict=False))
        if not steps or any(wide < narrow or wide % narrow for narrow, wide in steps):
            raise ValueError(
                "channels must be one number a coupling, each a multiple of the one before and the first of 3, found "
                f"{self.channels}"
            )
        check_least(self, style_width=1, style_dim=1)
        check_not_negative(self, "pad", "content_weight", "style_weight", "l1_weight", "weight_decay")
        if not self.content_weight + self.style_weight + self.l1_weight > 0:
            raise ValueError("content_weight + style_weight + l1_weight must be positive, found 0")
        for field in ("keep", "mixup"):
            if not 0 <= getattr(self, field) <= 1:
                raise ValueError(f"{field} must lie in [0, 1], found {getattr(self, field)}")
        check_adam(self, "beta1", "beta2")
        if not 0 < self.crop_area[0] <= self.crop_area[1] <= 1:
            raise ValueError(f"crop_area must be two shares, the smaller first, in (0, 1], found {self.crop_area}")

    @property
    def trunk(self) -> Trunk | None:
        """The network whose published weights the losses read; None where they read none."""
        if not self.content_weight + self.style_weight > 0 or self.perceptual == "untrained":
            return None
        return self.perceptual

    @property
    def smallest(self) -> int:
        """Pixels a side that a picture must have: reflections need them, and the losses' deviations over space."""
        return max(self.pad + 1, SMALLEST if self.content_weight + self.style_weight > 0 else 4)


class HierarchyFlow(Method):
    """The flow, and the losses that compare its translations with source and target."""

    def __init__(self, config: HierarchyFlowConfig) -> None:
        super().__init__()
        self.config = config
        self.flow = HierarchicalFlow(config)
        self.perceptual: PerceptualNetwork | None = None
        if config.perceptual == "untrained":
            self.perceptual = PerceptualNetwork("vgg16", untrained_weights("vgg16", "perceptual"))

    def pretrained(self) -> Mapping[str, TakeTensors]:
        """The VGG of the losses."""
        return {} if self.config.trunk is None else {self.config.trunk: self.load_perceptual}

    def load_perceptual(self, weights: Mapping[str, Tensor]) -> None:
        """Give the losses their network: the tensors of the published file of `config.trunk`.

        Raises `ValueError` where they are another network's, and where the config asks for none.
        """
        if self.config.trunk is None:
            raise ValueError("this config's losses read no published network, so there is nothing to load")
        network = PerceptualNetwork(self.config.trunk, weights)
        self.perceptual = network.to(next(self.flow.parameters()).device)

    def optimizers(self) -> dict[str, Optimizer]:
        """One Adam, `flow`."""
        parameters = [p for p in self.flow.parameters() if p.requires_grad]
        betas = (self.config.beta1, self.config.beta2)
        return {"flow": Adam(parameters, self.config.lr, betas, weight_decay=self.config.weight_decay, fused=True)}

    def learning_rate(self, optimizer: str, step: int, fraction: float) -> float:
        """Half a cosine over the budget, to 0."""
        return (1 + math.cos(math.pi * fraction)) / 2

    def updates(self, batch: Batch, step: int) -> Iterator[Update]:
        """One step on content, aligned style and, where pairs are given, L1."""
        source, target = unit(batch.source), unit(required(batch.target, "targets", "hierarchy_flow"))
        if self.config.mixup > 0:
            source = self._mixed(source, target)
        style = source if self.config.style == "source" else target
        output = self.flow(source, style).clamp(0, 1)
        losses = self.losses(output, source, target)
        weights = {
            "content": self.config.content_weight,
            "style": self.config.style_weight,
            "l1": self.config.l1_weight,
        }
        loss = torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()
        yield Update("flow", loss, {name: loss.detach() for name, loss in losses.items()})

    def losses(self, output: Tensor, content: Tensor, style: Tensor) -> dict[str, Tensor]:
        """Those of `content`, `style` and `l1` that have a weight, of pictures in [0, 1]; L1 is to `style`.

        Raises `ValueError` where the losses' network has no weights yet.
        """
        found: dict[str, Tensor] = {}
        if self.config.l1_weight > 0:
            found["l1"] = F.l1_loss(output, style)
        if not self.config.content_weight + self.config.style_weight > 0:
            return found
        if self.perceptual is None:
            raise ValueError(
                f"the losses of hierarchy_flow read {self.config.trunk}: give its weights to load_perceptual"
            )
        features = self.perceptual(output)
        if self.config.content_weight > 0:
            with torch.no_grad():
                wanted = self.perceptual(content)[-1]
            found["content"] = content_loss(features[-1], wanted)
        if self.config.style_weight > 0:
            with torch.no_grad():
                styles = [channel_statistics(one) for one in self.perceptual(style)]
            pairs = zip(map(channel_statistics, features), styles, strict=True)
            found["style"] = torch.stack([aligned_style_loss(*pair, self.config.keep) for pair in pairs]).sum()
        return found

    @torch.no_grad()
    def translate(self, batch: Batch, *, seed: int, sample: int = 0) -> Tensor:
        """Each source in the style of its exemplar; nothing is drawn.

        Raises `ValueError` where the style is the target domain's and the batch has no exemplars.
        """
        style = batch.source
        if self.config.style == "target":
            (style,) = required(batch.exemplars, "exemplars", "hierarchy_flow")
        output: Tensor = self.flow(unit(batch.source), unit(style))
        return (2 * output.float() - 1).clamp(-1, 1)

    def _mixed(self, source: Tensor, target: Tensor) -> Tensor:
        """Some sources blended with their targets, by shares ~ U(0, 1) = Beta(1, 1)."""
        taken, share = torch.rand(2, len(source), 1, 1, 1).to(source.device)
        return torch.lerp(source, target, share * (taken < self.config.mixup))


class HierarchicalFlow(nn.Module):
    """A picture in [0, 1], and another of any size whose style it takes, to a picture of the first's size."""

    def __init__(self, config: HierarchyFlowConfig) -> None:
        super().__init__()
        self.pad = config.pad
        self.style_encoder = StyleEncoder(config.style_width, config.style_dim)
        widths = zip((3, *config.channels), config.channels, strict=False)
        options = config.style_dim, config.group_weight, config.reverse, config.feature_relu
        self.couplings = nn.ModuleList(HierarchicalCoupling(narrow, wide, *options) for narrow, wide in widths)

    def forward(self, content: Tensor, style: Tensor) -> Tensor:
        """`content` in the style of `style`, not clamped."""
        return self.decode(*self.encode(content), self.style_encoder(style))

    def reconstruct(self, content: Tensor) -> Tensor:
        """There and back without style: `content` itself where the reverse pass is `exact`."""
        return self.decode(*self.encode(content), None)

    def encode(self, content: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The last coupling's groups, and the features that each coupling subtracted; with borders."""
        x = F.pad(content, [self.pad] * 4, mode="reflect")
        features = []
        for coupling in self._couplings():
            x, feature = coupling(x)
            features.append(feature)
        return x, features

    def decode(self, groups: Tensor, features: Sequence[Tensor], code: Tensor | None) -> Tensor:
        """The picture of what `encode` gave, in the style of `code` `[B, style_dim]` if there is one."""
        x = groups
        for coupling, feature in zip(reversed(self._couplings()), reversed(features), strict=True):
            x = coupling.reverse(x, feature, code)
        height, width = x.shape[2:]
        return x[:, :, self.pad : height - self.pad, self.pad : width - self.pad]

    def _couplings(self) -> list[HierarchicalCoupling]:
        return cast(list[HierarchicalCoupling], list(self.couplings))
