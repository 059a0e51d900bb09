from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from i2ibench.models.layers.layer_instance_norm import (
    ILN,
    AdaLIN,
    Mixing,
    clamp_shares,
    instance_share,
    layer_instance_norm,
)


def published() -> Tensor:
    """Of the sheets' checks."""
    channels = [[0, 1, 2, 3], [8, 5**1.5, 6**1.5, 7**1.5], [8, 9, 10, 11], [12, 13, 14, 15]]
    return torch.tensor(channels).reshape(1, 4, 2, 2)


def literally(x: Tensor, share: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """The papers' formula, `share` `[C]`, the others `[B, C]`."""
    by_instance = (x - x.mean((2, 3), keepdim=True)) / (x.var((2, 3), keepdim=True) + 1e-5).sqrt()
    by_layer = (x - x.mean((1, 2, 3), keepdim=True)) / (x.var((1, 2, 3), keepdim=True) + 1e-5).sqrt()
    share = share[:, None, None]
    return (share * by_instance + (1 - share) * by_layer) * scale[:, :, None, None] + shift[:, :, None, None]


class TestPublishedNumbers:
    @pytest.mark.parametrize(
        ("mixing", "first", "last"),
        [
            ("clamped", (-1.71945, -1.53652, -1.35360, -1.17068), (0.47563, 0.65855, 0.84147, 1.02440)),
            ("softmax", (-1.66383, -1.42189, -1.17995, -0.93800), (0.31228, 0.55423, 0.79617, 1.03811)),
        ],
    )
    def test_iln_at_first(self, mixing: Mixing, first: tuple[float, ...], last: tuple[float, ...]) -> None:
        out = ILN(4, mixing)(published())
        torch.testing.assert_close(out[0, 0].flatten(), torch.tensor(first), rtol=0, atol=2e-5)
        torch.testing.assert_close(out[0, 3].flatten(), torch.tensor(last), rtol=0, atol=2e-5)

    @pytest.mark.parametrize(
        ("mixing", "first"),
        [
            ("clamped", (-1.21765, -0.50222, 0.21321, 0.92863)),
            ("softmax", (-1.21751, -0.50193, 0.21364, 0.92922)),
        ],
    )
    def test_adalin_at_first(self, mixing: Mixing, first: tuple[float, ...]) -> None:
        scale, shift = torch.tensor([[1.0, 2.0, 0.5, -1.0]]), torch.tensor([[0.0, 1.0, -1.0, 0.25]])
        out = AdaLIN(4, mixing)(published(), scale, shift)
        torch.testing.assert_close(out[0, 0].flatten(), torch.tensor(first), rtol=0, atol=2e-5)

    @pytest.mark.parametrize(("kind", "share"), [(AdaLIN, 0.90025), (ILN, 0.09975)])
    def test_first_shares_of_the_softmax(self, kind: type[AdaLIN] | type[ILN], share: float) -> None:
        torch.testing.assert_close(instance_share(kind(5, "softmax").rho), torch.full((5,), share), rtol=0, atol=1e-5)


class TestMixture:
    @settings(deadline=None, max_examples=30)
    @given(st.integers(1, 3), st.integers(1, 5), st.integers(1, 4), st.integers(2, 4), st.integers(0, 99))
    def test_is_the_papers_formula(self, pictures: int, channels: int, height: int, width: int, seed: int) -> None:
        stream = torch.Generator().manual_seed(seed)

        def draw(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=stream, dtype=torch.float64)

        x, share = 3 * draw(pictures, channels, height, width) + 2, draw(channels).sigmoid()
        scale, shift = draw(pictures, channels), draw(pictures, channels)
        found = layer_instance_norm(x, share, scale, shift)
        torch.testing.assert_close(found, literally(x, share, scale, shift))

    def test_gradients_are_the_formulas(self) -> None:
        values = (torch.randn(2, 3, 4, 2), torch.rand(3), torch.randn(2, 3), torch.randn(2, 3))
        inputs = [value.double().requires_grad_() for value in values]
        weights = torch.randn(2, 3, 4, 2).double()
        expected = torch.autograd.grad((literally(*inputs) * weights).sum(), inputs)
        found = torch.autograd.grad((layer_instance_norm(*inputs) * weights).sum(), inputs)
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other)

    @pytest.mark.parametrize(("share", "norm"), [(1.0, "instance"), (0.0, "layer")])
    def test_at_its_ends_is_the_librarys_norm_but_for_the_variances_divisor(self, share: float, norm: str) -> None:
        x = torch.randn(2, 3, 8, 8).double()
        n = 64 if norm == "instance" else 192
        theirs = F.instance_norm(x, eps=0) if norm == "instance" else F.layer_norm(x, x.shape[1:], eps=0)
        ones = torch.ones(2, 3).double()
        found = layer_instance_norm(x, torch.full((3,), share).double(), ones, 0 * ones)
        torch.testing.assert_close(found, theirs * ((n - 1) / n) ** 0.5, rtol=1e-4, atol=1e-5)

    def test_halves_are_normalised_in_single_precision(self) -> None:
        x = 100 + torch.randn(2, 3, 16, 16)
        found = ILN(3, "softmax")(x.bfloat16())
        assert found.dtype == torch.bfloat16
        torch.testing.assert_close(found, ILN(3, "softmax")(x.bfloat16().float()).bfloat16())


class TestClamping:
    def test_is_of_clamped_shares_alone(self) -> None:
        module = nn.ModuleList([ILN(2, "clamped"), AdaLIN(2, "clamped"), ILN(2, "softmax"), nn.Linear(2, 2)])
        for parameter in module.parameters():
            nn.init.constant_(parameter, 1.5)
        module[1].rho.data = torch.tensor([-0.25, 0.5])
        clamp_shares(module)
        assert module[0].rho.tolist() == [1, 1]
        assert module[1].rho.tolist() == [0, 0.5]
        others = [p for name, p in module.named_parameters() if name not in ("0.rho", "1.rho")]
        assert all((p == 1.5).all() for p in others)
        assert all(p.requires_grad for p in module.parameters())
