"""How training pictures of a pose reader are varied: moved with their keypoints, and put in other light.

A translation is no photograph: wide changes of light and sharpness keep the reader to shapes. All draws are a function
of (seed, step).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from i2ibench.metrics.posing.reader import Recipe
from i2ibench.models.method import generator


def moved(pictures: Tensor, keypoints: Tensor, recipe: Recipe, seed: int, step: int) -> tuple[Tensor, Tensor]:
    """Pictures `[B, 3, H, W]` and their keypoints `[B, K, 2]` (shares of width and height), turned, zoomed, shifted.

    What comes in from outside the frame is the picture's mirror image. Keypoints may leave the frame; NaN stays NaN.
    """
    turn, zoom, *shift = _uniform(4, len(pictures), seed, "pose move", step)
    angle, factor = turn * math.radians(recipe.turn), zoom.mul(math.log(recipe.zoom)).exp()
    cosine, sine = angle.cos() * factor, angle.sin() * factor
    height, width = pictures.shape[-2:]
    matrix = torch.stack([cosine, -sine * height / width, sine * width / height, cosine], -1).reshape(-1, 2, 2)
    offset = torch.stack(shift, -1) * 2 * recipe.shift
    grid = F.affine_grid(torch.cat([matrix, offset[..., None]], -1), list(pictures.shape), align_corners=False)
    seen = F.grid_sample(pictures, grid.to(pictures), padding_mode="reflection", align_corners=False)
    inverse = torch.linalg.inv(matrix).to(keypoints)
    places = (keypoints * 2 - 1 - offset[:, None].to(keypoints)) @ inverse.mT
    return seen, (places + 1) / 2


def lit(pictures: Tensor, recipe: Recipe, seed: int, step: int) -> Tensor:
    """Pictures `[B, 3, H, W]` in [-1, 1] in other light, with noise, and half of them blurred."""
    count = len(pictures)
    gamma, contrast, saturation, *tint = (
        draws.reshape(-1, 1, 1, 1).to(pictures) for draws in _uniform(6, count, seed, "pose light", step)
    )
    light = ((pictures + 1) / 2).clamp(min=1e-3) ** gamma.mul(math.log(recipe.gamma)).exp()
    mean = light.mean((1, 2, 3), keepdim=True)
    light = mean + (light - mean) * contrast.mul(math.log(recipe.contrast)).exp()
    grey = light.mean(1, keepdim=True)
    light = grey + (light - grey) * (1 + saturation * recipe.saturation)
    light = light + torch.cat(tint, 1) * recipe.tint

    draws = generator(seed, "pose noise", step)
    level, mixed, blurred = torch.rand(3, count, 1, 1, 1, generator=draws)
    light = light + (torch.randn(pictures.shape, generator=draws) * level * recipe.noise).to(light)
    share = (mixed * recipe.blur * (blurred < 0.5)).to(light)
    soft = F.interpolate(F.avg_pool2d(light, 2), light.shape[-2:], mode="bilinear", align_corners=False)
    varied: Tensor = (light + (soft - light) * share).mul(2).sub(1).clamp(-1, 1)
    return varied


def _uniform(rows: int, count: int, *key: int | str) -> tuple[Tensor, ...]:
    """`rows` of draws in [-1, 1], each `[count]`."""
    return (2 * torch.rand(rows, count, generator=generator(*key)) - 1).unbind()
