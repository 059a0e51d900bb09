"""Style as the mean and deviation of each channel of a picture's features, and losses on it.

AdaIN and its losses: Huang, Belongie, "Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization",
arXiv 1703.06868. Aligned style: Hierarchy Flow, arXiv 2308.06909. Variances are unbiased and over space, a picture at a
time; 1e-5 is added to them before the root. All of it is computed in float32 at least, also under autocast.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from i2ibench.models.layers.norms import contiguous_gradient

EPS = 1e-5


class Statistics(NamedTuple):
    """Of each channel of some features: `[B, C]` both."""

    mean: Tensor
    std: Tensor


def channel_statistics(features: Tensor) -> Statistics:
    """Of features `[B, C, H, W]`, which must have two positions at least."""
    variance, mean = torch.var_mean(_full(features), (2, 3))
    return Statistics(mean, (variance + EPS).sqrt())


def adaptive_instance_norm(features: Tensor, style: Statistics | None = None) -> Tensor:
    """Features `[B, C, H, W]` with each channel brought to mean 0 and deviation 1, or to those of `style`.

    Deviations of `style` may be negative, which turns a channel over.
    """
    features = _full(features)
    b, c, h, w = features.shape
    unbiased = (h * w - 1) / (h * w)  # the fused kernel divides by the biased deviation: var + eps is taken out of it
    rows = features.contiguous().view(1, b * c, h, w)
    with torch.autocast(features.device.type, enabled=False):
        if style is None:
            gain, shift = features.new_full((b * c,), math.sqrt(unbiased)), None
        else:
            gain = style.std.to(features.dtype).flatten() * math.sqrt(unbiased)
            shift = style.mean.to(features.dtype).flatten()
        out = contiguous_gradient(F.batch_norm(rows, None, None, gain, shift, training=True, eps=EPS * unbiased))
    return out.reshape(b, c, h, w)


def content_loss(output: Tensor, content: Tensor) -> Tensor:
    """Mean squared difference of two pictures' features, each channel of each normalised first."""
    return F.mse_loss(adaptive_instance_norm(output), adaptive_instance_norm(content))


def aligned_style_loss(output: Statistics, style: Statistics, keep: float = 0.8) -> Tensor:
    """Squared differences of means and of deviations, over the share `keep` of channels whose means differ least.

    The channels hardest to align are taken for content and left alone: they count as zeros in the mean over all. Each
    picture keeps channels of its own. `keep` 1 is the plain style loss.
    """
    means = (output.mean - style.mean).square()
    deviations = (output.std - style.std).square()
    kept = means.topk(int(means.shape[1] * keep), largest=False, sorted=False).indices
    return (means.gather(1, kept) + deviations.gather(1, kept)).sum() / means.numel()


def _full(features: Tensor) -> Tensor:
    return features.to(torch.promote_types(features.dtype, torch.float32))
