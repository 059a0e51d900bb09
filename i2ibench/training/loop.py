"""The loop: performs each update that a method yields, until the budget is spent."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim import Optimizer

from i2ibench import weights
from i2ibench.data.batches import Batches
from i2ibench.errors import BenchError
from i2ibench.models.method import Batch, Method, Update, key_to_seed
from i2ibench.progress import Progress
from i2ibench.record import Cost, RunSpec
from i2ibench.store import RunFolder
from i2ibench.training import checkpoint
from i2ibench.training.averages import Averages
from i2ibench.training.losses import Diverged, LossLog
from i2ibench.training.precision import autocast, lay_out, memory_format, peak_memory, reset_peak_memory


@dataclass(frozen=True)
class Loop:
    """The shared training loop of one run. `fit` starts, resumes or finds the training done."""

    spec: RunSpec
    folder: RunFolder
    batches: Batches
    plain: Callable[[], Iterator[Batch]]
    """The training split in its own order, not varied."""
    device: torch.device
    progress: Progress
    report: Callable[[Cost], None]
    """Told the cost so far at each checkpoint, to be kept in the run's record."""
    cost: Cost
    """What earlier attempts took."""
    checkpoint_minutes: float = 1.0
    checkpoint_steps: int | None = None
    log_steps: int = 20
    """Losses are fetched, checked and logged every so many steps; the clock is read as often."""

    def fit(self, method: Method) -> None:
        """Train `method` until the budget is spent, from the last checkpoint where there is one.

        Raises `BenchError` where the method cannot begin with such pictures, and when a loss is not finite, naming it,
        the step and the last good checkpoint.
        """
        method.to(self.device).train()
        lay_out(method, memory_format(self.device, self.spec.precision))
        self._initialize(method)
        optimizers = method.optimizers()
        if not optimizers:
            self.report(self.cost)
            return
        for optimizer in optimizers.values():
            for group in optimizer.param_groups:
                group.setdefault("initial_lr", group["lr"])
        averages = Averages(method)
        reset_peak_memory(self.device)
        step = self._resume(method, optimizers, averages)
        clock = _Clock(self.cost, step, self.spec, self.device)
        log = LossLog(self.folder.losses, step)
        with self.progress.track(f"train {self.spec.method}", clock.total, clock.unit, clock.spent) as advance:
            stream = self.batches.stream(step)
            try:
                for batch in stream:
                    if clock.over(step):
                        break
                    before = clock.spent
                    losses = self._step(method, optimizers, self._on_device(batch), step, clock.fraction(step))
                    averages.update()
                    step += 1
                    log.add(step, losses)
                    clock.step = step
                    advance(clock.spent - before)
                    due = self.checkpoint_steps is not None and step % self.checkpoint_steps == 0
                    if due or step % self.log_steps == 0:
                        log.flush()  # a step that was not checked is never saved
                        if due or clock.since_checkpoint >= 60 * self.checkpoint_minutes:
                            self._save(step, method, optimizers, averages, clock)
                log.flush()
            except Diverged as diverged:
                raise BenchError(self._told(diverged)) from diverged
            finally:
                stream.close()
        method.conclude(map(self._on_device, self.plain()))
        self._save(step, method, optimizers, averages, clock)

    def _initialize(self, method: Method) -> None:
        try:
            method.initialize(self._on_device(self.batches(0)))
        except ValueError as error:
            raise BenchError(f"task {self.spec.task!r} cannot be trained on: {error}") from error

    def load(self, name: str, into: Callable[[Mapping[str, Tensor]], None]) -> None:
        """Give `into` the tensors of the pretrained network `name`, of the very file that the run has recorded.

        Raises `BenchError` where that is not at hand, is another file or none that `into` can take, and `LookupError`
        where the adapter's own `weights` does not name it.
        """
        made = self.folder.record().provenance
        if made is None or name not in made.weights:
            raise LookupError(f"training {self.spec.method} reads weights {name!r}, which `Adapter.weights` must name")
        file = weights.require(name, f"training {self.spec.method}")
        found = weights.sha256(file)
        if found != made.weights[name]:
            raise BenchError(
                f"run {str(self.folder.path)!r} began with weights {name!r} of sha256 {made.weights[name]}, and those "
                f"at hand, {str(file)!r}, have {found}: put the former back, or remove that folder and train anew"
            )
        weights.load(name, file, into, f"training {self.spec.method}")

    def _step(
        self, method: Method, optimizers: dict[str, Optimizer], batch: Batch, step: int, fraction: float
    ) -> dict[str, Tensor]:
        """One step of the method: all its updates. Returns their losses and logs, still on the device."""
        torch.manual_seed(key_to_seed(self.spec.seed, "step", step))
        method.fraction = fraction
        for name, optimizer in optimizers.items():
            factor = method.learning_rate(name, step, fraction)
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * factor
        losses: dict[str, Tensor] = {}
        for yielded in self._resumed(method.updates(batch, step)):
            together = yielded if isinstance(yielded, tuple) else (yielded,)
            perform(together, optimizers)
            for update in together:
                losses[update.optimizer] = update.loss.detach()
                losses.update({name: value.detach() for name, value in update.logs.items()})
        return losses

    def _resumed(self, updates: Iterator[Update | tuple[Update, ...]]) -> Iterator[Update | tuple[Update, ...]]:
        """The method's updates, the method running under autocast and the caller not."""
        while True:
            with autocast(self.device, self.spec.precision):
                try:
                    update = next(updates)
                except StopIteration:
                    return
            yield update

    def _on_device(self, batch: Batch) -> Batch:
        return batch.to(self.device, memory_format(self.device, self.spec.precision))

    def _resume(self, method: Method, optimizers: dict[str, Optimizer], averages: Averages) -> int:
        if not self.folder.checkpoint.exists():
            return 0
        found = checkpoint.load(self.folder.checkpoint, self.spec)
        checkpoint.restore(found, method, optimizers, averages)
        return found.step

    def _save(
        self, step: int, method: Method, optimizers: dict[str, Optimizer], averages: Averages, clock: _Clock
    ) -> None:
        checkpoint.save(self.folder.checkpoint, step, self.spec, method, optimizers, averages)
        parameters = sum(p.numel() for p in method.parameters())
        self.report(clock.cost(step, parameters))

    def _told(self, diverged: Diverged) -> str:
        path = self.folder.checkpoint
        good = f"the last good checkpoint, {str(path)!r}, is kept" if path.exists() else "there is no checkpoint yet"
        return (
            f"{self.spec.method} diverged: {diverged}; {good}. Try a lower learning rate or gradient clipping "
            f"(i2ibench show {self.spec.method}, then --set), or --precision fp32 where it was bf16"
        )


