from __future__ import annotations

import pytest

from i2ibench import registry
from i2ibench.data.layouts.camvid import CamVid
from i2ibench.data.layouts.pairs import PairedFolders, SideBySide
from i2ibench.task import Files, Level, Need, Resolution, Task
from i2ibench.tasks import paired
from i2ibench.tasks.labels import CAMVID

CARDS = {card.name: card for card in vars(paired).values() if isinstance(card, Task)}
LAYOUTS = {"side-by-side": SideBySide, "paired-folders": PairedFolders, "camvid": CamVid}


@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)
def test_cards_are_whole(card: Task) -> None:
    assert isinstance(card.data, Files) and card.data.obtain and card.licence and card.citation
    layout = LAYOUTS[card.data.layout](**card.data.options)
    assert layout.tree
    assert set(card.metrics) <= set(registry.metrics())
    assert set(card.splits) == {"train", "val", "test"} and not card.targets
    assert len(card.resolutions) >= 2 and any(small < card.resolution() for small in card.resolutions)
    read = Task.model_validate_json(card.model_dump_json())
    assert LAYOUTS[card.data.layout](**read.data.options) == layout  # type: ignore[union-attr]


def test_levels_and_what_is_given() -> None:
    assert set(CARDS) == {
        "facades", "maps", "edges2shoes", "edges2handbags", "lol", "sidd", "camvid-label2photo",
    }  # fmt: skip
    for card in CARDS.values():
        assert card.level is Level.STRONG and card.supervision == "paired"
        labelled = card.name == "camvid-label2photo"
        assert card.gives == ({Need.PAIRS, Need.LABELS} if labelled else {Need.PAIRS})
        assert (card.labels is CAMVID) == labelled == ("psp" in card.metrics)
        assert {"lpips", "ssim", "psnr", "bpd"} <= set(card.metrics)


def test_counts_add_up_to_the_archives() -> None:
    known = {"maps": 1096, "edges2shoes": 49825, "edges2handbags": 138567, "lol": 485, "sidd": 320}
    for name, total in known.items():
        assert CARDS[name].splits["train"] + CARDS[name].splits["val"] == total
        one_in = CARDS[name].data.options.get("one_in", 10)  # type: ignore[union-attr]
        assert CARDS[name].splits["val"] == total // one_in
    assert CARDS["lol"].resolution() == Resolution(400, 600)


def test_which_side_is_the_source() -> None:
    sides = {name: card.data.options.get("source") for name, card in CARDS.items()}  # type: ignore[union-attr]
    assert sides["facades"] == "right"
    assert sides["maps"] == sides["edges2shoes"] == sides["edges2handbags"] == "left"
