from __future__ import annotations

import dataclasses

import pytest
import torch

from i2ibench.models.layers.real_pictures import real_pictures
from i2ibench.models.method import Batch

N = 400
BATCH = Batch(tuple(map(str, range(N))), torch.zeros(N, 3, 2, 2), torch.ones(N, 3, 2, 2))


def test_come_with_their_own_class_and_of_both_sides_alike() -> None:
    pictures, of = real_pictures(BATCH, "gan")
    assert torch.equal(pictures[:, 0, 0, 0].long(), of)
    assert abs(of.float().mean().item() - 0.5) < 4 * 0.5 / N**0.5
    classes = torch.stack([torch.arange(N), torch.arange(N) + 1000], 1)
    pictures, of = real_pictures(dataclasses.replace(BATCH, classes=classes), "gan")
    assert torch.equal(of, torch.arange(N) + 1000 * pictures[:, 0, 0, 0].long())


def test_are_of_the_side_that_has_a_class() -> None:
    for classes, side in (([-1, 3], 1), ([3, -1], 0)):
        pictures, of = real_pictures(dataclasses.replace(BATCH, classes=torch.tensor([classes]).expand(N, 2)), "gan")
        assert (pictures == side).all()
        assert (of == 3).all()


def test_need_targets() -> None:
    with pytest.raises(ValueError, match="gan reads targets"):
        real_pictures(dataclasses.replace(BATCH, target=None), "gan")
