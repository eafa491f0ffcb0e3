"""The page of figures says what was kept, and what falls short."""

from __future__ import annotations

import json

from bench.__main__ import RESULTS
from bench.bars import BARS, PAGE, page

FIGURE = {
    "name": "beacon.point",
    "value": 2_000.0,
    "unit": "requests/s",
    "peer": None,
    "peer_value": None,
    "ratio": None,
}


def test_the_page_is_that_of_the_figures_that_were_kept() -> None:
    figures = json.loads(RESULTS.read_text())
    assert PAGE.read_text() == page(figures)
    assert set(BARS) <= {each["name"] for each in figures}


def test_what_falls_short_is_said_first() -> None:
    assert "Short of the bar: `beacon.point`" in page([FIGURE])
    assert "All bars are met" in page([FIGURE | {"value": 3_000.0}])
    ratio = FIGURE | {
        "name": "beacon.point.20_datasets",
        "peer": "1 dataset",
        "peer_value": 4_000.0,
        "ratio": 0.4,
    }
    assert "Short of the bar" in page([ratio])
    most = FIGURE | {"name": "network.27", "value": 0.3, "unit": "seconds"}
    assert "≤ 0.2 **short**" in page([most])
