from __future__ import annotations

import pytest
import torch
from fingerprint import Digest, fill_by_sequence, input_by_sequence

from i2ibench.models.layers.label_generator import LabelCritic, LabelGenerator, LabelResidualBlock


def test_generator_is_the_published_one() -> None:
    network, x = LabelGenerator(5, 16, 2), input_by_sequence(2, 3, 64, 64).float()
    fill_by_sequence(network)
    assert sum(p.numel() for p in network.parameters()) == 238_832
    labels = torch.tensor([[1.0, 0, 0, 1, 0], [0, 1, 0, 0, 1]])
    expected = Digest(
        24576, -0.023105, 0.046933, 0.080185, (0.024302, 0.006609, -0.056787, 0.02591, -0.069703, 0.010844)
    )
    for mode in (True, False):
        Digest.by_sequence(network.train(mode)(x, labels)).assert_close(expected)


def test_generator_without_biases_reads_labels_everywhere() -> None:
    network = LabelGenerator(2, 4, 1)
    assert not any("bias" in name for name, p in network.named_parameters() if p.dim() > 1)
    x, seen = torch.randn(1, 3, 8, 12), []
    network.layers[0].register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    network(x, torch.tensor([[0.0, 2.0]]))
    assert torch.equal(seen[0][:, :3], x)
    assert torch.equal(seen[0][0, 3:], torch.stack([torch.zeros(8, 12), torch.full((8, 12), 2.0)]))


def test_block_adds_and_pads_by_zeros() -> None:
    block, x = LabelResidualBlock(3), torch.randn(2, 3, 5, 5)
    block.layers[-1].weight.data.zero_()
    block.layers[-1].bias.data.fill_(0.5)
    torch.testing.assert_close(block(x), x + 0.5)
    assert all(layer.padding_mode == "zeros" for layer in block.layers if isinstance(layer, torch.nn.Conv2d))


@pytest.mark.parametrize(
    ("height", "width", "n_layers", "answers"), [(128, 128, 6, (2, 2)), (64, 64, 6, (1, 1)), (32, 64, 4, (2, 4))]
)
def test_critic_classifies_whole_pictures(height: int, width: int, n_layers: int, answers: tuple[int, int]) -> None:
    critic, x = LabelCritic(5, height, width, 2, n_layers), torch.randn(2, 3, height, width)
    found, logits = critic(x)
    assert found.shape == (2, 1, *answers)
    assert logits.shape == (2, 5)
    torch.testing.assert_close(critic.answers(x), found)
    torch.testing.assert_close(logits, torch.einsum("bchw,kchw->bk", critic.trunk(x), critic.labels.weight))


def test_critic_has_the_published_parameters_and_slope() -> None:
    with torch.device("meta"):
        assert sum(p.numel() for p in LabelCritic(5, 128, 128).parameters()) == 44_762_048
        assert sum(p.numel() for p in LabelGenerator(5).parameters()) == 8_430_528
    slopes = {m.negative_slope for m in LabelCritic(2, 64, 64, 2).modules() if isinstance(m, torch.nn.LeakyReLU)}
    assert slopes == {0.01}
