"""A suite: tasks x methods x seeds under one budget, read from TOML, expanded into runs, performed, and put on boards.

A suite file::

    title = "..."
    budget = "20000 pictures"        # equal for every method: steps, pictures or minutes
    seeds = [0, 1, 2]
    precision = "fp32"               # or "bf16"

    [[tasks]]
    task = "aerial2map@1"
    resolution = "64x64"             # optional: the task's first
    budget = "10000 pictures"        # optional: instead of the suite's
    metrics = ["lpips", "ssim"]      # optional: the task's

    [[methods]]
    method = "pix2pix"
    preset = "small"
    batch_size = 4                   # optional: the preset's
    set = { l1_weight = "50" }       # optional: config fields
    tasks = ["aerial2map@1"]         # optional: all of the suite's

    [[pretraining]]                  # optional: networks that methods start from, trained first
    name = "gan-of-digits"           # what a method's config calls them, say by gan
    method = "biggan"
    task = "digits@1"
    preset = "digits"
    budget = "40000 pictures"        # also: resolution, batch_size, set
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from i2ibench import registry, run
from i2ibench.errors import BenchError, nearest
from i2ibench.progress import Progress, Silent
from i2ibench.record import Budget, Result
from i2ibench.run import Run
from i2ibench.store import RunFolder, write_record

if TYPE_CHECKING:
    import torch

_BUILT_IN = Path(__file__).parent / "suites"


class SuiteTask(BaseModel):
    """A task of a suite."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    resolution: str | None = None
    budget: str | None = None
    metrics: tuple[str, ...] | None = None


class SuiteMethod(BaseModel):
    """A method of a suite."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str
    preset: str = "paper"
    batch_size: int | None = Field(None, ge=1)
    set: dict[str, str] = Field(default_factory=dict)
    tasks: tuple[str, ...] | None = None

    def takes(self, task: SuiteTask) -> bool:
        """Whether it is to run on that task of the suite."""
        return self.tasks is None or task.task in self.tasks


class SuitePretraining(BaseModel):
    """Networks of a suite that its methods start from, trained as a run with the first seed and kept under a name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    method: str
    task: str
    budget: str
    resolution: str | None = None
    preset: str = "paper"
    batch_size: int | None = Field(None, ge=1)
    set: dict[str, str] = Field(default_factory=dict)


