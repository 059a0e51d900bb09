"""UNIT: Unsupervised Image-to-Image Translation Networks.

Liu, Breuel, Kautz. NIPS 2017, arXiv 1703.00848. Two variants, by config: that of the authors' later code, with MUNIT's
networks, of which the domains share none, and that of the paper (`networks="paper"`), whose auto-encoders share the
blocks next to the code. In both a code is a normal distribution of variance 1 around what the encoder says.

Deliberate deviations:
- The schedules of 1,000,000 and 500,000 iterations are stretched over the budget, whatever the budget is.
- `vgg_weight` compares by torchvision's VGG16 with its own normalisation of colours, where the published code reads a
  conversion of Caffe's.
- Codes that the discriminators' step and the auto-encoders' both need are computed once, each with noise of its own;
  the translations of the former take no gradients. The numbers are the same.
- A weight of 0 leaves its term out, also that of the cycle, without which the published code fails.
- The divergence is of the codes' means, without noise, in both variants.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam, Optimizer

from i2ibench.models.layers.exhibits import Exhibit, judged
from i2ibench.models.layers.feature_losses import DomainInvariantLoss
from i2ibench.models.layers.schedules import halving
from i2ibench.models.layers.settings import check_adam, check_choices, check_least, check_not_negative
from i2ibench.models.layers.unit_autoencoders import CodeAutoEncoders, Domain, Networks
from i2ibench.models.layers.unnormed_discriminator import UnnormedDiscriminator, smallest_side
from i2ibench.models.layers.weights import initialize_weights
from i2ibench.models.method import Batch, Method, TakeTensors, Update, frozen, inference, required

Objective = Literal["lsgan", "vanilla"]
Perceptual = Literal["vgg16", "untrained"]
Direction = Literal["forward", "backward"]
_WEIGHTS = (
    "gan_weight",
    "recon_x_weight",
    "recon_kl_weight",
    "recon_x_cyc_weight",
    "recon_kl_cyc_weight",
    "vgg_weight",
)


@dataclass(frozen=True)
class UNITConfig:
    """The defaults are the later code's, at 256x256, without the perceptual term."""

    networks: Networks = "munit"
    """`munit`: MUNIT's auto-encoders and discriminators; `paper`: those of the paper, which share weights."""
    dim: int = 64
    """Channels after the first convolution of encoders, and before the last of decoders."""
    n_downsample: int = 2
    """Halvings from picture to code."""
    n_res: int = 4
    """Residual blocks of each domain's encoder and decoder."""
    n_shared: int = 1
    """With `networks="paper"`: residual blocks at either end of the code that both domains share."""
    dis_dim: int = 64
    """Channels after a discriminator's first convolution."""
    n_layers: int = 4
    """Strided convolutions of a discriminator."""
    scales: int = 3
    """Scales at which a picture is judged, by as many discriminators."""
    objective: Objective = "lsgan"
    """`vanilla` is the paper's, and the later code's option nsgan."""
    gan_weight: float = 1.0
    recon_x_weight: float = 10.0
    """Of a picture's reconstruction from its own code."""
    recon_kl_weight: float = 0.01
    """Of the mean square of codes, their divergence from N(0, I) but for a factor."""
    recon_x_cyc_weight: float = 10.0
    """Of a picture's reconstruction from the code of its translation."""
    recon_kl_cyc_weight: float = 0.01
    """Of the mean square of translations' codes."""
    vgg_weight: float = 0.0
    """Of the domain-invariant perceptual distance of a translation from its source."""
    perceptual: Perceptual = "vgg16"
    """What the latter reads; `untrained` features know no pictures: for trials."""
    lr: float = 1e-4
    beta1: float = 0.5
    beta2: float = 0.999
    weight_decay: float = 1e-4
    """As an L2 penalty, added to the gradient."""
    stages: int = 10
    """Equal shares of the budget, each at half the learning rate of the one before."""
    crop: int = 0
    """Side of the square windows of pictures that are trained on; 0: whole pictures."""
    mirror: bool = True
    """Training pictures are mirrored with probability 1/2."""
    direction: Direction = inference("forward")  # noqa: RUF009  (it makes a dataclass field)
    """`backward`: sources are pictures of the target domain and are translated to the source domain."""

    def __post_init__(self) -> None:
        """Raise `ValueError` on a value that no network or schedule can be made of."""
        check_choices(self, networks=Networks, objective=Objective, perceptual=Perceptual, direction=Direction)
        check_least(self, dim=1, n_downsample=1, n_res=1, n_shared=0)
        check_least(self, dis_dim=1, n_layers=1, scales=1, stages=1, crop=0)
        check_not_negative(self, *_WEIGHTS, "weight_decay")
        check_adam(self, "beta1", "beta2")
        if not sum(getattr(self, weight) for weight in _WEIGHTS) > 0:
            raise ValueError(f"{' + '.join(_WEIGHTS)} must be positive, found 0")

    @property
    def multiple(self) -> int:
        """What both sides of a picture must be multiples of."""
        return 1 << self.n_downsample

    @property
    def smallest_encoded(self) -> int:
        """The least side of a picture whose code is of more than one pixel along either side."""
        return 2 << self.n_downsample

    @property
    def smallest_judged(self) -> int:
        """The least side of a picture that the discriminators can do with."""
        return smallest_side(self.n_layers, self.scales, 3 if self.networks == "paper" else 4)


