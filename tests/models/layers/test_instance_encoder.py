from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from i2ibench.models.layers.instance_encoder import InstanceEncoder
from i2ibench.models.layers.instance_features import instance_means
from i2ibench.models.method import Batch


def encoder(reductions: int = 0) -> InstanceEncoder:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return InstanceEncoder(2, 4, 2, "instance", reductions, classes=3, centres=2)


def scene(pictures: int = 2) -> Batch:
    """Each picture 16x16: quarters of classes 0, 1, 1 and none, each an instance; a speck of class 2 in the first."""
    quarters = torch.tensor([[0, 1], [1, 255]]).repeat_interleave(8, 0).repeat_interleave(8, 1)
    ids = torch.tensor([[0, 10], [11, 255]]).repeat_interleave(8, 0).repeat_interleave(8, 1)
    labels, ids = quarters.repeat(pictures, 1, 1), ids.repeat(pictures, 1, 1)
    labels[:, :2, :2], ids[:, :2, :2] = 2, 20
    target = torch.rand(pictures, 3, 16, 16, generator=torch.Generator().manual_seed(3)) * 2 - 1
    return Batch(tuple(f"picture {i}" for i in range(pictures)), target, target, labels=labels, instances=ids)


def maps(batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    assert batch.target is not None and batch.labels is not None and batch.instances is not None
    return batch.target, batch.labels, batch.instances


@torch.no_grad()
def test_features_are_the_networks_averaged_over_instances() -> None:
    network, (target, _, instances) = encoder(), maps(scene())
    found = network(target, instances)
    torch.testing.assert_close(found, instance_means(network.network(target), instances))
    assert found.abs().max() < 1
    assert all(len(found[0, :, ids].unique(dim=1).T) == 1 for ids in (instances[0] == i for i in instances[0].unique()))


@torch.no_grad()
def test_smaller_pictures_give_features_of_full_size() -> None:
    network, (target, _, instances) = encoder(1), maps(scene())
    half = network.network(F.avg_pool2d(target, 3, 2, 1, count_include_pad=False))
    enlarged = half.repeat_interleave(2, 2).repeat_interleave(2, 3)
    torch.testing.assert_close(network(target, instances), instance_means(enlarged, instances))


@torch.no_grad()
def test_centres_are_of_the_larger_instances_of_each_class() -> None:
    network, batch = encoder(), scene(1)
    target, _, instances = maps(batch)
    network.fit([batch], least_area=4 / 256)  # the speck is no larger
    assert network.centres.counts.tolist() == [1, 2, 0]
    features = network(target, instances)[0]
    torch.testing.assert_close(network.centres.centres[0, 0], features[:, 4, 4])
    both = {tuple(centre) for centre in network.centres.centres[1].tolist()}
    expected = {tuple(features[:, y, x].tolist()) for y, x in ((0, 8), (8, 0))}
    torch.testing.assert_close(torch.tensor(sorted(both)), torch.tensor(sorted(expected)))
    network.fit([batch], least_area=3 / 256)
    assert network.centres.counts.tolist() == [1, 2, 1]


@torch.no_grad()
def test_draws_are_a_function_of_seed_name_and_sample() -> None:
    network, batch = encoder(), scene(3)
    network.fit([batch], 0.0)
    first = network.drawn(batch, {}, 0, 0)
    assert torch.equal(first, network.drawn(batch, {}, 0, 0))
    assert torch.equal(first[1:2], network.drawn(batch[1], {}, 0, 0))
    others = [network.drawn(batch, {}, seed, sample) for seed, sample in ((1, 0), (0, 1), (0, 2))]
    assert any(not torch.equal(first, other) for other in others)
    centres = network.centres.centres
    for y, x, kind in ((4, 4, 0), (0, 8, 1), (8, 0, 1), (0, 0, 2)):
        assert any(torch.equal(first[0, :, y, x], centre) for centre in centres[kind])
    assert not first[:, :, 8:, 8:].any()  # no class


@torch.no_grad()
def test_a_pictures_own_pair_gives_it_its_own_features() -> None:
    network, batch = encoder(), scene()
    target, labels, instances = maps(batch)
    expected = network(target, instances) * (labels != 255).unsqueeze(1)
    torch.testing.assert_close(network.transferred(batch, dataclasses.replace(batch, target=None)), expected)


@pytest.mark.parametrize("field", ["target", "labels", "instances"])
def test_says_what_is_missing(field: str) -> None:
    with pytest.raises(ValueError, match=r"features=true reads (targets|label maps|instance maps).*found none"):
        encoder().fit([dataclasses.replace(scene(), **{field: None})], 0.0)
