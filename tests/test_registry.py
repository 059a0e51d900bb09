from __future__ import annotations

import pytest

from i2ibench import registry
from i2ibench.errors import BenchError


@pytest.mark.parametrize("name", registry.methods())
def test_every_method_loads_under_its_own_name(name: str) -> None:
    assert registry.adapter(name).card.name == name


@pytest.mark.parametrize("name", sorted(registry._TASKS))
def test_every_task_loads_under_its_own_name(name: str) -> None:
    assert registry.task(name).name == name
    assert all(metric in registry.metrics() for metric in registry.task(name).metrics)


@pytest.mark.parametrize("name", registry.metrics())
def test_every_metric_loads_under_its_own_name(name: str) -> None:
    assert registry.metric(name).name == name


@pytest.mark.parametrize(
    ("load", "name", "told"),
    [
        (registry.adapter, "pix2pxi", "there is no method 'pix2pxi': did you mean 'pix2pix'"),
        (registry.task, "areial2map", "did you mean 'aerial2map'"),
        (registry.metric, "lipps", "did you mean 'lpips'"),
        (registry.task, "aerial2map@7", "is at version 1, not 7: name 'aerial2map@1'"),
        (registry.layout, "zzzzz", "known: .*camvid"),
        (registry.adapter, "zzzzz", "known: bicyclegan, .*vid2vid"),
    ],
)
def test_unknown_names_get_the_nearest(load, name: str, told: str) -> None:
    with pytest.raises(BenchError, match=told):
        load(name)
