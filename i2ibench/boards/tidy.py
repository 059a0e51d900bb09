"""Results as a tidy CSV, one row for each result and score, and back: what boards are shared and checked as.

Numbers are written so that they read back exactly; an empty cell is None.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

from i2ibench.boards.pool import distinct
from i2ibench.errors import BenchError
from i2ibench.protocol import Protocol, Score
from i2ibench.record import Provenance, Result
from i2ibench.store import written

COST = {
    "training_seconds": "seconds",
    "training_steps": "steps",
    "training_pictures": "pictures",
    "peak_memory_bytes": "peak_memory",
    "parameters": "parameters",
}
"""Columns of a result's cost, and the fields of `Cost` they hold."""

RESULT = ("task", "resolution", "method", "preset", "seed", "budget", "quick")
INTERVAL = ("interval_low", "interval_high")
"""Columns of a score's 95 % interval."""

LATER = (*INTERVAL, "ranks", "provenance")
"""Columns that a file written before there were any lacks."""

SCORE = ("metric", "value", "standard_error", *INTERVAL, "n", "higher_is_better", "ranks", "protocol_id", "reason")
COLUMNS = (*RESULT, *SCORE, *COST, "protocol", "provenance")
"""The columns, in order. `protocol` is the whole protocol as JSON, so that a reader can say what differs, and
`provenance` where and by what the result was made."""


def write(results: Sequence[Result], path: Path) -> None:
    """Write `results` to the CSV `path`, atomically; this is also how a baseline is made and updated.

    Equal results give equal bytes; one that comes twice is written once. Raises `BenchError` where the file cannot be
    written and where there are no scores.
    """
    import pandas as pd

    ordered = sorted(distinct(results), key=_place)
    records = [_record(result, score) for result in ordered for score in result.scores]
    if not records:
        raise BenchError(f"there are no scores to write to {str(path)!r}: score some runs first (i2ibench score)")
    with written(path) as aside:
        pd.DataFrame(records, columns=list(COLUMNS)).to_csv(aside, index=False, lineterminator="\n", encoding="utf-8")


def read(path: Path) -> list[Result]:
    """The results in the CSV `path`.

    Raises `BenchError` on a file that is missing, is not such a CSV, or whose protocols do not have the ids it states.
    """
    import pandas as pd

    where = f"scores file {str(path)!r}"
    try:
        rows = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    except FileNotFoundError as error:
        raise BenchError(
            f"there is no {where}: name one that i2ibench wrote, or write it from results first"
        ) from error
    except OSError as error:
        raise BenchError(f"{where} cannot be read ({error.strerror}): name a CSV file that i2ibench wrote") from error
    except (ValueError, pd.errors.ParserError) as error:  # ValueError: not UTF-8, or empty
        told = " ".join(str(error).split())
        raise BenchError(f"{where} is not a CSV ({told}): write it from results again") from error
    missing = [name for name in COLUMNS if name not in rows.columns and name not in LATER]
    unknown = [str(name) for name in rows.columns if name not in COLUMNS]
    if missing or unknown:
        told = "; ".join(
            f"{what}: {', '.join(names)}" for what, names in (("missing", missing), ("unknown", unknown)) if names
        )
        raise BenchError(f"{where} does not have the columns of a scores file ({told}): write it from results again")
    if rows.empty:
        raise BenchError(f"{where} holds no scores: write it from results again")
    rows = rows.reindex(columns=list(COLUMNS), fill_value="")
    records = zip(*(rows[name].tolist() for name in COLUMNS), strict=True)
    parsed = [
        _parsed(dict(zip(COLUMNS, record, strict=True)), f"{where}, row {number}")
        for number, record in enumerate(records, start=1)
    ]
    groups = itertools.groupby(parsed, key=lambda pair: pair[0])
    return [result.model_copy(update={"scores": tuple(score for _, score in pairs)}) for result, pairs in groups]


def _place(result: Result) -> tuple[object, ...]:
    seed = -1 if result.seed is None else result.seed
    return result.task, result.resolution, result.method, result.preset or "", result.budget or "", result.quick, seed


def _record(result: Result, score: Score) -> dict[str, str]:
    """A row, as texts: pandas would turn None into NaN, and a score may be either."""
    cost = result.cost
    values: dict[str, object] = {
        **{name: getattr(result, name) for name in RESULT},
        "resolution": str(result.resolution),
        **{
            name: getattr(score, name)
            for name in ("value", "standard_error", "n", "higher_is_better", "ranks", "reason")
        },
        "metric": score.name,
        **dict(zip(INTERVAL, score.interval or (None, None), strict=True)),
        "protocol_id": None if score.protocol is None else score.protocol.id,
        "protocol": None if score.protocol is None else score.protocol.model_dump_json(exclude_none=True),
        "provenance": None if result.provenance is None else result.provenance.model_dump_json(),
        **{column: None if cost is None else getattr(cost, field) for column, field in COST.items()},
    }
    return {column: _text(value) for column, value in values.items()}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else repr(value) if isinstance(value, float) else str(value)


def _parsed(record: Mapping[str, str], where: str) -> tuple[Result, Score]:
    """A row as its result, yet without scores, and its score."""
    from pydantic import ValidationError

    told = {name: None if text == "" else text for name, text in record.items()}
    cost = {field: told[column] for column, field in COST.items()}
    interval = tuple(told[name] for name in INTERVAL)
    try:
        column = "protocol"
        protocol = Protocol.model_validate_json(record[column]) if record[column] else None
        column = "provenance"
        provenance = Provenance.model_validate_json(record[column]) if record[column] else None
        score = Score.model_validate(
            {
                **{name: told[name] for name in SCORE if name not in ("metric", "protocol_id", "ranks", *INTERVAL)},
                "ranks": told["ranks"] or True,
                "name": told["metric"],
                "interval": None if interval == (None, None) else interval,
                "protocol": protocol,
            }
        )
        result = Result.model_validate(
            {
                **{name: told[name] for name in RESULT},
                "scores": (),
                "cost": None if all(value is None for value in cost.values()) else cost,
                "provenance": provenance,
            }
        )
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or column
        found = str(first["input"])[:40]
        raise BenchError(
            f"{where}: {field} is {found!r}: {first['msg']}. Mend the row or write the file from results again"
        ) from error
    if told["protocol_id"] != (None if protocol is None else protocol.id):
        own = "no protocol" if protocol is None else f"the protocol {protocol.id}"
        raise BenchError(
            f"{where}: states protocol_id {told['protocol_id']!r} but holds {own}: it was edited, or written by a "
            "version of i2ibench that counts protocols otherwise; write the file from results again"
        )
    return result, score
