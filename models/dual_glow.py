"""DUAL-Glow: Conditional Flow-Based Generative Model for Modality Transfer.

Sun, Mehta, Zhou, Huang, Johnson, Prabhakaran, Singh. ICCV 2019, arXiv 1908.08074. Two independent Glows, one of the
source and one of the target, which meet in the priors alone: the means of the target's latents are read off the
source's at the same level. Made for volumes; this is the adaptation to pictures that Full-Glow was compared with.

Deliberate deviations:
- Pictures are volumes of depth 1 to the published networks. Their convolutions are evaluated in the plane, which is
  exact (`layers.dual_glow_step`); `kernels="flat"` leaves out what such volumes never reach.
- ActNorms are initialised by a batch that is not trained on, before the first step, not during it.
- The conditioning on attributes (age, diagnosis) and the regressor that goes with it are left out.
- The published average of the weights is left out: nothing is evaluated with it.
- The paper has pictures at x / 2^bits - 0.5 for volumes; here they are k/255 in [0, 1] in every preset.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Adam, Adamax, Optimizer

from i2ibench.models.layers.chain import Backward, Chain
from i2ibench.models.layers.dual_glow_step import (
    ActNorm,
    DualGlowNetwork,
    ElementwiseRelation,
    Kernels,
    Relation,
    TopPrior,
)
from i2ibench.models.layers.flow import FlowLayer, Move
from i2ibench.models.layers.glow_step import AffineCoupling, PlainConv
from i2ibench.models.layers.likelihood import Pixels, keyed_normal, keyed_uniform, normal_log_density
from i2ibench.models.layers.multiscale import Encoded, decode, encode, initialize
from i2ibench.models.layers.schedules import warmed_up
from i2ibench.models.layers.settings import check_adam, check_choices, check_least, check_not_negative
from i2ibench.models.method import Batch, Method, Update, inference, required


@dataclass(frozen=True)
class DualGlowConfig:
    """The defaults are Full-Glow's comparison at 256x256 (arXiv 2012.05846); adapters.dual_glow has others."""

    n_flow: tuple[int, ...] = (16, 16, 16, 16)
    """K, steps at each of the L levels; each level halves the sides."""
    width: int = 512
    """Channels inside the couplings."""
    n_l: int = 1
    """Convolutions of the relation networks; 0: a weight for each element, which ties the method to its sides."""
    kernels: Kernels = "published"
    """3x3x3 and 5x5x5 as published, mostly idle on pictures; or `flat`, 3x3 and 5x5."""
    lambda_source: float = 0.001
    """Weight of the source's bits per dimension in the loss."""
    optimizer: Literal["adam", "adamax"] = "adam"
    lr: float = 1e-4
    warmup: int = 0
    """Steps over which the learning rate rises linearly from 0; 10 epochs in the original."""
    backward: Backward = "plain"
    """How gradients get at activations: `reversible` needs no memory for depth."""
    temperature: float = inference(0.7)
    """Factor on every prior's deviation while sampling; the original samples at 0."""

    def __post_init__(self) -> None:
        """Raise `ValueError` on a value that no flow can be made of."""
        if not self.n_flow or min(self.n_flow) < 1:
            raise ValueError(f"n_flow must be at least one number, each at least 1, found {list(self.n_flow)}")
        check_least(self, width=1)
        check_choices(self, kernels=Kernels, optimizer=Literal["adam", "adamax"])
        check_adam(self)
        check_not_negative(self, "n_l", "lambda_source", "warmup", "temperature")

    @property
    def multiple(self) -> int:
        """What both sides of a picture must be multiples of."""
        return 1 << len(self.n_flow)


class DualGlow(Method):
    """The two flows, their likelihoods and samples, for pictures of `size` (height, width)."""

    def __init__(self, config: DualGlowConfig, size: tuple[int, int]) -> None:
        super().__init__()
        self.config = config
        self.flow = DualFlow(config, size)
        self.pixels = Pixels(over=255)

    @torch.no_grad()
    def initialize(self, batch: Batch) -> None:
        """Initialise the ActNorms of each side by its pictures."""
        self.flow.initialize(*self._noisy(batch, "initialize"))

    def optimizers(self) -> dict[str, Optimizer]:
        """One, `flow`."""
        if self.config.optimizer == "adamax":
            return {"flow": Adamax(self.flow.parameters(), self.config.lr)}
        return {"flow": Adam(self.flow.parameters(), self.config.lr, fused=True)}

    def learning_rate(self, optimizer: str, step: int, fraction: float) -> float:
        """Constant, after the warm-up if there is one."""
        return warmed_up(step, self.config.warmup)

    def updates(self, batch: Batch, step: int) -> Iterator[Update]:
        """One step on the target's bits per dimension given the source, and a little on the source's own."""
        source, target = batch.source, required(batch.target, "targets", "dual_glow")
        values = (self.pixels.noisy(side, torch.rand_like(side)) for side in (source, target))
        bits = self._bits_per_dim(*values)
        of_source, of_target = bits.source.mean(), bits.target.mean()
        logs = {"bits_per_dim": of_target.detach(), "source_bits_per_dim": of_source.detach()}
        yield Update("flow", of_target + self.config.lambda_source * of_source, logs)

    @torch.no_grad()
    def bits_per_dim(self, batch: Batch, *, seed: int, draw: int = 0) -> Tensor:
        """Conditional bits per dimension `[B]`; the noise of both sides is a function of (seed, name, draw)."""
        return self._bits_per_dim(*self._noisy(batch, seed, draw)).target

    @torch.no_grad()
    def translate(self, batch: Batch, *, seed: int, sample: int = 0) -> Tensor:
        """A sample for each source, which is encoded without noise."""
        given = self.flow.source.encode(self.pixels.noisy(batch.source, 0.0)).latents()
        latents = []
        for level, (mean, log_std) in enumerate(self.flow.target_priors(given)):
            noise = keyed_normal(given[level], batch.names, seed, "latents", sample, level)
            latents.append(mean + self.config.temperature * log_std.exp() * noise)
        return self.pixels.pictures(self.flow.target.decode(latents))

    @torch.no_grad()
    def transfer(self, content: Batch, batch: Batch) -> Tensor:
        """The content's latents with the means that its source gives exchanged for those of the other source.

        Where these are far apart the moved latents are unlike any of training, and the inverse may overflow: such
        pixels are NaN.
        """
        target = required(content.target, "targets", "dual_glow")
        sides = content.source, batch.source
        given, wanted = (self.flow.source.encode(self.pixels.noisy(side, 0.0)).latents() for side in sides)
        latents = self.flow.target.encode(self.pixels.noisy(target, 0.0)).latents()
        means = zip(self.flow.target_priors(given), self.flow.target_priors(wanted), strict=True)
        moved = [z - before.mean + after.mean for z, (before, after) in zip(latents, means, strict=True)]
        return self.pixels.pictures(self.flow.target.decode(moved))

    def _noisy(self, batch: Batch, *key: int | str) -> tuple[Tensor, Tensor]:
        """Source and target values, noise drawn by `key`."""
        source, target = batch.source, required(batch.target, "targets", "dual_glow")
        return (
            self.pixels.noisy(source, keyed_uniform(source, batch.names, *key, "dequantise source")),
            self.pixels.noisy(target, keyed_uniform(target, batch.names, *key, "dequantise target")),
        )

    def _bits_per_dim(self, source: Tensor, target: Tensor) -> Sides:
        log_likelihoods = self.flow(source, target)
        return Sides(*(self.pixels.bits_per_dim(one, target[0].numel()) for one in log_likelihoods))


