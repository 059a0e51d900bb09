"""StarGAN: Unified Generative Adversarial Networks for Multi-Domain Image-to-Image Translation.

Choi, Choi, Kim, Ha, Kim, Choo. CVPR 2018, arXiv 1711.09020. Networks, losses and training as in the authors' code, for
labels of one kind: categories of which each picture has one (its facial expression), or attributes of which it may have
several (black hair, male, young), or of two data sets with labels of their own. One generator reads a picture and the
labels that it shall have; a critic tells real pictures from translated ones and classifies both.

A step is one update of the critic, as the published iterations are; every `n_critic`-th has one of the generator too.

Deliberate deviations:
- Attributes come as a task's classes, all combinations of them, numbered in binary, and two data sets as one task,
  whose last classes are the second's (`second_set`). Their pictures come mixed in each batch, where the published code
  has a step on either in turn.
- Each step's real pictures are the batch's sources and its targets, so a batch of 8 examples is a published one of 16.
  New labels are a permutation of their own, as published, and may be the old ones.
- The schedule of 200,000 iterations is stretched over the budget.
- On pictures that are not square the classifying convolution is not square either.
- A generator's step translates the pictures once for both networks. The numbers are the same.
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
from i2ibench.models.layers.domain_labels import DomainLabels, Kind
from i2ibench.models.layers.domains import Direction, Division, asked_domains, both_sides, check_domains
from i2ibench.models.layers.gradient_penalty import between, full_precision, wasserstein_penalty
from i2ibench.models.layers.label_generator import LabelCritic, LabelGenerator
from i2ibench.models.layers.settings import check_adam, check_choices, check_least, check_not_negative
from i2ibench.models.method import Batch, Method, Update, frozen, inference

Decay = Literal["published", "linear"]
_SHARES = 100
"""Changes of the learning rate in the second half of the budget: published every 1,000 of 100,000 iterations."""


@dataclass(frozen=True)
class StarGANConfig:
    """The defaults are the published ones, at 128x128."""

    conv_dim: int = 64
    """Channels after the generator's first convolution."""
    blocks: int = 6
    """Its residual blocks."""
    d_conv_dim: int = 64
    """Channels after the critic's first convolution."""
    n_layers: int = 6
    """The critic's convolutions of stride 2: sides of pictures are multiples of 2 to their number."""
    n_critic: int = 5
    """Steps of the critic to one of the generator."""
    cls_weight: float = 1.0
    """Of the classification of real pictures by their own labels, and of translated ones by their new ones."""
    rec_weight: float = 10.0
    """Of a picture's reconstruction from its translation, by its own label."""
    gp_weight: float = 10.0
    """Of the penalty on the critic's gradients."""
    lr: float = 1e-4
    beta1: float = 0.5
    beta2: float = 0.999
    decay: Decay = "published"
    """How the learning rate falls over the second half: in the published code by a thousandth; `linear`: to 0, as the
    paper says."""
    labels: Kind = "categories"
    """Each picture is of one category, a domain; or it has or has not each of several attributes, all combinations of
    which are the task's classes: class 0 has none, and the n-th attribute counts 2 to the n, from n = 0."""
    second_set: int = 0
    """How many of the task's classes, its last, are categories of a second data set, which `labels` does not speak of;
    published are 8 facial expressions of RaFD beside CelebA's attributes. 0: all are of one set."""
    division: Division = "classes"
    """Whether the task's classes are the domains, or its two sides are."""
    mirror: bool = True
    """Training pictures are mirrored with probability 1/2."""
    direction: Direction = inference("forward")  # noqa: RUF009  (it makes a dataclass field)
    """Of two sides: `backward` asks for pictures like the sources."""

    def __post_init__(self) -> None:
        """Raise `ValueError` on a value that no network or schedule can be made of."""
        check_choices(self, decay=Decay, labels=Kind, division=Division, direction=Direction)
        check_least(self, conv_dim=1, blocks=1, d_conv_dim=1, n_layers=1, n_critic=1, second_set=0)
        check_not_negative(self, "cls_weight", "rec_weight", "gp_weight")
        check_adam(self, "beta1", "beta2")
        if self.labels == "attributes" and self.division == "sides":
            raise ValueError("division must be classes where labels are attributes, found sides")
        if self.second_set and self.division == "sides":
            raise ValueError(f"division must be classes where second_set is {self.second_set}, found sides")

    @property
    def multiple(self) -> int:
        """What both sides of a picture must be multiples of."""
        return max(4, 1 << self.n_layers)


