"""FUNIT: Few-Shot Unsupervised Image-to-Image Translation.

Liu, Huang, Mallya, Karras, Aila, Lehtinen, Kautz. ICCV 2019, arXiv 1905.01723. Networks, losses and training as the
paper has them, with the published code's numbers where it is silent, and what it computes in effect where layers
overwrite their inputs (`class_discriminator`). The content of one picture is shown in the appearance of the class of
others, of which a few exemplars are enough, also of a class that was not trained on.

Deliberate deviations:
- Each step's pictures are the batch's sources and its targets. Each is a content once, to be shown in its partner's
  class, and its partner's class image once, so that 32 examples are the published 64 contents and 64 class images.
  The published code draws the two apart, and they may be of one class.
- 100,000 iterations are whatever the budget is; the learning rate is constant.
- Codes and features that are needed in both roles, and the translations of both steps, are computed once. The numbers
  are the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.optim import Optimizer, RMSprop

from i2ibench.models.layers.adversarial import adversarial_loss, hinge_loss
from i2ibench.models.layers.class_discriminator import ClassDiscriminator, smallest_side
from i2ibench.models.layers.domains import Direction, Division, both_sides, check_domains, swapped
from i2ibench.models.layers.few_shot_generator import FewShotGenerator
from i2ibench.models.layers.gradient_penalty import full_precision, squared_gradients
from i2ibench.models.layers.settings import check_choices, check_least, check_not_negative, check_positive, check_share
from i2ibench.models.layers.weights import initialize_weights
from i2ibench.models.method import Batch, Method, Update, frozen, inference, required


@dataclass(frozen=True)
class FUNITConfig:
    """The defaults are the published ones, at 128x128."""

    nf: int = 64
    """Channels after the first convolution of either encoder, and before the last of the decoder."""
    latent_dim: int = 64
    """Numbers of a class code."""
    n_downs_content: int = 3
    """Halvings from picture to content."""
    n_downs_class: int = 4
    """Halvings in the class encoder."""
    n_res_blks: int = 2
    """Residual blocks at either side of the content."""
    nf_mlp: int = 256
    """Width of the network that makes norms' parameters of class codes."""
    nf_dis: int = 64
    """Channels after the discriminator's first convolution."""
    pairs: int = 5
    """Its pairs of residual blocks; between them sides are halved."""
    gan_weight: float = 1.0
    r_weight: float = 0.1
    """Of a picture's reconstruction from its own content and class code."""
    fm_weight: float = 1.0
    """Of the distance of the discriminator's mean features: of reconstructions from contents, and of translations from
    class images."""
    gp_weight: float = 10.0
    """Of the squared norm of the gradient of the discriminator's mean logit, which is far less than that of sums."""
    lr: float = 1e-4
    alpha: float = 0.99
    """RMSprop's decay of squared gradients."""
    weight_decay: float = 1e-4
    """As an L2 penalty, added to the gradient."""
    ema: float = 0.999
    """Decay of the generator's averages, which translate; 0: the last weights do."""
    load_scale: float = 140 / 128
    """Training pictures are resized by this and cropped back at random."""
    mirror: bool = True
    """Training pictures are mirrored with probability 1/2."""
    division: Division = "classes"
    """Whether the discriminator's classes are the task's, or its two sides."""
    shots: int = inference(1)
    """K, the exemplars of a class whose codes are averaged."""
    direction: Direction = inference("forward")  # noqa: RUF009  (it makes a dataclass field)
    """Of two sides: `backward` translates to pictures like the sources, of which exemplars must then be given."""

    def __post_init__(self) -> None:
        """Raise `ValueError` on a value that no network or schedule can be made of."""
        check_choices(self, division=Division, direction=Direction)
        check_least(self, nf=1, latent_dim=1, n_downs_content=1, n_downs_class=1, n_res_blks=1, nf_mlp=1)
        check_least(self, nf_dis=1, pairs=1, shots=1)
        check_not_negative(self, "r_weight", "fm_weight", "gp_weight", "weight_decay")
        check_positive(self, "lr", "gan_weight")  # nothing else tells classes apart
        check_share(self, "alpha", "ema")
        if self.load_scale < 1:
            raise ValueError(f"load_scale must be at least 1, or no crop fits, found {self.load_scale}")

    @property
    def multiple(self) -> int:
        """What both sides of a picture must be multiples of."""
        return 1 << self.n_downs_content

    @property
    def smallest(self) -> int:
        """The least side of a picture that all networks' reflection padding can do with."""
        return max(2 << self.n_downs_content, 1 << self.n_downs_class, smallest_side(self.pairs))


