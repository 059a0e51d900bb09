"""Exact bytes of what a training step holds, the same on every machine and every device.

Resident memory and allocator statistics depend on the allocator, on what ran before and, on the CPU, on pages that are
never given back. Here every storage that an operation makes is seen when it is made and when it dies, in the backward
pass too, so the figures are sums of tensor sizes and repeat to the byte. What kernels allocate for themselves (im2col
columns, cuDNN's workspaces) is not seen.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


@dataclass(frozen=True)
class LiveMemory:
    """Bytes of the storages that a step made; those that were there before it never count."""

    temporary: int
    """The most alive at once of those that were dead by the step's end: activations, what backward saved, gradients on
    their way. Parameters, their gradients and an optimiser's state outlive the step and are left out, whether it
    makes them (the first step) or finds them."""
    peak: int
    """The most alive at once of all that the step made."""
    kept: int
    """Those alive after it."""


def live_memory(step: Callable[[], object]) -> LiveMemory:
    """Run `step`, drop what it returns, and say what it held.

    Garbage that only a cycle keeps counts as alive until the end, and as dead then: collections are held off
    during the step, as they come at no fixed time.
    """
    ledger = _Ledger()
    with _no_collections():
        with ledger:
            step()
        gc.collect(0)  # cycles that the step has left, all of them young, are no part of what it keeps
    return ledger.sums()


def saved_bytes(forward: Callable[[], object], apart: Iterable[Tensor]) -> int:
    """Bytes of the distinct storages that the graph of what `forward` returns holds for its backward pass.

    Storages of `apart`, the parameters, do not count, nor do views of them. Tensors that a custom function keeps as
    plain attributes instead of by `save_for_backward` cannot be seen.
    """
    held: weakref.WeakSet[_Held] = weakref.WeakSet()

    def pack(tensor: Tensor) -> _Held:
        holder = _Held(tensor.detach())  # an output would lead back to its node: a cycle that nothing collects
        held.add(holder)
        return holder

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda holder: holder.tensor):
        result = forward()
    excluded = {id(storage) for storage in _storages(list(apart))}
    sizes = {id(storage): storage.nbytes() for storage in _storages([holder.tensor for holder in held])}
    del result  # until here it had to keep its graph
    return sum(size for key, size in sizes.items() if key not in excluded)


class _Held:
    """A tensor saved for backward, for as long as the graph keeps it."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


class _Ledger(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes each storage's birth and death, as signed bytes, in the order of time."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.changes: list[tuple[int, int]] = []
        """Number of a storage, and bytes gained or lost."""
        self.sizes: dict[int, int] = {}
        """Bytes of the storages alive, by number."""
        self.known: dict[int, tuple[int, weakref.ref[torch.UntypedStorage]]] = {}
        """Numbers of the storages alive, by address of the storage object; the references tell of their deaths."""
        self.count = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        # torch.tensor makes its storage unseen and hands it to lift_fresh; everything else that takes a storage has
        # found it made
        fresh = func is torch.ops.aten.lift_fresh.default
        found = set() if fresh else {id(storage) for storage in _storages((args, kwargs))}
        result = func(*args, **kwargs)
        for storage in _storages(result):
            if id(storage) in self.known:
                self._resize(self.known[id(storage)][0], storage.nbytes())
            elif id(storage) not in found:
                self._add(storage)
        return result

    def sums(self) -> LiveMemory:
        """What the notes come to, once the step is over."""
        dead = [(number, change) for number, change in self.changes if number not in self.sizes]
        return LiveMemory(_highest(dead), _highest(self.changes), sum(self.sizes.values()))

    def _add(self, storage: torch.UntypedStorage) -> None:
        number, address = self.count, id(storage)
        self.count += 1

        def remove(_: object) -> None:
            del self.known[address]
            self.changes.append((number, -self.sizes.pop(number)))

        self.known[address] = number, weakref.ref(storage, remove)
        self.sizes[number] = 0
        self._resize(number, storage.nbytes())

    def _resize(self, number: int, size: int) -> None:
        if size != self.sizes[number]:
            self.changes.append((number, size - self.sizes[number]))
            self.sizes[number] = size


def _storages(values: Any) -> Iterator[torch.UntypedStorage]:
    for leaf in tree_leaves(values):
        if isinstance(leaf, Tensor) and leaf.layout is torch.strided:
            yield leaf.untyped_storage()


def _highest(changes: Iterable[tuple[int, int]]) -> int:
    total = highest = 0
    for _, change in changes:
        total += change
        highest = max(highest, total)
    return highest


@contextmanager
def _no_collections() -> Iterator[None]:
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
