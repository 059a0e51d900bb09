"""vid2vid: Video-to-Video Synthesis.

Wang, Liu, Zhu, Liu, Tao, Kautz, Catanzaro. NeurIPS 2018, arXiv 1808.06601. Frames one after another, each from the
sources of three frames and the two frames made before it: a mixture of a picture painted anew and the last frame moved
along a flow that is learned too. Networks, losses and their order as in the published code, one frame a step.

Deliberate deviations:
- G_Warp, which the published code intends and computes as 0 after the first frame, compares with the frame before.
- All stages of growth are one run, each an equal share of the budget, with one Adam; the published ones are trainings
  of their own, each with a new one.
- The coarser of several scales see the finest one's past frames, halved; the published ones their own.
- The generator of still pictures, a pix2pixHD, learns in the same run from the two frames that each sequence goes on
  from; the published one is another training.
- At a sequence's start the first source stands in for those before it, and the first frame has losses of pictures
  alone: there is no motion to learn from. The published code reads two sources more.
- The published options of several frames between two updates, of random spacing and of a discriminator of faces are
  left out: they are off by default, and no task has what the last needs.
- Instance norm keeps no running statistics: nothing published reads them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam, Optimizer

from i2ibench.models.layers.adversarial import adversarial_loss
from i2ibench.models.layers.boundaries import boundaries
from i2ibench.models.layers.feature_losses import Perceptual, PerceptualLoss, feature_matching_loss
from i2ibench.models.layers.local_enhancer import LocalEnhancer
from i2ibench.models.layers.multiscale_patchgan import MultiscaleDiscriminator, logits
from i2ibench.models.layers.norms import translating
from i2ibench.models.layers.pyramid import halved, pyramid
from i2ibench.models.layers.raft import raft
from i2ibench.models.layers.schedules import constant_then_linear, epoch_of
from i2ibench.models.layers.semantics import one_hot
from i2ibench.models.layers.settings import check_adam, check_choices, check_epochs, check_least, check_not_negative
from i2ibench.models.layers.video_generator import HISTORY, WINDOW, Generated, VideoGenerator
from i2ibench.models.layers.walk import FlowEstimator, Walk, history, window
from i2ibench.models.layers.warping import coarser, warp
from i2ibench.models.layers.weights import initialize_weights
from i2ibench.models.method import Batch, Method, TakeTensors, Update, frozen, required

First = Literal["still", "generated"]
Flow = Literal["given", "raft"]
VideoNorm = Literal["batch", "instance"]
_WIDEST = 1024
"""Pixels across of the largest pictures that VGG compares."""
Stages = list[list[Tensor]]


@dataclass(frozen=True)
class Vid2VidConfig:
    """The defaults are the published streets, 512 pixels wide: the coarsest generator alone."""

    use_labels: bool = True
    """Read label maps; without, the source pictures."""
    use_instances: bool = True
    """Read boundaries between instances."""
    foreground: tuple[int, ...] = (13,)
    """Label ids that a branch of its own paints; 13 is Cityscapes' car. None: no such branch."""
    scales_spatial: int = 1
    """Generators, each for pictures of twice the size of the one before."""
    ngf: int = 128
    """Channels after the coarsest generator's first convolution, half as many at each finer one."""
    halvings: int = 3
    """Of the coarsest generator."""
    blocks: int = 9
    norm: VideoNorm = "batch"
    """Of generator and discriminators. `batch` has the present frame's statistics at translation too."""
    ndf: int = 64
    n_layers: int = 3
    discriminator_scales: int = 2
    """Of all discriminators, for the largest pictures; in earlier stages they see fewer, the coarser ones."""
    scales_temporal: int = 2
    """Discriminators of three frames each: neighbours, every third, every ninth..."""
    first: First = "still"
    """What a sequence starts from. `still`: two pictures of a generator that sees single frames. `generated`: the video
    generator paints the first frame too. Translation goes on from given frames as well."""
    still_ngf: int = 64
    """Channels after its first convolution, at full size."""
    still_halvings: int = 3
    still_blocks: int = 9
    still_enhancers: int = 0
    """Local enhancers, each for twice the size, as pix2pixHD has them."""
    flow: Flow = "given"
    """The motion that flows are compared with: the data's own, or RAFT's estimate from real frames."""
    perceptual: Perceptual = "vgg19"
    """The network of the perceptual loss. `untrained` is one of random weights, for trials; `none`: no such loss."""
    feature_weight: float = 10.0
    """Of feature matching, in pictures' and in triplets' discriminators."""
    perceptual_weight: float = 10.0
    flow_weight: float = 10.0
    """Of the flow against the reference, and of the real frame before, moved along it, against the real one."""
    warp_weight: float = 10.0
    """Of a frame against the one made before it, moved along the reference flow."""
    trust_weight: float = 1.0
    """Where the first frame is generated: of what is painted anew where the reference flow is good."""
    frames_start: int = 6
    """Frames made of a sequence in the first stage of growth."""
    frames_max: int = 28
    """And in the last, as the data have them; two real ones come before unless the first is generated."""
    growth_epochs: int = 5
    """Epochs after which sequences are twice as long."""
    constant_epochs: int = 10
    """Each generator's training lasts these and `decay_epochs`; all together make the budget, whatever that is."""
    decay_epochs: int = 10
    fixed_epochs: tuple[int, ...] = (10, 5)
    """Of each finer generator's epochs, those in which it learns alone."""
    lr: float = 2e-4
    """Halved with each finer generator."""
    beta1: float = 0.5
    beta2: float = 0.999
    ttur: bool = False
    """Half the rate for the generator, twice for the pictures' discriminator, betas 0 and 0.9 for both."""
    mirror: bool = True
    """Training sequences are mirrored with probability 1/2."""

    def __post_init__(self) -> None:
        """Raise `ValueError` on a value that no network or schedule can be made of."""
        check_choices(self, norm=VideoNorm, first=First, flow=Flow, perceptual=Perceptual)
        check_least(self, scales_spatial=1, ngf=1, halvings=1, blocks=1, ndf=1, n_layers=1, discriminator_scales=1)
        check_least(self, still_ngf=1, scales_temporal=1, still_blocks=1, frames_start=1, growth_epochs=1)
        check_not_negative(self, "still_halvings", "still_enhancers", "feature_weight", "perceptual_weight")
        check_not_negative(self, "flow_weight", "warp_weight", "trust_weight", "constant_epochs", "decay_epochs")
        check_epochs(self, "constant_epochs", "decay_epochs")
        check_adam(self, "beta1", "beta2")
        self._check_together()

    def _check_together(self) -> None:
        if self.foreground and not self.use_labels:
            raise ValueError(f"foreground must be empty without use_labels, found {self.foreground}")
        if self.ngf % 2**self.scales_spatial:
            raise ValueError(f"ngf must be a multiple of 2^{self.scales_spatial}, for each scale, found {self.ngf}")
        if self.discriminator_scales < self.scales_spatial:
            raise ValueError(
                f"discriminator_scales must be at least scales_spatial, {self.scales_spatial}, so that each stage has "
                f"one to see, found {self.discriminator_scales}"
            )
        if len(self.fixed_epochs) < self.scales_spatial - 1 or min(self.fixed_epochs, default=0) < 0:
            raise ValueError(
                f"fixed_epochs must have a number, not negative, for each finer scale, {self.scales_spatial - 1} of "
                f"them, found {self.fixed_epochs}"
            )
        if self.frames_max < self.least_frames:
            raise ValueError(
                f"frames_max must be at least {self.least_frames} with scales_temporal={self.scales_temporal}, or the "
                f"last discriminator sees no triplet, found {self.frames_max}"
            )

    @property
    def least_frames(self) -> int:
        """Frames that must be made for each temporal discriminator to see a triplet."""
        return 2 * int(3 ** (self.scales_temporal - 1)) + 1

    @property
    def lead(self) -> int:
        """Real frames from which training goes on."""
        return 0 if self.first == "generated" else HISTORY

    @property
    def multiple(self) -> int:
        """What both sides of a picture must be multiples of."""
        sides = [1 << (self.halvings + self.scales_spatial - 1)]
        if self.first == "still":
            sides.append(1 << (self.still_halvings + self.still_enhancers))
        return max(sides)


