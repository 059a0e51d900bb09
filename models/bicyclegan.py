"""BicycleGAN: Toward Multimodal Image-to-Image Translation.

Zhu, Zhang, Pathak, Darrell, Efros, Wang, Shechtman. NIPS 2017, arXiv 1711.11586. Networks, losses and their weights
as in the authors' PyTorch version with the settings of its training scripts.

Deliberate deviations:
- The encoder takes the mean over all pixels, which is the published window of 8x8 on pictures of 256x256, so that
  other sizes fit.
- The schedule of 100 + 100 epochs is stretched over the budget, whatever the budget is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.optim import Adam, Optimizer

from i2ibench.models.layers.adversarial import adversarial_loss
from i2ibench.models.layers.gaussian_codes import drawn, standard_normal_divergence, style_codes
from i2ibench.models.layers.multiscale_patchgan import MultiscaleDiscriminator, logits
from i2ibench.models.layers.noise_unet import NoiseUNet, Upsample, WhereAdd
from i2ibench.models.layers.norms import translating
from i2ibench.models.layers.residual_encoder import ResidualEncoder
from i2ibench.models.layers.schedules import constant_then_linear
from i2ibench.models.layers.settings import check_adam, check_choices, check_epochs, check_least, check_not_negative
from i2ibench.models.layers.weights import Init, initialize_weights
from i2ibench.models.method import Batch, Method, Update, frozen, inference, required


@dataclass(frozen=True)
class BicycleGANConfig:
    """The defaults are the published ones at 256x256: a code of 8 numbers that enters at every halving."""

    levels: int = 8
    """Halvings of the U-Net: 8 for sides that are multiples of 256, 7 for 128."""
    ngf: int = 64
    """Channels after the generator's first convolution."""
    nz: int = 8
    """Numbers of a code."""
    where_add: WhereAdd = "all"
    upsample: Upsample = "transposed"
    dropout: bool = True
    """Dropout 0.5 in the generator while training, for which all published training scripts ask."""
    blocks: int = 4
    """Residual blocks of the encoder: published with 4 for pictures of 256x256 and 3 for 128x128."""
    nef: int = 64
    """Channels after the encoder's first convolution."""
    scales: int = 2
    """Scales that each discriminator judges, each with half the channels of the one before."""
    n_layers: int = 3
    """Strided convolutions of a discriminator at each scale."""
    ndf: int = 64
    """Channels after a discriminator's first convolution, at the finest scale."""
    conditional: bool = False
    """Discriminators see the source too."""
    gan_weight: float = 1.0
    """Of the adversarial term of translations with their own target's code."""
    gan2_weight: float = 1.0
    """Of the adversarial term of translations with a random code."""
    l1_weight: float = 10.0
    kl_weight: float = 0.01
    """Of a divergence that is summed over the batch's codes."""
    latent_weight: float = 0.5
    """Of the recovery of random codes."""
    init: Init = "xavier"
    init_gain: float = 0.02
    lr: float = 2e-4
    beta1: float = 0.5
    beta2: float = 0.999
    constant_epochs: int = 100
    decay_epochs: int = 100
    load_scale: float = 286 / 256
    """Training pictures are resized by this and cropped back at random."""
    mirror: bool = True
    """Training pairs are mirrored with probability 1/2."""
    sync: bool = inference(False)
    """Sample number n has the same code for all sources."""

    def __post_init__(self) -> None:
        """Raise `ValueError` on a value that no network or schedule can be made of."""
        check_choices(self, where_add=WhereAdd, upsample=Upsample, init=Init)
        check_least(self, levels=2, ngf=1, nz=1, blocks=1, nef=1, scales=1, n_layers=1)
        check_least(self, ndf=1 << self.scales - 1)
        check_not_negative(self, "gan_weight", "gan2_weight", "l1_weight", "kl_weight", "latent_weight", "init_gain")
        check_not_negative(self, "constant_epochs", "decay_epochs")
        check_epochs(self, "constant_epochs", "decay_epochs")
        check_adam(self, "beta1", "beta2")
        if self.load_scale < 1:
            raise ValueError(f"load_scale must be at least 1, or no crop fits, found {self.load_scale}")

    @property
    def multiple(self) -> int:
        """What both sides of a picture must be multiples of for the generator."""
        return 1 << self.levels

    @property
    def smallest(self) -> int:
        """The least side of a picture for the encoder, whose last block normalises over more than one pixel."""
        return 2 << self.blocks


