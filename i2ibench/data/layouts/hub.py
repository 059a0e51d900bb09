"""Tables of pictures: data sets of the Hugging Face hub, and local Parquet or Arrow files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic.dataclasses import dataclass

from i2ibench.cache import cache_folder
from i2ibench.data.layouts.boxes import Boxes
from i2ibench.data.layouts.layout import Entry, Listing, Part, Problem, missing
from i2ibench.data.layouts.parts import Content, InstanceIds, LabelIds, Photo
from i2ibench.data.layouts.splits import OPTIONS, require_split, share
from i2ibench.data.layouts.trees import listed, safe
from i2ibench.errors import BenchError, nearest

if TYPE_CHECKING:
    from datasets import Dataset

_PARTS: Mapping[str, Callable[[Path | Content], Part]] = {
    "source": Photo,
    "target": Photo,
    "labels": LabelIds,
    "instances": InstanceIds,
}
_ENDINGS = {".parquet": "parquet", ".arrow": "arrow"}
_UNREACHED = ("ConnectionError", "ConnectError", "OfflineModeIsEnabled", "LocalEntryNotFoundError", "MaxRetryError")


@dataclass(frozen=True, config=OPTIONS)
class Hub:
    """Rows with a picture in each column that is named below; a column that is not named is not read.

    With `dataset` the hub's data set of this id, downloaded to the cache on first use; else Parquet or Arrow files
    under the root, which are copied to the cache once: `train.parquet`, `train-00000-of-00004.parquet`,
    `train/0.arrow`, also in a folder `data`, or one file that is the root itself and serves all splits. Splits that
    `splits` does not name are carved from train by a hash of the name.
    """

    dataset: str = ""
    """Id on the hub: `owner/name`."""
    config: str = ""
    """Its configuration, where it has several."""
    revision: str = "main"
    """Commit, tag or branch on the hub: a commit, that the data stay the same."""
    splits: Mapping[str, str] = field(default_factory=lambda: {"train": "train", "val": "validation", "test": "test"})
    """The data set's name of each split."""
    source: str = "source"
    target: str = "target"
    """Columns of pictures; `target` may be empty where rows are pictures with a class."""
    labels: str = ""
    """Column of label maps whose values are train ids."""
    instances: str = ""
    name: str = ""
    """Column of the rows' names, each once; without it rows are named by number."""
    category: str = ""
    """Column of classes: numbers, or names, which are numbered by `classes` or else as the data set says."""
    boxes: str = ""
    """Column of lists `[[left, top, right, bottom, class], ...]`."""
    classes: tuple[str, ...] = ()
    """Names of the classes of `category` and `boxes` by id."""
    paired: bool = True
    """Whether source and target of a row belong together. Else each is a picture of its own, and may be lacking."""
    one_in: int = 20
    """Of what `splits` does not name, the share that is carved from train."""

    def __post_init__(self) -> None:
        if not self.source:
            raise BenchError("layout 'hub' needs the column of sources: set option source")
        if not self.paired and not self.target:
            raise BenchError("layout 'hub' has paired=false and no column of targets: set option target")

    @property
    def rootless(self) -> bool:
        """Whether nothing of the user's is read."""
        return bool(self.dataset)

    @property
    def tree(self) -> str:
        """The expected files and columns."""
        named = ", ".join(self._columns.values())
        if self.dataset:
            return f"data set {self.dataset!r} at revision {self.revision!r} with columns {named}"
        files = "\n".join(f"{name}*.parquet or {name}/*.parquet (or .arrow)" for name in self.splits.values())
        return f"{files}\nwith columns {named}"

    def listing(self, root: Path, split: str) -> Listing:
        """Rows in their order; of unpaired columns all sources, then all targets."""
        require_split(split, self.splits)
        table = self._table(root, self.splits.get(split, self.splits["train"]))
        where = self.dataset or str(root)
        absent = sorted(set(self._columns.values()) - set(table.column_names))
        if absent:
            hints = "; ".join(f"{column!r}: {nearest(column, table.column_names)}" for column in absent)
            raise BenchError(f"{where!r} has no column {hints}. Set the options of layout 'hub' that name columns")
        problems = list[Problem]()
        sides = [tuple(_PARTS)] if self.paired else [tuple(part for part in _PARTS if part != "target"), ("target",)]
        found = list[Entry]()
        for parts in sides:
            entries = list(
                self._entries(table, [part for part in parts if part in self._columns], where, root, problems)
            )
            own = split in self.splits and split != "train"
            entries = entries if own else list(share(entries, split, self.splits, self.one_in))
            listed(entries, problems, Path(where), split, self.tree)  # neither domain may be empty
            found += entries
        return listed(found, problems, Path(where), split, self.tree)

    @property
    def _columns(self) -> dict[str, str]:
        named = {option: getattr(self, option) for option in (*_PARTS, "name", "category", "boxes")}
        return {option: column for option, column in named.items() if column}

    def _table(self, root: Path, name: str) -> Dataset:
        """Rows of the data set's split `name`. Raises `BenchError`."""
        import datasets

        datasets.disable_progress_bars()  # ours is the one
        cache = str(cache_folder() / "hub")
        if self.dataset:
            try:
                return datasets.load_dataset(
                    self.dataset, self.config or None, split=name, revision=self.revision, cache_dir=cache
                )
            except Exception as error:  # the library and the network raise errors of any kind
                raise BenchError(_reason(self.dataset, self.revision, name, error)) from error
        files = _files(root, name, self.tree)
        kinds = {_ENDINGS[file.suffix.lower()] for file in files}
        if len(kinds) > 1:
            raise BenchError(f"split {name!r} under {str(root)!r} has both Parquet and Arrow files: keep one kind")
        try:
            paths = [str(file) for file in files]
            return datasets.load_dataset(kinds.pop(), data_files={name: paths}, split=name, cache_dir=cache)
        except Exception as error:  # broken files meet Arrow's readers with errors of any kind
            cause = error.__cause__ or error
            raise BenchError(
                f"{str(files[0])!r} and what belongs to it ({len(files)} files) cannot be read as a table: "
                f"{str(cause).strip() or type(cause).__name__}"
            ) from error

    def _entries(
        self, table: Dataset, parts: Sequence[str], where: str, root: Path, problems: list[Problem]
    ) -> Iterator[Entry]:
        pictures = {part: _cells(table, self._columns[part]) for part in parts}
        lead = "" if self.paired else f"{parts[0]}-"
        is_source = "source" in parts
        known: dict[str, list[Any]] = {
            option: list(table.select_columns([self._columns[option]])[self._columns[option]])
            for option in ("name", "category", "boxes")
            if option in self._columns and (option == "name" or is_source)
        }
        width = len(str(max(len(table) - 1, 0)))
        for number in range(len(table)):
            row = f"{where}, row {number}"
            given = {option: column[number] for option, column in known.items()}
            lacking = [self._columns[part] for part in parts if _is_null(pictures[part], number)]
            if lacking:
                if self.paired or len(lacking) < len(parts):
                    problems.append(Problem(row, f"has nothing in column {', '.join(lacking)}: left out"))
                continue
            try:
                values = self._values(given, table, row, problems)
            except BenchError as error:
                problems.append(Problem(row, str(error)))
                continue
            name = safe(str(given["name"])) if "name" in given else f"{number:0{width}d}"
            contents = {
                part: Content(f"{row}, {self._columns[part]}", partial(_bytes, cells, number, root))
                for part, cells in pictures.items()
            }
            yield Entry(lead + name, {part: _PARTS[part](content) for part, content in contents.items()}, values)

    def _values(self, given: Mapping[str, Any], table: Dataset, row: str, problems: list[Problem]) -> dict[str, Any]:
        values = dict[str, Any]()
        if "category" in given:
            feature = table.features[self.category]
            names = list(self.classes or getattr(feature, "names", ()))
            label = given["category"]
            if isinstance(label, str) and label in names:
                label = names.index(label)
            if not isinstance(label, int) or isinstance(label, bool) or label < 0 or (names and label >= len(names)):
                known = f"; names: {', '.join(names[:10])}" if names else ": name the classes by option classes"
                raise BenchError(f"its class {label!r} is not known{known}")
            values["category"] = label
        if "boxes" in given:
            boxes = Boxes(self.classes)
            boxes.take(row, "", [list(line) for line in given["boxes"] or []])
            problems += boxes.problems
            values["boxes"] = boxes.of("")
        return values


