from __future__ import annotations

import pytest
import torch

from i2ibench.models.layers.adversarial import hinge_loss


@pytest.mark.parametrize(("real", "expected"), [(True, (0 + 0.5 + 3) / 3), (False, (3 + 1.5 + 0) / 3)])
def test_hinge_by_hand(real: bool, expected: float) -> None:
    prediction = torch.tensor([2.0, 0.5, -2.0], requires_grad=True)
    loss = hinge_loss(prediction, real)
    assert loss.item() == pytest.approx(expected)
    loss.backward()
    assert prediction.grad is not None
    slopes = [0, -1, -1] if real else [1, 1, 0]  # no gradient where the margin is kept
    torch.testing.assert_close(prediction.grad, torch.tensor(slopes) / 3)