class Vid2Vid(Method):
    """The generator of frames, discriminators of pictures and of triplets, and what a sequence starts from."""

    def __init__(self, config: Vid2VidConfig, classes: int) -> None:
        super().__init__()
        self.config = config
        self.classes = classes
        plain = classes if config.use_labels else 3
        channels = plain + config.use_instances

        def judge(inputs: int, scales: int, norm: VideoNorm) -> MultiscaleDiscriminator:
            return MultiscaleDiscriminator(inputs, (config.ndf,) * scales, config.n_layers, norm)

        self.generator = VideoGenerator(
            channels,
            config.ngf,
            config.halvings,
            config.blocks,
            config.scales_spatial,
            config.norm,
            config.foreground,
        )
        self.discriminator = judge(channels + 3, config.discriminator_scales, config.norm)
        triplet = 3 * 3 + 2 * 2
        self.temporal = nn.ModuleList(
            judge(triplet, config.discriminator_scales, config.norm) for _ in range(config.scales_temporal)
        )
        self.still: LocalEnhancer | None = None
        self.still_discriminator: MultiscaleDiscriminator | None = None
        if config.first == "still":
            shape = config.still_ngf, config.still_enhancers, config.still_halvings, config.still_blocks
            self.still = LocalEnhancer(plain, 3, *shape)
            self.still_discriminator = judge(plain + 3, config.discriminator_scales, "instance")
        initialize_weights(self, zero_biases=False)
        self.perceptual = PerceptualLoss(config.perceptual)
        self.estimate_flow: FlowEstimator | None = None
        """Where `flow` is `raft`, to be set before training."""

    def pretrained(self) -> Mapping[str, TakeTensors]:
        """The VGG of the perceptual loss, and RAFT where flow is estimated."""
        flow: dict[str, TakeTensors] = {"raft_small": self.load_raft} if self.config.flow == "raft" else {}
        return {**self.perceptual.pretrained(), **flow}

    def load_raft(self, tensors: Mapping[str, Tensor]) -> None:
        """Estimate flow with RAFT of these tensors. Raises `ValueError` where they are another network's."""
        self.estimate_flow = raft(tensors)

    def optimizers(self) -> dict[str, Optimizer]:
        """Adams: `still` and `still_discriminator`, `generator`, `discriminator`, `temporal_0`, `temporal_1`..."""
        config = self.config
        betas = config.beta1, config.beta2
        quick = (0.0, 0.9) if config.ttur else betas
        optimizers: dict[str, Optimizer] = {}
        if self.still is not None and self.still_discriminator is not None:
            optimizers["still"] = Adam(self.still.parameters(), config.lr, betas, fused=True)
            judged = self.still_discriminator.parameters()
            optimizers["still_discriminator"] = Adam(judged, config.lr, betas, fused=True)
        rates = (config.lr / 2, config.lr * 2) if config.ttur else (config.lr, config.lr)
        optimizers["generator"] = Adam(self.generator.parameters(), rates[0], quick, fused=True)
        optimizers["discriminator"] = Adam(self.discriminator.parameters(), rates[1], quick, fused=True)
        for scale, judge in enumerate(self.temporal):
            optimizers[f"temporal_{scale}"] = Adam(judge.parameters(), config.lr, betas, fused=True)
        return optimizers

    def learning_rate(self, optimizer: str, step: int, fraction: float) -> float:
        """Constant, then falling in each stage, from half the rate in each further one.

        Temporal discriminators' does not fall, and the still picture's does once over the whole budget.
        """
        epochs = self.config.constant_epochs, self.config.decay_epochs
        if optimizer.startswith("still"):
            return constant_then_linear(fraction, *epochs, late=True)
        stage = stage_of(self.config, fraction)
        falling = 1.0 if optimizer.startswith("temporal") else constant_then_linear(stage.share, *epochs, late=True)
        return falling / (1 << stage.scale)

    def updates(self, batch: Batch, step: int) -> Iterator[Update]:
        """The still picture's two steps; then, frame by frame, those of the generator, of the pictures' discriminator
        and of each temporal one that has a triplet."""
        stage = stage_of(self.config, self.fraction)
        sequence = self._sequence(batch, stage)
        if self.config.first == "still":
            yield from self._still_updates(sequence[:HISTORY])
        if self.config.flow == "raft" and self.estimate_flow is None:
            raise ValueError("flow=raft estimates optical flow: set estimate_flow before training")
        walk = Walk(self.config.lead, self.estimate_flow if self.config.flow == "raft" else None)
        for frame in sequence:
            self._see(walk, frame, stage)
            if walk.leading:
                walk.past.append(walk.reals[-1])
            else:
                yield from self._frame_updates(walk, stage)

    def generator_losses(
        self, walk: Walk, made: Generated, on_real: Stages, triplets: dict[int, tuple[Tensor, Stages]], stage: Stage
    ) -> dict[str, Tensor]:
        """What the generator loses by the frame `made` for the present of `walk`, weighted.

        `on_real` are the discriminator's stages on the real frame, `triplets` by temporal scale the one that ends with
        `made`, where there is one, and that discriminator's stages on the real one.
        """
        config, real = self.config, walk.reals[-1]
        seen = self._wanted(real)
        pictures = [
            self._picture_losses(self.discriminator, walk.sources[-1], picture, seen, on_real, stage.scale)
            for picture in _distinct(made)
        ]
        # a frame whose two pictures are one counts it twice, as published
        losses = {name: 2 * torch.stack([picture[name] for picture in pictures]).mean() for name in pictures[0]}
        for scale, (triplet, wanted) in triplets.items():
            stages = self._judged(self.temporal[scale], triplet, stage.scale)
            losses[f"temporal_adversarial_{scale}"] = _adversarial(stages, True)
            losses[f"temporal_features_{scale}"] = self._feature_loss(stages, wanted)
        reference = walk.reference()
        if made.flow is not None and made.weight is not None and reference is not None:
            flow, confidence = reference
            distance = masked_l1(made.flow, flow, confidence) / 2**stage.scale
            moved = masked_l1(warp(walk.reals[-2], made.flow), real, confidence)
            steady = masked_l1(made.final, warp(walk.past[-1], flow), confidence)
            losses["flow"] = config.flow_weight * distance
            losses["flow_warp"] = config.flow_weight * moved
            losses["warp"] = config.warp_weight * steady
            if config.first == "generated":
                losses["trust"] = config.trust_weight * (made.weight * confidence).mean()
        return losses

    @torch.no_grad()
    def translate(self, batch: Batch, *, seed: int, sample: int = 0) -> Tensor:
        """The frame `batch` after the translations of the two before it, `target` of the last of `batch.frames`.

        Nothing is drawn.
        """
        own_statistics = self.config.norm == "batch"
        with translating(self, dropout=False, batch_statistics=own_statistics):
            rows = [batch[i] for i in range(len(batch))] if own_statistics else [batch]
            return torch.cat([self._translated(row) for row in rows]).float().clamp(-1, 1)

    def _translated(self, batch: Batch) -> Tensor:
        frames = (batch.frames or ())[-HISTORY:]
        if len(frames) < HISTORY and self.still is not None:
            still: Tensor = self.still(self._plain(batch))
            return still
        past = [required(frame.target, "translations of earlier frames", "vid2vid") for frame in frames]
        sources = window([self._encoded(frame) for frame in (*frames, batch)], WINDOW)
        made: Generated = self.generator(
            sources, history(past, batch.source, HISTORY), scales=self.config.scales_spatial, moved=bool(past)
        )
        return made.final

    def _sequence(self, batch: Batch, stage: Stage) -> list[Batch]:
        """The frames that are walked: as many as the stage asks for and the batch has, from one drawn at random."""
        frames = [*(batch.frames or ()), batch]
        lead = self.config.lead
        if len(frames) < lead + self.config.least_frames:
            raise ValueError(
                f"vid2vid with first={self.config.first} and scales_temporal={self.config.scales_temporal} trains on "
                f"{lead + self.config.least_frames} frames of a sequence or more, found {len(frames)}"
            )
        length = min(lead + stage.frames, len(frames))
        spare = len(frames) - length
        start = int(torch.randint(spare + 1, ())) if spare else 0
        return frames[start : start + length]

    def _see(self, walk: Walk, frame: Batch, stage: Stage) -> None:
        """Take a frame in, at the stage's size."""
        halvings = self.config.scales_spatial - 1 - stage.scale
        real = required(frame.target, "targets", "vid2vid")
        flow = None
        if self.config.flow == "given":
            flow = coarser(required(frame.flow, "flow", "vid2vid with flow=given"), halvings)
        source, real = (pyramid(maps, halvings + 1)[-1] for maps in (self._encoded(frame), real))
        walk.see(source, real, flow)

    def _frame_updates(self, walk: Walk, stage: Stage) -> Iterator[Update]:
        source, real = walk.sources[-1], walk.reals[-1]
        made: Generated = self.generator(
            window(walk.sources, WINDOW),
            history(walk.past, real, HISTORY),
            scales=stage.scale + 1,
            moved=bool(walk.past),
            newest_alone=stage.newest_alone,
        )
        spaced = ((scale, walk.triplet(made.final, 3**scale)) for scale in range(len(self.temporal)))
        triplets = {scale: triplet for scale, triplet in spaced if triplet is not None}
        on_real = self._judged(self.discriminator, torch.cat([source, real], 1), stage.scale)
        on_real_triplets = {
            scale: self._judged(self.temporal[scale], wanted, stage.scale) for scale, (_, wanted) in triplets.items()
        }
        with frozen(self.discriminator, self.temporal):
            judged = {scale: (fake, on_real_triplets[scale]) for scale, (fake, _) in triplets.items()}
            losses = self.generator_losses(walk, made, on_real, judged, stage)
        total = torch.stack(list(losses.values())).sum()
        yield Update("generator", total, {name: loss.detach() for name, loss in losses.items()})

        fakes = [
            _adversarial(self._judged(self.discriminator, torch.cat([source, picture.detach()], 1), stage.scale), False)
            for picture in _distinct(made)
        ]
        # 1/2 (fake + real) of the final and of the raw picture
        yield Update("discriminator", torch.stack(fakes).mean() + _adversarial(on_real, True))

        for scale, (fake, _) in triplets.items():
            on_fake = self._judged(self.temporal[scale], fake.detach(), stage.scale)
            loss = (_adversarial(on_fake, False) + _adversarial(on_real_triplets[scale], True)) / 2
            yield Update(f"temporal_{scale}", loss)
        walk.past.append(made.final.detach())

    def _still_updates(self, frames: Sequence[Batch]) -> Iterator[Update]:
        """pix2pixHD's: the generator's step, then the discriminator's, of the same pictures."""
        assert self.still is not None
        assert self.still_discriminator is not None
        finest = self.config.scales_spatial - 1
        source = torch.cat([self._plain(frame) for frame in frames])
        real = torch.cat([required(frame.target, "targets", "vid2vid") for frame in frames])
        fake = self.still(source)
        on_real = self._judged(self.still_discriminator, torch.cat([source, real], 1), finest)
        with frozen(self.still_discriminator):
            losses = self._picture_losses(self.still_discriminator, source, fake, self._wanted(real), on_real, finest)
        total = torch.stack(list(losses.values())).sum()
        yield Update("still", total, {f"still_{name}": loss.detach() for name, loss in losses.items()})

        on_fake = self._judged(self.still_discriminator, torch.cat([source, fake.detach()], 1), finest)
        yield Update("still_discriminator", (_adversarial(on_fake, False) + _adversarial(on_real, True)) / 2)

    def _picture_losses(
        self, judge: nn.Module, source: Tensor, fake: Tensor, wanted: list[Tensor], on_real: Stages, scale: int
    ) -> dict[str, Tensor]:
        """What a generator loses by a picture, weighted: pix2pixHD's losses. `wanted` are the real one's features."""
        stages = self._judged(judge, torch.cat([source, fake], 1), scale)
        losses = {"adversarial": _adversarial(stages, True), "features": self._feature_loss(stages, on_real)}
        if self.config.perceptual != "none":
            losses["perceptual"] = self.config.perceptual_weight * self.perceptual(_narrowed(fake), wanted)
        return losses

    def _wanted(self, real: Tensor) -> list[Tensor]:
        """What the perceptual loss compares pictures with."""
        return [] if self.config.perceptual == "none" else self.perceptual.wanted(_narrowed(real))

    def _feature_loss(self, fake: Stages, real: Stages) -> Tensor:
        weight = self.config.feature_weight * 4 / (self.config.n_layers + 1)
        return weight * feature_matching_loss(fake, real)

    def _judged(self, judge: nn.Module, x: Tensor, scale: int) -> Stages:
        """A discriminator's stages, without its scales for larger pictures than those of the generators' `scale`."""
        assert isinstance(judge, MultiscaleDiscriminator)
        scales = list(judge.scales)[self.config.scales_spatial - 1 - scale :]
        return [one(picture) for one, picture in zip(scales, pyramid(x, len(scales)), strict=True)]

    def _plain(self, frame: Batch) -> Tensor:
        """A frame's source without boundaries: classes or colours."""
        if not self.config.use_labels:
            return frame.source
        return one_hot(required(frame.labels, "labels", "vid2vid with use_labels=true"), self.classes)

    def _encoded(self, frame: Batch) -> Tensor:
        if not self.config.use_instances:
            return self._plain(frame)
        instances = required(frame.instances, "instances", "vid2vid with use_instances=true")
        return torch.cat([self._plain(frame), boundaries(instances)], 1)


