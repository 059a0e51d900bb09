from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from fingerprint import Digest, fill_by_cosine, input_by_cosine
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

from i2ibench.models.layers.gaussian_codes import drawn, standard_normal_divergence
from i2ibench.models.layers.semantics import one_hot
from i2ibench.models.layers.spade import ParameterFree, SPADENorm, SPADEResidualBlock
from i2ibench.models.layers.spade_encoder import StyleEncoder
from i2ibench.models.layers.spade_generator import SPADEGenerator, Upsampling
from i2ibench.models.layers.spectral import initialize_around_spectral_norm


@pytest.fixture(autouse=True)
def draws() -> Iterator[None]:
    """Networks drawn in a test are the same every time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


class TestNorm:
    @pytest.mark.parametrize("norm", ["batch", "instance"])
    def test_is_the_papers_equation(self, norm: ParameterFree) -> None:
        layer = SPADENorm(3, 2, hidden=4, norm=norm)
        x, segmentation = input_by_cosine(2, 3, 5, 6), input_by_cosine(2, 2, 5, 6, phase=1)
        dims = (0, 2, 3) if norm == "batch" else (2, 3)
        variance, mean = torch.var_mean(x, dims, correction=0, keepdim=True)
        read = layer.shared[0](segmentation).clamp(min=0)
        expected = (x - mean) / (variance + 1e-5).sqrt() * (1 + layer.gamma(read)) + layer.beta(read)
        torch.testing.assert_close(layer(x, segmentation), expected)

    def test_norm_has_no_parameters_and_running_statistics_are_read_when_not_training(self) -> None:
        layer = SPADENorm(3, 2, hidden=4)
        assert not list(layer.norm.parameters())
        x, segmentation = input_by_cosine(2, 3, 5, 6), torch.zeros(2, 2, 5, 6)
        layer(x, segmentation)
        running = dict(layer.norm.named_buffers())["running_mean"]
        torch.testing.assert_close(running, 0.1 * x.mean((0, 2, 3)))
        nn.init.zeros_(layer.gamma.weight)
        nn.init.zeros_(layer.beta.weight)
        initialize_around_spectral_norm(layer, 0.0)
        mean, variance = (value.reshape(1, 3, 1, 1) for value in list(layer.norm.buffers())[:2])
        torch.testing.assert_close(layer.eval()(x, segmentation), (x - mean) / (variance + 1e-5).sqrt())


class TestBlock:
    def test_parity_with_the_published_block(self) -> None:
        block = SPADEResidualBlock(6, 4, 5, spectral=False)
        fill_by_cosine(block)
        row, column = torch.meshgrid(torch.arange(16), torch.arange(16), indexing="ij")
        labels = (((row + column) // 4) % 5).expand(2, 16, 16)
        segmentation = F.interpolate(one_hot(labels, 5), (8, 8), mode="nearest")
        found = Digest.by_cosine(block(input_by_cosine(2, 6, 8, 8), segmentation))
        found.assert_close(Digest(512, 0.028129, 0.957068, 1.146391, (1.772281, 2.133935, -0.735107)))

    def test_spectral_norm_is_on_its_three_convolutions_alone(self) -> None:
        block = SPADEResidualBlock(6, 4, 5, hidden=3)
        normed = {name for name, module in block.named_modules() if parametrize.is_parametrized(module)}
        assert normed == {"convolutions.0", "convolutions.1", "shortcut"}
        x, segmentation = input_by_cosine(1, 6, 4, 4), input_by_cosine(1, 5, 4, 4)
        for _ in range(500):
            block(x, segmentation)
        for name in normed:
            weight = block.eval().get_submodule(name).weight
            assert isinstance(weight, Tensor)
            assert torch.linalg.matrix_norm(weight.flatten(1), 2).item() == pytest.approx(1, abs=1e-3)

    def test_shortcut_is_the_input_where_channels_stay(self) -> None:
        block = SPADEResidualBlock(3, 3, 2, hidden=2, spectral=False)
        for convolution in block.convolutions:
            nn.init.zeros_(convolution.weight)
            nn.init.zeros_(convolution.bias)
        x = input_by_cosine(1, 3, 4, 4)
        assert torch.equal(block(x, torch.zeros(1, 2, 4, 4)), x)

    def test_leaves_its_input_alone(self) -> None:
        block = SPADEResidualBlock(3, 2, 2, hidden=2)
        x = input_by_cosine(1, 3, 4, 4)
        before = x.clone()
        block(x, torch.zeros(1, 2, 4, 4))
        assert torch.equal(x, before)


class TestGenerator:
    @pytest.mark.parametrize(
        ("channels", "upsampling", "code", "start", "parameters"),
        [
            (184, "normal", 0, None, 97_480_899),
            (151, "normal", 0, None, 96_492_483),
            (36, "more", 0, None, 93_048_003),
            (184, "normal", 256, (8, 8), 112_626_883),
            (36, "more", 256, (4, 8), 101_136_579),
        ],
    )
    def test_parameters_are_the_published_ones(
        self, channels: int, upsampling: Upsampling, code: int, start: tuple[int, int] | None, parameters: int
    ) -> None:
        with torch.device("meta"):
            assert count(SPADEGenerator(channels, upsampling=upsampling, code=code, start=start)) == parameters

    def test_parts_of_cityscapes_are_the_published_ones(self) -> None:
        with torch.device("meta"):
            network = SPADEGenerator(36, upsampling="more")
        expected = [332_800, *[23_682_304] * 3, 13_631_360, 4_977_536, 2_076_032, 981_632, 1_731]
        assert [count(part) for part in (network.first, *network.blocks, network.last)] == expected

    @pytest.mark.parametrize(("upsampling", "start", "blocks"), [("normal", 8, 7), ("more", 4, 7), ("most", 2, 8)])
    def test_starts_from_a_small_map_of_the_pictures_aspect(
        self, upsampling: Upsampling, start: int, blocks: int
    ) -> None:
        network = SPADEGenerator(3, 2, upsampling, hidden=2)
        sizes = []
        for block in network.blocks:
            block.register_forward_hook(lambda _, given, __: sizes.append((given[0].shape[2:], given[1].shape[2:])))
        with torch.no_grad():
            out = network(input_by_cosine(1, 3, 256, 512))
        assert out.shape == (1, 3, 256, 512)
        assert out.abs().max() <= 1
        assert sizes[0][0] == (start, 2 * start)
        assert all(x == segmentation for x, segmentation in sizes)
        assert sizes[-1][0] == (256, 512)
        assert len(sizes) == blocks
        heights = [x[0] // start for x, _ in sizes]
        assert (
            heights
            == {
                "normal": [1, 2, 2, 4, 8, 16, 32],
                "more": [1, 2, 4, 8, 16, 32, 64],
                "most": [1, 2, 4, 8, 16, 32, 64, 128],
            }[upsampling]
        )

    def test_blocks_read_the_nearest_pixels_of_the_segmentation(self) -> None:
        network = SPADEGenerator(1, 1, hidden=2)
        read = []
        network.blocks[0].register_forward_hook(lambda _, given, __: read.append(given[1]))
        segmentation = torch.arange(64.0 * 64).reshape(1, 1, 64, 64)
        network(segmentation)
        assert torch.equal(read[0], segmentation[:, :, ::32, ::32])

    def test_ends_in_leaky_relu_convolution_and_tanh(self) -> None:
        network = SPADEGenerator(1, 1, hidden=2)
        given: list[Tensor] = []
        network.blocks[-1].register_forward_hook(lambda _, __, out: given.append(out))
        out = network(input_by_cosine(1, 1, 64, 64))
        expected = torch.tanh(network.last(torch.where(given[0] > 0, given[0], 0.2 * given[0])))
        torch.testing.assert_close(out, expected)

    def test_a_code_takes_the_place_of_the_start_map(self) -> None:
        network = SPADEGenerator(2, 2, hidden=2, code=3, start=(2, 4)).eval()
        segmentation = input_by_cosine(1, 2, 64, 128)
        first, second = (network(segmentation, torch.full((1, 3), value)) for value in (1.0, -1.0))
        assert first.shape == (1, 3, 64, 128)
        assert not torch.allclose(first, second)

    def test_refuses_codes_without_a_start(self) -> None:
        with pytest.raises(ValueError, match="size of its start map"):
            SPADEGenerator(2, 2, code=3)


class TestEncoder:
    def test_parameters_are_the_published_ones(self) -> None:
        with torch.device("meta"):
            assert count(StyleEncoder()) == 10_463_424

    @pytest.mark.parametrize("side", [65, 128, 200])
    def test_takes_pictures_of_any_size(self, side: int) -> None:
        encoder = StyleEncoder(code=5, width=2, side=side)
        mean, log_variance = encoder(input_by_cosine(2, 3, 40, 90))
        assert mean.shape == log_variance.shape == (2, 5)

    def test_resizes_without_antialiasing(self) -> None:
        encoder = StyleEncoder(code=2, width=1, side=128).eval()
        picture = input_by_cosine(1, 3, 256, 256)  # the middle of two pixels at every other one
        halved = (picture[:, :, ::2] + picture[:, :, 1::2]) / 2
        halved = (halved[..., ::2] + halved[..., 1::2]) / 2
        for one, other in zip(encoder(picture), encoder(halved), strict=True):
            torch.testing.assert_close(one, other)

    def test_draws_have_the_distribution_asked_for(self) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            draws = drawn(torch.full((20_000,), 2.0), torch.full((20_000,), 2.0))
        assert draws.mean().item() == pytest.approx(2, abs=0.1)
        assert draws.std().item() == pytest.approx(torch.e, rel=0.03)

    def test_divergence_is_pytorchs_summed(self) -> None:
        mean, log_variance = input_by_cosine(2, 3, 1, 1), input_by_cosine(2, 3, 1, 1, phase=1)
        given = torch.distributions.Normal(mean, (log_variance / 2).exp())
        expected = torch.distributions.kl_divergence(given, torch.distributions.Normal(0.0, 1.0)).sum()
        torch.testing.assert_close(standard_normal_divergence(mean, log_variance), expected)


class TestFirstWeights:
    @staticmethod
    def block(spectral_init: str) -> SPADEResidualBlock:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            block = SPADEResidualBlock(64, 64, 4)
            initialize_around_spectral_norm(block, 0.02, spectral_init)  # type: ignore[arg-type]
        return block

    @pytest.mark.parametrize(("spectral_init", "std"), [("default", 1 / (3 * 576) ** 0.5), ("xavier", 0.02 / 24)])
    def test_under_spectral_norm(self, spectral_init: str, std: float) -> None:
        """PyTorch draws U(-1, 1) / sqrt(fan in); Xavier has 0.02 sqrt(2 / (576 + 576)), 8e-4, as the sheet measured."""
        block = self.block(spectral_init)
        named = dict(block.named_parameters())
        original = named["convolutions.0.parametrizations.weight.original"]
        assert original.std().item() == pytest.approx(std, rel=0.02)
        assert not named["convolutions.0.bias"].any()
        assert original.requires_grad

    @pytest.mark.parametrize("spectral_init", ["default", "xavier"])
    def test_the_norm_knows_its_new_weights(self, spectral_init: str) -> None:
        weight = self.block(spectral_init).eval().get_submodule("convolutions.0").weight
        assert isinstance(weight, Tensor)
        assert torch.linalg.matrix_norm(weight.flatten(1), 2).item() == pytest.approx(1, rel=0.1)

    def test_elsewhere(self) -> None:
        gamma = self.block("default").spades[0].gamma
        assert gamma.weight.std().item() == pytest.approx(0.02 * (2 / ((128 + 64) * 9)) ** 0.5, rel=0.02)
        assert not gamma.bias.any()

    def test_the_mode_is_as_before(self) -> None:
        block = SPADEResidualBlock(4, 2, 3, hidden=2).eval()
        initialize_around_spectral_norm(block, 0.02, "xavier")
        assert not any(module.training for module in block.modules())