class StarGAN(Method):
    """A generator and a critic of `number` domains, or of the attributes that so many are the combinations of."""

    def __init__(self, config: StarGANConfig, number: int, height: int, width: int) -> None:
        """For training pictures of `height` x `width` pixels, which the critic classifies whole.

        Raises `ValueError` where so many domains cannot have labels as the config says.
        """
        super().__init__()
        self.config = config
        self.number = number
        self.labels = DomainLabels(number, config.labels, config.second_set)
        self.generator = LabelGenerator(self.labels.told, config.conv_dim, config.blocks)
        self.critic = LabelCritic(self.labels.tells, height, width, config.d_conv_dim, config.n_layers)

    def initialize(self, batch: Batch) -> None:
        """Raise `ValueError` where pictures of no class would be of no domain."""
        check_domains(batch, self.config.division, "stargan")

    def optimizers(self) -> dict[str, Optimizer]:
        """Two Adams, `critic` and `generator`."""
        lr, betas = self.config.lr, (self.config.beta1, self.config.beta2)
        return {name: Adam(self.get_submodule(name).parameters(), lr, betas, fused=True) for name in _NETWORKS}

    def learning_rate(self, optimizer: str, step: int, fraction: float) -> float:
        """1 for half of the budget, then less by 1/100 (`linear`) or 1/100,000 of it in each of 100 shares."""
        done = min(max(int((2 * fraction - 1) * _SHARES + 1e-9), 0), _SHARES - 1)
        return 1.0 - done / (_SHARES if self.config.decay == "linear" else 1000 * _SHARES)

    def updates(self, batch: Batch, step: int) -> Iterator[Update]:
        """The critic's, and at every `n_critic`-th step the generator's (sections 3.1 and 4.2)."""
        pictures, own = both_sides(batch, self.config.division, "stargan")
        wanted = self.labels.permuted(own)
        turn = (step + 1) % self.config.n_critic == 0
        with torch.set_grad_enabled(turn):
            fakes = self.generator(pictures, self.labels.encode(wanted))
        yield self._update("critic", self.critic_losses(pictures, own, fakes.detach()))
        if turn:
            with frozen(self.critic):
                losses = self.generator_losses(pictures, own, fakes, wanted)
            yield self._update("generator", losses)

    def critic_losses(self, pictures: Tensor, own: Tensor, fakes: Tensor) -> dict[str, Tensor]:
        """What the critic loses, by its name, those that have a weight, not weighted."""
        config = self.config
        answers, logits = self.critic(pictures)
        on_fakes = self.critic.answers(fakes)
        losses = {
            "critic_real": adversarial_loss(answers.float(), True, "wgangp"),
            "critic_fake": adversarial_loss(on_fakes.float(), False, "wgangp"),
        }
        if config.cls_weight > 0:
            losses["critic_cls"] = self.labels.classification(logits, own)
        if config.gp_weight > 0:
            with full_precision(pictures):
                points = between(pictures, fakes)
                losses["gp"] = wasserstein_penalty(self.critic.answers(points), points)
        return losses

    def generator_losses(self, pictures: Tensor, own: Tensor, fakes: Tensor, wanted: Tensor) -> dict[str, Tensor]:
        """What the generator loses, by its name, those that have a weight, not weighted."""
        config = self.config
        answers, logits = self.critic(fakes)
        losses = {"gan": adversarial_loss(answers.float(), True, "wgangp")}
        if config.cls_weight > 0:
            losses["cls"] = self.labels.classification(logits, wanted)
        if config.rec_weight > 0:
            losses["rec"] = F.l1_loss(self.generator(fakes, self.labels.encode(own)).float(), pictures)
        return losses

    @torch.no_grad()
    def translate(self, batch: Batch, *, seed: int, sample: int = 0) -> Tensor:
        """Translate to the domains asked for; nothing is drawn."""
        config = self.config
        asked = asked_domains(batch, self.number, config.division, config.direction, reader="stargan")
        out: Tensor = self.generator(batch.source, self.labels.encode(asked))
        return out.float()

    def _update(self, optimizer: str, losses: dict[str, Tensor]) -> Update:
        config = self.config
        weights = {
            "critic_cls": config.cls_weight,
            "gp": config.gp_weight,
            "cls": config.cls_weight,
            "rec": config.rec_weight,
        }
        loss = torch.stack([weights.get(name, 1.0) * value for name, value in losses.items()]).sum()
        return Update(optimizer, loss, {name: value.detach() for name, value in losses.items()})


_NETWORKS = ("critic", "generator")
