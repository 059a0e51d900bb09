from __future__ import annotations

import pytest
import torch
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from i2ibench import weights
from i2ibench.errors import BenchError
from i2ibench.metrics import extractors

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
