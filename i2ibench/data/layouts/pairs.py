"""Paired pictures: two in one file, or two folders of equal names."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path

from pydantic.dataclasses import dataclass

from i2ibench.data.layouts.layout import Entry, Listing, Part, Problem
from i2ibench.data.layouts.parts import Half, LabelColours, Middle, Photo
from i2ibench.data.layouts.splits import OPTIONS, Splits, expression, require_split, share, shown, split_folder
from i2ibench.data.layouts.trees import by_stem, listed, partners, picture_files, safe, subfolders
from i2ibench.errors import BenchError


@dataclass(frozen=True, config=OPTIONS)
class SideBySide:
    """Files that show source and target side by side, as the archives of pix2pix (arXiv:1611.07004) do."""

    source: Half = "left"
    splits: Splits = field(default_factory=lambda: {"train": "train", "val": "val", "test": "test"})
    one_in: int = 10
    """Of what `splits` lacks, the share that is carved from `train`."""
    labels: Half | None = None
    """The half that holds label colours, if they are to become ids too."""
    palette: tuple[tuple[int, int, int], ...] = ()
    tolerance: float = 0.0
    """How far a colour may be from its class's, which JPEG makes needful (`LabelColours`)."""

    def __post_init__(self) -> None:
        if self.labels is not None and not self.palette:
            raise BenchError("option labels of layout 'side-by-side' needs option palette: the classes' colours by id")

    @property
    def tree(self) -> str:
        """The expected files."""
        return "\n".join(f"{folder}/NAME.jpg" for folder in shown("{split}", self.splits))

    def listing(self, root: Path, split: str) -> Listing:
        """The pairs of `split`. Raises `BenchError` where its folder is missing or holds none."""
        require_split(split, self.splits)
        folder = split_folder(root, "{split}", self.splits, split, self.tree)
        files, problems, _ = by_stem(picture_files(folder))
        entries = (Entry(safe(stem), self._parts(path)) for stem, path in files.items())
        return listed(share(entries, split, self.splits, self.one_in), problems, folder, split, self.tree)

    def _parts(self, path: Path) -> dict[str, Part]:
        other: Half = "right" if self.source == "left" else "left"
        parts: dict[str, Part] = {"source": Photo(path, self.source), "target": Photo(path, other)}
        if self.labels is not None:
            parts["labels"] = LabelColours(path, self.palette, self.labels, self.tolerance)
        return parts


@dataclass(frozen=True, config=OPTIONS)
class PairedFolders:
    """A folder of sources and one of targets for each split, in which partners have one name.

    In the patterns `{split}` is the split's folder, and one part may be `*`: any folder (a scene), which belongs to
    the names of its pictures; what is carved is then carved by whole scenes.
    """

    source: str = "{split}/A"
    target: str = "{split}/B"
    splits: Splits = field(default_factory=lambda: {"train": "train", "val": "val", "test": "test"})
    one_in: int = 10
    """Of what `splits` lacks, the share that is carved from `train`."""
    drop: str = ""
    """A regular expression; what it matches in names (without suffix) does not count: `_NOISY$|_GT$`."""
    group: str = ""
    """A regular expression whose match in a name says of which scene it is, where there is no `*`."""
    middle: tuple[int, int] | None = None
    """Height and width of the window that is cut out of the middle of every picture (`Middle`), else all of it."""

    def __post_init__(self) -> None:
        expression("drop", self.drop)
        expression("group", self.group)
        for pattern in (self.source, self.target):
            if pattern.count("*") > 1 or not pattern.partition("*")[0].strip("/"):
                raise BenchError(f"pattern {pattern!r} should be folders, of which at most one, not the first, is '*'")

    @property
    def tree(self) -> str:
        """The expected files."""
        folders = (shown(pattern, self.splits) for pattern in (self.source, self.target))
        lines = (f"{folder}/NAME.png" for both in zip(*folders, strict=True) for folder in both)
        return "\n".join(lines).replace("*", "SCENE")

    def listing(self, root: Path, split: str) -> Listing:
        """The pairs of `split`. Raises `BenchError` where a folder is missing or no pair is left."""
        require_split(split, self.splits)
        problems = list[Problem]()
        sources = self._files(root, self.source, split, problems)
        targets = self._files(root, self.target, split, problems)
        both, alone = partners(sources, targets, "target")
        scenes, entries = dict[str, str](), list[Entry]()
        group = expression("group", self.group)
        for name, source, target in both:
            entry = Entry(safe(name), {"source": self._part(source), "target": self._part(target)})
            scene = group.search(name) if self.group else None
            scenes[entry.name] = scene[0] if scene else name.rpartition("/")[0] or name
            entries.append(entry)
        shared = share(entries, split, self.splits, self.one_in, lambda entry: scenes[entry.name])
        return listed(shared, problems + alone, root, split, self.tree)

    def _part(self, file: Path) -> Part:
        return Photo(file) if self.middle is None else Middle(Photo(file), self.middle)

    def _files(self, root: Path, pattern: str, split: str, problems: list[Problem]) -> dict[str, Path]:
        """Pictures under `pattern` by the name that counts: `STEM`, or `SCENE/STEM`."""
        head, star, tail = pattern.partition("*")
        top = split_folder(root, head.strip("/"), self.splits, split, self.tree)
        folders = {"": top}
        if star:
            scenes = {f"{scene.name}/": scene / tail.strip("/") for scene in subfolders(top)}
            folders = {scene: folder for scene, folder in scenes.items() if folder.is_dir()}
            problems += [Problem(str(path), "is not there") for path in scenes.values() if not path.is_dir()]
        drop, found = expression("drop", self.drop), dict[str, Path]()
        for scene, folder in folders.items():
            for path in picture_files(folder):
                name = scene + drop.sub("", path.stem)
                if name in found:
                    reason = f"is {name!r} like {found[name].name!r}, which is used: remove one"
                    problems.append(Problem(str(path), reason))
                else:
                    found[name] = path
        return found
