from __future__ import annotations

from i2ibench import registry
from i2ibench.data.layouts.style import Style
from i2ibench.task import Files, Fit, Level, Task
from i2ibench.tasks.art import COCO2WIKIART


def test_coco2wikiart_is_whole() -> None:
    card = COCO2WIKIART
    assert isinstance(card.data, Files) and card.data.layout == "style" and card.data.fit is Fit.COVER
    layout = Style(**card.data.options)
    assert layout.validate == card.splits["val"] == card.targets["val"] and layout.test == card.targets["test"]
    assert card.level is Level.NORMAL and card.supervision == "unpaired" and not card.gives
    assert card.splits["train"] + card.splits["val"] == 118287 and sum(card.targets.values()) == 81444
    assert set(card.metrics) <= set(registry.metrics())
    assert Task.model_validate_json(card.model_dump_json()) == card
