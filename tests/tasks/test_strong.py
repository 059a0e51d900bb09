from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from i2ibench import registry
from i2ibench.task import Level, Need, Resolution, Task
from i2ibench.tasks.strong import AERIAL2MAP, STREETS_LABEL2PHOTO

CARDS = [AERIAL2MAP, STREETS_LABEL2PHOTO]


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_cards_are_registered_and_name_their_data(card: Task) -> None:
    assert registry.task(card.id) is card
    assert card.level is Level.STRONG and card.paired
    assert set(card.splits) == {"train", "val", "test"}
    assert set(card.metrics) <= set(registry.metrics())
    module, _, function = card.data.partition(":")
    assert callable(getattr(importlib.import_module(module), function))


def test_what_the_cards_give() -> None:
    assert AERIAL2MAP.gives == {Need.PAIRS} and AERIAL2MAP.labels is None
    assert STREETS_LABEL2PHOTO.gives == {Need.PAIRS, Need.LABELS, Need.INSTANCES}
    assert STREETS_LABEL2PHOTO.labels is not None and len(STREETS_LABEL2PHOTO.labels) == 19
    assert "psp" in STREETS_LABEL2PHOTO.metrics and "psp" not in AERIAL2MAP.metrics


def test_default_resolutions() -> None:
    assert AERIAL2MAP.resolution() == Resolution(64, 64)
    assert STREETS_LABEL2PHOTO.resolution() == Resolution(64, 128)


def test_cards_import_nothing_heavy() -> None:
    heavy = ("torch", "numpy", "PIL", "datasets")
    code = f"import sys, i2ibench.tasks.strong; print([name for name in {heavy} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
