"""pix2pix: Image-to-Image Translation with Conditional Adversarial Networks.

Isola, Zhu, Zhou, Efros. CVPR 2017, arXiv 1611.07004. Networks, losses and schedule as in the authors' PyTorch version,
which leaves the innermost decoder block without dropout and gives it to the three next ones, where the paper's text
gives it to the first three.

Deliberate deviations:
- The schedule of 200 epochs is stretched over the budget, whatever the budget is.
- `wgangp` is the bare critic objective: the published model offers it without ever calling its penalty.
- The published `plateau` schedule is left out: it watches a validation score and would not be a function of progress.
- At translation each picture is translated alone with dropout of its own (a batch of one in the paper's words), also
  where many are given.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam, Optimizer

from i2ibench.models.layers.adversarial import Objective, adversarial_loss
from i2ibench.models.layers.norms import Norm, translating, uses_batch_statistics, uses_dropout
from i2ibench.models.layers.patchgan import PatchDiscriminator, PixelDiscriminator
from i2ibench.models.layers.resnet import ResNet
from i2ibench.models.layers.schedules import constant_then_linear, epoch_of
from i2ibench.models.layers.settings import check_adam, check_choices, check_epochs, check_least, check_not_negative
from i2ibench.models.layers.unet import UNet
from i2ibench.models.layers.weights import Init, initialize_weights
from i2ibench.models.method import Batch, Method, Update, frozen, inference, required, seeded

GeneratorKind = Literal["unet", "resnet"]
DiscriminatorKind = Literal["patch", "pixel"]
Schedule = Literal["linear", "step", "cosine"]
Statistics = Literal["picture", "running"]


@dataclass(frozen=True)
class Pix2PixConfig:
    """The defaults are the paper's: U-Net 256, PatchGAN 70x70, cGAN + 100 L1."""

    generator: GeneratorKind = "unet"
    levels: int = 8
    """Halvings of the U-Net: 8 for sides that are multiples of 256, 7 for 128."""
    blocks: int = 9
    """Residual blocks of the ResNet: published with 9 and 6."""
    ngf: int = 64
    """Channels after the generator's first convolution."""
    norm: Norm = "batch"
    dropout: bool = True
    """Dropout 0.5 in the generator while training."""
    discriminator: DiscriminatorKind = "patch"
    n_layers: int = 3
    """Strided convolutions of the patch discriminator: 1 to 5 see 16, 34, 70, 142, 286 pixels."""
    ndf: int = 64
    """Channels after the discriminator's first convolution."""
    objective: Objective = "vanilla"
    l1_weight: float = 100.0
    init: Init = "normal"
    init_gain: float = 0.02
    lr: float = 2e-4
    beta1: float = 0.5
    beta2: float = 0.999
    schedule: Schedule = "linear"
    """`linear`: constant, then falling; `step`: a tenth every 50 epochs; `cosine`: half a wave over all epochs."""
    constant_epochs: int = 100
    decay_epochs: int = 100
    load_scale: float = 286 / 256
    """Training pictures are resized by this and cropped back at random."""
    mirror: bool = True
    """Training pairs are mirrored with probability 1/2."""
    test_dropout: bool = inference(True)
    """Dropout stays active while translating, as in the paper."""
    test_statistics: Statistics = inference("picture")  # noqa: RUF009  (it makes a dataclass field)
    """Batch norm while translating: each picture's own statistics, as in the paper, or the running ones."""

    def __post_init__(self) -> None:
        """Raise `ValueError` on a value that no network or schedule can be made of."""
        check_choices(
            self,
            generator=GeneratorKind,
            norm=Norm,
            discriminator=DiscriminatorKind,
            objective=Objective,
            init=Init,
            schedule=Schedule,
            test_statistics=Statistics,
        )
        check_least(self, levels=2, blocks=1, ngf=1, n_layers=1, ndf=1)
        check_not_negative(self, "constant_epochs", "decay_epochs", "l1_weight", "init_gain")
        check_epochs(self, "constant_epochs", "decay_epochs")
        check_adam(self, "beta1", "beta2")
        if self.load_scale < 1:
            raise ValueError(f"load_scale must be at least 1, or no crop fits, found {self.load_scale}")

    @property
    def multiple(self) -> int:
        """What both sides of a picture must be multiples of for the generator."""
        return 2**self.levels if self.generator == "unet" else 4


