"""The state database of most contract tests: each holds on both engines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Engine
from tests.sqlite import migrated_sqlite

from opengdi.kernel.database import open_engine


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    """Engine of the state database."""
    return str(request.param)


@pytest.fixture
def new_location(request: pytest.FixtureRequest, database: str, tmp_path: Path) -> Callable[[], str]:
    """Makes a new database each time, where all tables are and nothing is in them; where it is."""
    if database == "postgresql":
        new: Callable[[], str] = request.getfixturevalue("migrated_postgres_url")
        return new
    names = (f"state{number or ''}.sqlite" for number in count())
    return lambda: str(migrated_sqlite(tmp_path / next(names)))


@pytest.fixture
def location(new_location: Callable[[], str]) -> str:
    """Where a new database is: all tables are there, and nothing is in them."""
    return new_location()


@pytest.fixture
def new_database(new_location: Callable[[], str]) -> Iterator[Callable[[], Engine]]:
    """Opens a new database each time."""
    engines: list[Engine] = []

    def new() -> Engine:
        engines.append(open_engine(new_location()))
        return engines[-1]

    yield new
    for engine in engines:
        engine.dispose()


@pytest.fixture
def engine(location: str) -> Iterator[Engine]:
    engine = open_engine(location)
    yield engine
    engine.dispose()
