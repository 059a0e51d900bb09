"""What each object of a picture looks like, in a few numbers (pix2pixHD, arXiv 1711.11585, section 3.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from i2ibench.models.layers.kmeans import kmeans
from i2ibench.models.layers.semantics import IGNORE
from i2ibench.models.method import generator

_IDS = 1 << 16
"""Instance ids are 16-bit."""


def instance_means(features: Tensor, instances: Tensor) -> Tensor:
    """Features `[B, C, H, W]`, each pixel's replaced by the mean over its instance in its picture; in float32.

    `instances` are ids `[B, H, W]`. Raises `ValueError` on one outside [0, 65535], but on a GPU or `meta`.
    """
    if not instances.is_cuda and not instances.is_meta:  # a look at the values would make a GPU wait
        wrong = instances[(instances < 0) | (instances >= _IDS)]
        if wrong.numel():
            raise ValueError(f"instance ids must be 0 to {_IDS - 1}, found {int(wrong[0])}")
    values = features.double().flatten(2)  # float32 would lose small values in the sums of large instances
    index = instances.flatten(1).unsqueeze(1)
    everywhere = index.expand_as(values)
    bins = values.new_zeros(*values.shape[:2], _IDS)
    counts = bins[:, :1].scatter_add(2, index, values.new_ones(()).expand_as(index))
    means = bins.scatter_add(2, everywhere, values) / counts.clamp(min=1)
    return means.gather(2, everywhere).reshape(features.shape).float()


@dataclass(frozen=True)
class Objects:
    """The instances of one picture, in the order of their ids; on the CPU."""

    ids: Tensor
    """int64 `[N]`."""
    classes: Tensor
    """int64 `[N]`: the label that most pixels of each have, 255 where that is none."""
    areas: Tensor
    """int64 `[N]`, in pixels."""
    index: Tensor
    """int64 `[H, W]`: which of them each pixel belongs to."""

    @classmethod
    def of(cls, instances: Tensor, labels: Tensor) -> Objects:
        """Those of ids and labels `[H, W]`."""
        ids, index = torch.unique(instances.cpu(), return_inverse=True)
        votes = (index * (IGNORE + 1) + labels.cpu()).flatten().bincount(minlength=len(ids) * (IGNORE + 1))
        votes = votes.reshape(len(ids), IGNORE + 1)
        return cls(ids, votes.argmax(1), votes.sum(1), index)

    def means(self, features: Tensor) -> Tensor:
        """float32 `[N, C]`: the mean of `features` `[C, H, W]` over each."""
        values = features.detach().cpu().double().flatten(1).T
        sums = values.new_zeros(len(self.ids), values.shape[1]).index_add_(0, self.index.flatten(), values)
        return (sums / self.areas.unsqueeze(1)).float()

    def paint(self, values: Tensor) -> Tensor:
        """`[C, H, W]` of which each object's pixels have its row of `values` `[N, C]`."""
        return values[self.index].movedim(-1, 0)


def moved(features: Tensor, content: Objects, objects: Objects) -> Tensor:
    """Features `[N, C]` for `objects`, of `content`'s own: those of the same id and class, else its class's mean.

    `features` `[M, C]` belong to `content`. Means count pixels. Classes that `content` lacks get zeros, pixels of no
    class too.
    """
    found = torch.zeros(len(objects.ids), features.shape[1])
    for row, (identity, kind) in enumerate(zip(objects.ids.tolist(), objects.classes.tolist(), strict=True)):
        alike = content.classes == kind
        same = alike & (content.ids == identity)
        chosen = same if bool(same.any()) else alike
        if kind != IGNORE and bool(chosen.any()):
            weights = content.areas[chosen].float()
            found[row] = weights @ features[chosen] / weights.sum()
    return found


class FeatureCentres(nn.Module):
    """For each class the typical features of its instances, by k-means; kept in buffers, zeros before `fit`."""

    centres: Tensor
    """`[classes, K, C]`, those of most instances first."""
    counts: Tensor
    """int64 `[classes]`: how many of K there are."""

    def __init__(self, classes: int, centres: int, channels: int) -> None:
        super().__init__()
        self.register_buffer("centres", torch.zeros(classes, centres, channels))
        self.register_buffer("counts", torch.zeros(classes, dtype=torch.int64))

    def fit(self, features: Tensor, classes: Tensor) -> None:
        """Find the centres of `features` `[N, C]` of instances of `classes` `[N]`; 255 belongs to none."""
        self.centres.zero_()
        self.counts.zero_()
        for kind, room in enumerate(self.centres):
            points = features[classes == kind]
            if len(points):
                found = kmeans(points, len(room), generator("centres", kind))
                room[: len(found)] = found
                self.counts[kind] = len(found)

    def draw(self, classes: Tensor, stream: torch.Generator, choice: Mapping[int, int]) -> Tensor:
        """A centre `[N, C]` for each instance of `classes` `[N]`, on the CPU: that of `choice`, or any at random.

        Zeros where a class has none. Raises `ValueError` where `choice` names one that a class with centres lacks.
        """
        counts, centres = self.counts.cpu(), self.centres.cpu()
        known = classes.where(classes < len(counts), 0)
        available = counts[known] * (classes < len(counts))
        index = (torch.rand(len(classes), generator=stream, dtype=torch.float64) * available).long()
        for kind, centre in choice.items():
            if kind >= len(counts):
                raise ValueError(f"a centre can be chosen for classes 0 to {len(counts) - 1}, found class {kind}")
            if 0 < counts[kind] <= centre:
                raise ValueError(f"class {kind} has centres 0 to {int(counts[kind]) - 1} to choose, found {centre}")
            index[classes == kind] = centre
        return centres[known, index] * (available > 0).unsqueeze(1)
