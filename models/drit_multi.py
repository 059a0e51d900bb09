"""DRIT++ of several domains: Diverse Image-to-Image Translation via Disentangled Representations.

Lee, Tseng, Mao, Huang, Lu, Singh, Yang. IJCV 2020, arXiv 1905.01270. Networks, losses and their weights as in the
authors' code for several domains. One network of each kind serves all domains, which are a task's classes; attribute
encoder and generator are told a picture's domain, and discriminators tell it.

Deliberate deviations:
- Both phases' gradients for encoders and generator are of the weights before the first phase's step. The published
  code steps between them and differentiates activations of the old weights by the new ones, which PyTorch now refuses.
- Cross-entropies are of logits, where the published code clamps those of saturated sigmoids, so that they stop to
  learn.
- A step's pictures are its sources and its targets, published as one picture of either half. The published code sums
  the adversarial terms and the divergence of attributes over these two pictures; these are means over the pictures of
  a half and summed over both halves, so that they do not grow with the batch.
- Halves are of different classes where the task's pictures are drawn so, where the published code draws any two.
- Every `d_iter`-th step is a full one, also at an epoch's end; without the content discriminator all are.
- What the published code computes several times over is computed once: the shared block's output for several
  attributes, discriminators' answers to pictures shown together. Encoders and generator share one Adam, which treats
  every number alone. With spectral norm there are thus fewer power iterations.
- The schedule of 600 + 600 epochs is stretched over the budget, whatever the budget is.
- The content discriminator is an option that is published off by default and on in the command to train with: on here.
- `content_layers` and `content_kernel` let the content discriminator judge contents of less than 53 x 53. With fewer
  `n_layers` discriminators read classes off by a kernel that grows with what they are left with; it has one pixel at
  least, where the published one has none below 64 x 64.
- Answers of the content discriminator at several pixels are averaged; published pictures have a single one.
- `mode_seeking`, which the published code of several domains lacks, is that of DRIT++ for two: the translations of a
  second draw are judged and classified too.
- Pictures of no class, as the sources of some tasks, are a domain more: its vector is of zeros.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.optim import Optimizer

from i2ibench.models.layers.adversarial import adversarial_loss
from i2ibench.models.layers.drit_discriminators import (
    ClassifyingDiscriminator,
    ContentDiscriminator,
)
from i2ibench.models.layers.drit_multi_autoencoders import ConditionalAutoEncoders
from i2ibench.models.layers.drit_training import DRITTraining, detached, initialize
from i2ibench.models.layers.gaussian_codes import style_codes
from i2ibench.models.layers.linearized import linearized
from i2ibench.models.layers.mode_seeking import mode_seeking_loss
from i2ibench.models.layers.settings import check_not_negative
from i2ibench.models.layers.unnormed_discriminator import smallest_side
from i2ibench.models.method import Batch, Method, Update, frozen, required


@dataclass(frozen=True)
class DRITMultiConfig(DRITTraining):
    """The defaults are the published ones for domains of one shape, as styles of painting or kinds of weather: windows
    of 216x216 out of 256x256."""

    mode_seeking: bool = False
    """Translations of two draws of attributes shall differ, as in DRIT++ for two domains."""
    n_layers: int = 6
    """Strided convolutions of a discriminator."""
    recognition_weight: float = 1.0
    """Of the classes of real pictures, which discriminators learn to tell."""
    class_weight: float = 5.0
    """Of translations' being of the class that they were made for."""

    def __post_init__(self) -> None:
        """Raise `ValueError` on a value that no network or schedule can be made of."""
        super().__post_init__()
        check_not_negative(self, "recognition_weight", "class_weight")
        if self.content_gan_weight > 0 and self.d_iter < 2:
            raise ValueError(
                f"d_iter must be at least 2, or content_gan_weight 0, found {self.d_iter}: the content discriminator "
                "learns in none but the other steps"
            )

    @property
    def smallest_judged(self) -> int:
        """The least side of a picture that its discriminators can do with."""
        return smallest_side(self.n_layers, 1, 3)


