"""A run: one method on one task with one seed and one budget, through its stages prepare, train, translate and score.

Every stage continues or skips what is already there, so the same command after a kill goes on where it was.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from i2ibench import registry
from i2ibench.adapter import Adapter, MethodCard, Shape, config_from, config_values
from i2ibench.distributed import Ranks
from i2ibench.errors import BenchError
from i2ibench.progress import Progress, Silent
from i2ibench.record import Budget, Cost, Result, RunSpec, Stages, Status
from i2ibench.store import RunFolder, written
from i2ibench.task import Need, Task

if TYPE_CHECKING:
    import torch

    from i2ibench.data.rows import Split
    from i2ibench.models.method import Method
    from i2ibench.translation import Translation

Stage = Literal["prepare", "train", "translate", "score"]
STAGES: tuple[Stage, ...] = ("prepare", "train", "translate", "score")


def plan(
    method: str,
    task: str,
    *,
    preset: str = "paper",
    overrides: Mapping[str, str] | None = None,
    resolution: str | None = None,
    seed: int = 0,
    budget: Budget,
    batch_size: int | None = None,
    precision: Literal["fp32", "bf16"] = "fp32",
    limit: int | None = None,
    pending: Collection[str] = (),
) -> RunSpec:
    """The spec of a run, everything checked: names, preset, config, resolution, that the task has what is needed,
    that users' data are prepared, and that the pretrained networks that training reads are at hand, but for those
    `pending`, which will be.

    Raises `BenchError` before any work.
    """
    from i2ibench.data import rows

    adapter, card = registry.adapter(method), registry.task(task)
    config = adapter.configure(preset, overrides)
    adapter.refuse(card, config)
    if adapter.card_for(config).backward:
        raise BenchError(
            f"{adapter.card.name} as configured translates targets to sources, and {card.id} is scored the other way: "
            "leave that to i2ibench translate --pictures --set, both directions are trained anyway"
        )
    size = card.resolution(resolution)
    rows.require(card, size)
    _weights(adapter, config, pending, _presets_without_weights(adapter, card))
    pictures = batch_size or adapter.batch_size.get(preset, 1)
    adapter.check_batch_size(config, pictures)
    spec = RunSpec(
        method=adapter.card.name,
        preset=preset,
        config=config_values(config),
        task=card.id,
        resolution=size,
        seed=seed,
        budget=budget,
        batch_size=pictures,
        precision=precision,
        limit=limit,
    )
    _build(adapter, spec, card, "meta")  # a shape that the networks cannot take is refused here
    return spec


def check_pretrains(method: str) -> None:
    """Raise `BenchError` where no other method could start from networks of `method`."""
    if not registry.adapter(method).card.starts:
        others = [name for name in registry.methods() if registry.adapter(name).card.starts]
        raise BenchError(
            f"pretraining makes networks that other methods start from, and none starts from {method}'s: pretrain one "
            f"of {', '.join(others)}, or train {method} itself (i2ibench train)"
        )


@dataclass
class Run:
    """A run in its folder. `perform` is what most callers want."""

    spec: RunSpec
    root: Path
    device: torch.device
    progress: Progress = field(default_factory=Silent)
    metrics: Sequence[str] | None = None
    """Metrics to score by; None: the task's."""
    checkpoint_steps: int | None = None
    checkpoint_minutes: float = 1.0
    reference: str = "test"
    """The split whose real targets sets of outputs are compared with."""
    ranks: Ranks = field(default_factory=Ranks)
    """The processes that share the scoring."""

    @cached_property
    def folder(self) -> RunFolder:
        """The run's folder, made on first use."""
        return RunFolder.open(self.root, self.spec)

    @property
    def adapter(self) -> type[Adapter]:
        """The method's adapter."""
        return registry.adapter(self.spec.method)

    @property
    def task(self) -> Task:
        """The task's card."""
        return registry.task(self.spec.task)

    def perform(self, through: Stage = "score", rescore: bool = False) -> None:
        """Do what is not done yet of the stages up to `through`, holding the folder's lock.

        `rescore` scores again what was scored before, say because weights have come to hand. Raises `BenchError`.
        """
        with self.folder.locked():
            if rescore:
                self._mark("score", Status.PENDING)
            for stage in STAGES[: STAGES.index(through) + 1]:
                if getattr(self.folder.record().stages, stage) is not Status.DONE:
                    self._perform(stage)

    def keep_networks(self, name: str | None = None) -> tuple[str, Path]:
        """Train, and keep the networks and their averages in the cache for methods that start from them.

        They are called `name`, or by method, preset, task, resolution and, if not 0, seed. Returns that and their file.
        """
        from i2ibench import weights
        from i2ibench.training import checkpoint

        self.perform("train")
        spec = self.spec
        seed = f"-s{spec.seed}" if spec.seed else ""
        called = name or f"{spec.method}-{spec.preset}-{spec.task}-{spec.resolution}{seed}"
        parts = checkpoint.load(self.folder.checkpoint, spec).tensors
        tensors = {f"{part}/{key}": value for part in ("model", "averages") for key, value in parts[part].items()}
        return called, weights.keep(called, tensors)

    def split(self, name: str) -> Split:
        """A split of the task at the run's resolution."""
        from i2ibench.data import rows

        return rows.load(self.task, self.spec.resolution, name, progress=self.progress)

    def method(self, config: Mapping[str, Any] | None = None) -> Method:
        """The method with its trained weights, on the device, ready to translate; `config` in place of the spec's.

        While it is still to be trained further these are its last checkpoint's, which is said. Raises `BenchError`
        where there is none yet.
        """
        from i2ibench.training import checkpoint

        spec = self.spec if config is None else self.spec.model_copy(update={"config": dict(config)})
        method = _build(self.adapter, spec, self.task, "cpu")
        trained = self.folder.record().stages.train is Status.DONE
        if self.folder.checkpoint.exists():
            saved = checkpoint.load(self.folder.checkpoint, self.spec)
            checkpoint.restore_for_translation(saved, method)
            if not trained:
                self.progress.say(f"training has not come to its end: these are its weights of step {saved.step}")
        elif not trained:
            raise BenchError(
                f"run {str(self.folder.path)!r} has no trained weights yet: give the command that made it again, or "
                "i2ibench translate without --pictures, which trains it first"
            )
        return method.to(self.device).eval()

    @property
    def card(self) -> MethodCard:
        """The method's card, as it is for the run's config."""
        return self.adapter.card_for(self._config)

    @property
    def _config(self) -> Any:
        return config_from(self.adapter.config(), self.spec.config)

    def _perform(self, stage: Stage) -> None:
        self._mark(stage, Status.RUNNING)
        try:
            {"prepare": self._prepare, "train": self._train, "translate": self._translate, "score": self._score}[
                stage
            ]()
        except Exception as error:
            with contextlib.suppress(BenchError):  # a full disk must not hide what went wrong
                self._mark(stage, Status.FAILED, str(error))
            raise
        self._mark(stage, Status.DONE)

    def _mark(self, stage: Stage, status: Status, error: str | None = None) -> None:
        record = self.folder.record()
        stages = Stages(**{**record.stages.model_dump(), stage: status})
        self.folder.save(record.model_copy(update={"stages": stages, "error": error}))

    def _prepare(self) -> None:
        from i2ibench import provenance
        from i2ibench.training.precision import device_name

        data = {name: self.split(name).fingerprint for name in self.task.splits}
        read = _weights(self.adapter, self._config)
        made = provenance.collect(device_name(self.device), data, read)
        self.folder.save(self.folder.record().model_copy(update={"provenance": made}))

    def _train(self) -> None:
        from i2ibench.data.batches import Batches, in_order
        from i2ibench.training.loop import Loop
        from i2ibench.training.losses import draw

        split, recipe = self.split("train"), self.adapter.augmentation(self._config)
        paired = Need.PAIRS in {*self.adapter.card.needs, *self.adapter.needs(self._config)}
        loop = Loop(
            spec=self.spec,
            folder=self.folder,
            batches=Batches(split, self.spec.batch_size, self.spec.seed, recipe, self.spec.limit, paired=paired),
            plain=lambda: in_order(split, self.spec.batch_size, self.spec.limit),
            device=self.device,
            progress=self.progress,
            report=self._report,
            cost=self.folder.record().cost,
            checkpoint_steps=self.checkpoint_steps,
            checkpoint_minutes=self.checkpoint_minutes,
        )
        self.adapter.train(_build(self.adapter, self.spec, self.task, "cpu"), loop)
        if self.folder.losses.exists():
            draw(self.folder.losses, self.folder.loss_curves)

    def _report(self, cost: Cost) -> None:
        self.folder.save(self.folder.record().model_copy(update={"cost": cost}))

    def _translate(self) -> None:
        translation, method = self._translation(), self.method()
        translation.outputs(method)
        translation.class_by_class(method, self.folder.classes)

    def _translation(self) -> Translation:
        from i2ibench.data.exemplars import Exemplars
        from i2ibench.translation import Translation

        count = self.card.exemplars
        return Translation(
            adapter=self.adapter,
            card=self.card,
            split=self.split("test"),
            folder=self.folder,
            seed=self.spec.seed,
            limit=self.spec.limit,
            device=self.device,
            progress=self.progress,
            exemplars=Exemplars(self.split(self.task.shown), self.spec.seed, count) if count else None,
        )

    def _score(self) -> None:
        from i2ibench import samples
        from i2ibench.metrics.evaluate import evaluate
        from i2ibench.store import write_record
        from i2ibench.translation import saved_bits_per_dim

        split, metrics, translation = self.split("test"), self.metrics or list(self.task.metrics), self._translation()
        kinds = [registry.metric(name) for name in metrics]
        if translation.lacks_samples(kinds):
            translation.samples(self.method(), kinds)
        evaluation = evaluate(
            self.folder.translations,
            split,
            metrics,
            device=self.device,
            reference=None if self.reference == "test" else self.split(self.reference),
            samples=self.folder.variations if self.folder.variations.exists() else None,
            deterministic=not self.card.stochastic,
            foreign=False,
            bits_per_dim=saved_bits_per_dim(self.folder),
            limit=self.spec.limit,
            progress=self.progress,
            ranks=self.ranks,
        )
        outputs = {self.spec.method: self.folder.translations}
        samples.draw(self.folder.samples, split, outputs, self.spec.limit)
        if Need.VIDEO in self.task.gives:
            samples.animate(self.folder.clip, split, outputs, self.spec.limit)
        record = self.folder.record()
        result = Result(
            method=self.spec.method,
            preset=self.variant,
            task=self.spec.task,
            resolution=self.spec.resolution,
            seed=self.spec.seed,
            budget=str(self.spec.budget),
            quick=self.spec.limit is not None,
            scores=evaluation.scores,
            cost=record.cost,
            provenance=record.provenance,
        )
        with written(self.folder.per_picture) as aside:
            evaluation.per_picture.to_parquet(aside)
        write_record(self.folder.scores, result)

    @property
    def variant(self) -> str:
        """The preset, with the config fields that were set otherwise."""
        plain = config_values(self.adapter.configure(self.spec.preset))
        changed = {name: value for name, value in self.spec.config.items() if value != plain[name]}
        return ", ".join([self.spec.preset, *(f"{name}={value}" for name, value in changed.items())])


