"""Wiring of the archive's care: the scrub that runs while a node serves, and what the commands need."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from opengdi.apps.archive import Records, open_records, open_storage
from opengdi.apps.process import Part
from opengdi.apps.ticking import Ticking
from opengdi.apps.volumes import MAIN, as_one, open_volumes
from opengdi.archive.decommission import Decommissioning
from opengdi.archive.judging import Judging
from opengdi.archive.keyring import Keyring, load_keyring
from opengdi.archive.moving import Moving
from opengdi.archive.places import BODIES, INDEXES
from opengdi.archive.recovery import Recovery
from opengdi.archive.reindexing import Reindexing
from opengdi.archive.rotation import Rotation
from opengdi.archive.scrub import Pace, Scrub
from opengdi.archive.uploads.pieces import FOLDER as PIECES
from opengdi.kernel.audit import Outcome
from opengdi.kernel.errors import Conflict
from opengdi.kernel.health import Condition, Finding, Probe
from opengdi.kernel.storage import Storage

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from opengdi.apps.archive import Archive
    from opengdi.apps.node import NodeState
    from opengdi.archive.custody import Custody
    from opengdi.kernel.ids import FileId
    from opengdi.kernel.keys import PublicKey as VerifyingKey
    from opengdi.standards.crypt4gh import PrivateKey

logger = logging.getLogger(__name__)

ACTOR: Final = "node:archive"
DAMAGED: Final = "eu.gdi.archive.file.damaged"
MIB: Final = 1024 * 1024

LOCK: Final = "archive-care.lock"
"""Held by whoever moves or decommissions files."""

LOOK_S: Final = 600.0
"""Time between two looks for files that are due to be checked."""

JUDGING_S: Final = 2.0
"""Time between two looks for index files that wait to be judged."""

LEFTOVERS_S: Final = 3600.0
"""Time between two looks for what killed writers left; the first is at the start."""


@dataclass(frozen=True, slots=True)
class Care:
    """Everything that cares for the archive of one node."""

    state: NodeState
    records: Records
    storage: Storage
    keyring: Keyring

    def scrub(self, *, mib_per_s: float = 0.0) -> Scrub:
        return Scrub(
            self.records.custody, self.storage, self.keyring, alarm=self._alarm, pace=Pace(mib_per_s * MIB)
        )

    @property
    def rotation(self) -> Rotation:
        return Rotation(self.records.custody, self.storage, self.keyring, self.state.audit)

    @property
    def recovery(self) -> Recovery:
        return Recovery(self.records.custody, self.storage, self.keyring, self.state.audit)

    @property
    def decommissioning(self) -> Decommissioning:
        records = self.records
        return Decommissioning(
            records.registry,
            records.custody,
            self.storage,
            self.keyring,
            self.state.audit,
            volumes=(MAIN, *self.state.settings.archive.volumes),
        )

    @property
    def moving(self) -> Moving:
        records, volumes = self.records, open_volumes(self.state.settings)
        return Moving(records.registry, records.custody, volumes, as_one(volumes), self.keyring)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """No other command moves or decommissions files meanwhile. Raises Conflict if one does."""
        lock = self.state.settings.node.data_dir / LOCK
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise Conflict(
                "another command moves or decommissions files; a move that is stopped goes on when run again"
            ) from None
        finally:
            os.close(descriptor)

    @property
    def judging(self) -> Judging:
        return Judging(self.records.companions, self.records.custody, self.storage, self.keyring)

    @property
    def reindexing(self) -> Reindexing:
        return Reindexing(self.records.registry, self.records.custody, self.storage, self.keyring)

    def _alarm(self, file: FileId, finding: str, connection: Connection) -> None:
        """An incident: on record, told to whoever is notified, and seen by the health probe from then on."""
        objects = (f"file:{file}",)
        self.state.audit.append("archive.damage", actor=ACTOR, outcome=Outcome.FAILED, objects=objects)
        self.records.outbox.write(connection, DAMAGED, file, {"finding": finding})


def open_care(
    state: NodeState, *, rescue: PrivateKey | None = None, trusted: Sequence[VerifyingKey] = ()
) -> Care:
    """For a command. rescue, trusted: as the Keyring has them. Raises Invalid."""
    recovery_key = state.settings.archive.recovery_key
    keyring = load_keyring(state.keys, recovery_key=recovery_key, rescue=rescue, trusted=trusted)
    return Care(state, open_records(state), open_storage(state.settings), keyring)


def care_part(care: Care) -> Part:
    """The care while a node serves: the scrub by its schedule, and a probe that tells what it found."""
    return Part(probes=(_integrity_probe(care.records.custody),), background=(_Schedule(care).run,))


def judging_part(care: Care) -> Part:
    """Holding index files that providers send against their data, while a node serves."""
    judging = care.judging
    ticking = Ticking(
        "archive-companions", JUDGING_S, {"judging indexes": lambda: asyncio.run(judging.run())}
    )
    return Part(background=(ticking.run,), ending=judging.stop)


class _Schedule:
    """Scrubs whatever is due, at the pace of the settings."""

    def __init__(self, care: Care) -> None:
        settings = care.state.settings.archive
        self._scrub = care.scrub(mib_per_s=settings.scrub_mib_per_s)
        self._every = timedelta(days=settings.scrub_days)
        self._clock = care.state.clock

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self._scrub.run(self._clock.now() - self._every)
            except Exception as error:  # noqa: BLE001  the next look may find storage and database well again
                logger.warning("the scrub stopped: %s", error)


def leftovers_part(state: NodeState, archive: Archive) -> Part:
    """Removing, while a node serves, what writers that were killed left half-written in archive and inbox."""
    age = timedelta(seconds=state.settings.archive.unfinished_s)
    if not age:
        return Part()

    def removed(storage: Storage, folder: str) -> None:
        count = asyncio.run(storage.drop_unfinished(folder, state.clock.now(), age))
        if count:
            logger.info("%d unfinished objects of killed writers were removed below %s", count, folder)

    folders = ((archive.storage, BODIES), (archive.storage, INDEXES), (archive.inbox, PIECES))
    steps = {
        f"removing what is unfinished of {folder}": partial(removed, storage, folder)
        for storage, folder in folders
    }
    ticking = Ticking("archive-leftovers", LEFTOVERS_S, steps)
    return Part(probes=(ticking.probe(),), background=(ticking.run,))


def _integrity_probe(custody: Custody) -> Probe:
    def look() -> Finding:
        damaged = custody.damaged()
        if not damaged:
            return Finding(detail="no finding")
        return Finding(Condition.DEGRADED, f"{damaged} damaged files: gdi archive scrub --findings")

    return Probe("archive-integrity", look, needed=False)
