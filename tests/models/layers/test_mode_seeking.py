from __future__ import annotations

import pytest
import torch

from i2ibench.models.layers.mode_seeking import mode_seeking_loss


def test_by_hand() -> None:
    pictures, others = torch.full((2, 3, 4, 4), 0.2), torch.full((2, 3, 4, 4), -0.3)
    codes, other_codes = torch.tensor([[1.0, 0.0], [2.0, 0.0]]), torch.tensor([[0.0, 0.0], [0.0, 1.0]])
    found = mode_seeking_loss(pictures, others, codes, other_codes)
    assert found.item() == pytest.approx(1 / (0.5 / ((1 + 0 + 2 + 1) / 4) + 1e-5))


def test_is_finite_for_equal_pictures_and_falls_as_they_part() -> None:
    pictures, codes = torch.zeros(1, 3, 2, 2), torch.ones(1, 2)
    found = [mode_seeking_loss(pictures, pictures + apart, codes, -codes).item() for apart in (0.0, 0.01, 0.5)]
    assert found[0] == pytest.approx(1e5)
    assert found == sorted(found, reverse=True)


def test_gradients_go_into_both_batches_of_pictures() -> None:
    pictures, others = (torch.full((1, 3, 2, 2), value, requires_grad=True) for value in (0.1, 0.4))
    mode_seeking_loss(pictures, others, torch.zeros(1, 2), torch.ones(1, 2)).backward()
    assert pictures.grad is not None
    assert others.grad is not None
    assert (pictures.grad > 0).all(), "they shall part"
    torch.testing.assert_close(others.grad, -pictures.grad)
