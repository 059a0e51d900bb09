from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from i2ibench.data.pictures import read_ids
from i2ibench.errors import BenchError
from i2ibench.task import Resolution


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_ids_of_8_and_16_bits_are_read_as_they_are(kind: type, tmp_path: Path) -> None:
    ids = np.arange(12).reshape(3, 4).astype(kind) * (20 if kind is np.uint8 else 5000)
    Image.fromarray(ids).save(tmp_path / "ids.png")
    found = read_ids(tmp_path / "ids.png", Resolution(3, 4))
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, ids)


def test_what_is_no_map_of_ids_is_told(tmp_path: Path) -> None:
    file, size = tmp_path / "ids.png", Resolution(3, 4)
    with pytest.raises(BenchError, match=r"no ids '.*ids.png': every picture needs a file of its name"):
        read_ids(file, size)
    file.write_bytes(b"none")
    with pytest.raises(BenchError, match="cannot be read as a picture of ids"):
        read_ids(file, size)
    for array in (np.zeros((3, 4, 3), np.uint8), np.zeros((4, 4), np.uint8)):
        Image.fromarray(array).save(file)
        with pytest.raises(BenchError, match=r"one channel of 3x4 \(height x width\), and are an array of"):
            read_ids(file, size)
