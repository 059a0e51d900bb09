"""Two domains without pairs: a folder of pictures for each."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path

from pydantic.dataclasses import dataclass

from i2ibench.data.layouts.layout import Entry, Listing, Problem
from i2ibench.data.layouts.parts import Photo
from i2ibench.data.layouts.splits import OPTIONS, Splits, require_split, share, shown, split_folder
from i2ibench.data.layouts.trees import by_stem, listed, picture_files, safe
from i2ibench.errors import BenchError


@dataclass(frozen=True, config=OPTIONS)
class Domains:
    """`trainA trainB testA testB`, as CycleGAN (arXiv:1703.10593) and its followers have them, or the like."""

    source: str = "A"
    target: str = "B"
    folder: str = "{split}{domain}"
    """The folder of a domain in a split: `{split}/{domain}` where domains are folders in those of splits."""
    splits: Splits = field(default_factory=lambda: {"train": "train", "test": "test"})
    one_in: int = 10
    """Of what `splits` lacks, the share of either domain that is carved from its `train`."""

    def __post_init__(self) -> None:
        if self.source == self.target or "{domain}" not in self.folder:
            raise BenchError(
                f"options source {self.source!r} and target {self.target!r} should be two domains, and folder "
                f"{self.folder!r} have {{domain}} in it"
            )

    @property
    def tree(self) -> str:
        """The expected files."""
        folders = (shown(self._pattern(domain), self.splits) for domain in (self.source, self.target))
        return "\n".join(f"{folder}/NAME.jpg" for both in zip(*folders, strict=True) for folder in both)

    def listing(self, root: Path, split: str) -> Listing:
        """All sources of `split`, then all targets, named `DOMAIN-NAME`.

        Raises `BenchError` where a folder is missing or a domain has no picture.
        """
        require_split(split, self.splits)
        entries, problems = list[Entry](), list[Problem]()
        for side, domain in (("source", self.source), ("target", self.target)):
            folder = split_folder(root, self._pattern(domain), self.splits, split, self.tree)
            files, twice, _ = by_stem(picture_files(folder))
            found = (Entry(safe(f"{domain}-{stem}"), {side: Photo(path)}) for stem, path in files.items())
            part = listed(share(found, split, self.splits, self.one_in), twice, folder, split, self.tree)
            entries += part.entries
            problems += part.problems
        return listed(entries, problems, root, split, self.tree)

    def _pattern(self, domain: str) -> str:
        return self.folder.replace("{domain}", domain)
