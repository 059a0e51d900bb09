"""Scores by classifiers, in a small world whose classes are colours, against scikit-learn, SciPy and loops."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.stats import binomtest, entropy
from sklearn.linear_model import LogisticRegression
from torch.nn import functional as F

from i2ibench import registry
from i2ibench.data import rows
from i2ibench.data.batches import target_class, target_classes
from i2ibench.data.rows import Row, Split
from i2ibench.errors import BenchError
from i2ibench.metrics import extractors
from i2ibench.metrics.ceiling import ceiling
from i2ibench.metrics.classification import training as classifier_training
from i2ibench.metrics.classification.classifier import EXTRACTOR, PENALTY
from i2ibench.metrics.classification.training import ClassifierCard, RealAccuracy, of_task
from i2ibench.metrics.evaluate import evaluate
from i2ibench.metrics.inception_score import ConditionalInceptionScore, InceptionScore, jackknife_error, mean_divergence
from i2ibench.metrics.metric import Chunk, Metric, Setting
from i2ibench.metrics.recognition import FC, RC, wilson_interval
from i2ibench.task import Files, Level, Need, Resolution, Task

SIZE = Resolution(8, 8)
KINDS: dict[str, type[Metric]] = {kind.name: kind for kind in (RC, FC, InceptionScore, ConditionalInceptionScore)}
COLOURS = ("red", "green", "blue", "cyan", "magenta", "yellow", "black")
_CORNERS = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 0], [0, 0, 0]])
POOL = Task(
    name="colours",
    title="",
    description="",
    level=Level.WEAK,
    gives=frozenset({Need.CLASSES}),
    resolutions=(SIZE,),
    splits={"train": 70, "val": 21, "test": 35},
    data="nowhere:none",
    classes=COLOURS,
    metrics={},
    source="",
    licence="",
)
DOMAINS = POOL.model_copy(update={"name": "greys2colours", "targets": {"train": 70, "val": 21, "test": 35}})


def colour(category: int, draw: np.random.Generator, noise: float = 40) -> np.ndarray:
    mean = 60 + 130 * _CORNERS[category]
    return np.clip(mean + draw.normal(0, noise, (*SIZE, 3)), 0, 255).astype(np.uint8)


def rows_of(task: Task, split: str, classes: int, shuffled: bool) -> Iterator[Row]:
    draw = np.random.default_rng(sum(map(ord, split)))
    for number in range(task.splits[split]):
        category = number % classes
        shown = int(draw.integers(classes)) if shuffled else category
        picture = colour(shown, draw)
        if task.targets:
            grey = np.full((*SIZE, 3), draw.integers(256), np.uint8)
            yield Row(name=f"{split}{number:03d}", source=grey)
            yield Row(name=f"t{split}{number:03d}", target=picture, category=category)
        else:
            yield Row(name=f"{split}{number:03d}", source=picture, category=category)


def made(task: Task, *, classes: int = 7, shuffled: str = "", without: int | None = None) -> dict[str, Split]:
    """The splits, in the cache; `shuffled` names one whose pictures do not show their class."""
    for split in task.splits:
        found = [
            row
            for row in rows_of(task, split, classes, split == shuffled)
            if split != "train" or without is None or row.get("category") != without
        ]
        rows.make(rows.split_folder(task, SIZE, split), found)
    return {split: rows.load(task, SIZE, split) for split in task.splits}


def asked(split: Split) -> dict[str, int]:
    """The class that each source is to be translated to."""
    table = split.rows
    own = table.column("category") if "category" in table.columns else [-1] * len(table)
    known = target_classes(split)
    return {name: target_class(name, category, known) for name, category in zip(table.names, own, strict=True)}


def of_asked(split: Split, noise: float = 40, seed: int = 9) -> dict[str, np.ndarray]:
    """Outputs of the class asked for."""
    draw = np.random.default_rng(seed)
    return {name: colour(category, draw, noise) for name, category in asked(split).items()}


def sources(split: Split) -> dict[str, np.ndarray]:
    return {row["name"]: row["source"] for row in split.rows}


def means(pictures: torch.Tensor) -> torch.Tensor:
    """float32 `[B, 12]`: mean colours of quarters."""
    return F.adaptive_avg_pool2d(pictures.float(), 2).flatten(1).cpu()


def tensor(pictures: Mapping[str, np.ndarray]) -> torch.Tensor:
    return torch.from_numpy(np.stack(list(pictures.values()))).movedim(-1, 1).float() / 127.5 - 1


@pytest.fixture(autouse=True)
def world(cache: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Its own cache, mean colours for features, and the metrics by name; gives the sizes of batches extracted."""
    taken: list[int] = []
    real = registry.metric

    def extract(pictures: torch.Tensor) -> torch.Tensor:
        taken.append(len(pictures))
        return means(pictures)

    monkeypatch.setattr(extractors, "load", lambda name, device="cpu": extract)
    monkeypatch.setattr(registry, "metric", lambda name: KINDS.get(name) or real(name))
    return taken