class DRITMulti(Method):
    """Auto-encoders of all domains and three discriminators.

    `discriminator` judges translations with the attributes of pictures, `discriminator2` those with drawn ones; both
    tell classes of pictures, and the content discriminator is to tell those of contents. A step's pictures are its
    sources, then its targets; every picture's partner stands half a batch away.
    """

    def __init__(self, config: DRITMultiConfig, classes: int, side: int) -> None:
        """For `classes` classes, and training pictures whose shorter side is `side`."""
        super().__init__()
        self.config = config
        self.classes = classes
        self.autoencoders = ConditionalAutoEncoders(
            classes,
            config.concat,
            config.dim,
            config.nz,
            config.n_res,
            config.mlp_dim,
            config.attribute_halvings,
        )
        judge = classes, side, config.dis_dim, config.n_layers, config.spectral
        self.discriminator = ClassifyingDiscriminator(*judge)
        self.discriminator2 = ClassifyingDiscriminator(*judge)
        self.content_discriminator: ContentDiscriminator | None = None
        if config.content_gan_weight > 0:
            settings = config.content_layers, config.content_kernel
            self.content_discriminator = ContentDiscriminator(4 * config.dim, *settings, logits=classes)
        initialize(self)

    def optimizers(self) -> dict[str, Optimizer]:
        """Adams with an L2 penalty: one of each discriminator, and `autoencoders`."""
        return self.config.optimizers(
            {
                "discriminator": self.discriminator,
                "discriminator2": self.discriminator2,
                "content_discriminator": self.content_discriminator,
                "autoencoders": self.autoencoders,
            }
        )

    def learning_rate(self, optimizer: str, step: int, fraction: float) -> float:
        """The factor, all optimisers': 1 for half of the budget, then falling with each epoch."""
        return self.config.rate(fraction)

    def updates(self, batch: Batch, step: int) -> Iterator[Update]:
        """The content discriminator's step alone, or the others' and then the auto-encoders' two phases."""
        x = torch.cat([batch.source, required(batch.target, "targets", "drit_multi")])
        domains = self._domains(required(batch.classes, "classes", "drit_multi").T.flatten())
        if self.content_discriminator is not None and (step + 1) % self.config.d_iter:
            with torch.no_grad():
                contents = self._noisy_contents(x)
            loss = classification_loss(_pooled(self.content_discriminator(contents)), domains)
            yield Update("content_discriminator", loss, clip_norm=self.config.content_clip or None)
            return

        contents = self._noisy_contents(x)
        shared = self.autoencoders.generator.shared(contents)
        attributes, kl = self.autoencoders.attributes(x, domains)
        # apart, so that neither phase's gradient goes back through the other's pictures
        fakes, reconstructions = self._with_attributes(shared, attributes, domains)
        drawn = [torch.randn_like(attributes.chunk(2)[0]) for _ in range(2 if self.config.mode_seeking else 1)]
        codes = [torch.cat([one, one]) for one in drawn]
        randoms = [self.autoencoders.generator.decode(_swapped(shared), one, domains) for one in codes]

        yield Update("discriminator", self.discriminator_loss(self.discriminator, x, domains, [fakes]))
        yield Update("discriminator2", self.discriminator_loss(self.discriminator2, x, domains, randoms))

        losses = self.second_phase(domains, randoms, codes)
        stepped = [*self.autoencoders.content.parameters(), *self.autoencoders.generator.parameters()]
        second = Update("autoencoders", linearized(self.config.weighted(losses), stepped), detached(losses))
        del losses, randoms  # nothing more is needed of their graph
        losses = self.first_phase(x, domains, contents, fakes, reconstructions)
        if self.config.kl_weight > 0:
            losses["kl"] = 2 * kl if self.config.concat else kl  # a divergence of each half, but one mean square
        yield Update("autoencoders", self.config.weighted(losses), detached(losses))
        yield second

    def discriminator_loss(
        self, discriminator: ClassifyingDiscriminator, real: Tensor, domains: Tensor, fakes: Sequence[Tensor]
    ) -> Tensor:
        """What a discriminator loses on each of `fakes`, real pictures being held against every one of them."""
        maps, classes = discriminator(torch.cat([real, *(fake.detach() for fake in fakes)]))
        on_real, *on_fakes = maps.chunk(1 + len(fakes))
        loss = len(fakes) * halves_loss(on_real, True)
        loss = loss + torch.stack([halves_loss(one, False) for one in on_fakes]).sum()
        if self.config.recognition_weight > 0:
            recognition = classification_loss(classes[: len(real)], domains)
            loss = loss + len(fakes) * self.config.recognition_weight * recognition
        return loss

    def first_phase(
        self, x: Tensor, domains: Tensor, contents: Tensor, fakes: Tensor, reconstructions: Tensor
    ) -> dict[str, Tensor]:
        """What the auto-encoders lose on translations with attributes of pictures: the terms that have a weight, by its
        name, not yet weighted."""
        config = self.config
        losses = self._judged(self.discriminator, [fakes], domains)
        if self.content_discriminator is not None:
            with frozen(self.content_discriminator):
                told = _pooled(self.content_discriminator(contents))
            losses["content_gan"] = classification_loss(told, 1 - domains)
        if config.recon_weight > 0:
            losses["recon"] = F.l1_loss(reconstructions, x)
        if config.cycle_weight > 0:
            swapped = _swapped(self._noisy_contents(fakes))  # the content of a picture's own is its partner's
            attributes, _ = self.autoencoders.attributes(fakes, domains)
            losses["cycle"] = F.l1_loss(self.autoencoders.generator(swapped, attributes, domains), x)
        if config.content_weight > 0:
            losses["content"] = contents.float().square().mean()
        return losses

    def second_phase(self, domains: Tensor, randoms: Sequence[Tensor], codes: Sequence[Tensor]) -> dict[str, Tensor]:
        """The same of translations with drawn attributes, of which the attribute encoder learns nothing."""
        losses = {f"{name}2": loss for name, loss in self._judged(self.discriminator2, randoms, domains).items()}
        if self.config.latent_weight > 0:
            with frozen(self.autoencoders.attribute):
                found = self.autoencoders.attributes_of(randoms[0], domains)
            losses["latent"] = 2 * F.l1_loss(found, codes[0])  # of each half
        if self.config.mode_seeking:
            halves = zip(*(one.chunk(2) for one in (*randoms, *codes)), strict=True)
            losses["ms"] = torch.stack([mode_seeking_loss(*half) for half in halves]).sum()
        return losses

    @torch.no_grad()
    def translate(self, batch: Batch, *, seed: int, sample: int = 0) -> Tensor:
        """Translate to the classes asked for, without noise, with attributes drawn for each picture or those of the
        exemplars. Raises `ValueError` where exemplars or classes are read and the batch has none."""
        config = self.config
        domains = self._domains(required(batch.classes, "classes", "drit_multi")[:, 1])
        codes = style_codes(batch.names, config.nz, seed, sample, synchronized=config.synchronized)
        codes = codes.to(batch.source.device)
        if config.style == "exemplar":
            (exemplar,) = required(batch.exemplars, "exemplars", "drit_multi")
            noise = codes if config.posterior == "sampled" else None
            codes = self.autoencoders.attributes_of(exemplar, domains, noise)
        picture: Tensor = self.autoencoders.generator(self.autoencoders.content(batch.source), codes, domains)
        return picture.float()

    def _domains(self, classes: Tensor) -> Tensor:
        """float32 `[B, classes]`: 1 at a picture's class, nowhere where it has none."""
        return (classes[:, None] == torch.arange(self.classes, device=classes.device)).float()

    def _noisy_contents(self, pictures: Tensor) -> Tensor:
        """Contents with the noise ~ N(0, I) that training adds to them."""
        contents: Tensor = self.autoencoders.content(pictures)
        return contents + torch.randn_like(contents)

    def _with_attributes(self, shared: Tensor, attributes: Tensor, domains: Tensor) -> tuple[Tensor, Tensor]:
        """Translations of every picture's partner with its own attributes, and its reconstruction if asked for."""
        contents = [_swapped(shared), shared] if self.config.recon_weight > 0 else [_swapped(shared)]
        times = len(contents)
        made = self.autoencoders.generator.decode(
            torch.cat(contents), attributes.repeat(times, 1), domains.repeat(times, 1)
        ).chunk(times)
        return made[0], made[-1]

    def _judged(
        self, discriminator: ClassifyingDiscriminator, fakes: Sequence[Tensor], domains: Tensor
    ) -> dict[str, Tensor]:
        """What translations for `domains` lose by their being told from real pictures, and by their classes."""
        with frozen(discriminator):
            maps, classes = discriminator(torch.cat([*fakes]))
        losses = {"gan": torch.stack([halves_loss(one, True) for one in maps.chunk(len(fakes))]).sum()}
        if self.config.class_weight > 0:
            recognitions = [classification_loss(one, domains) for one in classes.chunk(len(fakes))]
            losses["class"] = torch.stack(recognitions).sum()
        return losses


def halves_loss(logits: Tensor, real: bool) -> Tensor:
    """What `[2 B, 1, h, w]` lose, as logits of pictures' being real, if they are, or not: the mean of each half's, both
    together."""
    return 2 * adversarial_loss(logits.float(), real, "vanilla")


def classification_loss(logits: Tensor, domains: Tensor) -> Tensor:
    """The mean over pictures and classes of each class's own cross-entropy; both `[B, classes]`."""
    return F.binary_cross_entropy_with_logits(logits.float(), domains)


def _swapped(x: Tensor) -> Tensor:
    """What belongs to every picture's partner, in the picture's place."""
    return torch.cat([*reversed(x.chunk(2))])


def _pooled(logits: Tensor) -> Tensor:
    return logits.mean((2, 3))