def _files(root: Path, name: str, tree: str) -> list[Path]:
    """The table's files of a split."""
    if root.is_file() and root.suffix.lower() in _ENDINGS:
        return [root]
    for folder in (root, root / "data"):
        near = [*folder.glob(f"{name}.*"), *folder.glob(f"{name}-*.*"), *folder.glob(f"{name}/*")]
        files = sorted(file for file in near if file.suffix.lower() in _ENDINGS and not file.name.startswith("."))
        if files:
            return files
    raise missing(root, root / f"{name}.parquet", tree)


def _cells(table: Dataset, column: str) -> Dataset:
    """A column alone, undecoded: pictures as `{"bytes", "path"}`. Raises `BenchError` where it holds none."""
    import datasets

    feature = table.features[column]
    alone = table.select_columns([column])
    if isinstance(feature, datasets.Image):
        return alone.cast_column(column, datasets.Image(decode=False))
    if getattr(feature, "dtype", "") in ("binary", "large_binary", "string", "large_string"):
        return alone
    if isinstance(feature, dict) and "bytes" in feature:
        return alone
    raise BenchError(f"column {column!r} holds {feature}, not pictures: name a column of pictures, bytes or paths")


def _is_null(cells: Dataset, number: int) -> bool:
    value = cells.data.column(0)[number if cells._indices is None else int(cells._indices.column(0)[number].as_py())]
    return not value.is_valid


def _bytes(cells: Dataset, number: int, root: Path) -> bytes:
    """The picture file in a cell: its bytes, or those of the file that it names."""
    (value,) = cells[number].values()
    if isinstance(value, Mapping):
        value = value.get("bytes") or value.get("path")
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        return b""
    return ((root if root.is_dir() else root.parent) / value).read_bytes()


def _reason(dataset: str, revision: str, split: str, error: Exception) -> str:
    """Why a data set of the hub could not be had, in a sentence."""
    chain: list[BaseException] = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None and len(chain) < 10:
        chain.append(cause)
    what = f"data set {dataset!r} (revision {revision!r}, split {split!r})"
    if any(kind.__name__ in _UNREACHED for link in chain for kind in type(link).__mro__):
        return (
            f"{what} is not in the cache and the hub cannot be reached: run once with a network, or copy its Parquet "
            "files to a folder, leave option dataset empty and give the folder as the root"
        )
    first = str(error).strip().split("\n")[0]
    return f"{what} cannot be had from the hub: {first or type(error).__name__}"
