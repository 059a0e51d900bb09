from __future__ import annotations

from i2ibench.adapters.c_glow import CGlow


def test_bits_of_binary_pictures_are_not_scored_as_those_of_8_bits() -> None:
    assert CGlow.card_for(CGlow.configure("paper")).likelihood
    assert not CGlow.card_for(CGlow.configure("paper", {"y_bins": "2"})).likelihood
