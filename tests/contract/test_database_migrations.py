"""The declared tables and the migrated database agree, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine

from opengdi.apps.migrations import FOLDER, declared_tables, migrate
from opengdi.kernel.database import head_of, open_engine, reading, revision_of


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    sqlite = request.param == "sqlite"
    engine = open_engine(tmp_path / "state.sqlite" if sqlite else request.getfixturevalue("postgres_url"))
    yield engine
    engine.dispose()


def test_a_migrated_database_holds_exactly_the_declared_tables(engine: Engine) -> None:
    migrate(engine)
    with reading(engine) as connection:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, declared_tables()) == []


def test_migrating_again_changes_nothing(engine: Engine) -> None:
    migrate(engine)
    migrate(engine)
    assert revision_of(engine) == head_of(FOLDER)


def test_processes_that_start_together_do_not_trip_over_each_other(engine: Engine) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(migrate, [engine] * 4))
    assert revision_of(engine) == head_of(FOLDER)
