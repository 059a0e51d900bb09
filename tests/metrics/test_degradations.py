"""Metrics move the right way when good outputs are spoilt, and the table in `docs/metrics.md` says no other.

On a dozen pictures of each study of `benchmarks/degradations.py`, with random trunks under LPIPS' heads and a
classifier of few classes; networks that are shipped are their own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path

import degradations
import documented
import pytest
import references
import torch
from degradations import GOOD, HEADING, Study, worse

from i2ibench import registry
from i2ibench.data.pictures import to_tensor
from i2ibench.metrics import extractors
from i2ibench.metrics.classification import training as classifier_training
from i2ibench.metrics.classification.classifier import EXTRACTOR, HEAD, fit
from i2ibench.metrics.classification.training import ClassifierCard, RealAccuracy, Trained
from i2ibench.metrics.segmentation import check as segmenter_check

ALL = ("blur", "noise", "JPEG", "colour", "shuffled", "collapsed", "identity")
LOST = ("shuffled", "collapsed")
STUDIES: Mapping[str, tuple[Callable[[Path], Study], Mapping[str, tuple[str, ...]]]] = {
    "pairs": (
        lambda folder: degradations.pairs(folder, 12),
        {
            **dict.fromkeys(("lpips", "lpips_vgg", "ssim", "ssim_y"), ALL),
            **dict.fromkeys(("psnr", "psnr_y"), tuple(name for name in ALL if name != "collapsed")),
        },
    ),
    "sets": (
        lambda folder: degradations.sets(folder, 12, 24),
        {
            "fd_efficientnet_lite0": ("blur", "noise", "JPEG", "identity"),
            "kd_efficientnet_lite0": ("blur", "noise", "JPEG", "collapsed", "identity"),
            "precision_efficientnet_lite0": ("noise", "identity"),
            "recall_efficientnet_lite0": ("noise", "collapsed", "identity"),
            "density_efficientnet_lite0": ("noise", "identity"),
            "coverage_efficientnet_lite0": ("noise", "collapsed", "identity"),
        },
    ),
    "creatures": (
        lambda folder: degradations.creatures(folder, 8, 3, 8),
        {
            **dict.fromkeys(("lpips_source", "ssim_source"), ("noise", "JPEG", *LOST)),
            **dict.fromkeys(("psnr_source", "gmsd_source", "structure_vgg16"), LOST),
            "artfd_efficientnet_lite0": ("blur", "noise", "JPEG", "collapsed"),
            **dict.fromkeys(("mfd_efficientnet_lite0", "mkd_efficientnet_lite0"), ("noise", "collapsed", "identity")),
            **dict.fromkeys(("rc", "fc"), (*LOST, "identity")),
            "is_classifier": ("collapsed",),
        },
    ),
    "poses": (
        lambda folder: degradations.cats_as_dogs(folder, 12),
        dict.fromkeys(("pose_pck", "pose_error"), LOST),
    ),
    "samples": (
        lambda folder: degradations.many_dogs(folder, 2, 40),
        dict.fromkeys(("diversity_stargan2", "cis"), ("collapsed", "identity")),
    ),
    "labels in photos": (
        lambda folder: degradations.labelled(folder, 6),
        dict.fromkeys(("psp_pixel_accuracy", "psp_class_accuracy", "psp_miou"), ALL),
    ),
    "objects": (
        lambda folder: degradations.nights(folder, 6),
        dict.fromkeys(("object_accuracy", "object_class_accuracy", "object_miou"), ("noise", *LOST)),
    ),
    "label pictures": (
        lambda folder: degradations.label_pictures(folder, 6),
        dict.fromkeys(("palette_pixel_accuracy", "palette_class_accuracy", "palette_miou"), ALL),
    ),
    "drives": (
        lambda folder: degradations.drives(folder, 1),
        {"warping_error": ("noise", "JPEG", "shuffled")},
    ),
}


@pytest.fixture
def networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Random trunks, a classifier fitted to a few animals, and the shipped segmenter without its test on real ones."""
    monkeypatch.setattr(segmenter_check, "failing", lambda *_: None)
    monkeypatch.setattr(classifier_training, "of_task", lambda *_, **__: classifier())
    torch.manual_seed(0)
    folder = tmp_path / "networks"
    folder.mkdir()
    with references.random_networks(folder):
        yield


@functools.cache
def classifier() -> Trained:
    """Fitted to four training scenes with each of the first twelve animals."""
    from i2ibench.data.worlds.creatures import CAT2DOG, SEED, render

    scenes = [(index, category) for index in CAT2DOG["train"][0][:4] for category in range(12)]
    pictures = [render(SEED, *scene, degradations.SMALL)["source"] for scene in scenes]
    features, classes = extractors.load(EXTRACTOR)(to_tensor(pictures)), [category for _, category in scenes]
    card = ClassifierCard(
        task="creatures",
        resolution=degradations.SMALL,
        head=HEAD,
        extractor=extractors.fields(EXTRACTOR),
        training_hash="0",
        n_training=len(scenes),
        classes=tuple(range(12)),
        real=(RealAccuracy(split="test", n=1, top1=1, top5=1, chance=0.1),),
    )
    return Trained(card, fit(features, classes))


@pytest.mark.parametrize("name", STUDIES)
def test_spoiling_outputs_makes_scores_worse(name: str, networks: None, tmp_path: Path) -> None:
    make, claims = STUDIES[name]
    wanted = {GOOD, *(column for columns in claims.values() for column in columns)}
    whole = make(tmp_path / "study")
    asked = tuple(metric for metric in whole.metrics if set(registry.metric(metric).columns) & set(claims))
    study = degradations.replace(whole, metrics=asked)
    scores = {column: variant.scores() for column, variant in study.variants() if column in wanted}
    for metric, columns in claims.items():
        good = scores[GOOD][metric].model_copy(update={"standard_error": None})
        for column in columns:
            assert worse(scores[column][metric], good), f"{metric}, {column}: {scores[column][metric]} after {good}"


def test_what_is_claimed_is_what_the_table_shows() -> None:
    lines = {
        cells[0].split("`")[1]: dict(zip(HEADING, cells, strict=True)) for cells in documented.read("degradations")
    }
    for _, claims in STUDIES.values():
        for metric, columns in claims.items():
            noticed = [column for column in columns if not lines[metric][column].startswith("**")]
            assert noticed == list(columns), metric


def test_the_table_has_every_metric_whose_networks_are_shipped() -> None:
    lines = [cells[0].split("`")[1] for cells in documented.read("degradations")]
    elsewhere = [name for name in registry.extractors() if name != "efficientnet_lite0"]
    wanted = [
        column
        for name in registry.metrics()
        if not any(name.endswith(extractor) for extractor in (*elsewhere, "inception"))
        and name not in ("fid", "kid", "prdc", "mfid", "mkid", "bpd")
        for column in registry.metric(name).columns
    ]
    assert sorted(lines) == sorted(wanted)
