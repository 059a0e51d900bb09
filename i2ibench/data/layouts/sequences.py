"""Videos as folders of frames: one folder a sequence, in a tree of sources and one of targets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic.dataclasses import dataclass

from i2ibench.data.layouts.layout import Entry, Listing, Part, Problem, missing
from i2ibench.data.layouts.parts import InstanceIds, LabelIds, Photo
from i2ibench.data.layouts.splits import OPTIONS, share
from i2ibench.data.layouts.trees import by_stem, find_split, listed, natural, picture_files, safe, subfolders
from i2ibench.errors import BenchError


@dataclass(frozen=True, config=OPTIONS)
class Sequences:
    """`train_A/SEQUENCE/FRAME.png` and `train_B/SEQUENCE/FRAME.png` as vid2vid (arXiv:1808.06601) reads them.

    Frames of a sequence are those of its folder in the order of their names, numbers by value. In paired trees a
    sequence and its frames have the same names. Where there is no tree for val, whole training sequences validate, one
    in `one_in` by a hash of the name.
    """

    source: str = "{split}_A"
    target: str = "{split}_B"
    labels: str = ""
    """Tree of label maps of the source whose values are train ids, if there are any."""
    instances: str = ""
    """Tree of instance maps of the source, if there are any."""
    paired: bool = True
    one_in: int = 20

    def __post_init__(self) -> None:
        for option in ("source", "target", "labels", "instances"):
            pattern = getattr(self, option)
            if pattern and "{split}" not in pattern:
                raise BenchError(f"{option} {pattern!r} of layout 'sequences' is not a pattern with {{split}} in it")
        if self.source == self.target:
            raise BenchError(f"source and target of layout 'sequences' are both {self.source!r}: name two trees")
        if self.one_in < 2:
            raise BenchError(f"one_in {self.one_in} of layout 'sequences' is not 2 or more")

    @property
    def tree(self) -> str:
        """The expected files and folders."""
        patterns = [pattern for pattern in (self.source, self.target, self.labels, self.instances) if pattern]
        lines = [pattern.replace("{split}", "{train,val,test}") + "/SEQUENCE/FRAME.png" for pattern in patterns]
        return "\n".join([*lines, "(val is taken from train where there is none)"])

    def listing(self, root: Path, split: str) -> Listing:
        """Frames by sequence and order; of unpaired trees first the sources."""
        root, place, carve = find_split(root, self.source, split, self.tree)
        problems = list[Problem]()
        if self.paired:
            entries = self._side(root, place, {"source": self.source, "target": self.target}, "", problems)
        else:
            entries = self._side(root, place, {"source": self.source}, "source-", problems)
            entries += self._side(root, place, {"target": self.target}, "target-", problems)
        if carve:
            entries = list(share(entries, split, ("train", "test"), self.one_in, _sequence))
        return listed(entries, problems, root, split, self.tree)

    def _side(self, root: Path, place: str, trees: dict[str, str], prefix: str, problems: list[Problem]) -> list[Entry]:
        """Frames that have a file in all trees, by the names of their parts."""
        if "source" in trees:
            maps = {"labels": self.labels, "instances": self.instances}
            trees = trees | {part: pattern for part, pattern in maps.items() if pattern}
        folders = {part: root / pattern.replace("{split}", place) for part, pattern in trees.items()}
        for folder in folders.values():
            if not folder.is_dir():
                raise missing(root, folder, self.tree)
        videos = {part: {video.name: video for video in subfolders(folder)} for part, folder in folders.items()}
        entries = list[Entry]()
        for name in sorted(set[str]().union(*videos.values()), key=natural):
            lacking = [part for part in trees if name not in videos[part]]
            if lacking:
                there = next(video[name] for video in videos.values() if name in video)
                problems.append(Problem(str(there), f"has no folder of the same name for {', '.join(lacking)}"))
            else:
                entries += _frames(name, {part: video[name] for part, video in videos.items()}, prefix, problems)
        return entries


def _frames(name: str, folders: dict[str, Path], prefix: str, problems: list[Problem]) -> Sequence[Entry]:
    """The frames of one sequence, numbered; a frame that a tree lacks ends it there."""
    files = dict[str, dict[str, Path]]()
    for part, folder in folders.items():
        files[part], twice, _ = by_stem(picture_files(folder))
        problems += twice
    entries = list[Entry]()
    stems = sorted(set[str]().union(*files.values()), key=natural)
    if not stems:
        problems.append(Problem(str(next(iter(folders.values()))), "has no frames"))
    for number, stem in enumerate(stems):
        lacking = [str(folders[part]) for part in folders if stem not in files[part]]
        if lacking:
            there = next(found[stem] for found in files.values() if stem in found)
            rest = len(stems) - number - 1
            reason = (
                f"has no frame of the same name in {', '.join(lacking)}: it and {rest} frames after it are left out"
            )
            problems.append(Problem(str(there), reason))
            break
        parts = {part: _part(part, found[stem]) for part, found in files.items()}
        values = {"sequence": prefix + safe(name), "frame": number}
        entries.append(Entry(f"{prefix}{safe(f'{name}/{stem}')}", parts, values))
    return entries


def _part(part: str, file: Path) -> Part:
    if part == "labels":
        return LabelIds(file)
    return InstanceIds(file) if part == "instances" else Photo(file)


def _sequence(entry: Entry) -> str:
    return str(entry.values["sequence"])
