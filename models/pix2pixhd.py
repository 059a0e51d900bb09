"""pix2pixHD: High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs.

Wang, Liu, Zhu, Tao, Kautz, Catanzaro. CVPR 2018, arXiv 1711.11585. Networks, losses, order of steps and schedules as in
the authors' code.

Deliberate deviations:
- Schedules of 200 (and 100) epochs are stretched over the budget, whatever the budget is.
- Coarse to fine is one training in three stages, by shares of the budget; the published code trains twice and starts a
  new Adam for each stage. Where G1 is trained alone it reads averaged maps and is compared with averaged pictures, as
  G2's trunk and the coarser discriminators do later; the published one reads maps resized by the nearest neighbour.
- With features, the finer stages read the trained encoder's features of the smaller picture, enlarged, then averaged
  over each instance at full size, with gradients for neither; the published ones are stored as 8-bit pictures.
- Pixels of no class are zeros in every channel of the one-hot map; the published code has a channel for each raw id.
- An instance's class is that of most of its pixels, not a part of its id; features of classes without centres are
  zeros, where the published code leaves memory as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from i2ibench.models.layers.adversarial import adversarial_loss
from i2ibench.models.layers.boundaries import boundaries
from i2ibench.models.layers.feature_losses import Perceptual, PerceptualLoss, feature_matching_loss
from i2ibench.models.layers.instance_encoder import InstanceEncoder
from i2ibench.models.layers.local_enhancer import LocalEnhancer
from i2ibench.models.layers.multiscale_patchgan import MultiscaleDiscriminator, logits
from i2ibench.models.layers.norms import translating
from i2ibench.models.layers.perceptual import SMALLEST
from i2ibench.models.layers.pyramid import pyramid
from i2ibench.models.layers.resnet import ResNet, head
from i2ibench.models.layers.schedules import constant_then_linear
from i2ibench.models.layers.semantics import one_hot
from i2ibench.models.layers.settings import check_adam, check_choices, check_epochs, check_least, check_not_negative
from i2ibench.models.layers.unet import UNet
from i2ibench.models.layers.weights import initialize_weights
from i2ibench.models.method import Batch, Method, TakeTensors, Update, frozen, inference, required

GeneratorKind = Literal["global", "local", "unet"]
Objective = Literal["lsgan", "vanilla"]
NormKind = Literal["instance", "batch"]
Stage = Literal["coarse", "fixed", "joint"]


@dataclass(frozen=True)
class Pix2PixHDConfig:
    """The defaults are the published ones for 512x1024 street scenes: G1, two discriminators, labels and boundaries."""

    generator: GeneratorKind = "global"
    """`global`: G1; `local`: G2, G1 with enhancers around it, trained coarse to fine; `unet`: pix2pix's, without
    dropout, which the paper compares."""
    ngf: int = 64
    """Channels after the first convolution that works at full size."""
    halvings: int = 4
    blocks: int = 9
    """Residual blocks of G1."""
    enhancers: int = 1
    enhancer_blocks: int = 3
    levels: int = 8
    """Halvings of the U-Net."""
    norm: NormKind = "instance"
    use_labels: bool = True
    """The input is the label map; else the source picture."""
    use_instances: bool = True
    """The input has a map of the instances' boundaries."""
    features: bool = False
    """An encoder of the target gives each instance features, which the generator reads too."""
    feature_channels: int = 3
    nef: int = 16
    """Channels after the encoder's first convolution."""
    encoder_halvings: int = 4
    centres: int = 10
    """K, of each class's features after training; fewer where fewer differ."""
    least_area: float = 0.5
    """Instances of at most this many 32nds of their picture do not count for the centres."""
    discriminators: int = 2
    """Scales, each with a discriminator of its own."""
    ndf: int = 64
    n_layers: int = 3
    """Convolutions of stride 2 of each discriminator."""
    objective: Objective = "lsgan"
    feature_weight: float = 10.0
    """Weight of feature matching."""
    perceptual_weight: float = 10.0
    perceptual: Perceptual = "vgg19"
    lr: float = 2e-4
    beta1: float = 0.5
    beta2: float = 0.999
    constant_epochs: int = 100
    decay_epochs: int = 100
    """These two make the schedule of the generator, with `local` of its coarse stage."""
    coarse: float = 200 / 300
    """With `local`: the share of the budget in which G1 is trained alone, on the smaller pictures."""
    fixed: float = 10 / 300
    """With `local`: the next share, in which G1 rests and the enhancers are trained."""
    fine_constant_epochs: int = 50
    fine_decay_epochs: int = 50
    """With `local`: these two make the schedule of all that follows the coarse stage."""
    crop: int = 0
    """Sides of the square windows that are trained on; 0 for whole pictures."""
    mirror: bool = True
    """Training pairs are mirrored with probability 1/2."""
    feature_choice: tuple[tuple[int, int], ...] = inference(())
    """Pairs (class, centre): instances of that class get that centre, counted from 0, the one of most instances first;
    those of other classes get any."""

    def __post_init__(self) -> None:
        """Raise `ValueError` on a value that no network, loss or schedule can be made of."""
        check_choices(self, generator=GeneratorKind, norm=NormKind, objective=Objective, perceptual=Perceptual)
        check_least(self, levels=2, ngf=1, halvings=1, enhancers=1, feature_channels=1, nef=1, encoder_halvings=1)
        check_least(self, centres=1, discriminators=1, ndf=1, n_layers=1)
        check_not_negative(self, "blocks", "enhancer_blocks", "least_area", "feature_weight", "perceptual_weight")
        check_not_negative(self, "constant_epochs", "decay_epochs", "fine_constant_epochs", "fine_decay_epochs")
        check_not_negative(self, "coarse", "fixed", "crop")
        check_epochs(self, "constant_epochs", "decay_epochs")
        check_epochs(self, "fine_constant_epochs", "fine_decay_epochs")
        check_adam(self, "beta1", "beta2")
        if not self.coarse + self.fixed < 1:
            raise ValueError(f"coarse + fixed must leave a share below 1, found {self.coarse + self.fixed}")
        if self.features and not self.use_labels:
            raise ValueError("features=true needs use_labels=true: each class has its own typical features")
        if self.features and self.generator == "local" and not self.coarse:
            raise ValueError(
                "features=true needs a coarse stage with generator=local, for the encoder is trained in it"
            )
        if self.staged and self.discriminators <= self.enhancers:
            raise ValueError(
                f"discriminators must be more than enhancers={self.enhancers}, for the finest of them have nothing to "
                f"judge in the coarse stage, found {self.discriminators}"
            )
        if any(len(pair) != 2 or pair[0] < 0 or not 0 <= pair[1] < self.centres for pair in self.feature_choice):
            raise ValueError(
                f"feature_choice must be pairs of a class and one of centres 0 to {self.centres - 1}, found "
                f"{[list(pair) for pair in self.feature_choice]}"
            )

    @property
    def staged(self) -> bool:
        """Whether G1 is trained alone first."""
        return self.generator == "local" and self.coarse > 0

    @property
    def reductions(self) -> int:
        """How often the picture is halved for G1, and for the encoder."""
        return self.enhancers if self.generator == "local" else 0

    @property
    def multiple(self) -> int:
        """What both sides of a picture must be multiples of."""
        halvings = self.levels if self.generator == "unet" else self.halvings
        return 1 << max(halvings, self.encoder_halvings * self.features) + self.reductions

    @property
    def smallest(self) -> int:
        """What both sides must be at least: instance norm needs more than one pixel, and so does reflection."""
        deepest = 1 << self.levels if self.generator == "unet" else 2 << self.halvings + self.reductions
        encoded = 2 << self.encoder_halvings + self.reductions if self.features else 1
        compared = SMALLEST << self.reductions * self.staged if self.compares_perception else 1
        return max(deepest, encoded, compared, 1 << self.discriminators)

    @property
    def compares_perception(self) -> bool:
        """Whether the loss has a perceptual term."""
        return self.perceptual != "none" and self.perceptual_weight > 0

    def stage(self, fraction: float) -> Stage:
        """What is trained when `fraction` of the budget is done; all of it, `joint`, but with `local`."""
        if self.generator != "local" or fraction >= self.coarse + self.fixed:
            return "joint"
        return "coarse" if fraction < self.coarse else "fixed"


