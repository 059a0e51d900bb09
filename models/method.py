"""What a method is: the contract between a published algorithm and whatever trains and scores it.

A method yields its updates and the loop performs them: zero, backward, guard, clip, step, resume. A method
therefore says what it minimises and in which order, and nothing about precision, checkpoints or logging.

Everything random is a function of a key, never of how often a generator was asked before: `generator` gives a
stream for a key, `seeded` seeds the global one (dropout reads that) for the length of a block. So a resumed
training needs no saved generator, and a picture's translation depends on neither batch size nor neighbours.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

T = TypeVar("T")
TakeTensors = Callable[[Mapping[str, Tensor]], None]


@dataclass(frozen=True)
class Batch:
    """Pictures and what belongs to them; what a task lacks is None.

    Pictures are float32 `[B, 3, H, W]` in [-1, 1], RGB. In an unpaired task `source` and `target` are independent
    draws from two domains and the other fields belong to `source`.
    """

    names: tuple[str, ...]
    """The pictures' names; keys of whatever is drawn for each of them."""
    source: Tensor
    target: Tensor | None = None
    labels: Tensor | None = None
    """Semantic classes, int64 `[B, H, W]`, 255 where to be ignored."""
    instances: Tensor | None = None
    """Instance ids, int64 `[B, H, W]`: equal ids, same object; pixels of no object carry their class's id."""
    boxes: tuple[Tensor, ...] | None = None
    """One float32 `[N_b, 5]` a source: left, top, right, bottom in pixels, class."""
    target_boxes: tuple[Tensor, ...] | None = None
    """The same of the targets, in unpaired tasks."""
    classes: Tensor | None = None
    """int64 `[B, 2]`: classes of source and target, where the task has classes; -1 where a side has none. In
    translation the second is the class asked for."""
    exemplars: tuple[Tensor, ...] | None = None
    """Pictures of the target domain for each source, each `[B, 3, H, W]`, whose style its translation may take: of the
    training split, or what the user gives. Only in translation, and only for methods that ask for so many."""
    frames: tuple[Batch, ...] | None = None
    """Earlier frames of the same sequences, oldest first, each a batch of its own."""
    flow: Tensor | None = None
    """Backward optical flow float32 `[B, 2, H, W]`, x then y in pixels: where each pixel was in the frame before minus
    where it is; NaN where it could not be seen there."""

    def __len__(self) -> int:
        return len(self.names)

    def to(self, device: torch.device | str, memory_format: torch.memory_format = torch.contiguous_format) -> Batch:
        """The same batch on `device`; pictures in `memory_format`. Copies from pinned memory do not block."""

        def move(value: Any) -> Any:
            if isinstance(value, Tensor):
                form = memory_format if value.dim() == 4 else torch.preserve_format
                return value.to(device, non_blocking=True, memory_format=form)
            if isinstance(value, Batch):
                return value.to(device, memory_format)
            return tuple(map(move, value)) if isinstance(value, tuple) else value

        values: dict[str, Any] = {f.name: move(getattr(self, f.name)) for f in dataclasses.fields(self)}
        return Batch(**values)

    def __getitem__(self, index: int | slice | list[int]) -> Batch:
        """One picture, a slice of them or those listed, still as a batch."""
        rows = slice(index, index + 1) if isinstance(index, int) else index

        def pick(name: str, value: Any) -> Any:
            if name in ("frames", "exemplars"):
                return tuple(one[rows] for one in value)
            if isinstance(value, tuple) and isinstance(rows, list):
                return tuple(value[row] for row in rows)
            return value[rows]

        values: dict[str, Any] = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        picked: dict[str, Any] = {name: None if value is None else pick(name, value) for name, value in values.items()}
        return Batch(**picked)


@dataclass(frozen=True)
class Update:
    """One step of one optimiser: the loop takes `loss`'s gradient with respect to its parameters and steps it."""

    optimizer: str
    """A key of `Method.optimizers()`."""
    loss: Tensor
    """A scalar."""
    logs: Mapping[str, Tensor] = field(default_factory=dict)
    """Detached scalars worth a curve; never `.item()`, the loop fetches them seldom and together."""
    clip_norm: float | None = None
    """Clip the optimiser's gradients to this total 2-norm."""
    clip_value: float | None = None
    """Clip each gradient element to [-clip_value, clip_value]."""


