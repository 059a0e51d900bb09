from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from i2ibench.models.layers.instance_features import FeatureCentres, Objects, instance_means, moved
from i2ibench.models.method import generator

IDS = torch.tensor([[[7, 7, 26001], [7, 0, 26001]], [[65535, 7, 7], [7, 7, 7]]])
LABELS = torch.tensor([[1, 1, 2], [0, 255, 2]])


def loop_means(features: Tensor, instances: Tensor) -> Tensor:
    """The definition, instance by instance."""
    out = torch.empty_like(features)
    for one, ids, into in zip(features, instances, out, strict=True):
        for identity in ids.unique():
            into[:, ids == identity] = one[:, ids == identity].mean(1, keepdim=True)
    return out


class TestInstanceMeans:
    def test_by_hand(self) -> None:
        features = torch.arange(12.0).reshape(2, 1, 2, 3)
        found = instance_means(features, IDS)
        third = (0 + 1 + 3) / 3
        assert found[0, 0].tolist() == [
            [pytest.approx(third), pytest.approx(third), 3.5],
            [pytest.approx(third), 4, 3.5],
        ]
        assert found[1, 0].tolist() == [[6, 9, 9], [9, 9, 9]]

    def test_equal_ids_in_other_pictures_are_other_instances(self) -> None:
        features = torch.randn(2, 3, 8, 9, generator=torch.Generator().manual_seed(0))
        ids = torch.randint(0, 5, (2, 8, 9), generator=torch.Generator().manual_seed(1)) * 1000
        torch.testing.assert_close(instance_means(features, ids), loop_means(features, ids))
        torch.testing.assert_close(instance_means(features[1:], ids[1:]), instance_means(features, ids)[1:])

    def test_gradients(self) -> None:
        """Of a linear map of float64 that rounds to float32: exact up to that."""
        features = torch.randn(2, 2, 2, 3, dtype=torch.float64, requires_grad=True)
        assert gradcheck(lambda x: instance_means(x, IDS).double(), features, eps=1e-2, atol=1e-4)

    def test_large_instances_lose_nothing(self) -> None:
        features = torch.full((1, 1, 1024, 1024), 0.3)
        found = instance_means(features, torch.zeros(1, 1024, 1024, dtype=torch.int64))
        assert float((found - 0.3).abs().max()) < 1e-6

    @pytest.mark.parametrize("wrong", [-1, 65536])
    def test_refuses_other_ids(self, wrong: int) -> None:
        with pytest.raises(ValueError, match=f"ids must be 0 to 65535, found {wrong}"):
            instance_means(torch.zeros(1, 1, 1, 2), torch.tensor([[[0, wrong]]]))


class TestObjects:
    def test_class_area_and_place(self) -> None:
        objects = Objects.of(IDS[0], LABELS)
        assert objects.ids.tolist() == [0, 7, 26001]
        assert objects.classes.tolist() == [255, 1, 2]  # 7 has two pixels of class 1 and one of class 0
        assert objects.areas.tolist() == [1, 3, 2]
        assert objects.index.tolist() == [[1, 1, 2], [1, 0, 2]]

    def test_painted_means_are_instance_means(self) -> None:
        features = torch.randn(1, 3, 2, 3, generator=torch.Generator().manual_seed(0))
        objects = Objects.of(IDS[0], LABELS)
        torch.testing.assert_close(objects.paint(objects.means(features[0])), instance_means(features, IDS[:1])[0])


class TestMoved:
    CONTENT = Objects.of(torch.tensor([[1, 1, 1, 2, 3, 4]]), torch.tensor([[0, 0, 0, 0, 1, 255]]))
    FEATURES = torch.tensor([[1.0], [5.0], [9.0], [7.0]])

    @pytest.mark.parametrize(
        ("identity", "label", "expected"),
        [
            (2, 0, 5.0),  # the same instance
            (8, 0, 2.0),  # another of its class: three pixels of 1 and one of 5
            (3, 0, 2.0),  # the same id, but of another class
            (8, 1, 9.0),
            (8, 2, 0.0),  # no such class
            (4, 255, 0.0),  # no class at all
        ],
    )
    def test_by_hand(self, identity: int, label: int, expected: float) -> None:
        objects = Objects.of(torch.tensor([[identity]]), torch.tensor([[label]]))
        assert moved(self.FEATURES, self.CONTENT, objects).tolist() == [[expected]]


class TestCentres:
    def fitted(self) -> FeatureCentres:
        centres = FeatureCentres(3, 2, 1)
        features = torch.tensor([[0.0], [0.1], [0.05], [1.0], [4.0], [9.0]])
        centres.fit(features, torch.tensor([0, 0, 0, 0, 2, 255]))
        return centres

    def test_are_found_for_each_class_apart(self) -> None:
        centres = self.fitted()
        assert centres.counts.tolist() == [2, 0, 1]
        expected = torch.tensor([[[0.05], [1.0]], [[0.0], [0.0]], [[4.0], [0.0]]])
        torch.testing.assert_close(centres.centres, expected)

    def test_fitting_again_forgets(self) -> None:
        centres = self.fitted()
        centres.fit(torch.tensor([[3.0]]), torch.tensor([1]))
        assert centres.counts.tolist() == [0, 1, 0]
        assert centres.centres.flatten().tolist() == [0, 0, 3, 0, 0, 0]

    def test_draws_are_any_of_the_classs_own(self) -> None:
        centres = self.fitted()
        drawn = centres.draw(torch.tensor([0] * 200 + [1, 2, 255]), generator("test"), {})
        assert set(drawn[:200].flatten().tolist()) == set(centres.centres[0].flatten().tolist())
        share = float((drawn[:200] == 1).float().mean())
        assert 0.35 < share < 0.65
        assert drawn[200:].flatten().tolist() == [0, 4, 0]
        assert torch.equal(drawn, centres.draw(torch.tensor([0] * 200 + [1, 2, 255]), generator("test"), {}))

    @pytest.mark.parametrize("centre", [0, 1])
    def test_a_choice_holds_for_its_class_alone(self, centre: int) -> None:
        centres = self.fitted()
        drawn = centres.draw(torch.tensor([0, 0, 0, 2, 1]), generator("test"), {0: centre, 1: 1})
        torch.testing.assert_close(drawn.flatten(), torch.tensor([*[(0.05, 1.0)[centre]] * 3, 4.0, 0.0]))

    @pytest.mark.parametrize(
        ("choice", "told"), [({2: 1}, "centres 0 to 0 to choose, found 1"), ({3: 0}, "classes 0 to 2, found class 3")]
    )
    def test_refuses_a_choice_that_is_not_there(self, choice: dict[int, int], told: str) -> None:
        with pytest.raises(ValueError, match=told):
            self.fitted().draw(torch.tensor([0]), generator("test"), choice)

    def test_are_kept(self) -> None:
        other = FeatureCentres(3, 2, 1)
        other.load_state_dict(self.fitted().state_dict())
        assert other.counts.tolist() == [2, 0, 1]
