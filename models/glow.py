"""Glow: Generative Flow with Invertible 1x1 Convolutions.

Kingma, Dhariwal. NeurIPS 2018, arXiv 1807.03039. An unconditional density of the target domain: as a translator it
knows nothing of the source but its class, if the task has classes and it is told to look; as a likelihood it is what
every conditional flow must beat. Sizes and training follow the PyTorch implementation that Full-Glow grew from.

Deliberate deviations:
- ActNorms are initialised by a batch that is not trained on, before the first step, not during it.
- `uneven_lu` builds the last level's 1x1 convolutions by their LU factors even where the others' are plain, as the
  implementation followed does; else `lu` holds for all.
- With `classes` the couplings read planes of the wanted class, and a class's picture is translated by encoding it under
  its own class and decoding it under the other (`transfer`), as Full-Glow transfers content.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam, Optimizer

from i2ibench.models.layers.chain import Backward, Chain
from i2ibench.models.layers.flow import FlowLayer, Move, State
from i2ibench.models.layers.glow_prior import Priors
from i2ibench.models.layers.glow_step import (
    ActNorm,
    AdditiveCoupling,
    AffineCoupling,
    GlowNetwork,
    LUConv,
    PlainConv,
)
from i2ibench.models.layers.likelihood import Pixels, keyed_latents, keyed_uniform
from i2ibench.models.layers.multiscale import decode, encode, initialize, latent_shapes
from i2ibench.models.layers.schedules import warmed_up
from i2ibench.models.layers.settings import check_adam, check_least, check_not_negative
from i2ibench.models.method import Batch, Method, Update, inference, required


@dataclass(frozen=True)
class GlowConfig:
    """The defaults are the PyTorch implementation's for 64x64 pictures; adapters.glow has others."""

    n_block: int = 4
    """L, levels; each halves the sides."""
    n_flow: int = 32
    """K, steps a level."""
    hidden: int = 512
    """Channels inside the couplings."""
    affine: bool = False
    """Affine couplings; else additive ones."""
    lu: bool = True
    """1x1 convolutions by their LU factors; else plain."""
    uneven_lu: bool = False
    """By their LU factors at the last level, whatever `lu` says."""
    n_bits: int = 5
    """Bits a channel of the pictures that are coded."""
    classes: bool = False
    """Couplings read the class: only on tasks that have classes."""
    mirror: bool = True
    """Training pictures may be mirrored."""
    lr: float = 1e-4
    warmup: int = 0
    """Steps over which the learning rate rises linearly from 0; the authors take 10 epochs."""
    backward: Backward = "plain"
    """How gradients get at activations: `reversible` needs no memory for depth."""
    temperature: float = inference(0.7)
    """Factor on every prior's deviation while sampling."""
    transfer: bool = inference(False)
    """With `classes`: translate by decoding the source's own latents under the wanted class."""

    def __post_init__(self) -> None:
        """Raise `ValueError` on a value that no flow can be made of."""
        check_least(self, n_block=1, n_flow=1, hidden=1)
        if not 1 <= self.n_bits <= 8:
            raise ValueError(f"n_bits must be 1 to 8, found {self.n_bits}")
        check_adam(self)
        check_not_negative(self, "warmup", "temperature")
        if self.transfer and not self.classes:
            raise ValueError("transfer decodes under another class: it needs classes=true")

    @property
    def multiple(self) -> int:
        """What both sides of a picture must be multiples of."""
        return 1 << self.n_block


