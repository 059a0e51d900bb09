from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.optical_flow import raft_small

from i2ibench.models.layers.raft import raft


class Difference(nn.Module):
    """Stands in for RAFT: constant flow, x from what the frames are, y their width over 64."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[torch.Size] = []

    def forward(self, first: Tensor, second: Tensor) -> list[Tensor]:
        self.shapes.append(first.shape)
        x = 2 * first.mean(1, keepdim=True) - second.mean(1, keepdim=True)
        return [torch.zeros(1), torch.cat([x, torch.full_like(x, first.shape[3] / 64)], 1)]


@pytest.mark.parametrize(
    ("size", "read"), [((64, 128), (128, 128)), ((128, 256), (128, 256)), ((130, 205), (128, 208))]
)
def test_flow_is_of_the_later_frame_in_pixels_of_its_own(
    monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], read: tuple[int, int]
) -> None:
    network = Difference()
    monkeypatch.setattr("i2ibench.models.layers.raft.raft_small", lambda: network)
    earlier, later = torch.full((2, 3, *size), 0.1), torch.full((2, 3, *size), 0.4)
    flow = raft({})(earlier, later)
    assert network.shapes == [torch.Size([2, 3, *read])]
    assert flow.shape == (2, 2, *size)
    x = torch.full((2, *size), (2 * 0.4 - 0.1) * size[1] / read[1])
    y = torch.full((2, *size), read[1] / 64 * size[0] / read[0])
    torch.testing.assert_close(flow, torch.stack([x, y], 1))


@pytest.mark.parametrize("size", [(64, 128), (60, 140)])
def test_torchvisions_network_takes_such_frames(size: tuple[int, int]) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        estimate = raft(raft_small().state_dict())
        flow = estimate(torch.rand(1, 3, *size), torch.rand(1, 3, *size))
    assert flow.shape == (1, 2, *size)
    assert flow.isfinite().all()
    assert not flow.requires_grad


def test_another_networks_weights_are_refused() -> None:
    with pytest.raises(ValueError, match="small RAFT cannot take them"):
        raft({"weight": torch.zeros(1)})
