"""Datasets that files are mapped to: registered, then released, at last deprecated. Beside the registry of files."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Connection, Engine, Select, case, func, insert, select, update

from opengdi.archive.model import ArchivedFile, DatasetState, FileState, MappedDataset
from opengdi.archive.rules import follow_dataset
from opengdi.archive.tables import FACTS, archive_datasets, archive_files, archive_release_files, files_of
from opengdi.kernel.clock import Clock
from opengdi.kernel.database import aware, reading
from opengdi.kernel.errors import Conflict, NotFound
from opengdi.kernel.ids import DatasetId, FileId, ReleaseId

_BATCH: Final = 1000
"""Ids in one statement; the engines allow some ten thousand."""

_SUFFIX: Final = ".c4gh"


@dataclass(frozen=True, slots=True)
class Mapped:
    """What became of a dataset: its state now, and the files that were added to a version. actor: as in audit lines."""

    dataset: str
    state: DatasetState
    added: tuple[FileId, ...]
    actor: str
    version: str = ""


@dataclass(frozen=True, slots=True)
class Names:
    """Which files by the provider's name without `.c4gh`: of this name, or beginning so; empty: any."""

    name: str = ""
    prefix: str = ""

    @property
    def conditions(self) -> tuple[ColumnElement[bool], ...]:
        """On `archive_files`. The letters' case counts, unlike in SQLite's LIKE."""
        path = archive_files.c.path
        if self.name:
            as_it_is = () if self.name.endswith(_SUFFIX) else (self.name,)
            return (path.in_([self.name + _SUFFIX, *as_it_is]),)
        if not self.prefix:
            return ()
        length = len(self.prefix)
        bare = case(
            (
                func.substr(path, func.length(path) - len(_SUFFIX) + 1) == _SUFFIX,
                func.length(path) - len(_SUFFIX),
            ),
            else_=func.length(path),
        )
        return func.substr(path, 1, length) == self.prefix, bare >= length


ANY_NAME: Final = Names()


@dataclass(frozen=True, slots=True)
class Extent:
    """How many files, how large their bodies are together, and when one last changed (None: there are none)."""

    files: int
    body_bytes: int
    changed: datetime | None


HearMapping = Callable[[Mapped, Connection], None]
"""Hears of it before its transaction ends, and may write into it; what it raises undoes the change."""


def unheard(_mapped: Mapped, _connection: Connection) -> None:
    """Hears of a change and keeps it to itself."""


