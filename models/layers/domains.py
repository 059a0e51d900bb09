"""Which domain each picture is of, for methods that translate between several by one generator.

A task's classes are its domains. A task without classes has two, and so has one whose classes are not to be read: its
sources are of domain 0 and its targets of domain 1.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from i2ibench.models.method import Batch, required

Division = Literal["classes", "sides"]
"""`classes`: a domain for each class, where there are any; `sides`: sources and targets, whatever their classes."""
Direction = Literal["forward", "backward"]


def number_of_domains(shape_classes: int, division: Division = "classes") -> int:
    """How many domains pictures of `shape_classes` classes are of; 0: of no class."""
    return shape_classes if shape_classes and division == "classes" else 2


def domains(batch: Batch, division: Division = "classes") -> Tensor:
    """int64 `[B, 2]`: the domains of sources and of targets; in translation the second is the one asked for."""
    if batch.classes is None or division == "sides":
        return torch.arange(2, device=batch.source.device).expand(len(batch), 2)
    return batch.classes


def asked_domains(
    batch: Batch, number: int, division: Division = "classes", direction: Direction = "forward", *, reader: str
) -> Tensor:
    """int64 `[B]`: the domains to translate to, of `number`; `backward`, from the second of two to the first.

    Raises `ValueError`, naming the method `reader`, where there are more than two and the batch has no classes.
    """
    if number > 2:
        required(batch.classes, "classes", reader)
    return domains(batch, division)[:, 0 if direction == "backward" else 1]


def both_sides(batch: Batch, division: Division, reader: str) -> tuple[Tensor, Tensor]:
    """All real pictures of a batch, sources before targets, `[2B, 3, H, W]`, and their domains `[2B]`.

    Raises `ValueError`, naming the method `reader`, where the batch has no targets.
    """
    pictures = torch.cat([batch.source, required(batch.target, "targets", reader)])
    return pictures, domains(batch, division).T.flatten()


def swapped(both: Tensor) -> Tensor:
    """What belongs to `both_sides`, each picture's in the place of its partner."""
    return torch.cat(both.chunk(2)[::-1])


def check_domains(batch: Batch, division: Division, reader: str) -> None:
    """Raise `ValueError` where a picture has no class to be its domain. It waits for the device: not in each step."""
    if bool((domains(batch, division) < 0).any()):
        raise ValueError(
            f"{reader} with division=classes translates between classes: every picture must be of one, found pictures "
            "of none: use division=sides"
        )
