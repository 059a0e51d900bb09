from __future__ import annotations

import dataclasses

import pytest
import torch

from i2ibench.models.layers.domains import (
    asked_domains,
    both_sides,
    check_domains,
    domains,
    number_of_domains,
    swapped,
)
from i2ibench.models.method import Batch

BATCH = Batch(("a", "b", "c"), torch.zeros(3, 3, 4, 4))


def test_classes_are_domains() -> None:
    assert [number_of_domains(classes) for classes in (1, 2, 30)] == [1, 2, 30]
    classes = torch.tensor([[3, 1], [0, 5], [2, 2]])
    assert torch.equal(domains(dataclasses.replace(BATCH, classes=classes)), classes)


def test_without_classes_sources_are_of_domain_0_and_targets_of_1() -> None:
    assert number_of_domains(0) == 2
    found = domains(BATCH)
    assert found.dtype == torch.int64
    assert found.tolist() == [[0, 1]] * 3


def test_sides_are_two_domains_whatever_the_classes() -> None:
    classed = dataclasses.replace(BATCH, classes=torch.tensor([[3, 1], [-1, 5], [2, 2]]))
    assert number_of_domains(30, "sides") == 2
    assert domains(classed, "sides").tolist() == [[0, 1]] * 3


def test_asked_for_are_the_seconds_and_backward_the_first() -> None:
    classed = dataclasses.replace(BATCH, classes=torch.tensor([[3, 1], [0, 5], [2, 2]]))
    assert asked_domains(classed, 30, reader="any").tolist() == [1, 5, 2]
    assert asked_domains(BATCH, 2, reader="any").tolist() == [1, 1, 1]
    assert asked_domains(classed, 2, "sides", "backward", reader="any").tolist() == [0, 0, 0]
    with pytest.raises(ValueError, match="any reads classes"):
        asked_domains(BATCH, 30, reader="any")


def test_both_sides_are_sources_then_targets_and_swapped_are_partners() -> None:
    source, target = torch.rand(3, 3, 4, 4), torch.rand(3, 3, 4, 4)
    batch = Batch(BATCH.names, source, target, classes=torch.tensor([[3, 1], [0, 5], [2, 2]]))
    pictures, own = both_sides(batch, "classes", "any")
    assert torch.equal(pictures, torch.cat([source, target]))
    assert own.tolist() == [3, 0, 2, 1, 5, 2]
    assert swapped(own).tolist() == [1, 5, 2, 3, 0, 2]
    assert torch.equal(swapped(pictures), torch.cat([target, source]))
    with pytest.raises(ValueError, match="any reads targets"):
        both_sides(BATCH, "classes", "any")


def test_refuses_pictures_of_no_class_where_classes_are_domains() -> None:
    classed = dataclasses.replace(BATCH, classes=torch.tensor([[3, 1], [-1, 5], [2, 2]]))
    with pytest.raises(ValueError, match=r"any with division=classes .*found pictures of none: use division=sides"):
        check_domains(classed, "classes", "any")
    check_domains(classed, "sides", "any")
    check_domains(BATCH, "classes", "any")
