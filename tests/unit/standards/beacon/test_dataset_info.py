"""What a node says about a dataset reaches the hub unchanged."""

from __future__ import annotations

import pytest

from opengdi.standards.beacon.dataset_info import DatasetInfo
from opengdi.standards.faults import Malformed


def test_what_is_told_is_read_back() -> None:
    told = DatasetInfo("2", "sha256:ab", "GRCh38", 1000, 10, 20, 5, 0.46, 3.0)
    assert DatasetInfo.parse(told.as_document()) == told


@pytest.mark.parametrize(
    "info", [None, "free text", {}, {"version": 3, "digest": None, "individuals": "many"}]
)
def test_a_foreign_info_tells_nothing(info: object) -> None:
    assert DatasetInfo.parse(info) == DatasetInfo()


@pytest.mark.parametrize("floor", ["10", None, -1, True, float("nan")])
def test_a_floor_that_cannot_be_read_is_refused(floor: object) -> None:
    with pytest.raises(Malformed, match="kAlleles"):
        DatasetInfo.parse({"disclosure": {"kAlleles": floor}})
