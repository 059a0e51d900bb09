"""Fill networks by rule and digest what they answer: how numeric parity with the published networks is checked.

A parameter's values depend on its shape alone, so names and order of parameters do not matter. The expected digests in
the tests were taken from the published networks filled by the same rules.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn


def sequence(n: int) -> Tensor:
    """float64 `[n]` in [-1, 1): v[i] = ((31 i^2 + 17 i + 7) mod 65521) / 65521 * 2 - 1."""
    i = torch.arange(n, dtype=torch.int64)
    return torch.remainder(31 * i * i + 17 * i + 7, 65521).double() / 65521 * 2 - 1


def fill_by_sequence(module: nn.Module) -> None:
    """Rule `seq`: v[0..k-1] * s in float32; s is 0.2 for vectors in any disguise, else sqrt(3 shape[0] / k)."""
    for parameter in module.parameters():
        if parameter.dim() == 0:
            continue
        k = parameter.numel()
        scale = 0.2 if k == max(parameter.shape) else math.sqrt(3 * parameter.shape[0] / k)
        parameter.data = (sequence(k) * scale).float().reshape(parameter.shape)


def input_by_sequence(*shape: int) -> Tensor:
    """float64: the values after v[0..999]."""
    return sequence(math.prod(shape) + 1000)[1000:].reshape(shape)


def fill_by_cosine(module: nn.Module) -> None:
    """Rule `cos`: gains 1 + 0.1 cos i, shifts 0.01 cos i, others cos(phase of the indices) / sqrt(fan in)."""
    for name, parameter in module.named_parameters():
        if parameter.dim() == 1:
            wave = torch.cos(torch.arange(len(parameter), dtype=torch.float64))
            values = 1 + 0.1 * wave if name.endswith("weight") else 0.01 * wave
        else:
            values = torch.cos(0.3 + _phase(parameter.shape, (0.7, 1.3, 2.1, 3.7))) / math.sqrt(parameter[0].numel())
        parameter.data = values.float()


def input_by_cosine(*shape: int, phase: float = 0.0) -> Tensor:
    """float32 `[b, c, h, w]`: cos(0.1 h (c + 1) + 0.17 w + b + c + phase)."""
    b, c, h, w = torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in shape), indexing="ij")
    return torch.cos(0.1 * h * (c + 1) + 0.17 * w + b + c + phase).float()


def _phase(shape: torch.Size, weights: tuple[float, ...]) -> Tensor:
    index = torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in shape), indexing="ij")
    return torch.stack([weight * axis for weight, axis in zip(weights, index, strict=False)]).sum(0)


@dataclass(frozen=True)
class Digest:
    """What is compared: moments within 1e-4 (relative, absolute near zero), single values within 1e-3."""

    numel: int
    mean: float
    absmean: float
    std: float
    values: tuple[float, ...]

    @classmethod
    def by_sequence(cls, out: Tensor) -> Digest:
        """Population deviation; three first values and three from the middle on."""
        flat = out.detach().double().flatten()
        middle = len(flat) // 2
        values = [*flat[:3].tolist(), *flat[middle : middle + 3].tolist()]
        return cls(len(flat), *_moments(flat, unbiased=False), tuple(values))

    @classmethod
    def by_cosine(cls, out: Tensor) -> Digest:
        """Sample deviation; first, middle and last value."""
        flat = out.detach().double().flatten()
        return cls(len(flat), *_moments(flat, unbiased=True), tuple(flat[[0, len(flat) // 2, -1]].tolist()))

    def assert_close(self, expected: Digest) -> None:
        """Fail naming both digests where they differ by more than the tolerances."""
        moments = (self.mean, self.absmean, self.std), (expected.mean, expected.absmean, expected.std)
        close = (
            self.numel == expected.numel
            and all(math.isclose(a, b, rel_tol=1e-4, abs_tol=1e-4) for a, b in zip(*moments, strict=True))
            and all(abs(a - b) <= 1e-3 for a, b in zip(self.values, expected.values, strict=True))
        )
        assert close, f"\nfound    {self}\nexpected {expected}"


def _moments(flat: Tensor, unbiased: bool) -> tuple[float, float, float]:
    return flat.mean().item(), flat.abs().mean().item(), flat.std(unbiased=unbiased).item()