class Mapping:
    """Which file belongs to which versions of which datasets. Methods block shortly on the database."""

    def __init__(self, engine: Engine, clock: Clock, on_change: HearMapping = unheard) -> None:
        self._engine = engine
        self._clock = clock
        self._on_change = on_change

    def map(
        self, dataset: DatasetId, files: Sequence[FileId], actor: str, version: str = ""
    ) -> MappedDataset:
        """Put READY files into a version of a dataset, which is registered if it is new. Those in it already stay.

        version: empty where the dataset has none: no permit for a version opens those files.
        Raises NotFound for an unknown file, Conflict if one is not READY or the dataset is deprecated.
        """
        with self._engine.begin() as connection:
            state = self._registered(connection, dataset)
            self._check_ready(connection, files)
            there = _there(connection, ReleaseId(dataset, version), files)
            added = tuple(id_ for id_ in dict.fromkeys(files) if id_ not in there)
            if added:
                self._add(connection, ReleaseId(dataset, version), added)
                self._on_change(Mapped(dataset, state, added, actor, version), connection)
            return _one(connection, dataset)

    def release(self, dataset: str, actor: str) -> MappedDataset:
        """Let the files of a dataset be delivered to those who may have them. Raises NotFound, Conflict."""
        return self._move(dataset, DatasetState.RELEASED, actor)

    def deprecate(self, dataset: str, actor: str) -> MappedDataset:
        """Let the files of a dataset be delivered no more, for good. Raises NotFound, Conflict."""
        return self._move(dataset, DatasetState.DEPRECATED, actor)

    def find(self, dataset: str) -> MappedDataset:
        """Raises NotFound."""
        with reading(self._engine) as connection:
            return _one(connection, dataset)

    def all(self) -> tuple[MappedDataset, ...]:
        """Every dataset, by id."""
        with reading(self._engine) as connection:
            return _datasets(connection)

    def released(self, among: Collection[str]) -> frozenset[str]:
        """Which of these datasets are released."""
        columns, wanted = archive_datasets.c, sorted(among)
        query = select(columns.id).where(columns.state == DatasetState.RELEASED)
        with reading(self._engine) as connection:
            return frozenset(
                id_
                for start in range(0, len(wanted), _BATCH)
                for id_ in connection.scalars(query.where(columns.id.in_(wanted[start : start + _BATCH])))
            )

    def deliverable(self, dataset: str) -> tuple[ArchivedFile, ...]:
        """READY files of a released dataset in all its versions, by id; none if it is not released."""
        if "\0" in dataset:
            return ()
        released = _released_files().where(archive_release_files.c.dataset == dataset)
        columns = archive_files.c
        ready = select(*FACTS).where(columns.id.in_(released), columns.state == FileState.READY)
        query = ready.order_by(columns.id)
        with reading(self._engine) as connection:
            return files_of(connection, list(connection.execute(query).mappings()))

    def page(
        self, dataset: str, versions: Collection[str], names: Names = ANY_NAME, *, after: str = "", most: int
    ) -> tuple[ArchivedFile, ...]:
        """READY files in these versions of a released dataset, by id, from behind `after`."""
        if "\0" in dataset + names.name + names.prefix:
            return ()
        with reading(self._engine) as connection:
            found: set[str] = set()
            for version in versions:
                query = _ready_in(dataset, version).where(
                    archive_release_files.c.file > after, *names.conditions
                )
                found.update(connection.scalars(query.limit(most)))
            ids = sorted(found)[:most]
            facts = select(*FACTS).where(archive_files.c.id.in_(ids)).order_by(archive_files.c.id)
            return files_of(connection, list(connection.execute(facts).mappings())) if ids else ()

    def extent(self, dataset: str, versions: Collection[str]) -> Extent:
        """Of the READY files in these versions of a released dataset."""
        rows = archive_release_files.c
        return self._extent(_released_files().where(rows.dataset == dataset, rows.version.in_(versions)))

    def extent_of_all(self) -> Extent:
        """Of the READY files in all released datasets."""
        return self._extent(_released_files())

    def versions_of(self, dataset: str) -> tuple[str, ...]:
        """The versions of a released dataset in which READY files lie, sorted.

        Asked for one by one: not all of the files are looked at.
        """
        versions = archive_release_files.c.version
        next_ = select(func.min(versions)).where(archive_release_files.c.dataset == dataset)
        found: list[str] = []
        if "\0" in dataset:  # PostgreSQL takes no such text, and nothing has such a name
            return ()
        with reading(self._engine) as connection:
            version = connection.scalar(next_)
            while version is not None:
                is_held = connection.scalar(_ready_in(dataset, version).limit(1)) is not None
                found += [version] if is_held else []
                version = connection.scalar(next_.where(versions > version))
        return tuple(found)

    def released_versions(self) -> tuple[ReleaseId, ...]:
        """Every version of the released datasets into which files were mapped, sorted."""
        rows = archive_release_files.c
        query = (
            select(rows.dataset, rows.version)
            .join(archive_datasets, archive_datasets.c.id == rows.dataset)
            .where(archive_datasets.c.state == DatasetState.RELEASED)
            .distinct()
        )
        with reading(self._engine) as connection:
            return tuple(sorted(ReleaseId(*row) for row in connection.execute(query)))

    def _extent(self, ids: Select[tuple[str]]) -> Extent:
        columns = archive_files.c
        sums = func.count(), func.coalesce(func.sum(columns.body_bytes), 0), func.max(columns.changed_at)
        query = select(*sums).where(columns.id.in_(ids), columns.state == FileState.READY)
        with reading(self._engine) as connection:
            files, body_bytes, changed = connection.execute(query).one()
        return Extent(files, int(body_bytes), aware(changed) if changed else None)

    def released_of(self, id_: FileId) -> tuple[ReleaseId, ...]:
        """The versions of released datasets in which a READY file lies; none: it cannot be delivered."""
        rows = archive_release_files.c
        query = (
            select(rows.dataset, rows.version)
            .join(archive_files, archive_files.c.id == rows.file)
            .join(archive_datasets, archive_datasets.c.id == rows.dataset)
            .where(rows.file == id_, archive_files.c.state == FileState.READY)
            .where(archive_datasets.c.state == DatasetState.RELEASED)
            .order_by(rows.dataset, rows.version)
        )
        with reading(self._engine) as connection:
            return tuple(ReleaseId(*row) for row in connection.execute(query))

    def files_of(self, dataset: str, version: str) -> tuple[FileId, ...]:
        """Ids of the files that lie in a version, whatever became of them. Raises NotFound if there are none."""
        rows = archive_release_files.c
        query = select(rows.file).where(rows.dataset == dataset, rows.version == version)
        with reading(self._engine) as connection:
            found = tuple(FileId(id_) for id_ in connection.scalars(query.order_by(rows.file)))
        if not found:
            raise NotFound(f"no file is mapped to version {version!r} of dataset {dataset!r}")
        return found

    def _registered(self, connection: Connection, dataset: str) -> DatasetState:
        """The state of a dataset that files are to be added to, locked, made if it is new."""
        query = select(archive_datasets.c.state).where(archive_datasets.c.id == dataset).with_for_update()
        state = connection.scalar(query)
        if state is None:
            row = {"id": dataset, "state": DatasetState.REGISTERED, "changed_at": self._clock.now()}
            connection.execute(insert(archive_datasets), row)
            return DatasetState.REGISTERED
        if state == DatasetState.DEPRECATED:
            raise Conflict(f"dataset {dataset} is deprecated; nothing is added to it any more")
        return DatasetState(state)

    def _add(self, connection: Connection, release: ReleaseId, files: Sequence[FileId]) -> None:
        rows = [{**release._asdict(), "file": id_} for id_ in files]
        connection.execute(insert(archive_release_files), rows)
        columns = archive_files.c
        for start in range(0, len(files), _BATCH):
            these = update(archive_files).where(columns.id.in_(files[start : start + _BATCH]))
            connection.execute(these.values(unkept=columns.unkept + 1))

    def _check_ready(self, connection: Connection, files: Sequence[FileId]) -> None:
        columns = archive_files.c
        found: dict[str, str] = {}
        for start in range(0, len(files), _BATCH):
            these = columns.id.in_(files[start : start + _BATCH])
            rows = connection.execute(select(columns.id, columns.state).where(these))
            found.update((id_, state) for id_, state in rows)
        for id_ in files:
            if id_ not in found:
                raise NotFound(f"there is no file {id_} in the archive")
            if found[id_] != FileState.READY:
                raise Conflict(f"{id_} is {found[id_]}; only a file that is ready can be mapped")

    def _move(self, dataset: str, wanted: DatasetState, actor: str) -> MappedDataset:
        with self._engine.begin() as connection:
            columns = archive_datasets.c
            state = connection.scalar(select(columns.state).where(columns.id == dataset).with_for_update())
            if state is None:
                raise NotFound(f"no file is mapped to a dataset {dataset!r}")
            if follow_dataset(DatasetState(state), wanted):
                this = update(archive_datasets).where(columns.id == dataset)
                connection.execute(this.values(state=wanted, changed_at=self._clock.now()))
                self._on_change(Mapped(dataset, wanted, (), actor), connection)
            return _one(connection, dataset)


