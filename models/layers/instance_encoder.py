"""pix2pixHD's encoder of objects, and where features come from when there is nothing to encode (arXiv 1711.11585,
section 3.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from i2ibench.models.layers.instance_features import FeatureCentres, Objects, instance_means, moved
from i2ibench.models.layers.norms import Norm
from i2ibench.models.layers.pyramid import pyramid
from i2ibench.models.layers.resnet import ResNet
from i2ibench.models.method import Batch, generator, required

_READER = "pix2pixhd with features=true"


class InstanceEncoder(nn.Module):
    """E, an encoder-decoder whose output is averaged over each instance, and the typical features of `classes`.

    It looks at pictures halved `reductions` times, and what it gives is enlarged again; their sides are multiples of
    2^(halvings + reductions) then. All maps of features are `[B, channels, H, W]`, constant over an instance.
    """

    def __init__(
        self, channels: int, width: int, halvings: int, norm: Norm, reductions: int, classes: int, centres: int
    ) -> None:
        super().__init__()
        self.reductions = reductions
        self.network = ResNet(3, channels, 0, width, norm, halvings=halvings, bias=True)
        self.centres = FeatureCentres(classes, centres, channels)

    def forward(self, pictures: Tensor, instances: Tensor) -> Tensor:
        """The features of pictures `[B, 3, H, W]` with instance ids `[B, H, W]`; in float32."""
        return instance_means(self._encoded(pictures), instances)

    def fit(self, batches: Iterable[Batch], least_area: float) -> None:
        """Find the classes' centres among the features of all instances larger than `least_area` of their picture."""
        features: list[Tensor] = []
        classes: list[Tensor] = []
        for batch in batches:
            for objects, means in self._described(batch):
                large = objects.areas > least_area * objects.index.numel()
                features.append(means[large])
                classes.append(objects.classes[large])
        self.centres.fit(torch.cat(features), torch.cat(classes))

    def drawn(self, batch: Batch, choice: Mapping[int, int], seed: int, sample: int) -> Tensor:
        """A centre of its class for each instance: that of `choice`, or one drawn by (seed, picture's name, sample)."""
        maps = []
        for name, objects in zip(batch.names, _objects(batch), strict=True):
            stream = generator(seed, "feature", name, sample)
            maps.append(objects.paint(self.centres.draw(objects.classes, stream, choice)))
        return torch.stack(maps)

    def transferred(self, content: Batch, batch: Batch) -> Tensor:
        """For the instances of `batch` the features of `content`'s targets, picture by picture: see `moved`."""
        pairs = zip(self._described(content), _objects(batch), strict=True)
        return torch.stack([objects.paint(moved(means, there, objects)) for (there, means), objects in pairs])

    def _encoded(self, pictures: Tensor) -> Tensor:
        maps: Tensor = self.network(pyramid(pictures, self.reductions + 1)[-1])
        return F.interpolate(maps, pictures.shape[2:], mode="nearest") if self.reductions else maps

    def _described(self, batch: Batch) -> list[tuple[Objects, Tensor]]:
        """Each picture's objects, and the features `[N, channels]` that its target gives them."""
        maps = self._encoded(required(batch.target, "targets", _READER))
        return [(objects, objects.means(one)) for objects, one in zip(_objects(batch), maps, strict=True)]


def _objects(batch: Batch) -> list[Objects]:
    labels = required(batch.labels, "label maps", _READER)
    instances = required(batch.instances, "instance maps", _READER)
    return [Objects.of(*maps) for maps in zip(instances, labels, strict=True)]
