"""Bringing the state database to a schema, by Alembic: loaded only where there is something to bring."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from opengdi.kernel.database import REVISIONS, metadata
from opengdi.kernel.errors import Unavailable

_MIGRATION_LOCK: Final = 0x6F70656E676469
"""Key of the PostgreSQL advisory lock that lets one process migrate at a time ("opengdi" in ASCII)."""


def upgrade(engine: Engine, migrations: Path) -> None:
    """Bring the database to the newest revision in the folder, all steps in one transaction.

    Processes that start together do it one after the other; the later ones find nothing left to do.
    Raises Unavailable if another process holds the database longer than it should.
    """
    script = ScriptDirectory(str(migrations), version_locations=[str(migrations / "versions")])

    def steps(revision: tuple[str, ...], _: MigrationContext) -> Any:
        return script._upgrade_revs("head", revision)  # type: ignore[arg-type]  # noqa: SLF001  # as alembic.command

    options = {
        "fn": steps,
        "script": script,
        "target_metadata": metadata,
        "transactional_ddl": True,
        "version_table": REVISIONS,
    }
    with _alone(engine) as connection:
        context = MigrationContext.configure(connection, opts=options)
        with Operations.context(context):
            context.run_migrations()


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """A transaction that no other process migrates beside; on SQLite every writing transaction is one."""
    try:
        with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            yield connection
    except OperationalError as error:
        raise Unavailable(f"the database could not be migrated: {error.orig}") from error
