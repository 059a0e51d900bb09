"""StarGAN v2: Diverse Image Synthesis for Multiple Domains.

Choi, Uh, Yoo, Ha. CVPR 2020, arXiv 1912.01865. Networks, losses and training as the paper and its supplement have them,
with the published code's numbers where these are silent. One generator translates to any domain, in a style that a
mapping network makes of a latent code or a style encoder reads off a picture.

A step has four updates: the discriminator's on translations by latent codes, its on translations by references, then
those of generator, mapping network and style encoder by latent codes, and of the generator alone by references.

Deliberate deviations:
- The high-pass skips of faces (w_hpf = 1) are left out: they need a network that finds landmarks. So is truncation.
- Each step's real pictures are the batch's sources and its targets, each translated to its partner's domain with its
  partner as reference, so a batch of 4 examples is a published one of 8. The published code draws sources and
  references apart, each domain as often as any other.
- The diversity in references needs a second one of the same domain: it is the last picture of it that training saw.
- The decay of the diversity's weight over 100,000 iterations is stretched over the budget.
- Translations are clamped to [-1, 1]. Pictures may be oblong: style encoder and discriminator average over what the
  larger side leaves more than 4x4.
- The translations by latent codes are made once for both networks. The numbers are the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.optim import Adam, Optimizer

from i2ibench.models.layers.adversarial import adversarial_loss
from i2ibench.models.layers.domains import Direction, Division, asked_domains, both_sides, check_domains, swapped
from i2ibench.models.layers.gaussian_codes import style_codes
from i2ibench.models.layers.gradient_penalty import full_precision, r1_penalty
from i2ibench.models.layers.last_seen import LastSeen
from i2ibench.models.layers.settings import check_adam, check_choices, check_least, check_not_negative, check_share
from i2ibench.models.layers.starganv2_networks import (
    DomainDiscriminator,
    DomainStyleEncoder,
    MappingNetwork,
    StyledGenerator,
)
from i2ibench.models.layers.weights import initialize_weights
from i2ibench.models.method import Batch, Method, Update, frozen, inference, required

Style = Literal["latent", "exemplar"]
_AVERAGED = ("generator", "mapping", "style_encoder")


@dataclass(frozen=True)
class StarGANv2Config:
    """The defaults are the published ones for CelebA-HQ, but for the high-pass skips."""

    base: int = 16384
    """Channels after a first convolution times the pictures' smaller side."""
    max_dim: int = 512
    """The most channels of later convolutions."""
    style_dim: int = 64
    """Numbers of a style."""
    latent_dim: int = 16
    """Numbers of a latent code."""
    mapping_dim: int = 512
    """Width of the mapping network."""
    r1_weight: float = 1.0
    """Of half the squared norm of the discriminator's gradients at real pictures."""
    sty_weight: float = 1.0
    """Of the recovery of the style from the translation."""
    ds_weight: float = 1.0
    """Of the distance between translations in two styles, at first: it falls to 0 over the budget."""
    cyc_weight: float = 1.0
    """Of a picture's reconstruction from its translation and its own style."""
    lr: float = 1e-4
    f_lr: float = 1e-6
    """The mapping network's."""
    beta1: float = 0.0
    beta2: float = 0.99
    weight_decay: float = 1e-4
    """As an L2 penalty, added to the gradient."""
    ema: float = 0.999
    """Decay of the averages of all but the discriminator, which translate; 0: the last weights do."""
    crop_probability: float = 0.5
    """How often a window of 0.8 to 1 of a picture's area is trained on, resized, instead of the whole."""
    mirror: bool = True
    """Training pictures are mirrored with probability 1/2."""
    division: Division = "classes"
    """Whether the task's classes are the domains, or its two sides are."""
    style: Style = inference("latent")  # noqa: RUF009  (it makes a dataclass field)
    """Styles are made of latent codes ~ N(0, I), or are those of exemplars."""
    direction: Direction = inference("forward")  # noqa: RUF009
    """Of two sides: `backward` asks for pictures like the sources, of which exemplars must then be given."""

    def __post_init__(self) -> None:
        """Raise `ValueError` on a value that no network or schedule can be made of."""
        check_choices(self, division=Division, style=Style, direction=Direction)
        check_least(self, base=1, max_dim=1, style_dim=1, latent_dim=1, mapping_dim=1)
        check_not_negative(self, "r1_weight", "sty_weight", "ds_weight", "cyc_weight", "weight_decay", "f_lr")
        check_adam(self, "beta1", "beta2")
        check_share(self, "ema")
        if not 0 <= self.crop_probability <= 1:
            raise ValueError(f"crop_probability must lie in [0, 1], found {self.crop_probability}")


