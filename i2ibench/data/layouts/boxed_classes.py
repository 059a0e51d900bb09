"""Many classes in one pool, each picture cropped to the boxes that its data set gives."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic.dataclasses import dataclass

from i2ibench.data.layouts.layout import Entry, Listing, Part, Problem, missing
from i2ibench.data.layouts.parts import Crop, Photo
from i2ibench.data.layouts.records import numbers, records
from i2ibench.data.layouts.splits import OPTIONS, require_split, share
from i2ibench.data.layouts.trees import find_root, listed, picture_files, safe, subfolders


@dataclass(frozen=True, config=OPTIONS)
class NABirds:
    """Birds by visual category, as Cornell distributes them; official train and test, val carved from train."""

    crop: bool = True
    """Only what the bird's box shows, else the whole photo."""
    one_in: int = 10
    """The share of training pictures that validates."""

    @property
    def tree(self) -> str:
        """The expected files."""
        return (
            "images/CATEGORY/NAME.jpg\nimages.txt (ID CATEGORY/NAME.jpg)\ntrain_test_split.txt (ID 1, or 0 for test)\n"
            "bounding_boxes.txt (ID LEFT TOP WIDTH HEIGHT)"
        )

    def listing(self, root: Path, split: str) -> Listing:
        """The pictures of `split`; class ids follow the names of the category folders.

        Raises `BenchError` where a file is missing or no picture is left.
        """
        require_split(split, {"train": "train"})
        start, problems = find_root(root, "images", self.tree), list[Problem]()
        paths = self._table(start, "images.txt", 2, problems)
        trains = self._table(start, "train_test_split.txt", 2, problems)
        boxes = self._table(start, "bounding_boxes.txt", 5, problems) if self.crop else {}
        classes = {folder.name: number for number, folder in enumerate(subfolders(start / "images"))}
        there = {f"{name}/{file.name}" for name in classes for file in picture_files(start / "images" / name)}
        there_unlisted = there - {path for (path,) in paths.values()}
        problems += [Problem(str(start / "images" / name), "images.txt lacks it") for name in sorted(there_unlisted)]
        entries = list[Entry]()
        for key, (path,) in sorted(paths.items(), key=lambda item: item[1]):
            file = start / "images" / path
            lacking = [
                text for text, lines in (("train_test_split.txt", trains), ("bounding_boxes.txt", boxes))
                if key not in lines and (self.crop or lines is trains)
            ]  # fmt: skip
            if path not in there or lacking:
                problems.append(Problem(str(file), f"{lacking[0]} lacks it" if lacking else "is listed but not there"))
            elif (trains[key][0] == "0") == (split == "test"):
                part = self._part(file, start / "bounding_boxes.txt", boxes.get(key), problems)
                if part is not None:
                    name = safe(path.rpartition(".")[0])
                    entries.append(Entry(name, {"source": part}, {"category": classes[path.split("/")[0]]}))
        return listed(share(entries, split, ("train", "test"), self.one_in), problems, start, split, self.tree)

    def _table(self, start: Path, name: str, fields: int, problems: list[Problem]) -> dict[str, tuple[str, ...]]:
        """A file's records by their first field."""
        if not (start / name).is_file():
            raise missing(start, start / name, self.tree)
        return {key: tuple(rest) for key, *rest in records(start / name, fields, problems)}

    def _part(self, file: Path, table: Path, box: tuple[str, ...] | None, problems: list[Problem]) -> Part | None:
        if box is None:
            return Photo(file)
        edges = numbers(table, box, problems)
        if edges is None:
            return None
        left, top, width, height = edges
        return Crop(Photo(file), (left, top, left + width, top + height))


@dataclass(frozen=True, config=OPTIONS)
class UECFood256:
    """Dishes by kind. A photo of several dishes is in the folder of each, so what is carved goes by whole photos."""

    one_in: int = 10
    """The share of photos that tests; of the rest as many validate."""

    @property
    def tree(self) -> str:
        """The expected files."""
        return "KIND/NUMBER.jpg (kinds 1 to 256)\nKIND/bb_info.txt (titles, then lines of NUMBER LEFT TOP RIGHT BOTTOM)"

    def listing(self, root: Path, split: str) -> Listing:
        """One example a box, named `KIND-NUMBER-K`; class ids are the kinds less one.

        Raises `BenchError` where there are no folders of kinds or no picture is left.
        """
        require_split(split, {"train": "train"})
        start, problems = find_root(root, "1", self.tree), list[Problem]()
        entries, photos = list[Entry](), dict[str, str]()
        kinds = sorted((path for path in subfolders(start) if re.fullmatch("[1-9][0-9]{0,3}", path.name)), key=_kind)
        for folder in kinds:
            boxes = folder / "bb_info.txt"
            if not boxes.is_file():
                problems.append(Problem(str(folder), "has no bb_info.txt"))
                continue
            files = {file.stem: file for file in picture_files(folder)}
            seen = dict[str, int]()
            for number, *box in records(boxes, 5, problems, skip=1):
                edges = numbers(boxes, box, problems)
                if number not in files:
                    problems.append(Problem(str(boxes), f"lists picture {number!r}, which is not there"))
                elif edges is not None:
                    seen[number] = seen.get(number, -1) + 1
                    left, top, right, bottom = edges
                    name = safe(f"{folder.name}-{number}-{seen[number]}")
                    photos[name] = number
                    part = Crop(Photo(files[number]), (left, top, right, bottom))
                    entries.append(Entry(name, {"source": part}, {"category": _kind(folder) - 1}))
            problems += [Problem(str(file), "bb_info.txt lacks it") for stem, file in files.items() if stem not in seen]
        shared = share(entries, split, ("train",), self.one_in, lambda entry: photos[entry.name])
        return listed(shared, problems, start, split, self.tree)


def _kind(folder: Path) -> int:
    return int(folder.name)
