"""CUT's generator: CycleGAN's, with or without low-pass filters where it halves and doubles, and its features."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from torch import Tensor, nn

from i2ibench.models.layers.antialias import BlurDown, blur_up
from i2ibench.models.layers.norms import norm_layer
from i2ibench.models.layers.resnet import ResidualBlock, double, halve, head, stem

HALVINGS = 2


class AntialiasedResNet(nn.Module):
    """A stem, two halvings, `blocks` residual blocks, two doublings, a head; instance norm, a bias everywhere.

    With `antialias` a halving is a convolution of stride 1, normed, activated and then blurred down, and without a
    convolution of stride 2; with `antialias_up` a doubling is blurred up and then convolved, and without a transposed
    convolution. Parameters are as many in all cases. Takes `[B, channels, H, W]` with sides that are multiples of 4 and
    gives the same shape in (-1, 1).

    Its features are known by name, whatever is antialiased: `picture`, padded by reflection, `[B, channels, H + 6,
    W + 6]`; `halving1` and `halving2`, what each halving's convolution gives before its norm, `2 width` and `4 width`
    channels; `block1` and so on, each residual block's output, of `4 width`.
    """

    def __init__(
        self, channels: int = 3, blocks: int = 9, width: int = 64, antialias: bool = True, antialias_up: bool = True
    ) -> None:
        super().__init__()
        layers = stem(channels, width, "instance", bias=True)
        self.places = {"picture": 0}
        self.channels = {"picture": channels}
        for level in range(HALVINGS):
            name = f"halving{level + 1}"
            self.places[name], self.channels[name] = len(layers), width << level + 1
            layers += _blurred_halving(width << level) if antialias else halve(width << level, 1, "instance", bias=True)
        deep = width << HALVINGS
        for name in block_names(blocks):
            self.places[name], self.channels[name] = len(layers), deep
            layers.append(ResidualBlock(deep, "instance", bias=True))
        for level in range(HALVINGS):
            layers += _blurred_doubling(deep >> level) if antialias_up else double(deep >> level, 1, "instance", True)
        self.layers = nn.Sequential(*layers, *head(width, channels))

    def forward(self, x: Tensor) -> Tensor:
        """`[B, channels, H, W]` to the same in (-1, 1)."""
        out: Tensor = self.layers(x)
        return out

    def with_features(self, x: Tensor, names: Sequence[str]) -> tuple[Tensor, list[Tensor]]:
        """The output, and the features of these names on the way to it."""
        return self._walk(x, names, len(self.layers))

    def features(self, x: Tensor, names: Sequence[str]) -> list[Tensor]:
        """The features of these names; what lies above the deepest of them is not run."""
        _, found = self._walk(x, names, max(self.places[name] for name in names) + 1)
        return found

    def _walk(self, x: Tensor, names: Sequence[str], end: int) -> tuple[Tensor, list[Tensor]]:
        wanted = {self.places[name]: name for name in names}
        found: dict[str, Tensor] = {}
        for place, layer in enumerate(islice(self.layers, end)):
            x = layer(x)
            if place in wanted:
                found[wanted[place]] = x  # what follows each is not in place
        return x, [found[name] for name in names]


def feature_names(blocks: int) -> tuple[str, ...]:
    """All features of a generator with so many residual blocks, from the input on."""
    return ("picture", *(f"halving{level + 1}" for level in range(HALVINGS)), *block_names(blocks))


def block_names(blocks: int) -> list[str]:
    """The features that are outputs of residual blocks."""
    return [f"block{block + 1}" for block in range(blocks)]


def _blurred_halving(channels: int) -> list[nn.Module]:
    return [*_normed(channels, 2 * channels), BlurDown(2 * channels)]


def _blurred_doubling(channels: int) -> list[nn.Module]:
    return [blur_up(), *_normed(channels, channels // 2)]


def _normed(below: int, channels: int) -> list[nn.Module]:
    return [nn.Conv2d(below, channels, 3, 1, 1), norm_layer("instance", channels), nn.ReLU(inplace=True)]
