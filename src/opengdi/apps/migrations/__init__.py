"""The one linear chain of schema migrations, run by Alembic on SQLite and PostgreSQL alike.

A table is declared on `kernel.database.metadata` beside the store that uses it, its module is named in `TABLES`,
and a file in `versions/` builds it: `rNNNN_what.py` with `revision = "NNNN"` and `down_revision` the one before.
`tests/contract/test_database_migrations.py` holds the declared tables and the migrated database equal.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, MetaData

from opengdi.kernel.database import metadata, revision_of

FOLDER: Final = Path(__file__).parent

TABLES: Final = (
    "opengdi.access.organisations.store",
    "opengdi.access.rems.things",
    "opengdi.kernel.audit.details",
    "opengdi.discovery.releases",
    "opengdi.kernel.disclosure.guard",
    "opengdi.kernel.disclosure.sql_ledger",
    "opengdi.delivery.download.pins",
    "opengdi.delivery.download.recipients",
    "opengdi.kernel.outbox",
    "opengdi.archive.tables",
    "opengdi.archive.uploads.tables",
    "opengdi.kernel.erasure",
    "opengdi.kernel.feed",
    "opengdi.kernel.reception",
    "opengdi.access.ledger",
    "opengdi.access.forms.library",
    "opengdi.access.applications.deletions",
    "opengdi.access.applications.offering",
    "opengdi.identity.duties.store",
    "opengdi.identity.machines.store",
    "opengdi.access.permits.store",
    "opengdi.access.permits.entitlements.store",
    "opengdi.identity.issuer.store",
    "opengdi.identity.login.tables",
    "opengdi.access.texts",
    "opengdi.access.cases.belonging",
    "opengdi.access.cases.store",
    "opengdi.access.notices.store",
    "opengdi.identity.broker.store",
    "opengdi.identity.broker.used_assertions",
    "opengdi.identity.revocations.service",
)
"""Modules that declare tables; importing them fills `metadata`."""


def migrate(engine: Engine) -> None:
    """Bring the state database to the schema of this version. Raises Unavailable if another process holds it.

    Where there is nothing to bring, Alembic is not loaded: 0.2 s of a command's start (2026-11).
    """
    if revision_of(engine) != newest_revision():
        from opengdi.kernel.migrating import upgrade

        upgrade(engine, FOLDER)


def newest_revision() -> str:
    """Revision of this version's schema: the chain is linear, and its files are named by their revisions."""
    return max(path.name for path in (FOLDER / "versions").glob("r[0-9]*.py"))[1:5]


def declared_tables() -> MetaData:
    """The shared MetaData with every table of the package declared on it."""
    for module in TABLES:
        import_module(module)
    return metadata
