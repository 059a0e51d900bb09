"""Distances of features: a discriminator's own, and VGG's.

Wang et al. (pix2pixHD), arXiv 1711.11585, section 3.2; blind to the domain: Huang et al. (MUNIT), arXiv 1804.04732,
section 5.1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from i2ibench.models.layers.norms import instance_norm
from i2ibench.models.layers.perceptual import PerceptualNetwork, Trunk, untrained_weights
from i2ibench.models.layers.ranges import unit
from i2ibench.models.method import TakeTensors

Perceptual = Literal["vgg19", "vgg16", "untrained", "none"]
"""`untrained` features know no pictures: for trials. `none`: no such loss."""
DomainInvariant = Literal["vgg16", "untrained", "none"]
_LEVELS = 5


def feature_matching_loss(fake: Sequence[Sequence[Tensor]], real: Sequence[Sequence[Tensor]]) -> Tensor:
    """How far a discriminator's features of fakes are from those of reals, which count as given.

    Both are its stages by scale, see `MultiscaleDiscriminator`. The mean absolute difference, summed over each scale's
    stages but the last, its logits, and averaged over scales.
    """
    terms = [
        F.l1_loss(one, other.detach())
        for stages, others in zip(fake, real, strict=True)
        for one, other in zip(stages[:-1], others[:-1], strict=True)
    ]
    return torch.stack(terms).sum() / len(fake)


class PerceptualLoss(nn.Module):
    """The mean absolute difference of VGG's relu1_1, 2_1, 3_1, 4_1 and 5_1, weighted 1/32, 1/16, 1/8, 1/4 and 1.

    Pictures `[B, 3, H, W]` go into VGG as they are, in [-1, 1], as published. It is never trained and never saved, and
    has nothing to compare with before `load`, but for `untrained` features.
    """

    def __init__(self, perceptual: Perceptual) -> None:
        super().__init__()
        self.trunk: Trunk | None = perceptual if perceptual == "vgg16" or perceptual == "vgg19" else None
        self.network: PerceptualNetwork | None = None
        if perceptual == "untrained":
            weights = untrained_weights("vgg16", "perceptual", levels=_LEVELS)
            self.network = PerceptualNetwork("vgg16", weights, _LEVELS, normalise=False)

    def pretrained(self) -> Mapping[str, TakeTensors]:
        """What `Method.pretrained` says of it."""
        return {} if self.trunk is None else {self.trunk: self.load}

    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Take the tensors of the published file of `trunk`. Raises `ValueError` where they are another network's."""
        if self.trunk is None:
            raise ValueError("this config's losses read no published network, so there is nothing to load")
        self.network = PerceptualNetwork(self.trunk, weights, _LEVELS, normalise=False)

    def forward(self, fake: Tensor, real: Tensor | list[Tensor]) -> Tensor:
        """The loss of fakes against reals, which count as given, or against what `wanted` found in these.

        Raises `ValueError` where no weights were loaded.
        """
        wanted = self.wanted(real) if isinstance(real, Tensor) else real
        terms = [F.l1_loss(one, other) for one, other in zip(self._loaded(fake), wanted, strict=True)]
        weights = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1)
        return torch.stack([weight * term for weight, term in zip(weights, terms, strict=True)]).sum()

    @torch.no_grad()
    def wanted(self, real: Tensor) -> list[Tensor]:
        """The features of reals, for several comparisons with them. Raises `ValueError` as `forward`."""
        return self._loaded(real)

    def _loaded(self, pictures: Tensor) -> list[Tensor]:
        if self.network is None:
            raise ValueError(f"the perceptual loss reads {self.trunk or 'a VGG'}: load its weights first")
        features: list[Tensor] = self.network(pictures)
        return features


class DomainInvariantLoss(nn.Module):
    """The mean squared difference of VGG16's relu5_3, each channel of each picture normalised to mean 0 and variance 1.

    What a domain does to all of a picture, its normalisation takes away. Pictures `[B, 3, H, W]` in [-1, 1], of more
    than 16 pixels along one side at least; they reach VGG as it was trained. It is never trained and never saved, and
    has nothing to compare with before `load`, but for `untrained` features.
    """

    def __init__(self, perceptual: DomainInvariant) -> None:
        super().__init__()
        self.perceptual = perceptual
        self.network: PerceptualNetwork | None = None
        if perceptual == "untrained":
            self.network = PerceptualNetwork("vgg16", untrained_weights("vgg16", "perceptual", levels=6), 6)

    def pretrained(self) -> Mapping[str, TakeTensors]:
        """What `Method.pretrained` says of it."""
        return {"vgg16": self.load} if self.perceptual == "vgg16" else {}

    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Take the tensors of VGG16's published file. Raises `ValueError` where they are another network's."""
        if self.perceptual != "vgg16":
            raise ValueError("this config's losses read no published network, so there is nothing to load")
        self.network = PerceptualNetwork("vgg16", weights, 6)

    def forward(self, translation: Tensor, source: Tensor) -> Tensor:
        """The loss of translations against their sources, which count as given.

        Raises `ValueError` where no weights were loaded.
        """
        with torch.no_grad():
            wanted = self._normalised(source)
        return F.mse_loss(self._normalised(translation), wanted)

    def _normalised(self, pictures: Tensor) -> Tensor:
        if self.network is None:
            raise ValueError("the domain-invariant perceptual loss reads vgg16: load its weights first")
        return instance_norm(self.network(unit(pictures))[-1].float())