class Suite(BaseModel):
    """Tasks, methods, seeds and budget."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    budget: str
    seeds: tuple[int, ...] = (0,)
    precision: Literal["fp32", "bf16"] = "fp32"
    tasks: tuple[SuiteTask, ...] = Field(min_length=1)
    methods: tuple[SuiteMethod, ...] = Field(min_length=1)
    pretraining: tuple[SuitePretraining, ...] = ()

    @model_validator(mode="after")
    def _check_tasks(self) -> Suite:
        known = [task.task for task in self.tasks]
        for method in self.methods:
            for name in method.tasks or ():
                if name not in known:
                    raise ValueError(
                        f"{method.method}'s tasks must be of the suite's, written alike ({', '.join(known)}), "
                        f"found {name!r}"
                    )
        for task in self.tasks:
            if not any(method.takes(task) for method in self.methods):
                raise ValueError(f"task {task.task!r} must have a method that runs on it, found none")
        return self


def suites() -> list[str]:
    """Names of the suites that come with i2ibench."""
    return sorted(path.stem for path in _BUILT_IN.glob("*.toml"))


def read_suite(name: str | Path) -> Suite:
    """The suite `name`, or the one in a TOML file. Raises `BenchError` naming file and key."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    path = Path(name)
    if path.suffix != ".toml":
        path = _BUILT_IN / f"{name}.toml"
        if not path.exists():
            raise BenchError(f"there is no suite {str(name)!r}: {nearest(str(name), suites())} Or name a .toml file")
    try:
        values: dict[str, Any] = tomllib.loads(path.read_text())
        return Suite(**{"name": path.stem, **values})
    except FileNotFoundError as error:
        raise BenchError(
            f"there is no suite file {str(path)!r} (those that come with i2ibench: {', '.join(suites())})"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise BenchError(f"suite file {str(path)!r} is not TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        where, what = f", key {key!r}" if key else "", first["msg"].removeprefix("Value error, ")
        raise BenchError(f"suite file {str(path)!r}{where}: {what} (see i2ibench run --help)") from error


@dataclass
class SuiteRun:
    """A suite being performed under one output folder."""

    suite: Suite
    out: Path
    device: torch.device
    progress: Progress
    seeds: tuple[int, ...] | None = None
    limit: int | None = None

    def runs(self) -> list[Run]:
        """Every run of the suite, all checked. Raises `BenchError` before any work."""
        return list(self._planned())

    def perform(self, rescore: bool = False) -> list[Result]:
        """Perform every run and the rows of real pictures, and return a result for each."""
        read = [name for method in self.suite.methods for name in _read_in_training(method)]
        _fetch([name for name in read if name not in self._pretrained], self.progress)
        planned, first = self.runs(), list(self._pretrainings())
        for name, one in first:
            self.progress.say(f"networks {name}: {one.spec.method} on {one.spec.task}")
            one.keep_networks(name)
        fetch_weights([name for task in self.suite.tasks for name in _metrics(task)], self.progress)
        for index, one in enumerate(planned, 1):
            self.progress.say(f"[{index}/{len(planned)}] {one.spec.method} on {one.spec.task}, seed {one.spec.seed}")
            one.perform(rescore=rescore)
        self._draw_samples(planned)
        results = [one.folder.result() for one in planned]
        return results + [row for task in self.suite.tasks for row in self._calibration(task, rescore)]

    def _planned(self) -> Iterator[Run]:
        for task in self.suite.tasks:
            for method in filter(lambda method: method.takes(task), self.suite.methods):
                for seed in self.seeds or self.suite.seeds:
                    spec = run.plan(
                        method.method,
                        task.task,
                        preset=method.preset,
                        overrides=method.set,
                        resolution=task.resolution,
                        seed=seed,
                        budget=Budget.parse(task.budget or self.suite.budget),
                        batch_size=method.batch_size,
                        precision=self.suite.precision,
                        limit=self.limit,
                        pending=self._pretrained,
                    )
                    yield Run(spec, self.out, self.device, self.progress, _metrics(task))

    @property
    def _pretrained(self) -> list[str]:
        return [entry.name for entry in self.suite.pretraining]

    def _pretrainings(self) -> Iterator[tuple[str, Run]]:
        """What is trained first, with its networks' name, all checked."""
        for entry in self.suite.pretraining:
            run.check_pretrains(entry.method)
            spec = run.plan(
                entry.method,
                entry.task,
                preset=entry.preset,
                overrides=entry.set,
                resolution=entry.resolution,
                seed=(self.seeds or self.suite.seeds)[0],
                budget=Budget.parse(entry.budget),
                batch_size=entry.batch_size,
                precision=self.suite.precision,
                limit=self.limit,
            )
            yield entry.name, Run(spec, self.out / "pretraining", self.device, self.progress)

    def _draw_samples(self, planned: Sequence[Run]) -> None:
        """One grid a task with all methods side by side, of the first seed."""
        from i2ibench import samples

        for entry in self.suite.tasks:
            size = registry.task(entry.task).resolution(entry.resolution)
            id = registry.task(entry.task).id
            alike = [one for one in planned if one.spec.task == id and one.spec.resolution == size]
            first = [one for one in alike if one.spec.seed == alike[0].spec.seed]
            names = [one.spec.method for one in first]
            titles = [n if names.count(n) == 1 else f"{n} ({one.variant})" for n, one in zip(names, first, strict=True)]
            outputs = {title: one.folder.translations for title, one in zip(titles, first, strict=True)}
            samples.draw(self.out / f"{id}-{size}--samples.png", first[0].split("test"), outputs, self.limit)

    def _calibration(self, entry: SuiteTask, rescore: bool) -> list[Result]:
        """What the task's real pictures score: the ceiling, and what a memoriser of the training pictures reaches."""
        return [
            self._real(entry, "real", "val", rescore),
            self._real(entry, "real train", "train", rescore),
        ]

    def _real(self, entry: SuiteTask, name: str, split: str, rescore: bool) -> Result:
        """The row `name`: real pictures of `split` as outputs. Made once and kept beside the runs."""
        from i2ibench.data import rows
        from i2ibench.metrics.ceiling import ceiling

        task = registry.task(entry.task)
        size = task.resolution(entry.resolution)
        quick = "" if self.limit is None else f"-first{self.limit}"
        folder = RunFolder(self.out / f"{task.id}-{size}--{name.replace(' ', '-')}{quick}")
        if folder.scores.exists() and not rescore:
            return folder.result()
        test, other = (rows.load(task, size, part, progress=self.progress) for part in ("test", split))
        scores = ceiling(
            test,
            other,
            _metrics(entry),
            sets_only=split == "train",
            device=self.device,
            limit=self.limit,
            progress=self.progress,
        )
        result = Result(method=name, task=task.id, resolution=size, quick=self.limit is not None, scores=scores)
        write_record(folder.scores, result)
        return result


def fetch_weights(metrics: list[str], progress: Progress | None = None) -> None:
    """Get the weights that these metrics need and that are not at hand; where that fails, say so and go on."""
    _fetch([need for metric in metrics for need in registry.metric(metric).weights], progress or Silent())


def _fetch(names: Sequence[str], progress: Progress) -> None:
    from i2ibench import weights

    for name in dict.fromkeys(names):
        if weights.path(name) is None:
            try:
                weights.get(name, progress=progress)
            except BenchError as error:
                progress.say(f"going on without {name}: {error}")


def _read_in_training(entry: SuiteMethod) -> tuple[str, ...]:
    adapter = registry.adapter(entry.method)
    return adapter.weights(adapter.configure(entry.preset, entry.set))


def _metrics(entry: SuiteTask) -> tuple[str, ...]:
    return entry.metrics or tuple(registry.task(entry.task).metrics)
