"""LPIPS diversity against loops over the lpips package's own forward."""

from __future__ import annotations

import itertools
import math
import warnings
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from i2ibench import registry, weights
from i2ibench.data.batches import target_class
from i2ibench.data.pictures import to_tensor
from i2ibench.data.tables import ArrowTable
from i2ibench.metrics import diversity, lpips
from i2ibench.metrics.ceiling import ceiling
from i2ibench.metrics.diversity import Diversity, DiversityBicycleGAN, DiversityMUNIT, DiversityStarGAN2
from i2ibench.metrics.evaluate import evaluate
from i2ibench.metrics.features import TargetFeatures
from i2ibench.metrics.metric import Chunk, Setting
from i2ibench.metrics.outputs import reader
from i2ibench.metrics.walk import Walk
from i2ibench.task import Level, Need, Resolution, Task

KINDS = [DiversityBicycleGAN, DiversityMUNIT, DiversityStarGAN2]
SIZE = (33, 40)
CPU = torch.device("cpu")


def task(**fields) -> Task:
    card = Task(
        name="many",
        title="",
        description="",
        level=Level.WEAK,
        gives=frozenset(),
        resolutions=(Resolution(*SIZE),),
        splits={"test": 4},
        targets={"test": 4},
        data="nowhere:none",
        metrics={},
        source="",
        licence="",
    )
    return card.model_copy(update=fields)


CLASSES = task(gives=frozenset({Need.CLASSES}), targets={}, classes=("cat", "dog", "wild"))


def names_of(count: int) -> tuple[str, ...]:
    return tuple(f"{number:03d}" for number in range(count))


def setting(count: int, samples: int = 38, card: Task | None = None, size: tuple[int, int] = SIZE) -> Setting:
    names = names_of(count)
    return Setting(
        task=card or task(),
        resolution=Resolution(*size),
        split="test",
        n=count,
        n_reference=count,
        reference_hash="0",
        names=names,
        samples=dict.fromkeys(names, samples),
    )


def drawn(samples: int, sources: int, seed: int = 0, size: tuple[int, int] = SIZE) -> torch.Tensor:
    """8-bit pictures `[samples, sources, 3, H, W]` in [-1, 1]; sources differ in how much their samples do."""
    draw = np.random.default_rng(seed)
    noise = draw.normal(0, 1, (samples, sources, 3, *size)) * np.linspace(10, 90, sources)[:, None, None, None]
    return torch.from_numpy(np.clip(128 + noise, 0, 255).round().astype(np.float32)) / 127.5 - 1


def chunk(
    stack: torch.Tensor, rows: slice = slice(None), own: list[int] | None = None, asked: list[int] | None = None
) -> Chunk:
    """The sources of `rows`, of which `stack` holds all samples."""
    mine = stack[:, rows]
    return Chunk(
        names=names_of(stack.shape[1])[rows],
        output=mine[0],
        classes=None if asked is None else torch.tensor(asked)[rows],
        source_classes=None if own is None else torch.tensor(own)[rows],
        read_samples=lambda number, places: mine[number][list(places)],
    )


def fed(kind: type[Diversity], stack: torch.Tensor, card: Task | None = None, **fields) -> Diversity:
    metric = kind(setting(stack.shape[1], len(stack), card))
    metric.update(chunk(stack, **fields))
    return metric


def package(version: str, trunk: Path) -> torch.nn.Module:
    """The package's network, put together without ours."""
    from lpips import LPIPS
    from safetensors.torch import load_file

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = LPIPS(net="alex", version=version, pnet_rand=True, verbose=False)
    state = load_file(trunk)
    for number in range(1, 6):
        for index, layer in getattr(network.net, f"slice{number}").named_children():
            if isinstance(layer, torch.nn.Conv2d):
                layer.weight.data = state[f"features.{index}.weight"]
                layer.bias.data = state[f"features.{index}.bias"]
    return network


