from __future__ import annotations

import math

import pytest
import torch

from i2ibench.models.layers.adversarial import Objective, hinge_loss, summed_adversarial_loss


@pytest.mark.parametrize(("real", "expected"), [(True, (0 + 0.5 + 3) / 3), (False, (3 + 1.5 + 0) / 3)])
def test_hinge_by_hand(real: bool, expected: float) -> None:
    prediction = torch.tensor([2.0, 0.5, -2.0], requires_grad=True)
    loss = hinge_loss(prediction, real)
    assert loss.item() == pytest.approx(expected)
    loss.backward()
    assert prediction.grad is not None
    slopes = [0, -1, -1] if real else [1, 1, 0]  # no gradient where the margin is kept
    torch.testing.assert_close(prediction.grad, torch.tensor(slopes) / 3)


@pytest.mark.parametrize(
    ("real", "objective", "expected"),
    [
        (True, "lsgan", (1 + 9) / 2 + 0.25),
        (False, "lsgan", (0 + 4) / 2 + 2.25),
        (True, "vanilla", (math.log(2) + math.log1p(math.exp(2))) / 2 + math.log1p(math.exp(-1.5))),
        (False, "vanilla", (math.log(2) + math.log1p(math.exp(-2))) / 2 + math.log1p(math.exp(1.5))),
    ],
)
def test_scales_are_summed_whatever_their_size(real: bool, objective: Objective, expected: float) -> None:
    """Logits 0 and -2 at one scale, 1.5 at the other."""
    scales = [torch.tensor([[[[0.0, -2.0]]]]), torch.tensor([[[[1.5]]]])]
    assert summed_adversarial_loss(scales, real, objective).item() == pytest.approx(expected, rel=1e-6)
