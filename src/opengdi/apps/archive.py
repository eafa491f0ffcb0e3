"""Wiring of the archive: its records for every command, its jobs, doors and health for the process that serves."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from opengdi.apps.doors import file_callers
from opengdi.apps.process import Part
from opengdi.apps.ticking import Ticking
from opengdi.apps.volumes import MAIN, as_one, open_place, open_volumes, tell_served, volume_for, without_room
from opengdi.archive.api import archive_routes
from opengdi.archive.companions import Companions
from opengdi.archive.custody import Custody
from opengdi.archive.mapping import Mapped, Mapping
from opengdi.archive.model import Act, Change, Companion, FileState
from opengdi.archive.places import named_place
from opengdi.archive.registry import Registry
from opengdi.archive.service import ArchiveService
from opengdi.kernel.audit.chain import Outcome
from opengdi.kernel.audit.ports import AuditLog
from opengdi.kernel.errors import Invalid
from opengdi.kernel.health import Condition, Finding, Probe
from opengdi.kernel.ids import FILE_NUMBERS, numbered_file_id
from opengdi.kernel.metrics import NAMESPACE
from opengdi.kernel.outbox import LogCourier, Outbox, Sender
from opengdi.kernel.release import ReleaseState

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from opengdi.apps.node import NodeState
    from opengdi.apps.settings import Settings
    from opengdi.apps.volumes import Volumes
    from opengdi.archive.dispatching import Dispatcher
    from opengdi.archive.keyring import Keyring
    from opengdi.archive.registry import Waiting
    from opengdi.archive.workflows import TakingIn
    from opengdi.kernel.jobs import Jobs
    from opengdi.kernel.outbox import Courier
    from opengdi.kernel.storage import Storage

INBOX: Final = "inbox"
JOBS_FILE: Final = "jobs.sqlite"
SIGNING_KEY: Final = "node"

FACTS_S: Final = 1.0
RESTS_S: Final = 60.0
"""Times between two looks for facts that are to be written, and for what was left behind."""

_TOLD: Final = frozenset({Act.RECEIVE, Act.FINISH, Act.FAIL, Act.SUPERSEDE, Act.CANCEL, Act.DISABLE})
"""Acts of which others are notified."""

_FAILED: Final = frozenset({Act.FAIL, Act.STALL})

INDEXED: Final = "eu.gdi.archive.file.indexed"
UNINDEXED: Final = "eu.gdi.archive.file.unindexed"
WRONG_INDEX: Final = "eu.gdi.archive.file.wrongindex"


@dataclass(frozen=True, slots=True)
class Records:
    """What the archive knows, as every process of the node may read and change it."""

    registry: Registry
    mapping: Mapping
    custody: Custody
    outbox: Outbox
    companions: Companions


def open_records(state: NodeState) -> Records:
    """The archive's part of the state database. Every change leaves an audit line, or it does not happen."""
    outbox = Outbox(
        state.engine, state.clock, source=state.settings.node.id, new_id=lambda: secrets.token_hex(16)
    )
    country = state.settings.node.country
    registry = Registry(
        state.engine,
        state.clock,
        new_id=lambda: numbered_file_id(country, secrets.randbelow(FILE_NUMBERS)),
        new_place=partial(_new_place, state.settings),
        on_change=partial(_record_change, state.audit, outbox),
    )
    mapping = Mapping(state.engine, state.clock, partial(_record_mapping, state.audit, outbox))
    companions = Companions(state.engine, partial(_tell_wrong_index, outbox))
    return Records(registry, mapping, Custody(state.engine, state.clock), outbox, companions)


def version_for(state: NodeState, records: Records, dataset: str) -> str:
    """The version to which files belong where nobody says: the one published here, else loaded last, else asked for.

    Empty for a dataset without versions. Raises Invalid if the dataset is released: who has a permit for that version
    would have new files at once.
    """
    if records.mapping.released([dataset]):
        raise Invalid(f"{dataset} is released: say by --version to which version of it these files belong")
    shelved = [each for each in state.shelf.all() if each.manifest.dataset == dataset]
    published = [each for each in shelved if each.state is ReleaseState.PUBLISHED]
    for each in (*published, *reversed(shelved)):
        if each.state is not ReleaseState.WITHDRAWN:
            return each.manifest.version
    offered = [each.version for each in state.settings.requests.datasets if each.dataset == dataset]
    return offered[-1] if offered else ""


