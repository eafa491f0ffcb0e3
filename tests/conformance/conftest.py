"""The official schemas for every conformance test."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.conformance.official_schemas import OfficialSchemas


@pytest.fixture(scope="session")
def schemas(shared: Path) -> OfficialSchemas:
    return OfficialSchemas(shared)
