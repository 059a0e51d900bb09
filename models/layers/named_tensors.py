"""Tensors of a trained network by their names: those of a run, and what is said where they do not fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from torch import Tensor


def of_run(tensors: Mapping[str, Tensor], network: str, places: Sequence[str]) -> dict[str, Tensor]:
    """A network's tensors of a checkpoint of a run, or of a method's state, without what stands before their names.

    `places` are looked at in turn: `averages/`, `model/`, or nothing for a state. {} where there are none.
    """
    for place in places:
        prefix = f"{place}{network}."
        found = {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}
        if found:
            return found
    return {}


def check_names(what: str, missing: Sequence[str], left_over: Sequence[str]) -> None:
    """Raise `ValueError` that lists what of the network `what` is missing or left over, where anything is."""
    if missing or left_over:
        said = [f"lacks {listed(missing)}"] * bool(missing) + [f"has besides {listed(left_over)}"] * bool(left_over)
        raise ValueError(f"a {what} of these settings is expected, and what was found {' and '.join(said)}")


def check_shapes(what: str, found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], suffix: str = "") -> None:
    """Raise `ValueError` that lists which tensors of the network `what` are of other shapes than is `wanted`.

    Names that end in `suffix` are told by `.weight` in its place.
    """
    shapes = {
        name.removesuffix(suffix) + ".weight" * bool(suffix and name.endswith(suffix)): (found[name], value)
        for name, value in wanted.items()
        if name in found and found[name].shape != value.shape
    }
    if shapes:
        told = listed(f"{name} is {_shape(one)}, not {_shape(other)}" for name, (one, other) in shapes.items())
        raise ValueError(f"the {what} is of other sizes: {told}: choose those that it was trained with")


def listed(names: Iterable[str], most: int = 6) -> str:
    """The first `most` of these, and how many more there are."""
    said = list(names)
    return ", ".join(said[:most]) + (f" and {len(said) - most} more" if len(said) > most else "")


def _shape(value: Tensor) -> str:
    return "x".join(map(str, value.shape)) or "one number"
