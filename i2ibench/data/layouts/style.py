"""Contents and styles: two pools of pictures, in folders or in lists of paths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path, PurePosixPath

from pydantic.dataclasses import dataclass

from i2ibench.data.layouts.layout import Entry, Listing, Part, Problem, missing
from i2ibench.data.layouts.parts import Photo
from i2ibench.data.layouts.splits import OPTIONS
from i2ibench.data.layouts.trees import EXTENSIONS, find_root, listed, lowest, picture_files, safe
from i2ibench.errors import BenchError


@dataclass(frozen=True, config=OPTIONS)
class Style:
    """Unpaired: contents are sources, styles are targets.

    Each split of each pool is a folder, read with its subfolders, or a text file of paths, one a line, relative to the
    root or to the text file (StyleFlow reads such lists). Splits that a pool does not name are held out from `train`:
    the pictures with the lowest hashes of their names, `validate` for val and the next `test` for test.
    """

    content: Mapping[str, str] = field(default_factory=lambda: {"train": "content"})
    """Folder or list by split."""
    style: Mapping[str, str] = field(default_factory=lambda: {"train": "style"})
    category: bool = False
    """Styles have the class of their top folder (WikiArt: impressionism, cubism ...), numbered by name."""
    validate: int = 1000
    test: int = 1000

    def __post_init__(self) -> None:
        for pool in (self.content, self.style):
            if "train" not in pool or not set(pool) <= {"train", "val", "test"}:
                raise BenchError(
                    f"content and style of layout 'style' name a folder or list for train, and may for val and test, "
                    f"not for {', '.join(pool)}"
                )
        if self.validate < 1 or self.test < 1:
            raise BenchError("validate and test of layout 'style' are numbers of pictures, at least 1")

    @property
    def tree(self) -> str:
        """The expected files and folders."""
        lines = [
            f"{place} (a text file of paths)" if place.endswith(".txt") else f"{place}/**/NAME.jpg"
            for place in (*self.content.values(), *self.style.values())
        ]
        return "\n".join(dict.fromkeys(lines))

    def listing(self, root: Path, split: str) -> Listing:
        """Contents by path, then styles by path."""
        first = self.content["train"]
        root = root if first.endswith(".txt") else find_root(root, first, self.tree)
        problems = list[Problem]()
        contents = self._pool(root, self.content, "source", split, problems)
        styles = self._pool(root, self.style, "target", split, problems)
        return listed([*contents, *styles], problems, root, split, self.tree)

    def _pool(self, root: Path, pool: Mapping[str, str], side: str, split: str, problems: list[Problem]) -> list[Entry]:
        place = root / pool.get(split, pool["train"])
        files = self._list(root, place, problems) if place.suffix == ".txt" else self._folder(root, place)
        folders = sorted({path.split("/")[0] for path in files if "/" in path})
        entries = list[Entry]()
        for path, file in files.items():
            parts: dict[str, Part] = {side: Photo(file)}
            values: dict[str, int] = {}
            if side == "target" and self.category:
                if "/" not in path:
                    problems.append(Problem(str(file), "lies in no folder of a style, so its class is not known"))
                    continue
                values["category"] = folders.index(path.split("/")[0])
            stem = str(PurePosixPath(path).with_suffix(""))
            entries.append(Entry(f"{'content' if side == 'source' else 'style'}-{safe(stem)}", parts, values))
        if split == "train" or split not in pool:
            entries = self._held(entries, pool, split)
        listed(entries, problems, place, split, self.tree)
        return entries

    def _held(self, entries: list[Entry], pool: Mapping[str, str], split: str) -> list[Entry]:
        """Of the pictures named for training those of `split`."""
        val = frozenset() if "val" in pool else lowest(entries, self.validate)
        test = frozenset() if "test" in pool else lowest(entries, len(val) + self.test) - val
        held = {"val": val, "test": test}
        if split == "train":
            return [entry for entry in entries if entry.name not in val | test]
        return [entry for entry in entries if entry.name in held[split]]

    def _folder(self, root: Path, folder: Path) -> dict[str, Path]:
        """Files by their path below the folder."""
        if not folder.is_dir():
            raise missing(root, folder, self.tree)
        return {file.relative_to(folder).as_posix(): file for file in picture_files(folder, deep=True)}

    def _list(self, root: Path, text: Path, problems: list[Problem]) -> dict[str, Path]:
        """Files by the path that the list has."""
        if not text.is_file():
            raise missing(root, text, self.tree)
        try:
            lines = text.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, ValueError) as error:
            raise BenchError(f"list of pictures {str(text)!r} cannot be read: {error}") from error
        found = dict[str, Path]()
        for number, line in enumerate(lines, start=1):
            path = line.strip().replace("\\", "/").removeprefix("./")
            if not path:
                continue
            places = [place for place in (root / path, text.parent / path) if _is_file(place)]
            if not places:
                problems.append(Problem(str(text), f"line {number}: there is no file {path!r}"))
            elif not path.lower().endswith(EXTENSIONS):
                problems.append(Problem(str(text), f"line {number}: {path!r} is not a picture by its extension"))
            elif path in found:
                problems.append(Problem(str(text), f"line {number}: {path!r} is named twice"))
            else:
                found[path] = places[0]
        return dict(sorted(found.items()))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long, or with letters that no path has
        return False
