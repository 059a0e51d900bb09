"""Every metric against an independent reference on the same pictures: python benchmarks/references.py

Writes the table of `docs/metrics.md`; `tests/metrics/test_references.py` runs the same comparisons and holds the table
to them. Networks have random weights in the real ones' shape and scale: what is compared is everything else.
"""

from __future__ import annotations

import itertools
import math
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from numpy.typing import ArrayLike

HEADING = ("metric", "reference", "pictures", "differs by at most", "where it differs")
WITHIN = 1e-5
"""Relative difference from which a row must say why."""
FLOOR, SINGLE_FLOOR = 1e-12, 2e-6
"""What no bound is below: sums in another order, in double and in single precision."""


@dataclass(frozen=True)
class Row:
    """One comparison."""

    metrics: str
    reference: str
    pictures: int
    difference: float
    """The largest relative difference found."""
    why: str = ""
    """Of more than `WITHIN`."""
    counts: bool = False
    """Both count, so that they are equal or wrong."""
    single: bool = False
    """By a network in single precision, or a fit that ends before its last digits: other processors round otherwise."""

    @property
    def bound(self) -> float:
        """What the table says: a power of ten, with room for another machine's rounding."""
        if self.counts:
            return SINGLE_FLOOR  # a share of a few pictures that another number of them makes differs by far more
        floor, room = SINGLE_FLOOR if self.single else FLOOR, 3 if self.difference < WITHIN else 1.5
        needed = room * self.difference
        return floor if needed <= floor else float(10.0 ** math.ceil(math.log10(needed)))

    @property
    def cells(self) -> tuple[str, ...]:
        """Its line of the table."""
        told = "equal" if self.counts else f"{self.bound:.0e}".replace("e-0", "e-")
        return self.metrics, self.reference, str(self.pictures), told, self.why


def rows() -> list[Row]:
    """All comparisons."""
    import references_of_classes
    import references_of_pictures
    import references_of_sets

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder, random_networks(Path(folder)) as files:
        return [
            *references_of_sets.rows(Path(folder), files),
            *references_of_pictures.rows(files),
            *references_of_classes.rows(),
        ]


def counted(metrics: str, reference: str, pictures: int, ours: ArrayLike, theirs: ArrayLike) -> Row:
    """The comparison of shares, which must be telling: 0 and 1 agree too easily."""
    shares = np.asarray(theirs, np.float64)
    assert ((shares > 0) & (shares != 1)).all(), f"{metrics} are {shares}"
    return Row(metrics, reference, pictures, difference(ours, theirs), counts=True)


def difference(ours: ArrayLike, theirs: ArrayLike) -> float:
    """The largest relative difference of numbers that belong together."""
    first, second = (np.asarray(values, np.float64) for values in (ours, theirs))
    assert first.shape == second.shape, f"{first.shape} against {second.shape}"
    assert np.isfinite(second).all(), "a reference without a value says nothing"
    return float(np.max(np.abs(first - second) / np.maximum(np.abs(second), np.finfo(np.float64).tiny)))


def pictures(count: int, size: tuple[int, int], seed: int) -> np.ndarray:
    """Smooth random pictures with some noise, uint8 `[count, H, W, 3]`."""
    draw = np.random.default_rng(seed)
    coarse = draw.integers(0, 256, (count, -(-size[0] // 8), -(-size[1] // 8), 3))
    blocks = coarse.repeat(8, axis=1).repeat(8, axis=2)[:, : size[0], : size[1]]
    return np.clip(blocks + draw.normal(0, 8, blocks.shape), 0, 255).astype(np.uint8)


@contextmanager
def random_networks(folder: Path) -> Iterator[dict[str, Path]]:
    """Inception, AlexNet and VGG16 of random weights in the place of the real ones, in files of their formats."""
    from safetensors.torch import save_file
    from torch_fidelity import feature_extractor_inceptionv3 as module
    from torchvision.models import alexnet
    from torchvision.models.vgg import cfgs, make_layers

    from i2ibench import weights

    kind = module.FeatureExtractorInceptionV3
    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(module, "load_state_dict_from_url", lambda *_, **__: {}))
        stack.enter_context(mock.patch.object(kind, "load_state_dict", lambda *_: None))
        network = kind("inception-v3-compat", ["2048"])
    torch.manual_seed(0)
    trunks = {"alexnet": alexnet().features, "vgg16": make_layers(cfgs["D"])}
    for part in itertools.chain(network.modules(), *(trunk.modules() for trunk in trunks.values())):
        if isinstance(part, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(part.weight)
    files = {"inception": folder / "inception.pth"}
    torch.save(network.state_dict(), files["inception"])
    for name, trunk in trunks.items():
        files[name] = folder / f"{name}.safetensors"
        save_file({f"features.{key}": value for key, value in trunk.state_dict().items()}, files[name])
    others = weights.path
    with mock.patch.object(weights, "path", lambda name: files.get(name) or others(name)):
        yield files


def cells(found: Sequence[Row]) -> list[tuple[str, ...]]:
    """The table of these rows."""
    return [row.cells for row in found]


if __name__ == "__main__":
    import documented

    documented.write("references", HEADING, cells(rows()))