class Pix2PixHD(Method):
    """The generator, discriminators on several scales and, with features, the encoder; for labels of `classes`."""

    def __init__(self, config: Pix2PixHDConfig, classes: int) -> None:
        super().__init__()
        self.config = config
        self.classes = classes
        conditions = (classes if config.use_labels else 3) + config.use_instances
        self.generator = build_generator(config, conditions + config.feature_channels * config.features)
        self.discriminator = MultiscaleDiscriminator(
            conditions + 3, [config.ndf] * config.discriminators, config.n_layers, config.norm
        )
        self.coarse_head = nn.Sequential(*head(config.ngf << config.enhancers, 3)) if config.staged else None
        self.encoder = build_encoder(config, classes) if config.features else None
        initialize_weights(self, zero_biases=False)
        self.perceptual = PerceptualLoss(config.perceptual if config.compares_perception else "none")

    def pretrained(self) -> Mapping[str, TakeTensors]:
        """The VGG of the perceptual loss."""
        return self.perceptual.pretrained()

    def optimizers(self) -> dict[str, Optimizer]:
        """Two Adams: `generator`, of the encoder too, and `discriminator`."""
        lr, betas = self.config.lr, (self.config.beta1, self.config.beta2)
        learners = (self.generator, self.coarse_head, self.encoder)
        parameters = [p for module in learners if module is not None for p in module.parameters()]
        return {
            "generator": Adam(parameters, lr, betas, fused=True),
            "discriminator": Adam(self.discriminator.parameters(), lr, betas, fused=True),
        }

    def learning_rate(self, optimizer: str, step: int, fraction: float) -> float:
        """Constant, then falling by equal amounts after each epoch; with `local` once in each half of the training."""
        config = self.config
        constant, decay = config.constant_epochs, config.decay_epochs
        if config.generator == "local":
            if fraction < config.coarse:
                fraction /= config.coarse
            else:
                fraction = (fraction - config.coarse) / (1 - config.coarse)
                constant, decay = config.fine_constant_epochs, config.fine_decay_epochs
        return constant_then_linear(fraction, constant, decay, late=True)

    def updates(self, batch: Batch, step: int) -> Iterator[Update]:
        """The step of generator and encoder, then the discriminators', all of one translation."""
        stage = self.config.stage(self.fraction)
        target = required(batch.target, "targets", "pix2pixhd")
        conditions = self.conditions(batch)
        inputs = conditions
        if self.encoder is not None:
            instances = required(batch.instances, "instance maps", "pix2pixhd with features=true")
            with torch.set_grad_enabled(stage == "coarse" or self.config.generator != "local"):
                inputs = torch.cat([conditions, self.encoder(target, instances)], 1)
        skipped = self.config.reductions if stage == "coarse" else 0
        conditions, inputs, target = (pyramid(x, skipped + 1)[-1] for x in (conditions, inputs, target))
        fake = self._fake(inputs, stage)

        on_real = self._judged(conditions, target, skipped)
        with frozen(self.discriminator):
            on_fake = self._judged(conditions, fake, skipped)
        losses = self.generator_losses(on_fake, on_real, fake, target)
        logs = {name: loss.detach() for name, loss in losses.items()}
        yield Update("generator", torch.stack(list(losses.values())).sum(), logs)

        on_fake = self._judged(conditions, fake.detach(), skipped)
        loss = (self._adversarial(on_fake, real=False) + self._adversarial(on_real, real=True)) / 2
        yield Update("discriminator", loss)

    def generator_losses(
        self, on_fake: list[list[Tensor]], on_real: list[list[Tensor]], fake: Tensor, target: Tensor
    ) -> dict[str, Tensor]:
        """The terms that the generator's loss is the sum of, weighted: `adversarial`, `feature_matching`, `perceptual`.

        By the discriminators' stages on translations and targets, and by the pictures themselves.
        """
        config = self.config
        losses = {"adversarial": self._adversarial(on_fake, real=True)}
        if config.feature_weight > 0:
            weight = config.feature_weight * 4 / (config.n_layers + 1)
            losses["feature_matching"] = weight * feature_matching_loss(on_fake, on_real)
        if config.compares_perception:
            losses["perceptual"] = config.perceptual_weight * self.perceptual(fake, target)
        return losses

    def conditions(self, batch: Batch) -> Tensor:
        """What generator and discriminators read of a batch but features: label map or source, and boundaries."""
        maps = batch.source
        if self.config.use_labels:
            maps = one_hot(required(batch.labels, "label maps", "pix2pixhd with use_labels=true"), self.classes)
        if not self.config.use_instances:
            return maps
        instances = required(batch.instances, "instance maps", "pix2pixhd with use_instances=true")
        return torch.cat([maps, boundaries(instances).to(maps)], 1)

    @torch.no_grad()
    def conclude(self, batches: Iterator[Batch]) -> None:
        """With features: find each class's centres among the features of the training pictures' larger instances."""
        if self.encoder is not None:
            with translating(self, dropout=False, batch_statistics=True):
                parts = (part for batch in batches for part in self._parts(batch))
                self.encoder.fit(parts, self.config.least_area / 32)

    @torch.no_grad()
    def translate(self, batch: Batch, *, seed: int, sample: int = 0) -> Tensor:
        """Translate; with features each instance gets a centre of its class, drawn by (seed, name, sample)."""
        choice = dict(self.config.feature_choice)

        def features(part: Batch) -> Tensor | None:
            return None if self.encoder is None else self.encoder.drawn(part, choice, seed, sample)

        with translating(self, dropout=False, batch_statistics=True):
            return torch.cat([self._generated(part, features(part)) for part in self._parts(batch)])

    @torch.no_grad()
    def transfer(self, content: Batch, batch: Batch) -> Tensor:
        """Translate with the features of `content`'s targets, picture by picture; only with features.

        An instance takes those of the same id and class, else the mean of its class there, else zeros. With a batch's
        own pairs as `content`, real pictures are encoded and made again.
        """
        if self.encoder is None:
            raise NotImplementedError("pix2pixhd moves content with features=true alone")
        with translating(self, dropout=False, batch_statistics=True):
            pairs = zip(self._parts(content), self._parts(batch), strict=True)
            return torch.cat([self._generated(part, self.encoder.transferred(given, part)) for given, part in pairs])

    def _fake(self, inputs: Tensor, stage: Stage) -> Tensor:
        if stage == "joint" or not isinstance(self.generator, LocalEnhancer):
            fake: Tensor = self.generator(inputs)
        elif stage == "fixed":
            with frozen(self.generator.trunk):
                fake = self.generator(inputs)
        else:
            assert self.coarse_head is not None
            fake = self.coarse_head(self.generator.trunk(inputs))
        return fake

    def _judged(self, conditions: Tensor, picture: Tensor, skipped: int) -> list[list[Tensor]]:
        """The stages of all discriminators but the `skipped` finest ones, the picture being of the next one's size."""
        scales = self.discriminator.scales[skipped:]
        pictures = pyramid(torch.cat([conditions, picture], 1), len(scales))
        return [judge(picture) for judge, picture in zip(scales, pictures, strict=True)]

    def _adversarial(self, stages: list[list[Tensor]], real: bool) -> Tensor:
        """The sum over scales."""
        losses = [adversarial_loss(found.float(), real, self.config.objective) for found in logits(stages)]
        return torch.stack(losses).sum()

    def _parts(self, batch: Batch) -> list[Batch]:
        """Batches of one where norms read the batch's statistics, which as published are the picture's own."""
        return [batch[index] for index in range(len(batch))] if self.config.norm == "batch" else [batch]

    def _generated(self, batch: Batch, features: Tensor | None) -> Tensor:
        inputs = self.conditions(batch)
        if features is not None:
            inputs = torch.cat([inputs, features.to(inputs)], 1)
        out: Tensor = self.generator(inputs)
        return out.float()


def build_generator(config: Pix2PixHDConfig, channels: int) -> ResNet | LocalEnhancer | UNet:
    """The generator: `channels` channels to 3."""
    if config.generator == "unet":
        return UNet(channels, 3, config.levels, config.ngf, config.norm, dropout=False)
    if config.generator == "global":
        return ResNet(channels, 3, config.blocks, config.ngf, config.norm, halvings=config.halvings, bias=True)
    widths, depths = (channels, 3, config.ngf), (config.halvings, config.blocks, config.enhancer_blocks)
    return LocalEnhancer(*widths, config.enhancers, *depths, config.norm)


def build_encoder(config: Pix2PixHDConfig, classes: int) -> InstanceEncoder:
    """The encoder of targets, with room for the centres of `classes`."""
    network = (config.feature_channels, config.nef, config.encoder_halvings, config.norm)
    return InstanceEncoder(*network, config.reductions, classes, config.centres)
