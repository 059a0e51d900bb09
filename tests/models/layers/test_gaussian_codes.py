from __future__ import annotations

import torch
from torch.distributions import Normal, kl_divergence

from i2ibench.models.layers.gaussian_codes import drawn, standard_normal_divergence, style_codes


def test_divergence_is_that_of_the_library() -> None:
    mean, log_variance = torch.randn(2, 3, 5, dtype=torch.float64)
    expected = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(torch.zeros_like(mean), 1.0)).sum()
    torch.testing.assert_close(standard_normal_divergence(mean, log_variance), expected)


def test_draws_have_their_mean_and_variance_and_gradients() -> None:
    mean = torch.full((20_000,), 3.0, requires_grad=True)
    log_variance = torch.full((20_000,), 1.0, requires_grad=True)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        code = drawn(mean, log_variance)
    assert abs(code.mean().item() - 3) < 0.05
    assert abs(code.var().item() - torch.e) < 0.1
    code.sum().backward()
    assert mean.grad is not None
    torch.testing.assert_close(mean.grad, torch.ones_like(mean))
    assert log_variance.grad is not None
    torch.testing.assert_close(log_variance.grad, (code.detach() - 3) / 2)


def test_codes_are_of_the_picture_and_the_sample() -> None:
    both = style_codes(("a", "b"), 4, seed=0, sample=1)
    assert both.shape == (2, 4)
    assert torch.equal(both[1:], style_codes(("b",), 4, seed=0, sample=1))
    assert not torch.equal(both[0], both[1])
    for seed, sample in ((0, 2), (1, 1)):
        assert not torch.equal(both, style_codes(("a", "b"), 4, seed=seed, sample=sample))
    one, same = style_codes(("a", "b"), 4, seed=0, sample=1, synchronized=True)
    assert torch.equal(one, same)
    assert not torch.equal(one, style_codes(("a",), 4, seed=0, sample=2, synchronized=True)[0])
