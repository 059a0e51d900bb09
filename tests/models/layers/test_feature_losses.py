from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from i2ibench.models.layers.feature_losses import DomainInvariantLoss, PerceptualLoss, feature_matching_loss
from i2ibench.models.layers.perceptual import PerceptualNetwork, untrained_weights


class TestFeatureMatching:
    def test_by_hand(self) -> None:
        """Two scales of two stages and logits: (1 + 2 + 4 + 0) / 2, and the logits not at all."""
        zeros, fake = torch.zeros(1, 1, 2, 2), torch.tensor([[[[0.0, 1.0], [1.0, 2.0]]]])
        fakes = [[fake, 2 * fake, fake], [4 * fake, zeros, fake]]
        reals = [[zeros] * 3, [zeros] * 3]
        assert feature_matching_loss(fakes, reals).item() == pytest.approx(3.5)

    def test_reals_count_as_given(self) -> None:
        fake, real = (torch.ones(1, 1, 2, 2, requires_grad=True) for _ in range(2))
        feature_matching_loss([[2 * fake, fake]], [[real * 3, real]]).backward()
        assert fake.grad is not None
        assert real.grad is None


class TestPerceptualLoss:
    @pytest.mark.parametrize("trunk", ["vgg16", "vgg19"])
    def test_is_the_weighted_distance_of_unnormalised_features(self, trunk) -> None:
        weights = untrained_weights(trunk, "test", levels=5)
        loss = PerceptualLoss(trunk)
        loss.load(weights)
        torch.manual_seed(0)
        fake, real = torch.rand(2, 2, 3, 32, 32) * 2 - 1
        network = PerceptualNetwork(trunk, weights, 5)
        restored = [(x - network.mean) * 0 + x * network.deviation + network.mean for x in (fake, real)]
        features = [network(x) for x in restored]  # normalising what was denormalised gives the pictures themselves
        expected = sum(
            2.0 ** (level - 5 if level < 4 else 0) * F.l1_loss(one, other)
            for level, (one, other) in enumerate(zip(*features, strict=True))
        )
        torch.testing.assert_close(loss(fake, real), expected)

    def test_gradients_reach_the_fakes_alone(self) -> None:
        fake, real = (torch.rand(1, 3, 16, 16, requires_grad=True) for _ in range(2))
        PerceptualLoss("untrained")(fake, real).backward()
        assert fake.grad is not None and bool(fake.grad.any())
        assert real.grad is None

    def test_needs_weights_and_only_those_of_its_trunk(self) -> None:
        picture = torch.zeros(1, 3, 16, 16)
        with pytest.raises(ValueError, match="reads vgg19: load its weights first"):
            PerceptualLoss("vgg19")(picture, picture)
        with pytest.raises(ValueError, match=r"vgg19 must have 'features.16.weight'"):
            PerceptualLoss("vgg19").load(untrained_weights("vgg16", "test", levels=5))
        with pytest.raises(ValueError, match="nothing to load"):
            PerceptualLoss("none").load({})

    def test_is_never_saved_nor_trained(self) -> None:
        loss = PerceptualLoss("untrained")
        assert not loss.state_dict()
        assert not list(loss.parameters())


class TestDomainInvariantLoss:
    def test_is_the_distance_of_normalised_relu5_3(self) -> None:
        weights = untrained_weights("vgg16", "test", levels=6)
        loss = DomainInvariantLoss("vgg16")
        loss.load(weights)
        torch.manual_seed(0)
        translation, source = torch.rand(2, 2, 3, 32, 48) * 2 - 1
        network = PerceptualNetwork("vgg16", weights, 6)
        one, other = (network((x + 1) / 2)[-1] for x in (translation, source))
        assert one.shape == (2, 512, 2, 3)
        one, other = (
            (x - x.mean((2, 3), keepdim=True)) / (x.var((2, 3), unbiased=False, keepdim=True) + 1e-5).sqrt()
            for x in (one, other)
        )
        torch.testing.assert_close(loss(translation, source), ((one - other) ** 2).mean())

    def test_gradients_reach_the_translations_alone(self) -> None:
        translation, source = (torch.rand(1, 3, 32, 32, requires_grad=True) for _ in range(2))
        DomainInvariantLoss("untrained")(translation, source).backward()
        assert translation.grad is not None and bool(translation.grad.any())
        assert source.grad is None

    def test_needs_weights_and_only_those_of_vgg16(self) -> None:
        picture = torch.zeros(1, 3, 32, 32)
        assert list(DomainInvariantLoss("vgg16").pretrained()) == ["vgg16"]
        assert not DomainInvariantLoss("untrained").pretrained()
        with pytest.raises(ValueError, match="reads vgg16: load its weights first"):
            DomainInvariantLoss("vgg16")(picture, picture)
        with pytest.raises(ValueError, match=r"vgg16 must have 'features.26.weight'"):
            DomainInvariantLoss("vgg16").load(untrained_weights("vgg16", "test", levels=5))
        with pytest.raises(ValueError, match="nothing to load"):
            DomainInvariantLoss("none").load({})

    def test_is_never_saved_nor_trained(self) -> None:
        loss = DomainInvariantLoss("untrained")
        assert not loss.state_dict()
        assert not list(loss.parameters())
