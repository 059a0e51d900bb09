"""The card of a task: what is translated into what, on which pictures, with which supervision, scored by what."""

from __future__ import annotations

import re
from enum import Enum
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from i2ibench.errors import BenchError

IGNORE = 255
"""The label of pixels that belong to no class."""


class Level(str, Enum):
    """How much of the source must survive translation."""

    STRONG = "strong"
    NORMAL = "normal"
    WEAK = "weak"


class Need(str, Enum):
    """What a task can give beside source pictures, and a method can need."""

    PAIRS = "pairs"
    LABELS = "labels"
    INSTANCES = "instances"
    BOXES = "boxes"
    CLASSES = "classes"
    KEYPOINTS = "keypoints"
    VIDEO = "video"
    FLOW = "flow"


class Resolution(NamedTuple):
    """Height and width in pixels, written `64x128`."""

    height: int
    width: int

    def __str__(self) -> str:
        return f"{self.height}x{self.width}"

    @classmethod
    def parse(cls, text: str | Resolution) -> Resolution:
        """Read `HEIGHTxWIDTH`, or one number for a square. Raises `BenchError` on anything else."""
        match = re.fullmatch(r"(\d+)(?:x(\d+))?", str(text).strip().lower())
        if match is None:
            raise BenchError(
                f"resolution {str(text)!r} is not HEIGHTxWIDTH in pixels, say 64x128, nor one number, say 64"
            )
        return cls(int(match[1]), int(match[2] or match[1]))


ResolutionField = Annotated[
    Resolution,
    BeforeValidator(lambda value: Resolution.parse(value) if isinstance(value, str) else value),
    PlainSerializer(str, return_type=str),
]
"""A `Resolution` in a record: `"64x128"` in JSON."""


class LabelTable(BaseModel):
    """The classes of a labelled task: `names[i]` and its colour `palette[i]` (RGB, 0 to 255) have id i."""

    model_config = ConfigDict(frozen=True)

    name: str
    names: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    things: frozenset[int] = frozenset()
    """Ids of countable objects: the classes that have instances."""

    def __len__(self) -> int:
        return len(self.names)


class Fit(str, Enum):
    """How a picture of another size is brought to the task's: bicubic, antialiased; ids by nearest neighbour."""

    STRETCH = "stretch"
    """Both sides at once, whatever that does to proportions, as pix2pix and its followers do."""
    COVER = "cover"
    """The shorter side to size, then the middle of the longer one."""


class Files(BaseModel):
    """Data that users have to get themselves, read as they are distributed."""

    model_config = ConfigDict(frozen=True)

    layout: str
    """How they lie on disk: a name from `registry.layouts()`."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Fields of the layout, where they are not its defaults."""
    fit: Fit = Fit.STRETCH
    obtain: str = ""
    """Where the data are to be had, and on which terms, in a sentence."""


class Task(BaseModel):
    """A task's card. `id` names it everywhere; a change of its pictures or splits is a new version."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: int = 1
    title: str
    """One line: from what to what."""
    description: str
    """What the pictures are, where they come from, how they are split and why nothing leaks."""
    level: Level
    gives: frozenset[Need]
    """Paired tasks give `PAIRS`; without it source and target are independent draws of two domains."""
    resolutions: tuple[ResolutionField, ...]
    """Those offered; the first is the default."""
    splits: dict[str, int]
    """Source pictures in `train`, `val` and `test`, at the default resolution where that matters."""
    targets: dict[str, int] = Field(default_factory=dict)
    """The same of target pictures, where they are other than the sources' partners."""
    data: str | Files
    """`module:function` of `(split: str, resolution: Resolution) -> Iterator[Row]` (`data.rows`), or users' files."""
    labels: LabelTable | None = None
    to_labels: bool = False
    """Targets are label pictures in the colours of `labels`, which belong to them."""
    segmenter: str = ""
    """The task whose segmenter reads this one's translations, where it is another's; at equal resolution."""
    pose_reader: str = ""
    """The task whose pose reader reads this one's translations, where it is another's; at equal resolution."""
    classes: tuple[str, ...] = ()
    """Names of the classes that a picture can be of, by id, where the task gives `CLASSES`."""
    shown: str = "train"
    """The split whose real targets show what is asked for: exemplars are drawn from them, and classifiers fitted to
    them. Another than `train` where the classes asked for are held out of training."""
    metrics: dict[str, str]
    """What the task is scored by, in the order of a board's columns, and why that is legal here."""
    source: str
    """Origin of the pictures."""
    licence: str
    """Licence or terms of use."""
    citation: str = ""
    """The paper to cite."""

    @property
    def id(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"

    @property
    def paired(self) -> bool:
        """Whether every source has its target."""
        return Need.PAIRS in self.gives

    @property
    def supervision(self) -> str:
        """`paired`, `many-class` (one pool of pictures, each of a class) or `unpaired`."""
        if self.paired:
            return "paired"
        return "unpaired" if self.targets else "many-class"

    @property
    def protocol(self) -> str:
        """What is compared with what, in a sentence; each score's own protocol says the rest."""
        fitted = "" if isinstance(self.data, str) else f", brought to size by {self.data.fit.value} (bicubic)"
        test = self.splits.get("test")
        against = {
            "paired": "each source's own target, and the targets as a set",
            "unpaired": f"the test split's {self.targets.get('test')} target pictures as a set",
            "many-class": "the test split's own pictures of the class asked for, or of all",
        }[self.supervision]
        return f"translations of the {test} test sources, 8-bit RGB{fitted}, against {against}, all at their own size"

    @property
    def embedded(self) -> bool:
        """Whether it runs at once: generated, or shipped with a package."""
        return isinstance(self.data, str)

    def resolution(self, text: str | Resolution | None = None) -> Resolution:
        """The default resolution, or `text` checked against those offered. Raises `BenchError`."""
        if text is None:
            return self.resolutions[0]
        wanted = Resolution.parse(text)
        if wanted not in self.resolutions:
            offered = ", ".join(map(str, self.resolutions))
            raise BenchError(f"task {self.id!r} is offered at {offered}, not at {wanted}: choose one of these")
        return wanted
