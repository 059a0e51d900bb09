from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas
import pytest
import torch
from PIL import Image

from i2ibench import registry
from i2ibench.adapter import Augmentation
from i2ibench.data import rows
from i2ibench.data.batches import in_order
from i2ibench.errors import BenchError
from i2ibench.foreign import score_folder
from i2ibench.progress import Silent
from i2ibench.record import Budget
from i2ibench.run import Run, find, plan
from i2ibench.task import Need

CPU = torch.device("cpu")
CONFTEST = Path(__file__).with_name("conftest.py")


def make(root: Path, **changes: object) -> Run:
    spec = plan("toy-gan", "toy", preset="small", budget=Budget(steps=20), **changes)  # type: ignore[arg-type]
    return Run(spec, root, CPU)


@pytest.mark.usefixtures("toy")
def test_a_run_leaves_everything_a_reader_wants(runs: Path) -> None:
    run = make(runs)
    run.perform()
    folder = run.folder
    record, result = folder.record(), folder.result()
    assert set(record.stages.model_dump().values()) == {"done"}
    assert record.provenance is not None
    assert record.provenance.libraries["torch"] == torch.__version__.split("+")[0]
    assert len(list(folder.translations.glob("*.png"))) == 6
    assert {score.name for score in result.scores} == {"ssim", "psnr", "bpd"}
    assert all(score.value is not None and score.n == 6 and score.protocol for score in result.scores)
    assert list(pandas.read_parquet(folder.per_picture).columns) == ["name", "ssim", "psnr", "bpd"]
    assert np.asarray(Image.open(folder.samples)).ndim == 3


