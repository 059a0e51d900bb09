"""Tar shards in the form of webdataset: members of one key are an example. Nothing is unpacked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from i2ibench.data.layouts.boxes import Boxes
from i2ibench.data.layouts.layout import Entry, Listing, Part, Problem, missing
from i2ibench.data.layouts.parts import Content, InstanceIds, LabelIds, Photo
from i2ibench.data.layouts.splits import OPTIONS, Splits, require_split, share, shown
from i2ibench.data.layouts.tar_index import TarIndex, tar_index
from i2ibench.data.layouts.trees import listed, safe
from i2ibench.errors import BenchError

_PARTS: Mapping[str, Callable[[Content], Part]] = {
    "source": Photo,
    "target": Photo,
    "labels": LabelIds,
    "instances": InstanceIds,
}
_MOST = 20
"""Problems of a kind and shard that are told one by one."""


@dataclass(frozen=True, config=OPTIONS)
class Shards:
    """Shards by split: paths from the root, with `{000000..000012}`, `{a,b}`, `*` and `?`.

    A member is `KEY.EXTENSION`, apart at the first dot after the last `/`; members of a key need not follow each other,
    but lie in one shard. The options below name extensions, several with `;` where any will do, and an example needs a
    member for each option that is set. Splits that `shards` does not name are carved from train by a hash of the name.
    """

    shards: Splits = field(default_factory=lambda: {"train": "train*.tar", "val": "val*.tar", "test": "test*.tar"})
    targets: Splits = field(default_factory=dict)
    """Shards of target pictures in unpaired tasks: `shards` then have the sources, and all columns but `target`."""
    source: str = "source.jpg;source.png"
    target: str = "target.jpg;target.png"
    labels: str = ""
    """Label maps whose values are train ids."""
    instances: str = ""
    category: str = ""
    """The class as text, `cls` by custom: its number, or its name where `classes` has it."""
    boxes: str = ""
    """JSON: `[[left, top, right, bottom, class], ...]`, or an object that has this as `boxes`."""
    classes: tuple[str, ...] = ()
    """Names of the classes of `category` and `boxes` by id."""
    one_in: int = 20
    """Of what `shards` does not name, the share that is carved from train."""

    def __post_init__(self) -> None:
        given = [extension for option in self._options.values() for extension in option]
        if not self._options or len(set(given)) < len(given):
            raise BenchError(f"layout 'shards' needs an extension of its own for each column: {given} were given")

    @property
    def tree(self) -> str:
        """The expected files and members."""
        lines = [pattern for splits in (self.shards, self.targets) for pattern in shown("{split}", splits)]
        members = ", ".join(f"KEY.{getattr(self, option)} ({option})" for option in self._options)
        return "\n".join([*lines, f"each with members {members}"])

    def listing(self, root: Path, split: str) -> Listing:
        """Examples by shard and first member, named by both; parts are made when asked for, and read by a seek."""
        problems = list[Problem]()
        if not self.targets:
            entries = self._side(root, split, self.shards, self._options, problems)
            return listed(entries, problems, root, split, self.tree)
        sources = {option: extensions for option, extensions in self._options.items() if option != "target"}
        targets = {"target": self._options.get("target", ())}
        entries = self._side(root, split, self.shards, sources, problems)
        listed(entries, problems, root, split, self.tree)
        others = self._side(root, split, self.targets, targets, problems)
        listed(others, problems, root, split, self.tree)
        return listed([*entries, *others], problems, root, split, self.tree)

    @cached_property
    def _options(self) -> dict[str, tuple[str, ...]]:
        """Extensions of the columns that are set."""
        columns = (*_PARTS, "category", "boxes")
        named = {column: str(getattr(self, column)).lower().replace(" ", "").split(";") for column in columns}
        return {column: tuple(filter(None, found)) for column, found in named.items() if any(found)}

    def _side(
        self,
        root: Path,
        split: str,
        splits: Splits,
        columns: Mapping[str, tuple[str, ...]],
        problems: list[Problem],
    ) -> Sequence[Entry]:
        require_split(split, splits)
        patterns = splits.get(split, splits["train"])
        entries = list[Entry]()
        for file in _files(root, [patterns] if isinstance(patterns, str) else patterns, self.tree):
            try:
                group = _Group(tar_index(file), columns)
            except BenchError as error:
                problems.append(Problem(str(file), str(error)))
                continue
            problems += group.problems
            lead = safe(file.relative_to(root).with_suffix("").as_posix() if file.is_relative_to(root) else file.stem)
            entries += self._entries(group, lead, problems)
        return entries if split in splits and split != "train" else share(entries, split, splits, self.one_in)

    def _entries(self, group: _Group, lead: str, problems: list[Problem]) -> Iterator[Entry]:
        for position, key in enumerate(group.keys):
            values = _NOTHING
            if "category" in group.rows or "boxes" in group.rows:
                try:
                    values = self._values(group, position, problems)
                except BenchError as error:
                    problems.append(Problem(f"{group.index.file}/{key}", str(error)))
                    continue
            yield Entry(f"{lead}-{safe(key)}", _Parts(group, position), values)

    def _values(self, group: _Group, position: int, problems: list[Problem]) -> dict[str, Any]:
        values = dict[str, Any]()
        if "category" in group.rows:
            content = group.content("category", position)
            text = _load(content).decode("utf-8", "replace").strip()
            known = [str(number) for number in range(len(self.classes))] if self.classes else [text]
            if text in self.classes:
                values["category"] = self.classes.index(text)
            elif text in known and text.isascii() and text.isdigit() and len(text) < 7:
                values["category"] = int(text)
            else:
                raise BenchError(
                    f"its class {text[:40]!r} is neither the number nor, by option classes, the name of one"
                )
        if "boxes" in group.rows:
            import json

            content, boxes = group.content("boxes", position), Boxes(self.classes)
            try:
                boxes.take(content.name, "", json.loads(_load(content)))
            except (ValueError, RecursionError) as error:
                raise BenchError(f"its boxes are no JSON ({error})") from error
            problems += boxes.problems
            values["boxes"] = boxes.of("")
        return values


_NOTHING: dict[str, Any] = {}
"""Shared by all entries without values."""


class _Group:
    """The examples of a shard: their keys, and for each column which member has it."""

    def __init__(self, index: TarIndex, columns: Mapping[str, tuple[str, ...]]) -> None:
        self.index = index
        roles = {extension: column for column, extensions in columns.items() for extension in extensions}
        found, twice = dict[str, dict[str, int]](), list[Problem]()
        for number, name in enumerate(index.names):
            key, extension = _key(name)
            column = roles.get(extension)
            if column is None or not key:
                continue
            members = found.setdefault(key, {})
            if column in members:
                first = index.names[members[column]]
                twice.append(Problem(f"{index.file}/{name}", f"is a second {column} of its key, after {first!r}"))
            else:
                members[column] = number
        lone = (
            Problem(f"{index.file}/{key}", f"has no member .{' or .'.join(columns[column])} ({column}): left out")
            for key, members in found.items()
            for column in columns
            if column not in members
        )
        strange = [] if found else [Problem(str(index.file), _strangers(index, list(roles)))]
        self.problems = [*index.problems, *strange, *_few(iter(twice), index.file), *_few(lone, index.file)]
        self.keys = [key for key, members in found.items() if len(members) == len(columns)]
        self.rows: dict[str, NDArray[np.int64]] = {
            column: np.array([found[key][column] for key in self.keys], np.int64) for column in columns
        }

    def content(self, column: str, position: int) -> Content:
        return self.index.content(int(self.rows[column][position]))


class _Parts(Mapping[str, Part]):
    """The parts of one example, made when asked for: a listing of millions stays small."""

    __slots__ = ("_group", "_position")

    def __init__(self, group: _Group, position: int) -> None:
        self._group = group
        self._position = position

    def __getitem__(self, part: str) -> Part:
        if part not in _PARTS or part not in self._group.rows:
            raise KeyError(part)
        return _PARTS[part](self._group.content(part, self._position))

    def __iter__(self) -> Iterator[str]:
        return (part for part in _PARTS if part in self._group.rows)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def expanded(pattern: str) -> list[str]:
    """A pattern's braces written out: `{08..10}` gives 08, 09, 10 and `{a,b}` gives a, b. Raises `BenchError`."""
    match = re.search(r"\{([^{}]*)\}", pattern)
    if match is None:
        return [pattern]
    head, tail = pattern[: match.start()], expanded(pattern[match.end() :])
    ends = re.fullmatch(r"([0-9]{1,9})\.\.([0-9]{1,9})", match[1])
    if ends is None:
        choices = match[1].split(",")
    else:
        first, last = int(ends[1]), int(ends[2])
        if not 0 <= last - first < 1_000_000:
            raise BenchError(f"shards {pattern!r} do not count up, or to more than a million: write {{FIRST..LAST}}")
        choices = [str(number).zfill(len(ends[1])) for number in range(first, last + 1)]
    return [head + choice + rest for choice in choices for rest in tail]


