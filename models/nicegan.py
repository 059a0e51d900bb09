"""NICE-GAN: Reusing Discriminators for Encoding, towards Unsupervised Image-to-Image Translation.

Chen, Huang, Huang, Sun, Fang. CVPR 2020, arXiv 2003.00273. Networks, losses and schedule as in the authors' code. There
are no encoders of their own: the first layers of a domain's discriminator encode its pictures, and learn by what the
discriminator loses alone. Generators make pictures of these codes.

`discriminator_a` and `discriminator_b` are of A, the source domain, and B, the target's; `generator_b` makes
pictures of B out of codes of either, so that A is translated by `generator_b(discriminator_a.encode(a))`.

Deliberate deviations:
- The light version is the default, as in all published numbers; the published code's default is the full one.
- The schedule of 300,000 iterations, 100,000 in the paper, is stretched over the budget, whatever the budget is.
- Codes of real pictures in the discriminators' step serve their translations, which get no gradients. What goes through
  a network of one kind goes through it together, and of pictures that are not judged only the code is made: the same
  losses with fewer power iterations of spectral norm.
- `n_dis=6` is for pictures of less than 96 pixels a side. Sides that are no multiples of 4 are refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer

from i2ibench.models.layers.adalin_decoder import AdaLINDecoder, normed
from i2ibench.models.layers.cam_attention import ResidualCAMAttention
from i2ibench.models.layers.halfway_training import HalfwayTraining, weighted_update
from i2ibench.models.layers.norms import translating
from i2ibench.models.layers.settings import (
    check_least,
    check_not_negative,
    check_positive,
)
from i2ibench.models.layers.spectral_patchgan import (
    LocalAndGlobalHeads,
    activation,
    judgement,
    persuasion,
    smallest_side,
    strided,
)
from i2ibench.models.method import Batch, Method, Update, frozen, required


@dataclass(frozen=True)
class NICEGANConfig(HalfwayTraining):
    """The defaults are the published ones, at 256x256: the light version."""

    ch: int = 64
    """Channels after each discriminator's first convolution."""
    n_res: int = 6
    """Residual blocks of a generator; 4 are the paper's NICE-GAN*."""
    n_dis: int = 7
    """Layers of a discriminator: 7 see 70 and 286 pixels by their two heads, 6 see 34 and 142."""
    light: bool = True
    """AdaLIN's parameters are read off features' averages, so that pictures may be of any size; else off all features,
    by 268 million numbers more at 256x256, for pictures of one size. Nothing was published of the latter."""
    adv_weight: float = 1.0
    cycle_weight: float = 10.0
    """Of the distance of pictures from themselves after translation there and back."""
    recon_weight: float = 10.0
    """Of that of pictures made anew of their own codes in their own domain."""

    def __post_init__(self) -> None:
        """Raise `ValueError` on a value that no network or schedule can be made of."""
        super().__post_init__()
        check_least(self, ch=1, n_res=1, n_dis=6)
        check_not_negative(self, "cycle_weight", "recon_weight")
        check_positive(self, "adv_weight")  # the encoders learn by nothing else

    @property
    def smallest(self) -> int:
        """The least side of a picture that the discriminators can judge."""
        return smallest_side(self.n_dis - 2)


