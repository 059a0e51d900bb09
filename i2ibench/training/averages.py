"""Exponential moving averages of the submodules that a method names in `averages`."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from i2ibench.models.method import Method


class Averages:
    """Averaged copies of a method's named submodules: a <- decay a + (1 - decay) w after every step."""

    def __init__(self, method: Method) -> None:
        self._live = {name: method.get_submodule(name) for name in method.averages}
        self._decay = dict(method.averages)
        self._mean = {name: copy.deepcopy(module).requires_grad_(False) for name, module in self._live.items()}

    @torch.no_grad()
    def update(self) -> None:
        """Move each average towards its live module; buffers are copied."""
        for name, live in self._live.items():
            mean: list[Tensor] = list(self._mean[name].parameters())
            new: list[Tensor] = list(live.parameters())
            torch._foreach_lerp_(mean, new, 1 - self._decay[name])
            for kept, buffer in zip(self._mean[name].buffers(), live.buffers(), strict=True):
                kept.copy_(buffer)

    def state(self) -> dict[str, Tensor]:
        """The averages' tensors by name."""
        return {f"{name}.{key}": value for name, mean in self._mean.items() for key, value in mean.state_dict().items()}

    def load(self, state: dict[str, Tensor]) -> None:
        """Take over the tensors of `state`."""
        for name, mean in self._mean.items():
            prefix = f"{name}."
            mean.load_state_dict({key[len(prefix) :]: value for key, value in state.items() if key.startswith(prefix)})

    @contextmanager
    def swapped_in(self) -> Iterator[None]:
        """The method's submodules hold their averages inside the block."""
        kept = {name: copy.deepcopy(module.state_dict()) for name, module in self._live.items()}
        for name, module in self._live.items():
            module.load_state_dict(self._mean[name].state_dict())
        try:
            yield
        finally:
            for name, module in self._live.items():
                module.load_state_dict(kept[name])


def load_averages(method: nn.Module, state: dict[str, Tensor]) -> None:
    """Put saved averages (`Averages.state`) in place of a method's own weights, for translation."""
    names = method.state_dict()
    for key, value in state.items():
        names[key].copy_(value)
