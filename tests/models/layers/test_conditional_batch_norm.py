from __future__ import annotations

import torch
from torch import nn

from i2ibench.models.layers.conditional_batch_norm import ConditionalBatchNorm2d


def test_is_batch_norm_with_gain_and_shift_of_the_condition() -> None:
    torch.manual_seed(0)
    norm, plain = ConditionalBatchNorm2d(3, 5), nn.BatchNorm2d(3, affine=False, eps=1e-5, momentum=0.1)
    x, condition = torch.randn(4, 3, 6, 7) * 3 + 1, torch.randn(4, 5)
    for mode in (True, False):
        norm.train(mode)
        plain.train(mode)
        gain, shift = (condition @ linear.weight.detach().T for linear in (norm.gain, norm.bias))  # type: ignore[operator, union-attr]
        expected = plain(x) * (1 + gain[:, :, None, None]) + shift[:, :, None, None]
        torch.testing.assert_close(norm(x, condition), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(norm.norm.running_var, plain.running_var)


def test_of_no_condition_is_batch_norm() -> None:
    norm = ConditionalBatchNorm2d(2, 3)
    out = norm(torch.randn(5, 2, 4, 4) * 2 + 7, torch.zeros(5, 3))
    torch.testing.assert_close(out.mean((0, 2, 3)), torch.zeros(2), rtol=0, atol=1e-5)
    torch.testing.assert_close(out.var((0, 2, 3), correction=0), torch.ones(2), rtol=0, atol=1e-4)


def test_parameters() -> None:
    assert sum(p.numel() for p in ConditionalBatchNorm2d(7, 5).parameters()) == 2 * 7 * 5
