"""Features of VGG by which pictures are compared: relu1_1, relu2_1, relu3_1, relu4_1, relu5_1 and the last of all.

Simonyan, Zisserman, arXiv 1409.1556, in three published forms:

- `vgg16` and `vgg19`: torchvision's, trained on ImageNet, with zero padding. Pictures are normalised by ImageNet's mean
  and deviation, or taken as they are, as pix2pixHD and its line have it.
- `vgg19_normalised`: the one of the style transfer line (Gatys et al., arXiv 1508.06576, and AdaIN, arXiv 1703.06868),
  its weights scaled so that features have mean 1. Reflection padding, pooling that keeps odd last rows and columns, and
  the normalisation of colours in a 1x1 convolution of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from i2ibench.models.method import generator

Trunk = Literal["vgg16", "vgg19", "vgg19_normalised"]
CHANNELS = (64, 128, 256, 512, 512)
"""Of the features, which have 1, 1/2, 1/4, 1/8 and 1/16 of the picture's sides; the sixth is as the fifth."""
SMALLEST = 16
"""Pixels a side that give relu4_1 two rows and two columns, for there is no deviation over a single position."""


@dataclass(frozen=True)
class _Form:
    key: str
    """A convolution's name in the published file, by its index there."""
    blocks: tuple[tuple[int, ...], ...]
    """Indices of the 3x3 convolutions; pooling stands between blocks."""
    colours: int | None = None
    """Index of the 1x1 convolution of colours, which the normalised form has."""


_FORMS: Mapping[Trunk, _Form] = {
    "vgg16": _Form("features.{}", ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28))),
    "vgg19": _Form("features.{}", ((0, 2), (5, 7), (10, 12, 14, 16), (19, 21, 23, 25), (28, 30, 32, 34))),
    "vgg19_normalised": _Form("{}", ((2, 5), (9, 12), (16, 19, 22, 25), (29, 32, 35, 38), (42, 45, 48, 51)), colours=0),
}


class PerceptualNetwork(nn.Module):
    """Pictures `[B, 3, H, W]` in [0, 1] to their first `levels` features, up to 6. Never trained and never saved.

    Without `normalise` torchvision's forms take pictures as they are, in whatever range. Its weights are buffers
    outside `state_dict`: they follow `.to(device)`, and checkpoints and counts of parameters are those of what is
    trained. Raises `ValueError` where `weights` are not `weight_shapes(trunk, levels)`.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, trunk: Trunk, weights: Mapping[str, Tensor], levels: int = 4, *, normalise: bool = True) -> None:
        super().__init__()
        self.trunk = trunk
        self.form = _FORMS[trunk]
        self.levels = levels
        self.normalise = normalise and self.form.colours is None
        for name, shape in weight_shapes(trunk, levels).items():
            found = None if name not in weights else tuple(weights[name].shape)
            if found != shape:
                raise ValueError(
                    f"the weights of {trunk} must have {name!r} of shape {shape}, found "
                    f"{'none of that name' if found is None else found}"
                )
            self.register_buffer(name.replace(".", "_"), weights[name].detach().float(), persistent=False)
        self.register_buffer("mean", torch.tensor((0.485, 0.456, 0.406)).reshape(3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor((0.229, 0.224, 0.225)).reshape(3, 1, 1), persistent=False)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """relu1_1, relu2_1 and so on; the sixth is the last convolution's, relu5_3 of VGG16 or relu5_4 of VGG19."""
        colours = self.form.colours
        normalised = colours is not None
        x = (pictures - self.mean) / self.deviation if self.normalise else pictures
        if colours is not None:
            x = F.conv2d(x, *self._convolution(colours))
        features: list[Tensor] = []
        for block in _blocks(self.form, self.levels):
            if features:
                x = F.max_pool2d(x, 2, ceil_mode=normalised)
            for index in block:
                padded = F.pad(x, (1, 1, 1, 1), mode="reflect") if normalised else x
                x = F.conv2d(padded, *self._convolution(index), padding=0 if normalised else 1).relu_()
                if index in (block[0], self.form.blocks[-1][-1]):
                    features.append(x)
        return features

    def _convolution(self, index: int) -> tuple[Tensor, Tensor]:
        name = self.form.key.format(index).replace(".", "_")
        return self.get_buffer(f"{name}_weight"), self.get_buffer(f"{name}_bias")


def weight_shapes(trunk: Trunk, levels: int = 4) -> dict[str, tuple[int, ...]]:
    """Names and shapes of what `PerceptualNetwork` reads of the published file of `trunk`."""
    form = _FORMS[trunk]
    shapes: dict[str, tuple[int, ...]] = {}
    for index, (wide, narrow, kernel) in _convolutions(form, levels):
        shapes[f"{form.key.format(index)}.weight"] = (wide, narrow, kernel, kernel)
        shapes[f"{form.key.format(index)}.bias"] = (wide,)
    return shapes


def untrained_weights(trunk: Trunk, *key: int | str, levels: int = 4) -> dict[str, Tensor]:
    """Weights ~ N(0, 2 / fan in) and biases 0, a function of `key`: features that know no pictures, for trials."""
    stream = generator(*key)
    return {
        name: torch.zeros(shape, device="cpu")
        if len(shape) == 1
        else torch.randn(shape, generator=stream, device="cpu") * (2 / (shape[1] * shape[2] * shape[3])) ** 0.5
        for name, shape in weight_shapes(trunk, levels).items()
    }


def _blocks(form: _Form, levels: int) -> Iterator[tuple[int, ...]]:
    """Each block's convolutions; of the last that is read the first alone where no feature reads the others."""
    yield from form.blocks[: levels - 1]
    if levels <= len(form.blocks):
        yield form.blocks[levels - 1][:1]


def _convolutions(form: _Form, levels: int) -> Iterator[tuple[int, tuple[int, int, int]]]:
    """Index, and channels out, channels in and kernel of each convolution."""
    if form.colours is not None:
        yield form.colours, (3, 3, 1)
    narrow = 3
    for block, wide in zip(_blocks(form, levels), CHANNELS, strict=False):
        for index in block:
            yield index, (wide, narrow, 3)
            narrow = wide
