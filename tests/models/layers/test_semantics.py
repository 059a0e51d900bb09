from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from i2ibench.models.layers.semantics import one_hot

LABELS = torch.randint(0, 5, (2, 6, 7), generator=torch.Generator().manual_seed(0))


def test_is_pytorchs_own() -> None:
    torch.testing.assert_close(one_hot(LABELS, 5), F.one_hot(LABELS, 5).movedim(-1, 1).float())


@pytest.mark.parametrize("unknown", [True, False])
def test_pixels_of_no_class_are_zeros_or_the_last_channel(unknown: bool) -> None:
    labels = LABELS.masked_fill(LABELS == 3, 255)
    found = one_hot(labels, 5, unknown=unknown)
    assert found.shape == (2, 5 + unknown, 6, 7)
    torch.testing.assert_close(found.sum(1), (labels != 255).float() if not unknown else torch.ones(2, 6, 7))
    assert torch.equal(found.argmax(1)[labels != 255], labels[labels != 255])
    if unknown:
        assert torch.equal(found[:, 5] == 1, labels == 255)


@pytest.mark.parametrize("wrong", [5, -1, 254])
def test_other_labels_are_refused(wrong: int) -> None:
    labels = LABELS.clone()
    labels[1, 2, 3] = wrong
    with pytest.raises(ValueError, match=f"labels must be 0 to 4, or 255 for no class, found {wrong}"):
        one_hot(labels, 5)
