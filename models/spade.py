"""SPADE (GauGAN): Semantic Image Synthesis with Spatially-Adaptive Normalization.

Park, Liu, Wang, Zhu. CVPR 2019, arXiv 1903.07291. Networks, losses and schedule as in the authors' code, where that
differs from the text: Adam's betas are (0, 0.9), SPADE's own convolutions and the first and last ones of generator and
discriminator have no spectral norm, and the discriminators have three convolutions of stride 2 and see 70 pixels.

Deliberate deviations:
- The schedule of 200 epochs is stretched over the budget, whatever the budget is.
- `init_spectral`: on a GPU the published code leaves convolutions of spectral norm as PyTorch draws them, since its own
  draws go to a stale copy of their weights. That is the default here, on every device; `xavier` is what it meant to do.
- Encoded and sampled styles are two settings of translation, `style`: the published test program encodes the very
  target, which is not to be had here. An exemplar's code is its mean.
- While the generator learns, features of the real half are computed without gradients; they count as given anyway.
- Batch norm reads the pictures that the device has; the published one is synchronised over devices.
- `ema` is an addition: the published code averages no weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.optim import Adam, Optimizer

from i2ibench.models.layers.adversarial import adversarial_loss, hinge_loss
from i2ibench.models.layers.boundaries import boundaries
from i2ibench.models.layers.feature_losses import Perceptual, PerceptualLoss, feature_matching_loss
from i2ibench.models.layers.gaussian_codes import drawn, standard_normal_divergence, style_codes
from i2ibench.models.layers.multiscale_patchgan import MultiscaleDiscriminator, logits
from i2ibench.models.layers.norms import translating
from i2ibench.models.layers.resnet import ResNet
from i2ibench.models.layers.schedules import constant_then_linear
from i2ibench.models.layers.semantics import one_hot
from i2ibench.models.layers.settings import check_adam, check_choices, check_epochs, check_least, check_not_negative
from i2ibench.models.layers.spade import ParameterFree
from i2ibench.models.layers.spade_encoder import StyleEncoder
from i2ibench.models.layers.spade_generator import DOUBLINGS, SPADEGenerator, Upsampling
from i2ibench.models.layers.spectral import SpectralInit, initialize_around_spectral_norm
from i2ibench.models.method import Batch, Method, TakeTensors, Update, frozen, inference, required

GeneratorKind = Literal["spade", "pix2pixhd"]
Style = Literal["sampled", "exemplar"]


@dataclass(frozen=True)
class SPADEConfig:
    """The defaults are those of the paper's ADE20K."""

    generator: GeneratorKind = "spade"
    """`pix2pixhd`: that method's global generator under SPADE's losses, the paper's pix2pixHD++."""
    ngf: int = 64
    """Channels of the generator's finest features."""
    upsampling: Upsampling = "normal"
    """The generator starts from a map of 1/32 (`normal`), 1/64 (`more`) or 1/128 (`most`) of the picture's sides."""
    hidden: int = 128
    """Channels between segmentation and modulation in each SPADE."""
    norm: ParameterFree = "batch"
    """What SPADE modulates."""
    ndf: int = 64
    """Channels after each discriminator's first convolution."""
    n_layers: int = 3
    """Strided convolutions of each discriminator; the last stage of features and logits come after these."""
    discriminators: int = 2
    """Scales, each with a discriminator of its own."""
    use_labels: bool = True
    """The segmentation is the label map, one-hot; or else the source picture itself."""
    unknown: bool = True
    """Pixels of no class have a channel of their own; or else zeros in all."""
    use_instances: bool = False
    """A channel of the boundaries between objects joins the segmentation."""
    vae: bool = False
    """A style code, which an encoder learns from the targets, takes the start map's place."""
    z_dim: int = 256
    """Numbers of a style code."""
    nef: int = 64
    """Channels after the encoder's first convolution."""
    style_side: int = 256
    """Pixels a side to which the encoder resizes pictures."""
    feature_weight: float = 10.0
    """Of the distance of the discriminators' features."""
    perceptual: Perceptual = "vgg19"
    perceptual_weight: float = 10.0
    kl_weight: float = 0.05
    """Of the codes' divergence from N(0, I), summed over batch and code."""
    init_gain: float = 0.02
    """Of Xavier's normal initialisation."""
    init_spectral: SpectralInit = "default"
    """First weights of convolutions of spectral norm: PyTorch's `default`, as published on GPUs, or `xavier` too."""
    lr: float = 2e-4
    ttur: bool = True
    """Two time scales (arXiv 1706.08500): lr / 2 for the generator, 2 lr for the discriminators, Adam's betas (0, 0.9);
    or else lr for both and (0.5, 0.999)."""
    constant_epochs: int = 100
    decay_epochs: int = 100
    ema: float = 0.0
    """Decay of an average of the generator's weights that translation reads; 0: none, as published."""
    load_scale: float = 286 / 256
    """Training pictures are resized by this and cropped back at random."""
    mirror: bool = True
    """Training pairs are mirrored with probability 1/2."""
    style: Style = inference("sampled")  # noqa: RUF009  (it makes a dataclass field)
    """With `vae`: styles are drawn from N(0, I), or are those of exemplars."""

    def __post_init__(self) -> None:
        """Raise `ValueError` on a value that no network or schedule can be made of."""
        check_choices(
            self,
            generator=GeneratorKind,
            upsampling=Upsampling,
            norm=ParameterFree,
            perceptual=Perceptual,
            init_spectral=SpectralInit,
            style=Style,
        )
        check_least(self, ngf=2 if self.upsampling == "most" else 1, style_side=65)
        check_least(self, hidden=1, ndf=1, n_layers=1, discriminators=1, z_dim=1, nef=1)
        check_not_negative(self, "feature_weight", "perceptual_weight", "kl_weight", "init_gain")
        check_not_negative(self, "constant_epochs", "decay_epochs")
        check_epochs(self, "constant_epochs", "decay_epochs")
        check_adam(self)
        if not 0 <= self.ema < 1:
            raise ValueError(f"ema must lie in [0, 1), found {self.ema}")
        if self.load_scale < 1:
            raise ValueError(f"load_scale must be at least 1, or no crop fits, found {self.load_scale}")
        if self.vae and self.generator != "spade":
            raise ValueError(f"vae=true must have generator=spade, which starts from a code, found {self.generator!r}")
        if self.style == "exemplar" and not self.vae:
            raise ValueError("style=exemplar must have vae=true, which encodes styles, found vae=false")

    @property
    def multiple(self) -> int:
        """What both sides of a picture must be multiples of for the generator."""
        return 16 if self.generator == "pix2pixhd" else 2 ** DOUBLINGS[self.upsampling]

    @property
    def compares_perception(self) -> bool:
        """Whether VGG takes part."""
        return self.perceptual != "none" and self.perceptual_weight > 0

    def channels(self, classes: int) -> int:
        """Of the segmentation, of a task with `classes` classes."""
        return (classes + self.unknown if self.use_labels else 3) + self.use_instances