def setting(split: Split, **fields) -> Setting:
    n = len(split)
    names = tuple(split.rows.names)
    given = {"reference_hash": split.fingerprint, "names": names, "n_reference": len(split.reals[0]), **fields}
    return Setting(task=split.task, resolution=SIZE, split=split.name, n=n, **given)


def chunk(pictures: Mapping[str, np.ndarray], classes: Mapping[str, int] | None = None) -> Chunk:
    shown = tensor(pictures)
    wanted = None if classes is None else torch.tensor([classes[name] for name in pictures])
    return Chunk(names=tuple(pictures), output=shown, classes=wanted, extract=lambda name, side: means(shown))


def test_the_task_s_classifier_knows_real_pictures_and_is_fitted_once(world, cache) -> None:
    splits = made(POOL)
    trained = of_task(POOL, SIZE)
    card = trained.card
    assert card.classes == tuple(range(7)) and card.n_training == 70
    assert card.training_hash == splits["train"].fingerprint
    assert [(one.split, one.n) for one in card.real] == [("val", 21), ("test", 35)]
    assert all(one.top1 > 0.9 and one.top5 == 1 and one.chance == pytest.approx(1 / 7) for one in card.real)
    assert card.distrust() is None
    assert sum(world) == 70 + 21 + 35

    again = of_task(POOL, SIZE)
    assert sum(world) == 126 and again.card == card
    assert torch.equal(again.classifier.weight, trained.classifier.weight)
    assert torch.equal(again.classifier.mean, trained.classifier.mean)

    (file,) = (cache / "classifiers").iterdir()
    file.write_bytes(file.read_bytes()[:200])
    mended = of_task(POOL, SIZE)
    assert torch.equal(mended.classifier.weight, trained.classifier.weight)
    assert sum(world) == 126  # the features are kept apart


def test_of_an_unpaired_task_the_target_pictures_are_learned() -> None:
    made(DOMAINS)
    card = of_task(DOMAINS, SIZE).card
    assert card.n_training == 70 and card.real[1].top1 > 0.9


def test_classes_that_training_holds_out_are_learned_from_the_split_that_shows_them() -> None:
    task = DOMAINS.model_copy(update={"name": "held-out", "shown": "val"})
    for split in task.splits:
        of_training = split == "train"
        found = [row for row in rows_of(task, split, 7, False) if (row.get("category", 0) < 3) == of_training]
        grey = [row for row in rows_of(task, split, 7, False) if "source" in row]
        colours = [row for row in found if "target" in row]
        rows.make(rows.split_folder(task, SIZE, split), [*grey, *colours])
    card = of_task(task, SIZE).card
    assert (card.classes, card.n_training, [one.split for one in card.real]) == ((3, 4, 5, 6), 12, ["test"])
    test = rows.load(task, SIZE, "test")
    first, _ = evaluate(of_asked(test), test, ["rc"]).scores
    assert first.value == 1 and first.protocol is not None
    assert first.protocol.training == "all real pictures of val"


