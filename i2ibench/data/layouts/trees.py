"""Folders of picture files: what counts as one, what stem it has, and names of examples that follow from paths."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from i2ibench.data.layouts.layout import Entry, Listing, Problem, missing
from i2ibench.errors import BenchError

EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm")
"""Of picture files, in either letter case."""

_LONGEST = 150
"""Letters of an example's name, at most."""


def find_root(root: Path, folder: str, tree: str) -> Path:
    """Where `folder` lies: in `root`, else in the only folder of `root` that has it, else in `root`'s parent.

    So a root may also be the folder that the archive was unpacked in, or `folder` itself. Raises `BenchError`.
    """
    if (root / folder).is_dir():
        return root
    if root.is_dir():
        below = [child for child in subfolders(root) if (child / folder).is_dir()]
        if len(below) == 1:
            return below[0]
        if len(below) > 1:
            names = ", ".join(repr(str(child)) for child in below)
            raise BenchError(f"{folder!r} lies in several folders under {str(root)!r}: give one of {names} as the root")
        if root.name == Path(folder).parts[0] and (root.parent / folder).is_dir():
            return root.parent
    raise missing(root, root / folder, tree)


def find_split(root: Path, pattern: str, split: str, tree: str) -> tuple[Path, str, bool]:
    """Where the folder `pattern`, with `{split}` in it, lies by `find_root`; the split that it is of; whether to carve.

    A val that is not there is carved from train, and train is then without it. Raises `BenchError`.
    """
    try:
        place = find_root(root, pattern.replace("{split}", split), tree)
    except BenchError:
        if split != "val":
            raise
        return find_root(root, pattern.replace("{split}", "train"), tree), "train", True
    return place, split, split == "train" and not (place / pattern.replace("{split}", "val")).is_dir()


def subfolders(folder: Path) -> list[Path]:
    """Folders in a folder by name, without hidden ones."""
    return [Path(item.path) for item in _scan(folder) if item.is_dir()]


def picture_files(folder: Path, *, deep: bool = False) -> list[Path]:
    """Picture files in a folder, by name; with `deep` in its folders too. Hidden files and folders are left out."""
    items = _scan(folder)
    files = [Path(item.path) for item in items if item.name.lower().endswith(EXTENSIONS) and item.is_file()]
    if deep:
        files += [file for item in items if item.is_dir() for file in picture_files(Path(item.path), deep=True)]
    return files


def by_stem(files: Iterable[Path], ending: str = "") -> tuple[dict[str, Path], list[Problem], list[Path]]:
    """Files whose stem has `ending`, by the stem without it; problems of stems that occur twice; all other files."""
    found, problems, others = dict[str, Path](), list[Problem](), list[Path]()
    for file in files:
        stem = file.stem.removesuffix(ending)
        if not stem or (ending and stem == file.stem):
            others.append(file)
        elif stem in found:
            problems.append(Problem(str(file), f"has the same stem as {found[stem].name!r}, which is used: remove one"))
        else:
            found[stem] = file
    return found, problems, others


def partners(
    photos: Mapping[str, Path], maps: Mapping[str, Path], kind: str
) -> tuple[list[tuple[str, Path, Path]], list[Problem]]:
    """Stem, photo and map of all that have both; `kind` is what problems call the map of a photo."""
    both = [(stem, photo, maps[stem]) for stem, photo in photos.items() if stem in maps]
    lone = [Problem(str(photo), f"has no {kind}") for stem, photo in photos.items() if stem not in maps]
    lone += [Problem(str(file), f"is a {kind} without its photo") for stem, file in maps.items() if stem not in photos]
    return both, lone


def safe(path: str) -> str:
    """A name of `A-Z a-z 0-9 . _ -` from a path without its extension, the same ever after.

    `/` becomes `-`. Where other letters are replaced, or the name is too long, a hash tells it from its likes.
    """
    plain = path.replace("/", "-")
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", plain).lstrip(".")[:_LONGEST]
    if name == plain:
        return name
    return f"{name}-{hashlib.sha256(path.encode(errors='surrogateescape')).hexdigest()[:8]}"


def listed(entries: Iterable[Entry], problems: Iterable[Problem], where: Path, split: str, tree: str) -> Listing:
    """The listing, in which a second example of one name is a problem. Raises `BenchError` where nothing is left."""
    kept, all_problems = dict[str, Entry](), list(problems)
    for entry in entries:
        if entry.name in kept:
            first = next(iter(kept[entry.name].parts.values())).file
            second = next(iter(entry.parts.values())).file
            all_problems.append(Problem(second, f"would have the name {entry.name!r}, as {first!r} has: rename one"))
        else:
            kept[entry.name] = entry
    if not kept:
        raise BenchError(
            f"under {str(where)!r} there is no example of {split!r}{_why(all_problems)}. This was expected:\n{tree}"
        )
    return Listing(tuple(kept.values()), tuple(all_problems))


def lowest(entries: Sequence[Entry], count: int) -> frozenset[str]:
    """Names of the `count` entries whose hash is lowest: a held-out part of known size, the same on every machine."""
    return frozenset(sorted((entry.name for entry in entries), key=_hash)[:count])


def natural(text: str) -> list[tuple[int, str]]:
    """A key that sorts numbers in names by value: `frame9` before `frame10`."""
    return [(int(digits or 0), letters) for letters, digits in re.findall(r"([^0-9]*)([0-9]{0,18})", text)]


def _hash(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


def _why(problems: Sequence[Problem]) -> str:
    if not problems:
        return ""
    return f": {problems[0].file!r} {problems[0].reason}" + (
        f" (and {len(problems) - 1} more problems)" if len(problems) > 1 else ""
    )


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as items:
            return sorted((item for item in items if not _is_hidden(item.name)), key=lambda item: item.name)
    except OSError as error:
        raise BenchError(f"folder {str(folder)!r} cannot be listed: {error.strerror or error}") from error


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name in ("__MACOSX", "Thumbs.db")
