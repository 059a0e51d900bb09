"""U-GAT-IT: Unsupervised Generative Attentional Networks with Adaptive Layer-Instance Normalization.

Kim, Kim, Kang, Lee. ICLR 2020, arXiv 1907.10830. Networks, losses and schedule as in the authors' PyTorch code; the
paper's numbers are of their TensorFlow code, which shares one classifier with a bias between both poolings and draws
first weights otherwise. Generators and discriminators attend by the weights of classifiers that they train.

`generator_ab` translates A, the source domain, to B, the target's; each domain has a local and a global discriminator.

Deliberate deviations:
- The schedule of 1,000,000 iterations is stretched over the budget, whatever the budget is.
- What the published code computes several times over is computed once: translations serve both updates, and the
  classifiers' and identity's terms read one pass. Pictures of two kinds go through a network together, so that there
  are fewer power iterations of spectral norm.
- `global_layers` and `local_layers` let the discriminators judge pictures of less than 96 pixels a side.
- Sides that are no multiples of 4 are refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer

from i2ibench.models.layers.adalin_decoder import AdaLINDecoder
from i2ibench.models.layers.adversarial import adversarial_loss
from i2ibench.models.layers.cam_attention import CAMAttention
from i2ibench.models.layers.halfway_training import HalfwayTraining, weighted_update
from i2ibench.models.layers.layer_instance_norm import clamp_shares
from i2ibench.models.layers.norms import norm_layer
from i2ibench.models.layers.resnet import ResidualBlock, stem
from i2ibench.models.layers.settings import check_least, check_not_negative
from i2ibench.models.layers.spectral_patchgan import (
    activation,
    judgement,
    logits,
    persuasion,
    smallest_side,
    strided,
    unstrided,
)
from i2ibench.models.method import Batch, Method, Update, frozen, required

_WEIGHTS = ("adv_weight", "cycle_weight", "identity_weight", "cam_weight")


@dataclass(frozen=True)
class UGATITConfig(HalfwayTraining):
    """The defaults are the published ones, at 256x256: the full version."""

    ch: int = 64
    """Channels after each network's first convolution."""
    n_res: int = 4
    """Residual blocks before the generators' attention, and as many after it."""
    light: bool = False
    """AdaLIN's parameters are read off features' averages, so that pictures may be of any size and generators have 11
    million parameters; else off all features, by 268 million more at 256x256, for pictures of one size."""
    global_layers: int = 7
    """Convolutions of the global discriminators, but for that of the attention: 7 see 286 pixels."""
    local_layers: int = 5
    """The local discriminators': 5 see 70 pixels."""
    adv_weight: float = 1.0
    cycle_weight: float = 10.0
    """Of the distance of pictures from themselves after translation there and back."""
    identity_weight: float = 10.0
    """Of what a generator changes in pictures of the domain that it translates to."""
    cam_weight: float = 1000.0
    """Of the generators' classifiers, which tell sources from such pictures."""

    def __post_init__(self) -> None:
        """Raise `ValueError` on a value that no network or schedule can be made of."""
        super().__post_init__()
        check_least(self, ch=1, n_res=1, global_layers=3, local_layers=3)
        check_not_negative(self, *_WEIGHTS)
        if not sum(getattr(self, weight) for weight in _WEIGHTS) > 0:
            raise ValueError(f"{' + '.join(_WEIGHTS)} must be positive, found 0")

    @property
    def smallest(self) -> int:
        """The least side of a picture that the discriminators, and the generators, can judge and read."""
        return max(smallest_side(max(self.global_layers, self.local_layers) - 2), 8)


class UGATIT(Method):
    """Two generators, there and back, and two discriminators of each domain."""

    def __init__(self, config: UGATITConfig, height: int, width: int) -> None:
        """For pictures of `height` x `width` pixels; the light version translates others too."""
        super().__init__()
        self.config = config
        self.generator_ab, self.generator_ba = (build_generator(config, height, width) for _ in range(2))
        self.discriminators_a, self.discriminators_b = (build_discriminators(config) for _ in range(2))

    def optimizers(self) -> dict[str, Optimizer]:
        """Two Adams with an L2 penalty, `discriminators` and `generators`, each of both domains."""
        adam = self.config.adam
        return {
            "discriminators": adam(self.discriminators_a, self.discriminators_b),
            "generators": adam(self.generator_ab, self.generator_ba),
        }

    def learning_rate(self, optimizer: str, step: int, fraction: float) -> float:
        """The factor, both optimisers': 1 for half of the budget, then linearly to 0."""
        return self.config.rate(fraction)

    def updates(self, batch: Batch, step: int) -> Iterator[Update]:
        """The discriminators' step, then the generators', whose shares of instance norm are clamped after it."""
        a, b = batch.source, required(batch.target, "targets", "ugatit")
        with_own = self.config.identity_weight > 0 or self.config.cam_weight > 0
        to_b = Translated.by(self.generator_ab, a, b if with_own else None)
        to_a = Translated.by(self.generator_ba, b, a if with_own else None)

        if self.config.adv_weight > 0:
            losses = {
                name: judgement(answers(self.get_submodule(name), torch.cat([real, fake.detach()])), len(real))
                for name, real, fake in (("discriminators_a", a, to_a.fake), ("discriminators_b", b, to_b.fake))
            }
            loss = self.config.adv_weight * torch.stack(list(losses.values())).sum()
            yield Update("discriminators", loss, {name: value.detach() for name, value in losses.items()})

        losses = self.generator_losses(a, b, to_a, to_b)
        yield weighted_update("generators", losses, self.config)
        clamp_shares(self.generator_ab, self.generator_ba)

    def generator_losses(self, a: Tensor, b: Tensor, to_a: Translated, to_b: Translated) -> dict[str, Tensor]:
        """The terms that have a weight, not weighted (section 2.2), by their weight's name and the domain they are of:
        that of the translation, and of a cycle that of the picture it begins and ends with."""
        config = self.config
        losses: dict[str, Tensor] = {}
        if config.adv_weight > 0:
            with frozen(self.discriminators_a, self.discriminators_b):
                losses["adv_a"] = persuasion(answers(self.discriminators_a, to_a.fake))
                losses["adv_b"] = persuasion(answers(self.discriminators_b, to_b.fake))
        if config.cycle_weight > 0:
            losses["cycle_a"] = F.l1_loss(self.generator_ba(to_b.fake)[0], a)
            losses["cycle_b"] = F.l1_loss(self.generator_ab(to_a.fake)[0], b)
        for domain, pictures, translated in (("a", a, to_a), ("b", b, to_b)):
            if config.identity_weight > 0 and translated.own is not None:
                losses[f"identity_{domain}"] = F.l1_loss(translated.own, pictures)
            if config.cam_weight > 0 and translated.own_logits is not None:
                losses[f"cam_{domain}"] = classification_loss(translated.fake_logits, translated.own_logits)
        return losses

    @torch.no_grad()
    def translate(self, batch: Batch, *, seed: int, sample: int = 0) -> Tensor:
        """Translate; nothing is drawn. Raises `ValueError` where the full version is given pictures of another size."""
        network = self.generator_ab if self.config.direction == "forward" else self.generator_ba
        pictures: Tensor = network(batch.source)[0]
        return pictures.float()