class UNIT(Method):
    """Auto-encoders of both domains, a (the sources') and b (the targets'), over one space of codes; discriminators."""

    def __init__(self, config: UNITConfig) -> None:
        super().__init__()
        self.config = config
        self.generator = build_generator(config)
        self.discriminators = nn.ModuleDict({"a": build_discriminator(config), "b": build_discriminator(config)})
        self.perceptual = DomainInvariantLoss(config.perceptual if config.vgg_weight > 0 else "none")

    def pretrained(self) -> Mapping[str, TakeTensors]:
        """The VGG of the perceptual loss."""
        return self.perceptual.pretrained()

    def optimizers(self) -> dict[str, Optimizer]:
        """Two Adams with an L2 penalty: `discriminator` and `generator`, each of both domains."""
        config = self.config
        betas, decay = (config.beta1, config.beta2), config.weight_decay
        return {
            "discriminator": Adam(self.discriminators.parameters(), config.lr, betas, weight_decay=decay, fused=True),
            "generator": Adam(self.generator.parameters(), config.lr, betas, weight_decay=decay, fused=True),
        }

    def learning_rate(self, optimizer: str, step: int, fraction: float) -> float:
        """The factor, both optimisers': 1/2 to the number of stages done."""
        return halving(fraction, self.config.stages)

    def updates(self, batch: Batch, step: int) -> Iterator[Update]:
        """The discriminators' step, then the auto-encoders' with newly drawn noise."""
        x_a, x_b = batch.source, required(batch.target, "targets", "unit")
        h_a, h_b = self.generator.encode(x_a, "a"), self.generator.encode(x_b, "b")

        if self.config.gan_weight > 0:
            with torch.no_grad():
                (x_ba,) = self.generator.decode(with_noise(h_b), "a")
                (x_ab,) = self.generator.decode(with_noise(h_a), "b")
            on_a, on_b = self.discriminator_loss("a", x_ba, x_a), self.discriminator_loss("b", x_ab, x_b)
            logs = {"discriminator_a": on_a.detach(), "discriminator_b": on_b.detach()}
            yield Update("discriminator", self.config.gan_weight * (on_a + on_b), logs)

        losses = self.generator_losses(x_a, x_b, h_a, h_b)
        loss = torch.stack([getattr(self.config, f"{name}_weight") * value for name, value in losses.items()]).sum()
        yield Update("generator", loss, {name: value.detach() for name, value in losses.items()})

    def discriminator_loss(self, domain: Domain, fake: Tensor, real: Tensor) -> Tensor:
        """What the discriminators of `domain` lose on fakes and reals, summed over scales."""
        return self._judged(domain, Exhibit(fake, False), Exhibit(real, True))

    def generator_losses(self, x_a: Tensor, x_b: Tensor, h_a: Tensor, h_b: Tensor) -> dict[str, Tensor]:
        """The terms (equations 3 to 8) that have a weight, by its name, both domains' together, not yet weighted.

        `x_a`, `x_b`: pictures of the two domains; `h_a`, `h_b`: the means of their codes, with gradients.
        """
        config, generator = self.config, self.generator
        losses: dict[str, Tensor] = {}
        if config.recon_kl_weight > 0:
            losses["recon_kl"] = h_a.square().mean() + h_b.square().mean()

        noisy_a, noisy_b = with_noise(h_a), with_noise(h_b)
        if config.recon_x_weight > 0:
            of_a, of_b = generator.decode(torch.cat([noisy_a, noisy_b]), "a", "b")
            (x_a_rec, x_ba), (x_ab, x_b_rec) = of_a.chunk(2), of_b.chunk(2)
            losses["recon_x"] = F.l1_loss(x_a_rec, x_a) + F.l1_loss(x_b_rec, x_b)
        else:
            (x_ba,), (x_ab,) = generator.decode(noisy_b, "a"), generator.decode(noisy_a, "b")

        if config.recon_x_cyc_weight > 0 or config.recon_kl_cyc_weight > 0:
            found_b, found_a = generator.encode(x_ba, "a"), generator.encode(x_ab, "b")
        if config.recon_kl_cyc_weight > 0:
            losses["recon_kl_cyc"] = found_a.square().mean() + found_b.square().mean()
        if config.recon_x_cyc_weight > 0:
            (x_aba,) = generator.decode(with_noise(found_a), "a")
            (x_bab,) = generator.decode(with_noise(found_b), "b")
            losses["recon_x_cyc"] = F.l1_loss(x_aba, x_a) + F.l1_loss(x_bab, x_b)

        if config.gan_weight > 0:
            with frozen(self.discriminators):
                losses["gan"] = self._judged("a", Exhibit(x_ba, True)) + self._judged("b", Exhibit(x_ab, True))
        if config.vgg_weight > 0:
            losses["vgg"] = self.perceptual(x_ba, x_b) + self.perceptual(x_ab, x_a)
        return losses

    @torch.no_grad()
    def translate(self, batch: Batch, *, seed: int, sample: int = 0) -> Tensor:
        """Translate by the codes' means, without noise, so that all samples are the same."""
        ours: Domain = "a" if self.config.direction == "forward" else "b"
        theirs: Domain = "b" if self.config.direction == "forward" else "a"
        (picture,) = self.generator.decode(self.generator.encode(batch.source, ours), theirs)
        return picture.float()

    def _judged(self, domain: Domain, *exhibits: Exhibit) -> Tensor:
        return judged(cast(UnnormedDiscriminator, self.discriminators[domain]), self.config.objective, exhibits)


def with_noise(mean: Tensor) -> Tensor:
    """A draw from N(mean, I), with gradients to the mean."""
    return mean + torch.randn_like(mean)


def build_generator(config: UNITConfig) -> CodeAutoEncoders:
    """The auto-encoders of both domains; the paper's networks keep the biases that PyTorch draws."""
    generator = CodeAutoEncoders(config.networks, config.dim, config.n_downsample, config.n_res, config.n_shared)
    if config.networks == "paper":
        initialize_weights(generator, "normal", 0.02, zero_biases=False)
    else:
        initialize_weights(generator, "kaiming")
    return generator


def build_discriminator(config: UNITConfig) -> UnnormedDiscriminator:
    """The discriminators of one domain."""
    if config.networks == "munit":
        discriminator = UnnormedDiscriminator(config.dis_dim, config.n_layers, config.scales)
    else:
        discriminator = UnnormedDiscriminator(
            config.dis_dim, config.n_layers, config.scales, kernel=3, padding="zeros", slope=0.01
        )
    initialize_weights(discriminator, "normal", 0.02, zero_biases=config.networks == "munit")
    return discriminator
