"""BigGAN's discriminator, whose trunk is DeepI2I's encoder.

Brock, Donahue, Simonyan, arXiv 1809.11096, appendix B, table 4; as in BigGAN-PyTorch. Its head is Miyato's and Koyama's
projection, arXiv 1802.05637.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from i2ibench.models.layers.biggan_blocks import DiscriminatorBlock
from i2ibench.models.layers.biggan_layout import BOTTOM, discriminator_blocks, tap_sides
from i2ibench.models.layers.orthogonal import spectral
from i2ibench.models.layers.self_attention import SelfAttention


class BigGANTrunk(nn.Module):
    """Pictures whose shorter side is `side` to maps of a quarter of it, an eighth, and so on down to 4."""

    def __init__(self, side: int, ch: int, attention: int = 64) -> None:
        super().__init__()
        layout = discriminator_blocks(side, ch)
        self.taps = tap_sides(side)
        self.channels = {at: channels for at, channels in layout if at in self.taps}
        sides, channels = [side, *(at for at, _ in layout)], [3, *(channels for _, channels in layout)]
        self.blocks = nn.ModuleList(
            DiscriminatorBlock(*channels[n : n + 2], pool=sides[n + 1] < sides[n], first=n == 0)
            for n in range(len(layout))
        )
        self.attentions = nn.ModuleDict(
            {str(n): SelfAttention(above) for n, (at, above) in enumerate(layout[:-1]) if at == attention}
        )

    def forward(self, x: Tensor) -> dict[int, Tensor]:
        """`[B, 3, H, W]` to maps by their shorter side, largest first: the smallest after a ReLU, the others before."""
        side, maps = min(x.shape[2:]), dict[int, Tensor]()
        for number, block in enumerate(self.blocks):
            x = block(x)
            if str(number) in self.attentions:
                x = self.attentions[str(number)](x)
            side = max(side // 2, BOTTOM)
            if side in self.taps:
                maps[side] = x  # of two at the smallest side the later
        maps[BOTTOM] = F.relu(x)
        return maps


class BigGANDiscriminator(nn.Module):
    """The trunk, and a head that knows the class."""

    def __init__(self, side: int, ch: int, classes: int, attention: int = 64) -> None:
        super().__init__()
        self.trunk = BigGANTrunk(side, ch, attention)
        width = self.trunk.channels[BOTTOM]
        self.linear = spectral(nn.Linear(width, 1))
        self.embedding = spectral(nn.Embedding(classes, width))

    def forward(self, x: Tensor, classes: Tensor) -> Tensor:
        """Pictures `[B, 3, H, W]` and their classes, int64 `[B]`, to logits `[B, 1]`."""
        return self.judge(self.trunk(x), classes)

    def judge(self, maps: dict[int, Tensor], classes: Tensor) -> Tensor:
        """Logits `[B, 1]` of pictures of which `maps` are the trunk's."""
        pooled = maps[BOTTOM].sum((2, 3))
        logits: Tensor = self.linear(pooled) + (self.embedding(classes) * pooled).sum(1, keepdim=True)
        return logits