class BicycleGAN(Method):
    """A generator fed the source and a code, an encoder of targets into codes, and two discriminators of targets.

    One discriminator judges translations with the code of their own target (cVAE-GAN), the other those with a random
    code, which the encoder must find again in them (cLR-GAN).
    """

    def __init__(self, config: BicycleGANConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = ResidualEncoder(3, config.nz, config.nef, config.blocks)
        self.generator = NoiseUNet(
            3, 3, config.nz, config.levels, config.ngf, config.where_add, config.upsample, config.dropout
        )
        self.discriminator = build_discriminator(config)
        self.discriminator2 = build_discriminator(config)
        initialize_weights(self, config.init, config.init_gain)

    def optimizers(self) -> dict[str, Optimizer]:
        """Four Adams: `encoder`, `generator`, `discriminator`, `discriminator2`."""
        lr, betas = self.config.lr, (self.config.beta1, self.config.beta2)
        return {
            name: Adam(self.get_submodule(name).parameters(), lr, betas, fused=True)
            for name in ("encoder", "generator", "discriminator", "discriminator2")
        }

    def learning_rate(self, optimizer: str, step: int, fraction: float) -> float:
        """The factor of epoch e = 1 + floor(fraction * 200), all optimisers': 1 - max(0, e - 100) / 101, never 0."""
        return constant_then_linear(fraction, self.config.constant_epochs, self.config.decay_epochs)

    def updates(self, batch: Batch, step: int) -> Iterator[Update | tuple[Update, ...]]:
        """Encoder and generator together, then each discriminator, on the fakes that those two were trained on.

        The first half of the batch is translated, with two codes a source; of the second half `discriminator2` sees
        the targets. Raises `ValueError` on a batch that has no halves.
        """
        target = required(batch.target, "targets", "bicyclegan")
        if len(batch) % 2 or not len(batch):
            raise ValueError(
                "bicyclegan translates the first half of a batch and holds the second against it: batches must have "
                f"an even number of pictures, found {len(batch)}"
            )
        source, source2 = batch.source.chunk(2)
        real, real2 = target.chunk(2)
        mean, log_variance = self.encoder(real)
        code = drawn(mean, log_variance)
        code2 = torch.randn_like(mean)
        # apart, so that the encoder's gradient goes back through the first alone
        fake, fake2 = self.generator(source, code), self.generator(source, code2)

        with frozen(self.discriminator, self.discriminator2, self.encoder):
            adversarial = self.adversarial(self.discriminator(self.judged(source, fake)), True)
            adversarial2 = self.adversarial(self.discriminator2(self.judged(source, fake2)), True)
            found2, _ = self.encoder(fake2)
        l1 = F.l1_loss(fake, real)
        kl = standard_normal_divergence(mean, log_variance)
        latent = F.l1_loss(found2, code2)

        config = self.config
        shared = config.gan_weight * adversarial + config.l1_weight * l1
        yield (
            Update("encoder", shared + config.kl_weight * kl, {"kl": kl.detach()}),
            Update(
                "generator",
                shared + config.gan2_weight * adversarial2 + config.latent_weight * latent,
                {
                    "adversarial": adversarial.detach(),
                    "adversarial2": adversarial2.detach(),
                    "l1": l1.detach(),
                    "latent": latent.detach(),
                },
            ),
        )

        on_fake = self.discriminator(self.judged(source, fake.detach()))
        on_real = self.discriminator(self.judged(source, real))
        yield Update("discriminator", self.adversarial(on_fake, False) + self.adversarial(on_real, True))

        on_fake = self.discriminator2(self.judged(source, fake2.detach()))
        on_real = self.discriminator2(self.judged(source2, real2))
        yield Update("discriminator2", self.adversarial(on_fake, False) + self.adversarial(on_real, True))

    def adversarial(self, stages: list[list[Tensor]], real: bool) -> Tensor:
        """The least-squares loss of a discriminator's answer, summed over scales (section 3)."""
        return torch.stack([adversarial_loss(scale.float(), real, "lsgan") for scale in logits(stages)]).sum()

    def judged(self, source: Tensor, picture: Tensor) -> Tensor:
        """What a discriminator sees of a (real or translated) target."""
        return torch.cat([source, picture], 1) if self.config.conditional else picture

    @torch.no_grad()
    def translate(self, batch: Batch, *, seed: int, sample: int = 0) -> Tensor:
        """Translate, each source with a code ~ N(0, I) of its own; without dropout."""
        codes = style_codes(batch.names, self.config.nz, seed, sample, synchronized=self.config.sync)
        return self._generate(batch.source, codes.to(batch.source.device))

    @torch.no_grad()
    def transfer(self, content: Batch, batch: Batch) -> Tensor:
        """Translate each source with the mean code of the target that `content` has in its place, or of its only one.

        What the code says of that target is kept, not its every pixel.
        """
        mean, _ = self.encoder(required(content.target, "targets", "bicyclegan"))
        return self._generate(batch.source, mean.expand(len(batch), -1))

    def _generate(self, source: Tensor, code: Tensor) -> Tensor:
        with translating(self.generator, dropout=False, batch_statistics=False):
            out: Tensor = self.generator(source, code)
        return out.float()


def build_discriminator(config: BicycleGANConfig) -> MultiscaleDiscriminator:
    """One of the two discriminators: of pictures, 3 channels, or of source and picture, 6."""
    widths = [config.ndf // 2**scale for scale in range(config.scales)]
    return MultiscaleDiscriminator(6 if config.conditional else 3, widths, config.n_layers, padding=1)
