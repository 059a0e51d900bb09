"""The convolutional trunk of ResNet-18 (He et al., arXiv 1512.03385) as torchvision has it, of any width."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock

WIDTH = 64
"""Channels of the published network's first convolution."""


class ResNet18Trunk(nn.Module):
    """A stem to half of a picture's sides and `width` channels, and four stages, each with half the sides of the last.

    Parameters have torchvision's names, and first weights its distribution. The stages have `width`, 2, 4 and 8 times
    `width` channels. `frozen_statistics`: batch norm reads its running statistics in training too, and never changes
    them.
    """

    def __init__(self, width: int = WIDTH, *, frozen_statistics: bool = False) -> None:
        super().__init__()
        self.frozen_statistics = frozen_statistics
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = nn.Sequential(BasicBlock(width, width), BasicBlock(width, width))
        self.layer2, self.layer3, self.layer4 = (_stage(width << level) for level in range(3))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def stem(self, pictures: Tensor) -> Tensor:
        """`[B, 3, H, W]` to `[B, width, H / 2, W / 2]`."""
        out: Tensor = self.relu(self.bn1(self.conv1(pictures)))
        return out

    def stage(self, index: int, x: Tensor) -> Tensor:
        """What stage `index`, 0 to 3, makes of the one before, or of the stem."""
        out: Tensor = (self.layer1, self.layer2, self.layer3, self.layer4)[index](self.maxpool(x) if index == 0 else x)
        return out

    def train(self, mode: bool = True) -> ResNet18Trunk:
        """As in any module, but that frozen statistics stay frozen."""
        super().train(mode)
        if self.frozen_statistics:
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self

    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Take the tensors of torchvision's ResNet-18 but for its classifier. Raises `ValueError` on another's."""
        trunk = {name: tensor for name, tensor in weights.items() if not name.startswith("fc.")}
        try:
            # files of old have no counts of batches, and nothing reads these
            missing, surplus = self.load_state_dict(trunk, strict=False)
        except RuntimeError as error:
            raise ValueError(f"ResNet-18's trunk cannot take them: {str(error).splitlines()[-1].strip()}") from error
        missing = [name for name in missing if not name.endswith("num_batches_tracked")]
        if missing or surplus:
            told = f"it lacks {missing[0]!r}" if missing else f"{surplus[0]!r} is none of its tensors"
            raise ValueError(f"ResNet-18's trunk cannot take them: {told}")


def _stage(below: int) -> nn.Sequential:
    shortcut = nn.Sequential(nn.Conv2d(below, 2 * below, 1, 2, bias=False), nn.BatchNorm2d(2 * below))
    return nn.Sequential(BasicBlock(below, 2 * below, 2, shortcut), BasicBlock(2 * below, 2 * below))
