"""What a metric is: `update` with each chunk of pictures, `merge` with another's state, `compute` scores.

The evaluator decodes every picture once and runs each feature extractor once per picture, however many metrics read
it; a metric sees pictures and features only through a `Chunk`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from torch import Tensor
from typing_extensions import Self

from i2ibench import weights as weight_files
from i2ibench.metrics.statistics import mean_interval
from i2ibench.progress import Progress
from i2ibench.protocol import Protocol, Score
from i2ibench.task import Resolution, Task

Side = Literal["output", "target"]


@dataclass(frozen=True)
class Setting:
    """What is being scored, as every metric must know it before the walk."""

    task: Task
    resolution: Resolution
    split: str
    n: int
    """Outputs to be scored."""
    n_reference: int
    """Real target pictures on the other side."""
    reference_hash: str
    """sha256 over the real target pictures' content."""
    reference_split: str | None = None
    """The split whose real targets sets of outputs are compared with, where it is not `split`."""
    names: tuple[str, ...] = ()
    """The outputs' names, in the split's order."""
    samples: Mapping[str, int] = field(default_factory=dict)
    """Samples at hand of each source, by its name, where there are several."""
    quick: bool = False
    """Only a part of the split is scored."""
    likelihood_draws: int = 0
    """Dequantisation draws of `Chunk.bits_per_dim`; 0 where the method has no likelihood or is unknown."""
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def reference(self) -> str:
        """The real side of metrics of two sets, as protocols name it."""
        return f"all targets of {self.reference_split or self.split}"

    def protocol(self, metric: str, **fields: object) -> Protocol:
        """The metric's protocol in this setting."""
        return Protocol.model_validate(
            {
                "metric": metric,
                "task": self.task.id,
                "resolution": self.resolution,
                "split": self.split,
                "n": self.n,
                "quick": self.quick,
                **fields,
            }
        )


@dataclass(frozen=True)
class Chunk:
    """Some of the pictures being scored, decoded once, on the setting's device."""

    names: tuple[str, ...]
    output: Tensor
    """float32 `[B, 3, H, W]` in [-1, 1], from 8-bit pictures: `(output + 1) * 127.5` is whole."""
    source: Tensor | None = None
    """Where a metric reads it (`Metric.reads_source`)."""
    target: Tensor | None = None
    """The target of each source, in paired tasks."""
    labels: Tensor | None = None
    """int64 `[B, H, W]` of the source (of a real target picture, its own), 255 ignored."""
    boxes: tuple[Tensor, ...] | None = None
    """Of the source (of a real target picture, its own), as `models.method.Batch.boxes`."""
    keypoints: Tensor | None = None
    """float32 `[B, K, 2]` of the source (of a real target picture, its own): x and y in pixels, NaN where there is
    none."""
    classes: Tensor | None = None
    """int64 `[B]`: the class that each output was asked to be of (of a real target picture, its own)."""
    source_classes: Tensor | None = None
    """int64 `[B]`: the class of each source, -1 where it has none; where `classes` are of outputs."""
    frames: tuple[tuple[str, int], ...] | None = None
    """Sequence and number of each picture that is a frame; those of a sequence come in order, across chunks too."""
    flow: Tensor | None = None
    """Backward flow float32 `[B, 2, H, W]` of the sources, as `models.method.Batch.flow`."""
    bits_per_dim: Tensor | None = None
    """float64 `[B, draws]` from the method itself."""
    extract: Callable[[str, Side], Tensor] | None = None
    read_samples: Callable[[int, Sequence[int]], Tensor] | None = None
    found: dict[str, Tensor] = field(default_factory=dict, init=False)
    """What `once` keeps, of these outputs alone."""

    def samples(self, number: int, rows: Sequence[int]) -> Tensor:
        """Sample `number` (0 is the output itself) of the sources in `rows` of this chunk, as `output`."""
        assert self.read_samples is not None, "a chunk of one sample a source has no others"
        return self.read_samples(number, rows)

    def once(self, what: str, find: Callable[[Tensor], Tensor]) -> Tensor:
        """What `find` finds in the outputs; under one name it looks once, however many metrics ask."""
        if what not in self.found:
            self.found[what] = find(self.output)
        return self.found[what]

    def features(self, extractor: str, side: Side) -> Tensor:
        """float32 `[B, d]` of one side by a named extractor (`metrics.extractors`); computed once per chunk."""
        assert self.extract is not None, "a chunk made without extractors has no features"
        return self.extract(extractor, side)


