"""Run folders: one writer under a lock, each file whole or absent, so that a kill loses nothing that was finished."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from i2ibench.errors import BenchError
from i2ibench.record import Result, RunRecord, RunSpec

_Record = TypeVar("_Record", bound=BaseModel)


class RunFolder:
    """The files of one run. `open` makes the folder for a spec or checks that it is that spec's."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.record_file = path / "run.json"
        self.checkpoint = path / "checkpoints" / "last.safetensors"
        self.losses = path / "losses.jsonl"
        self.loss_curves = path / "losses.png"
        self.translations = path / "translations"
        self.variations = path / "variations"
        self.likelihoods = path / "bits_per_dim.parquet"
        self.scores = path / "scores.json"
        self.per_picture = path / "per_picture.parquet"
        self.clip = path / "samples.gif"
        self.samples = path / "samples.png"
        self.classes = path / "classes.png"

    @classmethod
    def open(cls, root: Path, spec: RunSpec) -> RunFolder:
        """The folder of `spec` under `root`, made if new. Raises `BenchError` where it holds another spec."""
        folder = cls(root / spec.folder)
        with writing(folder.path):
            folder.path.mkdir(parents=True, exist_ok=True)
        if folder.record_file.exists():
            _require(folder.record().spec, spec, folder.path)
        else:
            folder.save(RunRecord(spec=spec))
        return folder

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder against other processes. Raises `BenchError` at once where another holds it."""
        from filelock import FileLock, Timeout

        with writing(self.path):
            lock = FileLock(self.path / ".lock")
            try:
                lock.acquire(timeout=0)
            except Timeout as error:
                raise BenchError(
                    f"run folder {str(self.path)!r} is in use by another process: wait for it, or stop it and run "
                    "again (what it has made is kept)"
                ) from error
        try:
            yield
        finally:
            lock.release()

    def record(self) -> RunRecord:
        """What `run.json` says. Raises `BenchError` where it is missing or not a run record."""
        return read_record(self.record_file, RunRecord)

    def save(self, record: RunRecord) -> None:
        """Write `run.json`."""
        write_record(self.record_file, record)

    def result(self) -> Result:
        """What `scores.json` says."""
        return read_record(self.scores, Result)


def read_record(path: Path, kind: type[_Record]) -> _Record:
    """A record from its JSON file. Raises `BenchError` naming the file and what is wrong with it."""
    try:
        return kind.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise BenchError(f"there is no {path.name} in {str(path.parent)!r}: is this a folder i2ibench made?") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise BenchError(
            f"{str(path)!r} is not a {kind.__name__} of this version: {field or 'the file'}: {first['msg']}"
        ) from error


def write_record(path: Path, record: BaseModel) -> None:
    """A record as JSON, atomically."""
    with written(path) as aside:
        aside.write_text(json.dumps(record.model_dump(mode="json"), indent=2) + "\n")


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """A file aside to write to, moved to `path` when the block ends well and removed when it does not.

    Raises `BenchError` on a full disk or an unwritable folder; `path` is then as it was.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        os.close(handle)
        aside = Path(name)
        try:
            yield aside
            with aside.open("rb+") as file:
                os.fsync(file.fileno())
            aside.chmod(0o666 & ~_UMASK)
            aside.replace(path)
            _sync_folder(path.parent)
        finally:
            aside.unlink(missing_ok=True)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an operating system's refusal to write into a `BenchError` with the way out."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            found, way_out = "the disk (or your quota) is full", "free some space"
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
            found, way_out = f"it is not writable ({error.strerror})", "choose another folder with --out"
        else:
            raise
        raise BenchError(
            f"cannot write {str(path)!r}: {found}. Everything finished before is kept: {way_out} and run again"
        ) from error


def _require(found: RunSpec, wanted: RunSpec, path: Path) -> None:
    differing = found.difference(wanted)
    if differing:
        told = "; ".join(f"{name} was {was!r} and is now {now!r}" for name, (was, now) in differing.items())
        raise BenchError(f"run folder {str(path)!r} is of another run ({told}): remove it, or choose another --out")


def _sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut, where the file system can."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


_UMASK = _umask()
