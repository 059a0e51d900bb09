from __future__ import annotations

import pytest
import torch
from torch import nn

from i2ibench.models.layers.multiscale_patchgan import (
    MultiscaleDiscriminator,
    Normed,
    StagedDiscriminator,
    logits,
    staged_map_side,
)
from i2ibench.models.layers.patchgan import PatchDiscriminator


@pytest.mark.parametrize(
    ("channels", "widths", "norm", "padding", "parameters"),
    [
        (39, (64, 64), "instance", 2, 5_603_202),  # pix2pixHD
        (39, (64,) * 3, "instance", 2, 8_404_803),
        (6, (64, 64), "instance", 2, 5_535_618),
        (187, (64, 64), "spectral_instance", 2, 5_904_514),  # SPADE: COCO-Stuff, ADE20K, Cityscapes
        (154, (64, 64), "spectral_instance", 2, 5_836_930),
        (39, (64, 64), "spectral_instance", 2, 5_601_410),
        (39, (64,), "batch", 2, 2_803_393),  # vid2vid: pictures, then triplets
        (39, (64,) * 4, "batch", 2, 11_213_572),
        (13, (64, 64), "batch", 2, 5_553_538),
        (3, (64, 32), "instance", 1, 3_458_978),  # BicycleGAN
    ],
)
def test_parameters_are_the_published_codes(
    channels: int, widths: tuple[int, ...], norm: Normed, padding: int, parameters: int
) -> None:
    with torch.device("meta"):
        network = MultiscaleDiscriminator(channels, widths, 3, norm, padding)
    assert sum(p.numel() for p in network.parameters()) == parameters


def test_stages_have_the_published_sizes() -> None:
    with torch.device("meta"):
        scales = MultiscaleDiscriminator(39, (64, 64))(torch.empty(1, 39, 256, 512))
    fine, coarse = ([tuple(stage.shape[1:]) for stage in scale] for scale in scales)
    assert fine == [(64, 129, 257), (128, 65, 129), (256, 33, 65), (512, 34, 66), (1, 35, 67)]
    assert coarse[-1] == (1, 19, 35)
    with torch.device("meta"):
        maps = logits(MultiscaleDiscriminator(3, (64, 32), padding=1)(torch.empty(1, 3, 256, 256)))
    assert [tuple(one.shape[2:]) for one in maps] == [(30, 30), (14, 14)]


@pytest.mark.parametrize("padding", [1, 2])
@pytest.mark.parametrize("n_layers", [1, 2, 3, 4])
def test_map_side_is_what_comes_out(n_layers: int, padding: int) -> None:
    with torch.device("meta"):
        network = StagedDiscriminator(3, 4, n_layers, "instance", padding)
        for side in (70, 101, 128):
            assert network(torch.empty(1, 3, side, side))[-1].shape[-1] == staged_map_side(side, n_layers, padding)


@pytest.mark.parametrize(("n_layers", "seen"), [(1, 16), (2, 34), (3, 70), (4, 142)])
def test_receptive_field(n_layers: int, seen: int) -> None:
    """The pixels that a middle logit's gradient reaches; without norms, whose statistics are of whole maps."""
    network = StagedDiscriminator(1, 2, n_layers, "instance", 2)
    for module in network.modules():
        if isinstance(module, nn.Sequential):
            for index, layer in enumerate(module):
                if isinstance(layer, nn.InstanceNorm2d | nn.LeakyReLU):
                    module[index] = nn.Identity()
        elif isinstance(module, nn.Conv2d):
            nn.init.ones_(module.weight)
    x = torch.ones(1, 1, 320, 320, requires_grad=True)
    out = network(x)[-1]
    out[0, 0, out.shape[2] // 2, out.shape[3] // 2].backward()
    assert x.grad is not None
    reached = x.grad[0, 0].nonzero()
    assert (reached.amax(0) - reached.amin(0) + 1).tolist() == [seen, seen]


def test_one_scale_of_padding_one_is_pix2pixs_discriminator() -> None:
    torch.manual_seed(0)
    ours, theirs = StagedDiscriminator(6, 8, 3, "instance", 1), PatchDiscriminator(6, 8, 3, "instance")
    theirs.load_state_dict(dict(zip(theirs.state_dict(), ours.state_dict().values(), strict=True)))
    x = torch.randn(2, 6, 48, 64)
    torch.testing.assert_close(ours(x)[-1], theirs(x))


def test_second_scale_sees_the_picture_halved() -> None:
    torch.manual_seed(0)
    network = MultiscaleDiscriminator(2, (4, 4))
    x = torch.randn(1, 2, 34, 50)
    small = nn.functional.avg_pool2d(x, 3, 2, 1, count_include_pad=False)
    for found, expected in zip(network(x)[1], network.scales[1](small), strict=True):
        torch.testing.assert_close(found, expected)


def test_spectral_norm_leaves_first_and_last_convolutions_alone() -> None:
    stages = StagedDiscriminator(3, 4, 3, "spectral_instance", 2).stages
    normed = [any(nn.utils.parametrize.is_parametrized(module) for module in stage.modules()) for stage in stages]
    assert normed == [False, True, True, True, False]
