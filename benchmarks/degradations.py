"""What each metric says of outputs that were spoilt: python benchmarks/degradations.py

Writes the table of `docs/metrics.md`. Outputs are real pictures of tasks that run at once, so that they are as good as
outputs can be: targets of the sources, or what the generated worlds show where the source's scene is drawn as the
target asked for. Each way of spoiling them is one column. `tests/metrics/test_degradations.py` holds the claims of the
table on a dozen pictures.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from i2ibench import registry
from i2ibench.data.batches import target_class
from i2ibench.data.rows import Row, Split, make
from i2ibench.data.tables import ArrowTable
from i2ibench.metrics.evaluate import evaluate
from i2ibench.protocol import Score
from i2ibench.task import Resolution

Pictures = NDArray[np.uint8]
"""`[S, N, H, W, 3]`: S samples of each of N sources."""

Spoil = Callable[[Pictures], Pictures]
GOOD = "as they are"
SMALL, WIDE = Resolution(64, 64), Resolution(64, 128)

PAIRS = ("lpips", "lpips_vgg", "ssim", "ssim_y", "psnr", "psnr_y")
SETS = ("fd_efficientnet_lite0", "kd_efficientnet_lite0", "prdc_efficientnet_lite0")
CONTENT = ("lpips_source", "ssim_source", "psnr_source", "gmsd_source", "structure_vgg16")
STYLE = ("artfd_efficientnet_lite0",)
CLASSES = ("mfd_efficientnet_lite0", "mkd_efficientnet_lite0", "rc", "fc", "is_classifier")
SAMPLES = ("diversity_bicyclegan", "diversity_munit", "diversity_stargan2", "cis")


def blurred(radius: float) -> Spoil:
    """By a Gaussian of so many pixels."""
    return lambda pictures: _each(pictures, lambda picture: picture.filter(ImageFilter.GaussianBlur(radius)))


def noisy(deviation: float) -> Spoil:
    """By Gaussian noise of so many levels, other noise in every picture."""

    def spoil(pictures: Pictures) -> Pictures:
        noise = np.random.default_rng(0).normal(0, deviation, pictures.shape)
        return np.clip(pictures + noise, 0, 255).round().astype(np.uint8)

    return spoil


def compressed(quality: int) -> Spoil:
    """Through JPEG."""

    def through(picture: Image.Image) -> Image.Image:
        file = io.BytesIO()
        picture.save(file, "jpeg", quality=quality)
        return Image.open(file)

    return lambda pictures: _each(pictures, through)


def recoloured(share: float) -> Spoil:
    """Channels exchanged as far as `share`: so much of each one's light comes from the one before it."""

    def spoil(pictures: Pictures) -> Pictures:
        return ((1 - share) * pictures + share * np.roll(pictures, 1, -1)).round().astype(np.uint8)

    return spoil


def shuffled(pictures: Pictures) -> Pictures:
    """Every source has what was made of the one before it."""
    return np.roll(pictures, 1, 1)


def collapsed(pictures: Pictures) -> Pictures:
    """All sources have the first one's first output."""
    return np.broadcast_to(pictures[:1, :1], pictures.shape).copy()


SPOILT: Mapping[str, Spoil] = {
    "blur": blurred(1.5),
    "noise": noisy(25),
    "JPEG": compressed(10),
    "colour": recoloured(0.5),
    "shuffled": shuffled,
    "collapsed": collapsed,
}
HEADING = ("score", "task, pictures", GOOD, *SPOILT, "identity")


@dataclass(frozen=True)
class Study:
    """Good outputs of a task, and the metrics that they are shown to."""

    metrics: tuple[str, ...]
    split: Split
    outputs: Pictures
    reference: Split | None = None
    """Whose real pictures sets are compared with, where it is not the split."""

    def variants(self) -> Iterator[tuple[str, Study]]:
        """The study itself and all ways of spoiling it, by column."""
        yield GOOD, self
        for column, spoil in SPOILT.items():
            yield column, replace(self, outputs=spoil(self.outputs))
        copies = np.broadcast_to(_stack(self.split, "source"), self.outputs.shape)
        yield "identity", replace(self, outputs=copies)

    def scores(self) -> dict[str, Score]:
        """By column name."""
        names = self.split.rows.names
        with tempfile.TemporaryDirectory() as folder:
            for number, pictures in enumerate(self.outputs[1:], 1):
                place = Path(folder) / f"{number:02d}"
                place.mkdir()
                for name, picture in zip(names, pictures, strict=True):
                    Image.fromarray(picture).save(place / f"{name}.png")
            found = evaluate(
                dict(zip(names, self.outputs[0], strict=True)),
                self.split,
                self.metrics,
                reference=self.reference,
                samples=Path(folder) if len(self.outputs) > 1 else None,
            )
        return {score.name: score for score in found.scores}


