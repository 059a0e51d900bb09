from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from i2ibench.models.layers.instance_crops import Crop, drawn_crops, instance_pictures, without_instances

NONE = torch.zeros(0, 5)


def boxes(*rows: tuple[float, float, float, float]) -> Tensor:
    return torch.tensor([[*row, 1.0] for row in rows])


def picture(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1)) * 2 - 1


class TestDrawnCrops:
    def test_one_of_each_pictures_valid_boxes_all_as_likely(self) -> None:
        of_first = boxes((0, 0, 8, 8), (1, 1, 8.9, 20), (2, 0, 30, 7.9), (3, 4, 13, 14), (5, 5, 25, 13))
        of_second = boxes((0, 0, 9, 30), (1, 2, 17, 10))
        draws = [drawn_crops([of_first, NONE, of_second], 8) for _ in range(1200)]
        firsts, nones, seconds = (Counter(drawn) for drawn in zip(*draws, strict=True))
        assert set(firsts) == {Crop(0, 0, 8, 8), Crop(3, 4, 13, 14), Crop(5, 5, 25, 13)}
        assert set(nones) == {None}
        assert set(seconds) == {Crop(0, 0, 9, 30), Crop(1, 2, 17, 10)}
        assert all(abs(count - 400) < 5 * (1200 * 2 / 9) ** 0.5 for count in firsts.values())
        assert all(abs(count - 600) < 5 * (1200 / 4) ** 0.5 for count in seconds.values())
        together = Counter((first, second) for first, _, second in draws)
        assert min(together.values()) > 120, "pictures draw apart from each other"

    def test_is_a_function_of_the_global_generator(self) -> None:
        many = [boxes(*((x, 0, x + 8, 8) for x in range(20)))] * 8
        drawn = [torch.manual_seed(seed) and drawn_crops(many, 8) for seed in (3, 3, 4)]
        assert drawn[0] == drawn[1] != drawn[2]

    @pytest.mark.parametrize("none", [[NONE, NONE], [NONE, boxes((0, 0, 8, 7.5))]])
    def test_without_valid_boxes_nothing_is_drawn(self, none: list[Tensor]) -> None:
        state = torch.get_rng_state()
        assert drawn_crops(none, 8) == [None, None]
        assert torch.equal(state, torch.get_rng_state())

    @given(edges=st.tuples(*[st.floats(0, 31, width=32)] * 2), sides=st.tuples(*[st.floats(1, 32, width=32)] * 2))
    @settings(max_examples=50, deadline=None)
    def test_takes_the_pixels_whose_centres_are_in_the_box(
        self, edges: tuple[float, float], sides: tuple[float, float]
    ) -> None:
        ends = (min(edge + side, 32) for edge, side in zip(edges, sides, strict=True))
        one = boxes((*edges, *ends))  # type: ignore[arg-type]
        left, top, right, bottom = one[0, :4].tolist()
        (crop,) = drawn_crops([one], 1)
        assert (crop is None) == (min(right - left, bottom - top) < 1)
        if crop is None:
            return
        assert list(range(crop.left, crop.right)) == [x for x in range(32) if left <= x + 0.5 < right]
        assert list(range(crop.top, crop.bottom)) == [y for y in range(32) if top <= y + 0.5 < bottom]
        assert crop.left < crop.right
        assert crop.top < crop.bottom


class TestInstancePictures:
    def test_enlarges_bilinearly_those_that_there_are(self) -> None:
        x = picture(3, 3, 16, 24)
        found = instance_pictures(x, [Crop(2, 3, 10, 9), None, Crop(0, 0, 12, 12)], 12)
        expected = F.interpolate(x[:1, :, 3:9, 2:10], (12, 12), mode="bilinear", align_corners=False)
        assert found.shape == (2, 3, 12, 12)
        torch.testing.assert_close(found[:1], expected)
        assert torch.equal(found[1], x[2, :, :12, :12])

    @pytest.mark.parametrize("crop", [Crop(0, 0, 24, 16), Crop(1, 2, 22, 7), Crop(5, 0, 9, 16)])
    def test_shrinks_as_pillow_does(self, crop: Crop) -> None:
        x = picture(1, 1, 16, 24)
        image = Image.fromarray(x[0, 0].numpy()).crop(tuple(crop))
        expected = np.array(image.resize((8, 8), Image.Resampling.BILINEAR))
        torch.testing.assert_close(instance_pictures(x, [crop], 8)[0, 0], torch.from_numpy(expected))


class TestWithoutInstances:
    def test_fills_all_boxes_with_0(self) -> None:
        x, of_x = picture(3, 8, 12), boxes((0, 0, 2, 3), (4.4, 1.6, 7.5, 6.2), (6, 5, 12, 8))
        expected = x.clone()
        for left, top, right, bottom, _ in of_x.tolist():
            for row in range(8):
                for column in range(12):
                    if left <= column + 0.5 < right and top <= row + 0.5 < bottom:
                        expected[:, row, column] = 0
        found = without_instances(x, of_x)
        assert torch.equal(found, expected)
        assert (found == 0).all(0).sum() == 2 * 3 + 3 * 4 + 6 * 3 - 1
        assert not torch.equal(found, x)

    def test_of_no_boxes_is_the_picture(self) -> None:
        x = picture(3, 8, 12)
        assert torch.equal(without_instances(x, NONE), x)

    def test_covers_what_crops_show(self) -> None:
        of_x = boxes((3.3, 1.5, 9.7, 7.49))
        (crop,) = drawn_crops([of_x], 2)
        assert crop is not None
        left = without_instances(torch.ones(1, 8, 12), of_x)[0]
        assert not left[crop.top : crop.bottom, crop.left : crop.right].any()
        assert left.sum() == 8 * 12 - (crop.right - crop.left) * (crop.bottom - crop.top)
