from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import nn

from i2ibench.models.layers.halfway_training import HalfwayTraining, weighted_update


@dataclass(frozen=True)
class Config(HalfwayTraining):
    cycle_weight: float = 10.0
    adv_weight: float = 0.5


def test_the_optimiser_is_of_all_networks_as_published() -> None:
    networks = nn.Linear(2, 3), nn.Linear(3, 1, bias=False)
    optimizer = Config().adam(*networks)
    (group,) = optimizer.param_groups
    assert type(optimizer) is torch.optim.Adam
    assert (group["lr"], group["betas"], group["weight_decay"]) == (1e-4, (0.5, 0.999), 1e-4)
    assert [id(p) for p in group["params"]] == [id(p) for network in networks for p in network.parameters()]


def test_the_rate_falls_after_its_share() -> None:
    assert [Config().rate(done) for done in (0.0, 0.5, 0.75, 1.0)] == [1.0, 1.0, 0.5, 0.0]
    assert Config(constant_share=0.0).rate(0.25) == 0.75


def test_an_update_is_by_the_weight_that_each_name_begins_with() -> None:
    losses = {
        "cycle_a": torch.tensor(1.0, requires_grad=True),
        "cycle_b": torch.tensor(2.0),
        "adv_a": torch.tensor(4.0),
    }
    update = weighted_update("generators", losses, Config())
    assert (update.optimizer, update.loss.item()) == ("generators", 10 + 20 + 2)
    assert {name: value.item() for name, value in update.logs.items()} == {"cycle_a": 1, "cycle_b": 2, "adv_a": 4}
    assert update.loss.requires_grad and not any(value.requires_grad for value in update.logs.values())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("lr", 0.0),
        ("beta1", 1.0),
        ("weight_decay", -1.0),
        ("constant_share", 1.0),
        ("load_scale", 0.9),
        ("direction", "up"),
    ],
)
def test_refuses_naming_the_field_and_what_was_found(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"{field} must .*found .?{value}"):
        Config(**{field: value})  # type: ignore[arg-type]