@pytest.fixture
def batches(random_weights, monkeypatch) -> list[int]:
    """Sizes of the batches whose features were taken."""
    sizes: list[int] = []
    take = lpips.unit_features

    def counting(network: torch.nn.Module, pictures: torch.Tensor) -> tuple[torch.Tensor, ...]:
        sizes.append(len(pictures))
        return take(network, pictures)

    monkeypatch.setattr(lpips, "unit_features", counting)
    return sizes


@pytest.mark.parametrize("version", ["0.0", "0.1"])
@torch.no_grad()
def test_distance_from_features_is_the_packages(random_weights, version) -> None:
    first, second = drawn(2, 6, seed=1)
    first[5] = second[5]
    wanted = package(version, random_weights["alexnet"])(first, second).flatten()
    network = lpips.load("alex", version, "alexnet", CPU)
    found = lpips.distance(network, *(lpips.unit_features(network, pictures) for pictures in (first, second)))
    assert found.shape == (6,) and found[5] == 0 < found[:5].min()
    torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-7)


@torch.no_grad()
def test_the_versions_are_two_scales(random_weights) -> None:
    """Other heads, and without the scaling in 0.0."""
    (old, new), pictures = (lpips.load("alex", version, "alexnet", CPU) for version in ("0.0", "0.1")), drawn(2, 3)
    heads = [[head.model[-1].weight for head in network.lins] for network in (old, new)]
    assert not any(torch.equal(one, other) for one, other in zip(*heads, strict=True))
    scaled = new.scaling_layer(pictures[0])
    for one, other in zip(lpips.unit_features(old, scaled), lpips.unit_features(new, pictures[0]), strict=True):
        assert torch.equal(one, other)
    values = [lpips.distance(net, *(lpips.unit_features(net, stack) for stack in pictures)) for net in (old, new)]
    assert not torch.allclose(*values, rtol=0.05)


CONSECUTIVE = [(number, number + 1) for number in range(19)]
TWO_BY_TWO = [(2 * number, 2 * number + 1) for number in range(19)]
ALL = [(first, second) for second in range(10) for first in range(second)]


@pytest.mark.parametrize(
    ("kind", "version", "samples", "pairs", "count"),
    [
        (DiversityBicycleGAN, "0.0", 20, CONSECUTIVE, 19),
        (DiversityMUNIT, "0.0", 38, TWO_BY_TWO, 19),
        (DiversityStarGAN2, "0.1", 10, ALL, 45),
    ],
)
@torch.no_grad()
def test_each_protocol_against_a_loop_over_pairs(random_weights, kind, version, samples, pairs, count) -> None:
    stack = drawn(samples, 4)
    network = package(version, random_weights["alexnet"])
    wanted = [
        np.mean([network(stack[i, source][None], stack[j, source][None]).item() for i, j in pairs])
        for source in range(4)
    ]
    assert len(pairs) == count == len(kind.pairs)

    metric = fed(kind, stack)
    assert list(metric.values.values()) == pytest.approx(wanted, rel=1e-6)
    (score,) = metric.compute()
    assert score.name == kind.name == next(iter(kind.columns))
    assert score.value == pytest.approx(np.mean(wanted), rel=1e-6)
    assert score.standard_error == pytest.approx(np.std(wanted, ddof=1) / 2, rel=1e-5)
    assert score.higher_is_better and score.n == 4
    protocol = score.protocol
    assert (protocol.n, protocol.outputs_per_source, protocol.extractor) == (4, samples, f"lpips {version}, alex")
    assert protocol.weights_sha256 == weights.sha256(random_weights["alexnet"])
    assert f"{count} " in protocol.pairs and protocol.value_range == "[-1, 1]"
    assert metric.per_picture() == {kind.name: metric.values}


@pytest.mark.parametrize("kind", KINDS)
def test_a_deterministic_method_has_no_diversity(random_weights, monkeypatch, kind) -> None:
    monkeypatch.setattr(diversity, "PIXELS", 2 * math.prod(SIZE))
    stack = drawn(1, 5).expand(kind.samples, -1, -1, -1, -1)
    (score,) = fed(kind, stack).compute()
    assert score.value == 0.0 and score.standard_error == 0.0
    changed = stack.clone()
    changed[1, 0, 0, 4:20, 4:20] += 0.5
    assert fed(kind, changed).compute()[0].value > 0


