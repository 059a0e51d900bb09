"""Scores that are built of single pictures, samples of a source or frames, against the papers' definitions one step at
a time, and against libraries."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from references import Row, counted, difference, pictures
from references_of_sets import lpips_network, tensor
from scipy.ndimage import map_coordinates
from scipy.signal import convolve2d
from scipy.stats import norm
from torch import Tensor

from i2ibench.metrics.bpd import BPD
from i2ibench.metrics.diversity import Diversity, DiversityBicycleGAN, DiversityMUNIT, DiversityStarGAN2
from i2ibench.metrics.gradients import GMSDSource
from i2ibench.metrics.metric import Chunk, Metric, Setting
from i2ibench.metrics.objects import object_matrix
from i2ibench.metrics.palette import Palette
from i2ibench.metrics.posing.keypoints import keypoint_scores
from i2ibench.metrics.structure import StructureVGG16
from i2ibench.metrics.warping import WarpingError
from i2ibench.models.layers.likelihood import bits_per_dim, normal_log_density
from i2ibench.task import IGNORE, LabelTable, Level, Need, Resolution, Task

COUNT, SIZE = 8, Resolution(48, 64)
TABLE = LabelTable(name="three", names=("ground", "thing", "sky"), palette=((20, 20, 20), (200, 30, 30), (90, 90, 250)))
SOURCES, SAMPLES = 3, 38


def rows(files: Mapping[str, Path]) -> Iterator[Row]:
    """The rows of these metrics."""
    yield _edges()
    yield _structure(files["vgg16"])
    yield from _keypoints()
    yield _warping()
    yield _bits()
    yield from _labels()
    yield _objects()
    yield from _diversity(files)


def _task(*gives: Need, **fields: object) -> Task:
    card = {"title": "", "description": "", "level": Level.STRONG, "resolutions": (SIZE,), "metrics": {}}
    card |= {"splits": {"test": COUNT}, "data": "nowhere:none", "source": "", "licence": ""}
    return Task.model_validate({**card, "name": "reference", "gives": frozenset(gives), **fields})


def _setting(card: Task, count: int = COUNT, **fields: object) -> Setting:
    names = tuple(f"{row:02d}" for row in range(count))
    return Setting(card, SIZE, "test", count, count, "0", names=names, **fields)  # type: ignore[arg-type]


def _values(metric: Metric, chunk: Chunk) -> list[float]:
    """Of each picture, and last of all."""
    metric.update(chunk)
    first = metric.compute()[0]
    assert first.value is not None, first.reason
    return [*metric.per_picture()[first.name].values(), first.value]


def _edges() -> Row:
    outputs, sources = pictures(COUNT, SIZE, 0), pictures(COUNT, SIZE, 1)
    outputs = ((2 * sources.astype(int) + outputs) // 3).astype(np.uint8)
    where = _setting(_task())
    ours = _values(GMSDSource(where), Chunk(where.names, output=tensor(outputs), source=tensor(sources)))
    theirs = [_edge_deviation(*pair) for pair in zip(outputs, sources, strict=True)]
    said = "arXiv:1308.3052, equations 1 to 6, by scipy's convolutions"
    return Row("`gmsd_source`", said, COUNT, difference(ours, [*theirs, float(np.mean(theirs))]))


def _edge_deviation(first: np.ndarray, second: np.ndarray) -> float:
    def magnitude(picture: np.ndarray) -> np.ndarray:
        luma = picture @ [0.299, 0.587, 0.114]
        halved = convolve2d(luma, np.full((2, 2), 0.25))[1:, 1:][::2, ::2]  # MATLAB's "same" of an even kernel
        prewitt = np.array([[1, 0, -1]] * 3) / 3
        magnitudes: np.ndarray = np.hypot(
            convolve2d(halved, prewitt, mode="same"), convolve2d(halved, prewitt.T, mode="same")
        )
        return magnitudes

    one, other = magnitude(first), magnitude(second)
    return float(np.std((2 * one * other + 170) / (one**2 + other**2 + 170)))


def _structure(vgg16: Path) -> Row:
    from safetensors.torch import load_file
    from torchvision.models.vgg import cfgs, make_layers

    outputs, sources = pictures(COUNT, SIZE, 0), pictures(COUNT, SIZE, 1)
    where = _setting(_task())
    ours = _values(StructureVGG16(where), Chunk(where.names, output=tensor(outputs), source=tensor(sources)))
    layers = make_layers(cfgs["D"]).eval()
    layers.load_state_dict({name.partition(".")[2]: value for name, value in load_file(vgg16).items()})
    mean, deviation = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[..., None, None]

    def similarities(*both: np.ndarray) -> list[np.ndarray]:
        with torch.inference_mode():
            features = layers[:23](((tensor(np.stack(both)) + 1) / 2 - mean) / deviation)  # relu4_3
        found = []
        for places in features.flatten(2).movedim(1, 2).double().numpy():
            found.append([[x @ y / (np.linalg.norm(x) * np.linalg.norm(y)) for y in places] for x in places])
        return [np.array(one) for one in found]

    both = (similarities(x, y) for x, y in zip(outputs, sources, strict=True))
    theirs = [((first - second) ** 2).mean() for first, second in both]
    said = "arXiv:2201.00424, section 3, position by position, on torchvision's VGG16"
    return Row("`structure_vgg16`", said, COUNT, difference(ours, [*theirs, float(np.mean(theirs))]), single=True)


def _keypoints() -> Iterator[Row]:
    draw = np.random.default_rng(6)
    true = draw.uniform(0, 64, (COUNT, 9, 2)).astype(np.float32)
    found = (true + draw.normal(0, 5, true.shape)).astype(np.float32)
    true[draw.random((COUNT, 9)) < 0.2] = math.nan
    scores = keypoint_scores(torch.from_numpy(found), torch.from_numpy(true))
    hits, errors = [], []
    for seen, truth in zip(found.astype(np.float64), true.astype(np.float64), strict=True):
        known = [number for number in range(9) if not np.isnan(truth[number]).any()]
        size = math.hypot(*(np.ptp(truth[known, axis]) for axis in (0, 1)))
        away = [math.dist(seen[number], truth[number]) / size for number in known]
        hits.append(sum(one <= 0.1 for one in away) / len(known))
        errors.append(sum(away) / len(known))
    said = "the definition, point by point"
    yield counted("the arithmetic of `pose_pck`", said, COUNT, scores.pck, hits)
    yield Row("the arithmetic of `pose_error`", said, COUNT, difference(scores.error, errors))


def _warping() -> Row:
    draw = np.random.default_rng(2)
    frames, flow = pictures(COUNT, SIZE, 3), draw.normal(0, 4, (COUNT, 2, *SIZE)).astype(np.float32)
    flow[draw.random(flow.shape) < 0.05] = math.nan
    numbers = tuple((f"sequence{row // 4}", row % 4) for row in range(COUNT))
    where = _setting(_task(Need.VIDEO, Need.FLOW))
    metric = WarpingError(where)
    metric.update(Chunk(where.names, output=tensor(frames), frames=numbers, flow=torch.from_numpy(flow)))
    ours = [metric.per_picture()[metric.name][where.names[row]] for row in range(COUNT) if row % 4]
    theirs = [_warped_error(frames[row - 1], frames[row], flow[row]) for row in range(COUNT) if row % 4]
    said = "arXiv:1808.00449, E_warp, pixel by pixel, scipy's `map_coordinates`"
    gap = difference([*ours, metric.compute()[0].value or 0], [*theirs, float(np.mean(theirs))])
    return Row("`warping_error`", said, COUNT, gap)


def _warped_error(before: np.ndarray, now: np.ndarray, flow: np.ndarray) -> float:
    errors = []
    height, width = now.shape[:2]
    for y, x in np.ndindex(height, width):
        at_x, at_y = (float(at) + float(moved) for at, moved in zip((x, y), flow[:, y, x], strict=True))
        if math.isnan(at_x + at_y) or not (-0.5 <= at_x <= width - 0.5 and -0.5 <= at_y <= height - 0.5):
            continue
        for channel in range(3):
            point = [[at_y], [at_x]]
            colour = map_coordinates(before[..., channel].astype(np.float64), point, order=1, mode="nearest")[0]
            errors.append((colour - float(now[y, x, channel])) ** 2 / 255**2)
    return float(np.mean(errors))


def _bits() -> Row:
    """Levels drawn about a mean: each level's probability is the normal distribution's mass over its step."""
    draw, draws, width = np.random.default_rng(4), 3, 30.0
    levels = draw.integers(0, 256, (COUNT, 3, *SIZE))
    noise = draw.random((draws, *levels.shape))
    places = torch.from_numpy((levels + noise) / 256)
    mean, log_std = torch.full_like(places[0], 0.5), torch.full_like(places[0], math.log(width / 256))
    log_densities = torch.stack([normal_log_density(place, mean, log_std) for place in places])
    per_draw = bits_per_dim(log_densities, 256, 3 * math.prod(SIZE))
    where = _setting(_task(Need.PAIRS), likelihood_draws=draws)
    ours = _values(BPD(where), Chunk(where.names, output=torch.zeros(COUNT, 3, *SIZE), bits_per_dim=per_draw.T))
    density = norm.logpdf(levels + noise, 128, width) / math.log(2)  # in levels: the density of a step of one
    theirs = -density.mean((0, 2, 3, 4))
    said = "closed form: the normal density of levels with noise, by scipy"
    return Row("`bpd`", said, COUNT, difference(ours, [*theirs, float(theirs.mean())]))


def _labels() -> Iterator[Row]:
    from mmseg.evaluation import IoUMetric
    from scipy.spatial.distance import cdist

    draw = np.random.default_rng(5)
    maps = draw.integers(0, 3, (COUNT, *SIZE))
    seen = np.where(draw.random(maps.shape) < 0.7, maps, draw.integers(0, 3, maps.shape))
    maps[draw.random(maps.shape) < 0.1] = IGNORE
    colours = np.array(TABLE.palette)
    outputs = np.clip(colours[seen] + draw.normal(0, 40, (*maps.shape, 3)), 0, 255).astype(np.uint8)

    where = _setting(_task(Need.PAIRS, Need.LABELS, labels=TABLE, to_labels=True))
    metric = Palette(where)
    metric.update(Chunk(where.names, output=tensor(outputs), labels=torch.from_numpy(maps)))
    found = [cdist(picture.reshape(-1, 3), colours, "sqeuclidean").argmin(1).reshape(SIZE) for picture in outputs]
    areas = [
        IoUMetric.intersect_and_union(torch.from_numpy(f), torch.from_numpy(t), 3, IGNORE)
        for f, t in zip(found, maps, strict=True)
    ]
    summed = [torch.stack(area).sum(0).double() for area in zip(*areas, strict=True)]
    theirs = IoUMetric.total_area_to_metrics(*summed)
    wanted = [float(theirs["aAcc"]), np.nanmean(theirs["Acc"]), np.nanmean(theirs["IoU"])]
    gap = difference([score.value or 0 for score in metric.compute()], wanted)
    said = "mmseg `IoUMetric` on the classes that scipy finds nearest"
    yield Row("`palette_*`; the arithmetic of `psp_*`", said, COUNT, gap)


def _objects() -> Row:
    """Each box's votes counted pixel by pixel."""
    draw = np.random.default_rng(6)
    maps, found = draw.integers(0, 3, (2, COUNT, *SIZE))
    corners = draw.uniform(0, 40, (COUNT, 5, 2)), draw.uniform(4, 20, (COUNT, 5, 2))
    kinds = draw.integers(0, 3, (COUNT, 5, 1))
    boxes = np.concatenate([corners[0], corners[0] + corners[1], kinds], 2).astype(np.float32)
    matrices = np.stack([object_matrix(*one, 3) for one in zip(maps, found, boxes, strict=True)])
    wanted = np.zeros_like(matrices)
    for picture, box in np.ndindex(COUNT, 5):
        left, top, right, bottom, kind = boxes[picture, box]
        votes = [0, 0, 0]
        for y, x in np.ndindex(*SIZE):
            inside = left <= x + 0.5 < right and top <= y + 0.5 < bottom
            if inside and maps[picture, y, x] == kind:
                votes[found[picture, y, x]] += 1
        if sum(votes):
            wanted[picture, int(kind), votes.index(max(votes))] += 1
    gap = difference(matrices.ravel().tolist(), wanted.ravel().tolist())
    return Row("the arithmetic of `object_*`", "the definition, pixel by pixel", COUNT, gap)


