"""Memory and time of the flows, by how their gradients get at activations: python benchmarks/flows.py [SIZE...].

`plain` keeps every activation, `checkpointed` computes a step's again from its input, `reversible` from its output.
The sizes are those at which the published implementations were measured; their figures, taken elsewhere in the same
session, are printed alongside (`--beside`). The second table has the memory over the depth.

Seconds are medians, CPU seconds on the CPU; the ways take turns, so that their ratios hold when the machine's speed
drifts. A step is one of the training loop, the optimiser's included. Bytes are exact (`live_memory`): `saved` is what
the graph holds after the forward pass, `live` the most that forward and backward pass hold at once of what they do not
leave behind.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, get_args

import torch
import typer
from live_memory import live_memory, saved_bytes
from torch import Tensor
from torch.optim import Optimizer

from i2ibench import registry
from i2ibench.adapter import Shape
from i2ibench.console import show_list
from i2ibench.models.layers.chain import Backward
from i2ibench.models.method import Batch, Method, Update, seeded
from i2ibench.task import Resolution
from i2ibench.training.loop import perform
from i2ibench.training.precision import device

MIB, WARM_UPS = 2**20, 2
DEPTHS = (2, 4, 8, 16)


@dataclass(frozen=True)
class Size:
    """A method at a size small enough to be measured on one CPU thread."""

    method: str
    resolution: str
    overrides: Mapping[str, str]
    """Of the method's config, as `--set` takes them; `{k}` is the depth."""
    depth: int | None = None
    """Steps a level; None where the method has no such steps."""
    batch: int = 1

    def config(self, way: Backward | None = None, depth: int | None = None) -> Any:
        """The method's config, at another depth or with another way of the backward pass if asked for."""
        overrides = {name: text.format(k=depth or self.depth) for name, text in self.overrides.items()}
        if way is not None:
            overrides["backward"] = way
        return registry.adapter(self.method).configure(overrides=overrides)

    def build(self, config: Any) -> Method:
        """The method itself."""
        return registry.adapter(self.method).build(config, Shape(resolution=Resolution.parse(self.resolution)))

    def ways(self) -> tuple[Backward | None, ...]:
        """Those that the method has for its backward pass; None where it has no choice."""
        choices: tuple[Backward, ...] = get_args(Backward)
        return choices if hasattr(self.config(), "backward") else (None,)


_FULL_GLOW, _DUAL_GLOW = ({"n_flow": f"[{', '.join(['{k}'] * levels)}]"} for levels in (2, 3))
_C_GLOW = {"flow_depth": "{k}", "num_levels": "3", "init": "orthogonal"}  # the published init cannot run backwards
_GLOW = {"n_flow": "{k}", "n_block": "3"}
_HIERARCHY = {"content_weight": "0", "style_weight": "0", "l1_weight": "1"}

SIZES: Mapping[str, Size] = {
    "glow-affine": Size("glow", "64x64", {**_GLOW, "affine": "true"}, 8, batch=2),
    "glow-additive": Size("glow", "64x64", {**_GLOW, "affine": "false"}, 8, batch=2),
    "full_glow-64": Size("full_glow", "64x64", _FULL_GLOW, 4),
    "full_glow-128": Size("full_glow", "128x128", {"n_flow": "[{k}, {k}, {k}, {k}]"}, 4),
    "dual_glow-64": Size("dual_glow", "64x64", {**_DUAL_GLOW, "width": "128"}, 4),
    "c_glow-v1": Size(
        "c_glow",
        "64x64",
        {**_C_GLOW, "x_hidden_size": "26", "x_hidden_channels": "52", "y_hidden_channels": "104"},
        8,
    ),
    "c_glow-v2": Size(
        "c_glow",
        "64x64",
        {**_C_GLOW, "x_hidden_size": "10", "x_hidden_channels": "20", "y_hidden_channels": "512"},
        4,
    ),
    "c_glow-authors": Size(
        "c_glow",
        "64x64",
        {**_C_GLOW, "x_hidden_size": "64", "x_hidden_channels": "128", "y_hidden_channels": "256"},
        8,
    ),
    "hierarchy_flow-128": Size("hierarchy_flow", "128x128", _HIERARCHY),
    "hierarchy_flow-256": Size("hierarchy_flow", "256x512", _HIERARCHY),
}


@dataclass(frozen=True)
class Figures:
    """What one way of one size costs; the files of `--out` and `--beside` are lists of these."""

    size: str
    """A key of `SIZES`."""
    way: str
    """One of `Backward`, or whose figures they are."""
    parameters: int
    forward_seconds: float
    step_seconds: float
    saved_bytes: int
    live_bytes: int


class Trial:
    """A method built at a size, with a batch to train on."""

    def __init__(self, size: Size, way: Backward | None, depth: int | None = None) -> None:
        with seeded("benchmark"):
            self.method = size.build(size.config(way, depth)).to(device())
            pictures = torch.randint(0, 256, (2, size.batch, 3, *Resolution.parse(size.resolution))) / 127.5 - 1
        self.batch = Batch(tuple(map(str, range(size.batch))), pictures[0], pictures[1]).to(device())
        self.method.initialize(self.batch)
        self.optimizers: dict[str, Optimizer] = self.method.optimizers()

    @property
    def parameters(self) -> int:
        """Their number."""
        return sum(parameter.numel() for parameter in self.method.parameters())

    def forward(self) -> Tensor:
        """The loss, with its graph; a flow yields once."""
        return self._update().loss

    def backward(self) -> None:
        """The loss and its gradients."""
        self.method.zero_grad()
        torch.autograd.backward(self.forward())

    def step(self) -> None:
        """A training step, as the loop takes it."""
        perform([self._update()], self.optimizers)

    def _update(self) -> Update:
        update = next(iter(self.method.updates(self.batch, 0)))
        assert isinstance(update, Update)
        return update