def _there(connection: Connection, release: ReleaseId, files: Sequence[FileId]) -> set[str]:
    """Which of these files lie in the version already."""
    rows = archive_release_files.c
    query = select(rows.file).where(rows.dataset == release.dataset, rows.version == release.version)
    return {
        id_
        for start in range(0, len(files), _BATCH)
        for id_ in connection.scalars(query.where(rows.file.in_(files[start : start + _BATCH])))
    }


def _released_files() -> Select[tuple[str]]:
    rows = archive_release_files.c
    released = select(rows.file).join(archive_datasets, archive_datasets.c.id == rows.dataset)
    return released.where(archive_datasets.c.state == DatasetState.RELEASED)


def _ready_in(dataset: str, version: str) -> Select[tuple[str]]:
    """Ids of READY files in a version of a released dataset, in order."""
    rows, columns = archive_release_files.c, archive_files.c
    lying = _released_files().join(archive_files, columns.id == rows.file)
    return lying.where(
        rows.dataset == dataset, rows.version == version, columns.state == FileState.READY
    ).order_by(rows.file)


def _one(connection: Connection, dataset: str) -> MappedDataset:
    found = _datasets(connection, archive_datasets.c.id == dataset)
    if not found:
        raise NotFound(f"no file is mapped to a dataset {dataset!r}")
    return found[0]


def _datasets(connection: Connection, *conditions: object) -> tuple[MappedDataset, ...]:
    columns, rows = archive_datasets.c, archive_release_files.c
    found = select(columns.id, columns.state, columns.changed_at, func.count(rows.file.distinct()))
    query = (
        found.outerjoin(archive_release_files, rows.dataset == columns.id)
        .where(*conditions)  # type: ignore[arg-type]  # as SQLAlchemy types its own operators
        .group_by(columns.id, columns.state, columns.changed_at)
        .order_by(columns.id)
    )
    versions: dict[str, list[str]] = {}
    lying = select(rows.dataset, rows.version).distinct().join(archive_datasets, columns.id == rows.dataset)
    for dataset, version in connection.execute(lying.where(*conditions)):  # type: ignore[arg-type]  # as above
        versions.setdefault(dataset, []).append(version)
    return tuple(
        MappedDataset(id_, DatasetState(state), files, aware(changed), tuple(sorted(versions.get(id_, ()))))
        for id_, state, changed, files in connection.execute(query)
    )