class Pix2Pix(Method):
    """A generator fed the source and a discriminator fed source and (translated or real) target."""

    def __init__(self, config: Pix2PixConfig) -> None:
        super().__init__()
        self.config = config
        self.generator = build_generator(config)
        self.discriminator = build_discriminator(config)
        for network in (self.generator, self.discriminator):
            initialize_weights(network, config.init, config.init_gain)

    def optimizers(self) -> dict[str, Optimizer]:
        """Two Adams, `discriminator` and `generator`."""
        lr, betas = self.config.lr, (self.config.beta1, self.config.beta2)
        return {
            "discriminator": Adam(self.discriminator.parameters(), lr, betas, fused=True),
            "generator": Adam(self.generator.parameters(), lr, betas, fused=True),
        }

    def learning_rate(self, optimizer: str, step: int, fraction: float) -> float:
        """The factor of epoch e = 1 + floor(fraction * epochs); `linear`: 1 - max(0, e - 100) / 101, never 0."""
        constant, decay = self.config.constant_epochs, self.config.decay_epochs
        if self.config.schedule == "linear":
            return constant_then_linear(fraction, constant, decay)
        epochs = constant + decay
        epoch = epoch_of(fraction, epochs)
        if self.config.schedule == "step":
            return float(0.1 ** ((epoch - 1) // 50))
        return (1 + math.cos(math.pi * (epoch - 1) / epochs)) / 2

    def updates(self, batch: Batch, step: int) -> Iterator[Update]:
        """The discriminator's step, then the generator's against the discriminator as it then is."""
        source, target = batch.source, required(batch.target, "targets", "pix2pix")
        fake = self.generator(source)

        loss = self.discriminator_loss(source, target, fake.detach())
        yield Update("discriminator", loss)

        with frozen(self.discriminator):
            adversarial = self.generator_loss(source, fake)
        l1 = F.l1_loss(fake, target)
        loss = adversarial + self.config.l1_weight * l1
        yield Update("generator", loss, {"adversarial": adversarial.detach(), "l1": l1.detach()})

    def discriminator_loss(self, source: Tensor, target: Tensor, fake: Tensor) -> Tensor:
        """Half of what the discriminator loses on the fake pairs and on the real ones (the paper halves it too).

        Fakes and reals go through it apart: batch norm must not mix their statistics.
        """
        on_fake = adversarial_loss(self.discriminator(torch.cat([source, fake], 1)), False, self.config.objective)
        on_real = adversarial_loss(self.discriminator(torch.cat([source, target], 1)), True, self.config.objective)
        return (on_fake + on_real) / 2

    def generator_loss(self, source: Tensor, fake: Tensor) -> Tensor:
        """What the generator loses by fakes that the discriminator does not take for real; without the L1 term."""
        return adversarial_loss(self.discriminator(torch.cat([source, fake], 1)), True, self.config.objective)

    @torch.no_grad()
    def translate(self, batch: Batch, *, seed: int, sample: int = 0) -> Tensor:
        """Translate; one by one where dropout or a picture's own statistics are in play."""
        dropout = self.config.test_dropout and uses_dropout(self.generator)
        own_statistics = self.config.test_statistics == "picture" and uses_batch_statistics(self.generator)
        with translating(self.generator, dropout=dropout, batch_statistics=own_statistics):
            if not (dropout or own_statistics):
                return self._generate(batch.source)
            pictures = []
            for index, name in enumerate(batch.names):
                with seeded(seed, "dropout", name, sample):
                    pictures.append(self._generate(batch.source[index : index + 1]))
            return torch.cat(pictures)

    def _generate(self, source: Tensor) -> Tensor:
        out: Tensor = self.generator(source)
        return out.float()


def build_generator(config: Pix2PixConfig) -> nn.Module:
    """The generator: 3 channels to 3."""
    if config.generator == "unet":
        return UNet(3, 3, config.levels, config.ngf, config.norm, config.dropout)
    return ResNet(3, 3, config.blocks, config.ngf, config.norm, config.dropout)


def build_discriminator(config: Pix2PixConfig) -> nn.Module:
    """The discriminator of source and target: 6 channels to a map of logits."""
    if config.discriminator == "pixel":
        return PixelDiscriminator(6, config.ndf, config.norm)
    return PatchDiscriminator(6, config.ndf, config.n_layers, config.norm)
