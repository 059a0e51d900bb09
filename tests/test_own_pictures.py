from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from i2ibench.data.labels import painted
from i2ibench.data.pictures import read_picture
from i2ibench.errors import BenchError
from i2ibench.models.method import Batch
from i2ibench.own_pictures import Wishes, translate_folder
from i2ibench.record import Budget, Status
from i2ibench.run import Run, plan
from i2ibench.task import Fit, Need


def made(root: Path) -> Run:
    return Run(plan("toy-gan", "toy", preset="small", budget=Budget(steps=1)), root, torch.device("cpu"))


def trained(root: Path) -> Run:
    run = made(root)
    run.perform("train")
    return run


@pytest.mark.usefixtures("toy")
def test_a_folder_of_pictures_is_translated_and_only_free_fields_may_change(runs: Path, tmp_path: Path) -> None:
    run = trained(runs)
    own = tmp_path / "own"
    own.mkdir()
    Image.new("RGB", (16, 16), "gray").save(own / "a.jpg")
    assert translate_folder(run, own, tmp_path / "out") == 1
    assert translate_folder(run, own, tmp_path / "bright", Wishes({"brightness": "0.5"})) == 1
    plain, bright = (np.asarray(Image.open(tmp_path / name / "a.png")).astype(int) for name in ("out", "bright"))
    np.testing.assert_allclose(bright, np.minimum(plain + 64, 255), atol=1)
    with pytest.raises(BenchError, match="'width' is fixed once trained; translation may set brightness"):
        translate_folder(run, own, tmp_path / "out", Wishes({"width": "3"}))
    Image.new("RGB", (17, 16)).save(own / "b.png")
    with pytest.raises(BenchError, match=r"b.png' is 16x17 .* should be 16x16: .* with --fit cover or --fit stretch"):
        translate_folder(run, own, tmp_path / "out")
    (own / "b.png").write_bytes((own / "a.jpg").read_bytes()[:150])
    with pytest.raises(BenchError, match=r"b.png' cannot be read as a picture"):
        translate_folder(run, own, tmp_path / "out")


