from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from i2ibench.models.layers.last_seen import LastSeen


def pictures(*values: float) -> torch.Tensor:
    return torch.tensor(values)[:, None, None, None].expand(-1, 3, 2, 2).contiguous()


@settings(deadline=None, max_examples=30)
@given(st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=5), min_size=1, max_size=5))
def test_is_a_dictionary_of_the_last(batches: list[list[int]]) -> None:
    memory, kept, number = LastSeen(4, 2, 2), dict[int, float](), 0.0
    for batch in batches:
        values = [number := number + 1 for _ in batch]
        domain = torch.tensor(batch)
        found = memory.of(domain, pictures(*[-value for value in values]))
        expected = [kept.get(one, -value) for one, value in zip(batch, values, strict=True)]
        assert torch.equal(found, pictures(*expected))
        memory.see(pictures(*values), domain)
        kept.update(zip(batch, values, strict=True))


def test_is_all_in_the_state() -> None:
    memory, other = LastSeen(2, 2, 2), LastSeen(2, 2, 2)
    memory.see(pictures(1.0, 2.0), torch.tensor([1, 1]))
    other.load_state_dict(memory.state_dict())
    assert torch.equal(other.of(torch.tensor([0, 1]), pictures(7.0, 8.0)), pictures(7.0, 2.0))
    assert not list(memory.parameters())
