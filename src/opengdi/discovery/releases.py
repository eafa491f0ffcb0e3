"""The shelf: which releases a node holds and what state each is in. The state database is the only place that says so.

Every change is one transaction that also moves a generation counter, so a serving process notices by reading one
number. A release number is never used twice. What lies in the files is the loader's business, what lies in the
index the variant store's; neither is visible unless the shelf says PUBLISHED.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    Engine,
    Integer,
    RowMapping,
    Select,
    String,
    Table,
    Text,
    UniqueConstraint,
    insert,
    select,
    update,
)

from opengdi.discovery.manifests import (
    MANIFEST,
    check_difference,
    check_files,
    decode_manifest,
    encode_manifest,
    manifest_digest,
)
from opengdi.discovery.model import ShelvedRelease
from opengdi.kernel.clock import Clock
from opengdi.kernel.database import metadata, reading
from opengdi.kernel.errors import Conflict, Invalid, NotFound
from opengdi.kernel.files import write_whole
from opengdi.kernel.keys import SigningKey, verify
from opengdi.kernel.release import DatasetRelease, ReleaseState
from opengdi.standards.faults import Malformed, Unverified

SIGNATURE: Final = "manifest.jws"
"""Beside the manifest: a JWS that says its digest, so that no policy is made weaker behind the node's back."""
_PURPOSE: Final = "gdi-release-manifest+jws"