def measure(name: str, rounds: int) -> list[Figures]:
    """All ways of a size, which take turns."""
    trials = {way or "plain": Trial(SIZES[name], way) for way in SIZES[name].ways()}
    forwards: dict[str, list[float]] = {way: [] for way in trials}
    steps: dict[str, list[float]] = {way: [] for way in trials}
    for _ in range(WARM_UPS + rounds):
        for way, trial in trials.items():
            forwards[way].append(_seconds(trial.forward))
            steps[way].append(_seconds(trial.step))
    return [
        Figures(
            size=name,
            way=way,
            parameters=trial.parameters,
            forward_seconds=statistics.median(forwards[way][WARM_UPS:]),
            step_seconds=statistics.median(steps[way][WARM_UPS:]),
            saved_bytes=saved_bytes(trial.forward, trial.method.parameters()),
            live_bytes=live_memory(trial.backward).temporary,
        )
        for way, trial in trials.items()
    ]


def told(figures: Iterable[Figures]) -> list[dict[str, str]]:
    """The first table. Ratios are to the step of the first figures of a size: our plain one."""
    rows, first = [], dict[str, Figures]()
    for one in figures:
        base = first.setdefault(one.size, one)
        rows.append(
            {
                "size": one.size if one is base else "",
                "backward": one.way,
                "parameters": f"{one.parameters:,}",
                "forward s": f"{one.forward_seconds:.3f}",
                "step s": f"{one.step_seconds:.3f}",
                "x plain": f"{one.step_seconds / base.step_seconds:.2f}",
                "saved MiB": f"{one.saved_bytes / MIB:.1f}",
                "live MiB": f"{one.live_bytes / MIB:.1f}",
            }
        )
    return rows


def live_over_depth(size: Size, way: Backward | None) -> list[int]:
    """Live bytes at each of `DEPTHS`."""
    return [live_memory(Trial(size, way, depth).backward).temporary for depth in DEPTHS]


def slopes(name: str) -> list[dict[str, str]]:
    """The second table's rows of a size."""
    rows = list[dict[str, str]]()
    for way in SIZES[name].ways():
        live = live_over_depth(SIZES[name], way)
        rows.append(
            {
                "size": "" if rows else name,
                "backward": way or "plain",
                **{f"K={depth} MiB": f"{held / MIB:.2f}" for depth, held in zip(DEPTHS, live, strict=True)},
                "MiB a step": f"{(live[-1] - live[0]) / (DEPTHS[-1] - DEPTHS[0]) / MIB:.3f}",
                "growth": f"{live[-1] / live[0] - 1:+.0%}",
            }
        )
    return rows


def beside(file: Path, names: Sequence[str]) -> list[Figures]:
    """Figures of these sizes that were measured elsewhere."""
    try:
        kept = [Figures(**values) for values in json.loads(file.read_text())]
    except (TypeError, ValueError) as error:
        raise typer.BadParameter(f"{file} is no list of figures as --out writes them: {error}") from error
    return [one for one in kept if one.size in names]


def main(
    sizes: Annotated[list[str] | None, typer.Argument(help=f"Of {', '.join(SIZES)}; all by default.")] = None,
    rounds: Annotated[int, typer.Option(help="Timed rounds, after two that warm up.", min=1)] = 5,
    threads: Annotated[int, typer.Option(help="Of the CPU.", min=1)] = 1,
    depth: Annotated[bool, typer.Option(help="The table of memory over depth.")] = True,
    compare: Annotated[
        Path | None, typer.Option("--beside", help="A file that --out has written, or of the same form.", exists=True)
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the figures as JSON.")] = None,
) -> None:
    """Measure and print both tables."""
    names = sizes or list(SIZES)
    for name in names:
        if name not in SIZES:
            raise typer.BadParameter(f"there is no size {name!r}: choose of {', '.join(SIZES)}")
    torch.set_num_threads(threads)
    others = [] if compare is None else beside(compare, names)
    ours = {name: measure(name, rounds) for name in names}
    show_list(told(one for name in names for one in [*ours[name], *(o for o in others if o.size == name)]), False)
    if depth:
        show_list([row for name in names if SIZES[name].depth for row in slopes(name)], False)
    if out is not None:
        out.write_text(json.dumps([asdict(one) for name in names for one in ours[name]], indent=2) + "\n")


def _seconds(call: Callable[[], object]) -> float:
    clock = time.perf_counter if device().type == "cuda" else time.process_time
    started = clock()
    result = call()
    if device().type == "cuda":
        torch.cuda.synchronize()
    elapsed = clock() - started
    del result  # freeing a graph is no part of the forward pass
    return elapsed


if __name__ == "__main__":
    typer.run(main)
