from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
import torch
from torch import Tensor

from i2ibench import registry
from i2ibench.adapter import Shape
from i2ibench.adapters.pix2pixhd import Pix2PixHD
from i2ibench.errors import BenchError
from i2ibench.models.layers.perceptual import untrained_weights
from i2ibench.models.method import Batch, Method
from i2ibench.models.pix2pixhd import Pix2PixHD as Model
from i2ibench.task import LabelTable, Need, Resolution

LABELS = LabelTable(name="test", names=("sky", "road"), palette=((0, 0, 255), (128, 64, 128)))
TINY = {"ngf": "4", "ndf": "4", "blocks": "1"}


def shape(resolution: str, labels: LabelTable | None = LABELS) -> Shape:
    return Shape(resolution=Resolution.parse(resolution), labels=labels)


class Harness:
    """Hands over weights that know no pictures, and looks at the method when it is handed over for training."""

    def __init__(self) -> None:
        self.ready: list[bool] = []

    def load(self, name: str, into: Callable[[Mapping[str, Tensor]], None]) -> None:
        into(untrained_weights(name, "test", levels=5))  # type: ignore[arg-type]

    def fit(self, method: Method) -> None:
        assert isinstance(method, Model)
        self.ready.append(method.perceptual.network is not None)


@pytest.mark.parametrize(
    ("preset", "settings", "expected"),
    [
        ("paper", {}, ("vgg19",)),
        ("small", {}, ("vgg16",)),
        ("small", {"perceptual": "none"}, ()),
        ("small", {"perceptual": "untrained"}, ()),
        ("small", {"perceptual_weight": "0"}, ()),
    ],
)
def test_pretrained_weights_are_those_of_the_loss(
    preset: str, settings: dict[str, str], expected: tuple[str, ...]
) -> None:
    assert Pix2PixHD.weights(Pix2PixHD.configure(preset, settings)) == expected


@pytest.mark.parametrize("perceptual", ["vgg19", "vgg16", "untrained", "none"])
def test_training_begins_with_the_losses_network(perceptual: str) -> None:
    config = Pix2PixHD.configure("small", {**TINY, "perceptual": perceptual})
    method, harness = Pix2PixHD.build(config, shape("64x64")), Harness()
    Pix2PixHD.train(method, harness)
    assert harness.ready == [perceptual != "none"]


@pytest.mark.parametrize("features", ["true", "false"])
def test_only_with_features_samples_differ_and_content_moves(features: str) -> None:
    card = Pix2PixHD.card_for(Pix2PixHD.configure("paper", {"features": features}))
    assert card.stochastic == card.transfer == (features == "true")
    assert not card.one_by_one
    assert Pix2PixHD.card_for(Pix2PixHD.configure("paper", {"norm": "batch"})).one_by_one


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {Need.LABELS: "use_labels=true", Need.INSTANCES: "use_instances=true"}),
        ({"use_instances": "false"}, {Need.LABELS: "use_labels=true"}),
        (
            {"use_instances": "false", "features": "true"},
            {Need.LABELS: "use_labels=true", Need.INSTANCES: "features=true"},
        ),
        ({"use_labels": "false", "use_instances": "false"}, {}),
    ],
)
def test_needs_are_the_maps_that_it_reads(settings: dict[str, str], expected: dict[Need, str]) -> None:
    assert Pix2PixHD.needs(Pix2PixHD.configure("paper", settings)) == expected


def test_label_maps_of_targets_are_no_input() -> None:
    task = registry.task("streets-photo2label")
    with pytest.raises(BenchError, match=r"those of its targets.*--set use_labels=false --set use_instances=false"):
        Pix2PixHD.refuse(task.model_copy(update={"gives": task.gives | {Need.LABELS, Need.INSTANCES}}), CONFIG)
    Pix2PixHD.refuse(task, Pix2PixHD.configure("small_rgb"))
    Pix2PixHD.refuse(registry.task("streets-label2photo"), CONFIG)


CONFIG = Pix2PixHD.configure("small")


class TestBuild:
    @pytest.mark.parametrize(
        ("preset", "settings", "resolution", "told"),
        [
            ("paper", {}, "512x1000", "multiples of 16, at least 32, .*512x1000"),
            ("paper2048", {}, "1024x2000", "multiples of 32, at least 64"),
            ("small", {"halvings": "4"}, "64x16", "multiples of 16, at least 32"),
            ("small", {"halvings": "2"}, "64x12", "multiples of 4, at least 16, .*64x12"),
            ("features", {"halvings": "2", "blocks": "0"}, "24x64", "multiples of 16, at least 32"),
            ("small", {"crop": "60"}, "128x128", "multiples of 8, at least 16, and crop asks for 60x60"),
            ("unet", {}, "128x256", "generator=unet needs sides that are multiples of 256"),
        ],
    )
    def test_refuses_sides_that_do_not_fit(
        self, preset: str, settings: dict[str, str], resolution: str, told: str
    ) -> None:
        with pytest.raises(BenchError, match=told):
            Pix2PixHD.build(Pix2PixHD.configure(preset, settings), shape(resolution))

    @pytest.mark.parametrize("preset", [name for name in Pix2PixHD.presets if "small" in name])
    def test_the_smallest_pictures_that_are_taken_can_be_trained_on(self, preset: str) -> None:
        config = Pix2PixHD.configure(preset, {**TINY, "perceptual": "untrained"})
        side = config.smallest
        method = Pix2PixHD.build(config, shape(f"{side}x{side}"))
        picture, maps = torch.rand(1, 3, side, side), torch.zeros(1, side, side, dtype=torch.int64)
        batch = Batch(("a",), picture, picture, labels=maps, instances=maps)
        for fraction in (0.0, 0.68, 0.99):
            method.fraction = fraction
            assert all(torch.isfinite(update.loss) for update in method.updates(batch, 0))  # type: ignore[union-attr]

    def test_says_that_labels_are_missing(self) -> None:
        with pytest.raises(BenchError, match=r"use_labels=true needs a task with labels.*--preset rgb"):
            Pix2PixHD.build(CONFIG, shape("64x64", labels=None))
        Pix2PixHD.build(Pix2PixHD.configure("small_rgb", TINY), shape("64x64", labels=None))

    def test_a_choice_is_of_classes_that_are_there(self) -> None:
        config = Pix2PixHD.configure("small_features", {**TINY, "feature_choice": "[[1,3],[2,0]]"})
        assert config.feature_choice == ((1, 3), (2, 0))
        with pytest.raises(BenchError, match=r"classes 0 to 1, .*names 2"):
            Pix2PixHD.build(config, shape("64x64"))


def test_windows_and_mirroring() -> None:
    assert Pix2PixHD.augmentation(Pix2PixHD.configure("paper")).model_dump(exclude_defaults=True) == {"mirror": True}
    crop = Pix2PixHD.augmentation(Pix2PixHD.configure("paper2048_crop")).crop
    assert crop == Resolution(1024, 1024)