class Sides(NamedTuple):
    """A number of each picture, `[B]`, of either side."""

    source: Tensor
    target: Tensor


class Normal(NamedTuple):
    """A prior: both broadcast to its latent's shape."""

    mean: Tensor
    log_std: Tensor


class DualFlow(nn.Module):
    """Both flows and the priors of their latents."""

    def __init__(self, config: DualGlowConfig, size: tuple[int, int], channels: int = 3) -> None:
        super().__init__()
        height, width = size
        if height % config.multiple or width % config.multiple:
            raise ValueError(f"sides must be multiples of {config.multiple}, found {height}x{width}")
        self.source = OneFlow(config, channels)
        self.target = OneFlow(config, channels)
        self.relations = nn.ModuleList()  # one a level
        for level in range(1, len(config.n_flow) + 1):
            last = level == len(config.n_flow)
            shape = (channels << (level + last), height >> level, width >> level)
            self.relations.append(
                Relation(shape[0], config.n_l, config.kernels) if config.n_l else ElementwiseRelation(shape)
            )
        self.source_top = TopPrior(shape[0], config.kernels)
        self.target_top = TopPrior(shape[0], config.kernels)

    def forward(self, source: Tensor, target: Tensor) -> Sides:
        """log p(source) and log p(target | source) in nats."""
        encoded, coded = self.source.encode(source), self.target.encode(target)
        given, latents = encoded.latents(), coded.latents()
        return Sides(
            encoded.log_dets[0] + log_density(given, self.source_priors(given)),
            coded.log_dets[0] + log_density(latents, self.target_priors(given)),
        )

    def source_priors(self, latents: Sequence[Tensor]) -> list[Normal]:
        """Of the source's latents: standard normal but for the last level's."""
        zero = latents[0].new_zeros(1)
        return [*(Normal(zero, zero) for _ in latents[:-1]), Normal(*self.source_top(latents[-1]))]

    def target_priors(self, given: Sequence[Tensor]) -> list[Normal]:
        """Of the target's latents, where the source's are `given`."""
        means: list[Tensor] = [relation(z) for relation, z in zip(self.relations, given, strict=True)]
        mean, log_std = self.target_top(given[-1])
        return [*(Normal(one, one.new_zeros(1)) for one in means[:-1]), Normal(mean + means[-1], log_std)]

    def initialize(self, source: Tensor, target: Tensor) -> None:
        """Initialise every ActNorm."""
        initialize(self.source.chains, (source,))
        initialize(self.target.chains, (target,))


def log_density(latents: Sequence[Tensor], priors: Sequence[Normal]) -> Tensor:
    """log p of all levels' latents, `[B]`."""
    return torch.stack([normal_log_density(z, *prior) for z, prior in zip(latents, priors, strict=True)]).sum(0)


class OneFlow(nn.Module):
    """The flow of one side, which looks at nothing but its own pictures."""

    def __init__(self, config: DualGlowConfig, channels: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        self.chains: list[Chain] = []
        for depth in config.n_flow:
            channels *= 4
            steps = [dual_glow_step(channels, config.width, config.kernels) for _ in range(depth)]
            self.layers.extend(layer for step in steps for layer in step)
            self.chains.append(Chain([[Move(layer) for layer in step] for step in steps], config.backward))
            channels //= 2

    def encode(self, values: Tensor) -> Encoded:
        """Latents, one a level, the last level's last, and log-determinants."""
        return encode(self.chains, (values,))

    def decode(self, latents: Sequence[Tensor]) -> Tensor:
        """The values whose latents these are."""
        return decode(self.chains, lambda level, _: latents[level])


def dual_glow_step(channels: int, width: int, kernels: Kernels) -> list[FlowLayer]:
    """ActNorm, 1x1 convolution and coupling, for `channels` channels."""
    network = DualGlowNetwork(channels, width, kernels)
    return [ActNorm(channels), PlainConv(channels), AffineCoupling(network)]
