"""Optical flow of real frames, where the data has none."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.models.optical_flow import raft_small

from i2ibench.models.layers.walk import FlowEstimator

_RAFT_SIDE = 128
"""Pixels a side that RAFT's pyramid of correlations needs at least."""
_RAFT_MULTIPLE = 8


def raft(tensors: Mapping[str, Tensor]) -> FlowEstimator:
    """torchvision's small RAFT (Teed and Deng, arXiv 2003.12039) with these weights, as an estimator of backward flow.

    Frames are resized to sides that it can read, multiples of 8 from 128 on, and flow back to theirs. Raises
    `ValueError` where the weights are another network's.
    """
    network = raft_small().eval()
    try:
        network.load_state_dict(dict(tensors))
    except RuntimeError as error:
        raise ValueError(f"torchvision's small RAFT cannot take them: {str(error).splitlines()[0]}") from error

    @torch.no_grad()
    def estimate(earlier: Tensor, later: Tensor) -> Tensor:
        network.to(earlier.device)
        size = earlier.shape[2:]
        height, width = (max(_RAFT_SIDE, round(side / _RAFT_MULTIPLE) * _RAFT_MULTIPLE) for side in size)
        frames = [F.interpolate(frame, (height, width), mode="bilinear") for frame in (later, earlier)]
        flow: Tensor = F.interpolate(network(*frames)[-1].float(), size, mode="bilinear")
        return flow * flow.new_tensor([size[1] / width, size[0] / height]).reshape(2, 1, 1)

    return estimate
