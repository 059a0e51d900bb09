"""The variants of the metrics of pairs: in luma, on VGG16, and against the source."""

from __future__ import annotations

import itertools
import math
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio
from skimage.metrics import structural_similarity as reference_ssim
from torch import nn
from torch.nn import functional as F

from i2ibench import registry, weights
from i2ibench.data.pictures import to_tensor
from i2ibench.metrics.ceiling import ceiling
from i2ibench.metrics.colour import luma
from i2ibench.metrics.evaluate import evaluate
from i2ibench.metrics.lpips import LPIPS, LPIPSVGG, LPIPSSource
from i2ibench.metrics.metric import Chunk, Setting
from i2ibench.metrics.psnr import PSNR, PSNRY, PSNRSource
from i2ibench.metrics.ssim import SSIM, SSIMY, SSIMSource
from i2ibench.task import Resolution

SIZE = (33, 40)
SOURCE = {LPIPSSource: LPIPS, SSIMSource: SSIM, PSNRSource: PSNR}
"""Each metric against the source, and the one whose arithmetic it shares."""
ALL = (*SOURCE, *SOURCE.values(), LPIPSVGG, SSIMY, PSNRY)


def setting(make_split, size=SIZE, paired=True, **fields) -> Setting:
    split = make_split(2, size, paired=paired)
    values = {"n": 4, "n_reference": 4, "reference_hash": "0", **fields}
    return Setting(task=split.task, resolution=Resolution(*size), split="test", **values)


@pytest.fixture
def pictures() -> dict[str, np.ndarray]:
    """Four sources, their targets, and outputs that lie between the two."""
    draw = np.random.default_rng(0)
    source, target = draw.integers(0, 256, (2, 4, *SIZE, 3), dtype=np.uint8)
    part = np.linspace(0.1, 0.7, 4)[:, None, None, None]
    return {"output": (part * source + (1 - part) * target).astype(np.uint8), "source": source, "target": target}


def chunk(rows: slice = slice(None), **stacks: np.ndarray) -> Chunk:
    names = "abcd"[: len(stacks["output"])]
    return Chunk(tuple(names[rows]), **{side: to_tensor(list(stack[rows])) for side, stack in stacks.items()})


@pytest.fixture(scope="session")
def vgg16_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random VGG16 trunk with torchvision's names."""
    from safetensors.torch import save_file

    torch.manual_seed(0)
    state = trunk().state_dict()
    file = tmp_path_factory.mktemp("weights") / "vgg16.safetensors"
    save_file({f"features.{name}": value for name, value in state.items()}, file)
    return file


def trunk() -> nn.Sequential:
    from torchvision.models.vgg import cfgs, make_layers

    return make_layers(cfgs["D"])


@pytest.fixture
def networks(random_weights, vgg16_file, monkeypatch) -> dict[str, Path]:
    """Puts random trunks in the place of both real ones."""
    others = weights.path
    monkeypatch.setattr(weights, "path", lambda name: vgg16_file if name == "vgg16" else others(name))
    return {**random_weights, "vgg16": vgg16_file}


@pytest.fixture
def registered(monkeypatch) -> list[str]:
    """The metrics against the source, by their names."""
    kinds, others = {kind.name: kind for kind in SOURCE}, registry.metric
    monkeypatch.setattr(registry, "metric", lambda name: kinds.get(name) or others(name))
    return list(kinds)


@settings(deadline=None, max_examples=30)
@given(hnp.arrays(np.uint8, (2, 3, 4, 3)))
def test_luma_is_scikit_images(stack: np.ndarray) -> None:
    found = luma(torch.from_numpy(stack).movedim(-1, 1))
    assert found.shape == (2, 1, 3, 4) and found.dtype == torch.float64
    np.testing.assert_allclose(found[:, 0], rgb2ycbcr(stack)[..., 0], rtol=1e-12)


@pytest.mark.parametrize(("level", "wanted"), [(0, 16), (255, 235)])
def test_luma_of_black_and_white(level: int, wanted: int) -> None:
    assert luma(torch.full((1, 3, 1, 1), level, dtype=torch.uint8)).item() == pytest.approx(wanted, rel=1e-12)


def test_scores_in_luma_are_scikit_images(make_split, pictures) -> None:
    pairs = list(zip(*(rgb2ycbcr(pictures[side])[..., 0] for side in ("output", "target")), strict=True))
    arguments = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    wanted = {
        SSIMY: [reference_ssim(x, y, **arguments) for x, y in pairs],
        PSNRY: [peak_signal_noise_ratio(y, x, data_range=255) for x, y in pairs],
    }
    for kind, values in wanted.items():
        metric = kind(setting(make_split))
        metric.update(chunk(**pictures))
        assert list(metric.values.values()) == pytest.approx(values, rel=1e-9)
        (score,) = metric.compute()
        assert score.value == pytest.approx(np.mean(values), rel=1e-9)
        assert score.standard_error == pytest.approx(np.std(values, ddof=1) / math.sqrt(4), rel=1e-9)
        assert score.protocol.colour == "Y" and "BT.601" in score.protocol.value_range
        assert score.protocol.data_range == 255 and score.higher_is_better


