from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from i2ibench.models.layers.style_losses import (
    Statistics,
    adaptive_instance_norm,
    aligned_style_loss,
    channel_statistics,
    content_loss,
)


def features(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 3 + 1


def as_statistics(means: list[list[float]], stds: list[list[float]]) -> Statistics:
    return Statistics(torch.tensor(means, dtype=torch.float64), torch.tensor(stds, dtype=torch.float64))


class TestStatistics:
    def test_are_unbiased_and_per_picture(self) -> None:
        x = features(3, 4, 5, 6)
        found = channel_statistics(x)
        for b in range(3):
            for c in range(4):
                values = x[b, c].flatten().tolist()
                mean = sum(values) / 30
                variance = sum((value - mean) ** 2 for value in values) / 29
                assert found.mean[b, c].item() == pytest.approx(mean, rel=1e-12)
                assert found.std[b, c].item() == pytest.approx(math.sqrt(variance + 1e-5), rel=1e-12)

    def test_of_half_precision_are_taken_in_full(self) -> None:
        x = (features(1, 2, 64, 64) * 0.01 + 100).to(torch.bfloat16)
        found = channel_statistics(x)
        assert found.mean.dtype == torch.float32
        assert found.mean[0].tolist() == pytest.approx(x.double().mean((0, 2, 3)).tolist(), rel=1e-6)


class TestAdaptiveInstanceNorm:
    @pytest.mark.parametrize("shape", [(1, 1, 2, 1), (2, 3, 4, 5), (3, 8, 7, 7)])
    def test_is_its_definition(self, shape: tuple[int, ...]) -> None:
        x = features(*shape)
        style = Statistics(*torch.randn(2, *shape[:2], generator=torch.Generator().manual_seed(1), dtype=torch.float64))
        mean, std = (value[..., None, None] for value in channel_statistics(x))
        expected = (x - mean) / std
        torch.testing.assert_close(adaptive_instance_norm(x), expected, rtol=0, atol=1e-12)
        expected = expected * style.std[..., None, None] + style.mean[..., None, None]
        torch.testing.assert_close(adaptive_instance_norm(x, style), expected, rtol=0, atol=1e-12)

    def test_gradients(self) -> None:
        x = features(2, 2, 3, 3).requires_grad_()
        mean, std = features(2, 2, seed=1).requires_grad_(), features(2, 2, seed=2).requires_grad_()
        assert torch.autograd.gradcheck(
            lambda *given: adaptive_instance_norm(given[0], Statistics(*given[1:])), (x, mean, std)
        )

    def test_constant_channels_take_the_mean(self) -> None:
        style = as_statistics([[0.3, -0.2]], [[2.0, -1.0]])
        out = adaptive_instance_norm(torch.full((1, 2, 4, 4), 7.0, dtype=torch.float64), style)
        assert out.mean((2, 3)).tolist() == [pytest.approx([0.3, -0.2])]
        assert out.std() < 1

    def test_takes_the_style_exactly(self) -> None:
        """Up to the 1e-5 under the root."""
        style = as_statistics([[0.3, -0.2]], [[2.0, 0.5]])
        found = channel_statistics(adaptive_instance_norm(features(1, 2, 9, 9), style))
        torch.testing.assert_close(found.mean, style.mean, rtol=0, atol=1e-12)
        torch.testing.assert_close(found.std, style.std, rtol=1e-4, atol=0)


class TestContentLoss:
    def test_is_that_of_instance_normed_features(self) -> None:
        """torch's own instance norm divides by the biased deviation, n / (n - 1) smaller."""
        x, y = features(2, 4, 6, 5), features(2, 4, 6, 5, seed=1)
        expected = F.mse_loss(F.instance_norm(x, eps=0), F.instance_norm(y, eps=0)) * 29 / 30
        assert content_loss(x, y).item() == pytest.approx(expected.item(), rel=1e-5)

    def test_does_not_see_style(self) -> None:
        x = features(2, 4, 6, 5)
        gain, shift = (features(1, 4, 1, 1, seed=seed).abs() + 1 for seed in (1, 2))
        assert content_loss(gain * x + shift, x) < 1e-10
        assert content_loss(x.flip(3), x) > 0.1


class TestAlignedStyleLoss:
    MEANS, STDS = [0.1, 0.2, 0.3, 0.4, 0.5], [0.5, 0.4, 0.3, 0.2, 0.1]
    """Squared differences of five channels."""

    def example(self, order: list[int]) -> tuple[Statistics, Statistics]:
        roots = [[[math.sqrt(values[i]) for i in order]] for values in (self.MEANS, self.STDS)]
        zeros = [[0.0] * len(order)]
        return as_statistics(*roots), as_statistics(zeros, zeros)

    @pytest.mark.parametrize("order", [[0, 1, 2, 3, 4], [4, 2, 0, 3, 1]])
    @pytest.mark.parametrize(
        ("keep", "expected"),
        [(0.8, (0.1 + 0.2 + 0.3 + 0.4 + 0.5 + 0.4 + 0.3 + 0.2) / 5), (1.0, 0.6), (0.4, 0.24), (0.39, 0.12), (0.0, 0.0)],
    )
    def test_of_five_channels(self, order: list[int], keep: float, expected: float) -> None:
        """The deviations dropped are those of the channels whose means are dropped, not the largest."""
        assert aligned_style_loss(*self.example(order), keep).item() == pytest.approx(expected, abs=1e-12)

    def test_sheets_example(self) -> None:
        means, deviations = torch.tensor([[0.1, 0.2, 0.3, 0.4, 0.5]]), torch.tensor([[0.5, 0.4, 0.3, 0.2, 0.1]])
        zeros = torch.zeros(1, 5)
        found = aligned_style_loss(Statistics(means, deviations), Statistics(zeros, zeros), 0.8)
        assert found.item() == pytest.approx(0.060 + 0.108)

    @given(st.integers(0, 2**32 - 1))
    @settings(max_examples=20, deadline=None)
    def test_keeping_all_is_the_plain_loss(self, seed: int) -> None:
        output, style = (
            channel_statistics(features(2, 7, 3, 3, seed=seed)),
            channel_statistics(features(2, 7, 3, 3, seed=seed + 1)),
        )
        plain = F.mse_loss(output.mean, style.mean) + F.mse_loss(output.std, style.std)
        assert aligned_style_loss(output, style, 1.0).item() == pytest.approx(plain.item(), rel=1e-12)

    @given(st.integers(0, 2**32 - 1), st.floats(0, 1))
    @settings(max_examples=20, deadline=None)
    def test_each_picture_keeps_channels_of_its_own(self, seed: int, keep: float) -> None:
        output, style = (
            channel_statistics(features(3, 10, 3, 3, seed=seed)),
            channel_statistics(features(3, 10, 3, 3, seed=seed + 1)),
        )
        alone = [
            aligned_style_loss(*(Statistics(s.mean[b : b + 1], s.std[b : b + 1]) for s in (output, style)), keep)
            for b in range(3)
        ]
        together = aligned_style_loss(output, style, keep)
        assert together.item() == pytest.approx(torch.stack(alone).mean().item(), rel=1e-12)

    def test_dropped_channels_have_no_gradient(self) -> None:
        output, style = self.example([3, 0, 4, 1, 2])
        mean, std = (value.requires_grad_() for value in output)
        aligned_style_loss(Statistics(mean, std), style, 0.6).backward()
        for value in (mean, std):
            assert value.grad is not None
            assert (value.grad[0] != 0).tolist() == [False, True, False, True, True]

    @pytest.mark.parametrize(("channels", "kept"), [(64, 51), (128, 102), (256, 204), (512, 409)])
    def test_published_numbers_of_channels(self, channels: int, kept: int) -> None:
        output = Statistics(torch.rand(1, channels, dtype=torch.float64) + 1, torch.zeros(1, channels).double())
        output.mean.requires_grad_()
        style = Statistics(*torch.zeros(2, 1, channels, dtype=torch.float64))
        aligned_style_loss(output, style, 0.8).backward()
        assert output.mean.grad is not None
        assert output.mean.grad.count_nonzero() == kept
