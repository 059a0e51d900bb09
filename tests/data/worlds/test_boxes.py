from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from i2ibench.data.worlds.boxes import LEAST, boxes

KINDS = (0, 7, 10, 11000, 11001, 13000, 13002, 18004)


def brute_force(instances: np.ndarray) -> list[tuple[float, ...]]:
    seen: dict[int, list[tuple[int, int]]] = {}
    for row, line in enumerate(instances.tolist()):
        for column, identity in enumerate(line):
            seen.setdefault(identity, []).append((column, row))
    found = []
    for identity in sorted(seen):
        columns, rows = zip(*seen[identity], strict=True)
        if identity >= 1000 and len(columns) * 1024 >= instances.size:
            found.append((min(columns), min(rows), max(columns) + 1, max(rows) + 1, identity // 1000))
    return found


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 90))
def test_boxes_are_those_of_brute_force(seed: int, height: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    instances = np.zeros((height, width), np.uint16)
    for kind in rng.permutation(KINDS):
        top, left = rng.integers(0, height), rng.integers(0, width)
        shape = rng.random((height, width)) < 0.8
        instances[top : top + 9, left : left + 9][shape[top : top + 9, left : left + 9]] = kind
    found = boxes(instances)
    assert found.dtype == np.float32 and found.shape[1:] == (5,)
    assert [tuple(box) for box in found.tolist()] == brute_force(instances)


def test_a_picture_of_no_objects_has_no_boxes() -> None:
    assert boxes(np.full((64, 128), 10, np.uint16)).shape == (0, 5)


@pytest.mark.parametrize(("pixels", "count"), [(7, 0), (8, 1)])
def test_slivers_have_no_box(pixels: int, count: int) -> None:
    instances = np.zeros((64, 128), np.uint16)
    instances[5, 3 : 3 + pixels] = 13001
    assert len(boxes(instances)) == count == int(pixels >= LEAST * instances.size)
