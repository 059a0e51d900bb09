from __future__ import annotations

import pytest
import torch

from i2ibench.adapter import Shape
from i2ibench.adapters.starganv2 import StarGANv2
from i2ibench.errors import BenchError
from i2ibench.models.method import Batch
from i2ibench.models.starganv2 import StarGANv2Config
from i2ibench.task import Resolution


@pytest.mark.parametrize(("style", "exemplars"), [("latent", 0), ("exemplar", 1)])
def test_reads_exemplars_where_styles_are_theirs(style: str, exemplars: int) -> None:
    card = StarGANv2.card_for(StarGANv2.configure("paper", {"style": style}))
    assert (card.exemplars, card.stochastic, card.needs) == (exemplars, True, frozenset())


def test_published_settings() -> None:
    paper, afhq = StarGANv2.configure("paper"), StarGANv2.configure("afhq")
    assert paper == StarGANv2Config()
    assert (paper.ds_weight, afhq.ds_weight) == (1, 2)
    assert StarGANv2.batch_size["paper"] * 2 == StarGANv2.batch_size["afhq"] * 2 == 8
    augmentation = StarGANv2.augmentation(paper)
    assert (augmentation.area, augmentation.aspect, augmentation.probability) == ((0.8, 1.0), (0.9, 1.1), 0.5)
    assert augmentation.mirror
    assert not StarGANv2.augmentation(StarGANv2.configure("digits")).mirror


@pytest.mark.parametrize(
    ("resolution", "told"),
    [
        ("96x128", "power of two, at least 32, and the task's are 96x128: choose"),
        ("16x64", "power of two, at least 32, and the task's are 16x64: choose"),
        ("66x64", "multiples of 16, and the task's are 66x64: choose"),
        ("32x36", "multiples of 8, and the task's are 32x36: choose"),
    ],
)
def test_refuses_pictures_that_do_not_fit(resolution: str, told: str) -> None:
    with pytest.raises(BenchError, match=f"starganv2.*{told}"):
        StarGANv2.build(StarGANv2.configure("small"), Shape(resolution=Resolution.parse(resolution)))


@pytest.mark.parametrize("resolution", ["32x32", "32x40", "128x64"])
def test_smallest_and_oblong_pictures_are_trained_on_and_translated(resolution: str) -> None:
    size = Resolution.parse(resolution)
    config = StarGANv2.configure("small", {"base": "128", "max_dim": "4", "mapping_dim": "4"})
    method = StarGANv2.build(config, Shape(resolution=size))
    batch = Batch(("a",), *torch.rand(2, 1, 3, *size))
    for update in method.updates(batch, 0):
        assert torch.isfinite(update.loss)  # type: ignore[union-attr]
    assert StarGANv2.translate(method, batch, seed=0).shape == batch.source.shape