@pytest.mark.parametrize("kind", KINDS)
def test_features_are_taken_once_a_picture_in_small_groups(batches, monkeypatch, kind) -> None:
    monkeypatch.setattr(diversity, "PIXELS", 3 * math.prod(SIZE) + 1)
    stack = drawn(kind.samples, 7)
    metric = fed(kind, stack)
    assert batches == [3] * kind.samples + [3] * kind.samples + [1] * kind.samples
    batches.clear()
    monkeypatch.setattr(diversity, "PIXELS", 1)  # pictures larger than the bound go one by one
    assert list(fed(kind, stack).values.values()) == pytest.approx(list(metric.values.values()), rel=1e-6)
    assert set(batches) == {1}


@pytest.mark.parametrize(("kind", "most"), [(DiversityBicycleGAN, 2), (DiversityMUNIT, 2), (DiversityStarGAN2, 10)])
def test_features_are_kept_only_as_long_as_they_are_needed(random_weights, monkeypatch, kind, most) -> None:
    take, references, alive = lpips.unit_features, [], []

    def watching(network: torch.nn.Module, pictures: torch.Tensor) -> tuple[torch.Tensor, ...]:
        features = take(network, pictures)
        references.append(weakref.ref(features[0]))
        alive.append(sum(reference() is not None for reference in references))
        return features

    monkeypatch.setattr(lpips, "unit_features", watching)
    fed(kind, drawn(kind.samples, 2))
    assert len(alive) == kind.samples and max(alive) == most


def test_a_hundred_sources_are_spread_over_the_split(batches, monkeypatch) -> None:
    assert (DiversityBicycleGAN.sources, DiversityMUNIT.sources, DiversityStarGAN2.sources) == (100, 100, None)
    monkeypatch.setattr(DiversityBicycleGAN, "sources", 3)
    stack = drawn(20, 8)
    metric = DiversityBicycleGAN(setting(8, 20))
    for start in range(0, 8, 2):  # some chunks have one of the sources, one has none
        metric.update(chunk(stack, slice(start, start + 2)))
    assert list(metric.values) == ["000", "002", "005"]
    assert sum(batches) == 3 * 20
    (score,) = metric.compute()
    whole = fed(DiversityMUNIT, drawn(38, 4)).compute()[0]
    assert score.n == score.protocol.n == 3 and whole.protocol.n == 4
    column = metric.per_picture()["diversity_bicyclegan"]
    assert list(column) == list(names_of(8))
    assert [name for name, value in column.items() if not math.isnan(value)] == list(metric.values)


def test_the_mean_is_over_domains_not_over_sources(random_weights) -> None:
    stack, own, asked = drawn(10, 7), [0, 0, 1, 1, 0, 2, 1], [1, 1, 0, 0, 2, 0, 0]  # 0 to 1, 1 to 0, 0 to 2, 2 to 0
    metric = fed(DiversityStarGAN2, stack, CLASSES, own=own, asked=asked)
    (score,) = metric.compute()
    values = np.array(list(metric.values.values()))
    groups = [values[[0, 1]], values[[2, 3, 6]], values[[4]], values[[5]]]
    assert score.value == pytest.approx(np.mean([group.mean() for group in groups]), rel=1e-9)
    assert score.value != pytest.approx(values.mean(), rel=1e-3)
    pooled = sum(((group - group.mean()) ** 2).sum() for group in groups) / (7 - 4)
    wanted = math.sqrt(pooled / 2 + pooled / 3 + pooled + pooled) / 4
    assert score.standard_error == pytest.approx(wanted, rel=1e-9)
    assert score.n == score.protocol.n == 7 and "4 ordered pairs of domains" in score.protocol.pairs

    (one,) = fed(DiversityStarGAN2, stack, CLASSES, own=[0] * 7, asked=[1] * 7).compute()
    (without,) = fed(DiversityStarGAN2, stack, own=own, asked=asked).compute()  # two domains: one pair
    assert one.value == without.value == pytest.approx(values.mean(), rel=1e-9)
    assert one.standard_error == without.standard_error

    (single,) = fed(DiversityStarGAN2, stack[:, :2], CLASSES, own=[1, 0], asked=[0, 1]).compute()
    assert single.standard_error is None and single.value == pytest.approx(values[:2].mean(), rel=1e-5)


