"""The interface between a method and the harness: its card, its config, `train` and `translate`.

An adapter owns the mapping and nothing else: it says what its method needs, refuses a task that lacks it, and builds
the method from its config. Adapters are found by name through `i2ibench.registry`.
"""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict

from i2ibench.errors import BenchError, nearest
from i2ibench.task import LabelTable, Level, Need, Resolution, ResolutionField, Task

if TYPE_CHECKING:
    from torch import Tensor

    from i2ibench.models.method import Batch, Method


OF_A_PICTURE = frozenset({Need.LABELS, Need.INSTANCES})
"""Needs that belong to the targets, not the sources, where targets are label pictures."""


class Paper(BaseModel):
    """Where a method was published."""

    model_config = ConfigDict(frozen=True)

    title: str
    authors: str
    venue: str
    year: int
    arxiv: str | None = None


class MethodCard(BaseModel):
    """What a method is and asks for."""

    model_config = ConfigDict(frozen=True)

    name: str
    title: str
    paper: Paper | None = None
    levels: frozenset[Level]
    """Levels of fidelity it was published for; it may be run on others."""
    needs: frozenset[Need] = frozenset()
    resolution: Resolution = Resolution(256, 256)
    """Height and width of the paper's main results."""
    likelihood: bool = False
    """Has `bits_per_dim`."""
    stochastic: bool = False
    """Several samples of one source differ."""
    exemplars: int = 0
    """How many pictures of the target domain a translation takes its style from, `Batch.exemplars`."""
    classes: bool = False
    """Its translations are told the class that is asked for, where the task has classes."""
    backward: bool = False
    """As configured it translates targets to sources, and its exemplars are sources: for pictures of one's own."""
    transfer: bool = False
    """Moves a target's content from its own source to another: has `transfer`."""
    one_by_one: bool = False
    """Keeps batch statistics at translation, so pictures are translated one by one."""
    history: int = 0
    """Earlier frames of the sequence whose translations a translation reads."""
    batch_multiple: int = 1
    """What the pictures of a training step must be a multiple of."""
    starts: tuple[str, ...] = ()
    """The methods that can start from its trained networks, which `i2ibench pretrain` keeps for them."""
    deviations: tuple[str, ...] = ()
    """Every deliberate deviation from the paper."""


class Augmentation(BaseModel):
    """How training examples are formed: a window of the picture at random, mirrored with probability 1/2.

    All that belongs to a picture gets the same window and mirroring; so do the partners of a pair and the frames of a
    clip. The sides of an unpaired task, or of any task for a method that needs no pairs, are drawn independently.
    """

    model_config = ConfigDict(frozen=True)

    scale: float = 1.0
    """The picture is first resized by this, then a window of its former size is cropped."""
    crop: ResolutionField | None = None
    """Size of the training pictures, where it is other than the task's resolution."""
    area: tuple[float, float] | None = None
    """Instead of that, a window of this share of the picture's area, resized to the training size."""
    aspect: tuple[float, float] = (3 / 4, 4 / 3)
    """With `area`: the window's width over height, relative to the training size's."""
    probability: float = 1.0
    """With `area`: how often such a window is taken; otherwise the whole picture."""
    mirror: bool = False
    """Left and right may be exchanged."""
    flip: bool = False
    """Top and bottom may be."""
    frames: int = 0
    """Earlier frames that an example of a video task comes with."""


class Shape(BaseModel):
    """What a method must know of a task to be built."""

    model_config = ConfigDict(frozen=True)

    resolution: Resolution
    labels: LabelTable | None = None
    classes: int = 0
    """How many classes the task's pictures are of; 0 where they are of none."""

    @classmethod
    def of(cls, task: Task, resolution: Resolution) -> Shape:
        """The shape of `task` at `resolution`."""
        return cls(resolution=resolution, labels=task.labels, classes=len(task.classes))


class Training(Protocol):
    """What the harness hands to `Adapter.train`."""

    def fit(self, method: Method) -> None:
        """Train `method` in the shared loop: budget, precision, checkpoints, logs, resumption."""

    def load(self, name: str, into: Callable[[Mapping[str, Tensor]], None]) -> None:
        """Give `into` the tensors of the pretrained network `name`, one of `Adapter.weights`.

        Raises `BenchError` where its file is not at hand, is not the one that the run began with, or is none that
        `into` can take, which then raises `ValueError`.
        """


