"""What `list` and `show` tell, as plain data."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from typing import Any

from i2ibench import registry
from i2ibench.errors import BenchError, nearest
from i2ibench.task import Need, Task

Listed = list[dict[str, Any]]


def methods() -> Listed:
    """Every method with its paper and needs."""
    cards = [registry.adapter(name).card for name in registry.methods()]
    return [
        {
            "method": card.name,
            "title": card.title,
            "year": card.paper.year if card.paper else "",
            "levels": sorted(level.value for level in card.levels),
            "needs": sorted(need.value for need in card.needs),
            "likelihood": "yes" if card.likelihood else "",
        }
        for card in cards
    ]


def tasks(needs: str | None = None) -> Listed:
    """Every task, or those that give `needs`. Raises `BenchError` on a need there is none of."""
    known = [need.value for need in Need]
    if needs is not None and needs not in known:
        raise BenchError(f"there is no need {needs!r}: {nearest(needs, known)}")
    cards = [registry.task(name) for name in registry.tasks()]
    return [
        {
            "task": card.id,
            "level": card.level.value,
            "supervision": card.supervision,
            "gives": sorted(need.value for need in card.gives),
            "resolutions": [str(size) for size in card.resolutions],
            "train": card.splits.get("train", 0),
            "test": card.splits.get("test", 0),
            "runs at once": "yes" if card.embedded else "",
            "title": card.title,
        }
        for card in cards
        if needs is None or Need(needs) in card.gives
    ]


def layouts() -> Listed:
    """Every layout of data sets on disk, with its options and the tree of its defaults."""
    kinds = {name: registry.layout(name) for name in registry.layouts()}
    return [
        {
            "layout": name,
            "what": (inspect.getdoc(kind) or "").split("\n")[0],
            "options": [field.name for field in dataclasses.fields(kind)],
        }
        for name, kind in kinds.items()
    ]


def layout(name: str) -> dict[str, Any]:
    """A layout: what it reads, its options with their types and defaults, and the tree of its defaults."""
    kind = registry.layout(name)
    options = {}
    for field in dataclasses.fields(kind):
        made = field.default_factory() if callable(field.default_factory) else field.default
        options[field.name] = f"{field.type}, by default {made!r}"
    try:
        tree = kind().tree
    except BenchError as error:  # without options it reads nothing
        tree = str(error)
    return {"layout": name, "what": inspect.getdoc(kind), "options": options, "tree": tree}


def metrics() -> Listed:
    """Every metric with its columns; an arrow says which way is better."""
    kinds = [registry.metric(name) for name in registry.metrics()]
    return [
        {
            "metric": kind.name,
            "title": kind.title,
            "columns": [f"{column} {'↑' if higher else '↓'}" for column, higher in kind.columns.items()],
        }
        for kind in kinds
    ]


def suites() -> Listed:
    """Every suite that comes with i2ibench."""
    from i2ibench import suite

    found = [suite.read_suite(name) for name in suite.suites()]
    return [
        {
            "suite": one.name,
            "title": one.title,
            "tasks": [f"{entry.task} ({entry.budget or one.budget})" for entry in one.tasks],
            "methods": list(dict.fromkeys(entry.method for entry in one.methods)),
            "seeds": list(one.seeds),
        }
        for one in found
    ]


def show(
    name: str,
    preset: str = "paper",
    overrides: Mapping[str, str] | None = None,
    resolution: str | None = None,
    task: str | None = None,
) -> dict[str, Any]:
    """The card called `name`. For a method also its config and its networks' parameters; for a task its files' tree."""
    from i2ibench import describe, suite

    if name in registry.methods():
        return describe.method(name, preset, overrides, resolution, task).model_dump(mode="json")
    if name.partition("@")[0] in registry.tasks():
        card = registry.task(name)
        return {
            "id": card.id,
            "supervision": card.supervision,
            "protocol": card.protocol,
            **card.model_dump(mode="json"),
            **_tree(card),
        }
    if name in registry.layouts():
        return layout(name)
    if name in registry.metrics():
        return next(entry for entry in metrics() if entry["metric"] == name)
    if name in suite.suites():
        return suite.read_suite(name).model_dump(mode="json")
    everything = [
        *registry.methods(), *registry.tasks(), *registry.layouts(), *registry.metrics(), *suite.suites()
    ]  # fmt: skip
    raise BenchError(f"there is no method, task, layout, metric or suite {name!r}: {nearest(name, everything)}")


def _tree(card: Task) -> dict[str, str]:
    from i2ibench.data.entries import layout_of

    return {} if card.embedded else {"tree": layout_of(card).tree}
