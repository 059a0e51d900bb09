"""Several processes on one piece of work, started by `torchrun --nproc-per-node K -m i2ibench ...`.

Rank 0 runs the program; the others wait for it to share out work, do their part and send back what came of it. So
whatever prints, writes, locks or decides does it once, and an error on any rank ends the program as an error of its
own would. Messages go over gloo in the memory of the processes, on CUDA machines too: what is sent lies on the CPU.
"""

from __future__ import annotations

import io
import os
import pickle
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar

from i2ibench.errors import BenchError

if TYPE_CHECKING:
    import torch

_A = TypeVar("_A")
_T = TypeVar("_T")

_PATIENCE = timedelta(days=1)
"""How long a rank waits for word from another. One that dies breaks its connection, so nobody waits for it."""


@dataclass(frozen=True)
class Ranks:
    """The processes, as one of them sees them; by default it is alone."""

    rank: int = 0
    size: int = 1

    def share(self, rows: range, multiple: int = 1) -> list[range]:
        """`rows` in one contiguous part a rank, each (but the last) a multiple of `multiple` long, some maybe empty."""
        blocks = -(-len(rows) // multiple)
        cuts = [blocks * rank // self.size * multiple for rank in range(self.size + 1)]
        return [rows[start:stop] for start, stop in pairwise(cuts)]

    def map(self, work: Callable[[_A], _T], parts: Sequence[_A]) -> list[_T]:
        """What `work` gives for each of `parts`, one a rank, in their order; rank 0 calls it while the others `serve`.

        Work, parts and what comes back are sent by pickle; networks stay behind, as None. When all have ended, raises
        the first error of any.
        """
        for rank in range(1, self.size):
            _send((work, parts[rank]), rank)
        done = [_outcome(work, parts[0]), *(_receive(rank) for rank in range(1, self.size))]
        for rank, (_, error) in enumerate(done):
            if error is not None:
                raise error if isinstance(error, Exception) else RuntimeError(f"rank {rank} failed:\n{error}")
        return [value for value, _ in done]

    def serve(self) -> None:
        """Do what rank 0 shares out until it has no more."""
        while (job := _receive(0)) is not None:
            value, error = _outcome(*job)
            unknown = error is not None and not isinstance(error, BenchError)  # such might not survive the way
            _send((value, "".join(traceback.format_exception(error)) if unknown else error), 0)


@contextmanager
def started() -> Iterator[Ranks]:
    """The processes that torchrun started, by its environment; without it the one that this is.

    Each takes a CUDA device of its own as the current one, where there are several.
    """
    ranks = Ranks(int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1)))
    if ranks.size == 1:
        yield ranks
        return

    import torch
    from torch import distributed

    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)) % torch.cuda.device_count())
    distributed.init_process_group("gloo", timeout=_PATIENCE)
    try:
        yield ranks
    except Exception:
        with suppress(RuntimeError):  # of a connection that broke, which is then what is raised already
            _dismiss(ranks)
        raise
    else:
        _dismiss(ranks)
    finally:
        distributed.destroy_process_group()


def _dismiss(ranks: Ranks) -> None:
    """Tell the others that there is no more; only when they listen, so not after an interrupt."""
    if ranks.rank == 0:
        for rank in range(1, ranks.size):
            _send(None, rank)


def _outcome(work: Callable[[_A], _T], part: _A) -> tuple[_T | None, Exception | None]:
    try:
        return work(part), None
    except Exception as error:
        return None, error


def _send(value: object, to: int) -> None:
    import torch
    from torch import distributed

    content = torch.frombuffer(_encode(value), dtype=torch.uint8)
    distributed.send(torch.tensor([len(content)]), to)
    distributed.send(content, to)


def _receive(sender: int) -> Any:
    import torch
    from torch import distributed

    length = torch.zeros(1, dtype=torch.int64)
    distributed.recv(length, sender)
    content = torch.empty(int(length), dtype=torch.uint8)
    distributed.recv(content, sender)
    return pickle.loads(content.numpy().data)


class _Encoder(pickle.Pickler):
    """Tensors by their own numbers, since PyTorch would send the whole storage that each is a view of."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self.sent: dict[tuple[object, ...], tuple[torch.Tensor, Any]] = {}
        """By their place in memory: what several metrics on one network hold goes once."""

    def reducer_override(self, value: Any) -> Any:
        """How tensors and networks travel; anything else as it does."""
        import torch

        if isinstance(value, torch.Tensor):
            place = value.data_ptr(), value.dtype, value.shape, value.stride()
            if place not in self.sent:
                self.sent[place] = value, value.detach().cpu().contiguous().numpy()
            return torch.from_numpy, (self.sent[place][1],)
        if isinstance(value, torch.nn.Module):
            return _nothing, ()
        return NotImplemented


def _encode(value: object) -> memoryview:
    buffer = io.BytesIO()
    _Encoder(buffer).dump(value)
    return buffer.getbuffer()


def _nothing() -> None:
    return None
