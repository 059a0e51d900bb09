"""Full-Glow: Fully conditional Glow for more realistic image generation.

Sorkhei, Henter, Kjellström. GCPR 2021, arXiv 2012.05846. Two Glows of one shape: the left one encodes the source a, the
right one the target b given a, every layer of it reading the left one's activation right after the same layer.

Deliberate deviations:
- Log-determinants are each picture's own, and 1x1 convolutions by their LU factors take batches of any size; the
  published code averages some over the batch and, by LU factors, stops on more than one picture.
- ActNorms are initialised by a batch that is not trained on, before the first step, not during it.
- The published decay (half of the epochs constant, then linear to zero) is an option, stretched over the budget: the
  published runs end before it begins.
- Boundary maps are computed at the task's resolution, not at the data set's.
- `over=256` spreads the values evenly; by default they are k/255 with noise 1/256 wide, as published.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from i2ibench.models.layers.boundaries import boundaries, resized
from i2ibench.models.layers.chain import Backward, Chain
from i2ibench.models.layers.flow import FlowLayer, Move, State
from i2ibench.models.layers.full_glow_step import SMALLEST_SIDE, Condition, conditional_step
from i2ibench.models.layers.glow_prior import Priors
from i2ibench.models.layers.glow_step import ActNorm, AffineCoupling, GlowNetwork, LUConv, PlainConv
from i2ibench.models.layers.likelihood import Pixels, keyed_latents, keyed_uniform
from i2ibench.models.layers.multiscale import decode, encode, initialize, latent_shapes, squeeze
from i2ibench.models.layers.schedules import warmed_up
from i2ibench.models.layers.settings import check_adam, check_least, check_not_negative
from i2ibench.models.method import Batch, Method, Update, inference, required


@dataclass(frozen=True)
class FullGlowConfig:
    """The defaults are the published ones for 256x256 street scenes."""

    n_flow: tuple[int, ...] = (16, 16, 16, 16)
    """K, steps of each level; each level halves the sides."""
    hidden: int = 512
    """Channels inside the couplings."""
    lu: bool = True
    """1x1 convolutions by their LU factors; else plain."""
    boundaries: bool = False
    """The right Glow also reads where one object ends and another begins: only on tasks that have instances."""
    ceil: bool = False
    """With `boundaries`: made smaller, they stay 0 and 1."""
    reg_factor: float = 1e-4
    """lambda: weight of the sources' bits per dimension."""
    over: int = 255
    """Pictures are k/255 + U[0, 1/256), or with 256 (k + U[0, 1)) / 256."""
    lr: float = 1e-4
    warmup: int = 0
    """Steps over which the learning rate rises linearly from 0; none is published."""
    clip_norm: float = 0.0
    """Gradients are clipped to this total 2-norm; 0, as published, leaves them. At a high rate the left flow, which
    lambda hardly holds, may run away."""
    decay: bool = False
    """The learning rate is constant over half of the budget, then falls linearly to zero."""
    backward: Backward = "plain"
    """How gradients get at activations: `reversible` needs no memory for depth."""
    temperature: float = inference(1.0)
    """Factor on every prior's deviation while sampling."""

    def __post_init__(self) -> None:
        """Raise `ValueError` on a value that no flow can be made of."""
        if not self.n_flow or min(self.n_flow) < 1:
            raise ValueError(f"n_flow must be the steps of each level, at least 1, found {list(self.n_flow)}")
        check_least(self, hidden=1)
        if self.over not in (255, 256):
            raise ValueError(f"over must be 255 or 256, found {self.over}")
        check_adam(self)
        check_not_negative(self, "reg_factor", "warmup", "clip_norm", "temperature")
        if self.ceil and not self.boundaries:
            raise ValueError("ceil is a form of boundary maps: it needs boundaries=true")

    @property
    def multiple(self) -> int:
        """What both sides of a picture must be multiples of."""
        return 1 << len(self.n_flow)

    @property
    def smallest_side(self) -> int:
        """What both sides of a picture must be at least."""
        return SMALLEST_SIDE * self.multiple


