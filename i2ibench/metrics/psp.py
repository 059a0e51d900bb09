"""PSP scores: how much of the label map a segmenter finds again in the translated pictures.

Real pictures do not score 1 either: the board's row `real` and the segmenter's card give the ceiling. Where the
segmenter does not reach it again on real pictures, there is no score.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from i2ibench.errors import BenchError
from i2ibench.metrics.confusion import LabelMetric
from i2ibench.metrics.metric import Chunk, Setting
from i2ibench.metrics.segmentation import check as segmenter_check
from i2ibench.metrics.segmentation import segmenter
from i2ibench.protocol import Protocol
from i2ibench.task import IGNORE


class PSP(LabelMetric):
    """Pixel accuracy, class accuracy and mean IoU of a PSPNet's reading of the outputs against the label maps."""

    name: ClassVar[str] = "psp"
    title: ClassVar[str] = "Label maps found again by a PSPNet (arXiv:1612.01105) trained on real pictures"
    columns: ClassVar[Mapping[str, bool]] = {"psp_pixel_accuracy": True, "psp_class_accuracy": True, "psp_miou": True}

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        reason = self.unavailable(setting)  # first: it may put what it measures on the card
        found = segmenter.find(setting.task, setting.resolution)
        if found is None or reason is not None:
            raise BenchError(f"psp cannot be had here: {reason}")
        self.found = found
        self._segmenter: segmenter.Segmenter | None = None

    @classmethod
    def unavailable(cls, setting: Setting) -> str | None:
        """N/a without label maps, without a segmenter, and where it reads real pictures otherwise than its card says.

        The first question for a segmenter, some pictures and some libraries takes seconds: it is then tested.
        """
        task = setting.task
        if task.labels is None:
            return f"task {task.id} has no label maps to find again"
        if task.to_labels:
            return f"task {task.id} translates to label pictures, which are read by their colours: see `palette`"
        owner = task.segmenter or task.name
        found = segmenter.find(task, setting.resolution)
        if found is None:
            return (
                f"no segmenter of {task.id} at {setting.resolution} is at hand: train one with "
                f"`i2ibench segmenter train {owner}`"
            )
        if found.card.classes != task.labels.names:
            return (
                f"the segmenter at hand knows the {len(found.card.classes)} classes of {found.card.label_table!r}, not "
                f"those of {task.labels.name!r} in {task.id}: train one with `i2ibench segmenter train {owner}`"
            )
        return segmenter_check.failing(found, segmenter.owner(task), setting.resolution, setting.device)

    def read(self, chunk: Chunk) -> Tensor:
        """What the segmenter sees."""
        if self._segmenter is None:
            self._segmenter = segmenter.read(self.found, self.setting.device)
        return chunk.once(f"classes by {self.found.card.weights_sha256}", self._segmenter)

    def protocol(self) -> Protocol:
        """The segmenter by its weights, and how it is fed."""
        card = self.found.card
        return self.setting.protocol(
            self.name,
            value_range="[-1, 1]",
            reference="label map of each source",
            extractor=card.architecture.extractor,
            weights_sha256=card.weights_sha256,
            resize=card.resize,
            feeding=card.feeding.told,
            label_table=card.label_table,
            ignore_label=IGNORE,
        )