def pairs(folder: Path, count: int) -> Study:
    """Maps of places seen from above, each against itself."""
    split = aerial(folder / "test", "test", count)
    return Study(PAIRS, split, _stack(split, "target"))


def sets(folder: Path, count: int, reals: int) -> Study:
    """Maps of places seen from above against maps of other places."""
    split = aerial(folder / "test", "test", count)
    return Study(SETS, split, _stack(split, "target"), aerial(folder / "train", "train", reals))


def aerial(folder: Path, split: str, count: int) -> Split:
    """The first `count` rows of a split of aerial2map."""
    from i2ibench.data.aerial import load

    return _split("aerial2map", split, SMALL, islice(load(split, SMALL), count), folder)


def labelled(folder: Path, count: int) -> Study:
    """Photos of streets, in which the label map is looked for."""
    from i2ibench.data.worlds.streets import load

    split = _split("streets-label2photo", "test", WIDE, islice(load("test", WIDE), count), folder)
    return Study(("psp",), split, _stack(split, "target"))


def nights(folder: Path, count: int) -> Study:
    """Streets by day, each as its very scene by night, in which its objects are looked for."""
    from i2ibench.data.worlds.conditions import Condition
    from i2ibench.data.worlds.streets import SEED, render
    from i2ibench.data.worlds.streets_tasks import day2night

    split = _split("streets-day2night", "test", WIDE, islice(day2night("test", WIDE), count), folder)
    night = Condition(time="night", weather="dry")
    scenes = (int(name.split("-")[1]) for name in split.rows.names)
    outputs = [render(SEED, scene, WIDE, condition=night)["target"] for scene in scenes]
    return Study(("objects",), split, np.stack(outputs)[None])


def label_pictures(folder: Path, count: int) -> Study:
    """Label maps of streets, which are read by their colours."""
    from i2ibench.data.worlds.streets import photo2label

    split = _split("streets-photo2label", "test", WIDE, islice(photo2label("test", WIDE), count), folder)
    return Study(("palette",), split, _stack(split, "target"))


def drives(folder: Path, sequences: int) -> Study:
    """Drives through streets, of 16 frames each."""
    from i2ibench.data.worlds.video import load

    split = _split("streets-video", "test", WIDE, islice(load("test", WIDE), 16 * sequences), folder)
    return Study(("warping_error",), split, _stack(split, "target"))


def creatures(folder: Path, each: int, classes: int, reals: int) -> Study:
    """The source's very scene with an animal of the class asked for; `each` of every class, against `reals` of each."""
    from i2ibench.data.worlds.creatures import CLASSES as KNOWN
    from i2ibench.data.worlds.creatures import MANY, SEED, render

    def rows(split: str, each: int) -> Iterator[Row]:
        for turn in range(each):
            for category in range(classes):
                yield render(SEED, MANY[split] + turn * len(KNOWN) + category, category, SMALL)

    split, reference = (
        _split("creatures-many", name, SMALL, rows(name, number), folder / name)
        for name, number in (("test", each), ("train", reals))
    )
    outputs = []
    for name, category in zip(split.rows.names, split.rows.column("category"), strict=True):
        asked = target_class(name, category, range(classes))
        outputs.append(render(SEED, int(name.split("-")[1]), asked, SMALL)["source"])
    return Study(CONTENT + STYLE + CLASSES, split, np.stack(outputs)[None], reference)


def cats_as_dogs(folder: Path, count: int) -> Study:
    """Each cat's very scene with a dog in the cat's pose."""
    from i2ibench.data.worlds.creatures import CAT2DOG

    cats, dogs = CAT2DOG["test"]

    def rows() -> Iterator[Row]:
        for index in islice(cats, count):
            yield animal("cats", index)
        for index in islice(dogs, count):
            row = animal("dogs", index)
            row["target"] = row.pop("source")
            yield row

    split = _split("creatures-cat2dog", "test", SMALL, rows(), folder)
    outputs = np.stack([animal("dogs", index)["source"] for index in islice(cats, count)])[None]
    return Study(("pose",), split, outputs)


