"""Marks lie close in these tests, so that small releases have many and counting by them is worth it."""

from __future__ import annotations

import pytest

from opengdi.discovery.variants import counting, statistics


@pytest.fixture(autouse=True, scope="module")
def _close_marks():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statistics, "MARK_ROWS", 4)
        patch.setattr(counting, "MARK_ROWS", 0)
        patch.setattr(counting, "WORTH_COUNTING", 1)
        yield
