"""UNIT's auto-encoders of two domains, as its later code has them and as the paper has them (arXiv 1703.00848)."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from i2ibench.models.layers.content_encoder import ContentEncoder
from i2ibench.models.layers.munit_decoder import PlainDecoder
from i2ibench.models.layers.norms import InstanceNorm2d
from i2ibench.models.layers.resnet import double, halve

Domain = Literal["a", "b"]
Networks = Literal["munit", "paper"]
"""`munit`: the later code's, of MUNIT's blocks, of which the domains share none. `paper`: with shared weights."""


class CodeAutoEncoders(nn.Module):
    """Pictures of either domain to codes of one space, and codes to pictures of either.

    A code is a map of 1/2^halvings of the picture's sides with `width << halvings` channels; it is the mean of a normal
    distribution of variance 1. Either end of the code is a stretch that both domains share, which with `networks` of
    `munit` lets everything through.
    """

    def __init__(
        self, networks: Networks = "munit", width: int = 64, halvings: int = 2, blocks: int = 4, shared: int = 1
    ) -> None:
        super().__init__()
        deep = width << halvings
        paper = networks == "paper"
        self.encoders = nn.ModuleDict(
            {
                name: _Encoder(width, halvings, blocks) if paper else ContentEncoder(width, halvings, blocks)
                for name in "ab"
            }
        )
        self.decoders = nn.ModuleDict(
            {
                name: _Decoder(width, halvings, blocks) if paper else PlainDecoder(width, halvings, blocks)
                for name in "ab"
            }
        )
        self.shared_encoder = nn.Sequential(*(_Residual(deep) for _ in range(shared if paper else 0)))
        self.shared_decoder = nn.Sequential(*(_Residual(deep) for _ in range(shared if paper else 0)))

    def encode(self, pictures: Tensor, domain: Domain) -> Tensor:
        """Pictures `[B, 3, H, W]` of `domain` to their codes' means `[B, width << halvings, ...]`."""
        code: Tensor = self.shared_encoder(self.encoders[domain](pictures))
        return code

    def decode(self, codes: Tensor, *domains: Domain) -> list[Tensor]:
        """Codes to pictures `[B, 3, H, W]` in (-1, 1) of each of `domains`; what these share is computed once."""
        shared = self.shared_decoder(codes)
        return [self.decoders[domain](shared) for domain in domains]


class _Encoder(nn.Sequential):
    def __init__(self, width: int, halvings: int, blocks: int) -> None:
        super().__init__(
            nn.Conv2d(3, width, 7, 1, 3),
            nn.LeakyReLU(inplace=True),
            *halve(width, halvings, "instance", bias=True),
            *(_Residual(width << halvings) for _ in range(blocks)),
        )


class _Decoder(nn.Sequential):
    def __init__(self, width: int, doublings: int, blocks: int) -> None:
        super().__init__(
            *(_Residual(width << doublings) for _ in range(blocks)),
            *double(width << doublings, doublings, "instance", bias=True),
            nn.ConvTranspose2d(width, 3, 1),
            nn.Tanh(),
        )


class _Residual(nn.Module):
    """`ResidualBlock` with instance norm, padded by zeros."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, channels, 3, 1, 1),
            InstanceNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, 1, 1),
            InstanceNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.layers(x)
        return out
