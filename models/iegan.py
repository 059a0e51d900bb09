"""IEGAN: Independent Encoder for Deep Hierarchical Unsupervised Image-to-Image Translation.

Ye, Ye, Yang, Hu. 2021, arXiv 2107.02494. Networks, losses and schedule as in the authors' code, which grew from
NICE-GAN's. Each domain has an encoder that learns by giving its own pictures back, through a decoder of its own, and by
nothing else. Discriminators read its shallowest features, generators all four.

`encoder_a`, `discriminator_a` and `generator_a` are of A, the source domain; A is translated by
`generator_b(encoder_a(a))`.

Deliberate deviations:
- The schedule of 300,000 iterations is stretched over the budget, whatever the budget is.
- Features and translations are made once for the discriminators' and the generators' updates, between which encoders
  and generators do not move, and nothing is decoded there. Batch norm's running statistics move as if they were made
  twice, see `momenta_of_repeated`. Pictures of two kinds go through a discriminator together: the same losses with
  fewer power iterations of spectral norm.
- Encoders are frozen in the latter two updates, where the published code takes gradients that it throws away.
- ResNet-18's classifier and the generator's fourth fusion, which nothing reads, are not built.
- `ch` other than 64, for which there are no pretrained trunks, and `n_dis=6` are for small pictures. Sides that are no
  multiples of 32 are refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer

from i2ibench.models.layers.adalin_decoder import AdaLINDecoder, normed, subpixel_doubling
from i2ibench.models.layers.cam_attention import ResidualCAMAttention
from i2ibench.models.layers.halfway_training import HalfwayTraining, weighted_update
from i2ibench.models.layers.iegan_encoder import IEGANEncoder, batch_norm_momentum, momenta_of_repeated
from i2ibench.models.layers.norms import translating
from i2ibench.models.layers.resnet18 import WIDTH
from i2ibench.models.layers.settings import (
    check_choices,
    check_least,
    check_not_negative,
    check_positive,
)
from i2ibench.models.layers.spectral_patchgan import (
    LocalAndGlobalHeads,
    activation,
    convolution,
    judgement,
    persuasion,
    smallest_side,
)
from i2ibench.models.method import Batch, Method, TakeTensors, Update, frozen, required

Trunk = Literal["resnet18", "untrained"]
MULTIPLE = 32
_BATCH_NORM_MOMENTUM = 0.1


@dataclass(frozen=True)
class IEGANConfig(HalfwayTraining):
    """The defaults are the published ones, at 256x256."""

    ch: int = 64
    """Channels after the encoders' first convolution, from which all widths follow."""
    trunk: Trunk = "resnet18"
    """What the encoders begin as: torchvision's ResNet-18, trained on ImageNet, or one of random weights."""
    frozen_statistics: bool = False
    """The trunks' batch norms read the statistics that they began with, and not each batch's own."""
    n_res: int = 6
    """Residual blocks of a generator."""
    n_dis: int = 7
    """Layers of a discriminator, its encoder's included: 7 for sides of 96 pixels and more, 6 for 64."""
    adv_weight: float = 1.0
    cycle_weight: float = 10.0
    """Of the distance of pictures from themselves after translation there and back."""
    recon_weight: float = 10.0
    """Of that of pictures made anew in their own domain, by encoders and their decoders, and by generators."""

    def __post_init__(self) -> None:
        """Raise `ValueError` on a value that no network or schedule can be made of."""
        super().__post_init__()
        check_choices(self, trunk=Trunk)
        check_least(self, ch=1, n_res=1, n_dis=6)
        check_not_negative(self, "adv_weight", "cycle_weight")
        check_positive(self, "recon_weight")  # the encoders learn by nothing else
        if self.trunk == "resnet18" and self.ch != WIDTH:
            raise ValueError(
                f"ch must be {WIDTH}, the pretrained ResNet-18's, found {self.ch}: use trunk=untrained with others"
            )

    @property
    def smallest(self) -> int:
        """The least side of a picture that has two pixels at the deepest and that the discriminators can judge."""
        return max(smallest_side(self.n_dis - 2), 2 * MULTIPLE)


