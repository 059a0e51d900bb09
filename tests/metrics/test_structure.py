"""Structure distance against the definition, position by position, on the features that LPIPS takes from VGG16."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from i2ibench import weights
from i2ibench.data.pictures import to_tensor
from i2ibench.metrics import structure
from i2ibench.metrics.metric import Chunk, Setting
from i2ibench.metrics.structure import POSITIONS, StructureVGG16, pooled, self_similarity, structure_distance
from i2ibench.task import Resolution
from i2ibench.tasks.normal import PHOTO2PAINTING

SIZE = (32, 40)


def setting(size: tuple[int, int] = SIZE) -> Setting:
    return Setting(PHOTO2PAINTING, Resolution(*size), "test", n=4, n_reference=4, reference_hash="0")


def stacks(size: tuple[int, int] = SIZE, count: int = 4) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    sources = draw.integers(0, 256, (count, *size, 3), dtype=np.uint8)
    return np.clip(sources + draw.normal(0, 60, sources.shape), 0, 255).astype(np.uint8), sources


def chunk(outputs: np.ndarray, sources: np.ndarray, rows: slice = slice(None)) -> Chunk:
    output, source = (to_tensor(list(stack[rows])) for stack in (outputs, sources))
    return Chunk(tuple("abcd"[: len(outputs)][rows]), output=output, source=source)


@pytest.fixture(scope="module")
def vgg16_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random VGG16 trunk with torchvision's names."""
    from safetensors.torch import save_file
    from torchvision.models.vgg import cfgs, make_layers

    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("weights") / "vgg16.safetensors"
    save_file({f"features.{name}": value for name, value in make_layers(cfgs["D"]).state_dict().items()}, file)
    return file


