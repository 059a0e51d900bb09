from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from i2ibench import registry, samples, weights
from i2ibench.errors import BenchError
from i2ibench.progress import Silent
from i2ibench.suite import SuiteRun, read_suite, suites

TOY = """
title = "toys"
budget = "20 steps"
seeds = [0, 1]
[[tasks]]
task = "toy"
[[methods]]
method = "toy-gan"
preset = "small"
set = { width = "3" }
"""
PRETRAINING = """
[[pretraining]]
name = "eye"
method = "{}"
task = "toy"
preset = "small"
budget = "5 steps"
"""


@pytest.mark.parametrize("name", suites())
def test_the_suites_that_come_along_can_be_planned(name: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(weights, "require", lambda name, reader, instead: Path(__file__))  # stands in for VGG's file
    suite = read_suite(name)
    planned = SuiteRun(suite, tmp_path, torch.device("cpu"), Silent()).runs()
    pairs = [(task, method) for task in suite.tasks for method in suite.methods if method.takes(task)]
    assert len(planned) == len(pairs) * len(suite.seeds)
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("toy")
def test_a_suite_gives_a_result_for_every_run_and_the_rows_of_real_pictures(tmp_path: Path) -> None:
    (tmp_path / "toys.toml").write_text(TOY)
    performed = SuiteRun(read_suite(tmp_path / "toys.toml"), tmp_path / "out", torch.device("cpu"), Silent())
    results = performed.perform()
    assert [(result.method, result.seed) for result in results] == [
        ("toy-gan", 0),
        ("toy-gan", 1),
        ("real", None),
        ("real train", None),
    ]
    assert all(score.reason for score in results[-1].scores)  # the toy's metrics are none of sets
    assert (tmp_path / "out" / "toy@1-16x16--real-train" / "scores.json").exists()
    assert performed.perform() == results


@pytest.mark.usefixtures("toy")
def test_settings_of_one_method_have_columns_of_their_own_in_the_grid(tmp_path: Path, monkeypatch) -> None:
    drawn: list[dict[str, Path]] = []
    monkeypatch.setattr(samples, "draw", lambda path, split, outputs, limit: drawn.append(outputs))
    (tmp_path / "toys.toml").write_text(
        TOY.replace("[0, 1]", "[0]").replace("20 steps", "2 steps")
        + '[[methods]]\nmethod = "toy-gan"\npreset = "small"\n[[methods]]\nmethod = "identity"\n'
    )
    suite = SuiteRun(read_suite(tmp_path / "toys.toml"), tmp_path / "out", torch.device("cpu"), Silent())
    for one in suite.runs():
        one.perform()
    drawn.clear()
    suite._draw_samples(suite.runs())
    titles, folders = list(drawn[0]), list(drawn[0].values())
    assert titles == ["toy-gan (small, width=3)", "toy-gan (small)", "identity"]
    assert len(set(folders)) == 3


@pytest.mark.usefixtures("toy")
def test_networks_that_methods_start_from_are_trained_first(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("I2IBENCH_CACHE", str(tmp_path / "cache"))
    read = []
    toy = registry.adapter("toy-gan")
    monkeypatch.setattr(toy, "weights", lambda config: ("eye",) if config.width == 3 else ())

    def train(method, training) -> None:
        if toy.weights(method.config):
            training.load("eye", read.append)
        training.fit(method)

    monkeypatch.setattr(toy, "train", train)
    (tmp_path / "toys.toml").write_text(TOY + PRETRAINING.format("toy-gan"))
    suite = SuiteRun(read_suite(tmp_path / "toys.toml"), tmp_path / "out", torch.device("cpu"), Silent())
    planned = suite.runs()
    assert len(planned) == 2 and weights.cards().get("eye") is None, "nothing was made yet"
    suite.perform()
    (folder,) = (tmp_path / "out/pretraining").iterdir()
    checkpoint = load_file(folder / "checkpoints/last.safetensors")
    assert len(read) == 2
    for tensors in read:
        assert tensors and all(torch.equal(value, checkpoint[name]) for name, value in tensors.items())
    made = planned[0].folder.record().provenance
    assert made is not None and made.weights == {"eye": weights.sha256(weights.require("eye", "a test"))}


@pytest.mark.usefixtures("toy")
def test_a_method_can_be_kept_to_some_of_the_tasks(tmp_path: Path) -> None:
    (tmp_path / "toys.toml").write_text(
        TOY + 'tasks = ["toy"]\n[[tasks]]\ntask = "aerial2map"\n[[methods]]\nmethod = "identity"\n'
    )
    suite = SuiteRun(read_suite(tmp_path / "toys.toml"), tmp_path / "out", torch.device("cpu"), Silent(), seeds=(0,))
    planned = [(one.spec.task, one.spec.method) for one in suite.runs()]
    assert planned == [("toy@1", "toy-gan"), ("toy@1", "identity"), ("aerial2map@1", "identity")]


@pytest.mark.usefixtures("toy")
def test_what_training_reads_is_fetched_before_the_runs_are_planned(tmp_path: Path, monkeypatch) -> None:
    fetched, file = [], tmp_path / "eye.pth"

    def get(name: str, progress: object = None) -> Path:
        fetched.append(name)
        file.write_bytes(b"network")
        return file

    monkeypatch.setattr(registry.adapter("toy-gan"), "weights", lambda config: ("eye",) if config.width == 3 else ())
    monkeypatch.setattr(weights, "get", get)
    monkeypatch.setattr(weights, "path", lambda name: file if file.exists() else None)
    (tmp_path / "toys.toml").write_text(TOY.replace("[0, 1]", "[0]"))
    suite = SuiteRun(read_suite(tmp_path / "toys.toml"), tmp_path / "out", torch.device("cpu"), Silent())
    with pytest.raises(BenchError, match="training toy-gan needs the weights 'eye'"):
        suite.runs()
    suite.perform()
    assert fetched == ["eye"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("title = ", "is not TOML"),
        (TOY.replace("budget", "budgte"), "key 'budget': Field required"),
        (TOY + "presset = 'x'\n", r"key 'methods.0.presset'"),
        (TOY.replace('"20 steps"', '"20 laps"'), "steps, pictures or minutes"),
        (TOY.replace("width", "widht"), "did you mean 'width'"),
        (TOY.replace('"toy"', '"toyy"'), "did you mean 'toy'"),
        (TOY + 'tasks = ["toy@1"]\n', r"bad.toml': toy-gan's tasks must be .* alike \(toy\), found 'toy@1' \(see"),
        (TOY + PRETRAINING.format("identity"), "none starts from identity's: pretrain one of biggan"),
        (TOY + "tasks = []\n", r"bad.toml': task 'toy' must have a method that runs on it, found none"),
    ],
)
@pytest.mark.usefixtures("toy")
def test_a_bad_suite_file_is_told_before_any_work(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "bad.toml").write_text(text)
    with pytest.raises(BenchError, match=told):
        SuiteRun(read_suite(tmp_path / "bad.toml"), tmp_path / "out", torch.device("cpu"), Silent()).perform()
    assert not (tmp_path / "out").exists()


def test_an_unknown_suite_is_told(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="did you mean 'quick'"):
        read_suite("quik")
    with pytest.raises(BenchError, match="there is no suite file"):
        read_suite(tmp_path / "absent.toml")
