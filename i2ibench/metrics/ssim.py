"""SSIM: Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity", 2004, in its own form.

`ssim` compares each output with its target in RGB, `ssim_y` in luma; `ssim_source` compares it with its source.

Gaussian window 11x11, sigma 1.5, K1 0.01, K2 0.03, on 8-bit RGB with data range 255, the mean over the windows that lie
within the picture and over the channels. It is written here in float64: scikit-image gives the same number with
`gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255, channel_axis=-1` (its defaults are
another measure; of one channel without `channel_axis`), torchmetrics one that differs in the fourth decimal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor
from typing_extensions import Self

from i2ibench.metrics.colour import VALUE_RANGE, Colour, samples
from i2ibench.metrics.extractors import parts
from i2ibench.metrics.metric import Chunk, Metric, Setting, counterpart, mean_score
from i2ibench.protocol import Score

WINDOW = 11
SIGMA = 1.5
K1, K2 = 0.01, 0.03
DATA_RANGE = 255.0


class SSIM(Metric):
    """The mean structural similarity of outputs and their targets."""

    name = "ssim"
    title = "Structural similarity to the target (Wang et al. 2004)"
    columns: ClassVar = {"ssim": True}
    pairwise = True
    colour: ClassVar[Colour] = "RGB"

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.values: dict[str, float] = {}

    @classmethod
    def unavailable(cls, setting: Setting) -> str | None:
        """Besides the usual reasons: the window must fit into the picture."""
        if min(setting.resolution) < WINDOW:
            return f"pictures of {setting.resolution} are smaller than the window of {WINDOW}x{WINDOW} pixels"
        return super().unavailable(setting)

    @torch.inference_mode()
    def update(self, chunk: Chunk) -> None:
        """Compare each output with its counterpart."""
        first, second = (samples(pictures, self.colour) for pictures in (chunk.output, counterpart(self, chunk)))
        pairs = zip(parts(first, first.device, 1), parts(second, second.device, 1), strict=True)
        values = torch.cat([structural_similarity(*pair) for pair in pairs])
        self.values.update(zip(chunk.names, values.tolist(), strict=True))

    def merge(self, other: Self) -> None:
        """Keep the values of other pictures."""
        self.values.update(other.values)

    def compute(self) -> tuple[Score, ...]:
        """The mean over pictures."""
        protocol = self.setting.protocol(
            self.name,
            reference="source" if self.reads_source else "target of each source",
            colour=self.colour,
            value_range=VALUE_RANGE[self.colour],
            window=f"Gaussian {WINDOW}x{WINDOW}, sigma {SIGMA}, K1 {K1}, K2 {K2}, windows within the picture",
            data_range=DATA_RANGE,
        )
        return (mean_score(self, list(self.values.values()), protocol),)

    def per_picture(self) -> Mapping[str, Mapping[str, float]]:
        """Each picture's similarity."""
        return {self.name: self.values}


class SSIMY(SSIM):
    """The mean structural similarity of outputs and their targets in luma, as restoration papers print it."""

    name = "ssim_y"
    title = "Structural similarity to the target (Wang et al. 2004), luma of ITU-R BT.601"
    columns: ClassVar = {"ssim_y": True}
    colour = "Y"


class SSIMSource(SSIM):
    """The mean structural similarity of outputs and their sources: how much of the structure a translation kept."""

    name = "ssim_source"
    title = "Content preservation: structural similarity to the source (Wang et al. 2004)"
    columns: ClassVar = {"ssim_source": True}
    pairwise = False
    reads_source = True


def structural_similarity(first: Tensor, second: Tensor) -> Tensor:
    """SSIM of two stacks of pictures `[B, C, H, W]` in 8-bit steps, float64 `[B]`; Wang et al. 2004, equation 13."""
    x, y = first.double(), second.double()
    mean_x, mean_y = _blur(x), _blur(y)
    product, squares = mean_x * mean_y, mean_x**2 + mean_y**2
    covariance, variances = _blur(x * y) - product, _blur(x * x + y * y) - squares
    c1, c2 = (K1 * DATA_RANGE) ** 2, (K2 * DATA_RANGE) ** 2
    luminance = (2 * product + c1) / (squares + c1)
    structure = (2 * covariance + c2) / (variances + c2)
    return (luminance * structure).mean((-3, -2, -1))


def _blur(pictures: Tensor) -> Tensor:
    """Gaussian means over the windows that lie within the pictures `[..., H, W]`, one axis after the other."""
    places = torch.arange(WINDOW // 2 + 1, dtype=torch.float64)
    half = torch.exp(-(places**2) / (2 * SIGMA**2))
    weights = (half / (2 * half.sum() - half[0])).tolist()
    return _blur_axis(_blur_axis(pictures, -1, weights), -2, weights)


def _blur_axis(pictures: Tensor, axis: int, weights: Sequence[float]) -> Tensor:
    """Means along one axis by a symmetric window, `weights` from its middle on. Sums of shifted pictures: 20 times as
    quick as a convolution in float64, which no library has a fast way for.
    """
    reach = len(weights) - 1
    length = pictures.shape[axis] - 2 * reach
    blurred = pictures.narrow(axis, reach, length) * weights[0]
    for step, weight in enumerate(weights[1:], start=1):
        before, after = (pictures.narrow(axis, reach + shift, length) for shift in (-step, step))
        blurred.add_(before + after, alpha=weight)
    return blurred
