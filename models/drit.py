"""DRIT and DRIT++: Diverse Image-to-Image Translation via Disentangled Representations.

Lee, Tseng, Huang, Singh, Yang. ECCV 2018, arXiv 1808.00948; with Mao and Lu, IJCV 2020, arXiv 1905.01270. Networks,
losses and their weights as in the authors' code for two domains, whose default, with mode seeking, is DRIT++. Pictures
are encoded into contents, of one space for both domains, and attributes, of each domain's own.

Deliberate deviations:
- Both phases' gradients for encoders and generators are of the weights before the first phase's step. The published
  code steps between them and differentiates activations of the old weights by the new ones, which PyTorch now refuses.
- Cross-entropies are of logits, where the published code clamps those of saturated sigmoids, so that they stop to
  learn.
- A batch is two halves of any size, where the published code is for two pictures of a domain; the divergence of
  attributes is the mean over pictures.
- Every `d_iter`-th step is a full one, also at an epoch's end; without the content discriminator all are.
- What the published code computes several times over is computed once: a block's output for several attributes, answers
  to real pictures. Encoders and generators share one Adam, which treats every number alone. With spectral norm there
  are thus fewer power iterations.
- The schedule of 600 + 600 epochs is stretched over the budget, whatever the budget is.
- `content_layers` and `content_kernel` let the content discriminator judge contents of less than 53 x 53.
- The variant of high resolution is built with concatenated attributes alone: published without, one branch is missing.
- DRIT++ of more than two domains is `drit_multi`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer

from i2ibench.models.layers.adversarial import adversarial_loss, summed_adversarial_loss
from i2ibench.models.layers.drit_autoencoders import ByDomain, DisentangledAutoEncoders, Scales
from i2ibench.models.layers.drit_discriminators import ContentDiscriminator, judged
from i2ibench.models.layers.drit_encoders import Domain
from i2ibench.models.layers.drit_training import DRITTraining, detached, initialize
from i2ibench.models.layers.gaussian_codes import style_codes
from i2ibench.models.layers.linearized import linearized
from i2ibench.models.layers.mode_seeking import mode_seeking_loss
from i2ibench.models.layers.settings import check_choices, check_least
from i2ibench.models.layers.unnormed_discriminator import UnnormedDiscriminator, smallest_side
from i2ibench.models.method import Batch, Method, Update, frozen, inference, required

Direction = Literal["forward", "backward"]
OTHER: dict[Domain, Domain] = {"a": "b", "b": "a"}


@dataclass(frozen=True)
class DRITConfig(DRITTraining):
    """The defaults are DRIT++'s for domains of one shape, as summer and winter: windows of 216x216 out of 256x256."""

    high_resolution: bool = False
    """Generators give pictures of half the size too, which the discriminators of the second scale judge, and
    `ms_weight` is published as 0.1."""
    kernel: int = 4
    """Side of discriminators' convolutions, 3 or 4; published are 6 of 3x3 pixels where there is one scale."""
    scales: int = 3
    """Scales at which a picture is judged."""
    second_gan: bool = True
    """With `mode_seeking`: the second draw's translations count in the generators' adversarial term too."""
    direction: Direction = inference("forward")  # noqa: RUF009  (it makes a dataclass field)
    """`backward`: sources are pictures of the target domain and are translated to the source domain, of which
    exemplars must then be given."""

    def __post_init__(self) -> None:
        """Raise `ValueError` on a value that no network or schedule can be made of."""
        super().__post_init__()
        check_choices(self, direction=Direction)
        check_least(self, scales=2 if self.high_resolution else 1)
        if self.kernel not in (3, 4):
            raise ValueError(f"kernel must be 3 or 4, found {self.kernel}")
        if self.high_resolution and not self.concat:
            raise ValueError("high_resolution=true must have concat=true, found concat=false")

    @property
    def smallest_judged(self) -> int:
        """The least side of a picture that its discriminators can do with."""
        return smallest_side(self.n_layers, self.scales, 3 if self.kernel == 3 else 4)


