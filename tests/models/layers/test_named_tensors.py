from __future__ import annotations

import pytest
import torch

from i2ibench.models.layers.named_tensors import check_names, check_shapes, listed, of_run


def test_places_are_looked_at_in_turn() -> None:
    tensors = {name: torch.zeros(()) for name in ("model/one.a", "averages/one.a", "model/two.b", "three.c")}
    assert of_run(tensors, "one", ("averages/", "model/", ""))["a"] is tensors["averages/one.a"]
    assert of_run(tensors, "one", ("model/", "", "averages/"))["a"] is tensors["model/one.a"]
    assert set(of_run(tensors, "two", ("averages/", "model/", ""))) == {"b"}
    assert set(of_run(tensors, "three", ("model/", ""))) == {"c"}
    assert of_run(tensors, "four", ("model/", "")) == {}


def test_lists_six_and_counts_the_others() -> None:
    assert listed("abc") == "a, b, c"
    assert listed(map(str, range(9))) == "0, 1, 2, 3, 4, 5 and 3 more"


def test_tells_what_is_missing_and_left_over() -> None:
    check_names("GAN", [], [])
    with pytest.raises(ValueError, match=r"^a GAN of these settings is expected, and what was found lacks a, b$"):
        check_names("GAN", ["a", "b"], [])
    with pytest.raises(ValueError, match=r"found lacks a and has besides c$"):
        check_names("GAN", ["a"], ["c"])


def test_tells_other_shapes() -> None:
    found = {"a.raw": torch.zeros(2, 3), "b": torch.zeros(()), "c": torch.zeros(1)}
    check_shapes("GAN", found, {"c": torch.ones(1), "d": torch.ones(1)})
    told = r"^the GAN is of other sizes: a.weight is 2x3, not 3x2, b is one number, not 4: choose"
    with pytest.raises(ValueError, match=told):
        check_shapes("GAN", found, {"a.raw": torch.zeros(3, 2), "b": torch.zeros(4), "c": torch.ones(1)}, ".raw")
