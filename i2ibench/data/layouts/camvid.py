"""CamVid in the split of the SegNet tutorial: photos beside folders of label ids."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic.dataclasses import dataclass

from i2ibench.data.layouts.layout import Entry, Listing, Part
from i2ibench.data.layouts.parts import LabelIds, Painted, Photo
from i2ibench.data.layouts.splits import OPTIONS, require_split
from i2ibench.data.layouts.trees import by_stem, find_root, listed, partners, picture_files, safe
from i2ibench.task import IGNORE
from i2ibench.tasks.labels import CAMVID

VOID = 11
"""The file's id of pixels that belong to no class."""


@dataclass(frozen=True, config=OPTIONS)
class CamVid:
    """`{train,val,test}/NAME.png` with ids 0 to 10 and `VOID` in `{train,val,test}annot/NAME.png`."""

    direction: Literal["label2photo", "photo2label"] = "label2photo"
    """Which of label picture, in the classes' colours, and photo is the source."""

    @property
    def tree(self) -> str:
        """The expected files."""
        return "{train,val,test}/NAME.png\n{train,val,test}annot/NAME.png"

    def listing(self, root: Path, split: str) -> Listing:
        """The examples of `split`. Raises `BenchError` where a folder is missing or no pair is left."""
        require_split(split, {"train": "train"})
        photos, twice, _ = by_stem(picture_files(find_root(root, split, self.tree) / split))
        annot = f"{split}annot"
        maps, twice_annot, _ = by_stem(picture_files(find_root(root, annot, self.tree) / annot))
        both, alone = partners(photos, maps, "label map")
        entries = (self._entry(*example) for example in both)
        return listed(entries, [*twice, *twice_annot, *alone], root, split, self.tree)

    def _entry(self, name: str, photo: Path, ids: Path) -> Entry:
        labels = LabelIds(ids, {**{label: label for label in range(len(CAMVID))}, VOID: IGNORE}, strict=True)
        pair: list[Part] = [Painted(labels, CAMVID.palette), Photo(photo)]
        source, target = pair if self.direction == "label2photo" else pair[::-1]
        return Entry(safe(name), {"source": source, "target": target, "labels": labels})