def _new_place(settings: Settings, size_bytes: int, waiting: Waiting) -> str:
    volume = volume_for(size_bytes, settings, waiting) if settings.archive.volumes else MAIN
    return named_place(secrets.token_hex(16), volume)


def _record_change(audit: AuditLog, outbox: Outbox, change: Change, connection: Connection) -> None:
    file = change.file
    unindexed = file.stored.unindexed if file.stored else ""
    is_failed = change.act in _FAILED or (change.act is Act.INDEX and unindexed)
    outcome = Outcome.FAILED if is_failed else Outcome.DONE
    audit.append(f"archive.{change.act}", actor=change.actor, outcome=outcome, objects=(f"file:{file.id}",))
    told = {"provider": file.provider, "upload": file.upload, "version": file.version, "state": file.state}
    if change.act in _TOLD:
        reason = {"reason": file.reason} if file.reason else {}
        outbox.write(connection, f"eu.gdi.archive.file.{file.state}", file.id, told | reason)
    if change.act in {Act.FINISH, Act.INDEX} and unindexed:
        outbox.write(connection, UNINDEXED, file.id, told | {"reason": unindexed})
    elif change.act is Act.INDEX:
        outbox.write(connection, INDEXED, file.id, told)


def _tell_wrong_index(outbox: Outbox, companion: Companion, connection: Connection) -> None:
    told = {"dataFile": companion.data, "reason": companion.note}
    outbox.write(connection, WRONG_INDEX, companion.index, told)


def _record_mapping(audit: AuditLog, outbox: Outbox, mapped: Mapped, connection: Connection) -> None:
    act = "map" if mapped.added else {"released": "release", "deprecated": "deprecate"}[mapped.state]
    version = (f"version:{mapped.version}",) if mapped.version else ()
    objects = (f"dataset:{mapped.dataset}", *version, *(f"file:{file}" for file in mapped.added))
    audit.append(f"archive.{act}", actor=mapped.actor, objects=objects)
    kind = "mapped" if mapped.added else mapped.state
    outbox.write(connection, f"eu.gdi.archive.dataset.{kind}", mapped.dataset, {"files": list(mapped.added)})


@dataclass(frozen=True, slots=True)
class Archive:
    """The archive of a serving process. `service` is the Reception that whoever receives uploads is given."""

    records: Records
    volumes: Volumes
    storage: Storage
    inbox: Storage
    keyring: Keyring
    service: ArchiveService
    taking_in: TakingIn
    dispatcher: Dispatcher


def open_archive(state: NodeState) -> Archive:
    """Everything wired, nothing begun. Raises Invalid for keys or a storage that cannot be used."""
    import sqlalchemy.orm  # noqa: F401  or the thread that imports DBOS would bring it, half of it seen by others

    from opengdi.archive.dispatching import Dispatcher
    from opengdi.archive.keyring import load_keyring
    from opengdi.archive.taking import StoringIntake
    from opengdi.archive.workflows import Patience, TakingIn

    settings, records = state.settings.archive, open_records(state)
    volumes, inbox = open_volumes(state.settings), open_inbox(state.settings)
    storage = as_one(volumes)
    keyring = load_keyring(state.keys, recovery_key=settings.recovery_key)
    patience = Patience(settings.attempts, settings.first_rest_s, settings.longest_rest_s)
    intake = StoringIntake(storage, keyring)
    taking_in = TakingIn(records.registry, inbox, intake, state.clock, patience)
    dispatcher = Dispatcher(
        records.registry, taking_in, partial(_open_jobs, state.settings), state.clock, at_once=settings.jobs
    )
    service = ArchiveService(
        records.registry,
        settings.ingest_on_upload,
        dispatcher.nudge,
        intake.taken_bytes,
        records.companions.of,
    )
    return Archive(records, volumes, storage, inbox, keyring, service, taking_in, dispatcher)


def open_storage(settings: Settings) -> Storage:
    """Where archived files lie."""
    return as_one(open_volumes(settings))


def open_inbox(settings: Settings) -> Storage:
    """Where uploads lie until they are archived."""
    return open_place(settings.archive.inbox, settings.node.data_dir / INBOX, settings.archive)


