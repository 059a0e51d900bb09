"""C-Glow: Structured Output Learning with Conditional Generative Flows.

Lu, Huang. AAAI 2020, arXiv 1905.13288. One Glow over the target y whose every ActNorm, 1x1 convolution and coupling
takes its parameters or features from a network of its own that reads the raw source x.

Deliberate deviations:
- `init`: under the published initialisation (`reference`) the ActNorm and 1x1 conditioners never learn to look at the
  source: their first linear layer is zero and followed by a ReLU, so no gradient ever reaches them. `fixed` draws these
  layers from N(0, 0.05^2). `orthogonal` also centres every 1x1 convolution on a random orthogonal matrix, since the
  published matrices are so ill-conditioned that a deep untrained flow is not invertible in float32.
- Temperature 0 is the mean of every prior; the published code takes it for 1.
- Log-determinants of the 1x1 convolutions are computed in float64, and their inverses cast back to the working type.
- The source gets dequantisation noise where a likelihood is computed, as published, and none where a sample is drawn.

`backward=reversible` is for `init=orthogonal` alone. The worst relative error of the gradient of any parameter in
float32, measured against float64 on two label maps and photos of 64x64, two seeds, before the first step:

| steps a level, levels | reference | fixed | orthogonal | plain backward, any init |
| --- | --- | --- | --- | --- |
| 4, 2 | 8e-6 | 1e-5 | 2e-6 | 8e-6 |
| 8, 3 | 4 | 0.1 | 1e-5 | 1e-4 |
| 16, 4 | 4e5 | 2e6 | 8e-6 | 2e-5 |

Inverses are found a level at a time, so depth counts within a level; what goes wrong are the couplings of its first
steps. Training mends it: after 300 steps at 1e-3, reversible and plain gradients agree within 3e-5 for every init.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from i2ibench.models.layers.c_glow_step import Init, Source, SplitPrior, c_glow_step
from i2ibench.models.layers.chain import Backward, Chain
from i2ibench.models.layers.flow import Move, State
from i2ibench.models.layers.likelihood import (
    Pixels,
    bits_per_dim,
    keyed_latents,
    keyed_uniform,
    normal_log_density,
)
from i2ibench.models.layers.multiscale import decode, encode, latent_shapes
from i2ibench.models.layers.ranges import unit
from i2ibench.models.layers.schedules import warmed_up
from i2ibench.models.layers.settings import check_adam, check_choices, check_least, check_not_negative
from i2ibench.models.method import Batch, Method, Update, inference, required


@dataclass(frozen=True)
class CGlowConfig:
    """The defaults are Full-Glow's "C-Glow v.2" for 256x256 pictures (arXiv 2012.05846); adapters.c_glow has others."""

    x_hidden_size: int = 10
    """Width of the linear layers of the ActNorm and 1x1 conditioners."""
    x_hidden_channels: int = 20
    """Channels of their convolutions."""
    y_hidden_channels: int = 512
    """Channels inside the couplings."""
    flow_depth: int = 16
    """K, steps a level."""
    num_levels: int = 4
    """L, levels; each halves the sides."""
    y_bins: int = 256
    """256: 8-bit pictures k/255 + U[0, 1/256). 2: binary pictures, y - 1/2 + U(-1/2, 1/2)."""
    init: Init = "reference"
    learn_top: bool = False
    """Learn mean and deviation of the last level's latents; else they are standard normal."""
    lr: float = 1e-4
    beta1: float = 0.9
    beta2: float = 0.999
    weight_decay: float = 0.0
    warmup: int = 0
    """Steps over which the learning rate rises linearly from 0; none is published."""
    clip_value: float = 0.0
    """Gradient elements are clipped to [-clip_value, clip_value]; 0 leaves them."""
    backward: Backward = "plain"
    """How gradients get at activations: `reversible` needs no memory for depth, but init=orthogonal."""
    temperature: float = inference(1.0)
    """Factor on every prior's deviation while sampling."""
    average: int = inference(1)
    """Samples averaged into one translation: 10 in the paper's structured prediction, which then rounds (y_bins 2)."""

    def __post_init__(self) -> None:
        """Raise `ValueError` on a value that no flow can be made of."""
        check_least(self, x_hidden_size=1, x_hidden_channels=1, y_hidden_channels=1)
        check_least(self, flow_depth=1, num_levels=1, average=1)
        if self.y_bins not in (2, 256):
            raise ValueError(f"y_bins must be 256 (8-bit pictures) or 2 (binary ones), found {self.y_bins}")
        check_choices(self, init=Init, backward=Backward)
        if self.backward == "reversible" and self.init != "orthogonal":
            raise ValueError(
                f"backward=reversible needs init=orthogonal, found init={self.init}, whose 1x1 convolutions cannot be "
                "inverted at first: set init=orthogonal, or backward=checkpointed"
            )
        check_adam(self, "beta1", "beta2")
        check_not_negative(self, "weight_decay", "warmup", "clip_value", "temperature")

    @property
    def multiple(self) -> int:
        """What both sides of a picture must be multiples of: the conditioners halve thrice, the flow L times."""
        return 1 << max(3, self.num_levels)