def test_the_standard_error_is_the_scatter_over_other_sources(random_weights) -> None:
    draw = np.random.default_rng(3)
    scores = []
    for _ in range(400):
        metric = DiversityStarGAN2(setting(9, 10, CLASSES))
        metric.domains = {name: (0, 1) if number < 3 else (1, 0) for number, name in enumerate(names_of(9))}
        metric.values = {name: draw.normal(asked, 0.2) for name, (_, asked) in metric.domains.items()}
        scores.append(metric.compute()[0])
    scatter = np.std([score.value for score in scores], ddof=1)
    assert 0.9 < np.sqrt(np.mean([score.standard_error**2 for score in scores])) / scatter < 1.1


STACK = drawn(38, 6, seed=4)
DOMAINS = {"own": [1, 0, 0, 2, 0, 0], "asked": [0, 1, 1, 0, 1, 1]}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.sets(st.integers(1, 5)), order=st.randoms(use_true_random=False), kind=st.sampled_from(KINDS))
def test_shards_in_any_order_merge_to_the_same_number(random_weights, cuts, order, kind) -> None:
    whole = fed(kind, STACK, CLASSES, **DOMAINS)
    bounds = [0, *sorted(cuts), 6]
    shards = []
    for start, stop in itertools.pairwise(bounds):
        shard = kind(setting(6, 38, CLASSES))
        shard.update(chunk(STACK, slice(start, stop), **DOMAINS))
        shards.append(shard)
    order.shuffle(shards)
    first, *others = shards
    for other in others:
        first.merge(other)
    (merged,), (wanted,) = first.compute(), whole.compute()
    assert merged.value == pytest.approx(wanted.value, rel=1e-6)
    assert merged.standard_error == pytest.approx(wanted.standard_error, rel=1e-5)
    assert merged.protocol == wanted.protocol and merged.n == wanted.n == 6


@pytest.mark.parametrize("kind", KINDS)
def test_reasons_for_none(random_weights, monkeypatch, kind) -> None:
    enough = setting(3, kind.samples)
    assert kind.unavailable(enough) is None
    fewer = replace(enough, samples={**enough.samples, "001": kind.samples - 1})
    assert f"{kind.samples} samples of a source are compared, and 1 sources have fewer (first '001')" in (
        kind.unavailable(fewer) or ""
    )
    assert "3 sources have fewer" in (kind.unavailable(replace(enough, samples={})) or "")
    assert "too small" in (kind.unavailable(setting(3, kind.samples, size=(30, 64))) or "")
    assert kind.unavailable(setting(3, kind.samples, size=(31, 64))) is None
    monkeypatch.setattr(weights, "path", lambda name: None)
    assert "`i2ibench weights get alexnet`" in (kind.unavailable(enough) or "")


@pytest.fixture
def registered(monkeypatch) -> list[str]:
    """Names of the three, known to the registry whatever else it lists."""
    real, kinds = registry.metric, {kind.name: kind for kind in KINDS}
    monkeypatch.setattr(registry, "metric", lambda name: kinds.get(name) or real(name))
    return list(kinds)


def test_a_real_picture_has_no_samples(make_split, random_weights, registered) -> None:
    test, val = make_split(4, SIZE), make_split(4, SIZE, name="val", seed=5)
    scores = ceiling(test, val, registered)
    assert [(score.name, score.value, score.reason) for score in scores] == [
        (name, None, "a real picture has no samples") for name in registered
    ]


