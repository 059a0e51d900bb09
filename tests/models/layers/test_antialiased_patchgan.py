from __future__ import annotations

import pytest
import torch
from torch import nn

from i2ibench.models.layers.antialiased_patchgan import AntialiasedPatchDiscriminator
from i2ibench.models.layers.patchgan import PatchDiscriminator, patch_map_side


@pytest.mark.parametrize(("n_layers", "pixels"), [(1, 18), (2, 40), (3, 84)])
def test_a_logit_sees_so_many_pixels(n_layers: int, pixels: int) -> None:
    """Those on which its gradient does not vanish; but for norms, which see everything."""
    network = AntialiasedPatchDiscriminator(1, 1, n_layers).double()
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, 1.0 / module.weight[0].numel())
    without_norms = nn.Sequential(*(m for m in network.layers if not isinstance(m, nn.InstanceNorm2d)))
    x = torch.ones(1, 1, 256, 256, dtype=torch.float64, requires_grad=True)
    logits = without_norms(x)
    middle = logits.shape[2] // 2
    logits[0, 0, middle, middle].backward()
    assert x.grad is not None
    seen = x.grad[0, 0] != 0
    assert (seen.any(0).sum().item(), seen.any(1).sum().item()) == (pixels, pixels)
    assert seen.sum().item() == pixels**2


@pytest.mark.parametrize(("height", "width"), [(256, 256), (128, 128), (64, 128), (24, 36), (32, 44)])
@pytest.mark.parametrize("n_layers", [1, 2, 3])
def test_gives_as_many_logits_as_pix2pixs(height: int, width: int, n_layers: int) -> None:
    with torch.device("meta"):
        found = AntialiasedPatchDiscriminator(3, 4, n_layers)(torch.empty(2, 3, height, width))
        plain = PatchDiscriminator(3, 4, n_layers, "instance")(torch.empty(2, 3, height, width))
    assert found.shape == plain.shape
    assert found.shape == (2, 1, patch_map_side(height, n_layers), patch_map_side(width, n_layers))


def test_has_as_many_parameters_as_pix2pixs() -> None:
    with torch.device("meta"):
        ours, plain = AntialiasedPatchDiscriminator(3), PatchDiscriminator(3, norm="instance")
    assert [p.shape for p in ours.parameters()] == [p.shape for p in plain.parameters()]
    assert sum(p.numel() for p in ours.parameters()) == 2_764_737


def test_pictures_are_judged_apart() -> None:
    torch.manual_seed(0)
    network, x = AntialiasedPatchDiscriminator(3, 4), torch.rand(3, 3, 32, 32)
    torch.testing.assert_close(network(x), torch.cat([network(one[None]) for one in x]))