def test_scores_in_luma_see_no_chroma_of_equal_luma(make_split) -> None:
    stack = np.full((1, *SIZE, 3), 128, np.uint8)
    redder = stack + np.array([51, -26, 0], np.int8).astype(np.uint8)  # 65.481 * 51 = 128.553 * 25.98
    for in_rgb, in_luma in ((PSNR, PSNRY), (SSIM, SSIMY)):
        both = [kind(setting(make_split)) for kind in (in_rgb, in_luma)]
        for metric in both:
            metric.update(chunk(output=redder, target=stack))
        coarse, fine = (metric.values["a"] for metric in both)
        assert fine > coarse + 1e-3


@pytest.mark.parametrize(("kind", "base"), SOURCE.items())
def test_against_the_source_is_the_same_arithmetic_on_the_other_side(
    kind, base, make_split, pictures, networks
) -> None:
    metric, swapped, towards_target = kind(setting(make_split)), base(setting(make_split)), base(setting(make_split))
    metric.update(chunk(**pictures))
    swapped.update(chunk(output=pictures["output"], source=pictures["target"], target=pictures["source"]))
    towards_target.update(chunk(**pictures))
    assert metric.values == swapped.values
    assert set(metric.values.values()).isdisjoint(towards_target.values.values())
    assert dict(metric.per_picture()) == {kind.name: swapped.values}

    (score,), (other,) = metric.compute(), swapped.compute()
    assert (score.name, score.value, score.standard_error) == (kind.name, other.value, other.standard_error)
    assert score.higher_is_better == other.higher_is_better == (base is not LPIPS)
    assert score.protocol.difference(other.protocol) == {
        "metric": (kind.name, base.name),
        "reference": ("source", "target of each source"),
    }
    steps = list(metric.values.values())  # the outputs hold ever more of their sources
    assert steps == sorted(steps, reverse=base is LPIPS)


def test_where_there_are_no_pairs_only_those_against_the_source_apply(make_split, pictures, networks) -> None:
    unpaired = setting(make_split, paired=False)
    for kind in (*SOURCE.values(), LPIPSVGG, SSIMY, PSNRY):
        assert "has no pairs" in kind.unavailable(unpaired)
    del pictures["target"]
    for kind in SOURCE:
        assert kind.unavailable(unpaired) is None
        metric = kind(unpaired)
        metric.update(chunk(**pictures))
        assert metric.compute()[0].n == 4 and "ontent preservation" in kind.title


def test_psnr_of_what_was_left_as_it_was_has_no_mean(make_split, pictures) -> None:
    metric = PSNRSource(setting(make_split))
    metric.update(chunk(output=pictures["source"], source=pictures["source"], target=pictures["target"]))
    (score,) = metric.compute()
    assert score.value is None and "4 of 4 outputs equal their source" in score.reason


def test_lpips_vgg_is_the_papers_equation_on_vgg16(make_split, pictures, networks) -> None:
    import lpips
    from safetensors.torch import load_file

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        heads = [head.model[-1].weight.detach() for head in lpips.LPIPS(net="vgg", pnet_rand=True, verbose=False).lins]
    layers = trunk()
    layers.load_state_dict({name[len("features.") :]: value for name, value in load_file(networks["vgg16"]).items()})
    shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])

    def features(stack: np.ndarray) -> list[torch.Tensor]:
        x = ((torch.from_numpy(stack).float() / 127.5 - 1 - shift) / scale).movedim(-1, 1)
        taken = []
        for index, layer in enumerate(layers):
            x = layer(x)
            if index in (3, 8, 15, 22, 29):  # relu1_2, relu2_2, relu3_3, relu4_3, relu5_3
                taken.append(F.normalize(x, dim=1))
        return taken

    with torch.no_grad():
        sides = zip(features(pictures["output"]), features(pictures["target"]), heads, strict=True)
        wanted = sum(F.conv2d((x - y) ** 2, head).mean((1, 2, 3)) for x, y, head in sides).tolist()
    metric = LPIPSVGG(setting(make_split))
    metric.update(chunk(**pictures))
    assert list(metric.values.values()) == pytest.approx(wanted, rel=1e-4)
    (score,) = metric.compute()
    assert score.protocol.extractor == "lpips 0.1, vgg" and "relu5_3" in score.protocol.layer
    assert score.protocol.weights_sha256 == weights.sha256(networks["vgg16"]) and not score.higher_is_better