def _open_jobs(settings: Settings) -> Jobs:
    """Imported here: DBOS costs a third of a second and 25 MB, which an archive without uploads need not spend."""
    from opengdi.kernel.jobs.durable import DurableJobs

    url = settings.database.url
    return DurableJobs(url.get_secret_value() if url else settings.node.data_dir / JOBS_FILE, executor="node")


def archive_part(state: NodeState, archive: Archive) -> Part:
    """The archive while a node serves: its jobs, the provider's view, health, and what it tells others."""
    tell_served(state.settings)
    courier = _courier(state)
    sender = Sender(archive.records.outbox, courier)
    callers = file_callers(state)
    return Part(
        routes=archive_routes(archive.service, callers.identify),
        probes=(
            _storage_probe(archive.volumes, state.settings),
            _jobs_probe(archive),
            _outbox_probe(archive.records.outbox, sender),
        ),
        background=(archive.dispatcher.run, sender.run, *(each.run for each in _keeping(archive))),
        collectors=(FilesByState(archive.records.registry),),
        ending=archive.taking_in.stop,
        close=partial(_close, archive, courier),
    )


def _keeping(archive: Archive) -> tuple[Ticking, ...]:
    """What need not be done before files are handed over, nor wait for it: a disk may be silent for minutes."""
    facts = {"writing facts beside bodies": archive.taking_in.keep_facts}
    rests = {"clearing what was given up": archive.taking_in.tidy}
    return Ticking("archive-facts", FACTS_S, facts), Ticking("archive-rests", RESTS_S, rests)


def _close(archive: Archive, courier: Courier) -> None:
    archive.taking_in.stop()  # also where nobody asked it to end
    archive.dispatcher.close()
    courier.close()


def _courier(state: NodeState) -> Courier:
    settings = state.settings.archive
    if not settings.notify_url:
        return LogCourier()
    from opengdi.kernel.courier import HttpCourier

    return HttpCourier(
        settings.notify_url,
        state.keys.signing_key(SIGNING_KEY),
        state.clock,
        sender=state.settings.node.id,
        receiver=settings.notify_url,
        timeout_s=settings.notify_timeout_s,
    )


def _storage_probe(volumes: Volumes, settings: Settings) -> Probe:
    def look() -> Finding:
        for volume in volumes.values():
            asyncio.run(volume.exists("health"))
        full = without_room(settings)
        detail = ", ".join(type(volume).__name__ for volume in volumes.values())
        if full:
            told = f"{detail}; without room for new files: {', '.join(full)}"
            is_full = len(full) + len(settings.archive.closed) == len(volumes)
            return Finding(Condition.DEGRADED if is_full else Condition.OK, told)
        return Finding(detail=detail)

    return Probe("archive-storage", look, needed=False)


def _jobs_probe(archive: Archive) -> Probe:
    def look() -> Finding:
        if archive.dispatcher.trouble:
            return Finding(Condition.DEGRADED, archive.dispatcher.trouble)
        waiting, dead = archive.records.registry.backlog()
        detail = f"{waiting} files under way"
        if dead:
            return Finding(Condition.DEGRADED, f"{detail}; {dead} given up: gdi archive list --state dead")
        return Finding(detail=detail)

    return Probe("archive-jobs", look, needed=False)


def _outbox_probe(outbox: Outbox, sender: Sender) -> Probe:
    def look() -> Finding:
        backlog = outbox.backlog()
        trouble = sender.trouble or backlog.trouble
        detail = f"{backlog.waiting} events wait"
        return Finding(Condition.DEGRADED, f"{detail}: {trouble}") if trouble else Finding(detail=detail)

    return Probe("outbox", look, needed=False)


class FilesByState(Collector):
    """How many files, and how many bytes of them, are in each state."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        """The metrics, as `prometheus_client` asks a collector for them."""
        counts = self._registry.counts()
        files = GaugeMetricFamily(f"{NAMESPACE}_archive_files", "Files by state.", labels=("state",))
        bytes_ = GaugeMetricFamily(
            f"{NAMESPACE}_archive_uploaded_bytes", "Bytes that were sent, by state.", labels=("state",)
        )
        for state in FileState:
            number, size_bytes = counts.get(state, (0, 0))
            files.add_metric((state,), number)
            bytes_.add_metric((state,), size_bytes)
        yield files
        yield bytes_
