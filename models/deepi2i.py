"""DeepI2I: Enabling Deep Hierarchical Image-to-Image Translation by Transferring from GANs.

Wang, Yu, van de Weijer. NeurIPS 2020, arXiv 2011.05867. A picture's maps, read by a GAN's discriminator, go through an
adaptor at each size and are added to those of the same GAN's generator, which draws the class asked for. Networks,
losses and rates as in the authors' code on BigGAN; `encoder` is the paper's Upsilon, `adaptor` Lambda, `generator` Phi,
`discriminator` Psi. The paper's variant on StyleGAN, for two domains: `deepi2i_stylegan`.

Deliberate deviations:
- The reconstruction compares each translation with its own source, as the paper has it; the published code compares the
  first two pictures that its discriminator is shown.
- Alignment lasts for a share of the budget, where the code has 500 iterations and no end.
- The class tables have the task's classes alone, where the code keeps ImageNet's 1000 and uses the first of them.
- The optimisers of a transferred GAN start anew. A frozen encoder is in evaluation mode: the code's goes on iterating
  its singular vectors. It has no head, which the code's has and never uses.
- The sources and the targets of a task are one set: each example gives one of both as its real picture.
- The code knows 128 pixels alone: here maps are read at a quarter of the shorter side and all smaller sizes down to 4,
  the largest with the weight that the code has at 32.
- Adaptations are computed once a step for both updates, and sources are judged without gradients: the same numbers.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import parametrize
from torch.optim import Adam, Optimizer
from typing_extensions import Self

from i2ibench.models.layers import biggan_checkpoints
from i2ibench.models.layers.adversarial import adversarial_loss, hinge_loss
from i2ibench.models.layers.biggan_blocks import DiscriminatorBlock
from i2ibench.models.layers.biggan_discriminator import BigGANDiscriminator, BigGANTrunk
from i2ibench.models.layers.biggan_generator import BigGANGenerator
from i2ibench.models.layers.domains import asked_domains
from i2ibench.models.layers.gaussian_codes import style_codes
from i2ibench.models.layers.hierarchical_fusion import Adaptor, reconstruction, weights_by_side
from i2ibench.models.layers.norms import translating
from i2ibench.models.layers.real_pictures import real_pictures
from i2ibench.models.layers.settings import check_adam, check_least, check_not_negative, check_positive, check_share
from i2ibench.models.method import Batch, Method, TakeTensors, Update, frozen

ADAM_EPS = 1e-6


@dataclass(frozen=True)
class DeepI2IConfig:
    """The defaults are the published ones at 128x128. The networks' are those of the GAN that is transferred."""

    ch: int = 96
    """Channels of the generator's last maps and of the discriminator's first."""
    attention: int = 64
    """Shorter side of the maps that have self-attention; 0: none."""
    z_dim: int = 120
    """Numbers of noise, as `BigGANConfig.z_dim`."""
    shared_dim: int = 128
    """Numbers of a class's embedding."""
    transfer: bool = True
    """Start from a trained GAN, whose discriminator's trunk stays the encoder; else train all four networks anew."""
    gan: str = ""
    """With `transfer`: the trained BigGAN."""
    gan_discriminator: str = ""
    """What holds its discriminator, where `gan` holds its generator alone."""
    rows: tuple[int, ...] = ()
    """Which class of the GAN each class of the task starts from; none: class i from class i."""
    alignment: float = 0.0015
    """With `transfer`: share of the budget in which the generator is kept as it was; 500 of 330,000 iterations."""
    fusion_weight: float = 0.1
    """Of adapted maps; 1 where the code trains anew."""
    fusion_finest: float = 0.1
    """Of those of the largest size."""
    recon_weight: float = 0.1
    """Of the distance of a translation's maps from its source's, at each size."""
    recon_finest: float = 0.01
    """At the largest size."""
    lr: float = 1e-4
    """The generator's."""
    d_lr: float = 4e-4
    """The discriminator's, the adaptor's and the encoder's."""
    beta1: float = 0.0
    beta2: float = 0.999
    mirror: bool = False
    """Training pictures are mirrored with probability 1/2."""

    def __post_init__(self) -> None:
        """Raise `ValueError` on a value that no network or stage can be made of."""
        check_least(self, ch=1, attention=0, z_dim=8, shared_dim=1)
        check_not_negative(self, "recon_weight", "recon_finest")
        check_adam(self, "beta1", "beta2")
        check_positive(self, "d_lr", "fusion_weight", "fusion_finest")
        check_share(self, "alignment")
        if any(row < 0 for row in self.rows):
            raise ValueError(f"rows must not be negative, found {min(self.rows)}")
        if self.gan_discriminator and not self.gan:
            raise ValueError("gan_discriminator needs gan, which holds the generator, found none")
        if self.gan and not self.transfer:
            raise ValueError(f"transfer=false trains all networks anew and reads no gan, found {self.gan!r}")


