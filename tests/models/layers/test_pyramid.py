from __future__ import annotations

import torch

from i2ibench.models.layers.pyramid import halved, pyramid


def test_averages_do_not_count_what_lies_beyond_the_border() -> None:
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    # corners see 2x2 pixels, edges 2x3, the middle 3x3
    expected = torch.tensor([[(0 + 1 + 4 + 5) / 4, (1 + 2 + 3 + 5 + 6 + 7) / 6], [(4 + 5 + 8 + 9 + 12 + 13) / 6, 10.0]])
    torch.testing.assert_close(halved(x)[0, 0], expected)


def test_finest_first_and_constants_stay() -> None:
    x = torch.full((2, 3, 20, 13), 0.7)
    made = pyramid(x, 3)
    assert made[0] is x
    assert [tuple(one.shape[2:]) for one in made] == [(20, 13), (10, 7), (5, 4)]
    for one in made:
        torch.testing.assert_close(one, torch.full_like(one, 0.7))
