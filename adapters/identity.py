"""The identity's face to the harness: the source as its own translation, the floor of every board."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from i2ibench.adapter import Adapter, MethodCard, Shape
from i2ibench.task import Level

if TYPE_CHECKING:
    from i2ibench.models.identity import IdentityConfig
    from i2ibench.models.method import Method


class Identity(Adapter):
    """Returns the source; trains nothing."""

    card = MethodCard(name="identity", title="Identity (the source itself)", levels=frozenset(Level))
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"paper": {}, "small": {}}
    batch_size: ClassVar[Mapping[str, int]] = {"paper": 1, "small": 1}

    @classmethod
    def config(cls) -> type[IdentityConfig]:
        """A config without fields."""
        from i2ibench.models.identity import IdentityConfig

        return IdentityConfig

    @classmethod
    def build(cls, config: IdentityConfig, shape: Shape) -> Method:
        """The identity, for pictures of any shape."""
        from i2ibench.models.identity import Identity as Model

        return Model(config)
