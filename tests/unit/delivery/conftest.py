"""A delivering node for each test."""

from __future__ import annotations

import pytest
from tests.unit.delivery.kit import delivering


@pytest.fixture
def node(tmp_path):
    with delivering(tmp_path) as node:
        yield node