def test_lpips_vgg_takes_pictures_down_to_its_smallest(make_split, networks, monkeypatch) -> None:
    smallest = LPIPSVGG.smallest
    assert LPIPSVGG.unavailable(setting(make_split, (smallest, 64))) is None
    assert "too small" in LPIPSVGG.unavailable(setting(make_split, (64, smallest - 1)))
    metric = LPIPSVGG(setting(make_split, (smallest, smallest)))
    black, white = (np.full((1, smallest, smallest, 3), level, np.uint8) for level in (0, 255))
    metric.update(chunk(output=black, target=white))
    assert 0 < metric.values["a"] < math.inf
    with pytest.raises(RuntimeError):
        metric.update(chunk(output=black[:, 1:], target=white[:, 1:]))
    monkeypatch.setattr(weights, "path", lambda name: None)
    assert "`i2ibench weights get vgg16`" in LPIPSVGG.unavailable(setting(make_split))


@settings(deadline=None, max_examples=10)
@given(cuts=st.sets(st.integers(1, 3)), backwards=st.booleans())
@pytest.mark.parametrize("kind", [SSIMY, PSNRY, SSIMSource, PSNRSource])
def test_shards_give_the_same_number(kind, cuts: set[int], backwards: bool) -> None:
    from i2ibench.tasks.strong import AERIAL2MAP

    stacks = {
        side: np.random.default_rng(seed).integers(0, 256, (4, 12, 13, 3), dtype=np.uint8)
        for seed, side in enumerate(("output", "source", "target"))
    }
    where = Setting(AERIAL2MAP, Resolution(12, 13), "test", n=4, n_reference=4, reference_hash="0")
    whole = kind(where)
    whole.update(chunk(**stacks))
    shards = []
    for start, stop in itertools.pairwise([0, *sorted(cuts), 4]):
        shards.append(kind(where))
        shards[-1].update(chunk(slice(start, stop), **stacks))
    first, *others = reversed(shards) if backwards else shards
    for other in others:
        first.merge(other)
    (score,), (wanted,) = first.compute(), whole.compute()
    assert score.value == pytest.approx(wanted.value, rel=1e-12)
    assert score.standard_error == pytest.approx(wanted.standard_error, rel=1e-9)
    assert score.protocol == wanted.protocol and first.per_picture() == whole.per_picture()


def test_each_variant_is_a_protocol_of_its_own_and_the_old_ones_keep_theirs(
    make_split, pictures, networks, monkeypatch
) -> None:
    monkeypatch.setattr(weights, "sha256", lambda file: file.stem)
    found = {}
    for kind in ALL:
        metric = kind(setting(make_split))
        metric.update(chunk(**pictures))
        found[kind.name] = metric.compute()[0].protocol
    ids = {name: protocol.id for name, protocol in found.items()}
    assert len(set(ids.values())) == len(ALL)
    assert (ids["lpips"], ids["ssim"], ids["psnr"]) == ("480e6a8331e6", "9c6a3b578e30", "27f8453635f6")

    def alike(protocol):
        return protocol.model_copy(update={"metric": ""}).id

    assert len({alike(protocol) for protocol in found.values()}) == len(ALL)  # not by their names alone


def test_real_pictures_have_no_score_against_a_source(make_split, registered, networks) -> None:
    for paired in (True, False):
        test, val = (make_split(3, (32, 32), name=name, paired=paired) for name in ("test", "val"))
        scores = ceiling(test, val, registered)
        assert [score.name for score in scores] == registered
        for score in scores:
            assert score.value is None and "no translation of a source" in score.reason


def test_evaluate_compares_with_the_source_where_there_are_no_pairs(make_split, outputs, registered, networks) -> None:
    split = make_split(3, (32, 32), paired=False)
    made = outputs(split)
    evaluation = evaluate(made, split, ["psnr", *registered])
    found, table = {score.name: score for score in evaluation.scores}, evaluation.per_picture
    assert "has no pairs" in found["psnr"].reason
    wanted = [
        peak_signal_noise_ratio(np.asarray(row["source"]), made[name], data_range=255)
        for name, row in zip(split.rows.names, split.rows, strict=True)
    ]
    assert found["psnr_source"].value == pytest.approx(np.mean(wanted), rel=1e-9)
    assert table["psnr_source"].tolist() == pytest.approx(wanted, rel=1e-9)
    assert all(found[name].n == 3 and found[name].protocol.reference == "source" for name in registered)
