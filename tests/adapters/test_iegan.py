from __future__ import annotations

import pytest
import torch

from i2ibench import weights
from i2ibench.adapter import Shape
from i2ibench.adapters.iegan import IEGAN
from i2ibench.errors import BenchError
from i2ibench.models.iegan import IEGAN as Model
from i2ibench.models.method import Batch
from i2ibench.task import Need, Resolution

TINY = {"ch": "2", "n_res": "1"}


def build(resolution: str, **overrides: str) -> Model:
    config = IEGAN.configure("small", {**TINY, **overrides})
    method = IEGAN.build(config, Shape(resolution=Resolution.parse(resolution)))
    assert isinstance(method, Model)
    return method


@pytest.mark.parametrize("resolution", ["64x80", "48x64"])
def test_refuses_sides_that_are_not_kept(resolution: str) -> None:
    with pytest.raises(BenchError, match=f"multiples of 32, and the task's are {resolution}: choose others"):
        build(resolution)


@pytest.mark.parametrize(("n_dis", "least"), [(7, 96), (6, 64)])
def test_refuses_pictures_that_are_too_small_and_takes_the_next_larger(n_dis: int, least: int) -> None:
    method = build(f"{least}x{least + 32}", n_dis=str(n_dis))
    batch = Batch(("a",), *(torch.rand(1, 3, least, least + 32) * 2 - 1 for _ in range(2)))
    assert all(torch.isfinite(update.loss) for update in method.updates(batch, 0))
    with pytest.raises(BenchError, match=f"n_dis={n_dis} needs sides of at least {least} pixels.*: (use|choose)"):
        build(f"{least - 32}x{least}", n_dis=str(n_dis))


def test_the_way_out_is_one() -> None:
    with pytest.raises(BenchError, match=r"64x128: use --set n_dis=6$"):
        build("64x128", n_dis="7")
    build("64x128", n_dis="6")
    with pytest.raises(BenchError, match=r"32x64: choose larger sides$"):
        build("32x64")


def test_pretrained_trunks_are_of_the_published_width() -> None:
    with pytest.raises(BenchError, match=r"iegan: ch must be 64, .*found 32: use trunk=untrained"):
        IEGAN.configure("paper", {"ch": "32"})
    assert IEGAN.configure("paper", {"ch": "32", "trunk": "untrained"}).ch == 32


def test_weights_have_a_card() -> None:
    assert IEGAN.weights(IEGAN.configure("paper")) == ("resnet18",)
    assert IEGAN.weights(IEGAN.configure("paper", {"trunk": "untrained"})) == ()
    card = weights.cards()["resnet18"]
    assert card.url is not None
    assert card.url().endswith(card.file)
    assert card.file == f"resnet18-{card.sha256}.pth"


def test_card() -> None:
    cards = [IEGAN.card_for(IEGAN.configure("small", {"direction": way})) for way in ("forward", "backward")]
    assert [card.backward for card in cards] == [False, True]
    assert IEGAN.card.needs == frozenset[Need]()


def test_augmentation_is_the_published_one() -> None:
    found = IEGAN.augmentation(IEGAN.configure("paper"))
    assert (round(256 * found.scale), found.mirror, found.crop) == (286, True, None)