def test_a_cache_that_cannot_be_written_costs_the_file_alone(monkeypatch, cache) -> None:
    made(POOL)

    def full(path: Path) -> None:
        raise BenchError("the disk is full")

    said: list[str] = []
    monkeypatch.setattr(classifier_training, "written", full)
    progress = classifier_training.Silent()
    monkeypatch.setattr(progress, "say", said.append)
    assert of_task(POOL, SIZE, progress=progress).card.distrust() is None
    assert said == ["the classifier of colours@1 will be fitted again next time: the disk is full"]
    assert not (cache / "classifiers").exists()


@pytest.mark.parametrize(("classes", "enough"), [(2, 0.75), (3, 2 / 3), (10, 0.2)])
def test_a_classifier_is_trusted_from_twice_chance_or_half_way_to_all(classes: int, enough: float) -> None:
    def card(top1: float) -> ClassifierCard:
        found = RealAccuracy(split="test", n=100, top1=top1, top5=None, chance=1 / classes)
        fields = {"head": "", "extractor": {}, "training_hash": "", "n_training": 9, "classes": tuple(range(classes))}
        return ClassifierCard(task="a@1", resolution=SIZE, real=(found,), **fields)

    assert card(enough + 1e-9).distrust() is None
    assert f"knows {enough - 0.01:.1%} of the 100 real test pictures" in (card(enough - 0.01).distrust() or "")


def test_outputs_of_the_class_asked_for_are_recognised_and_copies_are_not() -> None:
    split = made(POOL)["test"]
    right = {score.name: score for score in evaluate(of_asked(split), split, ["rc"]).scores}
    assert right["rc"].value > 0.9 and right["rc_top5"].value == 1
    (copied, _) = evaluate(sources(split), split, ["rc"]).scores
    assert copied.value < 0.1  # no source is asked for its own class
    protocol = right["rc"].protocol
    card = of_task(POOL, SIZE).card
    assert protocol.training_hash == card.training_hash and protocol.n_training == 70 and protocol.classes == 7
    assert protocol.classifier == card.head and protocol.extractor == EXTRACTOR and protocol.weights_sha256


def test_shares_values_and_errors_are_those_of_single_pictures() -> None:
    split = made(POOL)["test"]
    pictures = {**sources(split), **dict(list(of_asked(split, noise=400).items())[::2])}
    found = evaluate(pictures, split, ["rc"])
    trained = of_task(POOL, SIZE)
    likely = trained.classifier.log_probabilities(means(tensor(pictures))).argsort(1, descending=True).tolist()
    wanted = list(asked(split).values())
    for score, k in zip(found.scores, (1, 5), strict=True):
        hits = [float(category in order[:k]) for order, category in zip(likely, wanted, strict=True)]
        assert list(found.per_picture[score.name]) == hits
        assert score.value == pytest.approx(np.mean(hits)) and 0 < score.value < 1
        assert score.standard_error == pytest.approx(np.std(hits, ddof=1) / math.sqrt(35))
        interval = binomtest(int(sum(hits)), 35).proportion_ci(method="wilson")
        assert score.interval == pytest.approx((interval.low, interval.high), abs=1e-9)


@given(st.integers(0, 50), st.integers(1, 50))
def test_the_interval_is_wilson_s_and_holds_the_share(hits: int, more: int) -> None:
    n = hits + more - 1 or 1
    hits = min(hits, n)
    low, high = wilson_interval(hits, n)
    wanted = binomtest(hits, n).proportion_ci(method="wilson")
    assert (low, high) == pytest.approx((wanted.low, wanted.high), abs=1e-9)
    assert low <= hits / n <= high and low < high


