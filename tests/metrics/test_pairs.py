"""The metrics of pairs against the libraries that define them: scikit-image and lpips."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.metrics import peak_signal_noise_ratio
from skimage.metrics import structural_similarity as reference_ssim

from i2ibench.data.pictures import to_tensor
from i2ibench.metrics.bpd import BPD
from i2ibench.metrics.lpips import LPIPS
from i2ibench.metrics.metric import Chunk, Setting
from i2ibench.metrics.psnr import PSNR, peak_signal_to_noise
from i2ibench.metrics.ssim import SSIM, structural_similarity
from i2ibench.task import Resolution

SIZE = (33, 40)


def setting(make_split, size=SIZE, paired=True, **fields) -> Setting:
    split = make_split(2, size, paired=paired)
    values = {"n": 3, "n_reference": 3, "reference_hash": "0", **fields}
    return Setting(task=split.task, resolution=Resolution(*size), split="test", **values)


def chunk(outputs: np.ndarray, targets: np.ndarray, names="abcdefgh", **fields) -> Chunk:
    output, target = to_tensor(list(outputs)), to_tensor(list(targets))
    return Chunk(tuple(names[: len(output)]), output=output, source=target, target=target, **fields)


@pytest.fixture
def pairs() -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    targets = draw.integers(0, 256, (3, *SIZE, 3), dtype=np.uint8)
    return np.clip(targets + draw.normal(0, [[[[5]]], [[[30]]], [[[90]]]], targets.shape), 0, 255).astype(
        np.uint8
    ), targets


def test_ssim_is_scikit_images_with_the_papers_arguments(make_split, pairs) -> None:
    metric = SSIM(setting(make_split))
    metric.update(chunk(*pairs))
    wanted = [reference(x, y) for x, y in zip(*pairs, strict=True)]
    assert list(metric.values.values()) == pytest.approx(wanted, rel=1e-9)
    (score,) = metric.compute()
    assert score.value == pytest.approx(np.mean(wanted), rel=1e-9)
    assert score.standard_error == pytest.approx(np.std(wanted, ddof=1) / math.sqrt(3), rel=1e-9)
    assert score.higher_is_better and score.n == 3


def reference(x: np.ndarray, y: np.ndarray) -> float:
    return float(
        reference_ssim(
            x, y, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255, channel_axis=-1
        )
    )


@settings(deadline=None, max_examples=20)
@given(hnp.arrays(np.uint8, (2, 11, 14, 3)))
def test_ssim_holds_on_any_pictures(both: np.ndarray) -> None:
    x, y = (torch.from_numpy(picture).movedim(-1, 0)[None] for picture in both)
    assert structural_similarity(x, y).item() == pytest.approx(reference(*both), rel=1e-6, abs=1e-6)
    assert structural_similarity(x, x).item() == pytest.approx(1)


def test_psnr_is_scikit_images_mean_over_pictures(make_split, pairs) -> None:
    metric = PSNR(setting(make_split))
    metric.update(chunk(*pairs))
    wanted = [peak_signal_noise_ratio(y, x, data_range=255) for x, y in zip(*pairs, strict=True)]
    assert list(metric.values.values()) == pytest.approx(wanted, rel=1e-9)
    assert metric.compute()[0].value == pytest.approx(np.mean(wanted), rel=1e-9)


@settings(deadline=None, max_examples=20)
@given(difference=st.integers(1, 255), level=st.integers(0, 255))
def test_psnr_by_hand(difference: int, level: int) -> None:
    other = level + difference if level + difference <= 255 else max(level - difference, 0)
    first, second = (torch.full((1, 3, 4, 4), value, dtype=torch.uint8) for value in (level, other))
    wanted = 20 * math.log10(255 / abs(other - level)) if other != level else math.inf
    assert peak_signal_to_noise(first, second).item() == pytest.approx(wanted)


def test_psnr_of_equal_pictures_is_infinite_and_has_no_mean(make_split, pairs) -> None:
    outputs, targets = pairs
    outputs[1] = targets[1]
    metric = PSNR(setting(make_split))
    metric.update(chunk(outputs, targets))
    (score,) = metric.compute()
    assert score.value is None and "1 of 3 outputs equal their target" in score.reason
    assert metric.per_picture()["psnr"]["b"] == math.inf


def test_lpips_is_the_packages(make_split, pairs, random_weights) -> None:
    import lpips
    from safetensors.torch import load_file

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
    trunk = load_file(random_weights["alexnet"])
    for part in (network.net.slice1, network.net.slice2, network.net.slice3, network.net.slice4, network.net.slice5):
        for index, layer in part.named_children():
            if isinstance(layer, torch.nn.Conv2d):
                layer.weight.data = trunk[f"features.{index}.weight"]
                layer.bias.data = trunk[f"features.{index}.bias"]
    outputs, targets = (torch.from_numpy(stack).movedim(-1, 1) / 127.5 - 1 for stack in pairs)
    with torch.no_grad():
        wanted = [network(x[None], y[None]).item() for x, y in zip(outputs, targets, strict=True)]

    metric = LPIPS(setting(make_split))
    metric.update(chunk(*pairs))
    assert list(metric.values.values()) == pytest.approx(wanted, rel=1e-5)
    assert wanted[0] < wanted[1] < wanted[2]
    (score,) = metric.compute()
    assert score.protocol.value_range == "[-1, 1]" and not score.higher_is_better


def test_lpips_takes_pictures_down_to_its_smallest(make_split, random_weights) -> None:
    smallest = LPIPS.smallest
    assert LPIPS.unavailable(setting(make_split, (smallest, 64))) is None
    assert "too small" in LPIPS.unavailable(setting(make_split, (smallest - 1, 64)))
    metric = LPIPS(setting(make_split, (smallest, smallest)))
    stack = np.zeros((1, smallest, smallest, 3), np.uint8)
    metric.update(chunk(stack, stack))
    assert metric.values == {"a": 0}


def test_bits_per_dim_are_means_over_draws_then_pictures(make_split) -> None:
    metric = BPD(setting(make_split, likelihood_draws=2))
    stack = np.zeros((2, *SIZE, 3), np.uint8)
    metric.update(chunk(stack, stack, bits_per_dim=torch.tensor([[1.0, 2.0], [4.0, 5.0]], dtype=torch.float64)))
    (score,) = metric.compute()
    assert score.value == 3.0
    assert score.standard_error == pytest.approx(1.5)  # of 1.5 and 4.5: deviation 3/sqrt(2), over sqrt(2)
    assert score.protocol.draws == 2 and score.protocol.bits == 8
    metric.values["a"] = math.nan
    (score,) = metric.compute()
    assert score.value is None and "not finite for 1 of 2" in score.reason


def test_reasons_for_none(make_split, monkeypatch) -> None:
    from i2ibench import weights

    assert "no likelihood" in BPD.unavailable(setting(make_split))
    assert "smaller than the window" in SSIM.unavailable(setting(make_split, (10, 64)))
    for metric in (SSIM, PSNR, LPIPS):
        assert "has no pairs" in metric.unavailable(setting(make_split, paired=False))
    monkeypatch.setattr(weights, "path", lambda name: None)
    assert "`i2ibench weights get alexnet`" in LPIPS.unavailable(setting(make_split))
