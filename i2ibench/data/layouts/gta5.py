"""GTA5 frames with label maps (Playing for Data, arXiv:1608.02192) as source, Cityscapes photos as target."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal

from pydantic.dataclasses import dataclass

from i2ibench.data.layouts.cityscapes import VAL_CITIES, photos_of
from i2ibench.data.layouts.layout import Entry, Listing, Problem, missing
from i2ibench.data.layouts.parts import LabelIds, Photo
from i2ibench.data.layouts.splits import OPTIONS
from i2ibench.data.layouts.trees import by_stem, find_root, listed, partners, picture_files, safe
from i2ibench.tasks.cityscapes import TRAIN_IDS

_KEYS = {"train": "trainIds", "val": "valIds", "test": "testIds"}
_BLOCK = 100
"""Frames that go to one side together without a split file: neighbours are seconds apart."""


@dataclass(frozen=True, config=OPTIONS)
class GTA5:
    """Unpaired: frames with labels (palette indices are Cityscapes ids; others are ignored), then Cityscapes photos.

    Frames are split by `split.mat` of the download. Without that file, or without scipy that reads it, blocks of 100
    consecutive numbers are shared out by a hash: a half trains, a quarter validates, a quarter tests. Photos are the
    official train without and with `val_cities`, and `test_photos` for test.
    """

    test_photos: Literal["test", "val"] = "test"
    """The official split of Cityscapes that translations of our test are compared with."""
    val_cities: tuple[str, ...] = VAL_CITIES

    @property
    def tree(self) -> str:
        """The expected files and folders."""
        return (
            "gta5/images/00001.png ...\n"
            "gta5/labels/00001.png ...\n"
            "gta5/split.mat (optional: without it blocks of frames are shared out by a hash)\n"
            f"cityscapes/leftImg8bit/{{train,{self.test_photos}}}/CITY/CITY_SEQ_FRAME_leftImg8bit.png"
        )

    def listing(self, root: Path, split: str) -> Listing:
        """Frames by number, then photos by city and number."""
        frames = find_root(root, "gta5/images", self.tree) / "gta5"
        if not (frames / "labels").is_dir():
            raise missing(root, frames / "labels", self.tree)
        images, problems, _ = by_stem(picture_files(frames / "images"))
        labels, twice, _ = by_stem(picture_files(frames / "labels"))
        both, lone = partners(images, labels, "label map in gta5/labels")
        problems += twice + lone
        official = _official(frames / "split.mat", problems)
        sources = [
            Entry(f"gta5-{safe(stem)}", {"source": Photo(image), "labels": LabelIds(label, TRAIN_IDS)})
            for stem, image, label in both
            if _side(stem, official, image, problems if split == "train" else []) == split
        ]
        listed(sources, problems, frames, split, self.tree)  # neither domain may be empty
        folder = self.test_photos if split == "test" else "train"
        photos = photos_of(
            frames.parent / "cityscapes", "leftImg8bit", folder, split, self.val_cities, self.tree, problems
        )
        targets = [
            Entry(f"cityscapes-{safe(stem)}", {"target": Photo(photo)})
            for _, found in photos
            for stem, photo in found.items()
        ]
        listed(targets, problems, frames.parent / "cityscapes", split, self.tree)
        return listed([*sources, *targets], problems, frames.parent, split, self.tree)


def _official(file: Path, problems: list[Problem]) -> dict[int, str]:
    """Our split of each frame number by `split.mat`; nothing where it is not there or cannot be read."""
    if not file.is_file():
        return {}
    rule = "frames are split by a hash instead"
    try:
        from scipy.io import loadmat
    except ImportError:
        problems.append(Problem(str(file), f"needs scipy to be read (pip install scipy): {rule}"))
        return {}
    try:
        content: dict[str, Any] = loadmat(str(file))
        return {int(number): split for split, key in _KEYS.items() for number in content[key].ravel()}
    except Exception as error:  # scipy's reader meets broken bytes with errors of any kind
        reason = f"cannot be read as a MATLAB file with {', '.join(_KEYS.values())} ({type(error).__name__}: {error})"
        problems.append(Problem(str(file), f"{reason}: {rule}"))
        return {}


def _side(stem: str, official: dict[int, str], image: Path, problems: list[Problem]) -> str | None:
    """The split of a frame; None where the split file does not know it."""
    if not stem.isascii() or not stem.isdigit() or len(stem) > 9:
        problems.append(Problem(str(image), "is not named by a number, as 00001.png is: left out"))
        return None
    if official:
        if int(stem) not in official:
            problems.append(Problem(str(image), "is in no split of split.mat: left out"))
        return official.get(int(stem))
    block = (int(stem) - 1) // _BLOCK
    draw = int.from_bytes(hashlib.sha256(str(block).encode()).digest()[:8], "big") % 4
    return ("train", "train", "val", "test")[draw]
