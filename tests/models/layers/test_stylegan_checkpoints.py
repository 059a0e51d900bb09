"""Checkpoints against functional forms of the published networks, written from their layers' names and formulas."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from i2ibench import weights
from i2ibench.models.layers.stylegan_checkpoints import load_discriminator, load_generator
from i2ibench.models.layers.stylegan_discriminator import StyleGANDiscriminator
from i2ibench.models.layers.stylegan_generator import StyleGANGenerator
from i2ibench.models.stylegan import StyleGAN, StyleGANConfig

BASE, MAX, CODE = 512, 8, 6
WIDTHS = [max(min(BASE // (4 << level), MAX), 1) for level in range(9)]
"""8 channels to 64, 4 at 128, 2 at 256, 1 at 512 and at 1024."""
BLUR = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16


class Published(dict[str, Tensor]):
    """A state under Rosinality's names, of noise."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.stream = torch.Generator().manual_seed(seed)

    def add(self, name: str, *shape: int) -> None:
        self[name] = torch.randn(shape, generator=self.stream)

    def layer(self, name: str, *shape: int, fused: bool = False) -> None:
        self.add(f"{name}.weight" if fused else f"{name}.weight_orig", *shape)
        self.add(f"{name}.bias", shape[1] if fused and name.endswith("conv1.0") else shape[0])

    def blur(self, name: str, channels: int) -> None:
        for buffer in ("weight", "weight_flip"):
            self[f"{name}.{buffer}"] = BLUR.repeat(channels, 1, 1, 1)

    def weight(self, name: str) -> Tensor:
        one = self[f"{name}.weight_orig"]
        return one * (2 / one[0].numel()) ** 0.5

    def convolved(self, name: str, x: Tensor, padding: int = 1) -> Tensor:
        return F.conv2d(x, self.weight(name), self[f"{name}.bias"], padding=padding)

    def linear(self, name: str, x: Tensor) -> Tensor:
        return F.linear(x, self.weight(name), self[f"{name}.bias"])


def published_generator() -> Published:
    state = Published(1)
    for layer in range(2):
        state.layer(f"style.{2 * layer + 1}.linear", CODE, CODE)
    below = WIDTHS[0]
    for level, width in enumerate(WIDTHS):
        name = f"generator.progression.{level}"
        if level == 0:
            state.add(f"{name}.conv1.input", 1, width, 4, 4)
        elif level < 5:
            state.layer(f"{name}.conv1.1.conv", width, below, 3, 3)
            state.blur(f"{name}.conv1.2", width)
        else:
            state.layer(f"{name}.conv1.0", below, width, 3, 3, fused=True)
            state.blur(f"{name}.conv1.1", width)
        state.layer(f"{name}.conv2.conv", width, width, 3, 3)
        for number in "12":
            state.add(f"{name}.noise{number}.weight_orig", 1, width, 1, 1)
            state.layer(f"{name}.adain{number}.style.linear", 2 * width, CODE)
        state.layer(f"generator.to_rgb.{level}.conv", 3, width, 1, 1)
        below = width
    return state


def published_discriminator() -> Published:
    state = Published(2)
    for index, (below, above) in enumerate(pairwise([*reversed(WIDTHS)])):
        name = f"progression.{index}"
        state.layer(f"{name}.conv1.0.conv", above, below, 3, 3)
        state.blur(f"{name}.conv2.0", above)
        fused = index < 4
        state.layer(f"{name}.conv2.1" + ("" if fused else ".conv"), above, above, 3, 3, fused=fused)
        state.layer(f"from_rgb.{index}.0.conv", below, 3, 1, 1)
    state.layer("from_rgb.8.0.conv", MAX, 3, 1, 1)
    state.layer("progression.8.conv1.0.conv", MAX, MAX + 1, 3, 3)
    state.layer("progression.8.conv2.0.conv", MAX, MAX, 4, 4)
    state.layer("linear.linear", 1, MAX)
    return state


def content(tensor: Tensor) -> bytes:
    """What it holds, in whatever order."""
    return bytes(tensor.flatten().sort().values.numpy().tobytes())


def averaged(weight: Tensor) -> Tensor:
    """What the published layers that resize make of 3x3 kernels."""
    scaled = F.pad(weight, (1, 1, 1, 1))
    return (scaled[..., 1:, 1:] + scaled[..., :-1, 1:] + scaled[..., 1:, :-1] + scaled[..., :-1, :-1]) / 4


