"""What a state database promises on its own: private files, guarded transactions, clear refusals."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import IntegrityError, OperationalError

from opengdi.kernel import database
from opengdi.kernel.database import driver_text, open_engine, reading, writing_by_driver
from opengdi.kernel.errors import Invalid, Unavailable


def test_the_file_and_its_journal_are_readable_by_the_owner_only(tmp_path: Path) -> None:
    engine = open_engine(tmp_path / "state.sqlite")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE fruit (name TEXT)"))
        files = list(tmp_path.iterdir())
    assert {path.name for path in files} >= {"state.sqlite", "state.sqlite-wal"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    engine.dispose()


def test_what_is_written_is_not_told_by_an_error(tmp_path: Path) -> None:
    """Keys are among it, and errors are logged."""
    engine = open_engine(tmp_path / "state.sqlite")
    with pytest.raises(OperationalError) as failed, reading(engine) as connection:
        connection.execute(text("SELECT * FROM nowhere WHERE seal = :seal"), {"seal": b"unguessable"})
    assert "nowhere" in str(failed.value)
    assert "unguessable" not in str(failed.value)
    engine.dispose()


def test_a_failed_transaction_leaves_no_table_behind(tmp_path: Path) -> None:
    engine = open_engine(tmp_path / "state.sqlite")
    with pytest.raises(OperationalError), engine.begin() as connection:
        _create_and_fail(connection)
    with reading(engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM sqlite_master")).scalar_one() == 0
    engine.dispose()


def test_what_the_driver_writes_by_itself_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    engine = open_engine(tmp_path / "state.sqlite")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE fruit (name TEXT)"))
    insert = driver_text(engine, "INSERT INTO fruit VALUES (?)")
    with pytest.raises(ZeroDivisionError), writing_by_driver(engine) as cursor:
        _insert_and_fail(cursor, insert)
    with writing_by_driver(engine) as cursor:
        cursor.execute(insert, ("pear",))
    with reading(engine) as connection:
        assert connection.execute(text("SELECT name FROM fruit")).scalars().all() == ["pear"]
    engine.dispose()


def _insert_and_fail(cursor: DBAPICursor, insert: str) -> None:
    cursor.execute(insert, ("plum",))
    raise ZeroDivisionError


def test_a_reader_is_not_held_up_by_a_writer_and_sees_one_snapshot(tmp_path: Path) -> None:
    engine = open_engine(tmp_path / "state.sqlite")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE fruit (name TEXT)"))
    with engine.begin() as writer, reading(engine) as reader:
        writer.execute(text("INSERT INTO fruit VALUES ('plum')"))
        assert reader.execute(text("SELECT count(*) FROM fruit")).scalar_one() == 0
    engine.dispose()


def test_foreign_keys_are_enforced(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/state.sqlite")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE tree (id INTEGER PRIMARY KEY)"))
        connection.execute(text("CREATE TABLE fruit (tree INTEGER REFERENCES tree)"))
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(text("INSERT INTO fruit VALUES (7)"))
    engine.dispose()


def test_a_writer_that_waits_too_long_for_another_one_is_told_that_it_may_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.05)
    engine = open_engine(tmp_path / "state.sqlite")
    with engine.begin(), pytest.raises(Unavailable, match="locked"), engine.begin():
        pass
    engine.dispose()


def _create_and_fail(connection: Connection) -> None:
    connection.execute(text("CREATE TABLE fruit (name TEXT)"))
    connection.execute(text("nonsense"))


@pytest.mark.parametrize("location", ["mysql://host/state", "sqlite://", "sqlite:///:memory:", "://"])
def test_another_kind_of_database_is_refused(location: str) -> None:
    with pytest.raises(Invalid):
        open_engine(location)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="nowhere does not exist"):
        open_engine(tmp_path / "nowhere" / "state.sqlite")


def test_a_file_that_is_no_database_is_refused_without_its_password(tmp_path: Path) -> None:
    (tmp_path / "state.sqlite").write_text("not a database" * 100)
    with pytest.raises(Unavailable, match="does not open"):
        open_engine(tmp_path / "state.sqlite")
