"""Many classes in one pool: a folder of pictures for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path

from pydantic.dataclasses import dataclass

from i2ibench.data.layouts.layout import Entry, Listing, Problem, missing
from i2ibench.data.layouts.parts import Photo
from i2ibench.data.layouts.records import text_lines
from i2ibench.data.layouts.splits import OPTIONS, Splits, expression, require_split, share, shown, split_folder
from i2ibench.data.layouts.trees import by_stem, find_root, listed, picture_files, safe, subfolders
from i2ibench.errors import BenchError


@dataclass(frozen=True, config=OPTIONS)
class ClassFolders:
    """One folder a class. Class ids follow the order of `classes`, or of the folders' names.

    Which classes there are is the same for all splits: those of the folder that serves `train`.
    """

    folder: str = "{split}"
    """Where the class folders are; without `{split}` (say `images`, or `.` for the root) all splits share them."""
    splits: Splits = field(default_factory=lambda: {"train": "train", "val": "val", "test": "test"})
    """Folders by split, where `folder` has `{split}` in it."""
    lists: Mapping[str, str] = field(default_factory=dict)
    """For folders that splits share: text files in the root that name a split's pictures, `CLASS/NAME.jpg` a line."""
    one_in: int = 10
    """Of splits that have neither folder nor list, the share that is carved from `train`."""
    classes: tuple[str, ...] = ()
    """Folders that are taken, in the order of ids; without it all, by name."""
    pattern: str = ""
    """A regular expression that a class folder's whole name matches, where not all folders are classes."""

    def __post_init__(self) -> None:
        expression("pattern", self.pattern)
        if self.lists and "{split}" in self.folder:
            raise BenchError(f"option lists goes with a folder that splits share, not with {self.folder!r}")

    @property
    def tree(self) -> str:
        """The expected files."""
        folders = [f"{folder}/CLASS/NAME.jpg".removeprefix("./") for folder in shown(self.folder, self.splits)]
        return "\n".join([*folders, *self.lists.values()])

    def listing(self, root: Path, split: str) -> Listing:
        """The pictures of `split`, named `CLASS-NAME`, with the class's id as `category`.

        Raises `BenchError` where a folder or list is missing or no picture is left.
        """
        require_split(split, {**self.splits, **self.lists})
        folder = split_folder(root, self.folder, self.splits, split, self.tree)
        classes = self._classes(split_folder(root, self.folder, self.splits, "train", self.tree))
        problems = self._strays(folder, classes)
        files = dict[str, tuple[int, Path]]()
        for number, name in enumerate(classes):
            found, twice, _ = by_stem(picture_files(folder / name) if (folder / name).is_dir() else [])
            files |= {f"{name}/{path.name}": (number, path) for path in found.values()}
            problems += twice
            if not found:
                problems.append(Problem(str(folder / name), "has no pictures of its class"))
        if self.lists:
            files = self._listed(root, split, files, problems)
        entries = [
            Entry(safe(name.rpartition(".")[0]), {"source": Photo(path)}, {"category": number})
            for name, (number, path) in files.items()
        ]
        if "{split}" in self.folder:
            entries = list(share(entries, split, self.splits, self.one_in))
        elif split == "train" or split not in self.lists:
            entries = list(share(entries, split, {"train", *self.lists}, self.one_in))
        return listed(entries, problems, folder, split, self.tree)

    def _classes(self, folder: Path) -> list[str]:
        names = [path.name for path in subfolders(folder)]
        if self.pattern:
            names = [name for name in names if expression("pattern", self.pattern).fullmatch(name)]
        if self.classes:
            absent = [name for name in self.classes if name not in names]
            if absent:
                raise BenchError(f"folder {str(folder)!r} lacks the classes {', '.join(absent)}: expected\n{self.tree}")
            return list(self.classes)
        if not names:
            raise BenchError(f"folder {str(folder)!r} has no folder of a class in it: expected\n{self.tree}")
        return names

    def _strays(self, folder: Path, classes: Sequence[str]) -> list[Problem]:
        """Folders that no class of the training pictures explains, where all are taken for classes."""
        if self.classes or self.pattern:
            return []
        strays = (path for path in subfolders(folder) if path.name not in classes)
        return [Problem(str(path), "is no class of the training pictures") for path in strays]

    def _listed(
        self, root: Path, split: str, files: dict[str, tuple[int, Path]], problems: list[Problem]
    ) -> dict[str, tuple[int, Path]]:
        """Of `files` those that are `split`'s, or that it is carved from: what `train`'s list or no list names."""
        named = {name: self._names(self._list(root, name), problems) for name in self.lists}
        serving = split if split in named else "train"
        if serving not in named:
            others = set().union(*named.values())
            return {name: found for name, found in files.items() if name not in others}
        absent = sorted(named[serving] - files.keys())
        text = str(self._list(root, serving))
        problems += [Problem(text, f"lists {name!r}, which is not there") for name in absent]
        return {name: found for name, found in files.items() if name in named[serving]}

    def _list(self, root: Path, split: str) -> Path:
        path = find_root(root, self.folder, self.tree) / self.lists[split]
        if not path.is_file():
            raise missing(root, path, self.tree)
        return path

    def _names(self, path: Path, problems: list[Problem]) -> set[str]:
        names = [line.replace("\\", "/").removeprefix("./") for _, line in text_lines(path)]
        for name in {name for name, count in Counter(names).items() if count > 1}:
            problems.append(Problem(str(path), f"lists {name!r} more than once"))
        return set(names)
