from __future__ import annotations

import pytest
import torch

from i2ibench.adapter import Augmentation, Shape
from i2ibench.adapters.cut import CUT
from i2ibench.errors import BenchError
from i2ibench.models.method import Batch, Update
from i2ibench.task import Resolution


@pytest.mark.parametrize(
    ("n_layers", "side", "told"),
    [
        (3, 20, "n_layers=3 needs sides of at least 24 pixels, and those trained on are 20x64: use --set n_layers=2"),
        (
            4,
            8,
            "n_layers=4 needs sides of at least 48 pixels, and those trained on are 8x64: use --set n_layers=1",
        ),
        (1, 4, "n_layers=1 needs sides of at least 6 pixels, and those trained on are 4x64: choose larger"),
    ],
)
def test_refuses_pictures_smaller_than_a_patch(n_layers: int, side: int, told: str) -> None:
    config = CUT.configure("small", {"n_layers": str(n_layers)})
    with pytest.raises(BenchError, match=told):
        CUT.build(config, Shape(resolution=Resolution(side, 64)))


@pytest.mark.parametrize("antialias", ["true", "false"])
def test_the_smallest_pictures_that_fit_train(antialias: str) -> None:
    config = CUT.configure("small", {"ngf": "4", "ndf": "4", "antialias": antialias, "netf_nc": "4"})
    with torch.random.fork_rng():
        torch.manual_seed(0)
        method = CUT.build(config, Shape(resolution=Resolution(12, 12)))
        pictures = torch.rand(2, 1, 3, 12, 12)
        for yielded in method.updates(Batch(("a",), *pictures), 0):
            for update in (yielded,) if isinstance(yielded, Update) else yielded:
                update.loss.backward(retain_graph=True)
                assert torch.isfinite(update.loss)


@pytest.mark.parametrize(("preset", "base"), [("fastcut", "paper"), ("small_fast", "small")])
def test_fastcut_differs_from_cut_by_its_published_numbers_alone(preset: str, base: str) -> None:
    fast, plain = vars(CUT.configure(preset)), vars(CUT.configure(base))
    assert {name: (plain[name], value) for name, value in fast.items() if value != plain[name]} == {
        "nce_weight": (1.0, 10.0),
        "identity": (True, False),
        "flip_equivariance": (False, True),
        "constant_epochs": (200, 150),
        "decay_epochs": (200, 50),
    }


def test_jitter_is_the_published_one() -> None:
    varied = CUT.augmentation(CUT.configure())
    assert (round(256 * varied.scale), varied.mirror, varied.crop) == (286, True, None)


def test_windows_are_trained_on_and_must_fit() -> None:
    size = Resolution(64, 128)
    config = CUT.configure("small", {"crop": "36", "load_scale": "1"})
    assert CUT.augmentation(config) == Augmentation(crop=Resolution(36, 36), mirror=True)
    CUT.build(config, Shape(resolution=size))
    with pytest.raises(BenchError, match="multiples of 4, and crop asks for 30x30: choose others"):
        CUT.build(CUT.configure("small", {"crop": "30"}), Shape(resolution=size))
    with pytest.raises(BenchError, match="12 pixels, and those trained on are 8x8: use --set n_layers=1"):
        CUT.build(CUT.configure("small", {"crop": "8"}), Shape(resolution=size))
