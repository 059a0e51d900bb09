"""ADE20K and COCO-Stuff: photos of scenes and label maps in folders of the same names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from i2ibench.data.layouts.layout import Entry, Listing, Part, Problem, missing
from i2ibench.data.layouts.parts import InstanceIds, LabelIds, Painted, Photo
from i2ibench.data.layouts.splits import OPTIONS
from i2ibench.data.layouts.trees import by_stem, find_root, listed, lowest, partners, picture_files, safe
from i2ibench.task import IGNORE
from i2ibench.tasks.scenes_labels import ADE20K_LABELS, COCO_STUFF_LABELS

Direction = Literal["label2photo", "photo2label"]


@dataclass(frozen=True, config=OPTIONS)
class ADE20K:
    """Scene parsing of 150 classes: value 0 is other and ignored, class k has value k + 1.

    Test is the official validation; val is the `validate` training pictures with the lowest hashes of their names.
    """

    direction: Direction = "label2photo"
    validate: Annotated[int, Field(ge=1)] = 1000

    @property
    def tree(self) -> str:
        """The expected files and folders (`ADEChallengeData2016`)."""
        return "images/{training,validation}/ADE_*.jpg\nannotations/{training,validation}/ADE_*.png"

    def listing(self, root: Path, split: str) -> Listing:
        """Photos by name."""
        root = find_root(root, "images", self.tree)
        folder = "validation" if split == "test" else "training"
        table = {0: IGNORE} | {label + 1: label for label in range(len(ADE20K_LABELS))}
        maps = _Maps(table, ADE20K_LABELS.palette, self.direction)
        photos, labels = root / "images" / folder, root / "annotations" / folder
        return _listing(root, photos, labels, None, maps, split, self.validate, self.tree)


@dataclass(frozen=True, config=OPTIONS)
class CocoStuff:
    """COCO 2017 photos and stuff-thing maps of 182 classes; value 255 is ignored.

    Test is the official val2017; val is the `validate` training pictures with the lowest hashes of their names.
    """

    direction: Direction = "label2photo"
    photos: str = "images"
    """Folder of `train2017` and `val2017` with the photos."""
    labels: str = "annotations"
    """Folder of `train2017` and `val2017` with the maps of `stuffthingmaps_trainval2017.zip`."""
    instances: str = ""
    """Folder of `train2017` and `val2017` with instance maps, if such were made (by the scripts of SPADE, say)."""
    validate: Annotated[int, Field(ge=1)] = 2000

    @property
    def tree(self) -> str:
        """The expected files and folders."""
        lines = [f"{self.photos}/{{train2017,val2017}}/NAME.jpg", f"{self.labels}/{{train2017,val2017}}/NAME.png"]
        return "\n".join(lines + ([f"{self.instances}/{{train2017,val2017}}/NAME.png"] if self.instances else []))

    def listing(self, root: Path, split: str) -> Listing:
        """Photos by name."""
        root = find_root(root, self.photos, self.tree)
        folder = "val2017" if split == "test" else "train2017"
        table = {label: label for label in range(len(COCO_STUFF_LABELS))} | {IGNORE: IGNORE}
        maps = _Maps(table, COCO_STUFF_LABELS.palette, self.direction)
        photos, labels = root / self.photos / folder, root / self.labels / folder
        instances = root / self.instances / folder if self.instances else None
        return _listing(root, photos, labels, instances, maps, split, self.validate, self.tree)


@dataclass(frozen=True)
class _Maps:
    """How a file of ids becomes labels and a picture."""

    table: Mapping[int, int]
    palette: tuple[tuple[int, int, int], ...]
    direction: Direction

    def parts(self, photo: Path, labels: Path) -> dict[str, Part]:
        ids = LabelIds(labels, self.table, strict=True)
        sides: tuple[Part, Part] = (Painted(ids, self.palette), Photo(photo))
        source, target = sides if self.direction == "label2photo" else sides[::-1]
        return {"source": source, "target": target, "labels": ids}


def _listing(
    root: Path, photos: Path, labels: Path, instances: Path | None, maps: _Maps, split: str, validate: int, tree: str
) -> Listing:
    folders = [photos, labels] + ([] if instances is None else [instances])
    for folder in folders:
        if not folder.is_dir():
            raise missing(root, folder, tree)
    problems, found = list[Problem](), list[dict[str, Path]]()
    for folder in folders:
        files, twice, _ = by_stem(picture_files(folder))
        found.append(files)
        problems += twice
    both, lone = partners(found[0], found[1], f"label map in {str(labels)!r}")
    problems += lone
    entries = list[Entry]()
    for stem, photo, label in both:
        parts = maps.parts(photo, label)
        if instances is not None:
            if stem not in found[2]:
                problems.append(Problem(str(photo), f"has no instance map in {str(instances)!r}"))
                continue
            parts["instances"] = InstanceIds(found[2][stem])
        entries.append(Entry(safe(stem), parts))
    if split != "test":
        held = lowest(entries, validate)
        entries = [entry for entry in entries if (entry.name in held) == (split == "val")]
    return listed(entries, problems, root, split, tree)
