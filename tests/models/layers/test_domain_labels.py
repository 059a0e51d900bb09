from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from i2ibench.models.layers.domain_labels import DomainLabels, attributes_of


def test_categories_are_one_hot() -> None:
    labels = DomainLabels(3)
    assert (labels.told, labels.tells) == (3, 3)
    assert labels.encode(torch.tensor([2, 0])).tolist() == [[0, 0, 1], [1, 0, 0]]


def test_attributes_are_those_that_a_domain_has() -> None:
    labels = DomainLabels(8, "attributes")
    assert (labels.told, labels.tells) == (3, 3)
    assert labels.encode(torch.tensor([0, 1, 6, 7])).tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 1], [1, 1, 1]]


def test_of_two_data_sets_a_mask_says_whose_labels_are_told() -> None:
    """CelebA's five attributes and RaFD's eight expressions: the label is of 5 + 8 + 2, as published."""
    labels = DomainLabels(32 + 8, "attributes", second=8)
    assert (labels.told, labels.tells) == (15, 13)
    of_celeba, of_rafd = labels.encode(torch.tensor([0b10010, 32 + 3])).tolist()
    assert of_celeba == [0, 1, 0, 0, 1] + [0] * 8 + [1, 0]
    assert of_rafd == [0] * 5 + [0, 0, 0, 1, 0, 0, 0, 0] + [0, 1]


@pytest.mark.parametrize("kind", ["categories", "attributes"])
def test_logits_of_the_other_data_set_are_not_read(kind: str) -> None:
    labels = DomainLabels(4 + 3, kind, second=3)  # type: ignore[arg-type]
    logits = torch.randn(3, labels.tells, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    logits = logits.float().requires_grad_()
    domain = torch.tensor([3, 4 + 2, 1])
    found = labels.classification(logits, domain)
    of = labels.of_first
    rows = {0: 3, 2: 1}
    if kind == "categories":
        first = [F.cross_entropy(logits[row, :of], torch.tensor(label)) for row, label in rows.items()]
    else:
        bits = {3: [1.0, 1.0], 1: [1.0, 0.0]}
        first = [
            F.binary_cross_entropy_with_logits(logits[row, :of], torch.tensor(bits[label]), reduction="sum")
            for row, label in rows.items()
        ]
    second = F.cross_entropy(logits[1, of:], torch.tensor(2))
    torch.testing.assert_close(found, (sum(first) + second) / 3)
    (slopes,) = torch.autograd.grad(found, logits)
    assert not slopes[[0, 2], of:].any()
    assert not slopes[1, :of].any()
    assert slopes[1, of:].all()


def test_permutes_within_each_data_set() -> None:
    labels, domain = DomainLabels(5, second=2), torch.tensor([0, 3, 1, 2, 4, 0, 3])
    torch.manual_seed(0)
    drawn = [labels.permuted(domain).tolist() for _ in range(40)]
    for one in drawn:
        assert sorted(one) == sorted(domain.tolist())
        assert [label >= 3 for label in one] == (domain >= 3).tolist()
    assert {tuple(one[i] for i in (1, 4, 6)) for one in drawn} == {(3, 4, 3), (4, 3, 3), (3, 3, 4)}
    assert len({tuple(one[i] for i in (0, 2, 3, 5)) for one in drawn}) > 6


@pytest.mark.parametrize("second", [3, 4])
def test_the_first_data_set_must_have_domains(second: int) -> None:
    with pytest.raises(ValueError, match=f"second_set must leave classes to the first data set, found {second} of 3"):
        DomainLabels(3, second=second)


@pytest.mark.parametrize("number", [1, 3, 6])
def test_what_are_no_combinations_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match=rf"all combinations of attributes, 2, 4, 8..., found {number}"):
        attributes_of(number)
