"""Cityscapes as it is distributed: photos with label and instance maps, by city."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic.dataclasses import dataclass

from i2ibench.data.layouts.layout import Entry, Listing, Part, Problem
from i2ibench.data.layouts.parts import InstanceIds, LabelColours, LabelIds, Painted, Photo
from i2ibench.data.layouts.splits import OPTIONS
from i2ibench.data.layouts.trees import by_stem, find_root, listed, picture_files, safe, subfolders
from i2ibench.tasks.cityscapes import ID_COLOURS, TRAIN_IDS
from i2ibench.tasks.labels import CITYSCAPES

VAL_CITIES = ("bochum", "ulm")
"""Training cities that validate: 96 and 95 of the 2,975 pictures."""

OFFICIAL = {"train": "train", "val": "train", "test": "val"}
"""The official split that each of ours is taken from. The official test has no public labels."""


@dataclass(frozen=True, config=OPTIONS)
class Cityscapes:
    """Fine annotations. Train and val are the official train without and with `val_cities`; test is the official val.

    Labels are train ids, from `labelIds` or, where a picture has none, from `color`: the first of the 19 classes with
    that colour. The label picture has the colours of all 35 classes.
    """

    direction: Literal["label2photo", "photo2label"] = "label2photo"
    """Which of label picture and photo is the source."""
    instances: bool = True
    """Instance maps are read too: class * 1000 + number for objects, class ids elsewhere."""
    val_cities: tuple[str, ...] = VAL_CITIES

    @property
    def tree(self) -> str:
        """The expected files and folders."""
        instances = "\ngtFine/{train,val}/CITY/CITY_SEQ_FRAME_gtFine_instanceIds.png" if self.instances else ""
        return (
            "leftImg8bit/{train,val}/CITY/CITY_SEQ_FRAME_leftImg8bit.png\n"
            "gtFine/{train,val}/CITY/CITY_SEQ_FRAME_gtFine_labelIds.png (or _color.png)" + instances
        )

    def listing(self, root: Path, split: str) -> Listing:
        """Pictures by city and number."""
        root = find_root(root, "leftImg8bit", self.tree)
        entries, problems = list[Entry](), list[Problem]()
        for city, photos in photos_of(
            root, "leftImg8bit", OFFICIAL[split], split, self.val_cities, self.tree, problems
        ):
            folder = root / "gtFine" / OFFICIAL[split] / city
            files = picture_files(folder) if folder.is_dir() else []
            maps = {
                kind: by_stem(files, f"_gtFine_{kind}")[0]
                for kind in ("labelIds", "color", *(["instanceIds"] if self.instances else []))
            }
            for stem, photo in photos.items():
                lacking = [f"_gtFine_{kind}" for kind in ("instanceIds",) if kind in maps and stem not in maps[kind]]
                if stem not in maps["labelIds"] and stem not in maps["color"]:
                    lacking.insert(0, "_gtFine_labelIds or _gtFine_color")
                if lacking:
                    problems.append(Problem(str(photo), f"has no {' and no '.join(lacking)} in {str(folder)!r}"))
                else:
                    entries.append(self._entry(stem, photo, {kind: found.get(stem) for kind, found in maps.items()}))
            lone = {stem: file for found in maps.values() for stem, file in found.items() if stem not in photos}
            problems += [Problem(str(file), "belongs to a photo that is not there") for file in lone.values()]
        return listed(entries, problems, root, split, self.tree)

    def _entry(self, stem: str, photo: Path, maps: dict[str, Path | None]) -> Entry:
        picture: Part
        labels: Part
        if (ids := maps["labelIds"]) is not None:
            picture, labels = Painted(LabelIds(ids), ID_COLOURS), LabelIds(ids, TRAIN_IDS)
        else:
            colours = maps["color"]
            assert colours is not None  # the caller has seen to it
            picture, labels = Photo(colours), LabelColours(colours, CITYSCAPES.palette)
        sides = (picture, Photo(photo)) if self.direction == "label2photo" else (Photo(photo), picture)
        parts: dict[str, Part] = {"source": sides[0], "target": sides[1], "labels": labels}
        if (instances := maps.get("instanceIds")) is not None:
            parts["instances"] = InstanceIds(instances)
        return Entry(safe(stem), parts)


def photos_of(
    root: Path, package: str, official: str, split: str, val_cities: tuple[str, ...], tree: str, problems: list[Problem]
) -> Iterator[tuple[str, dict[str, Path]]]:
    """City and its photos by stem (without `_leftImg8bit`), for one of our splits, from the `official` one.

    Adds to `problems`. Raises `BenchError` where the folder or all of its cities are missing.
    """
    folder = find_root(root, f"{package}/{official}", tree) / package / official
    found = subfolders(folder)
    chosen = [city for city in found if official != "train" or (city.name in val_cities) == (split == "val")]
    if split == "val" and (absent := sorted(set(val_cities) - {city.name for city in chosen})):
        problems.append(Problem(str(folder), f"lacks cities that validate: {', '.join(absent)}"))
    for city in chosen:
        photos, twice, others = by_stem(picture_files(city), "_leftImg8bit")
        problems += twice
        problems += [Problem(str(file), "is not named CITY_SEQ_FRAME_leftImg8bit") for file in others]
        if not photos:
            problems.append(Problem(str(city), "has no photos"))
        yield city.name, photos
