"""The state database: SQLite in the data directory, or PostgreSQL, by the same statements.

Every feature declares its tables on `metadata` beside the store that uses them; the migrations that build them
lie in one linear chain in `opengdi.apps.migrations`, and a test holds the two equal on both engines.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, cast

from sqlalchemy import URL, Connection, Engine, MetaData, create_engine, event, inspect, make_url, text
from sqlalchemy.engine.interfaces import DBAPICursor, ExceptionContext
from sqlalchemy.exc import ArgumentError, DBAPIError

from opengdi.kernel.errors import Invalid, Unavailable

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""All tables of the package. Constraints have the same names on both engines, so that migrations can name them."""

MOST_THREADS: Final = 32
"""As many work at a time (`asyncio.to_thread`). Each may write on one connection and look something up on another: with
fewer connections than twice as many, those who wait for a lock would keep whoever holds it from going on."""

_POOL: Final = {"pool_size": 5, "max_overflow": 2 * MOST_THREADS - 5}

_BEGIN_WRITING: Final = "BEGIN IMMEDIATE"

BUSY_TIMEOUT_S: Final = 10.0
"""How long a SQLite writer waits for another one."""

_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})

REVISIONS: Final = "alembic_version"
"""The table that says which migrations a database has seen."""


def open_engine(location: str | Path) -> Engine:
    """Engine for a SQLite file (path or `sqlite:///path`) or a `postgresql://` URL; nothing is created but the file.

    A SQLite file is made with mode 0600 and runs in WAL mode with foreign keys on. Its transactions take the
    write lock when they begin, so that none fails half way; a transaction from `reading` does not.

    Raises Invalid for another kind of database, a missing folder or a malformed URL; Unavailable if it does not open.
    """
    url = database_url(location)
    engine = _sqlite_engine(url) if url.get_backend_name() == "sqlite" else _postgresql_engine(url)
    event.listen(engine, "handle_error", _tell_what_passes)
    try:
        with reading(engine):
            return engine
    except (DBAPIError, Unavailable) as error:
        engine.dispose()
        reason = error.orig if isinstance(error, DBAPIError) else error
        raise Unavailable(f"database {url.render_as_string()} does not open: {reason}") from error


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A read-only transaction: one snapshot, in nobody's way, closed without a trace."""
    options = {"postgresql_readonly": True, "opengdi_reading": True}
    with engine.connect().execution_options(**options) as connection, connection.begin():
        yield connection


def settle(engine: Engine) -> bool:
    """Write the log of a SQLite file into it and empty the log, so that nothing erased is left there.

    Readers and writers go on; False, if one was in the way: then it is to be done again. PostgreSQL's autovacuum
    does the same.
    """
    if engine.dialect.name != "sqlite":
        return True
    connection = engine.raw_connection()
    try:
        busy, _, _ = connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy
    finally:
        connection.close()


@contextmanager
def reading_by_driver(engine: Engine) -> Iterator[DBAPICursor]:
    """The cursor of a read-only transaction, for the statements of `writing_by_driver`."""
    with reading(engine) as connection:
        yield connection.connection.cursor()


@contextmanager
def writing_by_driver(engine: Engine) -> Iterator[DBAPICursor]:
    """A writing transaction by the driver alone: 55 µs where `engine.begin()` with the same statements takes 170.

    For the few statements of a hot path, in `driver_text`. A connection on which
    anything failed is not used again.
    """
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        if engine.dialect.name == "sqlite":
            cursor.execute(_BEGIN_WRITING)
        yield cursor
        connection.commit()
    except BaseException:
        connection.invalidate()
        raise
    finally:
        connection.close()