@pytest.mark.usefixtures("toy")
def test_a_run_without_weights_is_refused_and_one_half_trained_tells(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, own, out = made(runs), gray(tmp_path / "own/a.png", 0).parent, tmp_path / "out"
    run.perform("prepare")
    with pytest.raises(BenchError, match=r"no trained weights yet: give the command that made it again"):
        translate_folder(run, own, out)
    assert not out.exists()
    run.perform("train")
    stages = run.folder.record().stages.model_copy(update={"train": Status.RUNNING})
    run.folder.save(run.folder.record().model_copy(update={"stages": stages}))
    said: list[str] = []
    monkeypatch.setattr(run.progress, "say", said.append)
    translate_folder(run, own, out)
    assert said == ["training has not come to its end: these are its weights of step 1"]


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize(("fit", "left", "right"), [(Fit.STRETCH, 0, 255), (Fit.COVER, 255, 255)])
def test_pictures_of_other_sizes_are_brought_to_the_runs(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fit: Fit, left: int, right: int
) -> None:
    """A picture thrice as wide as high, black at its left end: what is seen of it is told by its ends."""
    run = trained(runs)
    monkeypatch.setattr(run.adapter, "translate", lambda method, batch, *, seed, sample=0: batch.source)
    own, out = tmp_path / "own", tmp_path / "out"
    own.mkdir()
    wide = Image.new("RGB", (96, 32), "white")
    wide.paste("black", (0, 0, 20, 32))
    wide.save(own / "a.png")
    translate_folder(run, own, out, Wishes(fit=fit))
    found = read_picture(out / "a.png", run.spec.resolution)
    assert (found[:, 0] == left).all()
    assert (found[:, -1] == right).all()


@pytest.mark.usefixtures("toy")
def test_a_method_that_may_take_exemplars_says_how(runs: Path, tmp_path: Path) -> None:
    run = Run(plan("munit", "toy", preset="small", budget=Budget(steps=20)), runs, torch.device("cpu"))
    with pytest.raises(BenchError, match=r"munit as it is set takes no exemplar.*add --set style=exemplar"):
        translate_folder(run, tmp_path, tmp_path / "out", Wishes(exemplar=tmp_path))


@pytest.mark.usefixtures("toy")
def test_own_pictures_take_the_style_of_exemplars(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = trained(runs)
    own, styles, out = (tmp_path / name for name in ("own", "styles", "out"))
    for folder, count in ((own, 3), (styles, 2)):
        folder.mkdir()
        for index in range(count):
            Image.new("RGB", (16, 16), (10 * index, count, 0)).save(folder / f"{index}.png")
    with pytest.raises(BenchError, match=r"toy-gan as it is set takes no exemplar.*leave --exemplar out"):
        translate_folder(run, own, out, Wishes(exemplar=styles))
    monkeypatch.setattr(run.adapter, "translate", lambda method, batch, *, seed, sample=0: batch.exemplars[0])
    monkeypatch.setattr(run.adapter, "card", run.adapter.card.model_copy(update={"exemplars": 1}))

    def translated(exemplar: Path | None, seed: int = 0) -> list[bytes]:
        assert translate_folder(run, own, out, Wishes(seed=seed, exemplar=exemplar)) == 3
        return [read_picture(out / f"{index}.png", run.spec.resolution).tobytes() for index in range(3)]

    first, second = (read_picture(styles / f"{index}.png", run.spec.resolution).tobytes() for index in range(2))
    assert translated(styles) == [first, second, first]
    assert translated(styles / "1.png") == [second] * 3
    table = run.split("train").rows
    targets = [table[index]["target"].tobytes() for index in range(len(table))]
    drawn = translated(None)
    assert set(drawn) <= set(targets) and translated(None) == drawn != translated(None, seed=1)
    monkeypatch.setattr(run.adapter, "card", run.adapter.card.model_copy(update={"backward": True}))
    assert translated(styles) == [first, second, first]
    with pytest.raises(BenchError, match=r"translates backward here, to pictures like toy@1's sources.* give --ex"):
        translated(None)
    monkeypatch.setattr(run.adapter, "card", run.adapter.card.model_copy(update={"backward": False}))
    with pytest.raises(BenchError, match=r"there is no exemplar .*nowhere'.* or a folder of pictures"):
        translated(tmp_path / "nowhere")
    with pytest.raises(BenchError, match="there are no pictures in"):
        translated(tmp_path / "runs")
    Image.new("RGB", (17, 16)).save(styles / "1.png")
    with pytest.raises(BenchError, match=r"1.png' is 16x17 .* should be 16x16"):
        translated(styles)


@pytest.mark.usefixtures("toy")
def test_own_pictures_take_as_many_exemplars_as_the_method_does(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trained(runs)
    gray(tmp_path / "own/a.png", 0), gray(tmp_path / "own/b.png", 0)
    styles, out = tmp_path / "styles", tmp_path / "out"
    levels = [gray(styles / f"{n}.png", 40 * n) and 40 * n for n in range(3)]
    mean = lambda method, batch, *, seed, sample=0: sum(batch.exemplars) / len(batch.exemplars)  # noqa: E731
    monkeypatch.setattr(run.adapter, "translate", mean)
    monkeypatch.setattr(run.adapter, "card", run.adapter.card.model_copy(update={"exemplars": 2}))
    translate_folder(run, tmp_path / "own", out, Wishes(exemplar=styles))
    assert [level(out / f"{name}.png") for name in "ab"] == [sum(levels[:2]) / 2, sum(levels[1:]) / 2]
    with pytest.raises(BenchError, match=r"takes 2 exemplars, and .*0.png' has 1: give more"):
        translate_folder(run, tmp_path / "own", out, Wishes(exemplar=styles / "0.png"))


@pytest.mark.usefixtures("toy")
def test_own_pictures_are_translated_to_the_class_asked_for(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, asked = trained(runs), []
    own, out = gray(tmp_path / "own/a.png", 0).parent, tmp_path / "out"

    def translate(method, batch: Batch, *, seed: int, sample: int = 0) -> Tensor:
        asked.append(None if batch.classes is None else batch.classes.tolist())
        return batch.source

    monkeypatch.setattr(run.adapter, "translate", translate)
    translate_folder(run, own, out)
    with pytest.raises(BenchError, match="as toy@1 has no classes: leave --class out"):
        translate_folder(run, own, out, Wishes(class_name="dog"))
    classes = run.task.model_copy(update={"classes": ("cat", "dog")})
    monkeypatch.setattr(type(run), "task", property(lambda self: classes))
    with pytest.raises(BenchError, match="as toy-gan is not told one: leave --class out"):
        translate_folder(run, own, out, Wishes(class_name="dog"))
    monkeypatch.setattr(run.adapter, "card", run.adapter.card.model_copy(update={"classes": True}))
    with pytest.raises(BenchError, match="none is asked for: give --class, one of cat, dog"):
        translate_folder(run, own, out)
    with pytest.raises(BenchError, match="toy@1 has no class 'dgo': did you mean 'dog'"):
        translate_folder(run, own, out, Wishes(class_name="dgo"))
    translate_folder(run, own, out, Wishes(class_name="dog"))
    assert asked == [None, [[-1, 1]]]


def gray(file: Path, level: int) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (16, 16), (level, level, level)).save(file)
    return file


def level(file: Path) -> int:
    with Image.open(file) as picture:
        found = picture.getpixel((0, 0))
    assert isinstance(found, tuple)
    return int(found[0])


@pytest.mark.usefixtures("toy")
def test_further_samples_go_into_folders_of_their_own(runs: Path, tmp_path: Path, monkeypatch) -> None:
    run, own, out = trained(runs), tmp_path / "own", tmp_path / "out"
    gray(own / "a.png", 100)
    with pytest.raises(BenchError, match="toy-gan gives one translation of a picture, so samples must be 1, found 3"):
        translate_folder(run, own, out, Wishes(samples=3))

    def sampled(method, batch, *, seed, sample=0):
        return batch.source + sample * 10 / 127.5

    monkeypatch.setattr(run.adapter, "translate", sampled)
    monkeypatch.setattr(run.adapter, "card", run.adapter.card.model_copy(update={"stochastic": True}))
    assert translate_folder(run, own, out, Wishes(samples=3)) == 1
    assert sorted(str(file.relative_to(out)) for file in out.rglob("*.png")) == ["01/a.png", "02/a.png", "a.png"]
    assert [level(out / name) for name in ("a.png", "01/a.png", "02/a.png")] == [100, 110, 120]


@pytest.mark.usefixtures("toy")
def test_content_is_moved_to_each_picture(runs: Path, tmp_path: Path, monkeypatch) -> None:
    run, own, out = trained(runs), tmp_path / "own", tmp_path / "out"
    for name, value in (("a", 100), ("b", 120)):
        gray(own / f"{name}.png", value)
    content = gray(tmp_path / "layout.png", 50), gray(tmp_path / "photo.png", 70)
    with pytest.raises(BenchError, match="toy-gan cannot move content from one source to another"):
        translate_folder(run, own, out, Wishes(content=content))

    def transfer(self, content, batch):
        return batch.source + content.target - content.source

    monkeypatch.setattr(run.adapter, "card", run.adapter.card.model_copy(update={"transfer": True, "stochastic": True}))
    monkeypatch.setattr(type(run.method()), "transfer", transfer)
    assert translate_folder(run, own, out, Wishes(content=content)) == 2
    assert [level(out / name) for name in ("a.png", "b.png")] == [120, 140]
    with pytest.raises(BenchError, match="content is moved, not sampled, so samples must be 1, found 2"):
        translate_folder(run, own, out, Wishes(content=content, samples=2))
    with pytest.raises(BenchError, match=r"there is no picture .*nowhere.png"):
        translate_folder(run, own, out, Wishes(content=(content[0], tmp_path / "nowhere.png")))


@pytest.mark.usefixtures("toy")
def test_what_a_folder_of_pictures_does_not_have_is_refused(runs: Path, tmp_path: Path, monkeypatch) -> None:
    run = trained(runs)
    gray(tmp_path / "own" / "a.png", 100)
    monkeypatch.setattr(run.adapter, "needs", lambda config: {Need.PAIRS: "", Need.BOXES: "", Need.FLOW: ""})
    assert translate_folder(run, tmp_path / "own", tmp_path / "out") == 1, "what training reads is not asked for"
    monkeypatch.setattr(run.adapter, "needs", lambda config: {Need.CLASSES: "classes=true"})
    with pytest.raises(BenchError, match="toy-gan as it was trained reads classes, which a folder of pictures"):
        translate_folder(run, tmp_path / "own", tmp_path / "out")


@pytest.mark.usefixtures("toy")
def test_label_pictures_are_read_by_their_colours_and_instances_from_a_folder(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, own, out, ids = trained(runs), tmp_path / "own", tmp_path / "out", tmp_path / "ids"
    monkeypatch.setattr(
        run.adapter, "needs", lambda config: {Need.LABELS: "use_labels=true", Need.INSTANCES: "use_instances=true"}
    )
    seen = []

    def told(method, batch, *, seed, sample=0):
        seen.append(batch)
        return batch.source

    monkeypatch.setattr(run.adapter, "translate", told)
    labels = np.zeros((16, 16), np.uint8)
    labels[8:] = 1
    labels[0] = 255
    own.mkdir()
    ids.mkdir()
    Image.fromarray(painted(labels, run.task.labels.palette)).save(own / "a.png")  # type: ignore[union-attr]
    Image.fromarray((np.arange(256).reshape(16, 16) * 200).astype(np.uint16)).save(ids / "a.png")
    translate_folder(run, own, out, Wishes(instances=ids))
    translate_folder(run, own, out)
    for batch in seen:
        assert torch.equal(batch.labels[0], torch.from_numpy(labels.astype(np.int64)))
    assert torch.equal(seen[0].instances[0], 200 * torch.arange(256).reshape(16, 16))
    assert torch.equal(seen[1].instances, seen[1].labels)

    for folder in (own, ids):  # four times as large, and as sharp when they are brought back
        Image.open(folder / "a.png").resize((64, 64), Image.Resampling.NEAREST).save(folder / "a.png")
    translate_folder(run, own, out, Wishes(instances=ids, fit=Fit.STRETCH))
    assert torch.equal(seen[2].labels, seen[0].labels)
    assert torch.equal(seen[2].instances, seen[0].instances)
    (own / "a.png").unlink()

    gray(own / "b.png", 7)
    with pytest.raises(BenchError, match=r"b.png' has \(7, 7, 7\) in row 0, column 0, the colour of no class"):
        translate_folder(run, own, out)
    monkeypatch.setattr(run.adapter, "needs", lambda config: {})
    with pytest.raises(BenchError, match="toy-gan as it was trained reads no instances: leave --instances out"):
        translate_folder(run, own, out, Wishes(instances=ids))


@pytest.mark.usefixtures("toy")
def test_a_method_of_sequences_goes_on_from_the_pictures_before(runs: Path, tmp_path: Path, monkeypatch) -> None:
    run, own, out, first = trained(runs), tmp_path / "own", tmp_path / "out", tmp_path / "first"
    for index in range(4):
        gray(own / f"{index}.png", index)
    with pytest.raises(BenchError, match="toy-gan translates each picture alone and goes on from none: leave --first"):
        translate_folder(run, own, out, Wishes(first=own))

    def summed(method, batch, *, seed, sample=0):
        return batch.source + sum(((frame.target + 1) for frame in batch.frames or ()), torch.tensor(0.0))

    monkeypatch.setattr(run.adapter, "translate", summed)
    monkeypatch.setattr(run.adapter, "card", run.adapter.card.model_copy(update={"history": 2}))
    monkeypatch.setattr(run.adapter, "needs", lambda config: {Need.VIDEO: "", Need.FLOW: "flow=given"})
    assert translate_folder(run, own, out) == 4
    assert [level(out / f"{index}.png") for index in range(4)] == [0, 1, 2 + 1, 3 + 3 + 1]
    for index in (1, 0):
        gray(first / f"{index}.png", 10)
        if index:
            with pytest.raises(BenchError, match=r"first' must hold .* named 0.*found 1"):
                translate_folder(run, own, out, Wishes(first=first))
    translate_folder(run, own, out, Wishes(first=first))
    assert [level(out / f"{index}.png") for index in range(4)] == [10, 10, 2 + 20, 3 + 22 + 10]
