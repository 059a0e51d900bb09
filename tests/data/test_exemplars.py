from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
import torch

from i2ibench.data.batches import in_order
from i2ibench.data.exemplars import Exemplars
from i2ibench.data.pictures import to_pixels
from i2ibench.data.rows import Split
from i2ibench.errors import BenchError
from i2ibench.models.method import Batch

SOURCE = torch.zeros(1, 3, 8, 8)


def drawn(exemplars: Exemplars, batch: Batch, sample: int = 0) -> list[int]:
    """The numbers that the exemplars show."""
    (pictures,) = exemplars(batch, sample)
    assert pictures.dtype == torch.float32 and pictures.shape == batch.source.shape
    return [int(number) for number in to_pixels(pictures)[:, 0, 0, 0]]


def named(count: int) -> Batch:
    return Batch(tuple(f"picture {n}" for n in range(count)), SOURCE.expand(count, -1, -1, -1))


def test_of_an_unpaired_task_they_are_targets_all_alike_often(unpaired: Split) -> None:
    found = drawn(Exemplars(unpaired, 0), named(2000))
    counts = np.bincount(found)[100:]
    assert set(found) == set(range(100, 105)) and ((counts - 400) ** 2 / 400).sum() < 18.5  # chi-squared, 0.1 percent


def test_of_a_paired_task_they_are_targets_and_not_the_partners_alone(video: Split) -> None:
    found = drawn(Exemplars(video, 0), batch := next(in_order(video, 10)))
    partners = to_pixels(batch.target)[:, 0, 0, 0].tolist()
    assert set(found) <= set(partners) and found != partners


def test_of_a_many_class_task_they_are_of_the_class_asked_for(many: Split) -> None:
    (batch,) = in_order(many, 12)
    assert batch.classes is not None
    categories = many.rows.column("category")
    for sample in range(3):
        assert [categories[n] for n in drawn(Exemplars(many, 0), batch, sample)] == batch.classes[:, 1].tolist()
    rare = Batch(("x",), SOURCE, classes=torch.tensor([[0, 7]]))
    with pytest.raises(
        BenchError, match=r"'x' is .* by 1 exemplar of class 7, and split 'train' of .* drawn from, has none"
    ):
        Exemplars(many, 0)(rare)
    assert drawn(Exemplars(many, 0), named(1))[0] in range(12)  # a user's picture, for which no class was asked


def test_where_targets_have_classes_so_have_they(split_of: Callable[..., Split]) -> None:
    pictures = [np.full((8, 8, 3), number, np.uint8) for number in range(10)]
    targets = [{"name": f"t{n}", "target": picture, "category": n % 2} for n, picture in enumerate(pictures)]
    split = split_of([{"name": f"s{n}", "source": picture} for n, picture in enumerate(pictures)], targets)
    (batch,) = in_order(split, 10)
    assert batch.classes is not None
    assert [number % 2 for number in drawn(Exemplars(split, 0), batch)] == batch.classes[:, 1].tolist()


def test_each_is_a_function_of_seed_name_and_sample_alone(unpaired: Split) -> None:
    batch = named(40)
    together = drawn(Exemplars(unpaired, 3), batch, 1)
    assert [number for n in range(40) for number in drawn(Exemplars(unpaired, 3), batch[n], 1)] == together
    others = [(4, 1), (3, 2)]
    assert all(drawn(Exemplars(unpaired, seed), batch, sample) != together for seed, sample in others)


def test_several_are_of_the_class_asked_for_and_no_two_the_same(many: Split) -> None:
    (batch,) = in_order(many, 12)
    assert batch.classes is not None
    categories, fewest = many.rows.column("category"), min(Counter(many.rows.column("category")).values())
    several = [to_pixels(one)[:, 0, 0, 0].tolist() for one in Exemplars(many, 0, fewest)(batch)]
    assert len(several) == fewest and several[0] == drawn(Exemplars(many, 0), batch)
    for row, wanted in enumerate(batch.classes[:, 1].tolist()):
        found = [one[row] for one in several]
        assert len(set(found)) == fewest and {categories[n] for n in found} == {wanted}
    with pytest.raises(BenchError, match=rf"by {fewest + 1} exemplars of class \d, and split .* has {fewest}"):
        Exemplars(many, 0, fewest + 1)(batch)