def blurred(x: Tensor) -> Tensor:
    return F.conv2d(x, BLUR.repeat(x.shape[1], 1, 1, 1), padding=1, groups=x.shape[1])


def generated(state: Published, z: Tensor, noise: list[Tensor]) -> Tensor:
    style = z / torch.sqrt((z**2).mean(1, keepdim=True) + 1e-8)
    for layer in range(2):
        style = F.leaky_relu(state.linear(f"style.{2 * layer + 1}.linear", style), 0.2)
    x = state["generator.progression.0.conv1.input"].repeat(len(z), 1, 1, 1)
    for level, one in enumerate(noise):
        name = f"generator.progression.{level}"
        if 0 < level < 5:
            x = blurred(state.convolved(f"{name}.conv1.1.conv", F.interpolate(x, scale_factor=2.0)))
        elif level:
            raw = state[f"{name}.conv1.0.weight"]
            kernel = averaged(raw * (2 / (raw.shape[0] * 9)) ** 0.5)
            x = blurred(F.conv_transpose2d(x, kernel, state[f"{name}.conv1.0.bias"], stride=2, padding=1))
        for number in "12":
            if number == "2":
                x = state.convolved(f"{name}.conv2.conv", x)
            x = F.leaky_relu(x + state.weight(f"{name}.noise{number}") * one, 0.2)
            gain, shift = state.linear(f"{name}.adain{number}.style.linear", style)[:, :, None, None].chunk(2, 1)
            x = gain * F.instance_norm(x) + shift
    return state.convolved(f"generator.to_rgb.{len(noise) - 1}.conv", x, 0)


def judged(state: Published, x: Tensor, top: int) -> Tensor:
    x = F.leaky_relu(state.convolved(f"from_rgb.{8 - top}.0.conv", x, 0), 0.2)
    for index in range(8 - top, 8):
        x = blurred(F.leaky_relu(state.convolved(f"progression.{index}.conv1.0.conv", x), 0.2))
        if index < 4:
            raw = state[f"progression.{index}.conv2.1.weight"]
            kernel = averaged(raw * (2 / raw[0].numel()) ** 0.5)
            x = F.conv2d(x, kernel, state[f"progression.{index}.conv2.1.bias"], stride=2, padding=1)
        else:
            x = F.avg_pool2d(state.convolved(f"progression.{index}.conv2.1.conv", x), 2)
        x = F.leaky_relu(x, 0.2)
    deviation = torch.sqrt(x.var(0, unbiased=False) + 1e-8).mean()
    x = torch.cat([x, deviation.expand(len(x), 1, 4, 4)], 1)
    x = F.leaky_relu(state.convolved("progression.8.conv1.0.conv", x), 0.2)
    x = F.leaky_relu(state.convolved("progression.8.conv2.0.conv", x, 0), 0.2)
    return state.linear("linear.linear", x[:, :, 0, 0])


def networks(side: int, base: int = BASE) -> tuple[StyleGANGenerator, StyleGANDiscriminator]:
    return StyleGANGenerator(side, side, base, MAX, CODE, 2), StyleGANDiscriminator(side, base, MAX)


