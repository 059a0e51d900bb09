"""Content and style in one number, in the form of ArtFID: `(1 + LPIPS) * (1 + FD)`.

Wright and Ommer, "ArtFID: Quantitative Evaluation of Neural Style Transfer", arXiv:2207.12280: the LPIPS distance
between each output and its source, times the Fréchet distance between the outputs and the real targets. The first
factor lies between 1 and about 2 and the second may be of any size, so the product ranks much as its Fréchet distance
alone: real targets, drawn without regard to the sources, score better than a copy of them. Read it beside
`lpips_source`.

This is not ArtFID, and is nowhere called so: its Fréchet distance is on an Inception trained on artworks, which no
package ships, while these are on the extractor that the name says (`artfd_inception`: FID's). And ArtFID's code feeds
LPIPS pictures in [0, 1]; here they are in [-1, 1], as the network expects. Both parts are those of `lpips_source` and
`fid` or `fd_<extractor>`, to the digit.

The standard error is `(1 + LPIPS)` times that of the Fréchet distance plus `(1 + FD)` times that of LPIPS: right where
the two move together from one set of outputs to the next, else too large, as nobody knows how they do. Small sets rank
nobody, for the reason that `frechet` states.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import ClassVar

from typing_extensions import Self

from i2ibench.metrics.frechet import FrechetDistance
from i2ibench.metrics.lpips import LPIPSSource
from i2ibench.metrics.metric import Chunk, Setting
from i2ibench.metrics.statistics import normal_interval
from i2ibench.protocol import Protocol, Score


class ArtFD(FrechetDistance):
    """The product on the features of `extractor`; `artfd` makes one for each."""

    reads_source = True

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.content = LPIPSSource(setting)

    @classmethod
    def unavailable(cls, setting: Setting) -> str | None:
        """Besides the usual reasons, those of the distance to the source."""
        return super().unavailable(setting) or LPIPSSource.unavailable(setting)

    def update(self, chunk: Chunk) -> None:
        """Compare each output with its source, and keep its features."""
        super().update(chunk)
        self.content.update(chunk)

    def merge(self, other: Self) -> None:
        """Take in both parts of other pictures."""
        super().merge(other)
        self.content.merge(other.content)

    def compute(self) -> tuple[Score, ...]:
        """One score, which ranks where its Fréchet distance would."""
        (content,), (style,) = self.content.compute(), super().compute()
        assert content.value is not None and content.protocol is not None
        assert style.value is not None and style.protocol is not None
        value, error = (1 + content.value) * (1 + style.value), None
        if content.standard_error is not None and style.standard_error is not None:
            error = (1 + content.value) * style.standard_error + (1 + style.value) * content.standard_error
        fields = {
            "value": value,
            "standard_error": error,
            "interval": None if error is None else normal_interval(value, error, (1, math.inf)),
            "protocol": style.protocol.model_copy(update={"content": _told(content.protocol)}),
        }
        return (style.model_copy(update=fields),)


class ArtFDInception(ArtFD):
    """The product with FID as its Fréchet distance."""

    name = "artfd_inception"
    title = "(1 + LPIPS to the source) * (1 + FID): ArtFID's form (Wright and Ommer 2022), not its art Inception"
    columns: ClassVar = {"artfd_inception": False}
    extractor = "inception-v3-compat"
    weights = ("inception", *LPIPSSource.weights)


@lru_cache
def artfd(extractor: str) -> type[ArtFD]:
    """`artfd_<extractor>`: the product on another network's features. Never comparable with ArtFID."""
    name = f"artfd_{extractor}"
    title = f"(1 + LPIPS to the source) * (1 + Fréchet distance on {extractor}): ArtFID's form; not ArtFID"
    made = ArtFD.on(extractor, name, title)
    made.weights = (*made.weights, *LPIPSSource.weights)
    return made


def _told(content: Protocol) -> str:
    """Everything that changes the distance to the source."""
    return (
        f"{content.extractor} between output and source: {content.layer}; range {content.value_range}; resize "
        f"{content.resize}; trunk sha256 {content.weights_sha256}; version {content.version}"
    )