class CGlow(Method):
    """The flow, its likelihood and its samples, for pictures of `size` (height, width)."""

    def __init__(self, config: CGlowConfig, size: tuple[int, int]) -> None:
        super().__init__()
        self.config = config
        self.flow = ConditionalGlow(config, size)
        self.pixels = Pixels(over=255)
        self.offset = 0.5 if config.y_bins == 2 else 0.0  # binary pictures are centred, 8-bit ones are not

    def optimizers(self) -> dict[str, Optimizer]:
        """One Adam, `flow`."""
        parameters = [p for p in self.flow.parameters() if p.requires_grad]
        betas = (self.config.beta1, self.config.beta2)
        return {"flow": Adam(parameters, self.config.lr, betas, weight_decay=self.config.weight_decay, fused=True)}

    def learning_rate(self, optimizer: str, step: int, fraction: float) -> float:
        """Constant, after the warm-up if there is one."""
        return warmed_up(step, self.config.warmup)

    def updates(self, batch: Batch, step: int) -> Iterator[Update]:
        """One step on the mean conditional bits per dimension."""
        source, target = batch.source, required(batch.target, "targets", "c_glow")
        loss = self._bits_per_dim(source, target, torch.rand_like(source), torch.rand_like(target)).mean()
        yield Update("flow", loss, clip_value=self.config.clip_value or None)

    @torch.no_grad()
    def bits_per_dim(self, batch: Batch, *, seed: int, draw: int = 0) -> Tensor:
        """Conditional bits per dimension `[B]`; the noise of source and target is a function of (seed, name, draw)."""
        source, target = batch.source, required(batch.target, "targets", "c_glow")
        noise_x = keyed_uniform(source, batch.names, seed, "dequantise source", draw)
        noise_y = keyed_uniform(target, batch.names, seed, "dequantise target", draw)
        return self._bits_per_dim(source, target, noise_x, noise_y)

    @torch.no_grad()
    def translate(self, batch: Batch, *, seed: int, sample: int = 0) -> Tensor:
        """A sample for each source, or the mean of `average` of them; noise is a function of (seed, name, sample)."""
        total = torch.zeros_like(batch.source)
        for member in range(self.config.average):
            noises = keyed_latents(self.flow.shapes, self.flow.top_mean, batch.names, seed, "latents", sample, member)
            noises = [self.config.temperature * noise for noise in noises]
            total += self.flow.sample(unit(batch.source), noises) + self.offset
        y = (total / self.config.average).clamp(0, 1)
        return 2 * (y.round() if self.config.y_bins == 2 else y) - 1

    def encode(self, source: Tensor, target: Tensor) -> list[Tensor]:
        """The latents of `target` given `source` (pictures in [-1, 1], no noise added), the last level's last."""
        latents, _ = self.flow(unit(source), unit(target) - self.offset)
        return list(latents)

    def decode(self, source: Tensor, latents: Sequence[Tensor]) -> Tensor:
        """The picture of which `encode` gave `latents`."""
        return 2 * (self.flow.invert(unit(source), latents) + self.offset) - 1

    @torch.no_grad()
    def transfer(self, content: Batch, batch: Batch) -> Tensor:
        """The latents of the content's target under its own source, decoded under the other one."""
        latents = self.encode(content.source, required(content.target, "targets", "c_glow"))
        return self.decode(batch.source, latents).clamp(-1, 1)

    def _bits_per_dim(self, source: Tensor, target: Tensor, noise_x: Tensor, noise_y: Tensor) -> Tensor:
        """Per picture `[B]`, from pictures in [-1, 1] and noise in [0, 1)."""
        x = self.pixels.noisy(source, noise_x)
        y = unit(target) + noise_y - 1 if self.config.y_bins == 2 else self.pixels.noisy(target, noise_y)
        _, log_likelihood = self.flow(x, y)
        return bits_per_dim(log_likelihood, self.config.y_bins, y[0].numel())