def find(path: Path, device: torch.device, progress: Progress | None = None) -> Run:
    """The run whose folder is `path`. Raises `BenchError` where it is none."""
    spec = RunFolder(path).record().spec
    if path.name != spec.folder:
        raise BenchError(f"{str(path)!r} is not the run folder it was made as, {spec.folder!r}: give it back its name")
    return Run(spec, path.parent, device, progress or Silent())


def _weights(
    adapter: type[Adapter], config: Any, pending: Collection[str] = (), presets: Sequence[str] = ()
) -> dict[str, str]:
    """sha256 by name of the pretrained networks that training reads, but for those `pending`. Raises `BenchError` where
    one is not at hand, which names the `presets` that read none."""
    from i2ibench import weights

    reader, read = f"training {adapter.card.name}", [name for name in adapter.weights(config) if name not in pending]
    instead = f"do without by --preset {' or '.join(presets)}" if presets else ""
    return {name: weights.sha256(weights.require(name, reader, instead)) for name in read}


def _presets_without_weights(adapter: type[Adapter], task: Task) -> list[str]:
    """The presets that read no pretrained networks and can train on `task`."""
    found = []
    for preset in adapter.presets:
        config = adapter.configure(preset)
        with contextlib.suppress(BenchError):
            adapter.refuse(task, config)
            found += [] if adapter.weights(config) else [preset]
    return found


def _build(adapter: type[Adapter], spec: RunSpec, task: Task, device: str) -> Method:
    """The untrained method; its initial weights are a function of the seed."""
    import torch

    from i2ibench.models.method import seeded

    config = config_from(adapter.config(), spec.config)
    with seeded(spec.seed, "initial weights"), torch.device(device):
        return adapter.build(config, Shape.of(task, spec.resolution))