class PromptWriter:
    """Short writing transactions for an event loop, on a connection of its own to a SQLite file.

    They begin at once or not at all, and wait for no disk: what is committed lies in the log, in the cache of the
    file system. To fold the log into the file is left to other connections, which do so as they commit. Decision 0020.
    """

    def __init__(self, engine: Engine) -> None:
        self._connection = sqlite3.connect(str(engine.url.database), timeout=0, check_same_thread=False)
        _prepare_sqlite(self._connection, None)
        self._connection.execute("PRAGMA wal_autocheckpoint = 0")
        self._cursor = cast("DBAPICursor", self._connection.cursor())

    @contextmanager
    def writing(self) -> Iterator[DBAPICursor | None]:
        """A transaction; None if another connection writes just now."""
        if not self._begins():
            yield None
            return
        try:
            yield self._cursor
            self._connection.commit()
        except BaseException:
            self._connection.rollback()
            raise

    def close(self) -> None:
        self._connection.close()

    def _begins(self) -> bool:
        try:
            self._cursor.execute(_BEGIN_WRITING)
        except sqlite3.OperationalError as error:
            if not _is_busy(error):
                raise
            return False
        return True


def prompt_writer(engine: Engine) -> PromptWriter | None:
    """For SQLite; None for a database behind a network."""
    return PromptWriter(engine) if engine.dialect.name == "sqlite" else None


def driver_text(engine: Engine, statement: str) -> str:
    """A statement with `?` for its parameters, as the driver writes it."""
    return statement if engine.dialect.name == "sqlite" else statement.replace("?", "%s")


def revision_of(engine: Engine) -> str | None:
    """Revision the database is at, as `kernel.migrating` wrote it; None before the first migration."""
    with reading(engine) as connection:
        if not inspect(connection).has_table(REVISIONS):
            return None
        found: str | None = connection.scalar(text(f"SELECT version_num FROM {REVISIONS}"))  # noqa: S608  # a constant
        return found


def aware(time: datetime) -> datetime:
    """A time as it was stored: SQLite gives it back without its zone, which is UTC."""
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def database_url(location: str | Path) -> URL:
    """Where the database is; nothing is opened. Raises Invalid for another kind of database or a malformed URL."""
    if isinstance(location, Path) or "://" not in location:
        return URL.create("sqlite", database=str(location))
    try:
        url = make_url(location)
    except ArgumentError as error:
        raise Invalid("database.url is malformed; expected postgresql://user@host/name") from error
    if url.get_backend_name() not in {"sqlite", "postgresql"}:
        raise Invalid(f"database.url names {url.drivername!r}; sqlite and postgresql are known")
    return url


def _postgresql_engine(url: URL) -> Engine:
    return create_engine(
        url.set(drivername="postgresql+psycopg"), pool_pre_ping=True, hide_parameters=True, **_POOL
    )


def _sqlite_engine(url: URL) -> Engine:
    if not url.database or url.database == ":memory:":
        raise Invalid("a SQLite database needs a file; one in memory would forget what was published")
    _make_private_file(Path(url.database))
    options = {"timeout": BUSY_TIMEOUT_S}
    engine = create_engine(url, connect_args=options, hide_parameters=True, **_POOL)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _make_private_file(path: Path) -> None:
    """SQLite gives its -wal and -shm files the mode of the database."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except FileNotFoundError as error:
        raise Invalid(f"database file {path}: the folder {path.parent} does not exist") from error
    except OSError as error:
        raise Unavailable(f"database file {path} does not open: {error.strerror}") from error


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN comes too late for DDL and for reads
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(
        "PRAGMA synchronous = NORMAL"
    )  # in WAL mode safe against kill -9; a power cut may lose the last
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA secure_delete = ON")  # what is erased is overwritten in the file


def _tell_what_passes(context: ExceptionContext) -> None:
    """Raises Unavailable for a database that is away, or that others hold for too long: it may be tried again later."""
    error = context.original_exception
    if _is_busy(error) or (context.is_disconnect and not context.is_pre_ping):
        raise Unavailable(f"the database is not to be had: {error}")


def _is_busy(error: BaseException) -> bool:
    """True if another connection of SQLite is in the way."""
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)
    return code & 0xFF in _BUSY  # above the low byte stands a detail


def _begin_sqlite(connection: Connection) -> None:
    is_reading = connection.get_execution_options().get("opengdi_reading", False)
    connection.exec_driver_sql("BEGIN" if is_reading else _BEGIN_WRITING)
