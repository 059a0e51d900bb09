"""MUNIT: Multimodal Unsupervised Image-to-Image Translation.

Huang, Liu, Belongie, Kautz. ECCV 2018, arXiv 1804.04732. Networks, losses and schedule as in the authors' code. Each
domain has an auto-encoder and a discriminator of its own; a picture's content is decoded in a style of the other
domain, which is drawn or read off a picture.

Deliberate deviations:
- The schedule of 1,000,000 iterations is stretched over the budget, whatever the budget is.
- `vgg_weight` compares by torchvision's VGG16 with its own normalisation of colours, where the published code reads a
  conversion of Caffe's.
- Contents that the discriminators' step and the generators' both need are computed once; styles are not encoded in the
  former, whose translations take no gradients. The numbers are the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam, Optimizer

from i2ibench.models.layers.exhibits import Exhibit, judged
from i2ibench.models.layers.feature_losses import DomainInvariantLoss
from i2ibench.models.layers.gaussian_codes import style_codes
from i2ibench.models.layers.schedules import halving
from i2ibench.models.layers.settings import check_adam, check_choices, check_least, check_not_negative
from i2ibench.models.layers.styled_autoencoder import StyledAutoEncoder
from i2ibench.models.layers.unnormed_discriminator import UnnormedDiscriminator, smallest_side
from i2ibench.models.layers.views import View, Weights, recovery_losses
from i2ibench.models.layers.weights import initialize_weights
from i2ibench.models.method import Batch, Method, TakeTensors, Update, frozen, inference, required

Objective = Literal["lsgan", "vanilla"]
Perceptual = Literal["vgg16", "untrained"]
Style = Literal["sampled", "exemplar"]
Direction = Literal["forward", "backward"]
_WEIGHTS = (*(f"{name}_weight" for name in Weights._fields), "vgg_weight")


@dataclass(frozen=True)
class MUNITConfig:
    """The defaults are the published ones for edges to shoes and to handbags, at 256x256."""

    dim: int = 64
    """Channels after the first convolution of encoders, and before the last of decoders."""
    style_dim: int = 8
    """Numbers of a style."""
    n_downsample: int = 2
    """Halvings from picture to content."""
    n_res: int = 4
    """Residual blocks at either side of the content."""
    mlp_dim: int = 256
    """Width of the network that makes norms' parameters of styles."""
    style_downsample: int = 4
    """Halvings in the style encoder."""
    dis_dim: int = 64
    """Channels after a discriminator's first convolution."""
    n_layers: int = 4
    """Strided convolutions of a discriminator."""
    scales: int = 3
    """Scales at which a picture is judged, by as many discriminators."""
    objective: Objective = "lsgan"
    """`vanilla` is the published option nsgan."""
    gan_weight: float = 1.0
    recon_x_weight: float = 10.0
    """Of a picture's reconstruction from its own content and style."""
    recon_s_weight: float = 1.0
    """Of the recovery of the drawn style from the translation."""
    recon_c_weight: float = 1.0
    """Of the recovery of the content from the translation."""
    recon_x_cyc_weight: float = 0.0
    """Of a picture's reconstruction from the content of its translation and its own style."""
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
    style: Style = inference("sampled")  # noqa: RUF009  (it makes a dataclass field)
    """Styles are drawn from N(0, I), or are those of exemplars."""
    direction: Direction = inference("forward")  # noqa: RUF009
    """`backward`: sources are pictures of the target domain and are translated to the source domain, of which
    exemplars must then be given."""
    synchronized: bool = inference(False)
    """Sample number n has the same style for all sources."""

    def __post_init__(self) -> None:
        """Raise `ValueError` on a value that no network or schedule can be made of."""
        check_choices(self, objective=Objective, perceptual=Perceptual, style=Style, direction=Direction)
        check_least(self, dim=1, style_dim=1, n_downsample=1, n_res=1, mlp_dim=1, style_downsample=1)
        check_least(self, dis_dim=1, n_layers=1, scales=1, stages=1, crop=0)
        check_not_negative(self, *_WEIGHTS, "weight_decay")
        check_adam(self, "beta1", "beta2")
        if not sum(getattr(self, weight) for weight in _WEIGHTS) > 0:
            raise ValueError(f"{' + '.join(_WEIGHTS)} must be positive, found 0")

    @property
    def weights(self) -> Weights:
        """Those of the losses of pictures, but for the perceptual one."""
        return Weights(*(getattr(self, f"{name}_weight") for name in Weights._fields))

    @property
    def multiple(self) -> int:
        """What both sides of a picture must be multiples of."""
        return 1 << self.n_downsample

    @property
    def smallest_encoded(self) -> int:
        """The least side of a picture that the encoders' reflection padding can do with."""
        return max(2 << self.n_downsample, 1 << self.style_downsample)

    @property
    def smallest_judged(self) -> int:
        """The least side of a picture that the discriminators' reflection padding can do with."""
        return smallest_side(self.n_layers, self.scales)


