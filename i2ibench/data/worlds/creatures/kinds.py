"""All classes of animals, in the order of their ids, and the draw of individuals."""

from __future__ import annotations

from i2ibench.data.worlds.creatures.anatomy import Kind, Look
from i2ibench.data.worlds.creatures.birds import BIRDS
from i2ibench.data.worlds.creatures.cats import CATS
from i2ibench.data.worlds.creatures.dogs import DOGS
from i2ibench.data.worlds.creatures.fishes import FISH
from i2ibench.data.worlds.creatures.furry import FURRY
from i2ibench.data.worlds.noise import Stream

_FAMILIES = {"cats": CATS, "dogs": DOGS, "furry": FURRY, "birds": BIRDS, "fish": FISH}
_KINDS = tuple(made for family in _FAMILIES.values() for made in family)

CLASSES = tuple(made.name for made in _KINDS)
"""Names by class id."""
FAMILIES = {name: tuple(CLASSES.index(made.name) for made in family) for name, family in _FAMILIES.items()}
"""Class ids by family."""


def kind(category: int) -> Kind:
    """The class with this id."""
    return _KINDS[category]


def draw_look(seed: int, index: int, category: int) -> Look:
    """The individual of this class in scene `index`: coat and build, but nothing of its pose."""
    rng = Stream(seed, index, 4, category)
    return Look(
        key=rng.integer(0, 65535), tone=rng.uniform(), hue=rng.uniform(), pattern=rng.uniform(), build=rng.uniform()
    )
