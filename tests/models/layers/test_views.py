from __future__ import annotations

from typing import Literal

import pytest
import torch
from torch import Tensor

from i2ibench.models.layers.views import View, Weights, recovery_losses, repeated

ALL = Weights(1.0, 1.0, 1.0, 1.0, 1.0)


class Toy:
    """An auto-encoder of one number each, that counts its calls."""

    def __init__(self, content: float, style: float) -> None:
        self.factors = torch.tensor([content, style], requires_grad=True)
        self.encoded: list[str] = []

    def content(self, pictures: Tensor) -> Tensor:
        self.encoded.append("content")
        return self.factors[0] * pictures

    def style(self, pictures: Tensor) -> Tensor:
        self.encoded.append("style")
        return self.factors[1] * pictures.mean((1, 2, 3))[:, None]

    def decode(self, content: Tensor, style: Tensor) -> Tensor:
        return content + style[:, :, None, None]


def view(toy: Toy, *values: float) -> View:
    return View(toy, torch.stack([torch.full((3, 2, 2), value) for value in values]))  # type: ignore[arg-type]


def test_codes_are_made_once_and_with_gradients_wherever_they_are_read_first() -> None:
    toy = Toy(2.0, 0.5)
    pictures = view(toy, 1.0)
    assert toy.encoded == []
    with torch.no_grad():
        first = pictures.content, pictures.style
    assert all(code.requires_grad for code in first)
    assert pictures.content is first[0]
    assert pictures.style is first[1]
    assert toy.encoded == ["content", "style"]


@pytest.mark.parametrize("cycle", ["recon_x", "recon_x_cyc"])
def test_recovery_by_hand(cycle: Literal["recon_x", "recon_x_cyc"]) -> None:
    """Contents 2x and styles x/2 there; 3x and -x of what was decoded."""
    source = view(Toy(2.0, 0.5), 0.2, -0.4)
    decoded, styles = view(Toy(3.0, -1.0), 0.3, 0.1), torch.tensor([[0.7], [-0.2]])
    found = recovery_losses(source, decoded, styles, ALL, cycle=cycle)
    assert {name: value.item() for name, value in found.items()} == pytest.approx(
        {
            "recon_s": (abs(-0.3 - 0.7) + abs(-0.1 + 0.2)) / 2,
            "recon_c": (abs(0.9 - 0.4) + abs(0.3 + 0.8)) / 2,
            cycle: (abs(0.9 + 0.1 - 0.2) + abs(0.3 - 0.2 + 0.4)) / 2,
        }
    )


def test_parts_are_summed_by_their_weights() -> None:
    source, styles = view(Toy(2.0, 0.5), 0.2, -0.4), torch.tensor([[0.7], [-0.2], [0.1], [0.3]])
    both = view(Toy(3.0, -1.0), 0.3, 0.1, -0.6, 0.9)
    parts = [
        recovery_losses(source, view(Toy(3.0, -1.0), *values), styles[rows], ALL)
        for values, rows in (((0.3, 0.1), slice(0, 2)), ((-0.6, 0.9), slice(2, 4)))
    ]
    found = recovery_losses(source, both, styles, ALL, [0.5, 0.25])
    for name, value in found.items():
        assert value.item() == pytest.approx(0.5 * parts[0][name].item() + 0.25 * parts[1][name].item())


def test_terms_without_weight_are_left_out_and_not_computed() -> None:
    toy = Toy(3.0, -1.0)
    found = recovery_losses(view(toy, 0.2), view(toy, 0.3), torch.zeros(1, 1), Weights(1.0, 1.0, 1.0, 0.0, 0.0))
    assert set(found) == {"recon_s"}
    assert toy.encoded == ["style"]


def test_repeated() -> None:
    x = torch.tensor([[1], [2]])
    assert repeated(x, 2).tolist() == [[1], [2], [1], [2]]
    assert repeated(x, 1) is x
