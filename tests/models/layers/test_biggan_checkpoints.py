"""Against tensors under BigGAN-PyTorch's names, and its arithmetic written out on them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from i2ibench import weights
from i2ibench.errors import BenchError
from i2ibench.models.biggan import BigGAN, BigGANConfig
from i2ibench.models.layers.biggan_checkpoints import load_discriminator, load_generator
from i2ibench.models.layers.biggan_discriminator import BigGANDiscriminator
from i2ibench.models.layers.biggan_generator import BigGANGenerator

CLASSES, CH, SHARED, CHUNK, ATTENTION = 6, 2, 5, 3, 16
GENERATOR = (32, 32, 16, 8, 4)
"""Channels at 4, 8, 16, 32, 64."""
DISCRIMINATOR = (3, 2, 4, 8, 16, 32)
"""Channels of the picture and after each block."""


class Published(dict[str, Tensor]):
    """A state under BigGAN-PyTorch's names, filled at random."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.stream = torch.Generator().manual_seed(seed)

    def add(self, name: str, *shape: int) -> None:
        self[name] = torch.randn(shape, generator=self.stream) / 2

    def normalised(self, name: str, *shape: int, bias: bool = True) -> None:
        self.add(f"{name}.weight", *shape)
        self.add(f"{name}.u0", 1, shape[0])
        self.add(f"{name}.sv0", 1)
        if bias:
            self.add(f"{name}.bias", shape[0])

    def statistics(self, name: str, channels: int) -> None:
        self.add(f"{name}.stored_mean", channels)
        self[f"{name}.stored_var"] = torch.rand(channels, generator=self.stream) + 0.5

    def attention(self, name: str, channels: int) -> None:
        self.add(f"{name}.gamma")
        for layer, out, of in (("theta", 8, 1), ("phi", 8, 1), ("g", 2, 1), ("o", 1, 2)):
            self.normalised(f"{name}.{layer}", channels // out, channels // of, 1, 1, bias=False)

    def weight(self, name: str) -> Tensor:
        """The weight as in evaluation: over the singular value after one iteration from the stored vector."""
        weight, u = self[f"{name}.weight"], self[f"{name}.u0"]
        matrix = weight.flatten(1)
        v = F.normalize(u @ matrix, eps=1e-6)
        after = F.normalize(v @ matrix.T, eps=1e-6)
        return weight / (v @ matrix.T @ after.T).squeeze()

    def convolved(self, name: str, x: Tensor) -> Tensor:
        weight = self.weight(name)
        return F.conv2d(x, weight, self.get(f"{name}.bias"), padding=weight.shape[-1] // 2)

    def attended(self, name: str, x: Tensor) -> Tensor:
        theta, phi, g = (self.convolved(f"{name}.{layer}", x) for layer in ("theta", "phi", "g"))
        phi, g = F.max_pool2d(phi, [2, 2]), F.max_pool2d(g, [2, 2])
        b, _, h, w = x.shape
        beta = F.softmax(torch.bmm(theta.view(b, -1, h * w).transpose(1, 2), phi.view(b, -1, h * w // 4)), -1)
        out = torch.bmm(g.view(b, -1, h * w // 4), beta.transpose(1, 2)).view(b, -1, h, w)
        return self[f"{name}.gamma"] * self.convolved(f"{name}.o", out) + x


def published_generator() -> Published:
    state = Published(1)
    state.add("shared.weight", CLASSES, SHARED)
    state.normalised("linear", GENERATOR[0] * 16, CHUNK)
    for i, (below, above) in enumerate(pairwise(GENERATOR)):
        for bn, channels in (("bn1", below), ("bn2", above)):
            state.statistics(f"blocks.{i}.0.{bn}", channels)
            for map_ in ("gain", "bias"):
                state.normalised(f"blocks.{i}.0.{bn}.{map_}", channels, SHARED + CHUNK, bias=False)
        state.normalised(f"blocks.{i}.0.conv1", above, below, 3, 3)
        state.normalised(f"blocks.{i}.0.conv2", above, above, 3, 3)
        state.normalised(f"blocks.{i}.0.conv_sc", above, below, 1, 1)
    state.attention("blocks.1.1", GENERATOR[2])
    state.add("output_layer.0.gain", GENERATOR[-1])
    state.add("output_layer.0.bias", GENERATOR[-1])
    state.statistics("output_layer.0", GENERATOR[-1])
    state.normalised("output_layer.2", 3, GENERATOR[-1], 3, 3)
    return state


def published_discriminator() -> Published:
    state = Published(2)
    for i, (below, above) in enumerate(pairwise(DISCRIMINATOR)):
        state.normalised(f"blocks.{i}.0.conv1", above, below, 3, 3)
        state.normalised(f"blocks.{i}.0.conv2", above, above, 3, 3)
        state.normalised(f"blocks.{i}.0.conv_sc", above, below, 1, 1)
    state.attention("blocks.2.1", 8)
    state.normalised("linear", 1, DISCRIMINATOR[-1])
    state.normalised("embed", CLASSES, DISCRIMINATOR[-1], bias=False)
    return state


def generated(state: Published, z: Tensor, classes: Tensor) -> Tensor:
    """BigGAN-PyTorch's generator in evaluation."""
    first, *rest = z.split(CHUNK, 1)
    shared = state["shared.weight"][classes]
    h = F.linear(first, state.weight("linear"), state["linear.bias"]).view(len(z), -1, 4, 4)
    for i, chunk in enumerate(rest):
        y = torch.cat([shared, chunk], 1)

        def norm(bn: str, x: Tensor, y: Tensor = y, i: int = i) -> Tensor:
            name = f"blocks.{i}.0.{bn}"
            out = F.batch_norm(x, state[f"{name}.stored_mean"], state[f"{name}.stored_var"], eps=1e-5)
            gain, bias = (F.linear(y, state.weight(f"{name}.{map_}")) for map_ in ("gain", "bias"))
            return out * (1 + gain)[:, :, None, None] + bias[:, :, None, None]

        x = h
        h = F.interpolate(F.relu(norm("bn1", x)), scale_factor=2)
        h = state.convolved(f"blocks.{i}.0.conv1", h)
        h = state.convolved(f"blocks.{i}.0.conv2", F.relu(norm("bn2", h)))
        h = h + state.convolved(f"blocks.{i}.0.conv_sc", F.interpolate(x, scale_factor=2))
        if i == 1:
            h = state.attended("blocks.1.1", h)
    name = "output_layer.0"
    statistics = state[f"{name}.stored_mean"], state[f"{name}.stored_var"]
    h = F.batch_norm(h, *statistics, state[f"{name}.gain"], state[f"{name}.bias"], eps=1e-5)
    return torch.tanh(state.convolved("output_layer.2", F.relu(h)))


def judged(state: Published, x: Tensor, classes: Tensor) -> Tensor:
    """BigGAN-PyTorch's discriminator in evaluation."""
    h = x
    for i in range(5):
        last = i == 4
        out = state.convolved(f"blocks.{i}.0.conv1", F.relu(h) if i else h)
        out = state.convolved(f"blocks.{i}.0.conv2", F.relu(out))
        if i == 0:
            shortcut = state.convolved("blocks.0.0.conv_sc", F.avg_pool2d(h, 2))
        else:
            shortcut = state.convolved(f"blocks.{i}.0.conv_sc", h)
            shortcut = shortcut if last else F.avg_pool2d(shortcut, 2)
        h = (out if last else F.avg_pool2d(out, 2)) + shortcut
        if i == 2:
            h = state.attended("blocks.2.1", h)
    pooled = F.relu(h).sum((2, 3))
    linear = F.linear(pooled, state.weight("linear"), state["linear.bias"])
    return linear + (state.weight("embed")[classes] * pooled).sum(1, keepdim=True)


def networks(classes: int = CLASSES) -> tuple[BigGANGenerator, BigGANDiscriminator]:
    generator = BigGANGenerator(64, 64, CH, classes, 5 * CHUNK, SHARED, ATTENTION)
    return generator, BigGANDiscriminator(64, CH, classes, 8)


class TestPublished:
    def test_generator_draws_what_the_published_one_draws(self) -> None:
        state, (generator, _) = published_generator(), networks()
        load_generator(generator, state)
        z, classes = torch.randn(2, 5 * CHUNK), torch.tensor([1, 5])
        expected = generated(state, z, classes)
        assert expected.std() > 0.1
        torch.testing.assert_close(generator.eval()(z, classes), expected, rtol=1e-4, atol=1e-4)

    def test_discriminator_says_what_the_published_one_says(self) -> None:
        state, (_, discriminator) = published_discriminator(), networks()
        load_discriminator(discriminator, state)
        x, classes = torch.randn(2, 3, 64, 64), torch.tensor([4, 0])
        torch.testing.assert_close(discriminator.eval()(x, classes), judged(state, x, classes), rtol=1e-4, atol=1e-4)

    def test_files_are_read_without_unpickling_objects(self, tmp_path: Path) -> None:
        generator, _ = networks()
        torch.save(dict(published_generator()), tmp_path / "G_ema.pth")
        weights.load("gan", tmp_path / "G_ema.pth", lambda tensors: load_generator(generator, tensors), "a test")
        assert torch.equal(generator.shared.weight, published_generator()["shared.weight"])
        torch.save({"module": nn.Linear(1, 1)}, tmp_path / "G.pth")
        with pytest.raises(BenchError, match="no file of tensors"):
            weights.load("gan", tmp_path / "G.pth", lambda tensors: load_generator(generator, tensors), "a test")

    def test_lists_what_is_missing_and_left_over(self) -> None:
        state, (generator, discriminator) = published_generator(), networks()
        del state["blocks.2.0.conv1.bias"], state["blocks.0.0.bn2.stored_var"]
        state["blocks.9.0.conv1.bias"] = torch.zeros(1)
        before = generator.linear.bias.clone()  # type: ignore[operator, union-attr]
        told = (
            r"BigGAN generator .*lacks blocks.0.norm2.norm.running_var, blocks.2.convolution1.bias "
            r"and has besides blocks.9.0.conv1.bias"
        )
        with pytest.raises(ValueError, match=told):
            load_generator(generator, state)
        assert torch.equal(generator.linear.bias, before)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=r"BigGAN discriminator .*lacks .* and \d+ more and has besides .*more"):
            load_discriminator(discriminator, published_generator())

    def test_tells_of_other_shapes(self) -> None:
        generator = BigGANGenerator(64, 64, CH, CLASSES, 5 * CHUNK, SHARED + 1, ATTENTION)
        with pytest.raises(ValueError, match=r"is of other sizes.*shared.weight is 6x5, not 6x6"):
            load_generator(generator, published_generator())


class TestRows:
    @pytest.mark.parametrize(("rows", "taken"), [((), [0, 1, 2]), ((5, 0, 5), [5, 0, 5])])
    def test_of_the_class_tables(self, rows: tuple[int, ...], taken: list[int]) -> None:
        generator, discriminator = networks(3)
        load_generator(generator, published_generator(), rows)
        load_discriminator(discriminator, published_discriminator(), rows)
        assert torch.equal(generator.shared.weight, published_generator()["shared.weight"][taken])
        table = published_discriminator()["embed.weight"][taken]
        assert torch.equal(discriminator.embedding.parametrizations.weight.original, table)  # type: ignore[union-attr]
        normalised = table / torch.linalg.matrix_norm(table, 2)
        torch.testing.assert_close(discriminator.eval().embedding.weight, normalised, rtol=1e-2, atol=1e-3)

    def test_too_few(self) -> None:
        with pytest.raises(ValueError, match=r"has 6 classes, and its class 6 is asked for: name others by rows"):
            load_generator(networks(7)[0], published_generator())
        with pytest.raises(ValueError, match=r"has 6 classes, and its class 9 is asked for"):
            load_discriminator(networks(2)[1], published_discriminator(), (0, 9))


class TestRuns:
    @staticmethod
    def states() -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Of two BigGANs, the second in the place of the first's averages."""
        config = BigGANConfig(ch=CH, attention=0, z_dim=15, shared_dim=SHARED)
        first, second = (BigGAN(config, 3, 64, 64) for _ in range(2))
        return first.state_dict(), second.state_dict()

    @staticmethod
    def equal(network: nn.Module, state: Mapping[str, Tensor], prefix: str) -> bool:
        return all(torch.equal(value, state[prefix + name]) for name, value in network.state_dict().items())

    def test_of_a_checkpoint_are_taken_bit_for_bit_and_of_averages_where_there_are_any(self) -> None:
        live, mean = self.states()
        saved = {f"model/{name}": value for name, value in live.items()}
        saved |= {f"averages/{name}": value for name, value in mean.items() if name.startswith("generator.")}
        saved["optimizers/generator/0/step"] = torch.zeros(())
        generator = BigGANGenerator(64, 64, CH, 3, 15, SHARED, 0)
        discriminator = BigGANDiscriminator(64, CH, 3, 0)
        load_generator(generator, saved)
        load_discriminator(discriminator, saved)
        assert self.equal(generator, mean, "generator.")
        assert self.equal(discriminator, live, "discriminator.")
        load_generator(generator, {name: value for name, value in saved.items() if name.startswith("model/")})
        assert self.equal(generator, live, "generator.")

    def test_of_a_state_are_taken_too(self) -> None:
        live, _ = self.states()
        generator = BigGANGenerator(64, 64, CH, 3, 15, SHARED, 0)
        load_generator(generator, live)
        assert self.equal(generator, live, "generator.")

    def test_of_other_settings_are_refused(self) -> None:
        live, _ = self.states()
        with pytest.raises(ValueError, match=r"lacks attentions.2.gamma, attentions.2.theta.weight, .*2.o.weight$"):
            load_generator(BigGANGenerator(64, 64, CH, 3, 15, SHARED, 32), live)
        with pytest.raises(ValueError, match="is of other sizes"):
            load_discriminator(BigGANDiscriminator(64, CH + 1, 3, 0), live)
