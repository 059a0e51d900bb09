"""StyleGAN: A Style-Based Generator Architecture for Generative Adversarial Networks.

Karras, Laine, Aila. CVPR 2019, arXiv 1812.04948. Networks and training as in Rosinality's PyTorch version: a GAN of one
domain, without classes. As a translator it knows nothing of the source: it draws a picture of the target domain.
DeepI2I's variant on it starts from what it has learnt.

Deliberate deviations:
- The networks are of their final size from the start; the code grows them from 8x8 by phases of 600,000 pictures.
- Real pictures are a task's targets, as it draws them; with `pictures="both"` sources too. DeepI2I's own StyleGAN is of
  neither: of FFHQ's faces.
- Each pass flips its own coin for the mixing of styles, where the code has one for both updates of a step.
- Longer pictures have as much longer maps, and the discriminator's answer is the mean over the places its head fits in.
- Translation is of the average, without truncation, and values beyond [-1, 1] are cut.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor
from torch.optim import Adam, Optimizer

from i2ibench.models.layers.real_pictures import real_pictures
from i2ibench.models.layers.settings import (
    check_adam,
    check_choices,
    check_least,
    check_not_negative,
    check_positive,
    check_share,
)
from i2ibench.models.layers.stylegan_discriminator import StyleGANDiscriminator
from i2ibench.models.layers.stylegan_generator import StyleGANGenerator
from i2ibench.models.layers.stylegan_losses import Loss, discriminator_losses, generator_loss
from i2ibench.models.method import Batch, Method, Update, frozen, required

Pictures = Literal["targets", "both"]


@dataclass(frozen=True)
class StyleGANConfig:
    """The defaults are the published ones."""

    base: int = 16384
    """Channels of maps times their shorter side."""
    max_dim: int = 512
    """The most channels that maps have."""
    code_dim: int = 512
    """Numbers of a code and of a style."""
    mapping_layers: int = 8
    """Linear layers from codes to styles."""
    mixing: float = 0.9
    """Probability that pictures in training are of two styles."""
    loss: Loss = "wgangp"
    """The critic's with a penalty on gradients, or the logistic one with R1, as for FFHQ."""
    penalty: float = 10.0
    """Weight of the penalty on gradients; with R1 its gamma."""
    drift: float = 0.001
    """With `wgangp`: weight of the squared scores of real pictures."""
    lr: float = 1e-3
    mapping_lr: float = 0.01
    """Share of `lr` that the mapping network learns at."""
    beta1: float = 0.0
    beta2: float = 0.99
    ema: float = 0.999
    """Decay of the average of the generator's weights that draws pictures; 0: the last weights do."""
    pictures: Pictures = "targets"
    """What is learnt: a task's targets, or its sources too, as one domain."""
    mirror: bool = True
    """Training pictures are mirrored with probability 1/2."""

    def __post_init__(self) -> None:
        """Raise `ValueError` on a value that no network can be made of."""
        check_least(self, base=1, max_dim=1, code_dim=1, mapping_layers=1)
        check_choices(self, loss=Loss, pictures=Pictures)
        check_not_negative(self, "penalty", "drift")
        check_adam(self, "beta1", "beta2")
        check_positive(self, "mapping_lr")
        check_share(self, "ema")
        if not 0 <= self.mixing <= 1:
            raise ValueError(f"mixing must lie in [0, 1], found {self.mixing}")


class StyleGAN(Method):
    """A generator and a discriminator for pictures of `height` x `width`."""

    def __init__(self, config: StyleGANConfig, height: int, width: int) -> None:
        super().__init__()
        self.config = config
        base, max_dim = config.base, config.max_dim
        self.generator = StyleGANGenerator(height, width, base, max_dim, config.code_dim, config.mapping_layers)
        self.discriminator = StyleGANDiscriminator(min(height, width), base, max_dim)
        self.averages = {"generator": config.ema} if config.ema else {}

    def optimizers(self) -> dict[str, Optimizer]:
        """Two Adams, `discriminator` and `generator`, whose mapping network learns at a rate of its own."""
        config = self.config
        adam = partial(Adam, lr=config.lr, betas=(config.beta1, config.beta2), fused=True)
        slow = list(self.generator.mapping.parameters())
        groups: list[dict[str, Any]] = [
            {"params": [*self.generator.blocks.parameters(), *self.generator.to_rgb.parameters()]},
            {"params": slow, "lr": config.lr * config.mapping_lr},
        ]
        return {"discriminator": adam(self.discriminator.parameters()), "generator": adam(groups)}

    def updates(self, batch: Batch, step: int) -> Iterator[Update]:
        """The discriminator's step, then the generator's with newly drawn codes and noise."""
        config, real = self.config, self.real(batch)
        with torch.no_grad():
            fake = self.generator.draw(len(batch), config.mixing)
        losses = discriminator_losses(
            self.discriminator, real, fake, loss=config.loss, penalty=config.penalty, drift=config.drift
        )
        logs = {name: value.detach() for name, value in losses.items()}
        yield Update("discriminator", torch.stack(list(losses.values())).sum(), logs)

        with frozen(self.discriminator):
            scores = self.discriminator(self.generator.draw(len(batch), config.mixing))
            loss = generator_loss(scores, config.loss)
        yield Update("generator", loss)

    def real(self, batch: Batch) -> Tensor:
        """The pictures `[B, 3, H, W]` to be learnt: targets, or of `both` one of each example by a coin."""
        if self.config.pictures == "targets":
            return required(batch.target, "targets", "stylegan")
        return real_pictures(dataclasses.replace(batch, classes=None), "stylegan")[0]

    @torch.no_grad()
    def translate(self, batch: Batch, *, seed: int, sample: int = 0) -> Tensor:
        """A picture of the target domain for each source, which it does not look at."""
        return self.generator.draw_for(batch.names, seed, sample)
