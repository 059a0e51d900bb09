"""DeepI2I on StyleGAN: Enabling Deep Hierarchical Image-to-Image Translation by Transferring from GANs.

Wang, Yu, van de Weijer. NeurIPS 2020, arXiv 2011.05867, the variant for two domains: a source's maps, read by a GAN's
discriminator, go through an adaptor at each size and are added to those of the same GAN's generator, which becomes one
of the target domain. Networks, losses and rates as in the authors' code; `encoder` is the paper's Upsilon, `adaptor`
Lambda, `generator` Phi, `discriminator` Psi. On BigGAN, for many classes: `deepi2i`.

Deliberate deviations:
- The GAN is whatever is named. The published one is Rosinality's of FFHQ at 256x256: human faces, of neither domain.
- Alignment lasts for a share of the budget, where the code has 500 iterations and an end of 3,000,000.
- The optimisers of a transferred GAN start anew. The encoder has no head, which the code's has and never uses.
- Maps are read at 64, or a quarter of the shorter side where that is less, and all smaller sizes down to 4, the largest
  with the weight that the code has at 64: 0, so that its adaptor has no part in pictures and no gradient, as there.
- `transfer=False`, which this variant of the code has not, trains all four networks anew, as the one on BigGAN does.
- Each pass flips its own coin for the mixing of styles, where the code has one for both updates of a step.
- Adaptations are computed once a step for both updates, and sources are judged without gradients: the same numbers.
- Longer pictures have as much longer maps; values beyond [-1, 1] are cut.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.optim import Adam, Optimizer

from i2ibench.models.layers import stylegan_checkpoints
from i2ibench.models.layers.hierarchical_fusion import Adaptor, reconstruction, weights_by_side
from i2ibench.models.layers.settings import (
    check_adam,
    check_choices,
    check_least,
    check_not_negative,
    check_positive,
    check_share,
)
from i2ibench.models.layers.stylegan_blocks import PlainBlock
from i2ibench.models.layers.stylegan_discriminator import StyleGANDiscriminator, StyleGANTrunk
from i2ibench.models.layers.stylegan_generator import StyleGANGenerator
from i2ibench.models.layers.stylegan_losses import Loss, discriminator_losses, generator_loss
from i2ibench.models.method import Batch, Method, TakeTensors, Update, frozen, required


@dataclass(frozen=True)
class DeepI2IStyleGANConfig:
    """The defaults are the published ones at 256x256. The networks' are those of the GAN that is transferred."""

    base: int = 16384
    """Channels of maps times their shorter side."""
    max_dim: int = 512
    """The most channels that maps have."""
    code_dim: int = 512
    """Numbers of a code and of a style."""
    mapping_layers: int = 8
    """Linear layers from codes to styles."""
    mixing: float = 0.9
    """Probability that translations in training are of two styles."""
    transfer: bool = True
    """Start from a trained GAN, whose discriminator's trunk stays the encoder; else train all four networks anew."""
    gan: str = ""
    """With `transfer`: the trained StyleGAN, both its networks."""
    alignment: float = 0.005
    """With `transfer`: share of the budget in which the generator is kept as it was; 500 of 100,000 iterations."""
    fusion_weight: float = 0.1
    """Of adapted maps."""
    fusion_finest: float = 0.0
    """Of those of the largest size."""
    recon_weight: float = 0.1
    """Of the distance of a translation's maps from its source's, at each size."""
    recon_finest: float = 0.0
    """At the largest size."""
    loss: Loss = "wgangp"
    """The critic's with a penalty on gradients, or the logistic one with R1."""
    penalty: float = 10.0
    """Weight of the penalty on gradients; with R1 its gamma."""
    drift: float = 0.001
    """With `wgangp`: weight of the squared scores of real pictures."""
    lr: float = 1e-3
    mapping_lr: float = 0.01
    """Share of `lr` that the mapping network learns at."""
    beta1: float = 0.0
    beta2: float = 0.99
    mirror: bool = True
    """Training pictures are mirrored with probability 1/2."""

    def __post_init__(self) -> None:
        """Raise `ValueError` on a value that no network or stage can be made of."""
        check_least(self, base=1, max_dim=1, code_dim=1, mapping_layers=1)
        check_choices(self, loss=Loss)
        check_not_negative(self, "fusion_finest", "recon_weight", "recon_finest", "penalty", "drift")
        check_adam(self, "beta1", "beta2")
        check_positive(self, "mapping_lr", "fusion_weight")
        check_share(self, "alignment")
        if not 0 <= self.mixing <= 1:
            raise ValueError(f"mixing must lie in [0, 1], found {self.mixing}")
        if self.gan and not self.transfer:
            raise ValueError(f"transfer=false trains all networks anew and reads no gan, found {self.gan!r}")