@pytest.fixture(autouse=True)
def trunk(vgg16_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    others = weights.path
    monkeypatch.setattr(weights, "path", lambda name: vgg16_file if name == "vgg16" else others(name))


@pytest.fixture(scope="module")
def relu4_3(vgg16_file: Path) -> Callable[[np.ndarray], torch.Tensor]:
    """Takes features by the lpips package, which scales pictures and has this layer as its fourth."""
    import lpips
    from safetensors.torch import load_file

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = lpips.LPIPS(net="vgg", pnet_rand=True, verbose=False)
    state = load_file(vgg16_file)
    names = [name for name in network.net.state_dict() if name.startswith("slice")]
    network.net.load_state_dict({name: state[f"features.{name.split('.', 1)[1]}"] for name in names})

    @torch.no_grad()
    def take(pictures: np.ndarray) -> torch.Tensor:
        return network.net(network.scaling_layer(to_tensor(list(pictures)))).relu4_3

    return take


def by_hand(first: torch.Tensor, second: torch.Tensor) -> float:
    """Pair of positions by pair of positions, for features `[d, h, w]`."""
    total, (one, other) = 0.0, ([list(f.double().flatten(1).T) for f in (first, second)])
    for i, j in itertools.product(range(len(one)), repeat=2):
        cosines = [float(rows[i] @ rows[j] / (rows[i].norm() * rows[j].norm())) for rows in (one, other)]
        total += (cosines[0] - cosines[1]) ** 2
    return total / len(one) ** 2


def test_it_is_the_mean_squared_difference_of_cosines(relu4_3) -> None:
    outputs, sources = stacks()
    metric = StructureVGG16(setting())
    metric.update(chunk(outputs, sources))
    sides = zip(relu4_3(outputs), relu4_3(sources), strict=True)
    wanted = [by_hand(*pair) for pair in sides]
    assert list(metric.values.values()) == pytest.approx(wanted, rel=1e-4)
    (score,) = metric.compute()
    assert score.value == pytest.approx(np.mean(wanted), rel=1e-4) and not score.higher_is_better
    assert score.standard_error == pytest.approx(np.std(wanted, ddof=1) / 2, rel=1e-4)
    assert dict(metric.per_picture()["structure_vgg16"]) == metric.values and score.n == 4


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**32), positions=st.tuples(st.integers(1, 4), st.integers(1, 4)))
def test_arithmetic_on_any_features(seed: int, positions: tuple[int, int]) -> None:
    first, second = torch.rand(2, 6, *positions, generator=torch.Generator().manual_seed(seed))
    found = structure_distance(first, second)
    assert found.dtype == torch.float64 and found.item() == pytest.approx(by_hand(first, second), rel=1e-9, abs=1e-15)
    assert structure_distance(second, first) == found and structure_distance(first, first) == 0
    # it sees neither the strength of features nor which they are, as long as they go together
    turn = torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1)))[0]
    strength = 1 + torch.rand(positions, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    changed = (turn @ first.double().flatten(1)).reshape(first.shape) * strength
    assert structure_distance(first.double(), changed).item() == pytest.approx(0, abs=1e-20)


def test_positions_without_features_resemble_nothing() -> None:
    features = torch.tensor([[[0.0, 2.0]], [[0.0, 0.0]]])
    assert self_similarity(features).tolist() == [[0, 0], [0, 1]]


def test_a_copy_of_the_source_scores_zero_and_batches_do_not_matter() -> None:
    outputs, sources = stacks()
    outputs[1] = sources[1]
    whole, single = StructureVGG16(setting()), StructureVGG16(setting())
    whole.update(chunk(outputs, sources))
    for row in range(4):
        single.update(chunk(outputs, sources, slice(row, row + 1)))
    assert whole.values["b"] == 0 and min(whole.values[name] for name in "acd") > 0
    assert single.values == whole.values


@pytest.mark.parametrize(
    ("size", "side"), [((32, 32), 1), ((256, 256), 1), ((256, 264), 2), ((512, 512), 2), ((1024, 2048), 6)]
)
def test_large_pictures_are_averaged_to_few_positions(size: tuple[int, int], side: int) -> None:
    assert pooled(Resolution(*size)) == side
    height, width = (math.ceil(pixels // 8 / side) for pixels in size)
    assert height * width <= POSITIONS
    features = F.avg_pool2d(torch.zeros(1, 1, *(pixels // 8 for pixels in size)), side, ceil_mode=True)
    assert features.shape[-2:] == (height, width)


def test_averaging_is_of_features_and_in_the_protocol(vgg16_file, relu4_3, monkeypatch) -> None:
    outputs, sources = stacks()
    fine = StructureVGG16(setting())
    fine.update(chunk(outputs, sources))
    monkeypatch.setattr(structure, "POSITIONS", 8)  # of 4x5: averaged over 2x2 to 2x3, the last column over 2x1
    coarse = StructureVGG16(setting())
    coarse.update(chunk(outputs, sources))

    def averaged(features: torch.Tensor) -> torch.Tensor:
        return torch.stack(
            [torch.stack([features[:, y : y + 2, x : x + 2].mean((1, 2)) for x in (0, 2, 4)], 1) for y in (0, 2)],
            1,
        )

    sides = zip(relu4_3(outputs), relu4_3(sources), strict=True)
    wanted = [by_hand(averaged(one), averaged(other)) for one, other in sides]
    assert list(coarse.values.values()) == pytest.approx(wanted, rel=1e-4)
    monkeypatch.undo()
    monkeypatch.setattr(weights, "path", lambda name: vgg16_file)
    (score,) = fine.compute()
    monkeypatch.setattr(structure, "POSITIONS", 8)
    (other,) = coarse.compute()
    assert "1x1" in score.protocol.layer and "2x2" in other.protocol.layer
    assert set(score.protocol.difference(other.protocol)) == {"layer"} and score.protocol.id != other.protocol.id


@settings(deadline=None, max_examples=6)
@given(cuts=st.sets(st.integers(1, 3)), backwards=st.booleans())
def test_shards_give_the_same_number(cuts: set[int], backwards: bool) -> None:
    values = dict(zip("abcd", (0.3, 0.1, 0.7, 0.2), strict=True))
    shards = []
    for start, stop in itertools.pairwise([0, *sorted(cuts), 4]):
        shards.append(StructureVGG16(setting()))
        shards[-1].values = dict(list(values.items())[start:stop])
    first, *others = reversed(shards) if backwards else shards
    for other in others:
        first.merge(other)
    (score,) = first.compute()
    assert score.value == pytest.approx(0.325, rel=1e-12) and score.n == 4 and first.values == values


def test_protocol_and_reasons(vgg16_file, tmp_path, monkeypatch) -> None:
    metric = StructureVGG16(setting())
    metric.values = {"a": 0.1}
    protocol = metric.compute()[0].protocol
    assert protocol.reference == "source" and protocol.extractor == "vgg16" and "relu4_3" in protocol.layer
    assert protocol.weights_sha256 == weights.sha256(vgg16_file) and protocol.resize == "none"
    assert StructureVGG16.unavailable(setting()) is None
    assert "too small for VGG16's relu4_3" in StructureVGG16.unavailable(setting((31, 64)))

    other = tmp_path / "other.safetensors"
    other.write_bytes(b"other")
    monkeypatch.setattr(weights, "path", lambda name: other)
    assert metric.compute()[0].protocol.difference(protocol).keys() == {"weights_sha256"}
    monkeypatch.setattr(weights, "path", lambda name: None)
    assert "`i2ibench weights get vgg16`" in StructureVGG16.unavailable(setting())