class Adapter:
    """A method's face to the harness. Subclasses set `card`, `presets` and `config`, and write `build`."""

    card: ClassVar[MethodCard]
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"paper": {}}
    """Config fields by preset; `paper` is the config's own defaults, the numbers of the paper."""
    batch_size: ClassVar[Mapping[str, int]] = {}
    """Pictures a step by preset, where it is not 1."""

    @classmethod
    def config(cls) -> type[Any]:
        """The method's config class, a frozen dataclass in its own file (imported here: it needs torch)."""
        raise NotImplementedError

    @classmethod
    def card_for(cls, config: Any) -> MethodCard:
        """The card with what `config` changes of it, say whether samples differ."""
        return cls.card

    @classmethod
    def build(cls, config: Any, shape: Shape) -> Method:
        """The method for pictures of `shape`. On the `meta` device too."""
        raise NotImplementedError

    @classmethod
    def augmentation(cls, config: Any) -> Augmentation:
        """How the method's recipe varies its training pictures."""
        return Augmentation()

    @classmethod
    def needs(cls, config: Any) -> Mapping[Need, str]:
        """What `config` needs beside the card's needs, each with the setting that asks for it."""
        return {}

    @classmethod
    def weights(cls, config: Any) -> tuple[str, ...]:
        """The names (`i2ibench weights list`) of what `Method.pretrained` asks for under `config`."""
        return ()

    @classmethod
    def train(cls, method: Method, training: Training) -> None:
        """Train `method` with the pretrained networks it reads; in the shared loop unless it truly differs."""
        for name, take in method.pretrained().items():
            training.load(name, take)
        training.fit(method)

    @classmethod
    def translate(cls, method: Method, batch: Batch, *, seed: int, sample: int = 0) -> Tensor:
        """Translate a batch, which comes without its targets; the method's own unless it truly differs."""
        return method.translate(batch, seed=seed, sample=sample)

    @classmethod
    def refuse(cls, task: Task, config: Any) -> None:
        """Raise `BenchError` in one sentence where `task` lacks what the method, or its `config`, needs."""
        lacking = sorted(need.value for need in cls.card.needs - task.gives)
        if lacking:
            raise BenchError(
                f"task {task.id!r} gives no {' and no '.join(lacking)}, which {cls.card.name} needs: choose one "
                f"that does (i2ibench list tasks --needs {lacking[0]})"
            )
        for need, setting in cls.needs(config).items():
            if need not in task.gives:
                raise BenchError(
                    f"task {task.id!r} gives no {need.value}, which {cls.card.name} with {setting} needs: choose "
                    f"another setting{_off(setting)}, or a task that does (i2ibench list tasks --needs {need.value})"
                )
        settings = {need.value: setting for need, setting in cls.needs(config).items() if need in OF_A_PICTURE}
        if task.to_labels and settings:
            raise BenchError(
                f"the {' and '.join(settings)} of task {task.id!r} are those of its targets, which "
                f"{cls.card.name} with {' and '.join(settings.values())} would translate from: use another setting"
                f"{_off(*settings.values())}"
            )

    @classmethod
    def check_batch_size(cls, config: Any, pictures: int) -> None:
        """Raise `BenchError` where the method cannot be trained on batches of so many pictures."""
        multiple = cls.card_for(config).batch_multiple
        if pictures % multiple:
            raise BenchError(
                f"{cls.card.name} cuts each step's pictures into parts, so the batch size must be a multiple of "
                f"{multiple}, found {pictures}"
            )

    @classmethod
    def configure(cls, preset: str = "paper", overrides: Mapping[str, str] | None = None) -> Any:
        """The config of `preset` with `overrides` (texts, as `--set` gives them) parsed to their fields' types.

        Raises `BenchError` on an unknown preset or field, on a text that is not of the field's type, and on a value
        that the config itself refuses.
        """
        if preset not in cls.presets:
            raise BenchError(f"{cls.card.name} has no preset {preset!r}: {nearest(preset, cls.presets)}")
        kind = cls.config()
        types = typing.get_type_hints(kind)
        values = dict(cls.presets[preset])
        for name, text in (overrides or {}).items():
            if name not in types:
                raise BenchError(f"{cls.card.name} has no config field {name!r}: {nearest(name, types)}")
            values[name] = _parse(cls.card.name, name, text, types[name])
        try:
            return kind(**values)
        except ValueError as error:
            raise BenchError(f"{cls.card.name}: {error}") from error


def config_values(config: Any) -> dict[str, Any]:
    """A config as JSON values, for records and hashes."""
    values: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(config)))
    return values


def config_from(kind: type[Any], values: Mapping[str, Any]) -> Any:
    """The config of class `kind` that `config_values` gave these values for."""
    from pydantic import TypeAdapter

    return TypeAdapter(kind).validate_python(dict(values))


def _off(*settings: str) -> str:
    """How to turn settings off that a flag asks for, in parentheses."""
    off = [f"--set {one.removesuffix('true')}false" for one in settings if one.endswith("=true")]
    return f" ({' '.join(off)})" if off else ""


def _parse(method: str, name: str, text: str, kind: Any) -> Any:
    from pydantic import TypeAdapter, ValidationError

    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    try:
        return adapter.validate_strings(text) if not text.startswith("[") else adapter.validate_json(text)
    except ValidationError as error:
        choices = typing.get_args(kind) if typing.get_origin(kind) is typing.Literal else ()
        wanted = " or ".join(map(str, choices)) or getattr(kind, "__name__", None) or str(kind).replace("typing.", "")
        why = error.errors()[0]["msg"]
        if typing.get_origin(kind) is tuple:
            wanted, why = "a list", why if text.startswith("[") else f"write '{name}={_as_list(text)}'"
        raise BenchError(f"{method}: config field {name!r} takes {wanted}, and {text!r} is none: {why}") from error


def _as_list(text: str) -> str:
    """Values with commas between them as a JSON list."""
    items = [item.strip() for item in text.split(",")]
    return f"[{', '.join(item if item.replace('.', '').isdigit() else json.dumps(item) for item in items)}]"
