"""One update of each method at its paper's size: python benchmarks/paper_step.py [METHOD[:PRESET]...].

Each method is built by its preset `paper` for its paper's resolution, in a process of its own, and takes one whole step
of the training loop on one random example (BicycleGAN, DRIT and SimGAN on two, vid2vid on a short sequence): every
forward and backward pass, every optimiser. Printed are the parameters, seconds of building and of the step, by the
clock and of the processor, its floating point operations, two a multiply-add, and the process's peak memory. Networks
that losses read get random weights; they cost as much. `--size HEIGHTxWIDTH` takes another size than the paper's,
`--classes` another number of classes than Cityscapes' 19, `--pictures` more examples, `--set KEY=VALUE` a setting.
Methods whose steps differ are asked for others than the first: `--step 2` is DRIT's first full one, and with
`--set pretrain_refiner=0 --set pretrain_discriminator=0 --steps 3` SimGAN goes once round.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated

import torch
import typer
from arithmetic import Flops
from torchvision.models import resnet18
from torchvision.models.optical_flow import raft_small

from i2ibench import registry
from i2ibench.adapter import Shape
from i2ibench.console import show_list
from i2ibench.models.layers.perceptual import untrained_weights
from i2ibench.models.method import Batch, Method, Update
from i2ibench.task import LabelTable, Resolution
from i2ibench.training.loop import perform

SEQUENCE = 9
"""Frames of a sequence, the least that the published vid2vid trains on; it makes six of them at first."""


def main(
    methods: Annotated[list[str] | None, typer.Argument()] = None,
    size: Annotated[str, typer.Option(help="HEIGHTxWIDTH, where it is other than the paper's.")] = "",
    classes: Annotated[int, typer.Option(help="Of label maps.", min=1)] = 19,
    step: Annotated[int, typer.Option(help="The number of the step, from 0.", min=0)] = 0,
    steps: Annotated[int, typer.Option(help="How many steps, in all.", min=1)] = 1,
    pictures: Annotated[int, typer.Option(help="Examples a step, times what it needs at least.", min=1)] = 1,
    set_: Annotated[list[str] | None, typer.Option("--set", help="KEY=VALUE, for all of METHODS.")] = None,
) -> None:
    """Measure each of METHODS, by default all, and print a table."""
    rows = []
    for name in methods or [name for name in registry.methods() if name != "identity"]:
        numbers = map(str, (classes, step, steps, pictures))
        command = [sys.executable, __file__, "--one", name, size, *numbers, *(set_ or ())]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{name}: {done.stderr}")
        rows.append(json.loads(done.stdout))
    show_list(rows, as_json=False)


def measure(name: str, other: str, *numbers_and_settings: str) -> dict[str, str]:
    """The row of one method, in this process."""
    classes, first, steps, pictures = map(int, numbers_and_settings[:4])
    settings = numbers_and_settings[4:]
    method, _, preset = name.partition(":")
    adapter = registry.adapter(method)
    started = time.perf_counter()
    config = adapter.configure(preset or "paper", dict(one.split("=", 1) for one in settings))
    size = Resolution.parse(other) if other else adapter.card.resolution
    names = tuple(f"class {number}" for number in range(classes))
    labels = LabelTable(name="any", names=names, palette=tuple((number, 0, 0) for number in range(len(names))))
    built = adapter.build(config, Shape(resolution=size, labels=labels, classes=2))
    load_random(built)
    card = adapter.card_for(config)
    batch = example(size, classes, pictures * card.batch_multiple, SEQUENCE if card.history else 1)
    built.initialize(batch)
    optimizers = built.optimizers()
    building = time.perf_counter() - started
    clock, processor = time.perf_counter(), time.process_time()
    logged = {}
    with Flops() as operations:
        for step in range(first, first + steps):
            for together in updates(built, batch, step):
                perform(together, optimizers)
                logged.update({update.optimizer: round(update.loss.item(), 3) for update in together})
    seconds = time.perf_counter() - clock, time.process_time() - processor
    return {
        "method": name,
        "at": str(size),
        "parameters": f"{sum(p.numel() for p in built.parameters()):,}",
        "building s": f"{building:.1f}",
        "step s": f"{seconds[0]:.1f}",
        "processor s": f"{seconds[1]:.1f}",
        "GFLOP": f"{operations.total / 1e9:.1f}",
        "peak GiB": f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f}",
        "loss": ", ".join(f"{key} {value}" for key, value in logged.items()),
    }


def updates(method: Method, batch: Batch, step: int) -> Iterator[tuple[Update, ...]]:
    """Those of one step, as the loop takes them."""
    for yielded in method.updates(batch, step):
        yield yielded if isinstance(yielded, tuple) else (yielded,)


def load_random(method: Method) -> None:
    """Give a method's losses the networks that they read, with random weights."""
    published = {"raft_small": raft_small, "resnet18": resnet18}
    for name, take in method.pretrained().items():
        known = published.get(name)
        take(known().state_dict() if known else untrained_weights(name, "benchmark", levels=6))


def example(size: Resolution, classes: int, pictures: int, frames: int) -> Batch:
    """Random pairs with all that a task may give, labels of `classes`, and for each `frames` - 1 earlier ones."""
    stream = torch.Generator().manual_seed(0)
    names = tuple(map(str, range(pictures)))
    made = []
    for _ in range(frames):
        source, target = torch.randint(0, 256, (2, pictures, 3, *size), generator=stream) / 127.5 - 1
        coarse = torch.randint(0, classes, (pictures, size.height // 16, size.width // 16), generator=stream)
        labels = coarse.repeat_interleave(16, 1).repeat_interleave(16, 2)
        flow = torch.zeros(pictures, 2, *size)
        pair = torch.tensor([[0, 1]] * pictures)
        box = torch.tensor([[size.width / 4, size.height / 4, size.width / 2, size.height * 3 / 4, 0]])
        boxes = (box,) * pictures
        made.append(
            Batch(
                names,
                source,
                target,
                labels=labels,
                instances=labels,
                boxes=boxes,
                target_boxes=boxes,
                classes=pair,
                flow=flow,
            )
        )
    return replace(made[-1], frames=tuple(made[:-1]) or None)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure(*sys.argv[2:])))
    else:
        typer.run(main)
