"""StarGAN's adapter, and what it shares with those of StarGAN v2 and FUNIT."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch

from i2ibench import registry
from i2ibench.adapter import Shape
from i2ibench.adapters.stargan import StarGAN
from i2ibench.errors import BenchError
from i2ibench.models.method import Batch
from i2ibench.models.stargan import StarGANConfig
from i2ibench.task import Resolution

TINY = {"conv_dim": "2", "blocks": "1", "d_conv_dim": "2"}
SEVERAL = ("stargan", "starganv2", "funit")


def test_published_settings() -> None:
    paper = StarGAN.configure("paper")
    assert paper == StarGANConfig()
    assert StarGAN.augmentation(paper).mirror
    assert StarGAN.batch_size["paper"] * 2 == 16
    assert not StarGAN.augmentation(StarGAN.configure("digits")).mirror


@pytest.mark.parametrize("name", SEVERAL)
def test_direction_is_on_the_card(name: str) -> None:
    adapter = registry.adapter(name)
    for direction, division in (("forward", "classes"), ("backward", "sides")):
        config = adapter.configure("small", {"direction": direction, "division": division})
        assert adapter.card_for(config).backward == (direction == "backward")


@pytest.mark.parametrize("name", SEVERAL)
def test_refuses_to_go_backward_between_classes(name: str) -> None:
    adapter = registry.adapter(name)
    backward, resolution = adapter.configure("small", {"direction": "backward"}), Resolution(64, 64)
    with pytest.raises(BenchError, match=f"{name} with direction=backward .*--set division=sides"):
        adapter.build(backward, Shape(resolution=resolution, classes=3))
    with torch.device("meta"):
        adapter.build(backward, Shape(resolution=resolution))
        sides = adapter.configure("small", {"direction": "backward", "division": "sides"})
        assert adapter.build(sides, Shape(resolution=resolution, classes=3)).number == 2  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", SEVERAL)
def test_refuses_sides_of_one_pool_of_pictures(name: str) -> None:
    adapter = registry.adapter(name)
    sides = adapter.configure("small", {"division": "sides"})
    with pytest.raises(BenchError, match=f"{name} with division=sides .*'digits@1' .*use --set division=classes"):
        adapter.refuse(registry.task("digits"), sides)
    for task in ("creatures-cat2dog", "photo2painting"):
        adapter.refuse(registry.task(task), sides)
    adapter.refuse(registry.task("digits"), adapter.configure("small"))


@pytest.mark.parametrize("name", SEVERAL)
@pytest.mark.parametrize(("classes", "number"), [(0, 2), (2, 2), (10, 10)])
def test_domains_are_the_tasks_classes_or_its_sides(name: str, classes: int, number: int) -> None:
    adapter = registry.adapter(name)
    with torch.device("meta"):
        method = adapter.build(adapter.configure("small"), Shape(resolution=Resolution(64, 64), classes=classes))
    assert method.number == number  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("preset", "overrides", "resolution", "told"),
    [
        ("paper", {}, "128x96", "n_layers=6 .*multiples of 64, and the task's are 128x96: use --set n_layers=5"),
        ("paper", {}, "64x66", "multiples of 64, .*64x66: choose another resolution"),
        ("small", {}, "64x72", "multiples of 16, .*64x72: use --set n_layers=3"),
        ("small", {"n_layers": "1"}, "64x66", "multiples of 4, .*64x66: choose"),
        ("small", {"n_layers": "2"}, "4x64", "at least 8 pixels, .*4x64: choose"),
    ],
)
def test_refuses_pictures_that_do_not_fit(
    preset: str, overrides: Mapping[str, str], resolution: str, told: str
) -> None:
    with pytest.raises(BenchError, match=f"stargan.*{told}"):
        StarGAN.build(StarGAN.configure(preset, {**TINY, **overrides}), Shape(resolution=Resolution.parse(resolution)))


@pytest.mark.parametrize(
    ("preset", "overrides", "resolution"),
    [("paper", {}, "64x64"), ("small", {}, "32x16"), ("digits", {}, "32x32"), ("small", {"n_layers": "3"}, "8x8")],
)
def test_smallest_pictures_are_trained_on_and_translated(
    preset: str, overrides: Mapping[str, str], resolution: str
) -> None:
    size = Resolution.parse(resolution)
    method = StarGAN.build(StarGAN.configure(preset, {**TINY, **overrides}), Shape(resolution=size))
    batch = Batch(("a",), *torch.rand(2, 1, 3, *size))
    for update in method.updates(batch, 4):
        assert torch.isfinite(update.loss)  # type: ignore[union-attr]
    assert StarGAN.translate(method, batch, seed=0).shape == batch.source.shape


def test_attributes_are_those_that_the_tasks_classes_combine() -> None:
    adapter = registry.adapter("stargan")
    config = adapter.configure("celeba", {"conv_dim": "4", "d_conv_dim": "4"})
    celeba = registry.task("celeba")
    method = adapter.build(config, Shape.of(celeba, celeba.resolution()))
    assert (method.labels.told, method.number) == (2, 4)  # type: ignore[attr-defined]
    many = registry.task("creatures-many")
    with pytest.raises(BenchError, match=r"stargan cannot be .* found 30; use --set labels=categories"):
        adapter.build(config, Shape.of(many, Resolution(128, 128)))


def test_classes_of_two_data_sets() -> None:
    adapter, many = registry.adapter("stargan"), registry.task("creatures-many")
    shape = Shape.of(many, Resolution(64, 64))
    with torch.device("meta"):
        method = adapter.build(adapter.configure("small", {"second_set": "14", "labels": "attributes"}), shape)
    assert method.labels.told == 4 + 14 + 2  # type: ignore[attr-defined]
    with pytest.raises(BenchError, match=r"stargan cannot be .* found 30 of 30 .*; use --set second_set=0"):
        adapter.build(adapter.configure("small", {"second_set": "30"}), shape)