class DRIT(Method):
    """Auto-encoders of domains a (the sources') and b (the targets'), and five discriminators.

    Discriminator `a` judges translations with the attributes of pictures of a, `a2` those with drawn ones; so it is for
    b. The content discriminator is to tell of which domain a content is.
    """

    def __init__(self, config: DRITConfig) -> None:
        super().__init__()
        self.config = config
        self.autoencoders = DisentangledAutoEncoders(
            config.concat,
            config.dim,
            config.nz,
            config.n_res,
            config.mlp_dim,
            config.attribute_halvings,
            config.high_resolution,
        )
        self.discriminators = nn.ModuleDict({name: build_discriminator(config) for name in ("a", "a2", "b", "b2")})
        self.content_discriminator: ContentDiscriminator | None = None
        if config.content_gan_weight > 0:
            channels = 4 * config.dim
            self.content_discriminator = ContentDiscriminator(channels, config.content_layers, config.content_kernel)
        initialize(self)

    def optimizers(self) -> dict[str, Optimizer]:
        """Adams with an L2 penalty: one of each discriminator, and `autoencoders`."""
        return self.config.optimizers(
            {
                **{f"discriminator_{name}": one for name, one in self.discriminators.items()},
                "content_discriminator": self.content_discriminator,
                "autoencoders": self.autoencoders,
            }
        )

    def learning_rate(self, optimizer: str, step: int, fraction: float) -> float:
        """The factor, all optimisers': 1 for half of the budget, then falling with each epoch."""
        return self.config.rate(fraction)

    def updates(self, batch: Batch, step: int) -> Iterator[Update]:
        """The content discriminator's step alone, or all discriminators' and then the auto-encoders' two phases.

        The first half of a batch is translated; the second are real pictures for those discriminators that judge
        translations with drawn attributes. Raises `ValueError` on a batch that has no halves.
        """
        x, others = self._halves(batch)
        if self.content_discriminator is not None and (step + 1) % self.config.d_iter:
            with torch.no_grad():
                contents = self.autoencoders.noisy_contents(x)
            yield self._content_update(self.content_discriminator, contents)
            return

        contents = self.autoencoders.noisy_contents(x)
        shared = {domain: self.autoencoders.generator.shared(contents[domain]) for domain in OTHER}
        attributes, kl = self.autoencoders.attributes(x)
        # apart, so that neither phase's gradient goes back through the other's pictures
        fakes, reconstructions = self._with_attributes(shared, attributes)
        codes = [torch.randn_like(attributes["a"]) for _ in range(2 if self.config.mode_seeking else 1)]
        randoms = {d: self.autoencoders.decoded([shared[OTHER[d]]] * len(codes), codes, d) for d in OTHER}

        for domain in OTHER:
            yield Update(f"discriminator_{domain}", self.discriminator_loss(domain, x[domain], [fakes[domain]]))
            loss = self.discriminator_loss(f"{domain}2", others[domain], randoms[domain])
            yield Update(f"discriminator_{domain}2", loss)
        if self.content_discriminator is not None:
            yield self._content_update(self.content_discriminator, contents)

        losses = self.second_phase(randoms, codes)
        stepped = [*self.autoencoders.content.parameters(), *self.autoencoders.generator.parameters()]
        second = Update("autoencoders", linearized(self.config.weighted(losses), stepped), detached(losses))
        del losses, randoms  # nothing more is needed of their graph
        losses = self.first_phase(x, contents, fakes, reconstructions)
        if self.config.kl_weight > 0:
            losses["kl"] = kl
        yield Update("autoencoders", self.config.weighted(losses), detached(losses))
        yield second

    def first_phase(
        self, x: ByDomain, contents: ByDomain, fakes: dict[Domain, Scales], reconstructions: dict[Domain, Scales]
    ) -> dict[str, Tensor]:
        """What the auto-encoders lose on translations with attributes of pictures: the terms that have a weight, by its
        name, both domains' together, not yet weighted."""
        config = self.config
        losses: dict[str, Tensor] = {}
        with frozen(self.discriminators):
            answers = [self._judged(domain, fakes[domain])[0] for domain in OTHER]
        losses["gan"] = _total(summed_adversarial_loss(one, True, "vanilla") for one in answers)
        if self.content_discriminator is not None:
            with frozen(self.content_discriminator):
                logits = [self.content_discriminator(contents[domain]).float() for domain in OTHER]
            undecided = [torch.full_like(one, 0.5) for one in logits]
            losses["content_gan"] = _total(map(F.binary_cross_entropy_with_logits, logits, undecided))
        if config.recon_weight > 0:
            losses["recon"] = _total(F.l1_loss(reconstructions[domain][0], x[domain]) for domain in OTHER)
        if config.cycle_weight > 0:
            pictures = {domain: fakes[domain][0] for domain in OTHER}
            swapped = self.autoencoders.noisy_contents(pictures)  # the one of a translation to a is of a picture of b
            attributes, _ = self.autoencoders.attributes(pictures)
            cycles = {d: self.autoencoders.generator(swapped[OTHER[d]], attributes[d], d)[0] for d in OTHER}
            losses["cycle"] = _total(F.l1_loss(cycles[domain], x[domain]) for domain in OTHER)
        if config.content_weight > 0:
            losses["content"] = _total(contents[domain].float().square().mean() for domain in OTHER)
        return losses

    def second_phase(self, randoms: dict[Domain, list[Scales]], codes: list[Tensor]) -> dict[str, Tensor]:
        """The same of translations with drawn attributes, of which attribute encoders learn nothing."""
        config = self.config
        losses: dict[str, Tensor] = {}
        with frozen(self.discriminators):
            seen = {d: randoms[d] if config.second_gan else randoms[d][:1] for d in OTHER}
            answers = [one for d in OTHER for one in self._judged(f"{d}2", *seen[d])]
        losses["gan2"] = _total(summed_adversarial_loss(one, True, "vanilla") for one in answers)
        if config.latent_weight > 0:
            with frozen(self.autoencoders.attribute):
                found = [self.autoencoders.attributes_of(randoms[d][0][0], d) for d in OTHER]
            losses["latent"] = _total(F.l1_loss(one, codes[0]) for one in found)
        if config.mode_seeking:
            losses["ms"] = _total(mode_seeking_loss(*(one[0] for one in randoms[d]), *codes) for d in OTHER)
        return losses

    def discriminator_loss(self, name: str, real: Tensor, fakes: Sequence[Scales]) -> Tensor:
        """What discriminator `name` loses on each of `fakes`, real pictures being held against every one of them."""
        on_real, *on_fakes = self._judged(name, [real], *([scale.detach() for scale in fake] for fake in fakes))
        on_fake = _total(summed_adversarial_loss(one, False, "vanilla") for one in on_fakes)
        return len(fakes) * summed_adversarial_loss(on_real, True, "vanilla") + on_fake

    @torch.no_grad()
    def translate(self, batch: Batch, *, seed: int, sample: int = 0) -> Tensor:
        """Translate, without noise, with attributes drawn for each picture or those of the exemplars.

        Raises `ValueError` where exemplars are read and the batch has none.
        """
        config = self.config
        ours: Domain = "a" if config.direction == "forward" else "b"
        theirs = OTHER[ours]
        codes = style_codes(batch.names, config.nz, seed, sample, synchronized=config.synchronized)
        codes = codes.to(batch.source.device)
        if config.style == "exemplar":
            (exemplar,) = required(batch.exemplars, "exemplars", "drit")
            noise = codes if config.posterior == "sampled" else None
            codes = self.autoencoders.attributes_of(exemplar, theirs, noise)
        picture: Tensor = self.autoencoders.generator(self.autoencoders.content(batch.source, ours), codes, theirs)[0]
        return picture.float()

    def _halves(self, batch: Batch) -> list[ByDomain]:
        """Pictures by domain, those of the first half and those of the second."""
        target = required(batch.target, "targets", "drit")
        if len(batch) % 2 or not len(batch):
            raise ValueError(
                "drit translates the first half of a batch and holds the second against what it draws: batches must "
                f"have an even number of pictures, found {len(batch)}"
            )
        return [{"a": a, "b": b} for a, b in zip(batch.source.chunk(2), target.chunk(2), strict=True)]

    def _with_attributes(
        self, shared: ByDomain, attributes: ByDomain
    ) -> tuple[dict[Domain, Scales], dict[Domain, Scales]]:
        """Translations to each domain with its pictures' attributes, and these pictures' reconstructions if asked."""
        fakes: dict[Domain, Scales] = {}
        reconstructions: dict[Domain, Scales] = {}
        for domain, other in OTHER.items():
            contents = [shared[other], shared[domain]] if self.config.recon_weight > 0 else [shared[other]]
            made = self.autoencoders.decoded(contents, [attributes[domain]] * len(contents), domain)
            fakes[domain], reconstructions[domain] = made[0], made[-1]
        return fakes, reconstructions

    def _content_update(self, discriminator: ContentDiscriminator, contents: ByDomain) -> Update:
        """Tells a's contents, 0, from b's, 1."""
        of_a, of_b = discriminator(torch.cat([contents["a"], contents["b"]]).detach()).float().chunk(2)
        loss = adversarial_loss(of_a, False, "vanilla") + adversarial_loss(of_b, True, "vanilla")
        return Update("content_discriminator", loss, clip_norm=self.config.content_clip or None)

    def _judged(self, name: str, *pictures: Scales) -> list[list[Tensor]]:
        return judged(cast(UnnormedDiscriminator, self.discriminators[name]), *pictures)


def build_discriminator(config: DRITConfig) -> UnnormedDiscriminator:
    """One of the four discriminators of pictures."""
    kernel: Literal[3, 4] = 3 if config.kernel == 3 else 4
    return UnnormedDiscriminator(
        config.dis_dim, config.n_layers, config.scales, kernel=kernel, slope=0.01, spectral=config.spectral
    )


def _total(losses: Iterable[Tensor]) -> Tensor:
    return torch.stack([*losses]).sum()
