"""Street pictures by condition, with object boxes, as INIT (arXiv:1905.01744) is trained on."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic.dataclasses import dataclass

from i2ibench.data.layouts.boxes import COLUMNS, Boxes, boxes_at
from i2ibench.data.layouts.layout import Entry, Listing, Part, Problem, missing
from i2ibench.data.layouts.parts import Photo
from i2ibench.data.layouts.splits import OPTIONS, share
from i2ibench.data.layouts.trees import by_stem, find_split, listed, picture_files, safe
from i2ibench.errors import BenchError

CLASSES = ("car", "person", "traffic sign")
"""Objects that INIT's pictures are annotated with."""


@dataclass(frozen=True, config=OPTIONS)
class INIT:
    """Unpaired: a folder of pictures for each condition and split, and files of boxes (`boxes`: CSV, JSON or XML).

    INIT's own annotation files are not read: what is asked for can be written by any detector. Where there is no folder
    for val, one in `one_in` training pictures validates, by a hash of the name, or of the scene where `scene`
    finds one in it.
    """

    source: str = "sunny"
    target: str = "night"
    """Folders of the two conditions."""
    pictures: str = "{split}/{domain}"
    """Folder of a condition's pictures."""
    boxes: str = "{split}/{domain}"
    """Their boxes: this name with .csv or .json added, or a folder of XML files, which may lie beside the pictures."""
    classes: tuple[str, ...] = CLASSES
    """Names of the boxes' classes by id."""
    scene: str = ""
    """Regular expression that finds scene or drive in an example's name (`sunny-STEM`): `^(.*)_[0-9]+$`, say."""
    one_in: int = 20

    def __post_init__(self) -> None:
        if self.source == self.target:
            raise BenchError(f"source and target of layout 'init' are both {self.source!r}: name two conditions")
        if "{split}" not in self.pictures or "{domain}" not in self.pictures + self.boxes:
            raise BenchError("pictures and boxes of layout 'init' are patterns with {split} and {domain} in them")
        if self.one_in < 2:
            raise BenchError(f"one_in {self.one_in} of layout 'init' is not 2 or more")
        try:
            re.compile(self.scene)
        except re.error as error:
            raise BenchError(
                f"scene {self.scene!r} of layout 'init' is not a regular expression ({error}): write one"
            ) from error

    @property
    def tree(self) -> str:
        """The expected files and folders."""
        lines = []
        for domain in (self.source, self.target):
            pictures, boxes = (
                pattern.replace("{split}", "{train,val,test}").replace("{domain}", domain)
                for pattern in (self.pictures, self.boxes)
            )
            lines.append(f"{pictures}/NAME.jpg (val is taken from train where there is none)")
            lines.append(f"{boxes}.csv (its first line: {','.join(COLUMNS)}), {boxes}.json or {boxes}/NAME.xml")
        return "\n".join(lines)

    def listing(self, root: Path, split: str) -> Listing:
        """Pictures of the source condition by name, then those of the target's."""
        root, place, carve = find_split(root, _of(self.pictures, self.source), split, self.tree)
        problems = list[Problem]()
        entries = list[Entry]()
        for side, domain in (("source", self.source), ("target", self.target)):
            found = self._domain(root, place, domain, side, problems)
            if carve:
                found = list(share(found, split, ("train", "test"), self.one_in, self._scene))
            listed(found, problems, root, f"{split} {domain}", self.tree)  # neither domain may be empty
            entries += found
        return listed(entries, problems, root, split, self.tree)

    def _domain(self, root: Path, place: str, domain: str, side: str, problems: list[Problem]) -> list[Entry]:
        folder, where = (
            root / _of(pattern, domain).replace("{split}", place) for pattern in (self.pictures, self.boxes)
        )
        if not folder.is_dir():
            raise missing(root, folder, self.tree)
        boxes = boxes_at(where, self.classes)
        if boxes is None:
            raise missing(root, where.with_name(where.name + ".csv"), self.tree)
        photos, twice, _ = by_stem(picture_files(folder))
        problems += twice + boxes.problems
        problems += [
            Problem(str(where), f"has boxes of {stem!r}, which is no picture in {str(folder)!r}")
            for stem in boxes.found
            if stem not in photos
        ]
        return [self._entry(domain, side, stem, photo, boxes) for stem, photo in photos.items()]

    def _entry(self, domain: str, side: str, stem: str, photo: Path, boxes: Boxes) -> Entry:
        parts: dict[str, Part] = {side: Photo(photo)}
        return Entry(f"{safe(domain)}-{safe(stem)}", parts, {"boxes": boxes.of(stem)})

    def _scene(self, entry: Entry) -> str:
        """The scene of an entry, or its name where none is found."""
        match = re.search(self.scene, entry.name) if self.scene else None
        return entry.name if match is None else "/".join(group or "" for group in match.groups()) or match[0]


def _of(pattern: str, domain: str) -> str:
    return pattern.replace("{domain}", domain)
