"""Invented results, made in a line."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from i2ibench.protocol import Protocol, Score
from i2ibench.record import Cost, Provenance, Result
from i2ibench.task import Resolution

TASK, SIZE = "aerial2map@1", Resolution(64, 64)
LOWER_IS_BETTER = {"fid", "bpd"}
PROVENANCE = Provenance(
    i2ibench="0.1.0",
    commit="1a2b3c4",
    python="3.11.7",
    libraries={"torch": "2.9.0"},
    device="cpu",
    data={"test": "f00d"},
    started="2026-01-01T00:00:00Z",
)


def make_protocol(metric: str, **fields: object) -> Protocol:
    return Protocol.model_validate({"metric": metric, "task": TASK, "resolution": SIZE, "n": 200, **fields})


def make_result(method: str = "pix2pix", seed: int | None = 0, **told: object) -> Result:
    """A result whose scores are the keywords that are no field of `Result`.

    A score's value is a number, its reason to be n/a, or a (value, standard error) pair; `protocol` has fields that
    replace those of every score's protocol.
    """
    fields = {"preset": "small", "budget": "3000 steps", "task": TASK, "resolution": SIZE, "quick": False}
    fields |= {name: told.pop(name) for name in list(told) if name in Result.model_fields}
    differing = told.pop("protocol", {})
    assert isinstance(differing, dict)
    scores = []
    for name, value in told.items():
        higher = name not in LOWER_IS_BETTER
        if isinstance(value, str):
            scores.append(Score.not_available(name, higher, value))
            continue
        number, error = value if isinstance(value, tuple) else (value, None)
        protocol = make_protocol(name, **({"bits": 8} if name == "bpd" else {}), **differing)
        scores.append(
            Score(
                name=name,
                value=number,
                standard_error=error,
                n=protocol.n,
                higher_is_better=higher,
                protocol=protocol,
            )
        )
    return Result.model_validate({"method": method, "seed": seed, "scores": tuple(scores), **fields})


@pytest.fixture(scope="session")
def result() -> Callable[..., Result]:
    return make_result


@pytest.fixture(scope="session")
def real() -> Callable[..., Result]:
    """A row of real pictures, "real" unless told: they have no seed, preset or budget."""
    return lambda method="real", **told: make_result(method, None, preset=None, budget=None, **told)


@pytest.fixture(scope="session")
def small_board(real: Callable[..., Result]) -> list[Result]:
    """Two methods of two seeds between identity and real pictures, with an n/a and a ceiling of fewer pictures."""
    told = {
        "provenance": PROVENANCE,
        "cost": Cost(seconds=40, steps=3000, pictures=12000, peak_memory=2**29, parameters=1_000_000),
    }
    lacking = "pix2pix has no likelihood"
    return [
        make_result("pix2pix", 0, **told, fid=60.0, ssim=(0.50, 0.01), bpd=lacking),
        make_result("pix2pix", 1, **told, fid=62.0, ssim=(0.52, 0.01), bpd=lacking),
        make_result("c_glow", 0, **told, fid=90.0, ssim=(0.40, 0.01), bpd=3.0),
        make_result("c_glow", 1, **told, fid=80.0, ssim=(0.40, 0.01), bpd=3.5),
        make_result("identity", 0, fid=210.0, ssim=(0.7, 0.002), bpd="identity has no likelihood"),
        real(fid=30.0, protocol={"n": 150, "split": "val"}),
        real("real train", fid=25.0, ssim="a score of single pictures"),
    ]
