from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from typer.testing import CliRunner

from i2ibench import cli, registry

SMALL = ["--preset", "small", "--budget", "20 steps"]


def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of one command, as a shell would see them."""
    monkeypatch.setattr(sys, "argv", ["i2ibench", *map(str, arguments)])
    try:
        cli.main()
        code = 0
    except SystemExit as stop:
        code = int(stop.code or 0)
    told = capsys.readouterr()
    return code, told.out, " ".join(told.err.split())


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    return lambda *arguments: call(monkeypatch, capsys, *arguments)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run", "quik"], "did you mean 'quick'"),
        (["train", "toy-gna", "toy", *SMALL], "did you mean 'toy-gan'"),
        (["train", "toy-gan", "tow", *SMALL], "did you mean 'toy'"),
        (["train", "toy-boxes", "toy", *SMALL], "gives no boxes, which toy-boxes needs"),
        (["train", "toy-gan", "toy", *SMALL, "--set", "widht=3"], "did you mean 'width'"),
        (["train", "toy-gan", "toy", *SMALL, "--set", "width"], "is not KEY=VALUE"),
        (["train", "toy-gan", "toy", *SMALL, "--resolution", "64"], "is offered at 16x16, 16x32, not at 64x64"),
        (["train", "toy-gan", "toy", "--preset", "small", "--budget", "soon"], "is not a number of steps"),
        (["train", "toy-gan", "toy", *SMALL, "--device", "abacus"], "device 'abacus' cannot be used"),
        (["train", "toy-gan", "toy", *SMALL, "--precision", "fp8"], "precision 'fp8' is none"),
        (["pretrain", "identity", "toy", *SMALL], "none starts from identity's: pretrain one of biggan, stylegan, toy"),
        (["list", "methdos"], "did you mean 'methods'"),
        (["list", "tasks", "--needs", "boxen"], "did you mean 'boxes'"),
        (["show", "pix2pxi"], "did you mean 'pix2pix'"),
        (["board", "nowhere"], "there is no 'nowhere'"),
        (["translate", "nowhere"], "there is no run.json"),
        (["weights", "get", "alexnte"], "did you mean 'alexnet'"),
    ],
)
@pytest.mark.usefixtures("toy")
def test_bad_input_is_one_paragraph_and_exit_2(shell, arguments: list[str], told: str, tmp_path: Path) -> None:
    out = ["--out", str(tmp_path / "out")] if arguments[0] in ("run", "train", "pretrain") else []
    code, printed, error = shell(*arguments, *out)
    assert code == 2
    assert told in error
    assert "Traceback" not in error
    assert printed == ""
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("toy")
def test_an_unwritable_output_folder_is_told(shell, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file in the way")
    code, printed, error = shell("train", "toy-gan", "toy", *SMALL, "--out", tmp_path / "out")
    assert (code, printed) == (2, "")
    assert "is not writable" in error
    assert "--out" in error


def test_debug_shows_the_traceback(shell) -> None:
    from i2ibench.errors import BenchError

    with pytest.raises(BenchError):
        shell("--debug", "show", "pix2pxi")
    cli._debug = False


@pytest.mark.usefixtures("toy")
def test_the_verbs_in_a_row(shell, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    code, printed, error = shell("train", "toy-gan", "toy", *SMALL, "--out", runs, "--set", "width=3")
    assert code == 0, error
    (folder,) = runs.iterdir()
    assert folder.name in printed.replace("\n", "")
    assert shell("translate", folder)[0] == 0
    code, printed, error = shell("evaluate", folder, "--json")
    assert code == 0, error
    assert {score["name"] for score in json.loads(printed)["scores"]} == {"ssim", "psnr", "bpd"}
    own = ["--task", "toy", "--pictures", folder / "translations", "--name", "mine", "--out", runs]
    assert shell("evaluate", *own)[0] == 0
    code, printed, _ = shell("board", runs, "--out", tmp_path / "boards")
    assert code == 0
    assert "mine" in printed
    assert "toy-gan" in (tmp_path / "boards" / "board.md").read_text()
    baseline = tmp_path / "baseline.csv"
    assert shell("check", runs, "--baseline", baseline, "--update")[0] == 0
    assert shell("check", runs, "--baseline", baseline)[0] == 0
    worse = json.loads((folder / "scores.json").read_text())
    for score in worse["scores"]:
        score["value"] += -9 if score["higher_is_better"] else 9
    (folder / "scores.json").write_text(json.dumps(worse))
    code, printed, _ = shell("check", runs, "--baseline", baseline)
    assert code == 1
    assert "ssim" in printed


@pytest.mark.usefixtures("toy")
def test_networks_are_pretrained_and_kept_by_name(shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("I2IBENCH_CACHE", str(tmp_path / "cache"))
    code, printed, error = shell("pretrain", "toy-gan", "toy", *SMALL, "--out", str(tmp_path))
    assert code == 0, error
    assert "next: i2ibench train toy-gan TASK --set gan=toy-gan-small-toy@1-16x16" in printed
    run = next(tmp_path.glob("toy@1*"))
    kept = load_file(tmp_path / "cache/weights/own/toy-gan-small-toy@1-16x16.safetensors")
    trained = load_file(run / "checkpoints/last.safetensors")
    assert {name.partition("/")[0] for name in kept} == {"model", "averages"}
    assert all(torch.equal(value, trained[name]) for name, value in kept.items())
    code, printed, error = shell("weights", "add", "mine", "--from", str(run / "checkpoints/last.safetensors"))
    assert (code, "mine.safetensors" in printed.replace("\n", "")) == (0, True), error
    assert "mine" in shell("weights", "list")[1]


@pytest.mark.usefixtures("toy")
def test_exemplars_are_for_pictures_and_for_methods_that_take_them(shell, tmp_path: Path, monkeypatch) -> None:
    assert shell("train", "toy-gan", "toy", *SMALL, "--out", tmp_path / "runs")[0] == 0
    (folder,) = (tmp_path / "runs").iterdir()
    own = tmp_path / "own"
    own.mkdir()
    Image.new("RGB", (16, 16), (255, 0, 0)).save(own / "red.png")
    styled = ["translate", folder, "--exemplar", own / "red.png"]
    code, printed, error = shell(*styled)
    assert (code, printed) == (2, "")
    assert "--exemplar changes a run's own translations" in error
    on_own = ["--pictures", own, "--to", tmp_path / "out"]
    code, printed, error = shell(*styled, *on_own)
    assert (code, printed) == (2, "")
    assert "toy-gan as it is set takes no exemplar" in error
    for option, told in (("--content", "--content and --content-source belong together"), ("--samples", "gives one")):
        code, printed, error = shell(
            "translate", folder, option, own / "red.png" if option == "--content" else 2, *on_own
        )
        assert (code, printed) == (2, "")
        assert told in error
    adapter = registry.adapter("toy-gan")
    monkeypatch.setattr(adapter, "translate", lambda method, batch, *, seed, sample=0: batch.exemplars[0])
    monkeypatch.setattr(adapter, "card", adapter.card.model_copy(update={"exemplars": 1}))
    assert shell(*styled, *on_own)[0] == 0
    with Image.open(tmp_path / "out" / "red.png") as picture:
        assert picture.getpixel((8, 8)) == (255, 0, 0)
    code, printed, _ = shell("show", "toy-gan", "--preset", "small", "--json")
    assert code == 0 and json.loads(printed)["card"]["exemplars"] == 1


@pytest.mark.usefixtures("toy")
def test_pictures_that_cannot_be_scored(shell, tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"

    def evaluate() -> str:
        code, printed, error = shell("evaluate", "--task", "toy", "--pictures", pictures, "--out", tmp_path / "out")
        assert (code, printed) == (2, "")
        assert "Traceback" not in error
        return str(error)

    assert "pictures" in evaluate()  # no such folder
    pictures.mkdir()
    for index in range(200, 206):
        Image.new("RGB", (16, 16)).save(pictures / f"toy-{index}.png")
    (pictures / "toy-203.png").unlink()
    assert "toy-203" in evaluate()  # missing
    Image.new("RGB", (16, 16)).save(pictures / "toy-203.png")
    Image.new("RGB", (16, 16)).save(pictures / "cat.png")
    assert "cat" in evaluate()  # extra
    (pictures / "cat.png").unlink()
    Image.new("RGB", (18, 16)).save(pictures / "toy-203.png")
    assert "toy-203" in evaluate()  # wrong size
    whole = (pictures / "toy-200.png").read_bytes()
    (pictures / "toy-203.png").write_bytes(whole[: len(whole) // 2])
    assert "toy-203" in evaluate()  # truncated
    (pictures / "toy-203.png").write_text("no picture")
    assert "toy-203" in evaluate()
    (pictures / "toy-203.png").unlink()
    Image.new("RGB", (16, 16)).save(pictures / "toy-203.jpg")
    assert "lossy compression" in evaluate()
    Image.new("RGB", (16, 16), (0, 1, 1)).save(pictures / "toy-203.png")
    (pictures / "toy-203.jpg").unlink()
    assert "cast to 8 bits" in evaluate()  # black, to the eye
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("toy")
def test_what_is_scored_against_what_is_said_by_options(shell, tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    for folder, levels in ((pictures, 40), (tmp_path / "samples" / "01", 90)):
        folder.mkdir(parents=True)
        for index in range(200, 206):
            Image.new("RGB", (16, 16), (levels, index - 150, 99)).save(folder / f"toy-{index}.png")
    own = ["--task", "toy", "--pictures", pictures, "--out", tmp_path / "out", "--json"]

    def scores(*more: object) -> dict[str, dict[str, object]]:
        code, printed, error = shell("evaluate", *own, *more)
        assert code == 0, error
        return {score["name"]: score for score in json.loads(printed)["scores"]}

    assert list(scores()) == ["ssim", "psnr", "bpd"]
    assert list(scores("--metrics", "psnr, kd_efficientnet_lite0", "--metrics", "ssim")) == [
        "psnr",
        "kd_efficientnet_lite0",
        "ssim",
    ]
    sets = ["--metrics", "kd_efficientnet_lite0"]
    test, train = (scores(*sets, "--reference", split)["kd_efficientnet_lite0"] for split in ("test", "train"))
    assert (test["protocol"]["n_reference"], train["protocol"]["n_reference"]) == (6, 12)
    assert test["protocol"]["reference_hash"] != train["protocol"]["reference_hash"]
    assert test["value"] != train["value"]
    assert {folder.name for folder in (tmp_path / "out" / "evaluate").iterdir()} == {
        "toy@1-16x16--yours",
        "toy@1-16x16--yours-against-train",
    }
    assert scores("--samples", tmp_path / "samples")["psnr"]["value"] == scores()["psnr"]["value"]
    (tmp_path / "samples" / "01" / "toy-203.png").write_text("no picture")
    code, _, error = shell("evaluate", *own, "--samples", tmp_path / "samples")
    assert code == 2
    assert "samples/01/toy-203.png holds no picture" in error


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "give a run's folder, or --task TASK and --pictures FOLDER"),
        (["--task", "toy"], "give a run's folder, or --task TASK and --pictures FOLDER"),
        (["--pictures", "x"], "give a run's folder, or --task TASK and --pictures FOLDER"),
        (["RUN", "--pictures", "x"], "--pictures does not go with a run"),
        (["RUN", "--limit", "3"], "--limit does not go with a run"),
        (["RUN", "--samples", "x"], "--samples does not go with a run"),
        (["--task", "toy", "--pictures", "x", "--reference", "tran"], "did you mean 'train'"),
        (["--task", "tpy", "--pictures", "x"], "did you mean 'toy'"),
        (["--task", "toy", "--pictures", "x", "--metrics", "psnr,smis"], "did you mean"),
        (["--task", "toy", "--pictures", "x"], "there is no folder 'x'"),
        (["toy", "x"], "unexpected extra argument"),
    ],
)
@pytest.mark.usefixtures("toy")
def test_options_that_do_not_go_together(shell, arguments: list[str], told: str) -> None:
    code, printed, error = shell("evaluate", *arguments)
    assert (code, printed) == (2, "")
    assert told in error


@pytest.mark.parametrize("kind", ["methods", "tasks", "layouts", "metrics", "suites"])
def test_lists_as_tables_and_as_data(shell, kind: str) -> None:
    code, printed, _ = shell("list", kind, "--json")
    assert code == 0
    listed = json.loads(printed)
    assert listed
    code, printed, _ = shell("list", kind)
    assert code == 0
    assert all(str(next(iter(row.values()))).split("@")[0] in printed for row in listed)


def test_show_counts_parameters_of_every_network(shell) -> None:
    code, printed, _ = shell("show", "pix2pix", "--json")
    assert code == 0
    shown = json.loads(printed)
    assert shown["networks"] == {"generator": 54_413_955, "discriminator": 2_768_705}
    code, printed, _ = shell("show", "pix2pix", "--json", "--set", "norm=instance")
    assert json.loads(printed)["networks"]["generator"] == 54_409_603


@pytest.mark.parametrize("method", registry.methods())
@pytest.mark.parametrize("preset", ["paper", "small"])
def test_show_shows_every_method(shell, method: str, preset: str) -> None:
    code, printed, error = shell("show", method, "--preset", preset, "--json")
    if preset not in registry.adapter(method).presets:
        assert (code, "no preset" in error) == (2, True)
        return
    assert code == 0, error
    shown = json.loads(printed)
    assert shown["parameters"] == sum(shown["networks"].values())
    assert all(shown["networks"].values())


def test_show_counts_for_a_task(shell) -> None:
    def first(*task: str) -> int:
        code, printed, _ = shell("show", "spade", "--json", "--preset", "small", *task)
        assert code == 0
        return int(json.loads(printed)["parameters"])

    assert first() > first("--task", "camvid-label2photo", "--set", "use_instances=false")  # 19 classes, 11 classes
    code, _, error = shell("show", "spade", "--task", "aerial2map")
    assert code == 2
    assert "aerial2map" in error


@pytest.mark.parametrize("name", ["aerial2map", "streets-label2photo@1", "psp", "quick", "c_glow"])
def test_show_shows_every_kind_of_card(shell, name: str) -> None:
    code, printed, _ = shell("show", name)
    assert code == 0
    assert name.split("@")[0] in printed


def test_doctor_tells_what_is_missing_and_how_to_get_it(shell) -> None:
    code, printed, _ = shell("doctor", "--json")
    assert code == 0
    report = json.loads(printed)
    assert "lpips" in report["metrics_without_weights"]  # the tests' cache is empty
    assert any("i2ibench weights get alexnet" in entry["way_out"] for entry in report["weights"])


def test_every_verb_has_help_that_teaches() -> None:
    for verb in ("run", "train", "pretrain", "translate", "evaluate", "board", "check", "list", "show", "doctor"):
        result = CliRunner().invoke(cli.app, [verb, "--help"])
        assert result.exit_code == 0
        assert len(result.output) > 200


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; import i2ibench.cli as c; from typer.testing import CliRunner\n"
        "CliRunner().invoke(c.app, ['--help'])\n"
        "print([m for m in ('torch', 'numpy', 'pandas', 'pydantic', 'datasets', 'PIL') if m in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.strip() == "[]"


def test_the_package_runs_as_a_module() -> None:
    """As torchrun runs it."""
    command = [sys.executable, "-m", "i2ibench", "list", "suites", "--json"]
    assert "quick" in subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.usefixtures("toy")
def test_a_board_of_two_protocols_is_refused_unless_apart(shell, tmp_path: Path) -> None:
    for name, window in (("mine", "Gaussian"), ("yours", "uniform")):
        fields = {"metric": "ssim", "task": "toy@1", "resolution": "16x16", "n": 6, "window": window}
        score = {"name": "ssim", "value": 0.5, "n": 6, "higher_is_better": True, "protocol": fields}
        told = {"method": name, "task": "toy@1", "resolution": "16x16", "scores": [score]}
        (tmp_path / name).mkdir()
        (tmp_path / name / "scores.json").write_text(json.dumps(told))
    code, printed, error = shell("board", tmp_path, "--out", tmp_path / "boards")
    assert (code, printed) == (2, "")
    assert "follow different protocols in `ssim`: window is" in error and "--apart" in error
    assert not (tmp_path / "boards").exists()
    code, printed, error = shell("board", tmp_path, "--out", tmp_path / "boards", "--apart")
    assert code == 0, error
    assert (tmp_path / "boards" / "board.md").read_text().count("ssim ↑ \\[") == 2


SUITE = """
title = "toys"
budget = "20 steps"
seeds = [0, 1]
[[tasks]]
task = "toy"
[[methods]]
method = "toy-gan"
preset = "small"
"""


@pytest.mark.usefixtures("toy")
def test_a_suite_whose_kept_scores_follow_another_protocol_still_gets_its_board(shell, tmp_path: Path) -> None:
    (tmp_path / "toys.toml").write_text(SUITE)
    command = ["run", tmp_path / "toys.toml", "--out", tmp_path]
    code, printed, error = shell(*command)
    assert code == 0, error
    assert "stand apart" not in printed
    kept = next((tmp_path / "toys").glob("*-s0-*")) / "scores.json"
    told = json.loads(kept.read_text())
    for score in told["scores"]:
        score["protocol"]["version"] = 0
    kept.write_text(json.dumps(told))
    code, printed, error = shell(*command)
    assert code == 0, error
    printed = " ".join(printed.split())
    assert "stand apart on toy@1 at 16x16: scores of toy-gan (small) seed" in printed and "--rescore" in printed
    assert (tmp_path / "toys" / "board.md").read_text().count("ssim ↑ \\[") == 2
    shell(*command, "--rescore")
    assert "\\[" not in (tmp_path / "toys" / "board.md").read_text().split("---")[0]
