"""CycleGAN: Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks.

Zhu, Park, Isola, Efros. ICCV 2017, arXiv 1703.10593. Networks, losses and schedule as in the authors' PyTorch version,
whose default keeps the identity term that the paper has for paintings to photos alone.

`generator_ab` is the paper's G, `generator_ba` its F; `discriminator_b`, which judges what the former makes, is its
D_Y, `discriminator_a` its D_X. A is the source domain, B the target's.

Deliberate deviations:
- The schedule of 100 + 100 epochs is stretched over the budget, whatever the budget is.
- Sides that are no multiples of 4 are refused, where the published code resizes the pictures.
- Dropout and batch norm are options as published; at translation dropout is off, and batch norm reads each picture's
  own statistics.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam, Optimizer

from i2ibench.models.layers.adversarial import adversarial_loss
from i2ibench.models.layers.image_pool import ImagePool
from i2ibench.models.layers.norms import Norm, translating, uses_batch_statistics
from i2ibench.models.layers.patchgan import PatchDiscriminator
from i2ibench.models.layers.resnet import ResNet
from i2ibench.models.layers.schedules import constant_then_linear
from i2ibench.models.layers.settings import check_adam, check_choices, check_epochs, check_least, check_not_negative
from i2ibench.models.layers.unet import UNet
from i2ibench.models.layers.weights import Init, initialize_weights
from i2ibench.models.method import Batch, Method, Update, frozen, inference, required

GeneratorKind = Literal["resnet", "unet"]
Direction = Literal["forward", "backward"]
Objective = Literal["lsgan", "vanilla"]


@dataclass(frozen=True)
class CycleGANConfig:
    """The defaults are the published code's: ResNet of 9 blocks, PatchGAN 70x70, least squares."""

    generator: GeneratorKind = "resnet"
    blocks: int = 9
    """Residual blocks of the ResNet: published with 9, and with 6 for pictures of 128x128."""
    levels: int = 8
    """Halvings of the U-Net: 8 for sides that are multiples of 256, 7 for 128."""
    ngf: int = 64
    """Channels after a generator's first convolution."""
    norm: Norm = "instance"
    dropout: bool = False
    """Dropout 0.5 in the generators while training."""
    n_layers: int = 3
    """Strided convolutions of a discriminator: 1 to 5 see 16, 34, 70, 142, 286 pixels."""
    ndf: int = 64
    """Channels after a discriminator's first convolution."""
    objective: Objective = "lsgan"
    pool_size: int = 50
    """Earlier translations kept for each discriminator; 0: it sees the new ones alone."""
    cycle_a_weight: float = 10.0
    """Of the distance of A's pictures from themselves after A to B to A."""
    cycle_b_weight: float = 10.0
    """Of B's after B to A to B."""
    identity_weight: float = 0.5
    """Of what a generator changes in pictures of the domain that it translates to, times that domain's cycle weight."""
    init: Init = "normal"
    init_gain: float = 0.02
    lr: float = 2e-4
    beta1: float = 0.5
    beta2: float = 0.999
    constant_epochs: int = 100
    decay_epochs: int = 100
    load_scale: float = 286 / 256
    """Training pictures are resized by this and cropped back at random."""
    crop: int = 0
    """Train on windows of so many pixels a side; 0: on pictures of the task's size."""
    mirror: bool = True
    """Training pictures are mirrored with probability 1/2."""
    direction: Direction = inference("forward")  # noqa: RUF009  (it makes a dataclass field)
    """Translate from A to B, or `backward` from B to A."""

    def __post_init__(self) -> None:
        """Raise `ValueError` on a value that no network or schedule can be made of."""
        check_choices(self, generator=GeneratorKind, norm=Norm, objective=Objective, init=Init, direction=Direction)
        check_least(self, blocks=1, levels=2, ngf=1, n_layers=1, ndf=1)
        check_not_negative(self, "pool_size", "cycle_a_weight", "cycle_b_weight", "identity_weight", "init_gain")
        check_not_negative(self, "constant_epochs", "decay_epochs", "crop")
        check_epochs(self, "constant_epochs", "decay_epochs")
        check_adam(self, "beta1", "beta2")
        if self.load_scale < 1:
            raise ValueError(f"load_scale must be at least 1, or no crop fits, found {self.load_scale}")

    @property
    def multiple(self) -> int:
        """What both sides of a picture must be multiples of for the generators."""
        return 1 << self.levels if self.generator == "unet" else 4


