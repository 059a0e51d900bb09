from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file
from torch import nn
from typer.testing import CliRunner

from i2ibench import cli, distributed, registry
from i2ibench.distributed import Ranks

WORLD = '''
"""A task of moving pictures, and the command line that knows it."""
import sys

import numpy as np

from i2ibench import cli, registry
from i2ibench.task import Level, Need, Resolution, Task

TASK = Task(
    name="moving",
    title="Moving pictures",
    description="Made for tests.",
    level=Level.STRONG,
    gives=frozenset({Need.PAIRS, Need.VIDEO, Need.FLOW}),
    resolutions=(Resolution(32, 32),),
    splits={"train": 20, "val": 2, "test": 40},
    data="moving_world:load",
    metrics={"psnr": "pairs"},
    source="generated",
    licence="none",
)


def load(split, resolution):
    for number in range(TASK.splits[split]):
        draw = np.random.default_rng([len(split), number])
        source, target = draw.integers(0, 256, (2, *resolution, 3), dtype=np.uint8)
        flow = draw.integers(-90, 90, (*resolution, 2)).astype(np.int16)
        place = {"sequence": f"s{number // 14}", "frame": number % 14}
        yield {"name": f"{split}-{number:02d}", "source": source, "target": target, "flow": flow, **place}


if __name__ == "__main__":
    registry._TASKS["moving"] = "moving_world:TASK"
    cli.main()
'''
METRICS = "psnr,ssim,warping_error,fd_efficientnet_lite0,kd_efficientnet_lite0,prdc_efficientnet_lite0"


WORK = '''
"""Two processes square numbers; what is asked for happens to the second."""
import os
import signal
import sys

from i2ibench.distributed import started
from i2ibench.errors import BenchError


def work(number):
    if number == 1 and sys.argv[1] == "refuses":
        raise BenchError("picture 'a' is no picture")
    if number == 1 and sys.argv[1] == "fails":
        raise ZeroDivisionError
    if number == 1 and sys.argv[1] == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    return number**2


with started() as ranks:
    if ranks.rank > 0:
        ranks.serve()
    else:
        try:
            print(ranks.map(work, [3, 4]), ranks.map(work, [3, 1]), flush=True)
        except BenchError as error:
            print("told:", error, flush=True)
        print(ranks.map(work, [3, 5]), flush=True)
'''


def torchrun(*command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Two processes of a command."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    changed = {"PYTHONPATH": os.pathsep.join([str(folder), *sys.path]), "OMP_NUM_THREADS": "1", **environment}
    return subprocess.run(
        [*launcher, *command],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        cwd=folder,
        env={**os.environ, **changed},
    )


def test_two_processes_give_the_numbers_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "moving_world.py").write_text(WORLD)
    (tmp_path / "pictures").mkdir()
    for number in range(40):
        pixels = np.random.default_rng(number).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "pictures" / f"test-{number:02d}.png")
    command = ["evaluate", "--task", "moving", "--pictures", str(tmp_path / "pictures"), "--metrics", METRICS]
    command += ["--reference", "train", "--device", "cpu", "--json", "--out"]
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(registry._TASKS, "moving", "moving_world:TASK")
    registry._table.cache_clear()
    monkeypatch.setattr(registry, "_table", registry._table.__wrapped__)
    monkeypatch.setenv("I2IBENCH_CACHE", str(tmp_path / "cache1"))
    one = CliRunner().invoke(cli.app, [*command, str(tmp_path / "out1")], catch_exceptions=False)

    script, cache = str(tmp_path / "moving_world.py"), str(tmp_path / "cache2")
    two = torchrun(script, *command, str(tmp_path / "out2"), folder=tmp_path, I2IBENCH_CACHE=cache)
    assert two.returncode == 0, two.stderr
    alone, together = (json.loads(told.stdout)["scores"] for told in (one, two))  # so rank 0 alone has printed
    assert len(alone) == 9
    for score, other in zip(alone, together, strict=True):
        assert score["value"] is not None, score["reason"]
        assert other["value"] == pytest.approx(score["value"], rel=1e-6, abs=1e-9), score["name"]
        assert (other["n"], other["protocol"]) == (score["n"], score["protocol"])
    tables = [(tmp_path / f"out{n}/evaluate/moving@1-32x32--yours-against-train/per_picture.parquet") for n in (1, 2)]
    pandas.testing.assert_frame_equal(*(pandas.read_parquet(table) for table in tables), rtol=1e-6)
    names = [[file.name for file in (tmp_path / f"cache{n}/features").iterdir()] for n in (1, 2)]
    assert names[0] == names[1] and len(names[0]) == 1
    kept = [load_file(tmp_path / f"cache{n}/features" / names[0][0])["features"] for n in (1, 2)]
    torch.testing.assert_close(kept[0], kept[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("what", ["refuses", "fails", "dies"])
def test_what_happens_to_one_process_happens_to_all(what: str, tmp_path: Path) -> None:
    """An error on one is told once by the first and breaks nothing; a failure or a death ends all, without a hang."""
    (tmp_path / "squares.py").write_text(WORK)
    done = torchrun(str(tmp_path / "squares.py"), what, folder=tmp_path)
    if what == "refuses":
        assert done.returncode == 0, done.stderr
        assert done.stdout == "told: picture 'a' is no picture\n[9, 25]\n"
        return
    assert done.returncode != 0
    assert done.stdout == ""
    if what == "fails":
        assert done.stderr.count("RuntimeError: rank 1 failed") == 1 and "ZeroDivisionError" in done.stderr


@given(rows=st.integers(0, 100), first=st.integers(0, 9), size=st.integers(1, 9), multiple=st.integers(1, 40))
def test_shares_are_the_rows_in_order_cut_at_multiples(rows: int, first: int, size: int, multiple: int) -> None:
    whole = range(first, first + rows)
    shares = Ranks(0, size).share(whole, multiple)
    assert len(shares) == size
    assert [row for share in shares for row in share] == list(whole)
    ends = [share.stop for share in shares if share][:-1]
    assert all((end - first) % multiple == 0 for end in ends)
    blocks = [-(-len(share) // multiple) for share in shares]
    assert max(blocks) - min(blocks) <= 1


def test_alone_work_is_done_on_the_spot() -> None:
    parts = [lambda: 3]  # could not be sent
    assert Ranks().map(lambda part: part(), parts) == [3]
    with pytest.raises(ZeroDivisionError):
        Ranks().map(lambda part: part / 0, [1])


def test_views_are_sent_alone_and_networks_stay_behind() -> None:
    whole = torch.arange(100_000.0).reshape(1000, 100)
    state = {
        "rows": {str(row): whole[row] for row in range(0, 1000, 100)},
        "none": torch.tensor(2.5, dtype=torch.float64),
        "empty": torch.zeros(0, 3, dtype=torch.int64),
        "turned": whole[:2].T,
        "network": {"held": nn.Linear(2, 2)},
        "device": torch.device("cpu"),
    }
    content = distributed._encode(state)
    assert len(content) < 20_000
    again = {**state, "again": {str(row): whole[row] for row in range(0, 1000, 100)}}
    assert len(distributed._encode(again)) < len(content) + 2000
    found = pickle.loads(content)
    assert found["network"] == {"held": None} and found["device"] == torch.device("cpu")
    assert all(torch.equal(row, state["rows"][name]) for name, row in found["rows"].items())
    for name in ("none", "empty", "turned"):
        assert torch.equal(found[name], state[name]) and found[name].dtype == state[name].dtype
