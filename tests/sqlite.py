"""SQLite files with all tables, copied: to make the tables anew takes 30 times as long, and most tests begin so."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from sqlalchemy import Engine

from opengdi.apps.migrations import migrate
from opengdi.kernel.database import open_engine


def migrated_sqlite(path: Path) -> Path:
    """A new file there: all tables are in it, and nothing is in them."""
    path.touch(mode=0o600, exist_ok=False)
    path.write_bytes(_migrated())
    return path


def migrated_engine(path: Path) -> Engine:
    """The same, opened."""
    return open_engine(migrated_sqlite(path))


@cache
def _migrated() -> bytes:
    """What migrations make, once in each process of a test run."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.sqlite"
        engine = open_engine(path)
        migrate(engine)
        engine.dispose()
        return path.read_bytes()
