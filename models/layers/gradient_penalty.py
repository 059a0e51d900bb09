"""Penalties on a discriminator's gradient with respect to pictures (arXiv 1704.00028, 1801.04406)."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor
from torch.amp.autocast_mode import is_autocast_available


def full_precision(pictures: Tensor) -> AbstractContextManager[object]:
    """What goes through networks inside is not under autocast: gradients of gradients need all digits."""
    device = pictures.device.type
    return torch.autocast(device, enabled=False) if is_autocast_available(device) else nullcontext()


def squared_gradients(answers: Tensor, pictures: Tensor) -> Tensor:
    """The squared 2-norm, for each picture, of the gradient of the scalar `answers`: `[B]`, to be differentiated again.

    Call it in `full_precision`, as the forward pass from `pictures`, which require gradients, to `answers`.
    """
    (gradients,) = torch.autograd.grad(answers, pictures, create_graph=True)
    return gradients.square().sum((1, 2, 3))


def wasserstein_penalty(answers: Tensor, pictures: Tensor) -> Tensor:
    """The mean squared distance from 1 of the gradients' norms (Gulrajani et al., equation 3)."""
    return (squared_gradients(answers.sum(), pictures).sqrt() - 1).square().mean()


def r1_penalty(answers: Tensor, pictures: Tensor) -> Tensor:
    """Half the mean squared norm of the gradients (Mescheder et al., equation 9, with gamma 1)."""
    return squared_gradients(answers.sum(), pictures).mean() / 2


def between(one: Tensor, other: Tensor) -> Tensor:
    """Points on the lines from pictures of `other` to those of `one`, uniform at random, that require gradients.

    They are of the type of `one`.
    """
    share = torch.rand(len(one), 1, 1, 1, dtype=one.dtype, device=one.device)
    return torch.lerp(other.detach().to(one.dtype), one.detach(), share).requires_grad_()
