from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from i2ibench.models.layers.patch_nce import PatchProjection, draw_positions, patch_nce, patches_at


def by_loops(queries: Tensor, keys: Tensor, temperature: float = 0.07) -> float:
    """As published: a positive, N negatives of which the query's own place has a cosine of -10, cross-entropy."""
    losses = []
    for own, others in zip(queries.double().tolist(), keys.double().tolist(), strict=True):
        for i, query in enumerate(own):
            cosines = [sum(a * b for a, b in zip(query, key, strict=True)) for key in others]
            negatives = [-10.0 if j == i else cosine for j, cosine in enumerate(cosines)]
            logits = [value / temperature for value in (cosines[i], *negatives)]
            losses.append(math.log(sum(math.exp(value - logits[0]) for value in logits)))
    return sum(losses) / len(losses)


class TestByHand:
    """A map of 2 x 3 positions with two channels: unit vectors at known angles."""

    ANGLES = torch.tensor([[0.0, 30.0, 90.0], [180.0, 45.0, -60.0]])
    MAP = torch.stack([torch.deg2rad(ANGLES).cos(), torch.deg2rad(ANGLES).sin()])[None]

    def test_positions_are_numbered_row_by_row(self) -> None:
        found = patches_at(self.MAP, torch.tensor([5, 2, 1]))
        angles = torch.rad2deg(torch.atan2(found[0, :, 1], found[0, :, 0]))
        torch.testing.assert_close(angles, torch.tensor([-60.0, 90.0, 30.0]))

    def test_of_three_patches(self) -> None:
        """Queries at 0, 90 and 30 degrees against keys at 30, 90 and 180: cosines by hand."""
        queries, keys = patches_at(self.MAP, torch.tensor([0, 2, 1])), patches_at(self.MAP, torch.tensor([1, 2, 3]))
        half, root = 0.5, math.sqrt(3) / 2
        cosines = [[root, 0.0, -1.0], [half, 1.0, 0.0], [1.0, half, -root]]
        expected = sum(
            math.log(sum(math.exp((value - row[i]) / 0.5) for value in row)) for i, row in enumerate(cosines)
        )
        assert patch_nce(queries, keys, 0.5).item() == pytest.approx(expected / 3, rel=1e-5)

    def test_of_all_patches_of_a_map_with_itself_turned(self) -> None:
        turned = torch.deg2rad(self.ANGLES + 20)
        other = torch.stack([turned.cos(), turned.sin()])[None]
        queries, keys = (patches_at(maps, torch.arange(6)) for maps in (other, self.MAP))
        assert patch_nce(queries, keys).item() == pytest.approx(by_loops(queries, keys), rel=1e-5)


@given(pictures=st.integers(1, 3), patches=st.integers(1, 7), seed=st.integers(0, 999))
def test_is_the_published_loss_with_a_dead_column_for_each_patch(pictures: int, patches: int, seed: int) -> None:
    stream = torch.Generator().manual_seed(seed)
    queries, keys = torch.nn.functional.normalize(torch.randn(2, pictures, patches, 5, generator=stream), dim=-1)
    assert patch_nce(queries, keys).item() == pytest.approx(by_loops(queries, keys), rel=1e-4, abs=1e-6)


def test_negatives_are_of_the_same_picture_alone() -> None:
    """Two pictures with the same features: were they each other's negatives, ln 2 would be lost."""
    vectors = torch.eye(4)[None]
    alone, beside = patch_nce(vectors, vectors), patch_nce(vectors.repeat(2, 1, 1), vectors.repeat(2, 1, 1))
    torch.testing.assert_close(alone, beside)


def test_of_features_that_tell_nothing_is_ln_n() -> None:
    same = torch.ones(2, 256, 4) / 2
    assert patch_nce(same, same).item() == pytest.approx(math.log(256), rel=1e-5)


def test_of_random_features_begins_near_ln_n() -> None:
    stream = torch.Generator().manual_seed(0)
    maps = torch.rand(1, 16, 32, 32, generator=stream), torch.rand(1, 16, 32, 32, generator=stream)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        projection, positions = PatchProjection(16), draw_positions(maps[0], 256)
    vectors = [projection(patches_at(one, positions)) for one in maps]
    assert 5.3 < patch_nce(*vectors).item() < 5.8


def test_is_as_exact_under_autocast() -> None:
    stream = torch.Generator().manual_seed(0)
    queries, keys = torch.nn.functional.normalize(torch.randn(2, 1, 32, 8, generator=stream), dim=-1)
    with torch.autocast("cpu", torch.bfloat16):
        found = patch_nce(queries, keys)
    assert torch.equal(found, patch_nce(queries, keys))


class TestPositions:
    @given(height=st.integers(1, 6), width=st.integers(1, 6), count=st.integers(1, 40), seed=st.integers(0, 99))
    def test_are_within_the_map_and_none_is_drawn_twice(self, height: int, width: int, count: int, seed: int) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            drawn = draw_positions(torch.empty(2, 5, height, width), count)
        assert len(drawn) == min(count, height * width) == len(set(drawn.tolist()))
        assert set(drawn.tolist()) <= set(range(height * width))

    def test_are_the_global_generators(self) -> None:
        maps = torch.empty(1, 1, 9, 9)
        with torch.random.fork_rng():
            torch.manual_seed(3)
            first, second = draw_positions(maps, 20), draw_positions(maps, 20)
            torch.manual_seed(3)
            assert torch.equal(first, draw_positions(maps, 20))
        assert not torch.equal(first, second)

    def test_are_the_same_in_all_pictures(self) -> None:
        maps = torch.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)
        positions = torch.tensor([7, 0, 19])
        found = patches_at(maps, positions)
        assert found.shape == (2, 3, 3)
        for b in range(2):
            for n, position in enumerate(positions.tolist()):
                for c in range(3):
                    assert found[b, n, c] == maps[b, c, position // 5, position % 5]


class TestProjection:
    @pytest.mark.parametrize("width", [None, 6])
    def test_gives_unit_vectors_of_two_layers(self, width: int | None) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            projection, patches = PatchProjection(5, width), torch.randn(2, 3, 5)
        expected = patches
        if width is not None:
            first, _, second = projection.mlp  # type: ignore[misc]
            expected = (patches @ first.weight.T + first.bias).clamp(min=0) @ second.weight.T + second.bias
        expected = expected / (expected.square().sum(-1, keepdim=True).sqrt() + 1e-7)
        torch.testing.assert_close(projection(patches), expected)
        assert len(list(projection.parameters())) == (0 if width is None else 4)

    def test_nothing_stays_nothing(self) -> None:
        patches = torch.zeros(1, 2, 3, requires_grad=True)
        found = PatchProjection(3, None)(patches)
        assert not found.any()
        found.sum().backward()
        assert patches.grad is not None
        assert torch.isfinite(patches.grad).all()