class Glow(Method):
    """The flow, its likelihood and its samples; of `classes` classes, where it looks at them."""

    def __init__(self, config: GlowConfig, classes: int = 0) -> None:
        super().__init__()
        if config.classes and not classes:
            raise ValueError("classes=true needs a task that has classes, found none")
        self.config = config
        self.classes = classes if config.classes else 0
        self.flow = GlowFlow(config, self.classes)
        self.pixels = Pixels(config.n_bits, centre=0.5)

    @torch.no_grad()
    def initialize(self, batch: Batch) -> None:
        """Initialise the ActNorms by the batch's targets."""
        target = required(batch.target, "targets", "glow")
        noise = keyed_uniform(target, batch.names, "initialize")
        self.flow.initialize(self.pixels.noisy(target, noise), self._planes(batch))

    def optimizers(self) -> dict[str, Optimizer]:
        """One Adam, `flow`."""
        return {"flow": Adam(self.flow.parameters(), self.config.lr, fused=True)}

    def learning_rate(self, optimizer: str, step: int, fraction: float) -> float:
        """Constant, after the warm-up if there is one."""
        return warmed_up(step, self.config.warmup)

    def updates(self, batch: Batch, step: int) -> Iterator[Update]:
        """One step on the mean bits per dimension of the targets."""
        target = required(batch.target, "targets", "glow")
        yield Update("flow", self._bits_per_dim(target, torch.rand_like(target), self._planes(batch)).mean())

    @torch.no_grad()
    def bits_per_dim(self, batch: Batch, *, seed: int, draw: int = 0) -> Tensor:
        """Bits per dimension `[B]` of the targets' 8 bits; their noise is a function of (seed, name, draw).

        Where fewer bits are coded, the lower ones are spent as they are: one each.
        """
        target = required(batch.target, "targets", "glow")
        noise = keyed_uniform(target, batch.names, seed, "dequantise", draw)
        return self._bits_per_dim(target, noise, self._planes(batch)) + (8 - self.config.n_bits)

    @torch.no_grad()
    def translate(self, batch: Batch, *, seed: int, sample: int = 0) -> Tensor:
        """A sample of the target domain for each source, which it does not look at; with `transfer` it does."""
        planes = self._planes(batch)
        if self.config.transfer:
            source = self.pixels.noisy(batch.source, 0.5)
            latents = self.flow.encode(source, self._planes(batch, side=0))
            return self.pixels.pictures(self.flow.decode(latents, planes))
        shapes = latent_shapes((3, *batch.source.shape[2:]), self.config.n_block)
        noises = keyed_latents(shapes, batch.source, batch.names, seed, "latents", sample)
        noises = [self.config.temperature * noise for noise in noises]
        return self.pixels.pictures(self.flow.sample(noises, planes))

    def _planes(self, batch: Batch, side: int = 1) -> State:
        """The class of the pictures coded, `[B, classes, 1, 1]`; of `side` 0 the sources'."""
        if not self.classes:
            return ()
        classes = required(batch.classes, "classes", "glow with classes=true")
        return (F.one_hot(classes[:, side], self.classes)[:, :, None, None].to(batch.source.dtype),)

    def _bits_per_dim(self, target: Tensor, noise: Tensor, planes: State) -> Tensor:
        values = self.pixels.noisy(target, noise)
        return self.pixels.bits_per_dim(self.flow(values, planes), values[0].numel())


class GlowFlow(nn.Module):
    """Values to latents and log p, and back, in the parameters' type."""

    def __init__(self, config: GlowConfig, classes: int = 0, channels: int = 3) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        self.priors = Priors([channels << level + (level == config.n_block) for level in range(1, config.n_block + 1)])
        self.chains: list[Chain] = []
        for level in range(config.n_block):
            channels *= 4
            last = level == config.n_block - 1
            lu = config.lu or (last and config.uneven_lu)
            steps = [glow_step(channels, config.hidden, config.affine, lu, classes) for _ in range(config.n_flow)]
            self.layers.extend(layer for step in steps for layer in step)
            given = (1,) if classes else ()
            self.chains.append(Chain([[Move(layer, 0, given) for layer in step] for step in steps], config.backward))
            channels //= 2

    def forward(self, values: Tensor, given: State = ()) -> Tensor:
        """log p in nats `[B]`; `given` is what couplings read beside their kept half."""
        (levels,), (log_det,) = encode(self.chains, (values,), [given] * len(self.chains))
        return log_det + self.priors.log_density(levels)

    def encode(self, values: Tensor, given: State = ()) -> list[Tensor]:
        """Latents, one a level, the last level's last."""
        return encode(self.chains, (values,), [given] * len(self.chains)).latents()

    def decode(self, latents: Sequence[Tensor], given: State = ()) -> Tensor:
        """The values whose latents these are."""
        return decode(self.chains, lambda level, _: latents[level], [given] * len(self.chains))

    def sample(self, noises: Sequence[Tensor], given: State = ()) -> Tensor:
        """The values of latents mean + deviation * noise, each of its level's prior."""
        return decode(
            self.chains,
            lambda level, kept: self.priors.sample(level, kept, noises[level]),
            [given] * len(self.chains),
        )

    def initialize(self, values: Tensor, given: State = ()) -> None:
        """Initialise every ActNorm."""
        initialize(self.chains, (values,), [given] * len(self.chains))


def glow_step(channels: int, hidden: int, affine: bool, lu: bool, classes: int = 0) -> list[FlowLayer]:
    """ActNorm, 1x1 convolution and coupling of Glow, for `channels` channels."""
    conditioner = nn.Identity() if classes else None
    network = GlowNetwork(channels, hidden, additive=not affine, conditioner=conditioner, extra=classes)
    return [
        ActNorm(channels),
        LUConv(channels) if lu else PlainConv(channels),
        AffineCoupling(network) if affine else AdditiveCoupling(network),
    ]
