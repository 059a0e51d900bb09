from __future__ import annotations

import torch
from torch import Tensor

from i2ibench.models.layers.instance_views import Instances, rows_of
from i2ibench.models.layers.views import View


class Toy:
    """Content: the picture; style: its mean; decoded: their sum."""

    def content(self, pictures: Tensor) -> Tensor:
        return pictures

    def style(self, pictures: Tensor) -> Tensor:
        return pictures.mean((1, 2, 3))[:, None]

    def decode(self, content: Tensor, style: Tensor) -> Tensor:
        return content + style[:, :, None, None]


def view(*values: float) -> View:
    return View(Toy(), torch.stack([torch.full((3, 2, 2), value) for value in values]))  # type: ignore[arg-type]


def test_coarser_styles_are_those_of_the_pictures_and_of_the_backgrounds() -> None:
    whole, instances, backgrounds = view(1.0, 2.0, 3.0), view(10.0, 30.0), view(0.1, 0.3)
    found = Instances(whole, instances, [0, 2], backgrounds, 0.5)
    assert found.share == 2 / 3
    assert found.parts == [2 / 3, 1 / 3]
    torch.testing.assert_close(found.coarser_styles.flatten(), torch.tensor([1.0, 3.0, 0.1, 0.3]))
    torch.testing.assert_close(found.in_coarser_styles.pictures[:, 0, 0, 0], torch.tensor([11.0, 33.0, 10.1, 30.3]))
    torch.testing.assert_close(found.in_whole_styles[:, 0, 0, 0], torch.tensor([11.0, 33.0]))
    torch.testing.assert_close(found.reconstruction[:, 0, 0, 0], torch.tensor([20.0, 60.0]))


def test_without_backgrounds() -> None:
    found = Instances(view(1.0, 2.0), view(10.0), [1], None, 0.5)
    assert found.parts == [0.5]
    assert found.coarser_styles.tolist() == [[2.0]]
    torch.testing.assert_close(found.in_coarser_styles.pictures, found.in_whole_styles)


def test_rows() -> None:
    x = torch.arange(6).view(3, 2)
    assert rows_of(x, [0, 2]).tolist() == [[0, 1], [4, 5]]
    assert rows_of(x, [0, 1, 2]) is x
