from __future__ import annotations

import pytest
import torch

from i2ibench.adapter import Shape
from i2ibench.adapters.nicegan import NICEGAN
from i2ibench.errors import BenchError
from i2ibench.models.method import Batch
from i2ibench.models.nicegan import NICEGAN as Model
from i2ibench.task import Need, Resolution

TINY = {"ch": "2", "n_res": "1"}


def build(resolution: str, **overrides: str) -> Model:
    config = NICEGAN.configure("small", {**TINY, **overrides})
    method = NICEGAN.build(config, Shape(resolution=Resolution.parse(resolution)))
    assert isinstance(method, Model)
    return method


@pytest.mark.parametrize("resolution", ["64x66", "70x64"])
def test_refuses_sides_that_are_not_kept(resolution: str) -> None:
    with pytest.raises(BenchError, match=f"multiples of 4, and the task's are {resolution}: choose others"):
        build(resolution)


@pytest.mark.parametrize(("n_dis", "least"), [(7, 96), (6, 48)])
def test_refuses_pictures_smaller_than_a_patch_and_takes_the_next_larger(n_dis: int, least: int) -> None:
    method = build(f"{least}x{least + 4}", n_dis=str(n_dis))
    batch = Batch(("a",), *(torch.rand(1, 3, least, least + 4) * 2 - 1 for _ in range(2)))
    assert all(torch.isfinite(update.loss) for update in method.updates(batch, 0))
    with pytest.raises(BenchError, match=f"n_dis={n_dis} need sides of at least {least} pixels.*: (use|choose)"):
        build(f"{least - 4}x{least}", n_dis=str(n_dis))


def test_the_way_out_is_one() -> None:
    with pytest.raises(BenchError, match=r"64x128: use --set n_dis=6$"):
        build("64x128", n_dis="7")
    build("64x128", n_dis="6")
    with pytest.raises(BenchError, match=r"44x128: choose larger sides$"):
        build("44x128", n_dis="6")


def test_the_light_version_is_the_default() -> None:
    assert NICEGAN.configure("paper").light
    assert not NICEGAN.configure("full").light
    assert build("48x64", light="false").generator_b[-1].modulation.positions == 12 * 16


def test_card() -> None:
    cards = [NICEGAN.card_for(NICEGAN.configure("small", {"direction": way})) for way in ("forward", "backward")]
    assert [card.backward for card in cards] == [False, True]
    assert NICEGAN.card.needs == frozenset[Need]()


def test_augmentation_is_the_published_one() -> None:
    found = NICEGAN.augmentation(NICEGAN.configure("paper"))
    assert (round(256 * found.scale), found.mirror, found.crop) == (286, True, None)
