from __future__ import annotations

import pytest
import torch

from i2ibench.adapter import Shape
from i2ibench.adapters.ugatit import UGATIT
from i2ibench.errors import BenchError
from i2ibench.models.method import Batch
from i2ibench.models.ugatit import UGATIT as Model
from i2ibench.task import Need, Resolution

TINY = {"ch": "2", "n_res": "1"}


def build(resolution: str, **overrides: str) -> Model:
    config = UGATIT.configure("small", {**TINY, **overrides})
    method = UGATIT.build(config, Shape(resolution=Resolution.parse(resolution)))
    assert isinstance(method, Model)
    return method


@pytest.mark.parametrize("resolution", ["64x66", "70x64"])
def test_refuses_sides_that_generators_do_not_keep(resolution: str) -> None:
    with pytest.raises(BenchError, match=f"multiples of 4, and the task's are {resolution}: choose others"):
        build(resolution)


@pytest.mark.parametrize(("global_layers", "least"), [(7, 96), (6, 48), (5, 24), (4, 12)])
def test_refuses_pictures_smaller_than_a_patch_and_takes_the_next_larger(global_layers: int, least: int) -> None:
    layers = {"global_layers": str(global_layers), "local_layers": "4"}
    method = build(f"{least}x{least + 4}", **layers)
    batch = Batch(("a",), *(torch.rand(1, 3, least, least + 4) * 2 - 1 for _ in range(2)))
    assert all(torch.isfinite(update.loss) for update in method.updates(batch, 0))
    with pytest.raises(BenchError, match=f"global_layers={global_layers} .* at least {least} pixels.*: (use|choose)"):
        build(f"{least - 4}x{least}", **layers)


@pytest.mark.parametrize(
    ("resolution", "way_out", "changes"),
    [
        ("64x128", "use --set global_layers=6", {"global_layers": "6"}),
        ("20x20", "use --set global_layers=4 --set local_layers=4", {"global_layers": "4", "local_layers": "4"}),
        ("4x4", "choose larger sides", None),
    ],
)
def test_the_way_out_is_one(resolution: str, way_out: str, changes: dict[str, str] | None) -> None:
    published = {"global_layers": "7", "local_layers": "5"}
    with pytest.raises(BenchError, match=f"{resolution}: {way_out}$"):
        build(resolution, **published)
    if changes is not None:
        build(resolution, **{**published, **changes})


def test_the_full_version_is_built_for_the_tasks_sides() -> None:
    method = build("48x64", light="false")
    assert method.generator_ba.decoder.modulation.positions == 12 * 16
    assert method.translate(Batch(("a",), torch.zeros(1, 3, 48, 64)), seed=0).shape == (1, 3, 48, 64)
    assert not UGATIT.configure("paper").light


def test_card() -> None:
    cards = [UGATIT.card_for(UGATIT.configure("small", {"direction": way})) for way in ("forward", "backward")]
    assert [card.backward for card in cards] == [False, True]
    assert UGATIT.card.needs == frozenset[Need]()


def test_augmentation_is_the_published_one() -> None:
    found = UGATIT.augmentation(UGATIT.configure("paper"))
    assert (round(256 * found.scale), found.mirror, found.crop) == (286, True, None)
