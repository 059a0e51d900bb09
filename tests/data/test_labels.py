from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from i2ibench.data.labels import painted, unpainted
from i2ibench.errors import BenchError
from i2ibench.task import IGNORE, LabelTable

TABLE = LabelTable(name="test", names=("sky", "road", "car"), palette=((0, 0, 255), (128, 64, 128), (1, 0, 142)))


@given(
    arrays.arrays(np.uint8, st.tuples(st.integers(1, 5), st.integers(1, 5)), elements=st.sampled_from([0, 1, 2, 255]))
)
def test_what_is_painted_is_read_back(labels: np.ndarray) -> None:
    np.testing.assert_array_equal(unpainted(painted(labels, TABLE.palette), TABLE, "a"), labels)


def test_black_may_be_a_class_and_the_first_of_equal_colours_counts() -> None:
    table = TABLE.model_copy(update={"palette": ((0, 0, 0), (9, 9, 9), (9, 9, 9))})
    picture = np.array([[[0, 0, 0], [9, 9, 9]]], np.uint8)
    assert unpainted(picture, table, "a").tolist() == [[0, 1]]
    assert unpainted(picture[:, :1], TABLE, "a").tolist() == [[IGNORE]]


def test_another_colour_is_named_with_its_place() -> None:
    picture = painted(np.zeros((4, 5), np.uint8), TABLE.palette)
    picture[2, 3] = (0, 0, 250)
    told = r"'mine.png' has \(0, 0, 250\) in row 2, column 3, the colour of no class of the table 'test': paint"
    with pytest.raises(BenchError, match=told):
        unpainted(picture, TABLE, "mine.png")
