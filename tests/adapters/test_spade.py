from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
import torch
from torch import Tensor

from i2ibench import registry
from i2ibench.adapter import Shape
from i2ibench.adapters.spade import SPADE
from i2ibench.errors import BenchError
from i2ibench.models.layers.perceptual import untrained_weights
from i2ibench.models.method import Batch, Method
from i2ibench.models.spade import SPADE as Model
from i2ibench.task import Need, Resolution
from i2ibench.tasks.labels import CITYSCAPES

TINY = {"ngf": "2", "hidden": "2", "ndf": "2", "nef": "2", "z_dim": "2"}


class TestCard:
    @pytest.mark.parametrize(
        ("overrides", "stochastic", "exemplars"),
        [({}, False, 0), ({"vae": "true"}, True, 0), ({"vae": "true", "style": "exemplar"}, True, 1)],
    )
    def test_samples_differ_where_there_are_styles(
        self, overrides: Mapping[str, str], stochastic: bool, exemplars: int
    ) -> None:
        card = SPADE.card_for(SPADE.configure("small", overrides))
        assert (card.stochastic, card.exemplars) == (stochastic, exemplars)

    @pytest.mark.parametrize(
        ("preset", "needs"),
        [("paper", {Need.LABELS}), ("small", {Need.LABELS, Need.INSTANCES}), ("small_rgb", set()), ("rgb", set())],
    )
    def test_needs_what_the_segmentation_is_made_of(self, preset: str, needs: set[Need]) -> None:
        assert set(SPADE.needs(SPADE.configure(preset))) == needs

    @pytest.mark.parametrize(
        ("overrides", "weights"),
        [
            ({}, ("vgg19",)),
            ({"perceptual": "vgg16"}, ("vgg16",)),
            ({"perceptual": "untrained"}, ()),
            ({"perceptual": "none"}, ()),
            ({"perceptual_weight": "0"}, ()),
        ],
    )
    def test_weights(self, overrides: Mapping[str, str], weights: tuple[str, ...]) -> None:
        assert SPADE.weights(SPADE.configure("paper", overrides)) == weights

    def test_augmentation(self) -> None:
        assert SPADE.augmentation(SPADE.configure()).scale == 286 / 256
        assert SPADE.augmentation(SPADE.configure("cityscapes")).scale == 1
        assert SPADE.augmentation(SPADE.configure()).mirror


class TestRefusal:
    def test_of_labels_that_are_asked_for(self) -> None:
        task = registry.task("streets-photo2label")
        way_out = r"use another setting \(--set use_labels=false --set use_instances=false\)"
        with pytest.raises(BenchError, match=f"streets-photo2label.*use_labels=true and use_instances=true.*{way_out}"):
            SPADE.refuse(task, SPADE.configure("small"))
        with pytest.raises(BenchError, match="--set use_instances=false"):
            SPADE.refuse(task, SPADE.configure("small_rgb", {"use_instances": "true"}))
        SPADE.refuse(task, SPADE.configure("small_rgb"))
        SPADE.refuse(registry.task("streets-label2photo"), SPADE.configure("small"))

    def test_of_a_task_without_classes(self) -> None:
        shape = Shape(resolution=Resolution(64, 64))
        with pytest.raises(BenchError, match=r"use_labels=true needs a task with a table of classes.*small_rgb"):
            SPADE.build(SPADE.configure("small", TINY), shape)
        assert isinstance(SPADE.build(SPADE.configure("small_rgb", TINY), shape), Model)

    @pytest.mark.parametrize(
        ("overrides", "resolution", "told"),
        [
            ({"upsampling": "more"}, "64x96", "upsampling=more.*multiples of 64, .*64x96: use --set upsampling=normal"),
            ({"upsampling": "most"}, "128x200", "multiples of 128, .*128x200: choose another resolution"),
            ({}, "32x32", "upsampling=normal needs pictures of at least 32x64, .*32x32: choose another"),
            ({"upsampling": "more"}, "64x64", "at least 64x128, .*64x64: use --set upsampling=normal"),
            ({"generator": "pix2pixhd"}, "64x72", "generator=pix2pixhd.*multiples of 16, .*64x72: choose another"),
            ({"generator": "pix2pixhd"}, "16x64", "at least 32x32, .*16x64: choose another"),
            ({"discriminators": "7"}, "32x64", "discriminators=7.*32x64.*use --set discriminators=6 or fewer"),
        ],
    )
    def test_of_pictures_that_do_not_fit(self, overrides: Mapping[str, str], resolution: str, told: str) -> None:
        shape = Shape(resolution=Resolution.parse(resolution), labels=CITYSCAPES)
        with pytest.raises(BenchError, match=f"spade.*{told}"):
            SPADE.build(SPADE.configure("small", {**TINY, **overrides}), shape)

    @pytest.mark.parametrize(
        ("overrides", "resolution"),
        [
            ({}, "32x64"),
            ({"generator": "pix2pixhd"}, "32x32"),
            ({"upsampling": "more", "vae": "true"}, "128x64"),
            ({"discriminators": "6"}, "32x64"),
            ({"n_layers": "9"}, "32x64"),
        ],
    )
    def test_smallest_pictures_are_trained_on_and_translated(
        self, overrides: Mapping[str, str], resolution: str
    ) -> None:
        size = Resolution.parse(resolution)
        config = SPADE.configure("small_rgb", {**TINY, "perceptual": "untrained", **overrides})
        method = SPADE.build(config, Shape(resolution=size))
        source, target = torch.rand(2, 1, 3, *size)
        batch = Batch(("a",), source, target)
        for update in method.updates(batch, 0):
            assert torch.isfinite(update.loss)
        assert SPADE.translate(method, batch, seed=0).shape == source.shape


class _Training:
    """Hands out random weights, and counts."""

    def __init__(self) -> None:
        self.loaded: list[str] = []
        self.fitted: list[Method] = []

    def load(self, name: str, into: Callable[[Mapping[str, Tensor]], None]) -> None:
        self.loaded.append(name)
        into(untrained_weights("vgg16", "test", levels=5))

    def fit(self, method: Method) -> None:
        self.fitted.append(method)


def test_training_begins_with_the_losses_network() -> None:
    training = _Training()
    shape = Shape(resolution=Resolution(32, 64), labels=CITYSCAPES)
    method = SPADE.build(SPADE.configure("small", TINY), shape)
    labels = torch.zeros(1, 32, 64, dtype=torch.int64)
    batch = Batch(("a",), *torch.rand(2, 1, 3, 32, 64), labels=labels, instances=labels)
    with pytest.raises(ValueError, match="load its weights first"):
        next(iter(method.updates(batch, 0)))
    SPADE.train(method, training)
    assert training.loaded == ["vgg16"]
    assert training.fitted == [method]
    assert next(iter(method.updates(batch, 0))).logs["perceptual"] > 0