class DeepI2I(Method):
    """Encoder, adaptor, generator and discriminator of so many classes, for pictures of `height` x `width`."""

    def __init__(self, config: DeepI2IConfig, classes: int, height: int, width: int) -> None:
        super().__init__()
        if config.rows and len(config.rows) != classes:
            raise ValueError(f"rows must name one class of the GAN for each of {classes}, found {len(config.rows)}")
        self.config, self.classes = config, classes
        side, ch, attention = min(height, width), config.ch, config.attention
        self.discriminator = BigGANDiscriminator(side, ch, classes, attention)
        self.generator = BigGANGenerator(height, width, ch, classes, config.z_dim, config.shared_dim, attention)
        if config.transfer:
            self.encoder = copy.deepcopy(self.discriminator.trunk).requires_grad_(False).eval()
        else:
            self.encoder = BigGANTrunk(side, ch, attention)
        block = partial(DiscriminatorBlock, pool=False)
        self.adaptor = Adaptor(self.encoder.channels, self.generator.channels, block)

    def pretrained(self) -> Mapping[str, TakeTensors]:
        """The GAN, of which a generator and a discriminator may come apart."""
        gan, discriminator = self.config.gan, self.config.gan_discriminator
        if discriminator:
            return {gan: self.load_generator, discriminator: self.load_discriminator}
        return {gan: self.load_gan} if gan else {}

    def load_gan(self, tensors: Mapping[str, Tensor]) -> None:
        """Start from a trained BigGAN: both its networks. Raises `ValueError` where they are not of these sizes."""
        self.load_generator(tensors)
        self.load_discriminator(tensors)

    def load_generator(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over a trained BigGAN's generator, its average where there is one. Raises `ValueError`."""
        biggan_checkpoints.load_generator(self.generator, tensors, self.config.rows)

    def load_discriminator(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over a trained BigGAN's discriminator, as the encoder too. Raises `ValueError`."""
        biggan_checkpoints.load_discriminator(self.discriminator, tensors, self.config.rows)
        self.encoder.load_state_dict(self.discriminator.trunk.state_dict())

    def train(self, mode: bool = True) -> Self:
        """As of any module, but that a transferred encoder stays in evaluation mode."""
        super().train(mode)
        self.encoder.train(mode and not self.config.transfer)
        return self

    def optimizers(self) -> dict[str, Optimizer]:
        """Two Adams: `discriminator`, and `generator` for generator, adaptor and an encoder that is trained."""
        config = self.config
        adam = partial(Adam, betas=(config.beta1, config.beta2), eps=ADAM_EPS, fused=True)
        beside = [*self.adaptor.parameters(), *(p for p in self.encoder.parameters() if p.requires_grad)]
        groups: list[dict[str, Any]] = [
            {"params": list(self.generator.parameters())},
            {"params": beside, "lr": config.d_lr},
        ]
        return {
            "discriminator": adam(self.discriminator.parameters(), lr=config.d_lr),
            "generator": adam(groups, lr=config.lr),
        }

    def updates(self, batch: Batch, step: int) -> Iterator[Update]:
        """The discriminator's step, then the others' with newly drawn noise and classes."""
        real, own = real_pictures(batch, "deepi2i")
        adapted = self.adapted(batch.source)
        z, classes = self.drawn(batch)
        with torch.no_grad():
            fake = self.generator(z, classes, adapted)
        judged = self.discriminator(torch.cat([fake, real]), torch.cat([classes, own])).float()
        on_fake, on_real = judged.chunk(2)
        losses = {"real": hinge_loss(on_real, True), "fake": hinge_loss(on_fake, False)}
        logs = {name: value.detach() for name, value in losses.items()}
        yield Update("discriminator", losses["real"] + losses["fake"], logs)

        z, classes = self.drawn(batch)
        with frozen(self.discriminator, *([self.generator] if self.aligning else [])):
            losses = self.generator_losses(batch.source, self.generator(z, classes, adapted), classes)
        loss = torch.stack(list(losses.values())).sum()
        yield Update("generator", loss, {name: value.detach() for name, value in losses.items()})

    @property
    def aligning(self) -> bool:
        """Whether the generator is kept as it was transferred, while the adaptor learns."""
        return self.config.transfer and self.fraction < self.config.alignment

    def generator_losses(self, source: Tensor, fake: Tensor, classes: Tensor) -> dict[str, Tensor]:
        """`adversarial`, and by its weights the `reconstruction` of the sources' maps, where it has any weight."""
        weights = weights_by_side(self.encoder.taps, self.config.recon_weight, self.config.recon_finest)
        with parametrize.cached():  # one power iteration for both passes, as in the published one
            maps = self.discriminator.trunk(fake)
            losses = {"adversarial": adversarial_loss(self.discriminator.judge(maps, classes).float(), True, "wgangp")}
            if weights:
                with torch.no_grad():
                    of_source = self.discriminator.trunk(source)
                losses["reconstruction"] = reconstruction(maps, of_source, weights)
        return losses

    def adapted(self, source: Tensor) -> dict[int, Tensor]:
        """What pictures `[B, 3, H, W]` add to the generator's maps, by their shorter side."""
        weights = weights_by_side(self.encoder.taps, self.config.fusion_weight, self.config.fusion_finest)
        maps = self.adaptor(self.encoder(source))
        return {side: weights[side] * one for side, one in maps.items()}

    def drawn(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Noise ~ N(0, I) `[B, z_size]` and classes, all as likely, int64 `[B]`."""
        device = batch.source.device
        z = torch.randn(len(batch), self.generator.z_size, device=device)
        return z, torch.randint(self.classes, (len(batch),), device=device)

    @torch.no_grad()
    def translate(self, batch: Batch, *, seed: int, sample: int = 0) -> Tensor:
        """Translate each source to the class asked for, with noise drawn for it; no truncation."""
        z = style_codes(batch.names, self.generator.z_size, seed, sample).to(batch.source.device)
        classes = asked_domains(batch, self.classes, reader="deepi2i")
        with translating(self, dropout=False, batch_statistics=False):
            pictures: Tensor = self.generator(z, classes, self.adapted(batch.source))
        return pictures.float()