class StarGANv2(Method):
    """Generator, mapping network, style encoder and discriminator of `number` domains."""

    def __init__(self, config: StarGANv2Config, number: int, height: int, width: int) -> None:
        """For pictures of `height` x `width` pixels, as `starganv2_networks` says."""
        super().__init__()
        side, base, max_dim = min(height, width), config.base, config.max_dim
        self.config = config
        self.number = number
        self.generator = StyledGenerator(side, config.style_dim, base, max_dim)
        self.mapping = MappingNetwork(number, config.latent_dim, config.style_dim, config.mapping_dim)
        self.style_encoder = DomainStyleEncoder(number, side, config.style_dim, base, max_dim)
        self.discriminator = DomainDiscriminator(number, side, base, max_dim)
        self.last_seen = LastSeen(number, height, width)
        self.averages = dict.fromkeys(_AVERAGED, config.ema) if config.ema else {}
        initialize_weights(self, "kaiming")

    def initialize(self, batch: Batch) -> None:
        """Raise `ValueError` where pictures of no class would be of no domain."""
        check_domains(batch, self.config.division, "starganv2")

    def optimizers(self) -> dict[str, Optimizer]:
        """Two Adams: `discriminator`, and `generator`, also of mapping network and style encoder."""
        config = self.config
        groups: list[dict[str, object]] = [
            {"params": list(self.generator.parameters())},
            {"params": list(self.style_encoder.parameters())},
            {"params": list(self.mapping.parameters()), "lr": config.f_lr},
        ]

        def adam(parameters: list[dict[str, object]]) -> Optimizer:
            betas = (config.beta1, config.beta2)
            return Adam(parameters, config.lr, betas, weight_decay=config.weight_decay, fused=True)

        return {"discriminator": adam([{"params": list(self.discriminator.parameters())}]), "generator": adam(groups)}

    def updates(self, batch: Batch, step: int) -> Iterator[Update]:
        """Both updates of the discriminator, then both of the generator (section 3.2)."""
        pictures, own = both_sides(batch, self.config.division, "starganv2")
        wanted, references = swapped(own), swapped(pictures)
        others = self.last_seen.of(wanted, references)
        self.last_seen.see(pictures, own)
        codes, other_codes = self._codes(pictures), self._codes(pictures)

        style = self.mapping(codes, wanted)
        fakes = self.generator(pictures, style)
        yield self._update("discriminator", self.discriminator_losses(pictures, own, fakes.detach(), wanted))

        with torch.no_grad():
            guided = self.generator(pictures, self.style_encoder(references, wanted))
        losses = self.discriminator_losses(pictures, own, guided, wanted)
        yield self._update("discriminator", losses, "_guided")

        with frozen(self.discriminator):
            with torch.no_grad():
                other_style = self.mapping(other_codes, wanted)
            losses = self.generator_losses(pictures, own, fakes, wanted, style, other_style)
        yield self._update("generator", losses)

        # frozen beyond the update itself: by references the generator alone is stepped, with the same Adam
        with frozen(self.discriminator, self.mapping, self.style_encoder):
            both = self.style_encoder(torch.cat([references, others]), wanted.repeat(2))
            style, other_style = both.chunk(2)
            fakes = self.generator(pictures, style)
            losses = self.generator_losses(pictures, own, fakes, wanted, style, other_style)
            yield self._update("generator", losses, "_guided")

    def discriminator_losses(self, pictures: Tensor, own: Tensor, fakes: Tensor, wanted: Tensor) -> dict[str, Tensor]:
        """What the discriminator loses on real pictures and translations, and R1 if it has a weight; not weighted."""
        losses: dict[str, Tensor] = {}
        if self.config.r1_weight > 0:
            with full_precision(pictures):
                real = pictures.detach().requires_grad_()
                answers = self.discriminator(real, own)
                losses["r1"] = r1_penalty(answers, real)
        else:
            answers = self.discriminator(pictures, own)
        losses["real"] = adversarial_loss(answers.float(), True, "vanilla")
        losses["fake"] = adversarial_loss(self.discriminator(fakes, wanted).float(), False, "vanilla")
        return losses

    def generator_losses(
        self, pictures: Tensor, own: Tensor, fakes: Tensor, wanted: Tensor, style: Tensor, other_style: Tensor
    ) -> dict[str, Tensor]:
        """The terms of section 3.2 that have a weight, by its name, not weighted; `fakes` are `pictures` in `style`.

        The diversity is the distance itself, of which more is better. It moves `fakes` alone.
        """
        config = self.config
        losses = {"adv": adversarial_loss(self.discriminator(fakes, wanted).float(), True, "vanilla")}
        if config.sty_weight > 0:
            losses["sty"] = F.l1_loss(self.style_encoder(fakes, wanted).float(), style.float())
        if self._ds_weight > 0:
            with torch.no_grad():
                others = self.generator(pictures, other_style)
            losses["ds"] = F.l1_loss(fakes.float(), others.float())
        if config.cyc_weight > 0:
            again = self.generator(fakes, self.style_encoder(pictures, own))
            losses["cyc"] = F.l1_loss(again.float(), pictures)
        return losses

    @torch.no_grad()
    def translate(self, batch: Batch, *, seed: int, sample: int = 0) -> Tensor:
        """Translate to the domains asked for, in styles drawn for each picture or those of the exemplars.

        Raises `ValueError` where exemplars are read and the batch has none.
        """
        config = self.config
        asked = asked_domains(batch, self.number, config.division, config.direction, reader="starganv2")
        if config.style == "exemplar":
            (exemplar,) = required(batch.exemplars, "exemplars", "starganv2")
            style = self.style_encoder(exemplar, asked)
        else:
            codes = style_codes(batch.names, config.latent_dim, seed, sample)
            style = self.mapping(codes.to(batch.source.device), asked)
        out: Tensor = self.generator(batch.source, style)
        return out.float().clamp(-1, 1)

    @property
    def _ds_weight(self) -> float:
        return self.config.ds_weight * (1 - self.fraction)

    def _codes(self, pictures: Tensor) -> Tensor:
        return torch.randn(len(pictures), self.config.latent_dim, device=pictures.device)

    def _update(self, optimizer: str, losses: dict[str, Tensor], suffix: str = "") -> Update:
        config = self.config
        weights = {
            "r1": config.r1_weight,
            "sty": config.sty_weight,
            "ds": -self._ds_weight,
            "cyc": config.cyc_weight,
        }
        loss = torch.stack([weights.get(name, 1.0) * value for name, value in losses.items()]).sum()
        return Update(optimizer, loss, {f"{name}{suffix}": value.detach() for name, value in losses.items()})
