from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from i2ibench.models.layers.stylegan_losses import Loss, discriminator_losses, generator_loss

SLOPES = torch.zeros(3, 2, 2)
SLOPES[0, 0, 0], SLOPES[1, 1, 0], SLOPES[2, 0, 1] = 2.0, -2.0, 1.0
"""Of norm 3."""


def linear(pictures: Tensor) -> Tensor:
    return (pictures * SLOPES).sum((1, 2, 3))[:, None]


def pictures(*scores: float) -> Tensor:
    """Pictures that `linear` scores so."""
    return torch.stack([SLOPES * score / 9 for score in scores])


class TestDiscriminator:
    def test_wgangp_by_hand(self) -> None:
        found = discriminator_losses(
            linear, pictures(1, 3), pictures(-2, 0.5), loss="wgangp", penalty=10.0, drift=0.001
        )
        expected = {"real": -2.0, "fake": -0.75, "drift": 0.005, "penalty": 10 * (3 - 1) ** 2}
        assert {name: value.item() for name, value in found.items()} == pytest.approx(expected)

    def test_r1_by_hand(self) -> None:
        found = discriminator_losses(linear, pictures(1, 3), pictures(-2, 0.5), loss="r1", penalty=10.0, drift=1.0)
        expected = {
            "penalty": 10 / 2 * 9,
            "real": (math.log1p(math.exp(-1)) + math.log1p(math.exp(-3))) / 2,
            "fake": (math.log1p(math.exp(-2)) + math.log1p(math.exp(0.5))) / 2,
        }
        assert {name: value.item() for name, value in found.items()} == pytest.approx(expected)

    @pytest.mark.parametrize(("loss", "passes"), [("wgangp", (3, 2)), ("r1", (2, 2))])
    def test_terms_without_weight_and_their_passes_are_left_out(self, loss: Loss, passes: tuple[int, int]) -> None:
        for penalty, expected in zip((10.0, 0.0), passes, strict=True):
            seen = list[Tensor]()

            def judge(x: Tensor, seen: list[Tensor] = seen) -> Tensor:
                seen.append(x)
                return linear(x)

            found = discriminator_losses(judge, pictures(1, 3), pictures(2, 0), loss=loss, penalty=penalty, drift=0)
            assert set(found) == {"real", "fake", *(["penalty"] if penalty else [])}
            assert len(seen) == expected

    @pytest.mark.parametrize("loss", ["wgangp", "r1"])
    def test_gradients_are_those_of_the_formulas(self, loss: Loss, monkeypatch: pytest.MonkeyPatch) -> None:
        torch.manual_seed(0)
        network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Softplus(), nn.Flatten(), nn.Linear(64, 1)).double()
        real, fake = torch.randn(2, 3, 3, 6, 6).double()
        points = (0.3 * real + 0.7 * fake).requires_grad_()
        monkeypatch.setattr("i2ibench.models.layers.stylegan_losses.between", lambda *_: points)
        found = torch.stack(
            [*discriminator_losses(network, real, fake, loss=loss, penalty=10.0, drift=0.5).values()]
        ).sum()
        at = points if loss == "wgangp" else real.clone().requires_grad_()
        norms = torch.stack(
            [torch.autograd.grad(network(at[i : i + 1]).sum(), at, create_graph=True)[0][i].norm() for i in range(3)]
        )
        on_real, on_fake = network(real), network(fake)
        if loss == "wgangp":
            expected = on_fake.mean() - on_real.mean() + 0.5 * (on_real**2).mean() + 10 * ((norms - 1) ** 2).mean()
        else:
            expected = torch.log1p(torch.exp(-on_real)).mean() + torch.log1p(torch.exp(on_fake)).mean()
            expected = expected + 5 * (norms**2).mean()
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)
        parameters = list(network.parameters())
        ours, theirs = (torch.autograd.grad(one, parameters) for one in (found, expected))
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


def test_generators_by_hand() -> None:
    scores = torch.tensor([[1.0], [-3.0]])
    assert generator_loss(scores, "wgangp").item() == 1
    expected = (math.log1p(math.exp(-1)) + math.log1p(math.exp(3))) / 2
    assert generator_loss(scores, "r1").item() == pytest.approx(expected)
