from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from i2ibench.errors import BenchError
from i2ibench.record import Budget, RunRecord, RunSpec
from i2ibench.store import RunFolder, read_record, written
from i2ibench.task import Resolution


def spec(**changes: object) -> RunSpec:
    values: dict[str, object] = {
        "method": "pix2pix",
        "preset": "small",
        "config": {"lr": 2e-4, "norm": "batch"},
        "task": "aerial2map@1",
        "resolution": Resolution(64, 64),
        "budget": Budget(steps=10),
    }
    return RunSpec.model_validate({**values, **changes})


def test_a_failed_write_leaves_the_old_file_and_nothing_aside(tmp_path: Path) -> None:
    file = tmp_path / "scores.json"
    file.write_text("old")
    with pytest.raises(RuntimeError), written(file) as aside:
        aside.write_text("half of the n")
        raise RuntimeError
    assert file.read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["scores.json"]


def test_a_full_disk_is_told_and_loses_nothing(tmp_path: Path) -> None:
    """The operating system itself refuses: a file size limit in a process of its own."""
    file = tmp_path / "scores.json"
    file.write_text("old")
    code = (
        "import resource, signal, sys; from pathlib import Path\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "from i2ibench.store import written\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "from i2ibench.errors import BenchError\n"
        "try:\n"
        "    with written(Path(sys.argv[1])) as aside: aside.write_bytes(bytes(5000))\n"
        "except BenchError as error: print(error)\n"
    )
    told = subprocess.run([sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True).stdout
    assert "is full" in told
    assert "free some space" in told
    assert file.read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["scores.json"]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 1000


def test_an_unwritable_folder_is_told(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(BenchError, match=r"cannot write .*--out"):
        RunFolder.open(blocked, spec())


def test_two_processes_on_one_run_folder(tmp_path: Path) -> None:
    folder = RunFolder.open(tmp_path, spec())
    with folder.locked():
        code = (
            "import sys; from pathlib import Path; from i2ibench.store import RunFolder\n"
            "from i2ibench.errors import BenchError\n"
            "try:\n"
            "    with RunFolder(Path(sys.argv[1])).locked(): print('got it')\n"
            "except BenchError as error: print(error)\n"
        )
        command = [sys.executable, "-c", code, str(folder.path)]
        told = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "is in use by another process" in told.stdout
    with folder.locked():  # free again
        pass


def test_a_changed_spec_is_another_folder(tmp_path: Path) -> None:
    first = RunFolder.open(tmp_path, spec())
    second = RunFolder.open(tmp_path, spec(config={"lr": 1e-4, "norm": "batch"}))
    assert first.path != second.path
    assert RunFolder.open(tmp_path, spec()).path == first.path


def test_a_folder_of_another_spec_is_refused_naming_the_field(tmp_path: Path) -> None:
    folder = RunFolder.open(tmp_path, spec())
    folder.save(RunRecord(spec=spec(config={"lr": 1e-4, "norm": "batch"})))
    with pytest.raises(BenchError, match=r"lr was 0.0001 and is now 0.0002"):
        RunFolder.open(tmp_path, spec())


def test_a_damaged_record_is_told(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"spec": 3}')
    with pytest.raises(BenchError, match=r"run.json.* is not a RunRecord"):
        read_record(tmp_path / "run.json", RunRecord)
    with pytest.raises(BenchError, match=r"there is no run.json"):
        RunFolder(tmp_path / "nowhere").record()


def test_records_round_trip(tmp_path: Path) -> None:
    folder = RunFolder.open(tmp_path, spec())
    assert folder.record() == RunRecord(spec=spec())
    assert folder.record().spec.id == spec().id
