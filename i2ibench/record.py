"""What a run folder says, as typed records: the spec a run was asked for, how far it came, what it cost and scored."""

from __future__ import annotations

import hashlib
import re
from enum import Enum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from i2ibench.errors import BenchError
from i2ibench.protocol import Score
from i2ibench.task import ResolutionField


class Budget(BaseModel):
    """How long a method may train: exactly one of optimiser steps, pictures seen, or minutes.

    A sequence of video counts as one picture.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int | None = Field(None, ge=0)
    pictures: int | None = Field(None, ge=0)
    minutes: float | None = Field(None, ge=0)

    @model_validator(mode="after")
    def _one(self) -> Budget:
        if sum(value is not None for value in (self.steps, self.pictures, self.minutes)) != 1:
            raise ValueError("a budget is exactly one of steps, pictures and minutes")
        return self

    def __str__(self) -> str:
        if self.minutes is not None:
            return f"{self.minutes:g} minutes"
        return f"{self.steps} steps" if self.steps is not None else f"{self.pictures} pictures"

    @classmethod
    def parse(cls, text: str) -> Budget:
        """Read "3000 steps", "20000 pictures" or "5 minutes". Raises `BenchError` on anything else."""
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(steps?|pictures?|minutes?)\s*", text)
        if match is None or ("." in match[1] and not match[2].startswith("minute")):
            raise BenchError(f"budget {text!r} is not a number of steps, pictures or minutes: write, say, '3000 steps'")
        unit = match[2].rstrip("s") + "s"
        return cls(**{unit: float(match[1]) if unit == "minutes" else int(match[1])})

    def total_steps(self, batch_size: int) -> int | None:
        """Optimiser steps at `batch_size`; None where the clock decides."""
        if self.steps is not None:
            return self.steps
        return None if self.pictures is None else -(-self.pictures // batch_size)


class RunSpec(BaseModel):
    """Everything that was asked of a run. `id` is its hash: a changed spec is another run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str
    preset: str
    config: dict[str, Any]
    """Every field of the method's config, presets and overrides applied."""
    task: str
    """`name@version`."""
    resolution: ResolutionField
    seed: int = 0
    budget: Budget
    batch_size: int = Field(1, ge=1)
    precision: Literal["fp32", "bf16"] = "fp32"
    limit: int | None = Field(None, ge=1)
    """Only that many pictures of each split: a quick look, marked as such."""

    @property
    def id(self) -> str:
        """8 hexadecimal digits."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:8]

    @property
    def folder(self) -> str:
        """The run folder's name."""
        return f"{self.task}-{self.resolution}--{self.method}-{self.preset}-s{self.seed}-{self.id}"

    def difference(self, other: RunSpec) -> dict[str, tuple[Any, Any]]:
        """The fields in which two specs differ, config fields by their own names."""
        mine, theirs = ({**spec.model_dump(mode="json"), **spec.config} for spec in (self, other))
        names = [name for name in {**mine, **theirs} if name != "config"]
        return {name: (mine.get(name), theirs.get(name)) for name in names if mine.get(name) != theirs.get(name)}


class Status(str, Enum):
    """Where a stage stands."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Stages(BaseModel):
    """The stages of a run, in order."""

    prepare: Status = Status.PENDING
    train: Status = Status.PENDING
    translate: Status = Status.PENDING
    score: Status = Status.PENDING


class Cost(BaseModel):
    """What training took, summed over all resumptions."""

    seconds: float = 0.0
    steps: int = 0
    pictures: int = 0
    """Training pictures seen, repeats counted; of video, sequences."""
    peak_memory: int = 0
    """Bytes: the device's own peak on CUDA, the process's resident peak on CPU."""
    parameters: int = 0

    @property
    def pictures_per_second(self) -> float | None:
        """Training speed; None where nothing was trained."""
        return self.pictures / self.seconds if self.seconds > 0 and self.pictures else None


class Provenance(BaseModel):
    """Where and by what a run was made."""

    i2ibench: str
    commit: str | None
    """Of the checkout the code came from, with "+" where it had changes; None outside one."""
    python: str
    libraries: dict[str, str]
    device: str
    data: dict[str, str]
    """Fingerprint by split."""
    started: str
    """UTC, ISO 8601."""
    weights: dict[str, str] = {}
    """sha256 of the pretrained networks that training read, by name."""


class RunRecord(BaseModel):
    """`run.json`."""

    spec: RunSpec
    stages: Stages = Stages()
    cost: Cost = Cost()
    provenance: Provenance | None = None
    error: str | None = None
    """What stopped the last attempt."""


class Result(BaseModel):
    """`scores.json`: one row of a board, or the scores of a folder of pictures from any method."""

    method: str
    """Also "real" for the ceiling: the real pictures' own scores."""
    preset: str | None = None
    task: str
    resolution: ResolutionField
    seed: int | None = None
    budget: str | None = None
    quick: bool = False
    scores: tuple[Score, ...]
    cost: Cost | None = None
    provenance: Provenance | None = None
