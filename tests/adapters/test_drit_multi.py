from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch

from i2ibench.adapter import Shape
from i2ibench.adapters.drit_multi import DRITMulti
from i2ibench.errors import BenchError
from i2ibench.models.drit_multi import DRITMultiConfig
from i2ibench.models.method import Batch
from i2ibench.task import Need, Resolution

TINY = {"dim": "2", "nz": "2", "n_res": "1", "mlp_dim": "4", "dis_dim": "2"}
LEAST = {"n_layers": "1", "attribute_halvings": "1"}


@pytest.mark.parametrize(("style", "exemplars"), [("sampled", 0), ("exemplar", 1)])
def test_reads_classes_and_exemplars_where_attributes_are_theirs(style: str, exemplars: int) -> None:
    card = DRITMulti.card_for(DRITMulti.configure("paper", {"style": style}))
    assert (card.exemplars, card.stochastic, card.backward) == (exemplars, True, False)
    assert (card.needs, card.batch_multiple) == ({Need.CLASSES}, 1)


def test_published_settings() -> None:
    paper, shapes, small = (DRITMulti.configure(name) for name in ("paper", "shapes", "small"))
    assert paper == DRITMultiConfig()
    assert (paper.concat, shapes.concat, paper.mode_seeking) == (True, False, False)
    assert (paper.recognition_weight, paper.class_weight, paper.content_gan_weight, paper.d_iter) == (1, 5, 1, 3)
    assert all(DRITMulti.batch_size.get(preset, 1) == 1 for preset in DRITMulti.presets)
    assert DRITMulti.augmentation(paper).crop == Resolution(216, 216)
    assert (DRITMulti.augmentation(paper).scale, DRITMulti.augmentation(paper).mirror) == (1, True)
    assert DRITMulti.augmentation(small).crop is None


@pytest.mark.parametrize(
    ("preset", "overrides", "resolution", "told"),
    [
        ("small", {}, "64x66", "multiples of 4, and the task's are 64x66: choose other sides"),
        ("small", {"crop": "54"}, "64x64", "multiples of 4, and crop asks for 54x54: choose other sides"),
        ("small", {}, "12x64", "attribute_halvings=4 needs sides of at least 16 .*12x64: use a smaller"),
        ("paper", {}, "64x64", "crop=216 do not fit into pictures of 64x64: use --set crop=N of at most 64,"),
        ("paper", {"crop": "0"}, "32x64", "with n_layers=6 need sides of at least 33 .*32x64: use a smaller n_layers,"),
        ("paper", {"crop": "208"}, "256x256", "at least 209 .*crop asks for 208x208: use --set content_layers=3"),
        ("small", {}, "48x64", "at least 49 .*48x64: use --set content_layers=1 --set content_kernel=3"),
    ],
)
def test_refuses_pictures_that_do_not_fit(
    preset: str, overrides: Mapping[str, str], resolution: str, told: str
) -> None:
    shape = Shape(resolution=Resolution.parse(resolution), classes=3)
    with pytest.raises(BenchError, match=f"drit_multi.*{told}"):
        DRITMulti.build(DRITMulti.configure(preset, {**TINY, **overrides}), shape)


def test_refuses_pictures_of_no_classes() -> None:
    with pytest.raises(BenchError, match=r"drit_multi translates between classes.*of none: choose a task that has"):
        DRITMulti.build(DRITMulti.configure("small", TINY), Shape(resolution=Resolution(64, 64)))


@pytest.mark.parametrize(
    ("preset", "overrides", "resolution"),
    [
        ("paper", {}, "216x216"),
        ("paper", {"crop": "0", "content_layers": "2", "content_kernel": "3"}, "64x64"),
        ("paper", {"crop": "0", "content_gan_weight": "0"}, "36x40"),
        ("small", {"content_layers": "1", "concat": "false"}, "32x64"),
        ("small", {**LEAST, "content_gan_weight": "0"}, "8x12"),
    ],
)
def test_smallest_pictures_are_trained_on_and_translated(
    preset: str, overrides: Mapping[str, str], resolution: str
) -> None:
    """Those that the refusals name as the least, and their ways out."""
    size = Resolution.parse(resolution)
    method = DRITMulti.build(DRITMulti.configure(preset, {**TINY, **overrides}), Shape(resolution=size, classes=3))
    batch = Batch(("a", "b"), *torch.rand(2, 2, 3, *size), classes=torch.tensor([[0, 1], [2, 0]]))
    for step in range(3):
        for update in method.updates(batch, step):
            assert torch.isfinite(update.loss)
    assert DRITMulti.translate(method, batch, seed=0).shape == batch.source.shape


def test_kernel_of_classes_is_of_the_windows_that_are_trained_on() -> None:
    config = DRITMulti.configure("paper", TINY)
    with torch.device("meta"):
        method = DRITMulti.build(config, Shape(resolution=Resolution(256, 512), classes=3))
    assert method.get_submodule("discriminator.classes").kernel_size == (3, 3)
