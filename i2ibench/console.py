"""How the command line shows things: bars, lines, records and errors."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from i2ibench.progress import Advance
from i2ibench.record import Result

if TYPE_CHECKING:
    from i2ibench.comparison import Comparison

out = Console(width=None if sys.stdout.isatty() else 160)
err = Console(stderr=True)


class Bars:
    """Progress bars with rate and time left, on standard error; plain lines where that is no terminal."""

    @contextmanager
    def track(self, title: str, total: float | None, unit: str, done: float = 0) -> Iterator[Advance]:
        """Draw one bar while the block runs."""
        bar = Progress(
            TextColumn("  {task.description}"),
            BarColumn(bar_width=30),
            TaskProgressColumn(show_speed=False),
            TextColumn("{task.completed:,.0f}/{task.total:,.0f} {task.fields[unit]}"),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=err,
            transient=False,
            disable=not err.is_terminal,
        )
        with bar:
            task = bar.add_task(title, total=total or 0, completed=int(done), unit=unit, rate="")

            def advance(amount: float) -> None:
                bar.update(task, advance=amount)
                speed = bar.tasks[0].speed
                if speed and unit != "s":
                    bar.update(task, rate=f"{speed:,.1f} {unit}/s")

            yield advance
        if not err.is_terminal:
            err.print(f"  {title}: done", highlight=False)

    def say(self, text: str) -> None:
        """One line on standard error."""
        err.print(escape(text), highlight=False, soft_wrap=True)


def show(record: BaseModel | Mapping[str, Any], as_json: bool) -> None:
    """A record, as JSON on standard output or as a two-column table."""
    values = record.model_dump(mode="json") if isinstance(record, BaseModel) else dict(record)
    if as_json:
        print_json(values)
        return
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    _add(table, values, "")
    out.print(table)


def print_json(values: Any) -> None:
    """JSON for programs: no colours, no wrapping."""
    sys.stdout.write(json.dumps(values, indent=2) + "\n")


def show_list(rows: Sequence[Mapping[str, Any]], as_json: bool) -> None:
    """Like things as a table, or as a JSON list."""
    if as_json:
        print_json(list(rows))
        return
    table = Table(box=None, padding=(0, 2), header_style="bold")
    for at, column in enumerate(rows[0] if rows else ()):
        table.add_column(column, no_wrap=at == 0)
    for row in rows:
        table.add_row(*(_text(value) for value in row.values()))
    out.print(table)


def show_scores(result: Result, as_json: bool) -> None:
    """One result's scores, each with its standard error, 95 % interval, n and protocol."""
    if as_json:
        print_json(result.model_dump(mode="json"))
        return
    out.print(
        f"{result.method} on {result.task} {result.resolution}{' (quick)' if result.quick else ''}", highlight=False
    )
    rows = [
        {
            "score": f"{score.name} {'↑' if score.higher_is_better else '↓'}",
            "value": _number(score.value),
            "standard error": "" if score.standard_error is None else _number(score.standard_error),
            "95 % interval": _interval(score.interval),
            "n": score.n,
            "protocol": score.protocol.id if score.protocol else "",
            "": score.reason or "",
        }
        for score in result.scores
    ]
    show_list(rows, False)


def show_comparison(comparison: Comparison, as_json: bool) -> None:
    """Two methods' scores side by side, with the paired tests."""
    if as_json:
        print_json(comparison.model_dump(mode="json"))
        return
    quick = " (quick)" if comparison.quick else ""
    for line in (f"{comparison.task} {comparison.resolution}{quick}", f"A: {comparison.a}", f"B: {comparison.b}"):
        out.print(escape(line), highlight=False)
    rows = [
        {
            "score": f"{contrast.name} {'↑' if contrast.higher_is_better else '↓'}",
            "A": _number(contrast.a),
            "B": _number(contrast.b),
            "A - B": "" if contrast.difference is None else f"{contrast.difference:+.4f}",
            "95 % interval": _interval(contrast.interval),
            "p": "" if contrast.p_value is None else _number(contrast.p_value),
            "p (Holm)": "" if contrast.corrected_p_value is None else _number(contrast.corrected_p_value),
            "pictures": contrast.n or "",
            "A is": "" if contrast.verdict is None else contrast.verdict.value,
            "": contrast.note or "",
        }
        for contrast in comparison.contrasts
    ]
    show_list(rows, False)
    out.print(
        "A - B, its interval and p (paired, by random signs) are over pictures: other trainings may differ.",
        style="dim",
        highlight=False,
    )


def fail(error: Exception) -> None:
    """A user's error as one paragraph."""
    err.print(f"[bold red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)


def _number(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.4f}"


def _interval(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f"{_number(interval[0])} to {_number(interval[1])}"


def _add(table: Table, values: Mapping[str, Any], prefix: str) -> None:
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            _add(table, value, f"{prefix}{name}.")
        elif value not in (None, [], {}, ""):
            table.add_row(f"{prefix}{name}", _text(value))


def _text(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        items = [_text(item) for item in value]
        if any(isinstance(item, dict) for item in value):
            return "\n".join(items)
        sentences = any(isinstance(item, str) and " " in item for item in value)
        return "\n".join(f"- {item}" for item in items) if sentences else ", ".join(items)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={_text(item)}" for key, item in value.items())
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)  # years among them
    return escape(str(value))
