from __future__ import annotations

import pytest
import torch

from i2ibench.adapter import Shape
from i2ibench.adapters.cyclegan import CycleGAN
from i2ibench.errors import BenchError
from i2ibench.models.cyclegan import CycleGAN as Model
from i2ibench.models.method import Batch
from i2ibench.task import Need, Resolution

TINY = {"ngf": "2", "ndf": "2", "blocks": "1", "n_layers": "1", "pool_size": "2"}


def build(resolution: str, **overrides: str) -> Model:
    config = CycleGAN.configure("small", {**TINY, **overrides})
    method = CycleGAN.build(config, Shape(resolution=Resolution.parse(resolution)))
    assert isinstance(method, Model)
    return method


@pytest.mark.parametrize("resolution", ["64x66", "70x64", "4x64"])
def test_refuses_sides_that_do_not_fit_the_resnet(resolution: str) -> None:
    told = f"ResNet needs sides that are multiples of 4, at least 8, and the task's are {resolution}: choose another"
    with pytest.raises(BenchError, match=told):
        build(resolution)


def test_direction_is_on_the_card() -> None:
    cards = [CycleGAN.card_for(CycleGAN.configure("small", {"direction": way})) for way in ("forward", "backward")]
    assert [card.backward for card in cards] == [False, True]


def test_the_way_out_of_levels_that_do_not_fit_is_one() -> None:
    with pytest.raises(BenchError, match=r"U-Net of 8 levels .* multiples of 256.*: use --set levels=5 or fewer"):
        build("64x96", generator="unet", levels="8")
    build("64x96", generator="unet", levels="5")


@pytest.mark.parametrize(("n_layers", "least"), [(1, 8), (2, 12), (3, 24)])
def test_refuses_pictures_smaller_than_a_patch_and_takes_the_next_larger(n_layers: int, least: int) -> None:
    method = build(f"{least}x{2 * least}", n_layers=str(n_layers))
    batch = Batch(("a",), *(torch.rand(1, 3, least, 2 * least) * 2 - 1 for _ in range(2)))
    assert all(torch.isfinite(update.loss) for update in method.updates(batch, 0))
    with pytest.raises(BenchError, match=rf"{least - 4}x{2 * least}: (use --set n_layers=1|choose another)"):
        build(f"{least - 4}x{2 * least}", n_layers=str(n_layers))


def test_windows_are_what_pools_store_and_must_fit_too() -> None:
    method = build("64x128", crop="36")
    assert method.pool_a.pictures.shape == method.pool_b.pictures.shape == (2, 3, 36, 36)
    assert build("64x128").pool_a.pictures.shape == (2, 3, 64, 128)
    with pytest.raises(BenchError, match=r"crop asks for 30x30: use --set crop=0 or another"):
        build("64x128", crop="30")


def test_augmentation_is_the_published_one() -> None:
    paper = CycleGAN.augmentation(CycleGAN.configure("paper"))
    assert (round(256 * paper.scale), paper.mirror, paper.crop) == (286, True, None)
    streets = CycleGAN.augmentation(CycleGAN.configure("paper128"))
    assert round(128 * streets.scale) == 143
    large = CycleGAN.augmentation(CycleGAN.configure("paper", {"crop": "360", "load_scale": "1"}))
    assert (large.scale, large.crop) == (1, Resolution(360, 360))


def test_needs_neither_pairs_nor_anything_else() -> None:
    assert CycleGAN.card.needs == frozenset[Need]()


def test_goes_one_by_one_with_batch_norm_alone() -> None:
    for norm in ("instance", "batch", "none"):
        assert CycleGAN.card_for(CycleGAN.configure("paper", {"norm": norm})).one_by_one == (norm == "batch")


def test_direction_may_change_without_training_again() -> None:
    forward, backward = build("16x16"), build("16x16", direction="backward")
    backward.load_state_dict(forward.state_dict())
    batch = Batch(("a",), torch.rand(1, 3, 16, 16) * 2 - 1)
    torch.testing.assert_close(backward.translate(batch, seed=0), forward.generator_ba(batch.source))
    torch.testing.assert_close(forward.translate(batch, seed=0), forward.generator_ab(batch.source))
