"""Instances beside the pictures that they are of, in styles as coarse as these (INIT, arXiv 1905.01744, section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from i2ibench.models.layers.views import View, repeated


class Instances:
    """One instance of each picture that has one. It is decoded in styles of its own domain when that is first read."""

    def __init__(
        self, whole: View, view: View, rows: Sequence[int], backgrounds: View | None, background_weight: float
    ) -> None:
        """`rows`: which of the `whole` pictures those in `view` are of. `backgrounds`: these without what is in boxes,
        whose styles are tried too, at `background_weight`."""
        self.view, self.rows = view, rows
        self.share = len(rows) / len(whole.pictures)
        """How many they are for each picture of the batch."""
        self.parts = [self.share] if backgrounds is None else [self.share, self.share * background_weight]
        """The weights of what is decoded in coarser styles: of the pictures, and of backgrounds."""
        self._whole, self._backgrounds = whole, backgrounds

    @cached_property
    def reconstruction(self) -> Tensor:
        """Instances in their own styles, `[K, 3, size, size]`."""
        return self.view.generator.decode(self.view.content, self.view.style)

    @cached_property
    def coarser_styles(self) -> Tensor:
        """Those of their pictures, then those of the backgrounds where these are tried, `[K or 2K, style_dim]`."""
        style = rows_of(self._whole.style, self.rows)
        return style if self._backgrounds is None else torch.cat([style, self._backgrounds.style])

    @cached_property
    def in_coarser_styles(self) -> View:
        """Instances in those styles."""
        content = repeated(self.view.content, len(self.parts))
        return View(self.view.generator, self.view.generator.decode(content, self.coarser_styles))

    @property
    def in_whole_styles(self) -> Tensor:
        """Those of them in the styles of their pictures."""
        return self.in_coarser_styles.pictures[: len(self.rows)]


def rows_of(x: Tensor, rows: Sequence[int]) -> Tensor:
    """Those rows of `[B, ...]`, which ascend; a list as an index would be copied to the device, and waited for."""
    return x if len(rows) == len(x) else torch.stack([x[row] for row in rows])
