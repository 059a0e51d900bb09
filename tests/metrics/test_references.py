"""The table of references in `docs/metrics.md` says what is so: `python benchmarks/references.py` writes it again."""

from __future__ import annotations

from fnmatch import fnmatchcase

import documented
import pytest
import references
from references import WITHIN, Row

from i2ibench import registry


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return references.rows()


def test_differences_are_rounding_or_explained(rows: list[Row]) -> None:
    for row in rows:
        assert row.difference <= WITHIN or row.why, row
        assert row.difference <= references.SINGLE_FLOOR or not row.counts, row


def test_the_table_has_these_rows_and_no_difference_is_larger_than_it_says(rows: list[Row]) -> None:
    written = documented.read("references")
    told = [(metrics, reference, pictures, why) for metrics, reference, pictures, _, why in written]
    assert told == [(row.metrics, row.reference, str(row.pictures), row.why) for row in rows]
    for row, (_, _, _, bound, _) in zip(rows, written, strict=True):
        assert row.difference <= (references.SINGLE_FLOOR if bound == "equal" else float(bound)), row
        assert bound == "equal" or row.why or float(bound) <= WITHIN, row


def test_every_metric_is_compared_at_least_on_one_extractor() -> None:
    named = [name for cells in documented.read("references") for name in cells[0].split("`")[1::2]]
    further = [name for name in registry.extractors() if name not in ("inception-v3-compat", "efficientnet_lite0")]
    for name in registry.metrics():
        if any(name.endswith(extractor) for extractor in further):
            continue  # the arithmetic of the family on other features
        for column in registry.metric(name).columns:
            assert any(fnmatchcase(column, pattern) for pattern in named), f"{column} has no reference"
