"""Label pictures read by their colours: the score of photo to label, without any network.

Each output pixel has the class whose colour in the task's palette is nearest, as in Full-Glow's evaluation
(arXiv:2012.05846): by the squared Euclidean distance of 8-bit RGB, the first of the table where two are as near.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from i2ibench.metrics.confusion import LabelMetric
from i2ibench.metrics.extractors import to_bytes
from i2ibench.metrics.metric import Chunk, Setting
from i2ibench.protocol import Protocol
from i2ibench.task import IGNORE


class Palette(LabelMetric):
    """Pixel accuracy, class accuracy and mean IoU of the classes whose colours the outputs have."""

    name: ClassVar[str] = "palette"
    title: ClassVar[str] = "Label maps read in the outputs by the nearest colour of the palette"
    columns: ClassVar[Mapping[str, bool]] = {
        "palette_pixel_accuracy": True,
        "palette_class_accuracy": True,
        "palette_miou": True,
    }

    @classmethod
    def unavailable(cls, setting: Setting) -> str | None:
        """N/a where outputs are no label pictures."""
        if setting.task.labels is None or not setting.task.to_labels:
            return f"task {setting.task.id} does not translate to label pictures, so colours say nothing of classes"
        return super().unavailable(setting)

    def read(self, chunk: Chunk) -> Tensor:
        """The nearest colours."""
        assert self.setting.task.labels is not None, "`unavailable` is asked before"
        return nearest(to_bytes(chunk.output), self.setting.task.labels.palette)

    def protocol(self) -> Protocol:
        """The palette by its table."""
        assert self.setting.task.labels is not None, "`unavailable` is asked before"
        return self.setting.protocol(
            self.name,
            value_range="[0, 255], 8 bits",
            reference="label map of each source",
            label_table=self.setting.task.labels.name,
            ignore_label=IGNORE,
        )


def nearest(pictures: Tensor, palette: tuple[tuple[int, int, int], ...]) -> Tensor:
    """For pictures uint8 `[B, 3, H, W]`, the number of the nearest colour, int64 `[B, H, W]`."""
    best = torch.full((len(pictures), *pictures.shape[2:]), 1 << 20, dtype=torch.int32, device=pictures.device)
    found = torch.zeros_like(best, dtype=torch.int64)
    whole = pictures.int()
    for number, colour in enumerate(palette):
        away = whole - torch.tensor(colour, dtype=torch.int32, device=pictures.device).view(1, 3, 1, 1)
        distance = away.square().sum(1, dtype=torch.int32)
        nearer = distance < best
        found = torch.where(nearer, number, found)
        best = torch.where(nearer, distance, best)
    return found