dataset_releases: Final = Table(
    "dataset_releases",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("dataset", String(128), nullable=False),
    Column("version", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("manifest", Text, nullable=False),
    Column("added_at", DateTime(timezone=True), nullable=False),
    Column("first_published_at", DateTime(timezone=True), nullable=True),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("dataset", "version"),
    sqlite_autoincrement=True,  # or SQLite would use the number of a deleted last row again
)

shelf_generation: Final = Table(
    "shelf_generation",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("generation", Integer, nullable=False),
)

LOADED, PUBLISHED, HIDDEN, REPLACED, WITHDRAWN = ReleaseState

PERMITTED: Final = {
    LOADED: frozenset({PUBLISHED, WITHDRAWN}),
    PUBLISHED: frozenset({HIDDEN, REPLACED, WITHDRAWN}),
    HIDDEN: frozenset({PUBLISHED, REPLACED, WITHDRAWN}),
    REPLACED: frozenset(
        {PUBLISHED, WITHDRAWN}
    ),  # back to PUBLISHED: a version that proved wrong is rolled back
    WITHDRAWN: frozenset[ReleaseState](),
}
"""Which state may follow which. WITHDRAWN is a tombstone."""


@dataclass(frozen=True, slots=True)
class Change:
    """A release went from one state to another; `before` is None when it was put on the shelf."""

    release: ShelvedRelease
    before: ReleaseState | None

    @property
    def after(self) -> ReleaseState:
        return self.release.state


@dataclass(frozen=True, slots=True)
class ShelfSnapshot:
    """What is published at one generation; never changes."""

    generation: int
    published: tuple[ShelvedRelease, ...]


def unheard(_: Change) -> None:
    """Hears of a change and keeps it to itself."""


class Shelf:
    """The releases of one node. Every process of the node may change it; nobody sees half a change.

    on_change is called for each changed release before its transaction ends: what it raises undoes the change,
    so nothing happens that could not be audited.
    """

    def __init__(
        self,
        engine: Engine,
        releases_dir: Path,
        clock: Clock,
        key: SigningKey,
        on_change: Callable[[Change], None] = unheard,
    ) -> None:
        """`releases_dir` holds `<dataset>/<version>/` of every release; `key` signs their manifests."""
        self._engine = engine
        self._key = key
        self._releases_dir = releases_dir
        self._clock = clock
        self._on_change = on_change

    def generation(self) -> int:
        """Number of changes so far; equal numbers mean an equal shelf."""
        with reading(self._engine) as connection:
            return _generation(connection)

    def snapshot(self) -> ShelfSnapshot:
        """What is published, by dataset, with its generation, from one transaction."""
        with reading(self._engine) as connection:
            return ShelfSnapshot(
                _generation(connection), self._select(connection, dataset_releases.c.state == PUBLISHED)
            )

    def published(self) -> tuple[ShelvedRelease, ...]:
        """What a query may see, ordered by dataset."""
        return self.snapshot().published

    def all(self) -> tuple[ShelvedRelease, ...]:
        """Everything ever put on the shelf, tombstones included, ordered by dataset and number."""
        with reading(self._engine) as connection:
            return self._select(connection)

    def find(self, dataset: str, version: str) -> ShelvedRelease:
        """Raises NotFound."""
        with reading(self._engine) as connection:
            return self._find(connection, dataset, version)

    def folder_of(self, manifest: DatasetRelease) -> Path:
        return self._releases_dir / manifest.dataset / manifest.version

    def add(self, manifest: DatasetRelease) -> ShelvedRelease:
        """Put a loaded release on the shelf; adding the same manifest again changes nothing.

        Raises Conflict if this version is there with another manifest, Invalid if its manifest is not in its folder.
        """
        self._check_manifest_file(manifest)
        signature = self._key.sign(manifest_digest(manifest).encode(), purpose=_PURPOSE)
        write_whole(self.folder_of(manifest) / SIGNATURE, signature.encode())
        with self._engine.begin() as connection:
            self._step_generation(connection)
            known = self._select(
                connection,
                dataset_releases.c.dataset == manifest.dataset,
                dataset_releases.c.version == manifest.version,
            )
            if known:
                if known[0].manifest != manifest:
                    raise Conflict(
                        f"{manifest.dataset} version {manifest.version} is on the shelf with another manifest; "
                        "a release never changes: load a new version"
                    )
                return known[0]
            return self._insert(connection, manifest)

    def publish(self, dataset: str, version: str) -> ShelvedRelease:
        """Let queries see a release. Raises Conflict if another version is published (see `replace`)."""
        release = self._checked(dataset, version)
        with self._engine.begin() as connection:
            self._step_generation(connection)
            current = self._current(connection, dataset)
            if current is not None and current.number != release.number:
                raise Conflict(
                    f"{dataset} version {current.manifest.version} is published; replace it by version {version}, "
                    "or hide it first"
                )
            self._check_batch(connection, release.manifest)
            return self._move(connection, dataset, version, PUBLISHED)

    def hide(self, dataset: str, version: str) -> ShelvedRelease:
        """Take a published release out of sight; `publish` brings it back."""
        with self._engine.begin() as connection:
            self._step_generation(connection)
            return self._move(connection, dataset, version, HIDDEN)

    def replace(self, dataset: str, version: str) -> ShelvedRelease:
        """Publish a version in place of the published (or hidden) one: no query sees both, or neither.

        Raises Conflict if there is nothing to replace.
        """
        self._checked(dataset, version)
        with self._engine.begin() as connection:
            self._step_generation(connection)
            current = self._current(connection, dataset, PUBLISHED, HIDDEN)
            if current is None or current.manifest.version == version:
                raise Conflict(
                    f"{dataset} has no other version that version {version} could replace; publish it"
                )
            self._check_batch(connection, self._find(connection, dataset, version).manifest)
            self._move(connection, dataset, current.manifest.version, REPLACED)
            return self._move(connection, dataset, version, PUBLISHED)

    def withdraw(self, dataset: str, version: str, *, erase_files: bool = False) -> ShelvedRelease:
        """Leave a tombstone: the release is never seen again. `erase_files` also deletes what it held."""
        with self._engine.begin() as connection:
            self._step_generation(connection)
            release = self._move(connection, dataset, version, WITHDRAWN)
        if erase_files and Path(release.folder).exists():  # a run that was killed here may be run again
            shutil.rmtree(Path(release.folder))
        return release

    def check(self, release: ShelvedRelease) -> None:
        """Raises Conflict or Invalid, naming the file, unless what lies in its folder is what was loaded."""
        self.check_signature(release)
        self._check_manifest_file(release.manifest)
        check_files(release.manifest, Path(release.folder))

    def check_signature(self, release: ShelvedRelease) -> None:
        """Raises Conflict unless the manifest, its policy above all, is the one that was signed when it was loaded."""
        manifest, path = release.manifest, Path(release.folder) / SIGNATURE
        try:
            signed = verify(path.read_text(encoding="utf-8"), [self._key.public], purpose=_PURPOSE).decode()
        except (OSError, ValueError, Malformed, Unverified) as error:
            raise Conflict(
                f"{path}: the manifest of {manifest.dataset} has no signature of this node that holds; "
                f"load the release again ({error})"
            ) from error
        if signed != manifest_digest(manifest):
            raise Conflict(
                f"{path}: the manifest of {manifest.dataset} version {manifest.version} is not the one that was signed "
                "when it was loaded"
            )

    def _checked(self, dataset: str, version: str) -> ShelvedRelease:
        """A release that may be published, after `check`. Outside the transaction: hashing takes time."""
        release = self.find(dataset, version)
        _check_step_to(PUBLISHED, release)
        self.check(release)
        return release

    def _check_manifest_file(self, manifest: DatasetRelease) -> None:
        """Raises Invalid unless the folder holds this very manifest, no weaker policy above all."""
        path = self.folder_of(manifest) / MANIFEST
        try:
            found = decode_manifest(path.read_bytes())
        except OSError as error:
            raise Invalid(
                f"{path}: the manifest of {manifest.dataset} does not open: {error.strerror}"
            ) from error
        if found.policy.strictest(manifest.policy) != found.policy:
            raise Conflict(
                f"{path}: its disclosure policy is weaker than the one {manifest.dataset} was loaded with"
            )
        if found != manifest:
            raise Conflict(f"{path} differs from the manifest that {manifest.dataset} was loaded with")

    def _check_batch(self, connection: Connection, manifest: DatasetRelease) -> None:
        """Raises Conflict if two versions that were ever public would differ by a few people only.

        Source: disclosure control design, update batching.
        """
        served = self._select(
            connection,
            dataset_releases.c.dataset == manifest.dataset,
            dataset_releases.c.first_published_at.is_not(None),
        )
        if any(release.manifest.version == manifest.version for release in served):
            return  # was public before: showing it again tells nothing new
        for release in served:
            check_difference(release.manifest, manifest)

    def _insert(self, connection: Connection, manifest: DatasetRelease) -> ShelvedRelease:
        now = self._clock.now()
        row = {
            "dataset": manifest.dataset,
            "version": manifest.version,
            "state": LOADED,
            "manifest": encode_manifest(manifest).decode(),
            "added_at": now,
            "changed_at": now,
        }
        connection.execute(insert(dataset_releases), row)
        release = self._find(connection, manifest.dataset, manifest.version)
        self._on_change(Change(release, None))
        return release

    def _move(
        self, connection: Connection, dataset: str, version: str, state: ReleaseState
    ) -> ShelvedRelease:
        before = self._find(connection, dataset, version)
        if before.state is state:
            return before
        _check_step_to(state, before)
        values: dict[str, str | datetime] = {"state": state, "changed_at": self._clock.now()}
        this = update(dataset_releases).where(dataset_releases.c.number == before.number)
        connection.execute(this.values(values))
        if state is PUBLISHED:
            never = dataset_releases.c.first_published_at.is_(None)
            connection.execute(this.where(never).values(first_published_at=values["changed_at"]))
        after = self._find(connection, dataset, version)
        self._on_change(Change(after, before.state))
        return after

    def _current(self, connection: Connection, dataset: str, *states: ReleaseState) -> ShelvedRelease | None:
        found = self._select(
            connection,
            dataset_releases.c.dataset == dataset,
            dataset_releases.c.state.in_(states or (PUBLISHED,)),
        )
        return min(found, key=lambda release: (release.state is not PUBLISHED, -release.number), default=None)

    def _find(self, connection: Connection, dataset: str, version: str) -> ShelvedRelease:
        found = self._select(
            connection, dataset_releases.c.dataset == dataset, dataset_releases.c.version == version
        )
        if not found:
            raise NotFound(f"there is no {dataset} version {version} on the shelf; load it first")
        return found[0]

    def _select(self, connection: Connection, *conditions: Any) -> tuple[ShelvedRelease, ...]:
        query: Select[Any] = select(dataset_releases).where(*conditions)
        rows = connection.execute(query.order_by(dataset_releases.c.dataset, dataset_releases.c.number))
        return tuple(self._shelved(row) for row in rows.mappings())

    def _shelved(self, row: RowMapping) -> ShelvedRelease:
        manifest = decode_manifest(row["manifest"])
        return ShelvedRelease(row["number"], manifest, ReleaseState(row["state"]), self.folder_of(manifest))

    def _step_generation(self, connection: Connection) -> None:
        """First statement of every change: its row lock lets one change happen at a time on PostgreSQL too."""
        step = update(shelf_generation).values(generation=shelf_generation.c.generation + 1)
        connection.execute(step)


def _check_step_to(state: ReleaseState, release: ShelvedRelease) -> None:
    """Raises Conflict unless the release may become, or already is, what is asked."""
    if state is not release.state and state not in PERMITTED[release.state]:
        manifest = release.manifest
        raise Conflict(
            f"{manifest.dataset} version {manifest.version} is {release.state}; it cannot become {state}"
        )


def _generation(connection: Connection) -> int:
    return int(connection.execute(select(shelf_generation.c.generation)).scalar_one())
