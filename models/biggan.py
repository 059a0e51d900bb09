"""BigGAN: Large Scale GAN Training for High Fidelity Natural Image Synthesis.

Brock, Donahue, Simonyan. ICLR 2019, arXiv 1809.11096. Networks and training as in the first author's PyTorch version: a
class-conditional GAN of a task's own classes, or of its two domains where it has no classes. As a translator it knows
nothing of the source: it draws a picture of the class asked for. DeepI2I starts from what it has learnt.

Deliberate deviations:
- The sources and the targets of a task are one set: each example gives one of both as its real picture.
- Pictures of 32 pixels have the version's networks for CIFAR, but the discriminator pools once more, so that for all
  sizes the smallest maps are 4x4. Longer pictures have as much longer maps.
- `ema` averages from the first step on, not after 20,000, and takes the statistics of batch norm as they last were.
- Singular vectors start from 15 power iterations, not from noise; orthogonal weights have one singular value only.
- Translation reads the running statistics of batch norm and no truncated noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim import Adam, Optimizer

from i2ibench.models.layers.adversarial import adversarial_loss, hinge_loss
from i2ibench.models.layers.biggan_discriminator import BigGANDiscriminator
from i2ibench.models.layers.biggan_generator import BigGANGenerator
from i2ibench.models.layers.domains import asked_domains
from i2ibench.models.layers.gaussian_codes import style_codes
from i2ibench.models.layers.norms import translating
from i2ibench.models.layers.real_pictures import real_pictures
from i2ibench.models.layers.settings import check_adam, check_least, check_positive, check_share
from i2ibench.models.method import Batch, Method, Update, frozen

ADAM_EPS = 1e-6


@dataclass(frozen=True)
class BigGANConfig:
    """The defaults are the published ones for ImageNet at 128x128."""

    ch: int = 96
    """Channels of the generator's last maps and of the discriminator's first."""
    attention: int = 64
    """Shorter side of the maps that have self-attention; 0: none."""
    z_dim: int = 120
    """Numbers of noise, in equal chunks for the smallest maps and every block; what does not divide is left out."""
    shared_dim: int = 128
    """Numbers of a class's embedding."""
    lr: float = 1e-4
    """The generator's."""
    d_lr: float = 4e-4
    """The discriminator's."""
    beta1: float = 0.0
    beta2: float = 0.999
    ema: float = 0.9999
    """Decay of the average of the generator's weights that draws pictures; 0: the last weights do."""
    mirror: bool = False
    """Training pictures are mirrored with probability 1/2."""

    def __post_init__(self) -> None:
        """Raise `ValueError` on a value that no network can be made of."""
        check_least(self, ch=1, attention=0, z_dim=8, shared_dim=1)
        check_adam(self, "beta1", "beta2")
        check_positive(self, "d_lr")
        check_share(self, "ema")


class BigGAN(Method):
    """A generator and a discriminator of so many classes, for pictures of `height` x `width`."""

    def __init__(self, config: BigGANConfig, classes: int, height: int, width: int) -> None:
        super().__init__()
        self.config, self.classes = config, classes
        ch, attention = config.ch, config.attention
        self.generator = BigGANGenerator(height, width, ch, classes, config.z_dim, config.shared_dim, attention)
        self.discriminator = BigGANDiscriminator(min(height, width), ch, classes, attention)
        self.averages = {"generator": config.ema} if config.ema else {}

    def optimizers(self) -> dict[str, Optimizer]:
        """Two Adams, `discriminator` and `generator`, of rates of their own."""
        config = self.config
        betas = config.beta1, config.beta2
        return {
            "discriminator": Adam(self.discriminator.parameters(), config.d_lr, betas, ADAM_EPS, fused=True),
            "generator": Adam(self.generator.parameters(), config.lr, betas, ADAM_EPS, fused=True),
        }

    def updates(self, batch: Batch, step: int) -> Iterator[Update]:
        """The discriminator's step, then the generator's with newly drawn noise and classes."""
        real, own = real_pictures(batch, "biggan")
        z, classes = self.drawn(batch)
        with torch.no_grad():
            fake = self.generator(z, classes)
        # in one pass, as published: one power iteration
        judged = self.discriminator(torch.cat([fake, real]), torch.cat([classes, own])).float()
        on_fake, on_real = judged.chunk(2)
        losses = {"real": hinge_loss(on_real, True), "fake": hinge_loss(on_fake, False)}
        logs = {name: value.detach() for name, value in losses.items()}
        yield Update("discriminator", losses["real"] + losses["fake"], logs)

        z, classes = self.drawn(batch)
        with frozen(self.discriminator):
            loss = adversarial_loss(self.discriminator(self.generator(z, classes), classes).float(), True, "wgangp")
        yield Update("generator", loss)

    def drawn(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Noise ~ N(0, I) `[B, z_size]` and classes, all as likely, int64 `[B]`."""
        device = batch.source.device
        z = torch.randn(len(batch), self.generator.z_size, device=device)
        return z, torch.randint(self.classes, (len(batch),), device=device)

    @torch.no_grad()
    def translate(self, batch: Batch, *, seed: int, sample: int = 0) -> Tensor:
        """A picture of the class asked for, for each source, which it does not look at."""
        z = style_codes(batch.names, self.generator.z_size, seed, sample).to(batch.source.device)
        classes = asked_domains(batch, self.classes, reader="biggan")
        with translating(self.generator, dropout=False, batch_statistics=False):
            pictures: Tensor = self.generator(z, classes)
        return pictures.float()