def test_the_row_real_has_the_classifier_s_own_accuracy(world) -> None:
    splits = made(POOL)
    scores = {score.name: score for score in ceiling(splits["test"], splits["val"], list(KINDS))}
    real = of_task(POOL, SIZE).card.real[1]
    assert scores["rc"].value == real.top1 and scores["rc_top5"].value == real.top5
    outputs = {score.name: score for score in evaluate(of_asked(splits["test"]), splits["test"], list(KINDS)).scores}
    assert scores["rc"].protocol == outputs["rc"].protocol
    assert scores["is_classifier"].protocol == outputs["is_classifier"].protocol
    assert scores["fc"].value > 0.9 and scores["fc"].protocol.n_training == 21  # the validation pictures
    assert scores["cis"].value is None
    assert sum(world) == 126 + 35  # real pictures once each, then the outputs


def test_alone_it_takes_features_of_real_pictures_once_too(world) -> None:
    splits = made(POOL)
    (first, _) = ceiling(splits["test"], splits["val"], ["rc"])
    assert sum(world) == 126
    assert ceiling(splits["test"], splits["val"], ["rc"])[0] == first
    assert sum(world) == 126


def test_the_classifier_can_be_had_before_the_walk(world) -> None:
    split = made(POOL)["test"]
    metric, titles = RC(setting(split)), []

    class Told(classifier_training.Silent):
        def track(self, title, total, unit, done=0):
            titles.append(title)
            return super().track(title, total, unit, done)

    metric.prepare(Told())
    assert titles == [f"features of colours@1 {name}" for name in ("train", "val", "test")]
    metric.update(chunk(of_asked(split), asked(split)))
    assert metric.compute()[0].value > 0.9 and sum(world) == 126


def test_five_classes_have_no_top_5() -> None:
    split = made(POOL, classes=5)["test"]
    first, five = evaluate(of_asked(split), split, ["rc"]).scores
    assert first.value > 0.9 and five.value is None and "tells 5 classes apart" in five.reason


def test_a_classifier_that_does_not_know_real_test_pictures_is_not_believed() -> None:
    split = made(POOL, shuffled="test")["test"]
    found = evaluate(of_asked(split), split, ["rc", "is_classifier"])
    assert all(score.value is None and "real test pictures, less than" in score.reason for score in found.scores)
    assert list(found.per_picture.columns) == ["name"]


def test_a_class_asked_for_that_was_not_learned_makes_it_n_a() -> None:
    split = made(POOL, without=3)["test"]
    for score in evaluate(of_asked(split), split, ["rc"]).scores:
        assert score.value is None and "1 of the classes asked for are not in the training pictures (cyan)" in (
            score.reason or ""
        )


def test_pictures_without_classes_make_it_n_a(cache) -> None:
    bare = DOMAINS.model_copy(update={"name": "bare"})
    for split in bare.splits:
        found = list(rows_of(bare, split, 7, False))
        for row in found:
            row.pop("category", None)
        rows.make(rows.split_folder(bare, SIZE, split), found)
    split = rows.load(bare, SIZE, "test")
    (score,) = evaluate(sources(split), split, ["is_classifier"]).scores
    assert score.value is None and "have no classes to fit a classifier to" in (score.reason or "")


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_it_is_n_a_where_no_class_is_asked_for(kind: type[Metric]) -> None:
    split = made(DOMAINS)["test"]
    for gives in (frozenset[Need](), frozenset({Need.PAIRS, Need.CLASSES})):
        card = split.task.model_copy(update={"gives": gives})
        assert "asks for no class" in (kind.unavailable(replace(setting(split), task=card)) or "")
    samples = dict.fromkeys(split.rows.names, 10)
    assert kind.unavailable(setting(split, samples=samples)) is None


