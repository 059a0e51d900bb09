"""SPADE's encoder of styles (Park et al., arXiv 1903.07291, section 3.1 and appendix A)."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from i2ibench.models.layers.norms import InstanceNorm2d

_HALVINGS = 6


class StyleEncoder(nn.Module):
    """A picture to a normal distribution over styles.

    The picture is resized to `side` pixels square and halved six times, to widths `width * min(2^k, 8)`, each time by a
    3x3 convolution of spectral norm without bias, instance norm and LeakyReLU; then a linear layer gives the means and
    another the logarithms of the variances. `side` must be more than 64, or a single pixel is all that is normed.
    """

    def __init__(self, code: int = 256, width: int = 64, side: int = 256) -> None:
        super().__init__()
        self.side = side
        widths = [3, *(width * min(2**k, 8) for k in range(_HALVINGS))]
        self.layers = nn.Sequential(
            *(
                nn.Sequential(
                    spectral_norm(nn.Conv2d(below, above, 3, 2, 1, bias=False)),
                    InstanceNorm2d(above),
                    nn.LeakyReLU(0.2, inplace=True),
                )
                for below, above in pairwise(widths)
            ),
            nn.Flatten(),
        )
        last = -(-side // 2**_HALVINGS)
        self.mean = nn.Linear(widths[-1] * last * last, code)
        self.log_variance = nn.Linear(widths[-1] * last * last, code)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """`[B, 3, H, W]` to means and log-variances, `[B, code]` each, float32."""
        features = self.layers(F.interpolate(pictures, (self.side, self.side), mode="bilinear"))
        return self.mean(features).float(), self.log_variance(features).float()
