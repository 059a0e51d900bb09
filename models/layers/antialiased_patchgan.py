"""CUT's discriminator (Park et al., arXiv 2007.15651): pix2pix's, with a low-pass filter at each halving."""

from __future__ import annotations

from torch import Tensor, nn

from i2ibench.models.layers.antialias import BlurDown
from i2ibench.models.layers.norms import norm_layer


class AntialiasedPatchDiscriminator(nn.Module):
    """Judges every patch of a picture: `[B, in_channels, H, W]` to logits `[B, 1, h, w]`, as many as
    `PatchDiscriminator` gives.

    Each of its `n_layers` convolutions of stride 2 has stride 1 here and is blurred down once it is activated. With 1,
    2, 3 of them a logit sees 18, 40, 84 pixels square.
    """

    def __init__(self, in_channels: int, width: int = 64, n_layers: int = 3) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(in_channels, width, 4, 1, 1),
            nn.LeakyReLU(0.2, inplace=True),
            BlurDown(width),
        ]
        channels = width
        for k in range(1, n_layers + 1):
            below, channels = channels, width * min(2**k, 8)
            layers += [
                nn.Conv2d(below, channels, 4, 1, 1),
                norm_layer("instance", channels),
                nn.LeakyReLU(0.2, inplace=True),
            ]
            if k < n_layers:
                layers.append(BlurDown(channels))
        layers.append(nn.Conv2d(channels, 1, 4, 1, 1))
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Pictures to logits."""
        out: Tensor = self.layers(x)
        return out