def perform(updates: Iterable[Update], optimizers: dict[str, Optimizer]) -> None:
    """Take all the updates' gradients, each with respect to its own optimiser's parameters, then step each."""
    together = tuple(updates)
    for update in together:
        optimizers[update.optimizer].zero_grad(set_to_none=True)
    for index, update in enumerate(together):
        parameters = _parameters(optimizers[update.optimizer])
        torch.autograd.backward(update.loss, inputs=parameters, retain_graph=index + 1 < len(together))
    for update in together:
        parameters = _parameters(optimizers[update.optimizer])
        if update.clip_value is not None:
            torch.nn.utils.clip_grad_value_(parameters, update.clip_value)
        if update.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(parameters, update.clip_norm)
        optimizers[update.optimizer].step()


def _parameters(optimizer: Optimizer) -> list[Tensor]:
    return [p for group in optimizer.param_groups for p in group["params"] if p.requires_grad]


class _Clock:
    """How much of the budget is spent, in its own unit, over all attempts."""

    def __init__(self, earlier: Cost, step: int, spec: RunSpec, device: torch.device) -> None:
        self._earlier, self._spec, self._device = earlier, spec, device
        self._started = self._checkpoint = time.perf_counter()
        self.step = step
        self.steps = spec.budget.total_steps(spec.batch_size)

    @property
    def total(self) -> float:
        minutes = self._spec.budget.minutes
        return self.steps if self.steps is not None else 60 * (minutes or 0)

    @property
    def unit(self) -> str:
        return "steps" if self.steps is not None else "s"

    @property
    def seconds(self) -> float:
        return self._earlier.seconds + time.perf_counter() - self._started

    @property
    def spent(self) -> float:
        return self.step if self.steps is not None else min(self.seconds, self.total)

    @property
    def since_checkpoint(self) -> float:
        return time.perf_counter() - self._checkpoint

    def over(self, step: int) -> bool:
        return step >= self.steps if self.steps is not None else self.seconds >= self.total

    def fraction(self, step: int) -> float:
        done = step if self.steps is not None else self.seconds
        return min(done / self.total, 1.0) if self.total else 1.0

    def cost(self, step: int, parameters: int) -> Cost:
        """The cost so far; called at a checkpoint."""
        self._checkpoint = time.perf_counter()
        return Cost(
            seconds=self.seconds,
            steps=step,
            pictures=step * self._spec.batch_size,
            peak_memory=max(self._earlier.peak_memory, peak_memory(self._device)),
            parameters=parameters,
        )