def _files(root: Path, patterns: Sequence[str], tree: str) -> list[Path]:
    files = dict[Path, None]()
    for pattern in patterns:
        if re.match(r"[a-z0-9]+:", pattern):
            raise BenchError(f"shards {pattern!r} are not local files: copy them to a folder first, and name its files")
        for path in expanded(pattern):
            file = root / path
            if "*" in path or "?" in path:
                base, inner = (Path(file.anchor), path.lstrip("/")) if Path(path).is_absolute() else (root, path)
                try:
                    matches = sorted(match for match in base.glob(inner) if not match.name.startswith("."))
                except (ValueError, NotImplementedError) as error:
                    raise BenchError(
                        f"shards {pattern!r} are no pattern of files ({error}): write train*.tar"
                    ) from error
            else:
                matches = [file] if file.is_file() else []
            if not matches:
                raise missing(root, file, tree)
            files |= dict.fromkeys(matches)
    return list(files)


def _key(name: str) -> tuple[str, str]:
    """Key and extension of a member's name; no key where it is hidden or has no extension."""
    folder, slash, base = name.removeprefix("./").rpartition("/")
    stem, _, extension = base.partition(".")
    if not stem or not extension or name.startswith("__MACOSX/"):
        return "", ""
    return folder + slash + stem, extension.lower()


def _strangers(index: TarIndex, extensions: Sequence[str]) -> str:
    """Why a shard without any example has none."""
    if not index.names:
        return "has no members"
    wanted, first = ", ".join(f".{extension}" for extension in extensions), ", ".join(map(repr, index.names[:3]))
    return f"has no member {wanted}, as counted from the first dot of a name: its first are {first}"


def _few(problems: Iterator[Problem], file: Path) -> list[Problem]:
    told = list(islice(problems, _MOST))
    rest = sum(1 for _ in problems)
    return [*told, Problem(str(file), f"has {rest} more problems of this kind")] if rest else told


def _load(content: Content) -> bytes:
    try:
        return content.load()
    except OSError as error:
        raise BenchError(f"it cannot be read: {error.strerror or error}") from error