class FullGlow(Method):
    """The two flows, their likelihood and their samples, for pictures of `size` (height, width)."""

    def __init__(self, config: FullGlowConfig, size: tuple[int, int]) -> None:
        super().__init__()
        self.config = config
        self.flow = FullGlowFlow(config, size)
        self.pixels = Pixels(over=config.over)

    @torch.no_grad()
    def initialize(self, batch: Batch) -> None:
        """Initialise the ActNorms of both flows by the batch's sources and targets."""
        values = self._noisy(batch.source, required(batch.target, "targets", "full_glow"), batch.names, "initialize")
        self.flow.initialize(*values, self._edges(batch.instances))

    def optimizers(self) -> dict[str, Optimizer]:
        """One Adam, `flow`."""
        return {"flow": Adam(self.flow.parameters(), self.config.lr, fused=True)}

    def learning_rate(self, optimizer: str, step: int, fraction: float) -> float:
        """Constant, after the warm-up and before the decay where there are any."""
        rise = warmed_up(step, self.config.warmup)
        return min(rise, 2 * (1 - fraction)) if self.config.decay else rise

    def updates(self, batch: Batch, step: int) -> Iterator[Update]:
        """One step on the mean bits per dimension of the targets and, at weight lambda, of the sources."""
        source, target = batch.source, required(batch.target, "targets", "full_glow")
        a = self.pixels.noisy(source, torch.rand_like(source))
        b = self.pixels.noisy(target, torch.rand_like(target))
        left, right = (bits.mean() for bits in self._bits_per_dim(a, b, batch.instances))
        logs = {"bits_per_dim": right.detach(), "source_bits_per_dim": left.detach()}
        loss = self.config.reg_factor * left + right
        yield Update("flow", loss, logs, clip_norm=self.config.clip_norm or None)

    @torch.no_grad()
    def bits_per_dim(self, batch: Batch, *, seed: int, draw: int = 0) -> Tensor:
        """Conditional bits per dimension `[B]`; the noise of source and target is a function of (seed, name, draw)."""
        a, b = self._noisy(
            batch.source, required(batch.target, "targets", "full_glow"), batch.names, seed, "dequantise", draw
        )
        return self._bits_per_dim(a, b, batch.instances)[1]

    @torch.no_grad()
    def translate(self, batch: Batch, *, seed: int, sample: int = 0) -> Tensor:
        """A sample for each source; its latents are a function of (seed, name, sample)."""
        noises = keyed_latents(self.flow.shapes, batch.source, batch.names, seed, "latents", sample)
        noises = [self.config.temperature * noise for noise in noises]
        return self.pixels.pictures(self.flow.sample(self._values(batch.source), noises, self._edges(batch.instances)))

    def encode(self, source: Tensor, target: Tensor, instances: Tensor | None = None) -> list[Tensor]:
        """The latents of `target` given `source` (pictures in [-1, 1], no noise added), the last level's last."""
        return self.flow.encode(self._values(source), self._values(target), self._edges(instances))

    def decode(self, source: Tensor, latents: Sequence[Tensor], instances: Tensor | None = None) -> Tensor:
        """The picture, within [-1, 1], of which `encode` gave `latents`."""
        return self.pixels.pictures(self.flow.decode(self._values(source), latents, self._edges(instances)))

    @torch.no_grad()
    def transfer(self, content: Batch, batch: Batch) -> Tensor:
        """Content transfer: the latents of the content's target under its own source, decoded under the other one."""
        target = required(content.target, "targets", "full_glow")
        latents = self.encode(content.source, target, content.instances)
        return self.decode(batch.source, latents, batch.instances)

    def _bits_per_dim(self, a: Tensor, b: Tensor, instances: Tensor | None) -> tuple[Tensor, Tensor]:
        left, right = self.flow(a, b, self._edges(instances))
        return self.pixels.bits_per_dim(left, a[0].numel()), self.pixels.bits_per_dim(right, b[0].numel())

    def _noisy(self, source: Tensor, target: Tensor, names: Sequence[str], *key: int | str) -> tuple[Tensor, Tensor]:
        """Values of both sides with keyed noise."""
        return (
            self.pixels.noisy(source, keyed_uniform(source, names, *key, "source")),
            self.pixels.noisy(target, keyed_uniform(target, names, *key, "target")),
        )

    def _values(self, pictures: Tensor) -> Tensor:
        """Values without noise, of which `Pixels.pictures` makes the same 8-bit pictures."""
        return self.pixels.noisy(pictures, 0.5 if self.config.over == 256 else 0.0)

    def _edges(self, instances: Tensor | None) -> list[State]:
        """For each level what it reads of the boundaries: three equal channels, as published."""
        if not self.config.boundaries:
            return [()] * len(self.config.n_flow)
        edges = boundaries(required(instances, "instances", "full_glow with boundaries=true")).to(self.flow.dtype)
        sides = [(size.height, size.width) for size in self.flow.conditions]
        return [(resized(edges, side, ceil=self.config.ceil).expand(-1, 3, -1, -1),) for side in sides]


