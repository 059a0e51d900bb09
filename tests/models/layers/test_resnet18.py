from __future__ import annotations

import pytest
import torch
from torchvision.models import resnet18

from i2ibench.models.layers.resnet18 import ResNet18Trunk


def test_is_torchvisions_network() -> None:
    theirs, ours = resnet18(), ResNet18Trunk()
    for parameter in theirs.parameters():
        parameter.data.add_(0.01 * torch.randn_like(parameter))
    ours.load(theirs.state_dict())
    x = torch.randn(2, 3, 64, 96)
    features = []
    for layer in (theirs.layer1, theirs.layer2, theirs.layer3, theirs.layer4):
        layer.register_forward_hook(lambda *args: features.append(args[2].clone()))
    for mode in (True, False):  # by batches' statistics, then by the running ones that these left
        theirs.train(mode)(x)
        ours.train(mode)
        found = ours.stem(x)
        for index, expected in enumerate(features):
            found = ours.stage(index, found)
            torch.testing.assert_close(found, expected)
        features.clear()
    assert {name for name in theirs.state_dict() if not name.startswith("fc")} == set(ours.state_dict())


def test_first_weights_have_torchvisions_deviations() -> None:
    theirs, ours = resnet18().state_dict(), ResNet18Trunk().state_dict()
    for name, value in ours.items():
        if value.dim() == 4:
            assert value.std().item() == pytest.approx(theirs[name].std().item(), rel=0.05)
        else:
            assert torch.equal(value, theirs[name])


def test_width_is_of_all_layers() -> None:
    trunk = ResNet18Trunk(4)
    x = trunk.stem(torch.randn(1, 3, 64, 64))
    assert x.shape == (1, 4, 32, 32)
    for index in range(4):
        x = trunk.stage(index, x)
        assert x.shape == (1, 4 << index, 16 >> index, 16 >> index)


def test_refuses_other_weights() -> None:
    with pytest.raises(ValueError, match=r"lacks 'conv1.weight'"):
        ResNet18Trunk().load({})
    with pytest.raises(ValueError, match=r"size mismatch for conv1.weight|size mismatch"):
        ResNet18Trunk(4).load(resnet18().state_dict())
    with pytest.raises(ValueError, match="'head' is none of its tensors"):
        ResNet18Trunk().load({**resnet18().state_dict(), "head": torch.zeros(1)})


def test_takes_files_that_count_no_batches() -> None:
    weights = {name: value for name, value in resnet18().state_dict().items() if "num_batches" not in name}
    trunk = ResNet18Trunk()
    trunk.load(weights)
    assert torch.equal(trunk.conv1.weight, weights["conv1.weight"])


@pytest.mark.parametrize("frozen", [False, True])
def test_frozen_statistics_are_read_in_training_and_stay(frozen: bool) -> None:
    trunk = ResNet18Trunk(4, frozen_statistics=frozen).train()
    x, before = torch.randn(2, 3, 32, 32), trunk.bn1.running_mean.clone()
    found = trunk.stem(x)
    assert torch.equal(trunk.bn1.running_mean, before) == frozen
    assert torch.equal(found, trunk.eval().stem(x)) == frozen
    assert trunk.train().layer1.training
    assert all(p.requires_grad for p in trunk.parameters())
