"""Label and instance maps as networks read them (pix2pixHD, arXiv 1711.11585, section 3.3, and its line)."""

from __future__ import annotations

import torch
from torch import Tensor

IGNORE = 255
"""The label of pixels that belong to no class."""


def one_hot(labels: Tensor, classes: int, *, unknown: bool = False) -> Tensor:
    """Labels int64 `[B, H, W]` as `[B, classes, H, W]` of ones and zeros.

    Pixels of no class (`IGNORE`) are zeros in every channel, or with `unknown` one in a last, further channel. Raises
    `ValueError` on any other label that is no class, but on the `meta` device.
    """
    ignored = labels == IGNORE
    if not labels.is_cuda and not labels.is_meta:  # a look at the values would make a GPU wait
        wrong = labels[~ignored & ((labels < 0) | (labels >= classes))]
        if wrong.numel():
            raise ValueError(f"labels must be 0 to {classes - 1}, or {IGNORE} for no class, found {int(wrong[0])}")
    encoded = torch.zeros(len(labels), classes + 1, *labels.shape[1:], device=labels.device)
    encoded.scatter_(1, labels.masked_fill(ignored, classes).unsqueeze(1), 1.0)
    return encoded if unknown else encoded[:, :classes]