@pytest.mark.usefixtures("toy")
def test_a_second_performance_does_nothing(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(runs).perform()
    again = make(runs)
    monkeypatch.setattr(Run, "_perform", lambda self, stage: pytest.fail(f"{stage} was done again"))
    again.perform()


@pytest.mark.usefixtures("toy")
def test_a_lost_translation_is_made_again_the_same(runs: Path) -> None:
    run = make(runs)
    run.perform()
    before = {file.name: file.read_bytes() for file in run.folder.translations.iterdir()}
    scores = run.folder.result().scores
    (run.folder.translations / "toy-202.png").unlink()
    run._mark("translate", "pending")  # type: ignore[arg-type]
    make(runs).perform(rescore=True)
    assert {file.name: file.read_bytes() for file in run.folder.translations.iterdir()} == before
    assert run.folder.result().scores == scores


@pytest.mark.usefixtures("toy")
def test_training_has_no_handle_on_test_or_validation(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(runs).perform("prepare")
    asked, load = [], rows.load
    monkeypatch.setattr(rows, "load", lambda task, size, name, **given: asked.append(name) or load(task, size, name))
    make(runs).perform("train")
    assert asked == ["train"]


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize("needs", [{Need.PAIRS}, set()])
def test_only_methods_that_need_pairs_are_given_any(runs: Path, monkeypatch, needs: set[Need]) -> None:
    run, batches = make(runs), []
    adapter = registry.adapter("toy-gan")
    monkeypatch.setattr(adapter, "card", adapter.card.model_copy(update={"needs": frozenset(needs)}))
    monkeypatch.setattr(adapter, "augmentation", lambda config: Augmentation())
    monkeypatch.setattr(adapter, "train", lambda method, loop: batches.extend(loop.batches(step) for step in range(6)))
    run.perform("train")
    (everything,) = in_order(run.split("train"), 100)
    targets = dict(zip(everything.names, everything.target, strict=True))
    own = [
        torch.equal(targets[name], one)
        for batch in batches
        for name, one in zip(batch.names, batch.target, strict=True)
    ]
    assert all(own) == bool(needs)


@pytest.mark.usefixtures("toy")
def test_limit_marks_results_quick_and_is_another_run(runs: Path) -> None:
    whole, part = make(runs), make(runs, limit=3)
    part.perform()
    result = part.folder.result()
    assert result.quick
    assert all(score.n == 3 and score.protocol and score.protocol.quick for score in result.scores)
    assert whole.spec.id != part.spec.id


@pytest.mark.usefixtures("toy")
def test_a_task_that_lacks_a_need_is_refused_before_any_work(runs: Path) -> None:
    with pytest.raises(BenchError, match="gives no boxes"):
        plan("toy-boxes", "toy", budget=Budget(steps=1))
    assert not runs.exists()


@pytest.mark.usefixtures("toy")
def test_a_batch_that_the_method_cannot_cut_into_its_parts_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = registry.adapter("toy-gan")
    monkeypatch.setattr(adapter, "card", adapter.card.model_copy(update={"batch_multiple": 2}))
    with pytest.raises(BenchError, match=r"toy-gan .* must be a multiple of 2, found 3"):
        plan("toy-gan", "toy", preset="small", budget=Budget(steps=1), batch_size=3)


@pytest.mark.usefixtures("toy")
def test_a_run_goes_from_sources_to_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = registry.adapter("toy-gan")
    monkeypatch.setattr(adapter, "card", adapter.card.model_copy(update={"backward": True}))
    with pytest.raises(BenchError, match=r"toy-gan as configured translates targets to sources, and toy@1 is scored"):
        plan("toy-gan", "toy", preset="small", budget=Budget(steps=1))


@pytest.mark.usefixtures("toy")
def test_a_checkpoint_of_another_config_is_refused(runs: Path) -> None:
    one, other = make(runs), make(runs, overrides={"width": "6"})
    one.perform("train")
    other.folder.checkpoint.parent.mkdir(parents=True)
    other.folder.checkpoint.write_bytes(one.folder.checkpoint.read_bytes())
    with pytest.raises(BenchError, match=r"of another config .*width is 4 there and 6 here"):
        other.perform("train")
    other.folder.checkpoint.write_bytes(b"not a checkpoint")
    with pytest.raises(BenchError, match="is no checkpoint of i2ibench"):
        other.perform("train")


@pytest.mark.usefixtures("toy")
def test_own_pictures_get_the_scores_of_the_run_that_made_them(runs: Path) -> None:
    run = make(runs)
    run.perform()
    result = score_folder(
        "toy",
        run.folder.translations,
        name="mine",
        resolution=None,
        metrics=None,
        out=runs / "evaluate",
        device=CPU,
        limit=None,
        progress=Silent(),
    )
    ours = {score.name: score for score in run.folder.result().scores}
    theirs = {score.name: score for score in result.scores}
    assert (theirs["ssim"], theirs["psnr"]) == (ours["ssim"], ours["psnr"])
    assert theirs["bpd"].value is None
    assert theirs["bpd"].reason


@pytest.mark.usefixtures("toy")
def test_a_run_is_found_by_its_folder(runs: Path, tmp_path: Path) -> None:
    run = make(runs)
    run.perform("prepare")
    assert find(run.folder.path, CPU).spec == run.spec
    moved = run.folder.path.rename(tmp_path / "moved")
    with pytest.raises(BenchError, match="give it back its name"):
        find(moved, CPU)


def test_kill_minus_nine_and_again_equals_an_uninterrupted_run(tmp_path: Path) -> None:
    """A real process, killed by the system in the middle of training."""
    script = tmp_path / "train.py"
    script.write_text(
        "import sys, runpy, types, torch; from pathlib import Path\n"
        f"toy = runpy.run_path({str(CONFTEST)!r})\n"
        "from i2ibench import registry\n"
        "world = types.ModuleType('i2ibench_toy_world'); world.load = toy['toy_rows']\n"
        "home = types.ModuleType('i2ibench_toy_home'); home.TASK = toy['TOY_TASK']; home.GAN = toy['Toy']\n"
        "sys.modules.update(i2ibench_toy_world=world, i2ibench_toy_home=home)\n"
        "registry._TASKS['toy'] = 'i2ibench_toy_home:TASK'; registry._ADAPTERS['toy-gan'] = 'i2ibench_toy_home:GAN'\n"
        "from i2ibench.record import Budget; from i2ibench.run import Run, plan\n"
        "spec = plan('toy-gan', 'toy', preset='small', budget=Budget(steps=600))\n"
        "Run(spec, Path(sys.argv[1]), torch.device('cpu'), checkpoint_steps=20).perform()\n"
    )
    command = [sys.executable, str(script)]
    subprocess.run([*command, str(tmp_path / "whole")], check=True)
    killed = subprocess.Popen([*command, str(tmp_path / "cut")])
    checkpoints = list((tmp_path / "cut").glob("*/checkpoints/last.safetensors"))
    while not checkpoints and killed.poll() is None:
        time.sleep(0.01)
        checkpoints = list((tmp_path / "cut").glob("*/checkpoints/last.safetensors"))
    os.kill(killed.pid, signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL, "the training ended before it could be killed"
    subprocess.run([*command, str(tmp_path / "cut")], check=True)
    (whole,), (cut,) = ((tmp_path / name).glob("*") for name in ("whole", "cut"))
    assert (cut / "checkpoints/last.safetensors").read_bytes() == (whole / "checkpoints/last.safetensors").read_bytes()
    assert (cut / "losses.jsonl").read_text() == (whole / "losses.jsonl").read_text()
    for picture in (whole / "translations").iterdir():
        assert (cut / "translations" / picture.name).read_bytes() == picture.read_bytes()