class ConditionalGlow(nn.Module):
    """y to latents and log p(y | x), and back, in the parameters' type."""

    def __init__(self, config: CGlowConfig, size: tuple[int, int], x_channels: int = 3, y_channels: int = 3) -> None:
        super().__init__()
        height, width = size
        if height % config.multiple or width % config.multiple:
            raise ValueError(f"sides must be multiples of {config.multiple}, found {height}x{width}")
        source = Source(x_channels, size, config.x_hidden_size, config.x_hidden_channels, config.init)
        self.layers = nn.ModuleList()  # three a step, level after level
        self.priors = nn.ModuleList()  # one a split: all levels but the last
        self.chains: list[Chain] = []
        self.shapes = latent_shapes((y_channels, height, width), config.num_levels)  # the last level's last
        channels = y_channels
        for level in range(config.num_levels):
            channels, height, width = 4 * channels, height // 2, width // 2
            steps = [
                c_glow_step(source, channels, (height, width), config.y_hidden_channels)
                for _ in range(config.flow_depth)
            ]
            self.layers.extend(layer for step in steps for layer in step)
            self.chains.append(Chain([[Move(layer, 0, (1,)) for layer in step] for step in steps], config.backward))
            if level < config.num_levels - 1:
                self.priors.append(SplitPrior(channels))
                channels //= 2
        self.top_mean = nn.Parameter(torch.zeros(1, *self.shapes[-1]), requires_grad=config.learn_top)
        self.top_log_std = nn.Parameter(torch.zeros(1, *self.shapes[-1]), requires_grad=config.learn_top)

    def forward(self, x: Tensor, y: Tensor) -> tuple[list[Tensor], Tensor]:
        """Latents, one a level, and log p(y | x) in nats `[B]`."""
        x, y = x.to(self.top_mean.dtype), y.to(self.top_mean.dtype)
        encoded = encode(self.chains, (y,), [(x,)] * len(self.chains))
        log_likelihood = encoded.log_dets[0]
        for level, (kept, latent) in enumerate(encoded.levels[0]):
            log_likelihood = log_likelihood + normal_log_density(latent, *self._prior(level, kept))
        return encoded.latents(), log_likelihood

    def invert(self, x: Tensor, latents: Sequence[Tensor]) -> Tensor:
        """The y whose latents these are."""
        return self._decode(x, lambda level, _: latents[level])

    def sample(self, x: Tensor, noises: Sequence[Tensor]) -> Tensor:
        """The y of latents mean + deviation * noise, each of its level's prior."""

        def latent(level: int, kept: Tensor | None) -> Tensor:
            mean, log_std = self._prior(level, kept)
            return mean + torch.exp(log_std) * noises[level]

        return self._decode(x, latent)

    def _decode(self, x: Tensor, latent: Callable[[int, Tensor | None], Tensor]) -> Tensor:
        return decode(self.chains, latent, [(x.to(self.top_mean.dtype),)] * len(self.chains))

    def _prior(self, level: int, kept: Tensor | None) -> State:
        """Mean and log-deviation of a level's latents, given what is kept of it: nothing of the last."""
        if kept is None:
            return self.top_mean, self.top_log_std
        prior: State = self.priors[level](kept)
        return prior
