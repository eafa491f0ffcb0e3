"""What is asked of the database for one request or one file never reads a table from end to end (SQLite tells)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event
from tests.archive_kit import STORED, records, upload
from tests.receiving import SENDER, Place, body, chunks, encrypted, wish
from tests.sqlite import migrated_engine

from opengdi.archive.uploads.faults import Broken
from opengdi.archive.uploads.model import Protocol
from opengdi.archive.uploads.s3_listing import Wanted, list_objects, list_uploads
from opengdi.archive.uploads.service import Inbox
from opengdi.kernel.clock import FixedClock
from opengdi.standards.s3.documents import NamedPart

DATA = encrypted(300_000)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = migrated_engine(tmp_path / "state.sqlite")
    yield engine
    engine.dispose()


@contextmanager
def asked(engine: Engine) -> Iterator[list[str]]:
    """How SQLite carried out the statements within: steps that read a whole table, or sort all to give a page."""
    statements: list[tuple[str, Any]] = []
    slow: list[str] = []

    def hear(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        statements.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", hear)
    try:
        yield slow
    finally:
        event.remove(engine, "before_cursor_execute", hear)
        with engine.connect() as connection:
            slow += [step for told in statements for step in _slow_steps(connection, *told)]


def _slow_steps(connection: Connection, statement: str, parameters: Any) -> list[str]:
    if not statement.startswith(("SELECT", "UPDATE", "DELETE")):
        return []
    plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
    steps = [row[3] for row in plan]
    slow = ("SCAN", "USE TEMP B-TREE FOR ORDER BY") if "LIMIT" in statement else ("SCAN",)
    return [f"{step}: {statement}" for step in steps if step.startswith(slow)]


async def test_an_upload_in_parts_reads_no_table_from_end_to_end(engine, tmp_path):
    inbox = Place(engine, tmp_path).inbox(quota_of=lambda _provider: 10**9, piece_bytes=50_000)
    with asked(engine) as slow:
        sent = await inbox.begin(SENDER, wish())
        await inbox.put_part(sent, 1, body(*chunks(DATA)))
        part = await inbox.put_part(sent, 1, body(*chunks(DATA)))
        with pytest.raises(Broken):
            await inbox.put_part(sent, 2, _broken())
        await list_uploads(inbox, SENDER, "", ("a", "0"), 10)
        await inbox.complete_parts(sent, [NamedPart(1, part.etag)])
        await inbox.completed(SENDER, "a.c4gh")
        await list_objects(inbox, SENDER, Wanted(prefix="a"))
    assert slow == []


async def _broken():
    yield DATA[:100_000]
    raise Broken("gone")


async def test_an_upload_by_tus_reads_no_table_from_end_to_end(engine, tmp_path):
    inbox = Place(engine, tmp_path).inbox(quota_of=lambda _provider: 10**9, piece_bytes=50_000)
    with asked(engine) as slow:
        partial = await inbox.begin(SENDER, wish("", Protocol.TUS, length=len(DATA), partial=True))
        await inbox.append(partial, 0, body(*chunks(DATA)))
        final = wish(protocol=Protocol.TUS, concat="final;x")
        await inbox.concatenate(SENDER, final, [partial.id])
        await inbox.concatenate(SENDER, final, [partial.id])
    assert slow == []


@pytest.mark.parametrize("protocol", Protocol)
async def test_what_a_provider_holds_is_added_up_no_oftener_for_many_pieces(engine, tmp_path, protocol):
    inbox = Place(engine, tmp_path).inbox(quota_of=lambda _provider: 10**9, piece_bytes=10_000)
    sent = await inbox.begin(SENDER, wish(protocol=protocol, length=len(DATA)))
    sums: list[str] = []

    def hear(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sums.extend([statement] if "sum(" in statement else [])

    event.listen(engine, "before_cursor_execute", hear)
    await _send(inbox, sent, protocol)
    assert len(sums) == 4  # of inbox and archive, when it begins and when it ends


async def _send(inbox: Inbox, sent: Any, protocol: Protocol) -> None:
    if protocol is Protocol.S3:
        await inbox.put_part(sent, 1, body(*chunks(DATA)))
    else:
        await inbox.append(sent, 0, body(*chunks(DATA)))


def test_files_to_check_are_found_without_looking_at_all_of_them(engine):
    clock = FixedClock()
    kept = records(engine, clock)
    file = kept.registry.receive(upload(), submit=True)
    kept.registry.deposit(file.id, STORED, header=b"h", chunk_hashes=b"x" * 32, actor="node:archive")
    with asked(engine) as slow:
        assert kept.custody.to_check(clock.now() + timedelta(days=1))
        assert kept.custody.checked(kept.registry.find(file.id), "")
    assert slow == []