class Metric(ABC):
    """A metric in one setting. States merge, so that shards of the pictures give the same number."""

    name: ClassVar[str]
    title: ClassVar[str]
    """What it measures, in one line with its source."""
    columns: ClassVar[Mapping[str, bool]]
    """The scores it gives, and whether higher is better."""
    extractor: ClassVar[str | None] = None
    """Name of the feature extractor by which it compares the set of outputs with the set of targets, if it does."""
    pairwise: ClassVar[bool] = False
    """Compares each output with its own target, so it is n/a where a task has no pairs."""
    reads_labels: ClassVar[bool] = False
    """Looks for the label map of the source in the output."""
    reads_source: ClassVar[bool] = False
    """Compares each output with its own source, which a real target picture, taken for an output, does not have."""
    samples: ClassVar[int] = 1
    """Samples of a source that it looks at."""
    sources: ClassVar[int | None] = None
    """Of how many sources it looks at several samples; None: all."""
    weights: ClassVar[tuple[str, ...]] = ()
    """Names of the weights (`i2ibench.weights`) it cannot be had without."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting

    @classmethod
    def on(cls, extractor: str, name: str, title: str, columns: Mapping[str, bool] | None = None) -> type[Self]:
        """The metric of this arithmetic on the features of `extractor`, by default of one score, lower being better.

        Raises `BenchError` where there is no such extractor.
        """
        from i2ibench import registry

        needed = (registry.extractor(extractor).weights,)
        fields = {"name": name, "title": title, "columns": columns or {name: False}, "extractor": extractor}
        return type(name, (cls,), {**fields, "weights": needed, "__doc__": title, "__module__": cls.__module__})

    @classmethod
    def unavailable(cls, setting: Setting) -> str | None:
        """Why the metric does not apply or cannot be had in `setting`, with the way out; None where it can."""
        if cls.pairwise and not setting.task.paired:
            return (
                f"task {setting.task.id!r} has no pairs: its outputs have no targets of their own to be compared with"
            )
        if cls.extractor is not None and min(setting.n, setting.n_reference) < 2:
            return f"{setting.n} outputs against {setting.n_reference} real targets: each set needs two pictures"
        lacking = [name for name in cls.sampled(setting.names) if setting.samples.get(name, 1) < cls.samples]
        if lacking:
            return (
                f"{cls.samples} samples of a source are compared, and {len(lacking)} sources have fewer (first "
                f"{lacking[0]!r}): translate them several times"
            )
        for name in cls.weights:
            if weight_files.path(name) is None:
                return f"the weights {name!r} are not at hand: `i2ibench weights get {name}`"
        return None

    @classmethod
    def sampled(cls, names: Sequence[str]) -> tuple[str, ...]:
        """Those of `names`, in their order, of which it looks at several samples: `sources` of them, evenly spread."""
        if cls.samples == 1:
            return ()
        count = len(names) if cls.sources is None else min(cls.sources, len(names))
        return tuple(names[index * len(names) // count] for index in range(count))

    def prepare(self, progress: Progress) -> None:  # noqa: B027  (a hook: only metrics with work of their own need it)
        """Do, before `compute`, what takes so long that a person should see it."""

    @abstractmethod
    def update(self, chunk: Chunk) -> None:
        """Take in a chunk of outputs (in paired tasks with their targets)."""

    def update_reference(self, chunk: Chunk) -> None:  # noqa: B027  (a hook: only metrics of two sets need it)
        """Take in a chunk of real target pictures (its `target`; `output` is the same), for metrics of two sets.

        The evaluator hands over every reference picture exactly once.
        """

    @abstractmethod
    def merge(self, other: Self) -> None:
        """Take in another's state, of other pictures in the same setting."""

    @abstractmethod
    def compute(self) -> tuple[Score, ...]:
        """The scores, one for each of `columns`."""

    def per_picture(self) -> Mapping[str, Mapping[str, float]]:
        """Values by column, then by picture's name; empty for metrics of whole sets."""
        return {}


def counterpart(metric: Metric, chunk: Chunk) -> Tensor:
    """What a metric of pairs compares a chunk's outputs with, `[B, 3, H, W]`: their sources if it reads those, else
    their targets.
    """
    pictures = chunk.source if metric.reads_source else chunk.target
    assert pictures is not None, "a metric of pairs is not asked where there are none"
    return pictures


def mean_score(metric: Metric, values: Sequence[float], protocol: Protocol) -> Score:
    """The mean of one value a picture, under the metric's own name; exact, so the order of pictures does not matter.

    The standard error is the sample standard deviation over the root of the number of pictures: how far the mean would
    move with other pictures of the same kind, not with another training. The interval says the same by the bootstrap.
    """
    n = len(values)
    mean = math.fsum(values) / n
    spread = math.fsum((value - mean) ** 2 for value in values) / (n - 1) if n > 1 else None
    return Score(
        name=metric.name,
        value=mean,
        standard_error=None if spread is None else math.sqrt(spread / n),
        interval=mean_interval(values),
        n=n,
        higher_is_better=metric.columns[metric.name],
        protocol=protocol,
    )