def _diversity(files: Mapping[str, Path]) -> Iterator[Row]:
    stack = np.stack([pictures(SOURCES, SIZE, seed) for seed in range(SAMPLES)])
    pairs: dict[type[Diversity], tuple[str, list[tuple[int, int]]]] = {
        DiversityBicycleGAN: ("0.0", [(number, number + 1) for number in range(19)]),
        DiversityMUNIT: ("0.0", [(2 * number, 2 * number + 1) for number in range(19)]),
        DiversityStarGAN2: ("0.1", list(itertools.combinations(range(10), 2))),
    }
    for kind, (version, compared) in pairs.items():
        where = _setting(_task(), SOURCES, samples={f"{row:02d}": SAMPLES for row in range(SOURCES)})

        def read(number: int, places: object) -> Tensor:
            return tensor(stack[number][list(places)])  # type: ignore[call-overload]

        ours = _values(kind(where), Chunk(where.names, output=tensor(stack[0]), read_samples=read))
        with torch.inference_mode():
            network = lpips_network("alex", version, files)
            theirs = [
                np.mean([float(network(tensor(stack[a, row, None]), tensor(stack[b, row, None]))) for a, b in compared])
                for row in range(SOURCES)
            ]
        said = f"package lpips {version}, alex, pair by pair"
        yield Row(
            f"`{kind.name}`",
            said,
            SOURCES * kind.samples,
            difference(ours, [*theirs, float(np.mean(theirs))]),
            single=True,
        )
