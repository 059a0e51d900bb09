from __future__ import annotations

import torch

from i2ibench.models.identity import Identity, IdentityConfig
from i2ibench.models.method import Batch


def test_gives_the_sources_back_as_pictures_of_their_own() -> None:
    batch = Batch(("a", "b"), torch.rand(2, 3, 4, 6))
    out = Identity(IdentityConfig()).translate(batch, seed=0, sample=3)
    assert torch.equal(out, batch.source)
    assert out.data_ptr() != batch.source.data_ptr()


def test_has_nothing_to_train() -> None:
    method = Identity(IdentityConfig())
    assert method.optimizers() == {}
    assert list(method.updates(Batch(("a",), torch.rand(1, 3, 4, 4)), 0)) == []
