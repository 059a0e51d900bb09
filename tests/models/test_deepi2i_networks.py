from __future__ import annotations

import pytest
import torch
from fingerprint import Digest, fill_by_sequence, input_by_sequence, sequence
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from i2ibench.models.deepi2i import DeepI2I, DeepI2IConfig
from i2ibench.models.method import Batch

NETWORKS = ("discriminator", "encoder", "adaptor", "generator")


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


class TestParity:
    @pytest.fixture(scope="class")
    def filled(self) -> DeepI2I:
        method = DeepI2I(DeepI2IConfig(ch=16), 10, 128, 128).eval()
        for name in NETWORKS:
            fill(method.get_submodule(name))
        return method

    @torch.no_grad()
    def test_networks_answer_as_the_published_ones(self, filled: DeepI2I) -> None:
        x, z = 4 * input_by_sequence(2, 3, 128, 128), input_by_sequence(2, 120)
        tap = filled.encoder(x)[16]
        first = (-0.1353092, -0.3208849, -0.3274717, -0.1845114, -0.2435571, -0.09882169)
        Digest.by_sequence(tap).assert_close(Digest(32768, -0.0086784, 0.1330684, 0.1650118, first))
        adapted = filled.adapted(x)
        first = (-0.02869131, 0.04967559, 0.05581125, 0.01726886, 0.04378863, -0.01766013)
        Digest.by_sequence(adapted[16] / 0.1).assert_close(Digest(65536, -0.003759165, 0.07078707, 0.08934844, first))
        pictures = filled.generator(z, torch.tensor([1, 7]), adapted)
        first = (-0.01578363, -0.0006805957, 0.007453283, -0.02734528, -0.04355986, -0.05767124)
        Digest.by_sequence(pictures).assert_close(Digest(98304, -0.02540885, 0.03284642, 0.02719116, first))
        logits = filled.discriminator(x, torch.tensor([3, 0]))
        assert logits.flatten().tolist() == pytest.approx([3.725644, 6.911602], abs=1e-3)

    def test_parameters(self, filled: DeepI2I) -> None:
        assert count(filled.generator) == 2_331_428
        assert count(filled.discriminator) == 2_406_130
        assert count(filled.encoder) == 2_406_130 - 257 - 10 * 256, "no head"
        assert count(filled.adaptor) == 2_385_728


def fill(network: nn.Module) -> None:
    """As the published networks were filled; singular vectors exact, so that power iterations change nothing."""
    fill_by_sequence(network)
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            parameter.data *= 0.1
        elif name == "output_norm.weight":
            parameter.data += 1
        elif name.endswith("gamma"):
            parameter.data.fill_(0.2 * sequence(1)[0].item())
    network.double()
    for module in network.modules():
        if hasattr(module, "parametrizations"):
            weight = module.parametrizations.weight
            u, _, v = torch.linalg.svd(weight.original.detach().flatten(1), full_matrices=False)
            weight[0]._u.copy_(u[:, 0])
            weight[0]._v.copy_(v[0])


class TestPapersSize:
    @pytest.fixture(scope="class")
    def method(self) -> DeepI2I:
        with torch.device("meta"):
            return DeepI2I(DeepI2IConfig(), 1000, 128, 128).train()

    def test_parameters(self, method: DeepI2I) -> None:
        assert [count(method.get_submodule(name)) for name in NETWORKS] == [
            87_982_370,
            87_982_370 - 1_537_537,
            87_368_065 - 1_537_537,
            70_433_988,
        ]
        blocks = {side: count(block) for side, block in method.adaptor.blocks.items()}
        assert blocks == {"32": 2_065_536, "16": 8_259_840, "8": 33_034_752, "4": 42_470_400}

    def test_shapes(self, method: DeepI2I) -> None:
        pictures = torch.empty(1, 3, 128, 128, device="meta")
        assert {side: tuple(one.shape) for side, one in method.encoder(pictures).items()} == {
            side: (1, times * 96, side, side) for side, times in ((32, 2), (16, 4), (8, 8), (4, 16))
        }
        assert {side: tuple(one.shape) for side, one in method.adapted(pictures).items()} == {
            side: (1, times * 96, side, side) for side, times in ((32, 4), (16, 8), (8, 16), (4, 16))
        }

    def test_arithmetic_of_the_adaptor(self, method: DeepI2I) -> None:
        maps = method.encoder(torch.empty(1, 3, 128, 128, device="meta"))
        with FlopCounterMode(display=False) as counter:
            method.adaptor(maps)
        assert 14.0 < counter.get_total_flops() / 1e9 < 14.6, "published with its power iterations, not counted here"

    @pytest.mark.parametrize(("fraction", "gflop"), [(0.0, 443.9), (0.5, 485.3)])
    def test_a_steps_arithmetic_is_at_most_the_published_one(
        self, method: DeepI2I, fraction: float, gflop: float
    ) -> None:
        batch = Batch(("a",), *torch.empty(2, 1, 3, 128, 128, device="meta"))
        method.fraction = fraction
        optimizers = method.optimizers().items()
        groups = {name: [p for group in o.param_groups for p in group["params"]] for name, o in optimizers}
        with FlopCounterMode(display=False) as counter:
            for update in method.updates(batch, 0):
                torch.autograd.backward(update.loss, inputs=groups[update.optimizer])
        assert 0.8 * gflop < counter.get_total_flops() / 1e9 < gflop
