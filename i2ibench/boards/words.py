"""Protocols and numbers as people read them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from i2ibench.protocol import Protocol


def protocol_in_words(protocol: Protocol) -> str:
    """Everything that `protocol` holds but its task and resolution, which stand over the board."""
    values = protocol.model_dump(mode="json", exclude_none=True)
    quick = " (a part of the split)" if protocol.quick else ""
    told = [f"{protocol.n} {protocol.split} pictures{quick}"]
    if protocol.n_reference is not None:
        reference = "" if protocol.reference is None else f" ({protocol.reference})"
        told[0] += f" against {protocol.n_reference} pictures{reference}"
    elif protocol.reference is not None:
        told[0] += f" against {protocol.reference}"
    said = {"metric", "task", "resolution", "split", "n", "quick", "reference", "n_reference"}
    unsurprising = {"version": 1, "outputs_per_source": 1}
    for name, value in values.items():
        if name not in said and unsurprising.get(name) != value:
            told.append(f"{name.replace('_', ' ')} {_short(name, value)}")
    return ", ".join(told)


def differences(one: Protocol, other: Protocol, here: str, there: str) -> str:
    """The fields in which two protocols differ, with the values of each side."""
    return "; ".join(
        f"{name} is {_short(name, a)} {here} and {_short(name, b)} {there}"
        for name, (a, b) in one.difference(other).items()
    )


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def number(value: float, decimals: int) -> str:
    """A score with that many decimals; infinities and NaN by their names."""
    if math.isfinite(value):
        return f"{value:.{decimals}f}"
    return "NaN" if math.isnan(value) else ("∞" if value > 0 else "-∞")


def decimals(values: Sequence[float]) -> int:
    """Decimals that give the largest of `values` four significant digits; at most six."""
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    return min(max(3 - math.floor(math.log10(largest)), 0), 6) if largest > 0 else 2


def _short(name: str, value: object) -> str:
    """A protocol's value in a sentence; hashes by their first digits."""
    text = str(value)
    return text[:12] if name.endswith(("hash", "sha256")) and value is not None else text
