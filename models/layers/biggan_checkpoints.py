"""Weights of a trained BigGAN into networks of ours: of a run of the method biggan, or as BigGAN-PyTorch saves them.

A run's checkpoint holds both networks, and the average of the generator's weights, which is taken where there is one.
BigGAN-PyTorch saves them apart (`G_ema.pth`, `D.pth`) and under other names:

| ours | theirs |
| --- | --- |
| `shared`, `linear` | the same |
| `blocks.N.norm1`, `norm2` | `blocks.N.0.bn1`, `bn2` |
| `blocks.N.norm1.norm.running_mean`, `_var` | `blocks.N.0.bn1.stored_mean`, `_var` |
| `blocks.N.convolution1`, `convolution2`, `shortcut` | `blocks.N.0.conv1`, `conv2`, `conv_sc` |
| `attentions.N` | `blocks.N.1` |
| `output_norm.weight`, `bias`, `running_mean`, `_var` | `output_layer.0.gain`, `bias`, `stored_mean`, `_var` |
| `output` | `output_layer.2` |
| `trunk.blocks`, `trunk.attentions` | as above, without `trunk` |
| `embedding` | `embed` |
| a normalised weight's `original`, `_u` | `weight`, `u0`; its singular value `sv0` is computed anew |
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from i2ibench.models.layers.biggan_discriminator import BigGANDiscriminator
from i2ibench.models.layers.biggan_generator import BigGANGenerator
from i2ibench.models.layers.named_tensors import check_names, check_shapes, of_run
from i2ibench.models.layers.orthogonal import EPS

_PUBLISHED = (
    (r"^trunk\.", ""),
    (r"^attentions\.(\d+)\.", r"blocks.\1.1."),
    (r"^blocks\.(\d+)\.norm(\d)\.norm\.running_", r"blocks.\1.0.bn\2.stored_"),
    (r"^blocks\.(\d+)\.norm(\d)\.", r"blocks.\1.0.bn\2."),
    (r"^blocks\.(\d+)\.convolution(\d)\.", r"blocks.\1.0.conv\2."),
    (r"^blocks\.(\d+)\.shortcut\.", r"blocks.\1.0.conv_sc."),
    (r"^output_norm\.weight", "output_layer.0.gain"),
    (r"^output_norm\.running_", "output_layer.0.stored_"),
    (r"^output_norm\.", "output_layer.0."),
    (r"^output\.", "output_layer.2."),
    (r"^embedding\.", "embed."),
    (r"\.parametrizations\.weight\.original$", ".weight"),
    (r"\.parametrizations\.weight\.0\._u$", ".u0"),
)
_ORIGINAL, _U, _V = (f".parametrizations.weight.{name}" for name in ("original", "0._u", "0._v"))
_COUNTER = "num_batches_tracked"
_ITERATIONS = 15
"""Power iterations for the singular vectors of a class table of which only some rows are taken."""


def load_generator(generator: BigGANGenerator, tensors: Mapping[str, Tensor], rows: Sequence[int] = ()) -> None:
    """Take over a trained generator; class i from its class `rows[i]`, or from i where no rows are given.

    Raises `ValueError` that lists what is missing, left over or of another shape.
    """
    _load(generator, "generator", tensors, "shared", rows)


def load_discriminator(
    discriminator: BigGANDiscriminator, tensors: Mapping[str, Tensor], rows: Sequence[int] = ()
) -> None:
    """Take over a trained discriminator, as `load_generator`."""
    _load(discriminator, "discriminator", tensors, "embedding", rows)


def published_name(name: str) -> str:
    """BigGAN-PyTorch's name of a tensor of our generator or discriminator."""
    for ours, theirs in _PUBLISHED:
        name = re.sub(ours, theirs, name)
    return name


def _load(network: nn.Module, kind: str, tensors: Mapping[str, Tensor], table: str, rows: Sequence[int]) -> None:
    state = network.state_dict()
    table = next(name for name in (f"{table}.weight", table + _ORIGINAL) if name in state)
    found = of_run(tensors, kind, ("averages/", "model/", "")) or _of_publication(tensors, state)
    wanted = set(state) - {name for name in state if name.endswith(_COUNTER) and name not in found}
    missing, left_over = [name for name in state if name in wanted - set(found)], sorted(set(found) - set(state))
    check_names(f"BigGAN {kind}", _shown(missing), _shown(left_over))
    found = _with_rows(found, table, list(rows) or list(range(len(state[table]))))
    told = [name for name in state if not name.endswith((_U, _V))]
    check_shapes(f"BigGAN {kind}", found, {name: state[name] for name in told}, _ORIGINAL)
    network.load_state_dict({**{name: state[name] for name in state if name not in found}, **found})


def _of_publication(tensors: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The network's tensors under our names, those that have none under theirs; with right singular vectors."""
    ours = {published_name(name): name for name in state}
    found = {ours.get(name, name): value for name, value in tensors.items() if not name.endswith(".sv0")}
    for name in [name for name in found if name.endswith(_U)]:
        layer = name.removesuffix(_U)
        if layer + _ORIGINAL in found:
            # theirs iterate before each use and ours, in evaluation, do not: so these are theirs after an iteration
            found[name], found[layer + _V] = _iterated(found[layer + _ORIGINAL], found[name].flatten(), 1)
    return found


def _with_rows(found: Mapping[str, Tensor], name: str, rows: list[int]) -> dict[str, Tensor]:
    """The tensors with those rows of the class table `name` alone."""
    has = len(found[name])
    if max(rows) >= has:
        raise ValueError(
            f"the GAN has {has} classes, and its class {max(rows)} is asked for: name others by rows, or train one of "
            f"at least {max(rows) + 1} classes"
        )
    if rows == list(range(has)):
        return dict(found)
    changed = {name: found[name][rows]}
    if name.endswith(_ORIGINAL):
        layer = name.removesuffix(_ORIGINAL)
        vectors = _iterated(changed[name], found[layer + _U][rows], _ITERATIONS)
        changed[layer + _U], changed[layer + _V] = vectors
    return {**found, **changed}


def _iterated(weight: Tensor, u: Tensor, iterations: int) -> tuple[Tensor, Tensor]:
    """The singular vectors u and v of a weight after power iterations that start from u."""
    matrix = weight.flatten(1)
    for _ in range(iterations):
        v = F.normalize(matrix.T @ u, dim=0, eps=EPS)
        u = F.normalize(matrix @ v, dim=0, eps=EPS)
    return u, v


def _shown(names: Sequence[str]) -> list[str]:
    """These tensors' names as they are told, singular vectors left out where there are others."""
    others = [name for name in names if not name.endswith((_U, _V))] or names
    return [name.replace(_ORIGINAL, ".weight") for name in others]
