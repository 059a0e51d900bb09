"""Instance norm against its closed form, in every layout."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import Tensor, nn

from i2ibench.models.layers.norms import InstanceNorm2d, instance_norm, norm_layer

LAYOUTS = (torch.contiguous_format, torch.channels_last)


def closed_form(x: Tensor) -> Tensor:
    variance, mean = torch.var_mean(x, (2, 3), correction=0, keepdim=True)
    return (x - mean) / (variance + 1e-5).sqrt()


class TestInstanceNorm:
    @pytest.mark.parametrize("pictures", [1, 2])
    @pytest.mark.parametrize(("layout", "returned"), product(LAYOUTS, LAYOUTS))
    def test_value_and_gradient_in_every_layout(
        self, pictures: int, layout: torch.memory_format, returned: torch.memory_format
    ) -> None:
        stream = torch.Generator().manual_seed(0)
        x, slope = (torch.randn(pictures, 3, 5, 4, generator=stream, dtype=torch.float64) for _ in range(2))
        reference = x.clone().requires_grad_()
        expected = closed_form(reference)
        (wanted,) = torch.autograd.grad(expected, reference, slope)
        for norm in (instance_norm, InstanceNorm2d(3)):
            ours = x.clone(memory_format=layout).requires_grad_()
            out = norm(ours)
            (found,) = torch.autograd.grad(out, ours, slope.contiguous(memory_format=returned))
            torch.testing.assert_close(out, expected)
            torch.testing.assert_close(found, wanted)

    def test_gains_and_shifts(self) -> None:
        norm, published = InstanceNorm2d(3, affine=True), nn.InstanceNorm2d(3, affine=True)
        assert norm.state_dict().keys() == published.state_dict().keys()
        x = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
        nn.init.constant_(norm.weight, 2)
        nn.init.constant_(norm.bias, 1)
        torch.testing.assert_close(norm(x), 2 * closed_form(x) + 1)

    def test_in_place_after_it(self) -> None:
        x = torch.randn(1, 2, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        layers = nn.Sequential(norm_layer("instance", 2), nn.ReLU(inplace=True))
        assert torch.autograd.gradcheck(layers, x.requires_grad_())
        assert torch.autograd.gradgradcheck(layers, x)