def test_it_is_n_a_where_there_is_nothing_to_learn_from() -> None:
    split = made(POOL)["test"]
    alone = split.task.model_copy(update={"splits": {"test": 35}})
    assert "has no train split" in (RC.unavailable(replace(setting(split), task=alone)) or "")
    files = split.task.model_copy(update={"name": "theirs", "data": Files(layout="class-folders")})
    assert "i2ibench data prepare theirs" in (RC.unavailable(replace(setting(split), task=files)) or "")
    assert FC.unavailable(replace(setting(split), task=alone)) is None  # it learns from the outputs


def test_fc_is_scikit_learn_s_accuracy_on_real_pictures() -> None:
    split = made(POOL)["test"]
    pictures = of_asked(split, noise=400)
    (score,) = evaluate(pictures, split, ["fc"]).scores
    features = means(tensor(pictures)).double().numpy()
    mean, scale = features.mean(0), np.sqrt(features.var(0).mean())
    model = LogisticRegression(C=1 / (2 * PENALTY), tol=1e-10, max_iter=10_000)
    model.fit((features - mean) / scale, list(asked(split).values()))
    real = {row["name"]: row["source"] for row in split.rows}
    hits = model.predict((means(tensor(real)).double().numpy() - mean) / scale) == split.rows.column("category")
    assert score.value == pytest.approx(np.mean(hits)) and 0.2 < score.value < 1
    assert score.standard_error == pytest.approx(np.std(hits, ddof=1) / math.sqrt(35))
    assert score.n == 35 and score.protocol.reference == "all targets of test"
    (copied,) = evaluate(sources(split), split, ["fc"]).scores
    assert copied.value < 0.1
    assert copied.protocol == score.protocol


def test_fc_is_n_a_where_a_class_has_no_output() -> None:
    split = made(POOL)["test"]
    (score,) = evaluate(of_asked(split), split, ["fc"], limit=6).scores
    assert score.value is None and "classes have no output" in (score.reason or "")
    metric, classes = FC(setting(split)), dict.fromkeys(split.rows.names, 2)
    metric.update(chunk(sources(split), classes))
    metric.update_reference(chunk(sources(split), classes))
    assert metric.compute()[0].reason == "all outputs were asked for one class"


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(range(35)), st.integers(1, 34), st.sampled_from([RC, FC, InceptionScore]))
def test_shards_merge_to_the_same_number(order: list[int], cut: int, kind: type[Metric]) -> None:
    split = made(POOL)["test"]
    pictures, reals, classes = of_asked(split, noise=400), sources(split), asked(split)
    own = dict(zip(split.rows.names, split.rows.column("category"), strict=True))
    names = list(pictures)
    parts = [names, [names[index] for index in order[:cut]], [names[index] for index in order[cut:]]]
    whole, first, second = (kind(setting(split)) for _ in parts)
    for metric, part in zip((whole, first, second), parts, strict=True):
        metric.update(chunk({name: pictures[name] for name in part}, classes))
        metric.update_reference(chunk({name: reals[name] for name in part}, own))
    second.merge(first)
    assert second.compute() == whole.compute()
    assert second.per_picture() == whole.per_picture()


def test_the_inception_score_is_the_mean_kl_from_the_mean() -> None:
    split = made(DOMAINS)["test"]
    pictures = of_asked(split, noise=200)
    (score,) = evaluate(pictures, split, ["is_classifier"]).scores
    likely = of_task(DOMAINS, SIZE).classifier.log_probabilities(means(tensor(pictures))).exp().numpy()

    def inception_score(p: np.ndarray) -> float:
        return float(np.mean([entropy(row, p.mean(0)) for row in p]))

    left = np.array([inception_score(np.delete(likely, index, 0)) for index in range(35)])
    assert score.value == pytest.approx(inception_score(likely), rel=1e-6)
    assert score.standard_error == pytest.approx(math.sqrt(34 / 35 * ((left - left.mean()) ** 2).sum()), rel=1e-5)
    assert 0.1 < score.value < math.log(7) and score.interval[1] <= math.log(7)
    (same,) = evaluate(dict.fromkeys(pictures, pictures["test000"]), split, ["is_classifier"]).scores
    assert same.value == pytest.approx(0, abs=1e-12)


