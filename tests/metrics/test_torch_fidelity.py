"""The set distances against torch-fidelity itself, from the same folders and the same weights."""

from __future__ import annotations

import pytest
import torch_fidelity

from i2ibench.metrics.evaluate import evaluate
from i2ibench.metrics.kernel import subset_size

COUNT = 12


@pytest.fixture
def reference(make_split, outputs, write, cache, random_weights, tmp_path):
    """A split, outputs beside it, and what torch-fidelity says of the two folders."""
    import numpy as np

    split = make_split(COUNT)
    darkened = {name: pixels // 3 for name, pixels in outputs(split).items()}
    translated = write(tmp_path / "outputs", darkened)
    real = write(
        tmp_path / "real",
        {row["name"]: np.asarray(row["target"]) for row in split.rows},
    )
    found = torch_fidelity.calculate_metrics(
        input1=str(translated),
        input2=str(real),
        cuda=False,
        fid=True,
        kid=True,
        kid_subset_size=subset_size(COUNT, COUNT),
        feature_extractor_weights_path=str(random_weights["inception"]),
        batch_size=COUNT,
        save_cpu_ram=True,
        verbose=False,
        cache=False,
    )
    return split, translated, found


def test_fid_and_kid_are_torch_fidelitys(reference):
    split, translated, found = reference
    fid, kid = evaluate(translated, split, ["fid", "kid"]).scores
    assert fid.value == pytest.approx(found["frechet_inception_distance"], rel=1e-6)
    assert kid.value == pytest.approx(found["kernel_inception_distance_mean"], rel=1e-6)
    assert (fid.n, kid.n) == (COUNT, COUNT)
    assert fid.standard_error > 0
