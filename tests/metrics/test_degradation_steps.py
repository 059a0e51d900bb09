"""Scores of content and style fall step by step as outputs are spoilt more: on scenes drawn here, random networks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from degradations import Spoil, blurred, collapsed, compressed, noisy, recoloured, shuffled
from PIL import Image, ImageDraw

from i2ibench import weights
from i2ibench.data.pictures import to_tensor
from i2ibench.metrics import extractors
from i2ibench.metrics.artfid import artfd
from i2ibench.metrics.gradients import GMSDSource
from i2ibench.metrics.metric import Chunk, Metric, Setting
from i2ibench.metrics.structure import StructureVGG16
from i2ibench.task import Resolution
from i2ibench.tasks.normal import PHOTO2PAINTING

SIDE = 64
COUNT = 6
DAWN = np.array([[0.75, 0.2, 0.05], [0.15, 0.65, 0.1], [0.25, 0.2, 0.6]])
"""How the target domain mixes the colours of the source's."""

Pictures = np.ndarray


def scene(seed: int) -> Pictures:
    """Hills, houses and clouds, each with some grain."""
    draw = np.random.default_rng(seed)
    picture = Image.new("RGB", (SIDE, SIDE), tuple(draw.integers(120, 220, 3).tolist()))
    pencil = ImageDraw.Draw(picture)
    for _ in range(3):
        x, y, r = draw.integers(0, SIDE), draw.integers(0, 24), draw.integers(4, 12)
        pencil.ellipse((x - r, y - r / 2, x + r, y + r / 2), fill=tuple(draw.integers(200, 256, 3).tolist()))
    top = draw.integers(28, 44, 2).tolist()
    pencil.polygon(
        [(0, top[0]), (SIDE, top[1]), (SIDE, SIDE), (0, SIDE)], fill=tuple(draw.integers(20, 120, 3).tolist())
    )
    for _ in range(5):
        x, y, w, h = draw.integers(0, SIDE), draw.integers(28, 56), *draw.integers(5, 14, 2)
        pencil.rectangle((x, y - h, x + w, y), fill=tuple(draw.integers(0, 256, 3).tolist()))
    return np.clip(np.asarray(picture) + draw.normal(0, 4, (SIDE, SIDE, 3)), 0, 255).astype(np.uint8)


def at_dawn(pictures: Pictures) -> Pictures:
    return np.clip(pictures @ DAWN.T, 0, 255).astype(np.uint8)


LADDERS: dict[str, Sequence[Spoil]] = {
    "blur": (blurred(0.7), blurred(1.5), blurred(3)),
    "noise": (noisy(8), noisy(25), noisy(70)),
    "JPEG": (compressed(85), compressed(30), compressed(5)),
    "colour shift": (recoloured(0.2), recoloured(0.5), recoloured(1)),
}


@pytest.fixture(scope="module")
def sources() -> Pictures:
    return np.stack([scene(seed) for seed in range(COUNT)])


@pytest.fixture(scope="module")
def targets() -> torch.Tensor:
    """Features of real pictures of the target domain."""
    real = at_dawn(np.stack([scene(seed) for seed in range(100, 100 + COUNT)]))
    return extractors.load("efficientnet_lite0")(to_tensor(list(real)))


@pytest.fixture(scope="module")
def vgg16_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random VGG16 trunk with torchvision's names."""
    from safetensors.torch import save_file
    from torchvision.models.vgg import cfgs, make_layers

    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("weights") / "vgg16.safetensors"
    save_file({f"features.{name}": value for name, value in make_layers(cfgs["D"]).state_dict().items()}, file)
    return file


@pytest.fixture
def networks(vgg16_file: Path, alexnet_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files, others = {"vgg16": vgg16_file, "alexnet": alexnet_file}, weights.path
    monkeypatch.setattr(weights, "path", lambda name: files.get(name) or others(name))


def score(kind: type[Metric], outputs: Pictures, sources: Pictures, targets: torch.Tensor | None = None) -> float:
    metric = kind(Setting(PHOTO2PAINTING, Resolution(SIDE, SIDE), "test", len(outputs), len(outputs), "0"))
    output, source = to_tensor(list(outputs)), to_tensor(list(sources))

    def extract(name: str, side: str) -> torch.Tensor:
        return extractors.load(name)(output) if side == "output" else targets

    chunk = Chunk(tuple(map(str, range(len(outputs)))), output=output, source=source, extract=extract)
    metric.update(chunk)
    if targets is not None:
        metric.update_reference(chunk)
    (found,) = metric.compute()
    assert found.value is not None
    return found.value


@pytest.mark.parametrize("kind", [StructureVGG16, GMSDSource])
@pytest.mark.parametrize("ladder", LADDERS)
def test_content_is_lost_step_by_step(kind, ladder, sources, networks) -> None:
    steps = [0.0, *(score(kind, spoil(sources), sources) for spoil in LADDERS[ladder])]
    assert score(kind, sources, sources) == 0
    assert steps == sorted(set(steps)), ladder  # strictly


@pytest.mark.parametrize("kind", [StructureVGG16, GMSDSource])
def test_other_colours_cost_less_than_other_contents(kind, sources, networks) -> None:
    translated = at_dawn(sources)
    own = score(kind, translated, sources)
    assert own < 0.7 * score(kind, shuffled(translated[None])[0], sources)
    assert own < 0.7 * score(kind, collapsed(translated[None])[0], sources)


@pytest.mark.parametrize("ladder", LADDERS)
def test_the_product_rises_as_a_translation_is_spoilt(ladder, sources, targets, networks) -> None:
    kind, translated = artfd("efficientnet_lite0"), at_dawn(sources)
    good, *spoilt = (score(kind, spoil(translated), sources, targets) for spoil in (np.copy, *LADDERS[ladder]))
    assert good < min(spoilt)
    if ladder != "colour shift":  # to a network some colours are as odd as others
        assert spoilt == sorted(set(spoilt))


def test_the_product_sees_pairs_and_sets(sources, targets, networks) -> None:
    kind, translated = artfd("efficientnet_lite0"), at_dawn(sources)
    good = score(kind, translated, sources, targets)
    assert good < score(kind, shuffled(translated[None])[0], sources, targets)  # the same set
    assert good < score(kind, collapsed(translated[None])[0], sources, targets)
    assert good < score(kind, sources, sources, targets)
