from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

from i2ibench.models.layers.cam_attention import CAMAttention, ResidualCAMAttention, unnormalised_weight


def normalised(weight: Tensor) -> Tensor:
    """A row divided by its only singular value, its length."""
    return weight / weight.norm()


def published(x: Tensor, weights: Tensor, convolution: nn.Conv2d) -> Tensor:
    """Two weighed copies, concatenated and convolved; `weights` `[1, 2C]`."""
    return convolution(torch.cat([x, x], 1) * weights[:, :, None, None])


@pytest.mark.parametrize("spectral", [False, True])
def test_weighs_by_raw_weights_and_answers_by_normalised_ones(spectral: bool) -> None:
    attention, x = CAMAttention(6, spectral=spectral).double().eval(), torch.randn(2, 6, 5, 4).double()
    found, logits = attention(x)
    raw = [unnormalised_weight(layer) for layer in (attention.average, attention.maximum)]
    torch.testing.assert_close(found, published(x, torch.cat(raw, 1), attention.merge))
    pooled = F.adaptive_avg_pool2d(x, 1).flatten(1), F.adaptive_max_pool2d(x, 1).flatten(1)
    judged = [normalised(weight) if spectral else weight for weight in raw]
    expected = torch.cat([features @ weight.T for features, weight in zip(pooled, judged, strict=True)], 1)
    torch.testing.assert_close(logits, expected)


def test_residual_form() -> None:
    attention, x = ResidualCAMAttention(6).double().eval(), torch.randn(2, 6, 5, 4).double()
    raw = unnormalised_weight(attention.classifier)
    assert raw.shape == (1, 12)
    found, logits = attention(x)
    assert torch.equal(found, x), "the gate is 0 at first"
    nn.init.constant_(attention.gate, -0.7)
    torch.testing.assert_close(attention(x)[0], x - 0.7 * published(x, raw, attention.merge))
    pooled = torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1)
    torch.testing.assert_close(logits, pooled @ normalised(raw).T)


def test_gradients_are_those_of_the_concatenated_copies() -> None:
    """Weighing gives the classifiers gradients, not through the norm, beside those of their answers."""
    attention, x = CAMAttention(4, spectral=True).double().eval(), torch.randn(2, 4, 3, 3).double().requires_grad_()
    raw = [unnormalised_weight(layer) for layer in (attention.average, attention.maximum)]
    over = [x, *raw, attention.merge.weight, attention.merge.bias]
    seen, said = torch.randn(2, 4, 3, 3).double(), torch.randn(2, 2).double()
    features, logits = attention(x)
    found = torch.autograd.grad((features * seen).sum() + (logits * said).sum(), over)

    pooled = x.mean((2, 3)), x.amax((2, 3))
    # the largest singular value is differentiated with its vectors held, which for a row is its length
    theirs = torch.cat([features @ normalised(weight).T for features, weight in zip(pooled, raw, strict=True)], 1)
    expected = torch.autograd.grad(
        (published(x, torch.cat(raw, 1), attention.merge) * seen).sum() + (theirs * said).sum(), over
    )
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("attention", [CAMAttention(3, spectral=True), ResidualCAMAttention(3)])
def test_a_pass_is_one_power_iteration_a_layer_and_none_in_eval_mode(
    attention: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers = [layer for layer in attention.modules() if parametrize.is_parametrized(layer, "weight")]
    assert layers
    iterated: list[int] = []
    for index, layer in enumerate(layers):
        norm = layer.parametrizations["weight"][0]  # type: ignore[index]
        monkeypatch.setattr(norm, "_power_method", lambda _, times, index=index: iterated.extend([index] * times))
    attention.train()(torch.randn(1, 3, 4, 4))
    assert iterated == list(range(len(layers)))
    attention.eval()(torch.randn(1, 3, 4, 4))
    assert len(iterated) == len(layers)


def test_a_layer_without_the_norm_has_its_weight_alone() -> None:
    layer = nn.Linear(3, 1)
    assert unnormalised_weight(layer) is layer.weight
