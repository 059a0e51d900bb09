"""The log of losses: kept on the device, fetched seldom and together, guarded against NaN and Inf."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from i2ibench.store import writing, written


class Diverged(Exception):
    """A loss is not finite: its name, its value and the step."""

    def __init__(self, name: str, value: float, step: int) -> None:
        super().__init__(f"loss {name!r} was {value} at step {step}")
        self.name, self.value, self.step = name, value, step


class LossLog:
    """Losses of every step, written as JSON lines: means over the steps since the line before."""

    def __init__(self, path: Path, steps_done: int) -> None:
        """Continue the log at `path` after `steps_done` steps; later lines, of a run cut short, are dropped."""
        self.path = path
        self._pending: list[tuple[int, dict[str, Tensor]]] = []
        kept = [line for line in read(path) if line["step"] <= steps_done] if path.exists() else []
        with written(path) as aside:
            aside.write_text("".join(json.dumps(line) + "\n" for line in kept))

    def add(self, step: int, losses: Mapping[str, Tensor]) -> None:
        """Note the losses of step number `step` (1-based: steps done when it ends); nothing is fetched yet."""
        self._pending.append((step, dict(losses)))

    def flush(self) -> dict[str, float]:
        """Fetch what is pending in one transfer, check it and write a line. Raises `Diverged`; returns the means."""
        if not self._pending:
            return {}
        logged = [(step, name, loss) for step, losses in self._pending for name, loss in losses.items()]
        fetched = torch.stack([loss.float() for _, _, loss in logged]).tolist()
        values: dict[str, list[float]] = {}  # not every step updates every network
        for (step, name, _), value in zip(logged, fetched, strict=True):
            if not math.isfinite(value):
                raise Diverged(name, value, step)
            values.setdefault(name, []).append(value)
        means = {name: math.fsum(found) / len(found) for name, found in values.items()}
        with writing(self.path), self.path.open("a") as file:
            file.write(json.dumps({"step": self._pending[-1][0], **means}) + "\n")
        self._pending.clear()
        return means


def read(path: Path) -> list[dict[str, float]]:
    """The lines of a log; a last line cut short by a kill is left out."""
    lines = []
    for text in path.read_text().splitlines():
        try:
            lines.append(json.loads(text))
        except json.JSONDecodeError:
            break
    return lines


def draw(path: Path, picture: Path) -> None:
    """Loss curves of the log at `path`, as a PNG."""
    from matplotlib.figure import Figure

    lines = read(path)
    if not lines:
        return
    names = list(dict.fromkeys(name for line in lines for name in line if name != "step"))
    rows, columns = -(-len(names) // 3), min(len(names), 3)
    figure = Figure(figsize=(4.5 * columns, 2.8 * rows), layout="constrained")
    for place, name in enumerate(names, 1):
        axes = figure.add_subplot(rows, columns, place)
        points = [(line["step"], line[name]) for line in lines if name in line]
        axes.plot(*zip(*points, strict=True), linewidth=1)
        axes.set(title=name, xlabel="step")
        axes.grid(alpha=0.3)
    with written(picture) as aside:
        figure.savefig(aside, format="png", dpi=100)