def test_divergences_at_the_ends() -> None:
    sure = torch.eye(4, dtype=torch.float64)
    assert float(mean_divergence(sure)) == pytest.approx(math.log(4))
    assert float(mean_divergence(sure[:1])) == 0 and jackknife_error(sure[:1]) is None
    assert float(mean_divergence(torch.full((3, 4), 0.25))) == 0


def folder_of_samples(folder: Path, split: Split, draw: np.random.Generator) -> Path:
    """Nine further samples of each source, of any class."""
    for number in range(1, 10):
        (folder / f"{number:02d}").mkdir(parents=True)
        for name in split.rows.names:
            Image.fromarray(colour(int(draw.integers(7)), draw)).save(folder / f"{number:02d}" / f"{name}.png")
    return folder


def test_the_conditional_score_is_the_mean_kl_within_each_source(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(ConditionalInceptionScore, "sources", 5)
    split = made(DOMAINS)["test"]
    pictures = of_asked(split)
    folder = folder_of_samples(tmp_path / "samples", split, np.random.default_rng(0))
    found = evaluate(pictures, split, ["cis"], samples=folder, batch_size=4)
    (score,) = found.scores

    classifier = of_task(DOMAINS, SIZE).classifier
    chosen, values = [split.rows.names[index] for index in (0, 7, 14, 21, 28)], []
    for name in chosen:
        shown = {"0": pictures[name]}
        shown |= {str(k): np.asarray(Image.open(folder / f"{k:02d}" / f"{name}.png")) for k in range(1, 10)}
        p = classifier.log_probabilities(means(tensor(shown))).exp().numpy()
        values.append(np.mean([entropy(row, p.mean(0)) for row in p]))
    assert score.value == pytest.approx(np.mean(values), rel=1e-5) and score.value > 0.5
    assert score.standard_error == pytest.approx(np.std(values, ddof=1) / math.sqrt(5), rel=1e-4)
    assert score.n == 5 and score.protocol.outputs_per_source == 10
    kept = found.per_picture.set_index("name")["cis"].dropna()
    assert list(kept.index) == chosen and list(kept) == pytest.approx(values, rel=1e-5)


def test_a_deterministic_method_has_none_and_takes_no_features_twice(world) -> None:
    split = made(DOMAINS)["test"]
    of_task(DOMAINS, SIZE)
    world.clear()
    (several, one) = evaluate(of_asked(split), split, ["is_classifier", "cis"], deterministic=True).scores
    assert several.value > 0.5 and one.value == pytest.approx(0, abs=1e-12)
    assert sum(world) == 35


def test_the_conditional_score_is_n_a_without_samples_and_where_one_class_is_right() -> None:
    split = made(DOMAINS)["test"]
    assert "10 samples of a source are compared" in (ConditionalInceptionScore.unavailable(setting(split)) or "")
    pool = made(POOL)["test"]
    given = setting(pool, samples=dict.fromkeys(pool.rows.names, 10))
    assert "asks each source for one of its classes" in (ConditionalInceptionScore.unavailable(given) or "")


def test_other_training_pictures_are_another_protocol(monkeypatch, tmp_path) -> None:
    names = ["rc", "is_classifier"]
    split = made(POOL)["test"]
    before = evaluate(of_asked(split), split, names).scores
    monkeypatch.setenv("I2IBENCH_CACHE", str(tmp_path / "other"))
    fewer = POOL.model_copy(update={"splits": {**POOL.splits, "train": 63}})
    split = made(fewer)["test"]
    after = evaluate(of_asked(split), split, names).scores
    for one, other in zip(before, after, strict=True):
        assert set(one.protocol.difference(other.protocol)) == {"training_hash", "n_training"}
        assert one.protocol.id != other.protocol.id
