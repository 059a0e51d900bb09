"""Files of object boxes that any detector can write: CSV, JSON and Pascal VOC's XML."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from i2ibench.data.layouts.layout import Problem
from i2ibench.errors import BenchError

COLUMNS = ("picture", "left", "top", "right", "bottom", "class")
"""The header of a CSV file of boxes."""


@dataclass
class Boxes:
    """Boxes by picture, gathered from files; what is wrong with a line goes to `problems` and the line is left out.

    A class is its name in `classes`, in either letter case, or its number; without `classes` a number. Boxes
    of other classes are left out, and told as one problem a file and class.
    """

    classes: Sequence[str]
    found: dict[str, list[tuple[float, ...]]] = field(default_factory=dict)
    """By the picture's file name without extension: left, top, right, bottom, class id."""
    problems: list[Problem] = field(default_factory=list)

    def of(self, stem: str) -> NDArray[np.float32]:
        """Boxes of a picture, float32 `[N, 5]`."""
        return np.array(self.found.get(stem, []), np.float32).reshape(-1, 5)

    def read(self, file: Path) -> None:
        """Take in a file by its extension: `.csv`, `.json` or `.xml`. Raises `BenchError` where it is none such."""
        reader = {".csv": _csv_lines, ".json": _json_lines, ".xml": _xml_lines}[file.suffix.lower()]
        try:
            lines = list(reader(_text(file)))
        except (ValueError, csv.Error, ElementTree.ParseError, RecursionError) as error:
            raise BenchError(f"file of boxes {str(file)!r} cannot be read: {error or type(error).__name__}") from error
        self._take(str(file), lines)

    def take(self, file: str, stem: str, content: Any) -> None:
        """Take in the boxes of one picture as JSON gives them: `[[left, top, right, bottom, class], ...]`."""
        if isinstance(content, dict) and isinstance(content.get("boxes"), list):
            content = content["boxes"]
        if not isinstance(content, list):
            self.problems.append(Problem(file, "is not a list of boxes [left, top, right, bottom, class]"))
        else:
            self._take(file, [(stem, "", line) for line in content])

    def _take(self, file: str, lines: Sequence[tuple[str, str, Any]]) -> None:
        unknown = dict[str, int]()
        for stem, where, line in lines:
            boxes = self.found.setdefault(stem, [])
            if line is None:
                continue
            if (box := _box(line)) is None:
                reason = f"{where or stem}: {line!r} is not left < right, top < bottom in pixels and a class"
                self.problems.append(Problem(file, reason))
            elif (label := self._class(line[4])) is None:
                unknown[str(line[4])] = unknown.get(str(line[4]), 0) + 1
            else:
                boxes.append((*box, label))
        for name, count in unknown.items():
            known = ", ".join(self.classes) or "numbers, as the layout names none"
            self.problems.append(Problem(file, f"{count} boxes of class {name!r} are left out (classes: {known})"))

    def _class(self, given: Any) -> int | None:
        names = [name.lower() for name in self.classes]
        if isinstance(given, float) and given.is_integer():
            given = int(given)
        text = str(given).strip().lower()
        if text in names:
            return names.index(text)
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 7 else None
        return None if number is None or (names and number >= len(names)) else number


def boxes_at(where: Path, classes: Sequence[str]) -> Boxes | None:
    """Boxes of `where.csv`, else of `where.json`, else of all XML files in the folder `where`; `None` without any."""
    boxes = Boxes(classes)
    for extension in (".csv", ".json"):
        file = where.with_name(where.name + extension)
        if file.is_file():
            boxes.read(file)
            return boxes
    files = sorted(where.glob("[!.]*.[xX][mM][lL]")) if where.is_dir() else []
    for file in files:
        try:
            boxes.read(file)
        except BenchError as error:
            boxes.problems.append(Problem(str(file), str(error)))
    return boxes if files else None


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BenchError(f"file of boxes {str(file)!r} cannot be read: {error.strerror or error}") from error


def _csv_lines(text: str) -> Iterator[tuple[str, str, Any]]:
    reader = csv.reader(text.splitlines())
    header = tuple(column.strip().lower() for column in next(reader, []))
    if header != COLUMNS:
        raise ValueError(f"its first line should be {','.join(COLUMNS)}")
    for cells in reader:
        if cells:
            yield Path(cells[0].strip()).stem, f"line {reader.line_num}", cells[1:]


def _json_lines(text: str) -> Iterator[tuple[str, str, Any]]:
    content = json.loads(text)
    if not isinstance(content, dict):
        raise ValueError('it should be {"PICTURE": [[left, top, right, bottom, class], ...], ...}')
    for picture, lines in content.items():
        yield Path(picture).stem, "", None
        if not isinstance(lines, list):
            raise ValueError(f"{picture!r} has no list of boxes")
        for line in lines:
            yield Path(picture).stem, "", line


def _xml_lines(text: str) -> Iterator[tuple[str, str, Any]]:
    """Corners of Pascal VOC count from 1 and belong to the box."""
    if "<!" in text.replace("<!--", ""):
        raise ValueError("it declares a document type or entities, which files of boxes do not")
    tree = ElementTree.fromstring(text)
    stem = Path(tree.findtext("filename", "").strip()).stem
    if tree.tag != "annotation" or not stem:
        raise ValueError("it is not <annotation> with a <filename>, as Pascal VOC's are")
    yield stem, "", None
    for thing in tree.iter("object"):
        corners = [thing.findtext(f"bndbox/{name}", "") for name in ("xmin", "ymin", "xmax", "ymax")]
        numbers = [_number(corner) for corner in corners]
        if None in numbers:
            yield stem, "", [*corners, thing.findtext("name", "")]
        else:
            left, top, right, bottom = (number or 0.0 for number in numbers)
            yield stem, "", [left - 1, top - 1, right, bottom, thing.findtext("name", "")]


def _box(line: Any) -> tuple[float, float, float, float] | None:
    if not isinstance(line, (list, tuple)) or len(line) != 5:
        return None
    left, top, right, bottom = (_number(value) for value in line[:4])
    if left is None or top is None or right is None or bottom is None or not (left < right and top < bottom):
        return None
    return left, top, right, bottom


def _number(value: Any) -> float | None:
    try:
        number = float(value) if isinstance(value, (str, int, float)) else math.nan
    except (ValueError, OverflowError):
        return None
    return number if abs(number) < 1e6 else None