class MUNIT(Method):
    """An auto-encoder and a discriminator for each domain, a (the sources') and b (the targets')."""

    def __init__(self, config: MUNITConfig) -> None:
        super().__init__()
        self.config = config
        self.generator_a, self.generator_b = build_generator(config), build_generator(config)
        self.discriminator_a = build_discriminator(config, config.scales)
        self.discriminator_b = build_discriminator(config, config.scales)
        self.perceptual = DomainInvariantLoss(config.perceptual if config.vgg_weight > 0 else "none")

    @property
    def generators(self) -> Sequence[StyledAutoEncoder]:
        """Those of both domains."""
        return self.generator_a, self.generator_b

    @property
    def discriminators(self) -> Sequence[UnnormedDiscriminator]:
        """Those of both domains."""
        return self.discriminator_a, self.discriminator_b

    def pretrained(self) -> Mapping[str, TakeTensors]:
        """The VGG of the perceptual loss."""
        return self.perceptual.pretrained()

    def optimizers(self) -> dict[str, Optimizer]:
        """Two Adams with an L2 penalty: `discriminator` and `generator`, each of both domains."""
        config = self.config

        def adam(networks: Sequence[nn.Module]) -> Optimizer:
            parameters = [parameter for network in networks for parameter in network.parameters()]
            betas = (config.beta1, config.beta2)
            return Adam(parameters, config.lr, betas, weight_decay=config.weight_decay, fused=True)

        return {"discriminator": adam(self.discriminators), "generator": adam(self.generators)}

    def learning_rate(self, optimizer: str, step: int, fraction: float) -> float:
        """The factor, both optimisers': 1/2 to the number of stages done."""
        return halving(fraction, self.config.stages)

    def updates(self, batch: Batch, step: int) -> Iterator[Update]:
        """The discriminators' step, then the auto-encoders' with newly drawn styles (section 3.1)."""
        a, b = self.views(batch)
        if self.config.gan_weight > 0:
            yield self.update("discriminator", self.discriminator_losses(a, b, *self.drawn_styles(batch)))
        with frozen(*self.discriminators):
            losses = self.generator_losses(a, b, *self.drawn_styles(batch))
        yield self.update("generator", losses)

    def views(self, batch: Batch) -> tuple[View, View]:
        """Its pictures of both domains. Raises `ValueError` where it has no targets."""
        target = required(batch.target, "targets", type(self).__name__.lower())
        return View(self.generator_a, batch.source), View(self.generator_b, target)

    def discriminator_losses(self, a: View, b: View, styles_a: Tensor, styles_b: Tensor) -> dict[str, Tensor]:
        """What each discriminator loses, by its name, not weighted; translations are decoded in the styles given."""
        with torch.no_grad():
            fake_a, fake_b = a.generator.decode(b.content, styles_a), b.generator.decode(a.content, styles_b)

        def lost(discriminator: UnnormedDiscriminator, fake: Tensor, real: Tensor) -> Tensor:
            return judged(discriminator, self.config.objective, [Exhibit(fake, False), Exhibit(real, True)])

        return {
            "discriminator_a": lost(self.discriminator_a, fake_a, a.pictures),
            "discriminator_b": lost(self.discriminator_b, fake_b, b.pictures),
        }

    def generator_losses(self, a: View, b: View, styles_a: Tensor, styles_b: Tensor) -> dict[str, Tensor]:
        """The terms of section 3.2 that have a weight, by its name, both domains' together, not weighted."""
        config, weights = self.config, self.config.weights
        losses: dict[str, Tensor] = {}
        if weights.recon_x > 0:
            both_a = a.generator.decode(torch.cat([a.content, b.content]), torch.cat([a.style, styles_a]))
            both_b = b.generator.decode(torch.cat([b.content, a.content]), torch.cat([b.style, styles_b]))
            (own_a, fake_a), (own_b, fake_b) = both_a.chunk(2), both_b.chunk(2)
            losses["recon_x"] = F.l1_loss(own_a, a.pictures) + F.l1_loss(own_b, b.pictures)
        else:
            fake_a, fake_b = a.generator.decode(b.content, styles_a), b.generator.decode(a.content, styles_b)

        of_a = recovery_losses(a, View(b.generator, fake_b), styles_b, weights)
        of_b = recovery_losses(b, View(a.generator, fake_a), styles_a, weights)
        losses |= {name: value + of_b[name] for name, value in of_a.items()}
        if weights.gan > 0:
            on_a = judged(self.discriminator_a, config.objective, [Exhibit(fake_a, True)])
            losses["gan"] = on_a + judged(self.discriminator_b, config.objective, [Exhibit(fake_b, True)])
        if config.vgg_weight > 0:
            losses["vgg"] = self.perceptual(fake_a, b.pictures) + self.perceptual(fake_b, a.pictures)
        return losses

    def update(self, optimizer: str, losses: Mapping[str, Tensor]) -> Update:
        """By the sum of `losses`, each by the weight of its name."""
        loss = torch.stack([self.weight(name) * value for name, value in losses.items()]).sum()
        return Update(optimizer, loss, {name: value.detach() for name, value in losses.items()})

    def weight(self, name: str) -> float:
        """The weight of the loss of that name."""
        name = "gan" if name.startswith("discriminator") else name
        weight: float = getattr(self.config, f"{name}_weight")
        return weight

    def drawn_styles(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Styles ~ N(0, I) `[B, style_dim]` of both domains, as many as there are pictures."""
        shape, device = (len(batch), self.config.style_dim), batch.source.device
        return torch.randn(shape, device=device), torch.randn(shape, device=device)

    @torch.no_grad()
    def translate(self, batch: Batch, *, seed: int, sample: int = 0) -> Tensor:
        """Translate in styles drawn for each picture, or in those of the exemplars.

        Raises `ValueError` where exemplars are read and the batch has none.
        """
        config, ours, theirs = self.config, self.generator_a, self.generator_b
        if config.direction == "backward":
            ours, theirs = theirs, ours
        if config.style == "exemplar":
            (exemplar,) = required(batch.exemplars, "exemplars", type(self).__name__.lower())
            style = theirs.style(exemplar)
        else:
            drawn = style_codes(batch.names, config.style_dim, seed, sample, synchronized=config.synchronized)
            style = drawn.to(batch.source.device)
        return theirs.decode(ours.content(batch.source), style).float()


def build_generator(config: MUNITConfig) -> StyledAutoEncoder:
    """The auto-encoder of one domain."""
    generator = StyledAutoEncoder(
        config.dim, config.style_dim, config.n_downsample, config.n_res, config.mlp_dim, config.style_downsample
    )
    initialize_weights(generator, "kaiming")
    return generator


def build_discriminator(config: MUNITConfig, scales: int) -> UnnormedDiscriminator:
    """The discriminators of one domain, at so many scales."""
    discriminator = UnnormedDiscriminator(config.dis_dim, config.n_layers, scales)
    initialize_weights(discriminator, "normal", 0.02)
    return discriminator
