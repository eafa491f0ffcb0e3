"""What is known of index files that providers sent: the data each lies beside, and whether it fits.

A judgement is asked for in the transaction that makes index or data ready, so that none is forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Engine, RowMapping, Select, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from opengdi.archive.companions.names import data_paths, index_paths
from opengdi.archive.model import ArchivedFile, Companion, FileState, Judgement
from opengdi.archive.tables import FACTS, archive_companions, archive_files, files_of
from opengdi.kernel.database import reading
from opengdi.kernel.ids import FileId

_BATCH: Final = 1000
"""Ids in one statement; the engines allow some ten thousand."""

_index = archive_files.alias("index_file")
_data = archive_files.alias("data_file")

Told = Callable[[Companion, Connection], None]
"""Hears that an index was found to be wrong, in the transaction that remembers it."""


def _untold(_companion: Companion, _connection: Connection) -> None:
    """Keeps it to itself."""


@dataclass(frozen=True, slots=True)
class Pair:
    """An index that waits for its judgement, and its data. asked: tells whether another one was asked for since."""

    index: ArchivedFile
    data: ArchivedFile
    asked: int


def await_judgement(connection: Connection, file: ArchivedFile, *, anew: bool = True) -> None:
    """Ask for a judgement of a READY file's indexes, or of the file itself if its name is that of an index.

    anew: of those too that have one already.
    """
    for index, data in _pairs_with(connection, file):
        _ask(connection, index, data, anew=anew)


def await_unseen_judgement(engine: Engine, file: ArchivedFile) -> None:
    """The same once more, behind the transaction that made the file READY: an index and its data that became so at the
    same moment did not see each other.
    """
    with reading(engine) as connection:
        indexes = [index for index, _ in _pairs_with(connection, file)]
        known = connection.scalar(
            select(func.count()).select_from(archive_companions).where(archive_companions.c.file.in_(indexes))
        )
    if known != len(indexes):
        with suppress(IntegrityError), engine.begin() as connection:  # whoever was faster asked the same
            await_judgement(connection, file, anew=False)


def forget_what_is_being_judged(connection: Connection, file: FileId) -> None:
    """A judgement under way, which may not find the file that was moved, does not count; one that was made does."""
    columns = archive_companions.c
    this = update(archive_companions).where(or_(columns.file == file, columns.data == file))
    connection.execute(this.values(asked=columns.asked + 1))


def _pairs_with(connection: Connection, file: ArchivedFile) -> list[tuple[str, str]]:
    """Ids of index and data, both READY, where the file is one of them."""
    is_index = bool(data_paths(file.path))
    indexes = [(file.id, file.path)] if is_index else _ready(connection, file, index_paths(file.path))
    pairs = []
    for index, path in indexes:
        data = next((id_ for id_, _ in _ready(connection, file, data_paths(path))), None)
        if data is not None and file.id in {index, data}:
            pairs.append((index, data))
    return pairs


def _ready(connection: Connection, file: ArchivedFile, paths: Collection[str]) -> list[tuple[str, str]]:
    """Id and path of the provider's READY files of these paths, in their order."""
    columns = archive_files.c
    is_live = columns.state != FileState.DISABLED  # for which there is an index; one live file has a path
    query = select(columns.id, columns.path, columns.state).where(
        columns.provider == file.provider, columns.path.in_(paths), is_live
    )
    order = {path: number for number, path in enumerate(paths)}
    found = [(id_, path) for id_, path, state in connection.execute(query) if state == FileState.READY]
    return sorted(found, key=lambda each: order[each[1]])


def _ask(connection: Connection, index: str, data: str, *, anew: bool) -> None:
    columns = archive_companions.c
    known = connection.scalar(select(columns.data).where(columns.file == index))
    fresh = {"data": data, "judgement": Judgement.PENDING, "note": ""}
    if known is None:
        connection.execute(insert(archive_companions), {"file": index, "asked": 1, **fresh})
    elif anew or known != data:
        this = update(archive_companions).where(columns.file == index)
        connection.execute(this.values(**fresh, asked=columns.asked + 1))


class Companions:
    """The index files of one archive. Methods block shortly on the database."""

    def __init__(self, engine: Engine, told: Told = _untold) -> None:
        self._engine = engine
        self._told = told

    def pending(self, *, after: str = "", most: int = 100) -> tuple[Pair, ...]:
        """Indexes that wait for a judgement, with their data, both READY; by id of the index, from behind `after`."""
        columns = archive_companions.c
        query = _pairs(columns.file, columns.data, columns.asked).where(
            columns.judgement == Judgement.PENDING, columns.file > after
        )
        with reading(self._engine) as connection:
            rows = connection.execute(query.order_by(columns.file).limit(most)).all()
            ids = {id_ for index, data, _ in rows for id_ in (index, data)}
            found = connection.execute(select(*FACTS).where(archive_files.c.id.in_(ids)))
            files = {file.id: file for file in files_of(connection, list(found.mappings()))}
        return tuple(Pair(files[index], files[data], asked) for index, data, asked in rows)

    def judged(self, pair: Pair, judgement: Judgement, note: str) -> None:
        """Remember a judgement, unless another one was asked for meanwhile. That an index is wrong is told."""
        columns = archive_companions.c
        this = update(archive_companions).where(columns.file == pair.index.id, columns.asked == pair.asked)
        with self._engine.begin() as connection:
            changed = connection.execute(this.values(judgement=judgement, note=note))
            if changed.rowcount and judgement is Judgement.WRONG:
                index, data = pair.index, pair.data
                companion = Companion(index.id, index.path, data.id, data.path, judgement, note)
                self._told(companion, connection)

    def of(self, ids: Collection[FileId]) -> dict[FileId, tuple[Companion, ...]]:
        """What there is beside each of these files that are READY: its indexes, or the data that it is the index of."""
        found: dict[FileId, tuple[Companion, ...]] = {}
        with reading(self._engine) as connection:
            wanted = list(ids)
            for start in range(0, len(wanted), _BATCH):
                batch = wanted[start : start + _BATCH]
                for row in connection.execute(_beside(batch)).mappings():
                    companion = _companion(row)
                    for id_ in {companion.index, companion.data}.intersection(batch):
                        found[id_] = (*found.get(id_, ()), companion)
        return found


def _pairs(*columns: Any) -> Select[Any]:
    joined = archive_companions.join(_index, _index.c.id == archive_companions.c.file).join(
        _data, _data.c.id == archive_companions.c.data
    )
    query = select(*columns).select_from(joined)
    return query.where(_index.c.state == FileState.READY, _data.c.state == FileState.READY)


def _beside(ids: Collection[FileId]) -> Select[Any]:
    columns = archive_companions.c
    query = _pairs(
        columns.file,
        columns.data,
        columns.judgement,
        columns.note,
        _index.c.path.label("index_path"),
        _data.c.path.label("data_path"),
    )
    return query.where(or_(columns.file.in_(ids), columns.data.in_(ids))).order_by(_index.c.path)


def _companion(row: RowMapping) -> Companion:
    return Companion(
        FileId(row["file"]),
        row["index_path"],
        FileId(row["data"]),
        row["data_path"],
        Judgement(row["judgement"]),
        row["note"],
    )