class FullGlowFlow(nn.Module):
    """Values (a, b) to latents, log p(a) and log p(b | a), and back, in the parameters' type.

    `edges` are for each level the boundary maps `[B, 3, H, W]` that it reads, or nothing.
    """

    def __init__(self, config: FullGlowConfig, size: tuple[int, int], channels: int = 3) -> None:
        super().__init__()
        height, width = size
        if height % config.multiple or width % config.multiple or min(size) < config.smallest_side:
            raise ValueError(
                f"sides must be multiples of {config.multiple} and at least {config.smallest_side}, "
                f"found {height}x{width}"
            )
        self.shapes = latent_shapes((channels, height, width), len(config.n_flow))  # the last level's last
        latents = [shape[0] for shape in self.shapes]
        self.left, self.right = Branch(latents), Branch(latents)
        self.left_levels: list[list[FlowLayer]] = []
        self.chains: list[Chain] = []  # of (a, b, *edges): each layer's left form, then its right form
        self.decoders: list[Chain] = []  # of (b, a after each left layer, *edges): the right forms alone
        self.conditions: list[Condition] = []
        extra = 3 if config.boundaries else 0
        for steps in config.n_flow:
            channels, height, width = 4 * channels, height // 2, width // 2
            condition = Condition(channels + extra, height, width)
            lefts = [left_step(channels, config) for _ in range(steps)]
            rights = [conditional_step(channels, condition, config.hidden, config.lu) for _ in range(steps)]
            for branch, made in ((self.left, lefts), (self.right, rights)):
                branch.layers.extend(layer for step in made for layer in step)
            self.left_levels.append([layer for step in lefts for layer in step])
            self.chains.append(Chain(joined(lefts, rights, (2,) if extra else ()), config.backward))
            self.decoders.append(Chain(alone(rights, bool(extra))))
            self.conditions.append(condition)
            channels //= 2

    @property
    def dtype(self) -> torch.dtype:
        """The parameters' type."""
        return next(self.parameters()).dtype

    def forward(self, a: Tensor, b: Tensor, edges: Sequence[State]) -> tuple[Tensor, Tensor]:
        """log p(a) and log p(b | a) in nats, each `[B]`."""
        levels, log_dets = encode(self.chains, (a, b), edges)
        left = log_dets[0] + self.left.priors.log_density(levels[0])
        return left, log_dets[1] + self.right.priors.log_density(levels[1])

    def encode(self, a: Tensor, b: Tensor, edges: Sequence[State]) -> list[Tensor]:
        """Latents of b, one a level, the last level's last."""
        return encode(self.chains, (a, b), edges).latents(1)

    def decode(self, a: Tensor, latents: Sequence[Tensor], edges: Sequence[State]) -> Tensor:
        """The b whose latents these are."""
        return decode(self.decoders, lambda level, _: latents[level], self.activations(a, edges))

    def sample(self, a: Tensor, noises: Sequence[Tensor], edges: Sequence[State]) -> Tensor:
        """The b of latents mean + deviation * noise, each of its level's prior."""
        return decode(
            self.decoders,
            lambda level, kept: self.right.priors.sample(level, kept, noises[level]),
            self.activations(a, edges),
        )

    def initialize(self, a: Tensor, b: Tensor, edges: Sequence[State]) -> None:
        """Initialise every ActNorm."""
        initialize(self.chains, (a, b), edges)

    def activations(self, a: Tensor, edges: Sequence[State]) -> list[State]:
        """For each level a after each of its left layers, and its boundary maps."""
        levels = []
        for layers, given in zip(self.left_levels, edges, strict=True):
            a, seen = squeeze(a), []
            for layer in layers:
                a, _ = layer(a)
                seen.append(a)
            levels.append((*seen, *given))
            a = a.chunk(2, 1)[0]
        return levels


class Branch(nn.Module):
    """What one of the two Glows is made of: its layers, level after level, and the priors of its latents."""

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        self.priors = Priors(channels)


def left_step(channels: int, config: FullGlowConfig) -> list[FlowLayer]:
    """ActNorm, 1x1 convolution and coupling of Glow."""
    return [
        ActNorm(channels),
        LUConv(channels) if config.lu else PlainConv(channels),
        AffineCoupling(GlowNetwork(channels, config.hidden)),
    ]


Steps = Sequence[Sequence[FlowLayer]]


def joined(lefts: Steps, rights: Steps, edges: tuple[int, ...]) -> list[list[Move]]:
    """Both flows on (a, b, *edges): each right layer follows its left one and is given what that made of a.

    Each layer is a step of its own, so that checkpointing never holds both flows' couplings at once.
    """
    pairs = zip((layer for step in lefts for layer in step), (layer for step in rights for layer in step), strict=True)
    return [[move] for left, right in pairs for move in (Move(left, 0), Move(right, 1, (0, *edges)))]


def alone(rights: Steps, edges: bool) -> list[list[Move]]:
    """Steps of the right flow on (b, a after each left layer, *edges)."""
    layers = sum(map(len, rights))
    given = iter(range(1, layers + 1))
    return [[Move(right, 0, (next(given), *([layers + 1] if edges else []))) for right in step] for step in rights]
