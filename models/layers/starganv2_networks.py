"""StarGAN v2's four networks (Choi et al., arXiv 1912.01865, appendix E), without the high-pass skips of faces.

Pictures are brought to 16 pixels a side in the generator and to 4 in the others, so their smaller side is a power of
two, at least 32, and the larger a multiple of a quarter of it. Wide networks are for small pictures: the first
convolution has `base / side` channels, doubled at each halving up to `max_dim`.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from i2ibench.models.layers.domain_linear import DomainLinear, of_domains
from i2ibench.models.layers.norms import InstanceNorm2d
from i2ibench.models.layers.style_blocks import DownBlock, StyledBlock, down_trunk


def channels(side: int, halvings: int, base: int, max_dim: int) -> list[int]:
    """Of a trunk's maps: after the first convolution of pictures whose smaller side is `side`, and after each halving.

    The first may be more than `max_dim`, as published.
    """
    first = max(base // side, 1)
    return [first, *(min(first << level, max_dim) for level in range(1, halvings + 1))]


class StyledGenerator(nn.Module):
    """A picture to one of the same pose in a style, of whichever domain that is."""

    def __init__(self, side: int, style_dim: int = 64, base: int = 16384, max_dim: int = 512) -> None:
        super().__init__()
        widths = channels(side, halvings_to(16, side), base, max_dim)
        deep, steps = widths[-1], list(pairwise(widths))
        self.encoder = nn.Sequential(
            nn.Conv2d(3, widths[0], 3, 1, 1),
            *(DownBlock(below, above, norm=True) for below, above in steps),
            *(DownBlock(deep, deep, norm=True, halve=False) for _ in range(2)),
        )
        self.decoder = nn.ModuleList(StyledBlock(deep, deep, style_dim) for _ in range(2))
        self.decoder.extend(StyledBlock(above, below, style_dim, doubles=True) for below, above in reversed(steps))
        self.norm = InstanceNorm2d(widths[0], affine=True)
        self.head = nn.Conv2d(widths[0], 3, 1)

    def forward(self, pictures: Tensor, style: Tensor) -> Tensor:
        """`[B, 3, H, W]` and `[B, style_dim]` to `[B, 3, H, W]`, in [-1, 1] by training alone."""
        hidden = self.encoder(pictures)
        for block in self.decoder:
            hidden = block(hidden, style)
        out: Tensor = self.head(F.leaky_relu(self.norm(hidden), 0.2))
        return out


class MappingNetwork(nn.Module):
    """Latent codes to styles: four layers that domains share, then four that each has of its own."""

    def __init__(self, domains: int, latent_dim: int = 16, style_dim: int = 64, hidden: int = 512) -> None:
        super().__init__()
        self.shared = nn.ModuleList(nn.Linear(below, hidden) for below in (latent_dim, hidden, hidden, hidden))
        self.own = nn.ModuleList(DomainLinear(domains, hidden, above) for above in (hidden, hidden, hidden, style_dim))

    def forward(self, latents: Tensor, domain: Tensor) -> Tensor:
        """`[B, latent_dim]` and domains `[B]` to `[B, style_dim]`."""
        hidden = latents
        for layer in self.shared:
            hidden = F.relu(layer(hidden))
        hidden = hidden[None]
        for layer in self.own[:-1]:
            hidden = F.relu(layer(hidden))
        return of_domains(self.own[-1](hidden).transpose(0, 1), domain)


class DomainStyleEncoder(nn.Module):
    """Pictures to their styles, by a trunk that domains share and a linear layer that each has of its own."""

    def __init__(self, domains: int, side: int, style_dim: int = 64, base: int = 16384, max_dim: int = 512) -> None:
        super().__init__()
        widths = channels(side, halvings_to(4, side), base, max_dim)
        self.trunk = Trunk(widths)
        self.own = DomainLinear(domains, widths[-1], style_dim)

    def forward(self, pictures: Tensor, domain: Tensor) -> Tensor:
        """`[B, 3, H, W]` and domains `[B]` to `[B, style_dim]`."""
        return of_domains(self.own(self.trunk(pictures)[None]).transpose(0, 1), domain)


class DomainDiscriminator(nn.Module):
    """Pictures to a logit of each domain: whether they are real pictures of it."""

    def __init__(self, domains: int, side: int, base: int = 16384, max_dim: int = 512) -> None:
        super().__init__()
        widths = channels(side, halvings_to(4, side), base, max_dim)
        self.trunk = Trunk(widths)
        self.own = nn.Linear(widths[-1], domains)

    def forward(self, pictures: Tensor, domain: Tensor) -> Tensor:
        """`[B, 3, H, W]` and domains `[B]` to logits `[B]`, each picture's of its domain."""
        return of_domains(self.own(self.trunk(pictures)), domain)


class Trunk(nn.Module):
    """Halving blocks to 4 pixels, a 4x4 convolution of them; where the larger side leaves more, the mean over it."""

    def __init__(self, widths: list[int]) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*down_trunk(widths))
        self.last = nn.Conv2d(widths[-1], widths[-1], 4)

    def forward(self, pictures: Tensor) -> Tensor:
        """`[B, 3, H, W]` to `[B, widths[-1]]`."""
        features = self.last(F.leaky_relu(self.blocks(pictures), 0.2))
        return F.leaky_relu(features, 0.2).mean((2, 3))


def halvings_to(size: int, side: int) -> int:
    """How often `side` must be halved to get to `size`, both powers of two."""
    return (side // size).bit_length() - 1
