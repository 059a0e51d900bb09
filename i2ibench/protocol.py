"""What makes two numbers comparable: a frozen record of everything that changes a score, and its hash.

Sources for each choice: the metric files, which name the paper or library whose arithmetic they follow.
"""

from __future__ import annotations

import hashlib

from pydantic import BaseModel, ConfigDict

from i2ibench.errors import BenchError
from i2ibench.task import ResolutionField


class Protocol(BaseModel):
    """Everything that changes a number. Fields a metric does not have stay None and out of the hash."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: str
    version: int = 1
    """Raised when our own arithmetic changes."""

    # what is scored
    task: str
    resolution: ResolutionField
    split: str = "test"
    n: int
    """Pictures scored."""
    outputs_per_source: int = 1
    colour: str = "RGB"
    value_range: str | None = None
    """Range the arithmetic sees, say "[-1, 1]"."""
    quick: bool = False
    """A part of the split only: good for a smoke test, never ranked with the whole."""

    # against what
    reference: str | None = None
    """Where the real side comes from: "target of each source", "test targets"..."""
    reference_hash: str | None = None
    """sha256 of the real pictures' content."""
    n_reference: int | None = None

    # by which network
    extractor: str | None = None
    layer: str | None = None
    weights_sha256: str | None = None
    resize: str | None = None
    """Filter and size that bring a picture to the network."""
    content: str | None = None
    """Of a product of two distances: by what the outputs are compared with their sources."""
    feeding: str | None = None
    """How a picture is given to the network, where not whole and in [-1, 1]: its numbers, crops and mirrorings."""
    classifier: str | None = None
    """What recognises classes by the network's features, and how it is fitted."""
    training: str | None = None
    """What it is fitted to: "train pictures", "outputs"..."""
    training_hash: str | None = None
    """sha256 of those pictures' content, where they are real."""
    n_training: int | None = None

    # by which arithmetic
    window: str | None = None
    warp: str | None = None
    """How a frame is brought onto the next one, and which of its pixels count."""
    data_range: float | None = None
    subsets: int | None = None
    subset_size: int | None = None
    kernel: str | None = None
    neighbours: str | None = None
    """How many, and which points count as neighbours."""
    seed: int | None = None
    pairs: str | None = None
    """Which samples of a source are compared with each other, of which sources, and how their means are taken."""
    divergence: str | None = None
    """Of which distributions from which, and in which unit."""
    classes: int | None = None
    """Classes that a mean over classes was taken of."""
    keypoints: str | None = None
    """How many, what their distances are shares of, and from which share on one counts as missed."""
    label_table: str | None = None
    ignore_label: int | None = None
    bits: int | None = None
    dequantisation: str | None = None
    draws: int | None = None

    @property
    def id(self) -> str:
        """12 hexadecimal digits that two numbers must share to stand in one column."""
        text = self.model_dump_json(exclude_none=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def difference(self, other: Protocol) -> dict[str, tuple[object, object]]:
        """The fields in which the two differ, with both values."""
        mine, theirs = self.model_dump(mode="json"), other.model_dump(mode="json")
        return {name: (mine[name], theirs[name]) for name in mine if mine[name] != theirs[name]}

    def require_equal(self, other: Protocol, where: str) -> None:
        """Raise `BenchError` naming the fields that differ unless the two are one protocol."""
        differing = self.difference(other)
        if differing:
            told = "; ".join(f"{name} is {a!r} here and {b!r} there" for name, (a, b) in differing.items())
            raise BenchError(
                f"{where}: two {self.metric} scores follow different protocols ({told}), so they cannot share a "
                "column: score both again under one"
            )


class Score(BaseModel):
    """One number with its protocol, or the reason why there is none."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    name: str
    """The column: "fid", "psp_miou"..."""
    value: float | None
    standard_error: float | None = None
    """Of the value over pictures or subsets; None where the metric gives none."""
    interval: tuple[float, float] | None = None
    """95 % interval of the value over pictures (`metrics.statistics`); None where the metric gives none."""
    n: int
    higher_is_better: bool
    ranks: bool = True
    """False where the number is shown but may rank nobody, as a Fréchet distance of small sets."""
    protocol: Protocol | None = None
    reason: str | None = None
    """Why `value` is None; shown beside "n/a"."""

    @classmethod
    def not_available(cls, name: str, higher_is_better: bool, reason: str) -> Score:
        """A score that says why it is none; never 0."""
        return cls(name=name, value=None, n=0, higher_is_better=higher_is_better, reason=reason)
