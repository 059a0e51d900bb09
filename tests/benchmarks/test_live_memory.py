"""Chains whose storages can be counted by hand."""

from __future__ import annotations

import gc
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from live_memory import LiveMemory, live_memory, saved_bytes
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

N, FLOAT = 1000, 4
SIZE = N * FLOAT
"""Bytes of each tensor of the chains."""
SCALARS = 2 * FLOAT
"""The sum at a chain's end and the one that its gradient starts from."""


def chain(x: Tensor, length: int) -> Tensor:
    for _ in range(length):
        x = x.tanh()  # saves its output alone
    return x


def backward(forward: Callable[[Tensor], Tensor], x: Tensor) -> Callable[[], None]:
    def step() -> None:
        x.grad = None
        torch.autograd.backward(forward(x).sum())  # the sum keeps no input

    return step


@settings(max_examples=10, deadline=None)
@given(st.integers(2, 12))
def test_a_chain_holds_its_outputs_and_one_gradient(length: int) -> None:
    """The first backward step holds all outputs and one gradient, the next one output less and one gradient more."""
    x = torch.randn(N, requires_grad=True)
    found = live_memory(backward(lambda x: chain(x, length), x))
    assert found == LiveMemory(temporary=(length + 1) * SIZE + SCALARS, peak=(length + 1) * SIZE + SCALARS, kept=SIZE)
    assert saved_bytes(lambda: chain(x, length).sum(), [x]) == length * SIZE


@settings(max_examples=10, deadline=None)
@given(st.integers(2, 5), st.integers(2, 5))
def test_a_checkpointed_chain_holds_one_part_and_the_parts_inputs(parts: int, length: int) -> None:
    x = torch.randn(N, requires_grad=True)

    def forward(x: Tensor) -> Tensor:
        for _ in range(parts):
            x = checkpoint(chain, x, length, use_reentrant=False, preserve_rng_state=False)
        return x

    # of the parts' inputs the first is x itself; a part run again holds its outputs and one gradient
    found = live_memory(backward(forward, x))
    assert found.temporary == (parts - 1 + length + 1) * SIZE + SCALARS
    assert saved_bytes(lambda: forward(x).sum(), [x]) == (parts - 1) * SIZE


def test_figures_repeat_to_the_byte_whether_gradients_and_adam_state_are_there_or_not() -> None:
    """After the first step, which makes them, what is temporary stays the same and nothing more is kept."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(inplace=True), nn.Conv2d(8, 3, 3))
    optimizer = torch.optim.Adam(network.parameters())
    pictures = torch.rand(2, 3, 16, 16)

    def step() -> None:
        optimizer.zero_grad()
        network(pictures).square().mean().backward()
        optimizer.step()

    first, second, third = (live_memory(step) for _ in range(3))
    parameters = FLOAT * sum(p.numel() for p in network.parameters())
    assert first.kept == 3 * parameters + FLOAT * len(list(network.parameters()))  # and Adam's counts of steps
    assert second.kept == parameters
    assert first.temporary == second.temporary
    assert second == third


def test_storages_that_only_the_backward_pass_makes_are_seen() -> None:
    weight, x = torch.randn(50, 20, requires_grad=True), torch.randn(20, 30)

    def step() -> tuple[Tensor, ...]:
        inner = x * 2
        inner.requires_grad_()
        return torch.autograd.grad((weight @ inner).sum(), [inner])

    # inner with its product [50, 30], then with its gradient, for which the ones are spread without being stored
    found = live_memory(step)
    assert found.kept == 0
    assert found.temporary == max((600 + 1500 + 1) * FLOAT, (600 + 600) * FLOAT + SCALARS)


def test_views_and_in_place_operations_count_once_and_what_was_there_never() -> None:
    x = torch.randn(N)
    assert live_memory(lambda: x.view(10, 100).t().add_(1).mul_(2)) == LiveMemory(0, 0, 0)
    assert live_memory(lambda: (x + 1).view(10, 100).t().add_(1)[3:].mul_(2)) == LiveMemory(SIZE, SIZE, 0)
    assert live_memory(lambda: torch.empty(0).resize_(N).zero_()) == LiveMemory(SIZE, SIZE, 0)
    assert live_memory(lambda: torch.tensor([1.0, 2.0])) == LiveMemory(8, 8, 0)


def test_what_outlives_the_step_is_kept_and_not_temporary() -> None:
    kept: list[Tensor] = []
    found = live_memory(lambda: kept.append((torch.ones(N) + 1) * 2))
    assert found == LiveMemory(temporary=SIZE * 2, peak=SIZE * 2, kept=SIZE)
    assert live_memory(kept.clear) == LiveMemory(0, 0, 0)


def test_a_peak_of_what_dies_may_come_at_another_time_than_the_whole_peak() -> None:
    kept: list[Tensor] = []

    def step() -> None:
        torch.zeros(3 * N)
        kept.append(torch.zeros(5 * N))

    assert live_memory(step) == LiveMemory(temporary=3 * SIZE, peak=5 * SIZE, kept=5 * SIZE)


def test_a_cycle_holds_its_tensors_until_the_end_and_collections_come_back() -> None:
    def step() -> None:
        for _ in range(3):
            cycle: list[object] = [torch.zeros(N)]
            cycle.append(cycle)

    assert gc.isenabled()
    assert live_memory(step) == LiveMemory(temporary=3 * SIZE, peak=3 * SIZE, kept=0)
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError):
        live_memory(lambda: 1 / 0)
    assert gc.isenabled()


def test_saved_bytes_counts_a_storage_once_and_parameters_never() -> None:
    weight = torch.randn(N, N, requires_grad=True)
    x = torch.randn(1, N)

    def forward() -> Tensor:
        once = x @ weight.t()  # saves x and a view of the weight
        return (once * once + once.view(10, 100).flatten().square()).sum()  # the product saves it twice, the square too

    assert saved_bytes(forward, [weight]) == 2 * SIZE
    x.requires_grad_()  # then the first product saves the weight as well, as a view
    assert saved_bytes(forward, [weight]) == 2 * SIZE
    assert saved_bytes(forward, []) == 2 * SIZE + N * SIZE


def test_saved_bytes_leaves_out_branches_that_are_gone() -> None:
    x = torch.randn(N, requires_grad=True)

    def forward() -> Tensor:
        x.exp().sin()  # dropped with its graph
        return F.relu(x * 1).sum()

    assert saved_bytes(forward, [x]) == SIZE
