"""One walk over the pictures against the usual pipeline: python benchmarks/evaluate.py [PICTURES] [SIZE].

Both score the same outputs against the same targets, each in processes of its own, by FID, KID, precision and recall,
LPIPS, SSIM and PSNR. Ours is `i2ibench evaluate` on a task made of the two folders, with density and coverage on top;
it runs twice, as the second method scored on a task finds the targets' features kept. The usual pipeline is
torch-fidelity's command, then a script around the package lpips, then one around scikit-image, picture by picture, as
their documentations show them. Wall seconds are whole processes, imports included; memory is the largest process's.
Where Inception's weights are not at hand both get the same random ones, which take as long.

Then the Fréchet term alone, at 2,048 dimensions, against scipy's root of the product of the covariances.
"""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import torch

METRICS = "fid,kid,prdc,lpips,ssim,psnr"
TASK = """
name = "benchmark"
title = "outputs to targets"
level = "strong"
gives = ["pairs"]
resolutions = ["{size}x{size}"]

[data]
layout = "paired-folders"

[data.options]
source = "{{split}}/source"
target = "{{split}}/target"
"""


def pictures(folder: Path, count: int, size: int, seed: int) -> None:
    """Writes `count` pictures of coarse to fine structure."""
    from PIL import Image

    folder.mkdir(parents=True)
    draw = np.random.default_rng(seed)
    for number in range(count):
        pixels = 128 + draw.normal(0, 8, (size, size, 3))
        for side in (4, 16):
            pixels += draw.normal(0, 40, (side, side, 3)).repeat(size // side, 0).repeat(size // side, 1)
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(folder / f"{number:05d}.png")


def inception() -> Path:
    """The file of Inception's weights, made of random ones where they are not at hand."""
    from i2ibench import weights

    found = weights.path("inception")
    if found is not None:
        return found
    from torch_fidelity import feature_extractor_inceptionv3 as module

    kind = module.FeatureExtractorInceptionV3
    nothing = mock.patch.object(module, "load_state_dict_from_url", lambda *_, **__: {})
    with nothing, mock.patch.object(kind, "load_state_dict", lambda *_: None):
        network = kind("inception-v3-compat", ["2048"])
    for part in network.modules():
        if isinstance(part, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(part.weight)
    file = Path(tempfile.mkdtemp()) / "inception.pth"
    torch.save(network.state_dict(), file)
    return file


def ours(outputs: Path, weights_file: Path) -> None:
    """`i2ibench evaluate`, with these weights for Inception."""
    from i2ibench import cli, weights

    card, kept = replace(weights.CARDS["inception"], sha256=weights.sha256(weights_file)), weights._places
    places = {"_places": lambda asked: [weights_file] if asked.name == card.name else kept(asked)}
    with mock.patch.multiple(weights, CARDS={**weights.CARDS, "inception": card}, **places):
        sys.argv = ["i2ibench", "evaluate", "--task", "benchmark", "--pictures", str(outputs), "--metrics", METRICS]
        sys.argv += ["--out", str(outputs.parent / "scores")]
        cli.main()


def usual_lpips(outputs: Path, targets: Path) -> None:
    """A loop around the package's forward."""
    import lpips
    from safetensors.torch import load_file

    from i2ibench import weights

    network = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
    trunk = weights.path("alexnet")
    assert trunk is not None, "i2ibench weights get alexnet"
    state = load_file(trunk)
    names = {name: name.split(".", 2)[2] for name in network.state_dict() if name.startswith("net.slice")}
    network.load_state_dict({name: state[f"features.{rest}"] for name, rest in names.items()}, strict=False)
    values = []
    for file in sorted(outputs.iterdir()):
        pair = [lpips.im2tensor(lpips.load_image(str(path))) for path in (file, targets / file.name)]
        with torch.no_grad():
            values.append(network(*pair).item())
    print("lpips", np.mean(values))


def usual_pixels(outputs: Path, targets: Path) -> None:
    """A loop around scikit-image's SSIM, in Wang's form, and PSNR."""
    from skimage.io import imread
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    form = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    values = []
    for file in sorted(outputs.iterdir()):
        first, second = imread(file), imread(targets / file.name)
        similarity = structural_similarity(first, second, channel_axis=-1, **form)
        values.append((similarity, peak_signal_noise_ratio(second, first, data_range=255)))
    print("ssim, psnr", np.mean(values, 0))


def timed(*command: str) -> tuple[float, float]:
    """Wall seconds and peak memory in GB of a command."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    assert status == 0, command
    return time.perf_counter() - start, used.ru_maxrss / 1e6


def frechet(dimension: int = 2048, count: int = 5000) -> None:
    """The Fréchet term of more pictures than dimensions, ours and scipy's."""
    from scipy import linalg

    from i2ibench.metrics.frechet import Gaussian, frechet_distance

    draw = torch.Generator().manual_seed(0)
    shapes = (count, dimension), (dimension, dimension)
    rows, mixing, others, other_mixing = (torch.randn(shape, generator=draw) for shape in shapes * 2)
    first, second = Gaussian.of(rows @ mixing), Gaussian.of(others @ other_mixing)
    start = time.perf_counter()
    distance = frechet_distance(first, second)
    mine = time.perf_counter() - start
    covariances = [side.covariance.numpy() for side in (first, second)]
    start = time.perf_counter()
    root = linalg.sqrtm(covariances[0] @ covariances[1])
    offset = float((first.mean - second.mean).square().sum())
    theirs_distance = offset + np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * np.trace(root).real
    theirs = time.perf_counter() - start
    print(
        f"Fréchet term, {count} pictures of {dimension} dimensions: ours {mine:.2f} s, scipy's sqrtm {theirs:.2f} s, "
        f"{theirs / mine:.1f} times; relative difference {abs(distance / theirs_distance - 1):.1e}"
    )


def main(count: int, size: int) -> None:
    """Times both and prints the ratios."""
    here, python = str(Path(__file__).resolve()), sys.executable
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        os.environ["I2IBENCH_CACHE"] = str(_cache(root))
        for split, number in (("train", 4), ("val", 4), ("test", count)):
            for seed, side in enumerate(("source", "target")):
                pictures(root / "data" / split / side, number, size, seed)
        pictures(root / "outputs", count, size, 2)
        (root / "benchmark.toml").write_text(TASK.format(size=size))
        prepare = ["data", "prepare", str(root / "benchmark.toml"), "--root", str(root / "data")]
        timed(python, "-m", "i2ibench", *prepare)
        weights_file, targets = str(inception()), root / "data" / "test" / "target"
        outputs = str(root / "outputs")
        walk = [python, here, "ours", outputs, weights_file]
        rows = {"ours, first method of a task": [timed(*walk)], "ours, every further one": [timed(*walk)]}
        extractor = ["--feature-extractor", "inception-v3-compat", "--feature-extractor-weights-path", weights_file]
        sides = ["--input1", outputs, "--input2", str(targets), "--kid-subset-size", str(count // 2)]
        rows["usual pipeline"] = [
            timed(str(Path(python).with_name("fidelity")), "--fid", "--kid", "--prc", *extractor, *sides),
            timed(python, here, "lpips", outputs, str(targets)),
            timed(python, here, "pixels", outputs, str(targets)),
        ]
        whole = sum(seconds for seconds, _ in rows["usual pipeline"])
        print(f"{count} pictures of {size}x{size}, {torch.get_num_threads()} threads")
        for name, parts in rows.items():
            seconds, memory = sum(part[0] for part in parts), max(part[1] for part in parts)
            told = "" if len(parts) == 1 else " (" + ", ".join(f"{part[0]:.0f}" for part in parts) + ")"
            print(f"{name:30} {seconds:7.1f} s{told}, {memory:.2f} GB, {whole / seconds:.2f} times as fast")


def _cache(root: Path) -> Path:
    """A cache of its own, but for the weights that the user has."""
    from i2ibench.cache import cache_folder

    cache = root / "cache"
    cache.mkdir()
    with contextlib.suppress(FileNotFoundError):
        (cache / "weights").symlink_to((cache_folder() / "weights").resolve(strict=True))
    return cache


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    match sys.argv[1:]:
        case ["ours", outputs, weights_file]:
            ours(Path(outputs), Path(weights_file))
        case ["lpips", outputs, targets]:
            usual_lpips(Path(outputs), Path(targets))
        case ["pixels", outputs, targets]:
            usual_pixels(Path(outputs), Path(targets))
        case sizes:
            main(*(int(text) for text in [*sizes, "1000", "256"][:2] or ()))
            frechet()