class Method(nn.Module):
    """A published algorithm: networks, losses, updates and inference. Knows nothing of the harness."""

    averages: Mapping[str, float] = {}
    """Submodules of which the loop keeps an exponential moving average for translation, with the decay of each."""
    fraction: float = 0.0
    """The share of the budget that was done before the current step, which the loop sets: for methods in stages."""

    def pretrained(self) -> Mapping[str, TakeTensors]:
        """The pretrained networks that training reads, by the names of their weights: what takes each one's tensors.

        Each raises `ValueError` where they are another network's.
        """
        return {}

    def initialize(self, batch: Batch) -> None:
        """Called once with the first training batch, before `optimizers`, for what depends on data (shapes, scales)."""

    def optimizers(self) -> dict[str, Optimizer]:
        """The optimisers by name, in the order they are used; empty for a method with nothing to train."""
        raise NotImplementedError

    def learning_rate(self, optimizer: str, step: int, fraction: float) -> float:
        """The factor on `optimizer`'s initial learning rate at `step` (0-based), `fraction` of the budget done.

        A pure function, so that a schedule needs no saved state and stretches with the budget.
        """
        return 1.0

    def updates(self, batch: Batch, step: int) -> Iterator[Update | tuple[Update, ...]]:
        """Yield the step's updates in the paper's order; the loop performs each before it resumes the method.

        A tuple is several losses whose gradients are all taken before any of their optimisers steps.
        """
        raise NotImplementedError

    def conclude(self, batches: Iterator[Batch]) -> None:
        """Called after the last step with the training split in its own order, not varied, for what is fitted to
        trained networks (cluster centres); it is kept in buffers. May be called again, where a run is resumed."""

    def translate(self, batch: Batch, *, seed: int, sample: int = 0) -> Tensor:
        """Pictures `[B, 3, H, W]` in [-1, 1]: each source translated.

        Whatever is drawn for a picture is a function of (seed, its name, sample) alone.
        """
        raise NotImplementedError

    def transfer(self, content: Batch, batch: Batch) -> Tensor:
        """Pictures `[B, 3, H, W]` in [-1, 1]: `content.target`, which belongs to `content.source`, moved to
        `batch.source`.

        What of the target its source does not tell is kept. Only methods that say so on their card have it.
        """
        raise NotImplementedError

    def bits_per_dim(self, batch: Batch, *, seed: int, draw: int = 0) -> Tensor:
        """Conditional bits per dimension `[B]` of `batch.target` under its source, with dequantisation noise `draw`.

        Only methods with a likelihood have it.
        """
        raise NotImplementedError


def required(value: T | None, what: str, reader: str) -> T:
    """A batch's `value`. Raises `ValueError`, naming `what` it is and the method that reads it, where there is none."""
    if value is None:
        raise ValueError(f"{reader} reads {what}: the batch must have {what}, found none")
    return value


@contextmanager
def frozen(*modules: nn.Module) -> Iterator[None]:
    """No gradients for these modules' parameters inside the block; gradients still flow through them."""
    changed = [p for module in modules for p in module.parameters() if p.requires_grad]
    for parameter in changed:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in changed:
            parameter.requires_grad_(True)


def key_to_seed(*key: int | str) -> int:
    """A 63-bit seed that is a function of `key` alone, equal on every machine."""
    digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def generator(*key: int | str) -> torch.Generator:
    """A CPU generator for `key`, say (seed, "noise", name). Draw on the CPU and move: same numbers on any device."""
    return torch.Generator().manual_seed(key_to_seed(*key))


@contextmanager
def seeded(*key: int | str) -> Iterator[None]:
    """Seed the global generators (dropout reads them) with `key` inside the block; restore them after it."""
    with torch.random.fork_rng():
        torch.manual_seed(key_to_seed(*key))
        yield


def inference(default: T) -> T:
    """A config field that only translation reads, so that it may be changed without training again."""
    return field(default=default, metadata={"stage": "translate"})