class IEGAN(Method):
    """An encoder, a discriminator and a generator of each domain."""

    def __init__(self, config: IEGANConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder_a, self.encoder_b = (build_encoder(config) for _ in range(2))
        self.discriminator_a, self.discriminator_b = (Discriminator(config.ch, config.n_dis) for _ in range(2))
        self.generator_a, self.generator_b = (Generator(config.ch, config.n_res) for _ in range(2))

    def pretrained(self) -> Mapping[str, TakeTensors]:
        """The trunk that both encoders begin as."""
        return {"resnet18": self.load_trunks} if self.config.trunk == "resnet18" else {}

    def load_trunks(self, weights: Mapping[str, Tensor]) -> None:
        """Take the tensors of torchvision's ResNet-18. Raises `ValueError` where they are another network's."""
        self.encoder_a.trunk.load(weights)
        self.encoder_b.trunk.load(weights)

    def optimizers(self) -> dict[str, Optimizer]:
        """Three Adams with an L2 penalty, `encoders`, `discriminators` and `generators`, each of both domains."""
        adam = self.config.adam
        return {
            "encoders": adam(self.encoder_a, self.encoder_b),
            "discriminators": adam(self.discriminator_a, self.discriminator_b),
            "generators": adam(self.generator_a, self.generator_b),
        }

    def learning_rate(self, optimizer: str, step: int, fraction: float) -> float:
        """The factor, all optimisers': 1 for half of the budget, then linearly to 0."""
        return self.config.rate(fraction)

    def updates(self, batch: Batch, step: int) -> Iterator[Update]:
        """The encoders' step, then the discriminators' and the generators', on features by the encoders as they then
        are."""
        config, a, b = self.config, batch.source, required(batch.target, "targets", "iegan")
        yield weighted_update(
            "encoders",
            {
                "recon_encoder_a": F.l1_loss(self.encoder_a.reconstruct(a), a),
                "recon_encoder_b": F.l1_loss(self.encoder_b.reconstruct(b), b),
            },
            config,
        )
        passed = self.translated(a, b)
        if config.adv_weight > 0:
            losses = {
                f"adv_{name}": judgement(self.get_submodule(name)(torch.cat([real, fake.detach()])), len(real))
                for name, real, fake in (
                    ("discriminator_a", passed.real_a[0], passed.fake_a[0]),
                    ("discriminator_b", passed.real_b[0], passed.fake_b[0]),
                )
            }
            yield weighted_update("discriminators", losses, config)
        yield weighted_update("generators", self.generator_losses(a, b, passed), config)

    def translated(self, a: Tensor, b: Tensor) -> Passed:
        """Features of pictures and of their translations, and pictures made anew of their own features.

        Encoders get no gradients, and pass those of translations on to generators (section 3.3).
        """
        of_reals, of_fakes = momenta_of_repeated(_BATCH_NORM_MOMENTUM, 2)
        with frozen(self.encoder_a, self.encoder_b):
            with batch_norm_momentum(self, of_reals):
                real_a, real_b = self.encoder_a(a), self.encoder_b(b)
            # a generator's two pictures in one pass
            fake_a, own_a = self.generator_a(stacked(real_b, real_a)).split([len(b), len(a)])
            fake_b, own_b = self.generator_b(stacked(real_a, real_b)).split([len(a), len(b)])
            with batch_norm_momentum(self, of_fakes):
                return Passed(real_a, real_b, self.encoder_a(fake_a), self.encoder_b(fake_b), own_a, own_b)

    def generator_losses(self, a: Tensor, b: Tensor, passed: Passed) -> dict[str, Tensor]:
        """The terms that have a weight, not weighted, by their weight's name and the domain of the pictures they are
        of."""
        losses = {"recon_a": F.l1_loss(passed.own_a, a), "recon_b": F.l1_loss(passed.own_b, b)}
        if self.config.adv_weight > 0:
            with frozen(self.discriminator_a, self.discriminator_b):
                losses["adv_a"] = persuasion(self.discriminator_a(passed.fake_a[0]))
                losses["adv_b"] = persuasion(self.discriminator_b(passed.fake_b[0]))
        if self.config.cycle_weight > 0:
            losses["cycle_a"] = F.l1_loss(self.generator_a(passed.fake_b), a)
            losses["cycle_b"] = F.l1_loss(self.generator_b(passed.fake_a), b)
        return losses

    @torch.no_grad()
    def translate(self, batch: Batch, *, seed: int, sample: int = 0) -> Tensor:
        """Translate by batch norm's running statistics; nothing is drawn."""
        forward = self.config.direction == "forward"
        encoder = self.encoder_a if forward else self.encoder_b
        generator = self.generator_b if forward else self.generator_a
        with translating(encoder, dropout=False, batch_statistics=False):
            pictures: Tensor = generator(encoder(batch.source))
        return pictures.float()


@dataclass(frozen=True)
class Passed:
    """What a step's pictures became: features of reals and of translations, by domain, and reals made anew."""

    real_a: list[Tensor]
    real_b: list[Tensor]
    fake_a: list[Tensor]
    """Of B's pictures, translated to A and encoded by A's encoder."""
    fake_b: list[Tensor]
    own_a: Tensor
    own_b: Tensor


class Generator(nn.Module):
    """E1 to E4 of an encoder to pictures `[B, 3, H, W]` in (-1, 1)."""

    def __init__(self, ch: int, n_res: int) -> None:
        super().__init__()
        widths = [8 * ch, 4 * ch, 2 * ch]
        self.doublings = nn.ModuleList(nn.Sequential(*subpixel_doubling(width, "softmax")) for width in widths)
        self.fusions = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, width // 2, 3, padding=1), nn.ReLU(inplace=True)) for width in widths
        )
        entry = normed(ch, 4 * ch, "softmax", bias=True)
        self.decoder = nn.Sequential(*entry, AdaLINDecoder(4 * ch, n_res, "softmax", "subpixel"))

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """From the deepest up: doubled, and fused with the next shallower ones."""
        x, *shallower = reversed(features)
        for doubling, fusion, feature in zip(self.doublings, self.fusions, shallower, strict=True):
            x = fusion(torch.cat([doubling(x), feature], 1))
        pictures: Tensor = self.decoder(x)
        return pictures


class Discriminator(nn.Module):
    """E1 `[B, ch, h, w]` to local and global logits `[B, 1, h', w']` and those `[B, 1]` of a classifier."""

    def __init__(self, ch: int, n_dis: int) -> None:
        super().__init__()
        self.features = nn.Sequential(convolution(ch, 2 * ch, 3), activation())
        self.attention = ResidualCAMAttention(2 * ch)
        self.activation = activation()
        self.heads = LocalAndGlobalHeads(2 * ch, n_dis - 6)

    def forward(self, feature: Tensor) -> Sequence[Tensor]:
        """Of pictures whose sides are at least `smallest_side(n_dis - 2)`."""
        attended, said = self.attention(self.features(feature))
        return *self.heads(self.activation(attended)), said


def build_encoder(config: IEGANConfig) -> IEGANEncoder:
    """The encoder of one domain, of random weights yet."""
    return IEGANEncoder(config.ch, frozen_statistics=config.frozen_statistics)


def stacked(first: Sequence[Tensor], second: Sequence[Tensor]) -> list[Tensor]:
    """Features of two batches as of one."""
    return [torch.cat(pair) for pair in zip(first, second, strict=True)]
