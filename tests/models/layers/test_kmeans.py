from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from torch import Tensor

from i2ibench.models.layers.kmeans import kmeans
from i2ibench.models.method import generator


def blobs(sizes: tuple[int, ...], spread: float = 0.05) -> tuple[Tensor, Tensor]:
    """Points around corners of a cube, and the corners; `sizes` points each."""
    stream = torch.Generator().manual_seed(0)
    corners = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 1]])[: len(sizes)]
    points = torch.cat(
        [corner + spread * torch.randn(n, 3, generator=stream) for corner, n in zip(corners, sizes, strict=True)]
    )
    return points[torch.randperm(len(points), generator=stream)], corners


def inertia(points: Tensor, centres: Tensor) -> float:
    return float((points[:, None] - centres).square().sum(2).amin(1).sum())


def test_finds_what_scikit_learn_finds() -> None:
    points, _ = blobs((30, 50, 20, 10))
    reference = KMeans(4, n_init=10, random_state=0).fit(points.numpy())
    found = kmeans(points, 4, generator("test"))
    order = torch.tensor(reference.labels_).bincount().argsort(descending=True)
    torch.testing.assert_close(found, torch.tensor(reference.cluster_centers_)[order].float())


def test_centres_of_most_points_come_first() -> None:
    points, corners = blobs((30, 50, 20, 10), 0.01)
    torch.testing.assert_close(kmeans(points, 4, generator("test")), corners[[1, 0, 2, 3]], atol=0.02, rtol=0)


@pytest.mark.parametrize("k", [3, 5])
def test_has_no_more_centres_than_there_are_points_that_differ(k: int) -> None:
    points = torch.tensor([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0], [5.0, 6.0], [3.0, 4.0], [3.0, 4.0]])
    assert kmeans(points, k, generator("test")).tolist() == [[3, 4], [1, 2], [5, 6]]


def test_one_centre_is_the_mean() -> None:
    points, _ = blobs((7, 9))
    torch.testing.assert_close(kmeans(points, 1, generator("test")), points.mean(0, keepdim=True))


def test_is_a_function_of_the_stream() -> None:
    points = torch.rand(200, 3, generator=torch.Generator().manual_seed(1))
    first, again, other = (kmeans(points, 7, generator("test", n), restarts=1) for n in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@given(seed=st.integers(0, 1000), count=st.integers(1, 60), k=st.integers(1, 6))
@settings(max_examples=40, deadline=None)
def test_each_centre_is_the_mean_of_the_points_nearest_to_it(seed: int, count: int, k: int) -> None:
    points = torch.rand(count, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    centres = kmeans(points, k, generator("test", seed))
    assert centres.shape == (min(k, count), 2)
    nearest = (points[:, None] - centres).square().sum(2).argmin(1)
    for index in nearest.unique():
        torch.testing.assert_close(points[nearest == index].mean(0), centres[index])


def test_more_starts_are_never_worse() -> None:
    points = torch.rand(300, 3, generator=torch.Generator().manual_seed(2))
    single = inertia(points, kmeans(points, 10, generator("test"), restarts=1))
    assert inertia(points, kmeans(points, 10, generator("test"), restarts=6)) <= single + 1e-5
