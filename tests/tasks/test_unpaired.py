from __future__ import annotations

import pytest

from i2ibench import registry
from i2ibench.data.layouts.domains import Domains
from i2ibench.task import Files, Level, Task
from i2ibench.tasks import unpaired

CARDS = {card.name: card for card in vars(unpaired).values() if isinstance(card, Task)}
TRAINING = {
    "cat2dog": (771, 1264),
    "cats-and-dogs": (1000, 1000),
    "horse2zebra": (1067, 1334),
    "summer2winter-yosemite": (1231, 962),
    "monet2photo": (1072, 6287),
    "vangogh2photo": (400, 6287),
    "selfie2anime": (3400, 3400),
    "portrait": (6452, 1811),
    "afhq-cat2dog": (5153, 4739),
}


@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)
def test_cards_are_whole(card: Task) -> None:
    assert isinstance(card.data, Files) and card.data.layout == "domains" and card.data.obtain and card.licence
    layout = Domains(**card.data.options)
    assert layout.tree
    read = Task.model_validate_json(card.model_dump_json())
    assert Domains(**read.data.options) == layout  # type: ignore[union-attr]
    assert card.supervision == "unpaired" and not card.gives
    assert set(card.splits) == set(card.targets) == {"train", "val", "test"}
    assert set(card.metrics) <= set(registry.metrics())
    assert not {"lpips", "ssim", "psnr", "bpd"} & set(card.metrics)  # no picture is the right answer
    assert len(card.resolutions) >= 2 and any(small < card.resolution() for small in card.resolutions)


def test_levels() -> None:
    normal = {name for name, card in CARDS.items() if card.level is Level.NORMAL}
    assert normal == {"summer2winter-yosemite", "monet2photo", "vangogh2photo"}
    assert all(card.level is Level.WEAK for name, card in CARDS.items() if name not in normal)


def test_a_tenth_of_what_the_archives_hold_validates() -> None:
    assert set(CARDS) == set(TRAINING)
    for name, totals in TRAINING.items():
        for counts, total in zip((CARDS[name].splits, CARDS[name].targets), totals, strict=True):
            assert (counts["train"] + counts["val"], counts["val"]) == (total, total // 10)