def animal(family: str, index: int) -> Row:
    """Scene `index` with one of the family, as the task has it."""
    from i2ibench.data.worlds.creatures import FAMILIES, SEED, render

    return render(SEED, index, FAMILIES[family][index % len(FAMILIES[family])], SMALL)


def many_dogs(folder: Path, count: int, dogs: int) -> Study:
    """For each cat 38 of so many pictures of dogs, others for every cat."""
    from i2ibench.data.worlds.creatures import CAT2DOG

    cats, others = CAT2DOG["test"]
    pool = [animal("dogs", index) for index in islice(others, dogs)]
    pictures = np.stack([dog.pop("source") for dog in pool])

    def rows() -> Iterator[Row]:
        for index in islice(cats, count):
            yield animal("cats", index)
        for dog, picture in islice(zip(pool, pictures, strict=True), count):
            yield {**dog, "target": picture}

    split = _split("creatures-cat2dog", "test", SMALL, rows(), folder)
    drawn = (7 * np.arange(38)[:, None] + 3 * np.arange(count)) % len(pool)
    return Study(SAMPLES, split, pictures[drawn])


def studies(folder: Path) -> Iterator[Study]:
    """Those of the table."""
    yield pairs(folder / "pairs", 100)
    yield sets(folder / "sets", 268, 1139)
    yield creatures(folder / "creatures", 12, 30, 40)
    yield cats_as_dogs(folder / "poses", 200)
    yield many_dogs(folder / "dogs", 24, 200)
    yield labelled(folder / "streets", 100)
    yield nights(folder / "nights", 100)
    yield label_pictures(folder / "labels", 100)
    yield drives(folder / "drives", 8)


def rows_of(study: Study) -> list[tuple[str, ...]]:
    """The study's lines of the table, in bold what is not `worse`."""
    found = {column: variant.scores() for column, variant in study.variants()}
    lines = []
    for name in found["as they are"]:
        scores = [found[column][name] for column in HEADING[2:]]
        told = [_told(score, scores[0]) for score in scores]
        arrow = "↑" if scores[0].higher_is_better else "↓"
        lines.append((f"`{name}` {arrow}", f"{study.split.task.name}, {len(study.split)}", *told))
    return lines


def worse(score: Score, good: Score) -> bool:
    """Whether a score is worse than that of the outputs as they are, by more than that one's standard error."""
    if score.value is None or good.value is None:  # PSNR, infinite where pictures equal what they are compared with
        return score.value is not None
    margin = max(good.standard_error or 0.0, 1e-6 * abs(good.value))
    return score.value < good.value - margin if score.higher_is_better else score.value > good.value + margin


def _told(score: Score, good: Score) -> str:
    if score.value is None:
        return "n/a" if good.value is None else "**n/a**"
    value = 0.0 if abs(score.value) < 1e-12 else score.value
    return f"{value:.3g}" if score is good or worse(score, good) else f"**{value:.3g}**"


def _each(pictures: Pictures, change: Callable[[Image.Image], Image.Image]) -> Pictures:
    flat = pictures.reshape(-1, *pictures.shape[-3:])
    return np.stack([np.asarray(change(Image.fromarray(picture))) for picture in flat]).reshape(pictures.shape)


def _split(task: str, name: str, resolution: Resolution, rows: Iterable[Row], folder: Path) -> Split:
    made = make(folder, rows)
    targets = folder / "targets.arrow"
    return Split(
        registry.task(task),
        resolution,
        name,
        ArrowTable.read(folder / "rows.arrow"),
        made.fingerprint,
        ArrowTable.read(targets) if targets.exists() else None,
    )


def _stack(split: Split, column: str) -> Pictures:
    return np.stack([np.asarray(split.rows[row][column]) for row in range(len(split))])[None]


if __name__ == "__main__":
    import documented

    with tempfile.TemporaryDirectory() as place:
        documented.write("degradations", HEADING, [line for study in studies(Path(place)) for line in rows_of(study)])