class NICEGAN(Method):
    """A discriminator of each domain, whose first layers encode, and a generator of each."""

    def __init__(self, config: NICEGANConfig, height: int, width: int) -> None:
        """For pictures of `height` x `width` pixels; the light version translates others too."""
        super().__init__()
        self.config = config
        self.discriminator_a, self.discriminator_b = (Discriminator(config.ch, config.n_dis) for _ in range(2))
        self.generator_a, self.generator_b = (build_generator(config, height, width) for _ in range(2))

    def optimizers(self) -> dict[str, Optimizer]:
        """Two Adams with an L2 penalty, `discriminators`, encoders included, and `generators`, of both domains."""
        adam = self.config.adam
        return {
            "discriminators": adam(self.discriminator_a, self.discriminator_b),
            "generators": adam(self.generator_a, self.generator_b),
        }

    def learning_rate(self, optimizer: str, step: int, fraction: float) -> float:
        """The factor, both optimisers': 1 for half of the budget, then linearly to 0."""
        return self.config.rate(fraction)

    def updates(self, batch: Batch, step: int) -> Iterator[Update]:
        """The discriminators' step, then the generators', out of codes by the encoders as they then are."""
        a, b = batch.source, required(batch.target, "targets", "nicegan")
        losses = self.discriminator_losses(a, b)
        loss = self.config.adv_weight * torch.stack(list(losses.values())).sum()
        yield Update("discriminators", loss, {name: value.detach() for name, value in losses.items()})

        with frozen(self.discriminator_a, self.discriminator_b):
            losses = self.generator_losses(a, b)
        yield weighted_update("generators", losses, self.config)

    def discriminator_losses(self, a: Tensor, b: Tensor) -> dict[str, Tensor]:
        """What the discriminators lose on real and translated pictures, by their names, not weighted (equation 1)."""
        real_a, real_b = self.discriminator_a.encode(a), self.discriminator_b.encode(b)
        with torch.no_grad():
            fake_a, fake_b = self.generator_a(real_b.code), self.generator_b(real_a.code)

        def lost(discriminator: Discriminator, real: Encoded, fake: Tensor) -> Tensor:
            both = Encoded.together(real, discriminator.encode(fake))
            return judgement(discriminator.judge(both), len(real.code))

        return {
            "discriminator_a": lost(self.discriminator_a, real_a, fake_a),
            "discriminator_b": lost(self.discriminator_b, real_b, fake_b),
        }

    def generator_losses(self, a: Tensor, b: Tensor) -> dict[str, Tensor]:
        """The terms that have a weight, not weighted (equations 2 to 4), by their weight's name and the domain of the
        pictures they are of."""
        config = self.config
        code_a, code_b = self.discriminator_a.encode(a).code, self.discriminator_b.encode(b).code
        losses: dict[str, Tensor] = {}
        if config.recon_weight > 0:  # a generator's two pictures in one pass
            fake_a, own_a = self.generator_a(torch.cat([code_b, code_a])).split([len(b), len(a)])
            fake_b, own_b = self.generator_b(torch.cat([code_a, code_b])).split([len(a), len(b)])
            losses |= {"recon_a": F.l1_loss(own_a, a), "recon_b": F.l1_loss(own_b, b)}
        else:
            fake_a, fake_b = self.generator_a(code_b), self.generator_b(code_a)

        encoded_a, encoded_b = self.discriminator_a.encode(fake_a), self.discriminator_b.encode(fake_b)
        losses["adv_a"] = persuasion(self.discriminator_a.judge(encoded_a))
        losses["adv_b"] = persuasion(self.discriminator_b.judge(encoded_b))
        if config.cycle_weight > 0:
            losses["cycle_a"] = F.l1_loss(self.generator_a(encoded_b.code), a)
            losses["cycle_b"] = F.l1_loss(self.generator_b(encoded_a.code), b)
        return losses

    @torch.no_grad()
    def translate(self, batch: Batch, *, seed: int, sample: int = 0) -> Tensor:
        """Translate; nothing is drawn. Raises `ValueError` where the full version is given pictures of another size."""
        forward = self.config.direction == "forward"
        encoder = self.discriminator_a if forward else self.discriminator_b
        generator = self.generator_b if forward else self.generator_a
        with translating(encoder, dropout=False, batch_statistics=False):  # spectral norm must not iterate
            pictures: Tensor = generator(encoder.encode(batch.source).code)
        return pictures.float()


@dataclass(frozen=True)
class Encoded:
    """Pictures as a discriminator's encoder has them."""

    code: Tensor
    """`[B, 2 ch, H / 4, W / 4]`."""
    logits: Tensor
    """`[B, 1]`, of the classifier that the encoder attends by."""

    @classmethod
    def together(cls, *several: Encoded) -> Encoded:
        """Several batches as one."""
        return cls(torch.cat([one.code for one in several]), torch.cat([one.logits for one in several]))


class Discriminator(nn.Module):
    """An encoder, two convolutions and the residual attention, and what judges its codes by local and global patches.

    Sides of judged pictures must be at least `smallest_side(n_dis - 2)`.
    """

    def __init__(self, ch: int, n_dis: int) -> None:
        super().__init__()
        self.features = nn.Sequential(*strided(3, ch, 2 * ch))
        self.attention = ResidualCAMAttention(2 * ch)
        self.activation = activation()
        self.heads = LocalAndGlobalHeads(2 * ch, n_dis - 6)

    def encode(self, x: Tensor) -> Encoded:
        """Pictures `[B, 3, H, W]`, of sides that are multiples of 4, encoded."""
        attended, said = self.attention(self.features(x))
        return Encoded(self.activation(attended), said)

    def judge(self, encoded: Encoded) -> Sequence[Tensor]:
        """Local and global logits `[B, 1, h, w]` and the classifier's."""
        local, whole = self.heads(encoded.code)
        return local, whole, encoded.logits


class Generator(nn.Sequential):
    """Codes `[B, channels, h, w]` to pictures `[B, 3, 4h, 4w]` in (-1, 1)."""

    def __init__(self, channels: int, deep: int, n_res: int, positions: int | None = None) -> None:
        entry = normed(channels, deep, "softmax", bias=True)
        super().__init__(*entry, AdaLINDecoder(deep, n_res, "softmax", "subpixel", positions))


def build_generator(config: NICEGANConfig, height: int, width: int) -> Generator:
    """The generator of one domain, for pictures of `height` x `width` pixels."""
    positions = None if config.light else (height // 4) * (width // 4)
    return Generator(2 * config.ch, 4 * config.ch, config.n_res, positions)