class SPADE(Method):
    """A generator of pictures from segmentations, and with `vae` from styles, which an encoder reads off targets.

    `size`: height and width of the pictures; `classes`: how many the labels are of.
    """

    def __init__(self, config: SPADEConfig, size: tuple[int, int], classes: int = 0) -> None:
        super().__init__()
        self.config = config
        self.classes = classes
        channels = config.channels(classes)
        self.generator = build_generator(config, channels, size)
        self.discriminator = MultiscaleDiscriminator(
            channels + 3, [config.ndf] * config.discriminators, config.n_layers, "spectral_instance", padding=2
        )
        self.encoder = StyleEncoder(config.z_dim, config.nef, config.style_side) if config.vae else None
        self.perceptual = PerceptualLoss(config.perceptual if config.compares_perception else "none")
        self.averages = {"generator": config.ema} if config.ema else {}
        initialize_around_spectral_norm(self, config.init_gain, config.init_spectral)

    def pretrained(self) -> Mapping[str, TakeTensors]:
        """The VGG of the perceptual loss."""
        return self.perceptual.pretrained()

    def optimizers(self) -> dict[str, Optimizer]:
        """Two Adams, `generator`, which trains the encoder too, and `discriminator`."""
        lr, ttur = self.config.lr, self.config.ttur
        betas = (0.0, 0.9) if ttur else (0.5, 0.999)
        generating = [*self.generator.parameters(), *(self.encoder.parameters() if self.encoder else ())]
        return {
            "generator": Adam(generating, lr / 2 if ttur else lr, betas, fused=True),
            "discriminator": Adam(self.discriminator.parameters(), 2 * lr if ttur else lr, betas, fused=True),
        }

    def learning_rate(self, optimizer: str, step: int, fraction: float) -> float:
        """The factor of epoch e: 1 - max(0, e - 101) / 100, so that the first epoch of decay has the full rate."""
        return constant_then_linear(fraction, self.config.constant_epochs, self.config.decay_epochs, late=True)

    def updates(self, batch: Batch, step: int) -> Iterator[Update]:
        """The generator's and encoder's step, then the discriminators' on new fakes of the generator as it then is."""
        target = required(batch.target, "targets", "spade")
        segmentation = self.segmentation(batch)

        code = None
        losses: dict[str, Tensor] = {}
        if self.encoder is not None:
            mean, log_variance = self.encoder(target)
            code = drawn(mean, log_variance)
            losses["kl"] = self.config.kl_weight * standard_normal_divergence(mean, log_variance)
        losses |= self.generator_losses(segmentation, self._generate(segmentation, code), target)
        loss = torch.stack([*losses.values()]).sum()
        yield Update("generator", loss, {name: value.detach() for name, value in losses.items()})

        with torch.no_grad():
            code = None if self.encoder is None else drawn(*self.encoder(target))
            fake = self._generate(segmentation, code)
        on_fake, on_real = self.discriminator_losses(segmentation, fake, target)
        yield Update("discriminator", on_fake + on_real, {"fake": on_fake.detach(), "real": on_real.detach()})

    def generator_losses(self, segmentation: Tensor, fake: Tensor, target: Tensor) -> dict[str, Tensor]:
        """What fakes lose by the hinge, by features and by VGG, those of them that have a weight, times their weights.

        Raises `ValueError` where VGG's weights were not loaded.
        """
        # One power iteration for fakes and reals, as if they went through the discriminators together: their instance
        # norms keep pictures apart.
        with frozen(self.discriminator), parametrize.cached():
            of_fake = self.discriminator(torch.cat([segmentation, fake], 1))
            with torch.no_grad():
                of_real = self.discriminator(torch.cat([segmentation, target], 1))
        critics = [adversarial_loss(one, True, "wgangp") for one in logits(of_fake)]
        losses = {"adversarial": torch.stack(critics).mean()}
        if self.config.feature_weight > 0:
            losses["feature_matching"] = self.config.feature_weight * feature_matching_loss(of_fake, of_real)
        if self.config.compares_perception:
            losses["perceptual"] = self.config.perceptual_weight * self.perceptual(fake, target)
        return losses

    def discriminator_losses(self, segmentation: Tensor, fake: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """What the discriminators lose by the hinge on fakes and on reals, each the mean over scales."""
        both = torch.cat([segmentation, fake], 1), torch.cat([segmentation, target], 1)
        halves = [one.chunk(2) for one in logits(self.discriminator(torch.cat(both)))]
        on_fake = torch.stack([hinge_loss(one, False) for one, _ in halves]).mean()
        on_real = torch.stack([hinge_loss(one, True) for _, one in halves]).mean()
        return on_fake, on_real

    @torch.no_grad()
    def translate(self, batch: Batch, *, seed: int, sample: int = 0) -> Tensor:
        """Translate by running statistics; with `vae` in styles drawn for each picture, or those of the exemplars.

        Raises `ValueError` where labels, instances or exemplars are read and the batch has none.
        """
        networks = [self.generator] if self.encoder is None else [self.generator, self.encoder]
        with translating(nn.ModuleList(networks), dropout=False, batch_statistics=False):
            code = None
            if self.encoder is not None and self.config.style == "exemplar":
                (exemplar,) = required(batch.exemplars, "exemplars", "spade")
                code, _ = self.encoder(exemplar)
            elif self.encoder is not None:
                code = style_codes(batch.names, self.config.z_dim, seed, sample).to(batch.source.device)
            return self._generate(self.segmentation(batch), code).float()

    def segmentation(self, batch: Batch) -> Tensor:
        """What generator and discriminators are told, `[B, channels, H, W]`."""
        parts = [batch.source]
        if self.config.use_labels:
            labels = required(batch.labels, "labels", "spade")
            parts = [one_hot(labels, self.classes, unknown=self.config.unknown)]
        if self.config.use_instances:
            parts.append(boundaries(required(batch.instances, "instances", "spade")))
        return torch.cat(parts, 1)

    def _generate(self, segmentation: Tensor, code: Tensor | None) -> Tensor:
        out: Tensor = self.generator(segmentation) if code is None else self.generator(segmentation, code)
        return out


def build_generator(config: SPADEConfig, channels: int, size: tuple[int, int]) -> nn.Module:
    """The generator of pictures of `size`, height and width, from segmentations of `channels` channels."""
    if config.generator == "pix2pixhd":
        return ResNet(channels, 3, 9, config.ngf, "instance", halvings=4, bias=True)
    start = (size[0] // config.multiple, size[1] // config.multiple) if config.vae else None
    return SPADEGenerator(
        channels, config.ngf, config.upsampling, config.hidden, config.norm, config.z_dim if config.vae else 0, start
    )