class Stage(NamedTuple):
    """Where in its growth a training is."""

    scale: int
    """The generator that is new, 0 the coarsest; finer ones do not take part."""
    share: float
    """Of the stage, what is done."""
    newest_alone: bool
    """Whether the coarser generators rest."""
    frames: int
    """Frames made of a sequence."""


def stage_of(config: Vid2VidConfig, fraction: float) -> Stage:
    """The stage in which `fraction` of the budget lies: each generator has an equal share of it."""
    place = fraction * config.scales_spatial
    scale = min(int(place + 1e-9), config.scales_spatial - 1)
    share = min(max(place - scale, 0.0), 1.0)
    epoch = epoch_of(share, config.constant_epochs + config.decay_epochs)
    newest_alone = scale > 0 and epoch <= config.fixed_epochs[scale - 1]
    frames = config.frames_start << (epoch - 1) // config.growth_epochs
    return Stage(scale, share, newest_alone, min(frames, config.frames_max))


def masked_l1(a: Tensor, b: Tensor, confidence: Tensor) -> Tensor:
    """The mean of |a c - b c| over all of `[B, C, H, W]`; `confidence` c is `[B, 1, H, W]`."""
    return F.l1_loss(a * confidence, b * confidence)


def _adversarial(stages: Stages, real: bool) -> Tensor:
    """The sum over scales of the mean squared distance to 1 or 0."""
    return torch.stack([adversarial_loss(one, real, "lsgan") for one in logits(stages)]).sum()


def _distinct(made: Generated) -> list[Tensor]:
    """The final and the raw picture, or the one that is both."""
    return [made.raw] if made.final is made.raw else [made.final, made.raw]


def _narrowed(picture: Tensor) -> Tensor:
    while picture.shape[3] > _WIDEST:
        picture = halved(picture)
    return picture
