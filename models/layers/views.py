"""Pictures with their codes, and what is found of them in what was decoded from these (MUNIT, INIT).

Huang et al., arXiv 1804.04732, section 3.2; Shen et al., arXiv 1905.01744, section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from i2ibench.models.layers.styled_autoencoder import StyledAutoEncoder


class Weights(NamedTuple):
    """Of the losses of views of one granularity."""

    gan: float
    recon_x: float
    recon_s: float
    recon_c: float
    recon_x_cyc: float

    @property
    def of_translations(self) -> float:
        """Of all that is asked of translations to the other domain."""
        return self.gan + self.recon_s + self.recon_c + self.recon_x_cyc

    @property
    def of_coarser_styles(self) -> float:
        """Of what recovery asks of instances in coarser styles of their own domain."""
        return self.recon_x + self.recon_s + self.recon_c


class View:
    """Pictures `[B, 3, H, W]` of a domain. Their codes are made when first read, once, with gradients."""

    def __init__(self, generator: StyledAutoEncoder, pictures: Tensor) -> None:
        self.generator, self.pictures = generator, pictures

    @cached_property
    def content(self) -> Tensor:
        """`[B, C, h, w]`."""
        with torch.enable_grad():
            content: Tensor = self.generator.content(self.pictures)
            return content

    @cached_property
    def style(self) -> Tensor:
        """`[B, style_dim]`."""
        with torch.enable_grad():
            style: Tensor = self.generator.style(self.pictures)
            return style


def recovery_losses(
    view: View,
    decoded: View,
    styles: Tensor,
    weights: Weights,
    parts: Sequence[float] = (1.0,),
    cycle: Literal["recon_x", "recon_x_cyc"] = "recon_x_cyc",
) -> dict[str, Tensor]:
    """How much of a view is found again in what was decoded from its contents in `styles`; terms without weight left
    out, the others not weighted.

    `recon_c` and `recon_s`: the mean absolute difference of contents and styles; `cycle`: that of pictures, the
    contents found being decoded by the view's auto-encoder in the view's own styles. `decoded` may be several times
    the view, one after the other, each in styles of its own: of these terms it is the sum, by the weights `parts`.
    """

    def l1(found: Tensor, wanted: Tensor) -> Tensor:
        each = zip(parts, found.chunk(len(parts)), wanted.chunk(len(parts)), strict=True)
        return torch.stack([part * F.l1_loss(one, other) for part, one, other in each]).sum()

    losses = {}
    if weights.recon_s > 0:
        losses["recon_s"] = l1(decoded.style, styles)
    if weights.recon_c > 0:
        losses["recon_c"] = l1(decoded.content, repeated(view.content, len(parts)))
    if getattr(weights, cycle) > 0:
        pictures = view.generator.decode(decoded.content, repeated(view.style, len(parts)))
        losses[cycle] = l1(pictures, repeated(view.pictures, len(parts)))
    return losses


def repeated(x: Tensor, times: int) -> Tensor:
    """`[B, ...]` to `[times B, ...]`, one whole after the other."""
    return x if times == 1 else torch.cat([x] * times)
