"""Instance norm that is right in every layout, normalisation as the pix2pix family uses it, and how its statistics and
dropout behave while translating.

A convolution followed by batch norm has no bias and one followed by instance norm (no affine, no running statistics)
has one. Without any norm it has none either: that is how the published code counts, so it is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

Norm = Literal["batch", "instance", "none"]


def norm_layer(norm: Norm, channels: int) -> nn.Module:
    """Normalisation of `channels` channels; `none` lets everything through."""
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    if norm == "instance":
        return InstanceNorm2d(channels)
    return nn.Identity()


def contiguous_gradient(x: Tensor) -> Tensor:
    """`x`, whose gradient comes back in contiguous layout.

    A picture's norm by channel is a batch norm of one picture to PyTorch, and there it computes (2.15, on processors) a
    wrong gradient, without a word, if what comes back is channels last: it reads it as if it were contiguous.
    """
    if x.requires_grad:
        # none where nothing comes back
        x.register_hook(lambda slope: None if slope is None else slope.contiguous())  # type: ignore[no-untyped-call]
    return x


def instance_norm(x: Tensor) -> Tensor:
    """Each channel of each picture `[B, C, H, W]` to mean 0 and variance 1, with the right gradient in every layout."""
    return contiguous_gradient(F.instance_norm(x))  # noqa: TID251


class InstanceNorm2d(nn.InstanceNorm2d):  # noqa: TID251
    """PyTorch's, with the right gradient in every layout: see `contiguous_gradient`."""

    def forward(self, x: Tensor) -> Tensor:
        """Maps `[B, C, H, W]` to mean 0 and variance 1, by channel and picture, then by the gains and shifts if any."""
        return contiguous_gradient(super().forward(x))


def has_bias(norm: Norm) -> bool:
    """Whether a convolution followed by `norm` has a bias."""
    return norm == "instance"


def uses_batch_statistics(module: nn.Module) -> bool:
    """Whether anything in `module` normalises over the batch."""
    return any(isinstance(child, nn.modules.batchnorm._BatchNorm) for child in module.modules())


def uses_dropout(module: nn.Module) -> bool:
    """Whether anything in `module` drops."""
    return any(isinstance(child, nn.Dropout) for child in module.modules())


@contextmanager
def translating(module: nn.Module, *, dropout: bool, batch_statistics: bool) -> Iterator[None]:
    """Inside the block dropout is active or not, and batch norm reads the batch's statistics or the running ones.

    Running statistics are never changed by it, and modes are as before after it.
    """
    modes = [(child, child.training) for child in module.modules()]
    norms = [child for child in module.modules() if isinstance(child, nn.modules.batchnorm._BatchNorm)]
    tracked = [norm.track_running_stats for norm in norms]
    module.eval()
    for child, _ in modes:
        if isinstance(child, nn.Dropout):
            child.train(dropout)
    if batch_statistics:
        for norm in norms:
            norm.train()
            norm.track_running_stats = False  # in training mode: the batch's statistics, and none is recorded
    try:
        yield
    finally:
        for child, mode in modes:
            child.training = mode
        for norm, before in zip(norms, tracked, strict=True):
            norm.track_running_stats = before
