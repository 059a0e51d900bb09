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
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam, Optimizer

from i2ibench.models.layers.adversarial import adversarial_loss
from i2ibench.models.layers.drit_discriminators import (
    ClassifyingDiscriminator,
    ContentDiscriminator,
    smallest_content,
)
from i2ibench.models.layers.drit_multi_autoencoders import ConditionalAutoEncoders
from i2ibench.models.layers.gaussian_codes import style_codes
from i2ibench.models.layers.linearized import linearized
from i2ibench.models.layers.mode_seeking import mode_seeking_loss
from i2ibench.models.layers.schedules import epoch_of
from i2ibench.models.layers.settings import check_adam, check_choices, check_epochs, check_least, check_not_negative
from i2ibench.models.layers.unnormed_discriminator import smallest_side
from i2ibench.models.method import Batch, Method, Update, frozen, inference, required

Style = Literal["sampled", "exemplar"]
Posterior = Literal["sampled", "mean"]


@dataclass(frozen=True)
class DRITMultiConfig:
    """The defaults are the published ones for domains of one shape, as styles of painting or kinds of weather: windows
    of 216x216 out of 256x256."""

    concat: bool = True
    """Attributes are drawn from Gaussians and concatenated to features; else they are numbers that are mixed in, for
    domains that differ in shapes."""
    mode_seeking: bool = False
    """Translations of two draws of attributes shall differ, as in DRIT++ for two domains."""
    dim: int = 64
    """Channels after the first convolution of encoders."""
    nz: int = 8
    """Numbers of attributes."""
    n_res: int = 3
    """Residual blocks in content encoder and generator, beside one more at either side."""
    mlp_dim: int = 256
    """Without `concat`: width of the network that makes of domain and attributes what is mixed in."""
    attribute_halvings: int = 4
    """Halvings in the attribute encoder."""
    dis_dim: int = 64
    """Channels after a discriminator's first convolution."""
    n_layers: int = 6
    """Strided convolutions of a discriminator."""
    spectral: bool = False
    """Spectral norm in the discriminators of pictures, but for what makes logits."""
    content_layers: int = 3
    """Strided convolutions of the content discriminator."""
    content_kernel: int = 7
    """Side of those convolutions: contents of 16x16 can be judged with two of 3x3."""
    content_gan_weight: float = 1.0
    """Of contents' telling nothing of their domain; 0: there is no content discriminator."""
    recognition_weight: float = 1.0
    """Of the classes of real pictures, which discriminators learn to tell."""
    class_weight: float = 5.0
    """Of translations' being of the class that they were made for."""
    recon_weight: float = 10.0
    """Of a picture's reconstruction from its own content and attributes."""
    cycle_weight: float = 10.0
    """Of a picture's reconstruction from the contents and attributes of translations."""
    content_weight: float = 0.01
    """Of contents' mean square."""
    kl_weight: float = 0.01
    """Of attributes' divergence from N(0, I), or without `concat` their mean square."""
    latent_weight: float = 10.0
    """Of the recovery of drawn attributes from translations."""
    ms_weight: float = 1.0
    """Of mode seeking."""
    d_iter: int = 3
    """One of so many steps is a full one, the others are the content discriminator's alone: it learns in no other."""
    content_clip: float = 5.0
    """The norm that the content discriminator's gradient is clipped to; 0: it is not."""
    lr: float = 1e-4
    content_lr: float = 4e-5
    """The content discriminator's."""
    beta1: float = 0.5
    beta2: float = 0.999
    weight_decay: float = 1e-4
    """As an L2 penalty, added to the gradient."""
    constant_epochs: int = 600
    decay_epochs: int = 600
    load_scale: float = 1.0
    """Training pictures are resized by this before windows are cropped."""
    crop: int = 216
    """Side of the square windows that are trained on; 0: of the pictures' size."""
    mirror: bool = True
    """Training pictures are mirrored with probability 1/2."""
    style: Style = inference("sampled")  # noqa: RUF009  (it makes a dataclass field)
    """Attributes are drawn from N(0, I), or are those of exemplars."""
    posterior: Posterior = inference("sampled")  # noqa: RUF009
    """With `concat`, an exemplar's attributes are drawn from their Gaussian, as published, or are its mean."""
    synchronized: bool = inference(False)
    """Sample number n has the same draw for all sources."""

    def __post_init__(self) -> None:
        """Raise `ValueError` on a value that no network or schedule can be made of."""
        check_choices(self, style=Style, posterior=Posterior)
        check_least(self, dim=1, nz=1, n_res=1, mlp_dim=1, attribute_halvings=1, dis_dim=1, n_layers=1)
        check_least(self, content_layers=0, content_kernel=2, d_iter=1, crop=0)
        check_not_negative(self, "content_gan_weight", "recognition_weight", "class_weight", "recon_weight")
        check_not_negative(self, "cycle_weight", "content_weight", "kl_weight", "latent_weight")
        check_not_negative(self, "content_clip", "weight_decay", "constant_epochs", "decay_epochs")
        check_epochs(self, "constant_epochs", "decay_epochs")
        check_adam(self, "beta1", "beta2")
        if self.content_gan_weight > 0 and self.d_iter < 2:
            raise ValueError(
                f"d_iter must be at least 2, or content_gan_weight 0, found {self.d_iter}: the content discriminator "
                "learns in none but the other steps"
            )
        if not self.content_lr > 0:
            raise ValueError(f"content_lr must be positive, found {self.content_lr}")
        if not self.ms_weight > 0:
            raise ValueError(f"ms_weight must be positive, or mode_seeking false, found {self.ms_weight}")
        if self.load_scale < 1:
            raise ValueError(f"load_scale must be at least 1, or no crop fits, found {self.load_scale}")

    @property
    def multiple(self) -> int:
        """What both sides of a picture must be multiples of."""
        return 4

    @property
    def smallest_encoded(self) -> int:
        """The least side of a picture that encoders and generator can do with."""
        return max(8, 1 << self.attribute_halvings)

    @property
    def smallest_judged(self) -> int:
        """The least side of a picture that its discriminators can do with."""
        return smallest_side(self.n_layers, 1, 3)

    @property
    def smallest_content(self) -> int:
        """The least side of a picture whose content can be judged."""
        least = smallest_content(self.content_layers, self.content_kernel) if self.content_gan_weight > 0 else 1
        return 4 * least - 3  # published as 209; halved twice, rounding up


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
        for parameter in self.parameters():
            if parameter.dim() == 4:  # of convolutions; biases and linear layers stay as PyTorch draws them
                nn.init.normal_(parameter, 0.0, 0.02)

    def optimizers(self) -> dict[str, Optimizer]:
        """Adams with an L2 penalty: one of each discriminator, and `autoencoders`."""
        config = self.config
        networks: dict[str, nn.Module] = {"discriminator": self.discriminator, "discriminator2": self.discriminator2}
        if self.content_discriminator is not None:
            networks["content_discriminator"] = self.content_discriminator
        networks["autoencoders"] = self.autoencoders
        betas, decay = (config.beta1, config.beta2), config.weight_decay
        rates = {"content_discriminator": config.content_lr}
        return {
            name: Adam(one.parameters(), rates.get(name, config.lr), betas, weight_decay=decay, fused=True)
            for name, one in networks.items()
        }

    def learning_rate(self, optimizer: str, step: int, fraction: float) -> float:
        """The factor of epoch e = 0, 1 ..., all optimisers': 1 - max(0, e - 600) / 601."""
        constant, decay = self.config.constant_epochs, self.config.decay_epochs
        epoch = epoch_of(fraction, constant + decay) - 1
        return 1.0 - max(0, epoch - constant) / (decay + 1)

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
        second = Update("autoencoders", linearized(self._weighted(losses), stepped), _detached(losses))
        del losses, randoms  # nothing more is needed of their graph
        losses = self.first_phase(x, domains, contents, fakes, reconstructions)
        if self.config.kl_weight > 0:
            losses["kl"] = 2 * kl if self.config.concat else kl  # a divergence of each half, but one mean square
        yield Update("autoencoders", self._weighted(losses), _detached(losses))
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

    def _weighted(self, losses: dict[str, Tensor]) -> Tensor:
        # adversarial terms have none
        weights = {name: getattr(self.config, f"{name.removesuffix('2')}_weight", 1.0) for name in losses}
        return torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()


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


def _detached(losses: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: loss.detach() for name, loss in losses.items()}