@pytest.fixture
def other_trunk(tmp_path) -> Path:
    import torchvision
    from safetensors.torch import save_file

    torch.manual_seed(1)
    file = tmp_path / "alexnet.safetensors"
    save_file(dict(torchvision.models.alexnet().state_dict()), file)
    return file


def test_the_protocol_tells_what_changes_the_number(random_weights, other_trunk, monkeypatch) -> None:
    stack = drawn(38, 3)

    def protocol_and_value(kind: type[Diversity], count: int = 3):
        (score,) = fed(kind, stack[: kind.samples, :count]).compute()
        return score.protocol, score.value

    found = [protocol_and_value(kind) for kind in KINDS]
    assert len({protocol.id for protocol, _ in found}) == 3
    assert {"outputs_per_source", "pairs"} <= set(found[0][0].difference(found[1][0]))
    assert {"outputs_per_source", "pairs", "extractor"} <= set(found[1][0].difference(found[2][0]))
    assert protocol_and_value(DiversityMUNIT) == found[1]
    fewer, _ = protocol_and_value(DiversityMUNIT, 2)
    assert fewer.difference(found[1][0]) == {"n": (2, 3)}
    monkeypatch.setattr(weights, "path", lambda name: other_trunk)
    other, value = protocol_and_value(DiversityMUNIT)
    assert set(other.difference(found[1][0])) == {"weights_sha256"} and value != found[1][1]


def test_evaluate_reads_samples_and_keeps_values_by_picture(
    make_split, outputs, write, tmp_path, random_weights, registered, monkeypatch
) -> None:
    monkeypatch.setattr(DiversityBicycleGAN, "sources", 2)
    split = make_split(5, SIZE, paired=False)
    several = [outputs(split, seed) for seed in range(20)]
    folder = tmp_path / "samples"
    for number, further in enumerate(several[1:], 1):
        write(folder / f"{number:02d}", further)
    found = evaluate(write(tmp_path / "out", several[0]), split, registered, batch_size=2, samples=folder)
    consecutive, munit, any_two = found.scores
    stack = torch.stack([to_tensor(list(sample.values())) for sample in several])
    assert consecutive.value == pytest.approx(fed(DiversityBicycleGAN, stack).compute()[0].value, rel=1e-6)
    assert any_two.value == pytest.approx(fed(DiversityStarGAN2, stack[:10]).compute()[0].value, rel=1e-6)
    assert munit.value is None and "38 samples of a source are compared, and 5 sources" in munit.reason
    table = found.per_picture.set_index("name")
    assert list(table.columns) == ["diversity_bicyclegan", "diversity_stargan2"]
    assert list(table["diversity_bicyclegan"].notna()) == [True, False, True, False, False]
    assert table["diversity_bicyclegan"].mean() == pytest.approx(consecutive.value)
    assert table["diversity_stargan2"].mean() == pytest.approx(any_two.value)

    same = evaluate(several[0], split, registered, deterministic=True)
    assert [(score.value, score.n) for score in same.scores] == [(0.0, 2), (0.0, 5), (0.0, 5)]


def test_the_walk_tells_both_domains(make_split, outputs, random_weights, registered) -> None:
    split = make_split(6, SIZE, paired=False)
    table = split.rows.dataset.add_column("category", [0, 1, 2, 0, 1, 2])
    card = split.task.model_copy(update={"gives": frozenset({Need.CLASSES}), "classes": CLASSES.classes})
    split = replace(split, task=card, rows=ArrowTable(table), targets=None)
    metric = DiversityStarGAN2(setting(6, 10, card))
    for part in Walk(split, TargetFeatures(split, 6, [], CPU), reader(outputs(split), split, 6)).outputs(range(6)):
        metric.update(part)
    asked = [target_class(name, own, [0, 1, 2]) for name, own in zip(split.rows.names, [0, 1, 2] * 2, strict=True)]
    assert list(metric.domains.values()) == list(zip([0, 1, 2] * 2, asked, strict=True))
