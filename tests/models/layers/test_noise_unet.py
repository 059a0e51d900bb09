from __future__ import annotations

import pytest
import torch
from fingerprint import Digest, fill_by_sequence, input_by_sequence
from torch import Tensor, nn
from torch.nn import functional as F

from i2ibench.models.layers.noise_unet import NoiseUNet, Upsample, WhereAdd
from i2ibench.models.layers.unet import UNet


@pytest.fixture(autouse=True)
def first_weights() -> object:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def convolutions(network: NoiseUNet) -> list[nn.Conv2d | nn.ConvTranspose2d]:
    """From the outermost halving in, and out again."""
    modules = [*network.down, *reversed(network.up)]
    return [one for module in modules for one in module.modules() if isinstance(one, nn.Conv2d | nn.ConvTranspose2d)]


def test_parity_with_the_published_network_filled_by_rule() -> None:
    network = NoiseUNet(3, 3, width=16).eval()
    fill_by_sequence(network)
    assert sum(p.numel() for p in network.parameters()) == 3_499_619
    with torch.no_grad():
        found = Digest.by_sequence(network(input_by_sequence(1, 3, 256, 256).float(), input_by_sequence(1, 8).float()))
    values = (-0.216989, -0.260343, 0.03397, -0.001595, -0.983749, -0.344971)
    found.assert_close(Digest(196608, -0.324264, 0.583019, 0.567145, values))


@pytest.mark.parametrize(
    ("in_channels", "codes", "where_add", "parameters"),
    [
        (3, 8, "all", 54_794_627),
        (1, 8, "all", 54_792_579),
        (3, 16, "all", 55_179_651),
        (3, 8, "input", 54_417_795),
    ],
)
def test_parameters_are_the_published_ones(in_channels: int, codes: int, where_add: WhereAdd, parameters: int) -> None:
    with torch.device("meta"):
        network = NoiseUNet(in_channels, 3, codes, where_add=where_add)
    assert sum(p.numel() for p in network.parameters()) == parameters


@pytest.mark.parametrize("upsample", ["transposed", "bilinear"])
@pytest.mark.parametrize("where_add", ["all", "input"])
def test_two_levels_by_formula(where_add: WhereAdd, upsample: Upsample) -> None:
    network = NoiseUNet(3, 2, 4, 2, 6, where_add, upsample)
    x, code = torch.randn(2, 3, 8, 12), torch.randn(2, 4)
    first, second, third, fourth = convolutions(network)

    def joined(features: Tensor) -> Tensor:
        return torch.cat([features, torch.ones(2, 4, *features.shape[2:]) * code[:, :, None, None]], 1)

    def double(features: Tensor, by: nn.Conv2d | nn.ConvTranspose2d) -> Tensor:
        if upsample == "transposed":
            return F.conv_transpose2d(features, by.weight, by.bias, 2, 1)
        larger = F.interpolate(features, scale_factor=2, mode="bilinear", align_corners=False)
        return F.conv2d(F.pad(larger, (1, 1, 1, 1), "reflect"), by.weight, by.bias)

    outer = F.conv2d(joined(x), first.weight, first.bias, 2, 1)
    inner = joined(outer) if where_add == "all" else outer
    inner = F.conv2d(F.leaky_relu(inner, 0.2), second.weight, second.bias, 2, 1)
    up = F.instance_norm(double(F.relu(inner), third))
    expected = torch.tanh(double(F.relu(torch.cat([up, outer], 1)), fourth))
    torch.testing.assert_close(network(x, code), expected)


def test_with_the_code_at_the_input_it_is_pix2pixs_network_fed_more_channels() -> None:
    ours, theirs = NoiseUNet(3, 3, 4, 5, 2, "input"), UNet(7, 3, 5, 2, "instance")
    state = dict(zip(theirs.state_dict(), ours.state_dict().values(), strict=True))
    for name, value in state.items():
        if name.startswith("up.") and value.dim() == 4 and not name.startswith("up.4."):
            state[name] = value.roll(len(value) // 2, 0)  # which joins skip and doubling the other way round
    theirs.load_state_dict(state)
    x, code = torch.randn(2, 3, 32, 64), torch.randn(2, 4)
    maps = code[:, :, None, None].expand(-1, -1, 32, 64)
    torch.testing.assert_close(ours.eval()(x, code), theirs.eval()(torch.cat([x, maps], 1)))


@pytest.mark.parametrize(("levels", "dropouts"), [(4, 0), (5, 0), (6, 1), (7, 2), (8, 3)])
def test_dropout_leaves_out_four_outer_levels_and_the_innermost(levels: int, dropouts: int) -> None:
    network = NoiseUNet(3, 3, 1, levels, 1)
    dropping = [any(isinstance(module, nn.Dropout) for module in up.modules()) for up in network.up]
    assert dropping == [*[False] * min(levels, 4), *[True] * dropouts, *[False] * (levels > 4)]
    assert not any(isinstance(m, nn.Dropout) for m in NoiseUNet(3, 3, 1, levels, 1, dropout=False).modules())


@pytest.mark.parametrize("where_add", ["all", "input"])
def test_each_picture_has_its_own_code(where_add: WhereAdd) -> None:
    network = NoiseUNet(3, 3, 2, 4, 4, where_add).eval()
    x, codes = torch.randn(1, 3, 16, 16).expand(2, -1, -1, -1), torch.randn(2, 2)
    first, second = network(x, codes)
    assert not torch.equal(first, second)
    torch.testing.assert_close(network(x[:1], codes[1:])[0], second)