@dataclass(frozen=True)
class Translated:
    """What a generator made of sources and, where asked for, of pictures of its own domain."""

    fake: Tensor
    own: Tensor | None
    """The latter, `[B, 3, H, W]` as the former."""
    fake_logits: Tensor
    """What its classifiers say of them `[B, 2]`: large where the picture was a source."""
    own_logits: Tensor | None

    @classmethod
    def by(cls, generator: nn.Module, sources: Tensor, own: Tensor | None) -> Translated:
        """Both in one pass."""
        if own is None:
            pictures, said = generator(sources)
            return cls(pictures, None, said, None)
        pictures, said = generator(torch.cat([sources, own]))
        parts = [len(sources), len(own)]
        (fake, kept), (fake_logits, own_logits) = pictures.split(parts), said.split(parts)
        return cls(fake, kept, fake_logits, own_logits)


class Generator(nn.Module):
    """Pictures `[B, 3, H, W]` to pictures in (-1, 1), and logits `[B, 2]` of whether they were of the source domain."""

    def __init__(self, ch: int, n_res: int, positions: int | None) -> None:
        super().__init__()
        deep = 4 * ch
        self.encoder = nn.Sequential(
            *stem(3, ch, "instance", bias=False),
            *_halving(ch),
            *_halving(2 * ch),
            *(ResidualBlock(deep, "instance", bias=False) for _ in range(n_res)),
        )
        self.attention = CAMAttention(deep, spectral=False)
        self.decoder = AdaLINDecoder(deep, n_res, "clamped", "nearest", positions)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Sides must be multiples of 4, and of the full version those it was built for."""
        attended, said = self.attention(self.encoder(x))
        pictures: Tensor = self.decoder(F.relu(attended))
        return pictures, said


class Discriminator(nn.Module):
    """Pictures to logits `[B, 1, h, w]` of patches, and logits `[B, 2]` of the classifiers that it attends by.

    `layers` convolutions, all but the last two of stride 2, and the attention before the last.
    """

    def __init__(self, ch: int, layers: int) -> None:
        super().__init__()
        widths = [3, *(ch << level for level in range(layers - 2))]
        self.features = nn.Sequential(*strided(*widths), *unstrided(widths[-1]))
        self.attention = CAMAttention(2 * widths[-1], spectral=True)
        self.activation = activation()
        self.head = logits(2 * widths[-1])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Sides must be at least `smallest_side(layers - 2)`."""
        attended, said = self.attention(self.features(x))
        return self.head(self.activation(attended)), said


def build_generator(config: UGATITConfig, height: int, width: int) -> Generator:
    """The generator of one direction, for pictures of `height` x `width` pixels."""
    return Generator(config.ch, config.n_res, None if config.light else (height // 4) * (width // 4))


def build_discriminators(config: UGATITConfig) -> nn.ModuleList:
    """The global and the local discriminator of one domain."""
    return nn.ModuleList(Discriminator(config.ch, layers) for layers in (config.global_layers, config.local_layers))


def classification_loss(on_sources: Tensor, on_own: Tensor) -> Tensor:
    """The binary cross-entropy of a generator's classifiers, which call sources 1 and own pictures 0 (equation 4)."""
    of_sources = adversarial_loss(on_sources.float(), True, "vanilla")
    return of_sources + adversarial_loss(on_own.float(), False, "vanilla")


def answers(discriminators: nn.Module, pictures: Tensor) -> list[Tensor]:
    """All that discriminators say of pictures, of patches and of the whole."""
    return [answer for discriminator in discriminators.children() for answer in discriminator(pictures)]


def _halving(channels: int) -> list[nn.Module]:
    convolution = nn.Conv2d(channels, 2 * channels, 3, 2, 1, padding_mode="reflect", bias=False)
    return [convolution, norm_layer("instance", 2 * channels), nn.ReLU(inplace=True)]
