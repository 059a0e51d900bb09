"""Pose scores: how much of the source's pose a keypoint reader finds again in the translated pictures.

For tasks whose pictures come with exact keypoints, the same ones in every picture: where each part of the source was,
there it should be in the translation. The reader was trained on real pictures, of the target domain or of a wider one
(`creatures-cat2dog` has that of `creatures-many`, whose cats and dogs are of other scenes), so it also has to recognise
what it looks at. What a score is to be held against, with PCK and error on the test split at 64x64 (at 128x128 PCK
differs by at most 0.005, the error by 0.001):

| in the place of outputs | creatures-cat2dog | creatures-many |
| --- | --- | --- |
| real pictures, against their own keypoints: the ceiling, a board's row `real` | 0.998, 0.022 | 0.998, 0.021 |
| the sources themselves | 0.997, 0.020 | 0.998, 0.021 |
| the sources of others | 0.442, 0.167 | 0.472, 0.158 |
| the training pictures' mean pose, without a reader | 0.504, 0.124 | 0.496, 0.126 |
| the sources mirrored | 0.306, 0.229 | 0.272, 0.232 |
| grey | 0.401, 0.138 | 0.395, 0.139 |

- Chance is far from 0, since one animal stands in the middle of every picture: about half of the keypoints are nearly
  in place whatever the source. In a picture that it cannot read the reader tends to a middling pose, which has a
  smaller error than a clear but wrong one; so read the error beside PCK.
- A copy of the source keeps the pose to the pixel and scores as real pictures do: this is a score of content alone.
- Left and right are the creature's own: a mirrored animal has its keypoints exchanged, and scores as a wrong pose.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from typing_extensions import Self

from i2ibench.errors import BenchError
from i2ibench.metrics.metric import Chunk, Metric, Setting
from i2ibench.metrics.posing import reader as pose_reader
from i2ibench.metrics.posing.keypoints import THRESHOLD, keypoint_scores
from i2ibench.metrics.statistics import mean_interval
from i2ibench.protocol import Protocol, Score
from i2ibench.task import Need


class Pose(Metric):
    """PCK and mean distance of the source's keypoints, as a reader finds them in the outputs."""

    name = "pose"
    title = "The source's keypoints found again: PCK (Yang and Ramanan 2013) and mean distance, by a trained reader"
    columns: ClassVar[Mapping[str, bool]] = {"pose_pck": True, "pose_error": False}

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        found, reason = pose_reader.find(setting.task, setting.resolution), self.unavailable(setting)
        if found is None or reason is not None:
            raise BenchError(f"pose cannot be had here: {reason}")
        self.found = found
        self.values: dict[str, tuple[float, float]] = {}
        self._reader: pose_reader.PoseReader | None = None

    @classmethod
    def unavailable(cls, setting: Setting) -> str | None:
        """N/a without keypoints, without a reader, and where its weights are not those of its card."""
        task = setting.task
        if Need.KEYPOINTS not in task.gives:
            return (
                f"task {task.id!r} gives no keypoints, which the pose is compared by: choose a task that does "
                "(i2ibench list tasks --needs keypoints)"
            )
        found = pose_reader.find(task, setting.resolution)
        if found is None:
            return (
                f"no pose reader of {task.id} at {setting.resolution} is at hand: train one with "
                f"`i2ibench pose train {task.pose_reader or task.name}`"
            )
        return found.failing or super().unavailable(setting)

    @torch.inference_mode()
    def update(self, chunk: Chunk) -> None:
        """Find keypoints in each output and compare them with its source's."""
        if chunk.keypoints is None:  # real pictures that have none; `compute` gives the reason
            self.values.update(dict.fromkeys(chunk.names, (math.nan, math.nan)))
            return
        count, known = chunk.keypoints.shape[1], self.found.card.keypoints
        if count != known:
            raise BenchError(
                f"pictures of {self.setting.task.id} come with {count} keypoints, and its pose reader finds {known}: "
                f"train one with `i2ibench pose train {self.setting.task.pose_reader or self.setting.task.name}`"
            )
        if self._reader is None:
            self._reader = pose_reader.read(self.found, self.setting.device)
        scores = keypoint_scores(self._reader(chunk.output), chunk.keypoints)
        self.values.update(zip(chunk.names, zip(scores.pck.tolist(), scores.error.tolist(), strict=True), strict=True))

    def merge(self, other: Self) -> None:
        """Keep the values of other pictures."""
        self.values.update(other.values)

    def compute(self) -> tuple[Score, ...]:
        """The means over pictures with known keypoints, with standard errors; n/a where there is none."""
        protocol = self.protocol()
        return tuple(
            self._mean(column, [value[at] for value in self.values.values() if not math.isnan(value[at])], protocol)
            for at, column in enumerate(self.columns)
        )

    def per_picture(self) -> Mapping[str, Mapping[str, float]]:
        """Both scores of each picture; nan for one whose source has no two known keypoints."""
        return {
            column: {name: value[at] for name, value in self.values.items()} for at, column in enumerate(self.columns)
        }

    def protocol(self) -> Protocol:
        """The reader by its weights."""
        card = self.found.card
        return self.setting.protocol(
            self.name,
            value_range="[-1, 1]",
            reference="keypoints of each source",
            extractor="pose reader",
            layer="mean of each heatmap's softmax",
            weights_sha256=card.weights_sha256,
            resize=card.resize,
            keypoints=(
                f"{card.keypoints}; shares of the diagonal of the bounding box of the source's; missed above "
                f"{THRESHOLD}"
            ),
        )

    def _mean(self, column: str, values: list[float], protocol: Protocol) -> Score:
        if not values:
            return Score.not_available(
                column, self.columns[column], "no picture comes with two known keypoints to be found again"
            )
        n, mean = len(values), math.fsum(values) / len(values)
        squares = math.fsum((value - mean) ** 2 for value in values)
        return Score(
            name=column,
            value=mean,
            standard_error=math.sqrt(squares / (n - 1) / n) if n > 1 else None,
            interval=mean_interval(values),
            n=n,
            higher_is_better=self.columns[column],
            protocol=protocol,
        )