class CycleGAN(Method):
    """Two generators, there and back, and a discriminator of each domain with a pool of earlier translations."""

    def __init__(self, config: CycleGANConfig, height: int, width: int) -> None:
        """For training pictures of `height` x `width` pixels, which the pools store."""
        super().__init__()
        self.config = config
        self.generator_ab = build_generator(config)
        self.generator_ba = build_generator(config)
        self.discriminator_b = PatchDiscriminator(3, config.ndf, config.n_layers, config.norm)
        self.discriminator_a = PatchDiscriminator(3, config.ndf, config.n_layers, config.norm)
        initialize_weights(self, config.init, config.init_gain)
        self.pool_b = ImagePool(config.pool_size, height, width)
        self.pool_a = ImagePool(config.pool_size, height, width)

    def optimizers(self) -> dict[str, Optimizer]:
        """Two Adams, `generators` and `discriminators`, each of both directions."""
        lr, betas = self.config.lr, (self.config.beta1, self.config.beta2)
        generators = chain(self.generator_ab.parameters(), self.generator_ba.parameters())
        discriminators = chain(self.discriminator_b.parameters(), self.discriminator_a.parameters())
        return {
            "generators": Adam(generators, lr, betas, fused=True),
            "discriminators": Adam(discriminators, lr, betas, fused=True),
        }

    def learning_rate(self, optimizer: str, step: int, fraction: float) -> float:
        """The factor of epoch e = 1 + floor(fraction * 200): 1 - max(0, e - 100) / 101, never 0."""
        return constant_then_linear(fraction, self.config.constant_epochs, self.config.decay_epochs)

    def updates(self, batch: Batch, step: int) -> Iterator[Update]:
        """Both generators in one step, then both discriminators, on translations that went through the pools."""
        a, b = batch.source, required(batch.target, "targets", "cyclegan")
        fake_b, fake_a = self.generator_ab(a), self.generator_ba(b)
        losses = self.generator_losses(a, b, fake_a, fake_b)
        logs = {name: loss.detach() for name, loss in losses.items()}
        yield Update("generators", self._weighted(losses), logs)

        losses = {
            "discriminator_b": self.discriminator_loss(self.discriminator_b, b, self.pool_b.exchange(fake_b)),
            "discriminator_a": self.discriminator_loss(self.discriminator_a, a, self.pool_a.exchange(fake_a)),
        }
        logs = {name: loss.detach() for name, loss in losses.items()}
        yield Update("discriminators", torch.stack(list(losses.values())).sum(), logs)

    def generator_losses(self, a: Tensor, b: Tensor, fake_a: Tensor, fake_b: Tensor) -> dict[str, Tensor]:
        """What the generators lose, not weighted; terms of weight 0 are left out, with the passes they would need."""
        config = self.config
        with frozen(self.discriminator_b, self.discriminator_a):
            losses = {
                "adversarial_b": adversarial_loss(self.discriminator_b(fake_b).float(), True, config.objective),
                "adversarial_a": adversarial_loss(self.discriminator_a(fake_a).float(), True, config.objective),
            }
        if config.cycle_a_weight > 0:
            losses["cycle_a"] = F.l1_loss(self.generator_ba(fake_b), a)
        if config.cycle_b_weight > 0:
            losses["cycle_b"] = F.l1_loss(self.generator_ab(fake_a), b)
        if config.identity_weight * config.cycle_b_weight > 0:
            losses["identity_b"] = F.l1_loss(self.generator_ab(b), b)
        if config.identity_weight * config.cycle_a_weight > 0:
            losses["identity_a"] = F.l1_loss(self.generator_ba(a), a)
        return losses

    def discriminator_loss(self, discriminator: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        """Half of what `discriminator` loses on real and translated pictures, which go through it apart."""
        on_real = adversarial_loss(discriminator(real).float(), True, self.config.objective)
        on_fake = adversarial_loss(discriminator(fake).float(), False, self.config.objective)
        return (on_real + on_fake) / 2

    @torch.no_grad()
    def translate(self, batch: Batch, *, seed: int, sample: int = 0) -> Tensor:
        """Translate, one by one where the generator has batch norm; nothing is drawn."""
        network = self.generator_ab if self.config.direction == "forward" else self.generator_ba
        alone = uses_batch_statistics(network)
        with translating(network, dropout=False, batch_statistics=alone):
            pictures = [network(rows) for rows in (torch.split(batch.source, 1) if alone else [batch.source])]
        return torch.cat(pictures).float()

    def _weighted(self, losses: dict[str, Tensor]) -> Tensor:
        config = self.config
        weights = {
            "adversarial_b": 1.0,
            "adversarial_a": 1.0,
            "cycle_a": config.cycle_a_weight,
            "cycle_b": config.cycle_b_weight,
            "identity_b": config.identity_weight * config.cycle_b_weight,
            "identity_a": config.identity_weight * config.cycle_a_weight,
        }
        return torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()


def build_generator(config: CycleGANConfig) -> nn.Module:
    """The generator of one direction: 3 channels to 3."""
    if config.generator == "unet":
        return UNet(3, 3, config.levels, config.ngf, config.norm, config.dropout)
    return ResNet(3, 3, config.blocks, config.ngf, config.norm, config.dropout)
