from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch

from i2ibench import registry
from i2ibench.adapter import Shape
from i2ibench.adapters.init import INIT
from i2ibench.adapters.munit import MUNIT
from i2ibench.errors import BenchError
from i2ibench.models.init import INITConfig
from i2ibench.models.layers.unnormed_discriminator import smallest_side
from i2ibench.models.method import Batch
from i2ibench.task import Level, Need, Resolution

TINY = {"dim": "2", "n_res": "1", "mlp_dim": "4", "dis_dim": "2"}


@pytest.mark.parametrize(("style", "exemplars"), [("sampled", 0), ("exemplar", 1)])
def test_needs_boxes_and_reads_exemplars_where_styles_are_theirs(style: str, exemplars: int) -> None:
    card = INIT.card_for(INIT.configure("paper", {"style": style}))
    assert (card.exemplars, card.stochastic, card.needs) == (exemplars, True, {Need.BOXES})
    assert card.levels == {Level.NORMAL}


def test_direction_is_on_the_card() -> None:
    cards = [INIT.card_for(INIT.configure("small", {"direction": way})) for way in ("forward", "backward")]
    assert [card.backward for card in cards] == [False, True]


@pytest.mark.parametrize("task", ["aerial2map", "horse2zebra", "streets-label2photo"])
def test_refuses_tasks_without_boxes(task: str) -> None:
    told = f"task '{task}@1' gives no boxes, which init needs: choose one that does .i2ibench list tasks --needs boxes."
    with pytest.raises(BenchError, match=told):
        INIT.refuse(registry.task(task), INIT.configure("small"))


@pytest.mark.parametrize("task", ["streets-day2night", "streets-summer2winter", "init-sunny2night"])
def test_takes_tasks_with_boxes(task: str) -> None:
    INIT.refuse(registry.task(task), INIT.configure("small"))


def test_settings() -> None:
    paper, small, munit = INIT.configure("paper"), INIT.configure("small"), MUNIT.configure("small")
    assert paper == INITConfig()
    for field in ("dim", "n_res", "mlp_dim", "dis_dim", "n_layers", "scales", "recon_x_cyc_weight", "lr", "stages"):
        assert getattr(small, field) == getattr(munit, field)
    assert smallest_side(small.n_layers, small.instance_scales) <= small.instance_size
    assert smallest_side(small.n_layers, small.instance_scales + 1) > small.instance_size
    assert INIT.augmentation(paper).crop is None
    assert INIT.augmentation(paper).mirror
    assert INIT.augmentation(INIT.configure("paper", {"crop": "360"})).crop == Resolution(360, 360)
    assert INIT.weights(paper) == ()


@pytest.mark.parametrize(
    ("preset", "overrides", "resolution", "told"),
    [
        ("small", {}, "64x66", "n_downsample=2.*multiples of 4, and the task's are 64x66: choose other sides"),
        ("small", {"crop": "30"}, "64x64", "multiples of 4, and crop asks for 30x30: choose other sides"),
        ("small", {}, "12x64", "style_downsample=4 needs sides of at least 16 pixels.*12x64: use a smaller"),
        (
            "paper",
            {},
            "60x64",
            "scales=3 and n_layers=4 need sides of at least 61 pixels, .*60x64: use --set n_layers=4 --set scales=2",
        ),
        ("paper", {"style_downsample": "2"}, "12x64", "at least 61 .*12x64: use --set n_layers=3 --set scales=1"),
        ("paper", {"scales": "1"}, "20x64", "least_side=24 finds.*the task's are 20x64: use a smaller least_side"),
    ],
)
def test_refuses_pictures_that_do_not_fit(
    preset: str, overrides: Mapping[str, str], resolution: str, told: str
) -> None:
    shape = Shape(resolution=Resolution.parse(resolution))
    with pytest.raises(BenchError, match=f"init.*{told}"):
        INIT.build(INIT.configure(preset, {**TINY, **overrides}), shape)


@pytest.mark.parametrize(
    ("preset", "overrides", "resolution"),
    [
        ("paper", {}, "64x64"),
        ("paper", {"scales": "2", "instance_size": "64"}, "32x64"),
        ("paper", {"n_layers": "3", "scales": "1", "style_downsample": "2", "least_side": "12"}, "12x64"),
        ("small", {"crop": "16", "instance_scales": "2", "instance_size": "16"}, "64x64"),
    ],
)
def test_smallest_pictures_are_trained_on_and_translated(
    preset: str, overrides: Mapping[str, str], resolution: str
) -> None:
    """Those that the refusals name as the least, and their ways out."""
    size = Resolution.parse(resolution)
    config = INIT.configure(preset, {**TINY, **overrides})
    method = INIT.build(config, Shape(resolution=size))
    trained = INIT.augmentation(config).crop or size
    boxes = (torch.tensor([[0.0, 0, trained.width, trained.height, 0]]),)
    for update in method.updates(Batch(("a",), *torch.rand(2, 1, 3, *trained), boxes=boxes, target_boxes=boxes), 0):
        assert torch.isfinite(update.loss)
        assert all(value > 0 for value in update.logs.values())
    bare = Batch(("a",), torch.rand(1, 3, *size))
    assert INIT.translate(method, bare, seed=0).shape == bare.source.shape
