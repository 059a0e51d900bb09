"""How exactly the flows are inverted: python benchmarks/inverses.py [RUN_FOLDER...].

The largest absolute error over 100 random pictures of encoding and decoding them, in the flow's own range of values, in
float32 and float64: at first, after every parameter is moved by N(0, 0.02^2), at the sizes at which the published
implementations were measured; and of trained runs, on pictures of their own test splits.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import torch
import typer
from torch import Tensor

from i2ibench import registry
from i2ibench.adapter import Shape
from i2ibench.console import show_list
from i2ibench.data.batches import in_order
from i2ibench.models.c_glow import CGlow
from i2ibench.models.dual_glow import DualGlow
from i2ibench.models.full_glow import FullGlow
from i2ibench.models.glow import Glow
from i2ibench.models.hierarchy_flow import HierarchyFlow
from i2ibench.models.layers.ranges import unit
from i2ibench.models.method import Batch, Method, seeded
from i2ibench.run import find
from i2ibench.task import Resolution

PICTURES, BATCH = 100, 10

SIZES = {
    "glow": ("32x32", {"n_flow": "8", "n_block": "3", "affine": "true"}),
    "full_glow": ("64x64", {"n_flow": "[4,4]"}),
    "dual_glow": ("64x64", {"n_flow": "[3,3]", "width": "64"}),
    "c_glow": (
        "32x32",
        {"x_hidden_size": "8", "x_hidden_channels": "16", "y_hidden_channels": "32", "flow_depth": "2"}
        | {"num_levels": "2"},
    ),
    "hierarchy_flow": ("64x64", {"perceptual": "untrained"}),
}
"""Resolution and settings of each flow; those of c_glow that keep it invertible before it is trained."""


def main(runs: Annotated[list[Path] | None, typer.Argument(help="Folders of trained runs.")] = None) -> None:
    """Print the errors at first, perturbed, and of trained RUNS."""
    rows = [row(method, "first", Perturbed(method, 0.0)) for method in SIZES]
    rows += [row(method, "moved by 0.02", Perturbed(method, 0.02)) for method in SIZES]
    rows += [
        row(find(path, torch.device("cpu")).spec.method, f"trained, {path.name}", Trained(path)) for path in runs or ()
    ]
    show_list(rows, as_json=False)


class Perturbed:
    """A flow that is not trained, and random pictures."""

    def __init__(self, method: str, std: float) -> None:
        adapter = registry.adapter(method)
        resolution, settings = SIZES[method]
        size = Resolution.parse(resolution)
        with seeded("inverses"):
            self.method = adapter.build(adapter.configure(overrides=settings), Shape(resolution=size))
            self.pictures = torch.randint(0, 256, (2, PICTURES, 3, *size)) / 127.5 - 1
            self.method.initialize(next(iter(self.batches())))
            for parameter in self.method.parameters():
                parameter.data += std * torch.randn_like(parameter)

    def batches(self) -> Iterator[Batch]:
        """Pairs of pictures of which every value is as likely as any other."""
        for start in range(0, PICTURES, BATCH):
            rows = slice(start, start + BATCH)
            yield Batch(tuple(map(str, range(BATCH))), self.pictures[0, rows], self.pictures[1, rows])


class Trained:
    """A run's flow, and its test split."""

    def __init__(self, path: Path) -> None:
        self.run = find(path, torch.device("cpu"))
        self.method = self.run.method()

    def batches(self) -> Iterator[Batch]:
        """The first test pictures."""
        return in_order(self.run.split("test"), BATCH, PICTURES)


def row(method: str, state: str, trial: Perturbed | Trained) -> dict[str, str]:
    """Both precisions' errors."""
    found = {}
    for dtype in (torch.float32, torch.float64):
        flow = copy.deepcopy(trial.method).to(dtype)
        errors = [error(flow, batch, dtype) for batch in trial.batches()]
        found[str(dtype).removeprefix("torch.")] = f"{max(errors):.1e}"
    return {"method": method, "weights": state, **found}


@torch.no_grad()
def error(method: Method, batch: Batch, dtype: torch.dtype) -> float:
    """The largest difference of a batch's values and what comes back."""
    given, back = there_and_back(
        method, batch.source.to(dtype), (batch.target if batch.target is not None else batch.source).to(dtype)
    )
    return (given - back).abs().max().item()


def there_and_back(method: Method, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """The values that a flow encodes, and what it decodes of that."""
    if isinstance(method, Glow):
        values = method.pixels.noisy(target, 0.5)
        return values, method.flow.decode(method.flow.encode(values))
    if isinstance(method, CGlow):
        given, values = unit(source), unit(target)
        return values, method.flow.invert(given, method.flow(given, values)[0])
    if isinstance(method, DualGlow):
        values = method.pixels.noisy(target, 0.0)
        return values, method.flow.target.decode(method.flow.target.encode(values).latents())
    if isinstance(method, FullGlow):
        edges = [()] * len(method.config.n_flow)
        given, values = (method.pixels.noisy(side, 0.0) for side in (source, target))
        return values, method.flow.decode(given, method.flow.encode(given, values, edges), edges)
    if not isinstance(method, HierarchyFlow):
        raise SystemExit(f"{type(method).__name__} is no flow: give folders of runs of {', '.join(SIZES)}")
    return unit(source), method.flow.reconstruct(unit(source))


if __name__ == "__main__":
    typer.run(main)
