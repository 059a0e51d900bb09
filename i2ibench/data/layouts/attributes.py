"""Faces with attributes: CelebA (arXiv:1411.7766), as two domains or as many classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic.dataclasses import dataclass

from i2ibench.data.layouts.layout import Entry, Listing, Problem, missing
from i2ibench.data.layouts.parts import Photo
from i2ibench.data.layouts.records import records, text_lines
from i2ibench.data.layouts.splits import OPTIONS, SPLITS, require_split
from i2ibench.data.layouts.trees import listed, picture_files, safe, subfolders
from i2ibench.errors import BenchError, nearest

_PLACES = (("Img", "img_align_celeba"), ("Anno", "list_attr_celeba.txt"), ("Eval", "list_eval_partition.txt"))
"""What is needed, each with the folder of the official download that it may still be in."""


@dataclass(frozen=True, config=OPTIONS)
class Attributes:
    """The official partition into train, val and test.

    With one of `target` pictures are of two domains: sources lack the attribute, targets have it. With `classes`
    every combination of these attributes is a class, whose id is binary: the first attribute counts 1, the second 2
    and so on.
    """

    target: str = ""
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if bool(self.target) == bool(self.classes) or len(self.classes) > 7:
            raise BenchError(
                f"layout 'attributes' needs either option target, one attribute, or classes, one to seven of them; it "
                f"has target {self.target!r} and classes {list(self.classes)}"
            )

    @property
    def tree(self) -> str:
        """The expected files."""
        return (
            "img_align_celeba/000001.jpg (or in Img/)\nlist_attr_celeba.txt (or in Anno/)\n"
            "list_eval_partition.txt (or in Eval/)"
        )

    def listing(self, root: Path, split: str) -> Listing:
        """The pictures of `split`. Raises `BenchError` where a file is missing or no picture is left."""
        require_split(split, {"train": "train"})
        folder, attributes, partition = (self._find(root, *place) for place in _PLACES)
        problems = list[Problem]()
        wanted = (self.target,) if self.target else tuple(self.classes)
        having = _attributes(attributes, wanted, problems)
        files = {file.name: file for file in picture_files(folder)}
        rows, listed_names = dict[str, tuple[bool, ...]](), set[str]()
        for name, number in records(partition, 2, problems):
            listed_names.add(name)
            if number not in ("0", "1", "2"):
                problems.append(Problem(str(partition), f"has {number[:40]!r} for {name!r}, and should have 0, 1 or 2"))
            elif SPLITS[int(number)] == split:
                if name in files and name in having:
                    rows[name] = having[name]
                else:
                    reason = "is listed but not there" if name not in files else f"{attributes.name} lacks it"
                    problems.append(Problem(str(folder / name), reason))
        unlisted = files.keys() - listed_names
        problems += [Problem(str(files[name]), f"{partition.name} lacks it") for name in sorted(unlisted)]
        entries = [self._entry(files[name], flags) for name, flags in sorted(rows.items())]
        entries.sort(key=lambda entry: "target" in entry.parts)
        if self.target and len({tuple(entry.parts) for entry in entries}) == 1:
            raise BenchError(f"of {split!r} all pictures, or none, are {self.target!r}: choose another attribute")
        return listed(entries, problems, folder, split, self.tree)

    def _entry(self, file: Path, flags: tuple[bool, ...]) -> Entry:
        if self.target:
            return Entry(safe(file.stem), {"target" if flags[0] else "source": Photo(file)})
        category = sum(1 << place for place, flag in enumerate(flags) if flag)
        return Entry(safe(file.stem), {"source": Photo(file)}, {"category": category})

    def _find(self, root: Path, home: str, name: str) -> Path:
        for start in (root, *(subfolders(root) if root.is_dir() else [])):
            for place in (start / name, start / home / name):
                if place.exists():
                    return place
        raise missing(root, root / name, self.tree)


def _attributes(path: Path, wanted: Sequence[str], problems: list[Problem]) -> dict[str, tuple[bool, ...]]:
    """Which of `wanted` each picture has. The file: their count, the attributes' names, then `NAME 1 -1 ...`."""
    lines = text_lines(path)
    names = lines[1][1].split() if len(lines) > 1 else []
    for attribute in wanted:
        if attribute not in names:
            raise BenchError(f"{str(path)!r} has no attribute {attribute!r}: {nearest(attribute, names)}")
    places = [names.index(attribute) for attribute in wanted]
    found = dict[str, tuple[bool, ...]]()
    for number, line in lines[2:]:
        name, *values = line.split()
        if len(values) != len(names) or not {values[place] for place in places} <= {"1", "-1"}:
            problems.append(Problem(str(path), f"line {number} should have {len(names)} values, each 1 or -1"))
        else:
            found[name] = tuple(values[place] == "1" for place in places)
    return found