class FUNIT(Method):
    """A generator of contents and class codes, and a discriminator of `number` classes."""

    def __init__(self, config: FUNITConfig, number: int) -> None:
        super().__init__()
        self.config = config
        self.number = number
        self.generator = FewShotGenerator(
            config.nf, config.latent_dim, config.n_downs_content, config.n_downs_class, config.n_res_blks, config.nf_mlp
        )
        self.discriminator = ClassDiscriminator(number, config.nf_dis, config.pairs)
        self.averages = {"generator": config.ema} if config.ema else {}
        initialize_weights(self, "kaiming")

    def initialize(self, batch: Batch) -> None:
        """Raise `ValueError` where pictures of no class would be of no domain."""
        check_domains(batch, self.config.division, "funit")

    def optimizers(self) -> dict[str, Optimizer]:
        """Two RMSprops with an L2 penalty, `discriminator` and `generator`."""
        config = self.config
        return {
            name: RMSprop(
                self.get_submodule(name).parameters(), config.lr, config.alpha, weight_decay=config.weight_decay
            )
            for name in ("discriminator", "generator")
        }

    def updates(self, batch: Batch, step: int) -> Iterator[Update]:
        """The discriminator's step, then the generator's (section 3.3)."""
        pictures, own = both_sides(batch, self.config.division, "funit")
        wanted = swapped(own)
        content, code = self.generator.content(pictures), self.generator.code(pictures)
        both = self.generator.decode(content.repeat(2, 1, 1, 1), torch.cat([swapped(code), code]))
        translated, again = both.chunk(2)

        yield self._update("discriminator", self.discriminator_losses(pictures, own, translated.detach(), wanted))
        with frozen(self.discriminator):
            losses = self.generator_losses(pictures, own, translated, wanted, again)
        yield self._update("generator", losses)

    def discriminator_losses(
        self, pictures: Tensor, own: Tensor, translated: Tensor, wanted: Tensor
    ) -> dict[str, Tensor]:
        """What the discriminator loses, by the hinge, and the penalty if it has a weight; not weighted."""
        losses: dict[str, Tensor] = {}
        if self.config.gp_weight > 0:
            with full_precision(pictures):
                real = pictures.detach().requires_grad_()
                logits, _ = self.discriminator(real, own)
                losses["gp"] = squared_gradients(logits.mean(), real).mean()
        else:
            logits, _ = self.discriminator(pictures, own)
        losses["real"] = hinge_loss(logits.float(), True)
        losses["fake"] = hinge_loss(self.discriminator(translated, wanted)[0].float(), False)
        return losses

    def generator_losses(
        self, pictures: Tensor, own: Tensor, translated: Tensor, wanted: Tensor, again: Tensor
    ) -> dict[str, Tensor]:
        """The terms of section 3.3 that have a weight, by its name, not weighted; `again` are the reconstructions."""
        config = self.config
        logits, features = self.discriminator(torch.cat([translated, again]), torch.cat([wanted, own]))
        on_translated, on_again = (adversarial_loss(one.float(), True, "wgangp") for one in logits.chunk(2))
        losses = {"gan": (on_translated + on_again) / 2}
        if config.r_weight > 0:
            losses["r"] = F.l1_loss(again.float(), pictures)
        if config.fm_weight > 0:
            with torch.no_grad():
                real = self.discriminator.features(pictures).float().mean((2, 3))
            of_translated, of_again = features.float().mean((2, 3)).chunk(2)
            losses["fm"] = F.l1_loss(of_again, real) + F.l1_loss(of_translated, swapped(real))
        return losses

    @torch.no_grad()
    def translate(self, batch: Batch, *, seed: int, sample: int = 0) -> Tensor:
        """Show each source in the class of its exemplars, whatever class that is; nothing is drawn.

        Raises `ValueError` where the batch has none, or others than `shots` of each.
        """
        exemplars = required(batch.exemplars, "exemplars", "funit")
        if len(exemplars) != self.config.shots:
            raise ValueError(
                f"funit with shots={self.config.shots} reads as many exemplars of each class, found {len(exemplars)}"
            )
        code = self.generator.mean_code(exemplars)
        return self.generator.decode(self.generator.content(batch.source), code).float()

    def _update(self, optimizer: str, losses: Mapping[str, Tensor]) -> Update:
        config = self.config
        weights = {"gp": config.gp_weight, "r": config.r_weight, "fm": config.fm_weight}
        loss = torch.stack([weights.get(name, config.gan_weight) * value for name, value in losses.items()]).sum()
        return Update(optimizer, loss, {name: value.detach() for name, value in losses.items()})
