from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from i2ibench.models.layers.adversarial import Objective
from i2ibench.models.layers.exhibits import Exhibit, judged
from i2ibench.models.layers.unnormed_discriminator import UnnormedDiscriminator


@pytest.fixture
def discriminator() -> UnnormedDiscriminator:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return UnnormedDiscriminator(4, 2, 2).double()


@pytest.mark.parametrize("objective", ["lsgan", "vanilla"])
def test_is_the_weighted_sum_of_what_each_loses_apart(
    discriminator: UnnormedDiscriminator, objective: Objective
) -> None:
    stream = torch.Generator().manual_seed(1)
    few, many = (torch.randn(count, 3, 16, 16, generator=stream, dtype=torch.float64) for count in (1, 3))

    def lost(pictures: Tensor, answer: float) -> float:
        loss = F.mse_loss if objective == "lsgan" else F.binary_cross_entropy_with_logits
        return sum(loss(scale, torch.full_like(scale, answer)).item() for scale in discriminator(pictures))

    found = judged(discriminator, objective, [Exhibit(few, True), Exhibit(many, False, 0.25)])
    assert found.item() == pytest.approx(lost(few, 1) + 0.25 * lost(many, 0), rel=1e-6)


def test_nothing_is_lost_on_nothing(discriminator: UnnormedDiscriminator) -> None:
    found = judged(discriminator, "lsgan", [])
    assert found.shape == ()
    assert found == 0
    assert not found.requires_grad
