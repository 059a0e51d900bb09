"""Tasks of the user's own: a card in a TOML file, remembered beside the data that were prepared for it.

A minimal card for pictures in a layout that i2ibench reads (i2ibench list layouts):

    name = "my-maps"
    title = "plan of a house to its photo"
    level = "strong"
    gives = ["pairs"]
    resolutions = ["256x256"]

    [data]
    layout = "paired-folders"

    [data.options]
    source = "{split}/plans"
    target = "{split}/photos"

All fields are those of `i2ibench.task.Task`; what is left out has a default that says so.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from i2ibench.cache import cache_folder
from i2ibench.errors import BenchError
from i2ibench.task import Task
from i2ibench.tasks.measures import DISTRIBUTIONS, LABELS, LIKELIHOOD, PAIRS

CARD = "task.json"
"""The remembered card, in `<cache>/data/<task>`."""


def read(path: Path) -> Task:
    """The card in a TOML file. Raises `BenchError` naming file and key."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    try:
        values: dict[str, Any] = tomllib.loads(path.read_text())
        card = Task.model_validate({**_defaults(values), **values})
    except OSError as error:
        raise BenchError(f"task file {str(path)!r} cannot be read: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BenchError(f"task file {str(path)!r} is not TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise BenchError(f"task file {str(path)!r}, key {key!r}: {first['msg']}") from error
    if card.embedded:
        raise BenchError(f"task file {str(path)!r}, key 'data': expected a table with a layout, not a text")
    return card


def remembered() -> dict[str, Task]:
    """The cards of the tasks that were prepared here, by name; of several versions the latest."""
    found: dict[str, Task] = {}
    for file in (cache_folder() / "data").glob(f"*/{CARD}"):
        card = Task.model_validate_json(file.read_bytes())
        if card.name not in found or found[card.name].version < card.version:
            found[card.name] = card
    return found


def _defaults(values: dict[str, Any]) -> dict[str, Any]:
    gives = values.get("gives", ())
    metrics = dict(DISTRIBUTIONS)
    if "pairs" in gives:
        metrics |= PAIRS
    if "labels" in gives:
        metrics |= LABELS
    if "pairs" in gives:
        metrics |= LIKELIHOOD
    unknown = "not stated"
    return {
        "title": values.get("name", ""),
        "description": unknown,
        "source": unknown,
        "licence": unknown,
        "splits": {},
        "metrics": metrics,
    }
