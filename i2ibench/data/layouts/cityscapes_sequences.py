"""Cityscapes' snippets of 30 frames, with label maps that a segmenter predicted, as vid2vid is trained."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic.dataclasses import dataclass

from i2ibench.data.layouts.cityscapes import OFFICIAL, VAL_CITIES, photos_of
from i2ibench.data.layouts.layout import Entry, Listing, Part, Problem
from i2ibench.data.layouts.parts import LabelIds, Painted, Photo
from i2ibench.data.layouts.splits import OPTIONS
from i2ibench.data.layouts.trees import by_stem, find_root, listed, partners, picture_files, safe
from i2ibench.errors import BenchError
from i2ibench.tasks.cityscapes import ID_COLOURS, TRAIN_IDS
from i2ibench.tasks.labels import CITYSCAPES


@dataclass(frozen=True, config=OPTIONS)
class CityscapesSequences:
    """Photos of `leftImg8bit_sequence` and predicted label maps in a folder of the same tree, paired.

    Frames of a city and sequence number that follow each other are a sequence, of `length` frames at most. Splits are
    those of layout `cityscapes`.
    """

    labels: str = "predicted"
    """Folder of the predicted maps; their stems are the photos', with or without `_leftImg8bit` or another ending."""
    ids: Literal["labelIds", "trainIds"] = "labelIds"
    """What the values of the predicted maps are."""
    length: int = 30
    """Frames of a whole snippet; others are used as they are, and told as problems."""
    val_cities: tuple[str, ...] = VAL_CITIES

    def __post_init__(self) -> None:
        if self.length < 1:
            raise BenchError(f"length {self.length} of layout 'cityscapes-sequences' is not a number of frames")

    @property
    def tree(self) -> str:
        """The expected files and folders."""
        return (
            "leftImg8bit_sequence/{train,val}/CITY/CITY_SEQ_FRAME_leftImg8bit.png\n"
            f"{self.labels}/{{train,val}}/CITY/CITY_SEQ_FRAME_*.png (predicted {self.ids})"
        )

    def listing(self, root: Path, split: str) -> Listing:
        """Frames by city, sequence and number."""
        root = find_root(root, "leftImg8bit_sequence", self.tree)
        entries, problems = list[Entry](), list[Problem]()
        for city, photos in photos_of(
            root, "leftImg8bit_sequence", OFFICIAL[split], split, self.val_cities, self.tree, problems
        ):
            folder = root / self.labels / OFFICIAL[split] / city
            maps = self._maps(folder, problems) if folder.is_dir() else {}
            both, lone = partners(photos, maps, f"predicted label map in {str(folder)!r}")
            problems += lone
            frames = {stem: (photo, labels) for stem, photo, labels in both}
            for run in _runs(frames, self.length, problems):
                for number, stem in enumerate(run):
                    photo, labels = frames[stem]
                    values = {"sequence": safe(run[0]), "frame": number}
                    entries.append(Entry(safe(stem), self._parts(photo, labels), values))
                if len(run) != self.length:
                    reason = f"begins a sequence of {len(run)} frames, not {self.length}: others are missing"
                    problems.append(Problem(str(frames[run[0]][0]), reason))
        return listed(entries, problems, root, split, self.tree)

    def _maps(self, folder: Path, problems: list[Problem]) -> dict[str, Path]:
        """Predicted maps by CITY_SEQ_FRAME."""
        found = dict[str, Path]()
        files, twice, _ = by_stem(picture_files(folder))
        problems += twice
        for stem, file in files.items():
            match = re.match(r"[^_]+_[0-9]+_[0-9]+(?=_|$)", stem)
            if match is None or match[0] in found:
                reason = "is not named CITY_SEQ_FRAME" if match is None else f"is a second map of {match[0]!r}"
                problems.append(Problem(str(file), reason))
            else:
                found[match[0]] = file
        return found

    def _parts(self, photo: Path, labels: Path) -> dict[str, Part]:
        if self.ids == "labelIds":
            picture, ids = Painted(LabelIds(labels), ID_COLOURS), LabelIds(labels, TRAIN_IDS)
        else:
            ids = LabelIds(labels, {train_id: train_id for train_id in range(len(CITYSCAPES))})
            picture = Painted(ids, CITYSCAPES.palette)
        return {"source": picture, "target": Photo(photo), "labels": ids}


def _runs(stems: dict[str, tuple[Path, Path]], length: int, problems: list[Problem]) -> Iterator[list[str]]:
    """Stems of frames that follow each other, cut after each `length`."""
    numbered = list[tuple[str, int, str]]()
    for stem, (photo, _) in stems.items():
        match = re.fullmatch(r"(.+_[0-9]{1,9})_([0-9]{1,9})", stem)
        if match is None:
            problems.append(Problem(str(photo), "is not named CITY_SEQ_FRAME_leftImg8bit"))
        else:
            numbered.append((match[1], int(match[2]), stem))
    run, last = list[str](), ("", 0)
    for sequence, number, stem in sorted(numbered):
        if run and (last != (sequence, number - 1) or len(run) == length):
            yield run
            run = []
        run.append(stem)
        last = (sequence, number)
    if run:
        yield run
