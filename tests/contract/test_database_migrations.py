"""The declared tables and the migrated database agree, on SQLite and on PostgreSQL."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

from opengdi.apps.migrations import FOLDER, declared_tables, migrate, newest_revision
from opengdi.kernel.database import open_engine, reading, revision_of
from opengdi.kernel.disclosure.ledger import BudgetAccount
from opengdi.kernel.disclosure.policy import DisclosurePolicy
from opengdi.kernel.disclosure.sql_ledger import SqlBudgetLedger
from opengdi.kernel.principal import Principal, Tier

SCRIPT = ScriptDirectory(str(FOLDER), version_locations=[str(FOLDER / "versions")])
_A_FILE = (
    "INSERT INTO archive_files (id, upload, provider, path, version, state, place, size_bytes, declared, dataset, "
    "reason, attempt, trouble, created_at, changed_at, format, index_kind, finding, unkept) VALUES "
    "(:file, :file, 'lab', :file, 1, 'uploaded', :file, 1, '{}', '', '', 1, '', :now, :now, '', '', '', 0)"
)


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    sqlite = request.param == "sqlite"
    engine = open_engine(
        tmp_path / "state.sqlite" if sqlite else request.getfixturevalue("empty_postgres_url")
    )
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
    assert revision_of(engine) == SCRIPT.get_current_head() == newest_revision()


def test_a_database_that_needs_nothing_is_opened_without_the_tool_for_migrations(tmp_path: Path) -> None:
    where = tmp_path / "state.sqlite"
    migrate(open_engine(where))
    opens = (
        "import sys; from opengdi.apps.migrations import migrate; from opengdi.kernel.database import open_engine; "
        "migrate(open_engine(sys.argv[1])); sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", opens, str(where)], check=False).returncode == 0


def test_processes_that_start_together_do_not_trip_over_each_other(engine: Engine) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(migrate, [engine] * 4))
    assert revision_of(engine) == SCRIPT.get_current_head() == newest_revision()


async def test_budgets_booked_by_an_older_version_stay_booked(engine: Engine) -> None:
    move(engine, "0003")
    with engine.begin() as connection:
        for line, (dataset, version, individuals, units) in enumerate(
            [("A", "1", 100, [1, 2]), ("B", "1", 100, [-1]), ("A", "2", 200, [3])]
        ):
            connection.execute(
                text("INSERT INTO budget_journal VALUES (1, :line, 'token:tartu', :d, :v, :n, :units)"),
                {"line": line, "d": dataset, "v": version, "n": individuals, "units": blob(units)},
            )
        connection.execute(text("UPDATE budget_turn SET turn = 1"))
    migrate(engine)
    assert await spent(engine) == {"A": [1, 2], "B": [-1]}
    move(engine, "0003")
    migrate(engine)
    assert await spent(engine) == {"A": [1, 2], "B": [-1]}, "there and back"


def test_files_mapped_by_an_older_version_belong_to_the_release_that_people_see(engine: Engine) -> None:
    move(engine, "0017")
    now = datetime(2026, 11, 1, tzinfo=UTC)
    with engine.begin() as connection:
        for file in ("GDIF-EE-1", "GDIF-EE-2", "GDIF-EE-3"):
            connection.execute(text(_A_FILE), {"file": file, "now": now})
        for dataset, file in (("SEEN", "GDIF-EE-1"), ("LOADED", "GDIF-EE-2"), ("FILES", "GDIF-EE-3")):
            row = {"d": dataset, "f": file, "now": now}
            connection.execute(text("INSERT INTO archive_datasets VALUES (:d, 'released', :now)"), row)
            connection.execute(text("INSERT INTO archive_dataset_files VALUES (:d, :f)"), row)
        for dataset, version, state in (
            ("SEEN", "1", "replaced"), ("SEEN", "2", "published"), ("SEEN", "3", "loaded"),
            ("LOADED", "1", "loaded"), ("LOADED", "2", "withdrawn"),
        ):  # fmt: skip
            connection.execute(
                text(
                    "INSERT INTO dataset_releases (dataset, version, state, manifest, added_at, changed_at) "
                    "VALUES (:d, :v, :s, '{}', :now, :now)"
                ),
                {"d": dataset, "v": version, "s": state, "now": now},
            )
    for _ in range(2):
        migrate(engine)
        with reading(engine) as connection:
            rows = connection.execute(text("SELECT dataset, version, file FROM archive_release_files"))
            assert sorted(map(tuple, rows)) == [
                ("FILES", "", "GDIF-EE-3"),
                ("LOADED", "1", "GDIF-EE-2"),
                ("SEEN", "2", "GDIF-EE-1"),
            ]
        move(engine, "0017")


async def spent(engine: Engine) -> dict[str, list[int]]:
    """Units that are told although no budget is left, by dataset."""
    ledger, policy = SqlBudgetLedger(engine), DisclosurePolicy(af_budget_factor=0)
    asker, told = Principal("token:tartu", Tier.REGISTERED), {}
    for dataset in ("A", "B"):
        account = BudgetAccount(dataset, "1", 100, policy)
        verdicts = await ledger.charge(asker, [(account, [unit]) for unit in range(-2, 5)])
        told[dataset] = [unit for unit, verdict in zip(range(-2, 5), verdicts, strict=True) if verdict]
    ledger.close()
    return told


def blob(units: list[int]) -> bytes:
    return b"".join(unit.to_bytes(8, "little", signed=True) for unit in units)


def move(engine: Engine, target: str) -> None:
    """Bring the database up or down to a revision."""

    def steps(revision: tuple[str, ...], _: MigrationContext) -> object:
        way = SCRIPT._upgrade_revs if not revision else SCRIPT._downgrade_revs  # as alembic.command
        return way(target, revision or "base")  # type: ignore[arg-type]

    with engine.begin() as connection:
        context = MigrationContext.configure(connection, opts={"fn": steps, "script": SCRIPT})
        with Operations.context(context):
            context.run_migrations()
