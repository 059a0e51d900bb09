from __future__ import annotations

import pytest

from i2ibench import registry
from i2ibench.adapter import Shape, config_from, config_values
from i2ibench.errors import BenchError

pytestmark = pytest.mark.usefixtures("toy")


def test_overrides_are_read_as_their_fields_types() -> None:
    adapter = registry.adapter("toy-gan")
    config = adapter.configure("small", {"lr": "0.5", "dropout": "false", "kernels": "[5, 7]", "poison_step": "3"})
    assert (config.width, config.lr, config.dropout, config.kernels, config.poison_step) == (4, 0.5, False, (5, 7), 3)
    assert config_from(adapter.config(), config_values(config)) == config


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ({"widht": "3"}, r"no config field 'widht': did you mean 'width'"),
        ({"width": "wide"}, r"config field 'width' takes int, and 'wide' is none"),
        ({"kernels": "5, 7"}, r"'kernels' takes a list, and '5, 7' is none: write 'kernels=\[5, 7\]'"),
        ({"kernels": "five"}, r"'kernels' takes a list, and 'five' is none: write 'kernels=\[\"five\"\]'"),
        ({"kernels": "[five]"}, r"'kernels' takes a list, and '\[five\]' is none: .*[Ii]nvalid"),
        ({"width": "0"}, r"width must be at least 1, not 0"),
    ],
)
def test_bad_overrides_are_told(overrides: dict[str, str], told: str) -> None:
    with pytest.raises(BenchError, match=told):
        registry.adapter("toy-gan").configure("small", overrides)


def test_a_choice_is_told_with_what_it_may_be() -> None:
    with pytest.raises(BenchError, match="config field 'generator' takes spade or pix2pixhd, and 'foo' is none"):
        registry.adapter("spade").configure("small", {"generator": "foo"})


def test_settings_that_a_task_cannot_serve_are_told_with_how_to_turn_them_off() -> None:
    adapter = registry.adapter("spade")
    with pytest.raises(BenchError, match=r"gives no labels, .* another setting \(--set use_labels=false\), or a task"):
        adapter.refuse(registry.task("aerial2map"), adapter.configure("small"))


def test_an_unknown_preset_is_told() -> None:
    with pytest.raises(BenchError, match="did you mean 'small'"):
        registry.adapter("toy-gan").configure("smal")


def test_a_task_that_lacks_a_need_is_refused_in_a_sentence() -> None:
    told = "task 'toy@1' gives no boxes, which toy-boxes needs: .*list tasks --needs boxes"
    adapter = registry.adapter("toy-boxes")
    with pytest.raises(BenchError, match=told):
        adapter.refuse(registry.task("toy"), adapter.configure("small"))


def test_a_shape_has_what_networks_must_know_of_a_task() -> None:
    digits, toy = registry.task("digits"), registry.task("toy")
    assert Shape.of(digits, digits.resolution()).classes == 10
    shape = Shape.of(toy, toy.resolution("16x32"))
    assert (shape.resolution, shape.labels, shape.classes) == (toy.resolutions[1], toy.labels, 0)
