"""Weights of a trained StyleGAN into networks of ours: of a run of the method stylegan, or as Rosinality's code saves
them.

Of either the last weights are taken, not their average, as DeepI2I does. Rosinality's file holds both networks, names
beginning with `generator.` and `discriminator.`, or is the state of one alone (`g_running`'s, of a generator). They
grow: levels beyond our pictures' size, and the colours of the other levels, are left. Level N has the side 4 x 2^N, and
the last N is M:

| ours | theirs |
| --- | --- |
| `mapping.layers.N` | `style.(2N + 1).linear` |
| `blocks.0.source.constant` | `generator.progression.0.conv1.input` |
| `blocks.N.source.0` | `generator.progression.N.conv1.1.conv`; from 128 on `.conv1.0`, inputs first, mirrored |
| `blocks.N.styledK.noise`, `style` | `generator.progression.N.noiseK.weight_orig`, `.adainK.style.linear` |
| `blocks.N.conv` | `generator.progression.N.conv2.conv` |
| `to_rgb` | `generator.to_rgb.M.conv` |
| `trunk.from_rgb` | `from_rgb.(8 - M).0.conv` |
| `trunk.blocks.N.conv1` | `progression.(8 - M + N).conv1.0.conv` |
| `trunk.blocks.N.conv2` | `progression.(8 - M + N).conv2.1.conv`; from 128 on `.conv2.1` |
| `conv1`, `conv2` | `progression.8.conv1.0.conv`, `.conv2.0.conv` |
| `linear` | `linear.linear` |
| `weight` | `weight_orig`, but of their layers from 128 on |
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor, nn

from i2ibench.models.layers.named_tensors import check_names, check_shapes, of_run
from i2ibench.models.layers.stylegan_discriminator import StyleGANDiscriminator
from i2ibench.models.layers.stylegan_generator import StyleGANGenerator

_LAST = 8
"""Theirs go to 1024: the number of the generator's last level, and of the discriminator's smallest."""
_FUSED = 5
"""The first level, of side 128, whose resizing convolutions are layers of their own there."""
_PLACES = ("model/", "", "averages/")


def load_generator(generator: StyleGANGenerator, tensors: Mapping[str, Tensor]) -> None:
    """Take over a trained generator.

    Raises `ValueError` that lists what is missing, left over or of another shape.
    """
    top = len(generator.blocks) - 1
    theirs = _published(tensors, "generator")
    if theirs is None:
        found = of_run(tensors, "generator", _PLACES)
    else:
        left = rf"^generator\.(progression\.({_numbers(top + 1, _LAST)})|to_rgb\.(?!{top}\.)\d+)\.|{_FILTERS}"
        found = _renamed(theirs, {_generator_name(name, top): name for name in generator.state_dict()}, left)
        for level in range(_FUSED, top + 1):
            name = f"blocks.{level}.source.0.weight"
            if name in found:  # as a transposed convolution's there
                found[name] = found[name].transpose(0, 1).flip(2, 3)
    _load(generator, "generator", found)


def load_discriminator(discriminator: StyleGANDiscriminator, tensors: Mapping[str, Tensor]) -> None:
    """Take over a trained discriminator, as `load_generator`."""
    top = len(discriminator.trunk.blocks)
    theirs = _published(tensors, "discriminator")
    if theirs is None:
        found = of_run(tensors, "discriminator", _PLACES)
    else:
        first = _LAST - top
        left = rf"^(progression\.({_numbers(0, first - 1)})|from_rgb\.(?!{first}\.)\d+)\.|{_FILTERS}"
        names = {_discriminator_name(name, top): name for name in discriminator.state_dict()}
        found = _renamed(theirs, names, left)
    _load(discriminator, "discriminator", found)


_FILTERS = r"\.conv[12]\.[012]\.(weight_flip|weight)$"
"""Of blurs, which are constants; what is read is not left, whatever its name."""


def _generator_name(name: str, top: int) -> str:
    """Rosinality's name of a tensor of our generator of so many levels above the first."""
    head, _, kind = name.rpartition(".")
    last = {"weight": "weight_orig", "noise": "weight_orig", "constant": "input"}.get(kind, kind)
    if layer := re.fullmatch(r"mapping\.layers\.(\d+)", head):
        return f"style.{2 * int(layer[1]) + 1}.linear.{last}"
    if head == "to_rgb":
        return f"generator.to_rgb.{top}.conv.{last}"
    _, level, part = head.split(".", 2)
    block = f"generator.progression.{level}"
    if part == "source":
        return f"{block}.conv1.{last}"
    if part == "source.0":
        return f"{block}.conv1.0.{kind}" if int(level) >= _FUSED else f"{block}.conv1.1.conv.{last}"
    if part == "conv":
        return f"{block}.conv2.conv.{last}"
    number = part.removeprefix("styled")[0]
    return f"{block}.noise{number}.{last}" if kind == "noise" else f"{block}.adain{number}.style.linear.{last}"


def _discriminator_name(name: str, top: int) -> str:
    """Rosinality's name of a tensor of our discriminator of so many halvings."""
    head, _, kind = name.rpartition(".")
    last = {"weight": "weight_orig"}.get(kind, kind)
    if head == "trunk.from_rgb":
        return f"from_rgb.{_LAST - top}.0.conv.{last}"
    if block := re.fullmatch(r"trunk\.blocks\.(\d+)\.conv([12])", head):
        level = top - int(block[1])
        place = f"progression.{_LAST - level}.conv{block[2]}"
        if block[2] == "1":
            return f"{place}.0.conv.{last}"
        return f"{place}.1.{kind}" if level >= _FUSED else f"{place}.1.conv.{last}"
    return f"linear.linear.{last}" if head == "linear" else f"progression.{_LAST}.{head}.0.conv.{last}"


def _published(tensors: Mapping[str, Tensor], network: str) -> dict[str, Tensor] | None:
    """The network's tensors in a file of Rosinality's; None where it is none of theirs."""
    named = {re.sub(r"(^|\.)module\.", r"\1", name): value for name, value in tensors.items()}  # of parallel trainings
    mark = "generator.progression." if network == "generator" else "progression."
    for place in (f"{network}.", ""):
        if any(name.startswith(place + mark) for name in named):
            return {name[len(place) :]: value for name, value in named.items() if name.startswith(place)}
    return None


def _renamed(theirs: Mapping[str, Tensor], ours: Mapping[str, str], left: str) -> dict[str, Tensor]:
    """Their tensors under our names, without those whose names match `left` and are not read."""
    return {ours.get(name, name): value for name, value in theirs.items() if name in ours or not re.search(left, name)}


def _numbers(first: int, last: int) -> str:
    """What matches one of these numbers, or nothing where there are none."""
    return "|".join(map(str, range(first, last + 1))) or "(?!)"


def _load(network: nn.Module, kind: str, found: Mapping[str, Tensor]) -> None:
    state, what = network.state_dict(), f"StyleGAN {kind}"
    check_names(what, [name for name in state if name not in found], sorted(set(found) - set(state)))
    check_shapes(what, found, state)
    network.load_state_dict(found)
