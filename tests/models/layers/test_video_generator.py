from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from i2ibench.models.layers.video_generator import Features, FineBody, Heads, VideoGenerator
from i2ibench.models.layers.warping import warp


def count(*modules: nn.Module) -> int:
    return sum(parameter.numel() for module in modules for parameter in module.parameters())


def tiny(scales: int = 1, foreground: tuple[int, ...] = (), halvings: int = 2) -> VideoGenerator:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return VideoGenerator(4, 8, halvings, 2, scales, "instance", foreground)


def inputs(side: int = 16) -> tuple[Tensor, Tensor]:
    stream = torch.Generator().manual_seed(0)
    return torch.rand(2, 12, side, side, generator=stream), torch.rand(2, 6, side, side, generator=stream) * 2 - 1


@pytest.mark.parametrize(
    ("channels", "halvings", "foreground", "parameters"),
    [
        (36, 3, (26,), 411_335_241),  # streets
        (36, 3, (), 365_391_366),
        (36, 2, (26,), 137_792_649),
        (3, 3, (), 364_770_438),  # pictures, faces, poses
        (15, 3, (), 364_996_230),
        (6, 3, (), 364_826_886),
    ],
)
def test_parameters_are_the_published_codes(
    channels: int, halvings: int, foreground: tuple[int, ...], parameters: int
) -> None:
    with torch.device("meta"):
        assert count(VideoGenerator(channels, 128, halvings, 9, 1, "batch", foreground)) == parameters


def test_parameters_of_finer_scales_are_the_published_codes() -> None:
    with torch.device("meta"):
        network = VideoGenerator(36, 128, 3, 9, 3, "batch", (26,))
    assert [count(body, heads) for body, heads in zip(network.bodies, network.heads, strict=True)] == [
        411_335_241,
        2_880_489,
        859_641,
    ]


@pytest.mark.parametrize(("height", "gigaflops"), [(64, 48.1), (128, 192.4)])
def test_work_is_the_published_codes(height: int, gigaflops: float) -> None:
    with torch.device("meta"):
        network = VideoGenerator(36, 64, 2, 9, 1, "batch", (26,))
        with FlopCounterMode(display=False) as counter:
            network(torch.empty(1, 108, height, 2 * height), torch.empty(1, 6, height, 2 * height), scales=1)
    assert counter.get_total_flops() / 1e9 == pytest.approx(gigaflops, abs=0.05)


@pytest.mark.parametrize("scales", [1, 2, 3])
def test_shapes_and_ranges(scales: int) -> None:
    network, (sources, past) = tiny(3, (1,)), inputs(32)
    made = network(sources, past, scales=scales)
    assert made.final.shape == made.raw.shape == (2, 3, 32, 32)
    assert made.flow.shape == (2, 2, 32, 32)
    assert made.weight.shape == (2, 1, 32, 32)
    assert made.final.abs().max() <= 1
    assert 0 < made.weight.min() <= made.weight.max() < 1


def test_final_mixes_the_raw_picture_and_the_moved_frame_before() -> None:
    network, (sources, past) = tiny(), inputs()
    made = network(sources, past, scales=1)
    expected = made.weight * made.raw + (1 - made.weight) * warp(past[:, 3:], made.flow)  # of the two the newer
    torch.testing.assert_close(made.final, expected)


def test_with_nothing_to_move_the_raw_picture_is_final() -> None:
    network, (sources, past) = tiny(), inputs()
    made = network(sources, torch.zeros_like(past), scales=1, moved=False)
    assert made.final is made.raw
    assert made.flow is None
    assert made.weight is None
    torch.testing.assert_close(made.raw, network(sources, torch.zeros_like(past), scales=1).raw)


def test_the_foreground_is_painted_apart_from_sources_alone() -> None:
    network, (sources, past) = tiny(foreground=(1, 3)), inputs()
    sources = (sources > 0.5).float()
    plain = tiny()
    plain.load_state_dict({k: v for k, v in network.state_dict().items() if "foreground" not in k})
    mask = (sources[:, [9, 11]].sum(1, keepdim=True)).clamp(0, 1)  # of the present frame
    assert 0 < mask.mean() < 1
    painted, background = network(sources, past, scales=1), plain(sources, past, scales=1)
    foreground = network.heads[0].foreground(network.bodies[0].foreground(sources))
    for one, behind in ((painted.final, background.final), (painted.raw, background.raw)):
        torch.testing.assert_close(one, mask * foreground + (1 - mask) * behind)


def test_flow_grows_with_the_scale() -> None:
    features = Features(torch.rand(1, 8, 8, 8), torch.rand(1, 8, 8, 8), None)
    heads = Heads(8, 40.0, False, False)
    made = heads(features, torch.zeros(1, 3, 8, 8), None)
    torch.testing.assert_close(made.flow, 40 * heads.flow(features.flow))
    assert [head.reach for head in tiny(3).heads] == [20, 40, 80]


def test_finer_bodies_add_the_coarser_features_to_their_own() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        body = FineBody((12, 6), 4, "instance", True, True)
        coarse = Features(torch.rand(1, 8, 8, 8), torch.rand(1, 8, 8, 8), torch.rand(1, 4, 8, 8))
        sources, past = torch.rand(1, 12, 16, 16), torch.rand(1, 6, 16, 16)
    own = body.source(sources) + body.past(past)
    assert own.shape == (1, 8, 8, 8)
    made = body(sources, past, coarse)
    torch.testing.assert_close(made.picture, body.picture(own + coarse.picture))
    torch.testing.assert_close(made.flow, body.flow(own + coarse.flow))
    slim = body.foreground_source(sources)
    torch.testing.assert_close(made.foreground, body.foreground(slim + coarse.foreground))
    assert made.picture.shape == (1, 4, 16, 16)
    assert made.foreground.shape == (1, 2, 16, 16)


def test_coarser_generators_rest_where_the_newest_learns_alone() -> None:
    network, (sources, past) = tiny(3, (1,)), inputs(32)
    for alone in (True, False):
        network.zero_grad()
        network(sources, past, scales=2, newest_alone=alone).final.sum().backward()
        learns = [any(p.grad is not None for p in body.parameters()) for body in network.bodies]
        assert learns == [not alone, True, False]  # the third takes no part
        heads = [any(p.grad is not None for p in head.parameters()) for head in network.heads]
        assert heads == [False, True, False]
