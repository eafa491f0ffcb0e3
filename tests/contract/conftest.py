"""The state database of most contract tests: each holds on both engines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from tests.sqlite import migrated_sqlite

from opengdi.kernel.database import open_engine


@pytest.fixture(params=["sqlite", "postgresql"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a new database is: all tables are there, and nothing is in them."""
    if request.param == "sqlite":
        return str(migrated_sqlite(tmp_path / "state.sqlite"))
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def engine(location: str) -> Iterator[Engine]:
    engine = open_engine(location)
    yield engine
    engine.dispose()