class TestPublished:
    @pytest.mark.parametrize("side", [32, 64, 256])
    def test_networks_answer_as_the_published_ones(self, side: int) -> None:
        made, judge = networks(side)
        whole = {"generator": published_generator(), "discriminator": published_discriminator()}
        file = {f"{network}.{name}": value for network, state in whole.items() for name, value in state.items()}
        load_generator(made, file)
        load_discriminator(judge, file)
        z, noise = torch.randn(2, CODE), [torch.randn(2, 1, *size) for size in made.sizes]
        expected = generated(published_generator(), z, noise)
        assert expected.std() > 0.1
        torch.testing.assert_close(made([made.mapping(z)] * len(noise), noise), expected, rtol=1e-3, atol=1e-3)
        x, top = torch.randn(2, 3, side, side), len(noise) - 1
        torch.testing.assert_close(judge(x), judged(published_discriminator(), x, top), rtol=1e-4, atol=1e-4)

    def test_tensors_are_taken_bit_for_bit(self) -> None:
        made, judge = networks(128)
        theirs, others = published_generator(), published_discriminator()
        load_generator(made, theirs)
        load_discriminator(judge, others)
        found = [*made.state_dict().values(), *judge.state_dict().values()]
        taken, given = ({content(one) for one in tensors} for tensors in (found, {**theirs, **others}.values()))
        assert taken <= given
        assert len(taken) == len(found)
        enlarging = made.state_dict()["blocks.5.source.0.weight"]
        assert torch.equal(enlarging, theirs["generator.progression.5.conv1.0.weight"].transpose(0, 1).flip(2, 3))
        assert torch.equal(judge.trunk.from_rgb.weight, others["from_rgb.3.0.conv.weight_orig"])

    def test_files_of_one_network_and_of_parallel_training(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("I2IBENCH_CACHE", str(tmp_path / "cache"))
        theirs, others = dict(published_generator()), dict(published_discriminator())
        parallel = {"generator": {f"module.{name}": value for name, value in theirs.items()}}
        torch.save(parallel, tmp_path / "train.model")
        torch.save(theirs, tmp_path / "g_running.model")
        torch.save(others, tmp_path / "d.pth")
        for file in ("train.model", "g_running.model"):
            made, judge = networks(32)
            place = weights.add("gan", tmp_path / file)
            weights.load("gan", place, lambda tensors, made=made: load_generator(made, tensors), "a test")  # type: ignore[misc]
            assert torch.equal(made.to_rgb.bias, theirs["generator.to_rgb.3.conv.bias"])
        place = weights.add("gan", tmp_path / "d.pth")
        weights.load("gan", place, lambda tensors: load_discriminator(judge, tensors), "a test")
        assert torch.equal(judge.linear.weight, others["linear.linear.weight_orig"])

    def test_lists_what_is_missing_and_left_over(self) -> None:
        state, (made, judge) = published_generator(), networks(32)
        del state["generator.progression.2.conv1.1.conv.bias"], state["style.3.linear.weight_orig"]
        state["generator.progression.1.conv3.bias"] = torch.zeros(1)
        before = made.to_rgb.weight.clone()
        told = (
            r"StyleGAN generator .*lacks mapping.layers.1.weight, blocks.2.source.0.bias "
            r"and has besides generator.progression.1.conv3.bias$"
        )
        with pytest.raises(ValueError, match=told):
            load_generator(made, state)
        assert torch.equal(made.to_rgb.weight, before)
        with pytest.raises(ValueError, match=r"StyleGAN discriminator .*lacks .* and \d+ more$"):
            load_discriminator(judge, published_generator())

    def test_without_activation_of_colours_is_not_taken(self) -> None:
        state = {name.replace(".0.conv", ".conv", 1) if "from_rgb" in name else name: value
                 for name, value in published_discriminator().items()}  # fmt: skip
        with pytest.raises(ValueError, match=r"lacks trunk.from_rgb.weight, .*has besides from_rgb.5.conv.bias"):
            load_discriminator(networks(32)[1], state)

    def test_tells_of_other_shapes(self) -> None:
        with pytest.raises(ValueError, match=r"is of other sizes: .*styled1.noise is 1x8x1x1, not 1x4x1x1"):
            load_generator(networks(32, base=128)[0], published_generator())


class TestRuns:
    @staticmethod
    def equal(network: nn.Module, state: Mapping[str, Tensor], prefix: str) -> bool:
        return all(torch.equal(value, state[prefix + name]) for name, value in network.state_dict().items())

    def test_of_a_checkpoint_the_last_weights_are_taken_bit_for_bit(self) -> None:
        config = StyleGANConfig(base=BASE, max_dim=MAX, code_dim=CODE, mapping_layers=2)
        live, mean = (StyleGAN(config, 32, 32).state_dict() for _ in range(2))
        saved = {f"model/{name}": value for name, value in live.items()}
        saved |= {f"averages/{name}": value for name, value in mean.items() if name.startswith("generator.")}
        saved["optimizers/generator/0/step"] = torch.zeros(())
        made, judge = networks(32)
        load_generator(made, saved)
        load_discriminator(judge, saved)
        assert self.equal(made, live, "generator.")
        assert self.equal(judge, live, "discriminator.")
        other, _ = networks(32)
        load_generator(other, live)
        assert self.equal(other, live, "generator.")

    def test_of_other_settings_are_refused(self) -> None:
        live = StyleGAN(StyleGANConfig(base=BASE, max_dim=MAX, code_dim=CODE, mapping_layers=2), 64, 64).state_dict()
        with pytest.raises(ValueError, match=r"StyleGAN generator .*has besides blocks.4.conv.bias, .* more$"):
            load_generator(networks(32)[0], live)
        with pytest.raises(ValueError, match="is of other sizes"):
            load_discriminator(networks(64, base=128)[1], live)