class DeepI2IStyleGAN(Method):
    """Encoder, adaptor, generator and discriminator for pictures of `height` x `width`."""

    def __init__(self, config: DeepI2IStyleGANConfig, height: int, width: int) -> None:
        super().__init__()
        self.config = config
        side, base, max_dim = min(height, width), config.base, config.max_dim
        self.discriminator = StyleGANDiscriminator(side, base, max_dim)
        self.generator = StyleGANGenerator(height, width, base, max_dim, config.code_dim, config.mapping_layers)
        if config.transfer:
            self.encoder = copy.deepcopy(self.discriminator.trunk).requires_grad_(False)
        else:
            self.encoder = StyleGANTrunk(side, base, max_dim)
        self.adaptor = Adaptor(self.encoder.channels, self.generator.channels, PlainBlock)

    def pretrained(self) -> Mapping[str, TakeTensors]:
        """The GAN, both its networks."""
        return {self.config.gan: self.load_gan} if self.config.gan else {}

    def load_gan(self, tensors: Mapping[str, Tensor]) -> None:
        """Start from a trained StyleGAN: its generator, and its discriminator, as the encoder too.

        Raises `ValueError` where they are not of these sizes.
        """
        stylegan_checkpoints.load_generator(self.generator, tensors)
        stylegan_checkpoints.load_discriminator(self.discriminator, tensors)
        self.encoder.load_state_dict(self.discriminator.trunk.state_dict())

    def optimizers(self) -> dict[str, Optimizer]:
        """Two Adams: `discriminator`, and `generator` for generator, adaptor and an encoder that is trained.

        The mapping network learns at a rate of its own.
        """
        config, generator = self.config, self.generator
        adam = partial(Adam, lr=config.lr, betas=(config.beta1, config.beta2), fused=True)
        slow = list(generator.mapping.parameters())
        networks = generator.blocks, generator.to_rgb, self.adaptor, self.encoder
        groups: list[dict[str, Any]] = [
            {"params": [p for network in networks for p in network.parameters() if p.requires_grad]},
            {"params": slow, "lr": config.lr * config.mapping_lr},
        ]
        return {"discriminator": adam(self.discriminator.parameters()), "generator": adam(groups)}

    def updates(self, batch: Batch, step: int) -> Iterator[Update]:
        """The discriminator's step, then the others' with newly drawn codes and noise."""
        config, real = self.config, required(batch.target, "targets", "deepi2i_stylegan")
        adapted = self.adapted(batch.source)
        with torch.no_grad():
            fake = self.generator.draw(len(batch), config.mixing, adapted)
        losses = discriminator_losses(
            self.discriminator, real, fake, loss=config.loss, penalty=config.penalty, drift=config.drift
        )
        logs = {name: value.detach() for name, value in losses.items()}
        yield Update("discriminator", torch.stack(list(losses.values())).sum(), logs)

        with frozen(self.discriminator, *([self.generator] if self.aligning else [])):
            fake = self.generator.draw(len(batch), config.mixing, adapted)
            losses = self.generator_losses(batch.source, fake)
        loss = torch.stack(list(losses.values())).sum()
        yield Update("generator", loss, {name: value.detach() for name, value in losses.items()})

    @property
    def aligning(self) -> bool:
        """Whether the generator is kept as it was transferred, while the adaptor learns."""
        return self.config.transfer and self.fraction < self.config.alignment

    def generator_losses(self, source: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """`adversarial`, and by its weights the `reconstruction` of the sources' maps, where it has any weight."""
        weights = weights_by_side(self.encoder.taps, self.config.recon_weight, self.config.recon_finest)
        maps = self.discriminator.trunk(fake)
        losses = {"adversarial": generator_loss(self.discriminator.judge(maps), self.config.loss)}
        if weights:
            with torch.no_grad():
                of_source = self.discriminator.trunk(source)
            losses["reconstruction"] = reconstruction(maps, of_source, weights)
        return losses

    def adapted(self, source: Tensor) -> dict[int, Tensor]:
        """What pictures `[B, 3, H, W]` add to the generator's maps, by their shorter side."""
        weights = weights_by_side(self.encoder.taps, self.config.fusion_weight, self.config.fusion_finest)
        maps = self.encoder(source)
        adapted = self.adaptor({side: maps[side] for side in weights})
        return {side: weights[side] * one for side, one in adapted.items()}

    @torch.no_grad()
    def translate(self, batch: Batch, *, seed: int, sample: int = 0) -> Tensor:
        """Translate each source to the target domain, by a code and noise drawn for it; no truncation."""
        return self.generator.draw_for(batch.names, seed, sample, self.adapted(batch.source))
