"""The composition root of a node: the state that every `gdi` command shares, and the process that serves it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Engine, text

from opengdi.apps.disk import make_private_folder
from opengdi.apps.migrations import migrate
from opengdi.apps.process import Part, Process, alone_in, assemble, serve_process
from opengdi.apps.settings import DatabaseSettings, Settings
from opengdi.discovery.manifests import manifest_digest
from opengdi.discovery.releases import Change, Shelf
from opengdi.kernel.audit.journal import AuditJournal, Cadence, open_journal
from opengdi.kernel.audit.ports import AuditLog
from opengdi.kernel.clock import Clock
from opengdi.kernel.database import open_engine, reading
from opengdi.kernel.health import Condition, Finding, Probe
from opengdi.kernel.keys import KeyFolder
from opengdi.kernel.release import ReleaseState
from opengdi.portal.pages import NodeFacts, node_page_routes

if TYPE_CHECKING:
    from opengdi.access.cases.ports import HearsWord
    from opengdi.apps.access_wire import NodeWire
    from opengdi.apps.archive import Archive
    from opengdi.apps.identity import OpenIdentity
    from opengdi.delivery.ports import Files
    from opengdi.delivery.streams import Streams

STATE_FILE: Final = "state.sqlite"
RELEASES: Final = "releases"
MANIFEST_KEY: Final = "manifests"
"""Of the keys: signs the manifests of releases, and is not changed as the node's own key may be."""
AUDIT: Final = "audit"
SIGNING_KEY: Final = "node"
COMMAND, SERVING = "command", "node"
"""Writers of audit chains: a command, the serving process."""


@dataclass(frozen=True, slots=True)
class NodeState:
    """What a node keeps, opened: for a command that acts on it and for the process that serves it.

    Every change of the shelf is in the audit chain, or it does not happen.
    """

    settings: Settings
    clock: Clock
    engine: Engine
    keys: KeyFolder
    audit: AuditJournal
    shelf: Shelf

    @property
    def data_dir(self) -> Path:
        return self.settings.node.data_dir


@contextmanager
def open_state(settings: Settings, clock: Clock, *, writer: str = COMMAND) -> Iterator[NodeState]:
    """The node's state, its folders made and its database at the newest revision; closed at the end.

    writer: whose audit chain this process writes.
    Raises Invalid, Conflict or Unavailable, naming what does not open.
    """
    node = settings.node
    make_private_folder(node.data_dir)
    make_private_folder(node.data_dir / RELEASES)
    with ExitStack() as opened:
        keys = KeyFolder(node.keys_dir, data_dir=node.data_dir)
        engine = open_database(settings.database, node.data_dir)
        opened.callback(engine.dispose)
        audit = opened.enter_context(
            open_journal(
                node.data_dir / AUDIT,
                writer,
                key=keys.signing_key(SIGNING_KEY),
                clock=clock,
                cadence=Cadence(**settings.audit.model_dump()),
            )
        )
        shelf = Shelf(
            engine,
            node.data_dir / RELEASES,
            clock,
            keys.signing_key(MANIFEST_KEY),
            on_change=partial(_record_change, audit),
        )
        yield NodeState(settings, clock, engine, keys, audit, shelf)


_ACTS: Final = {
    ReleaseState.LOADED: "dataset.load",
    ReleaseState.PUBLISHED: "dataset.publish",
    ReleaseState.HIDDEN: "dataset.hide",
    ReleaseState.REPLACED: "dataset.replace",
    ReleaseState.WITHDRAWN: "dataset.withdraw",
}


def _record_change(audit: AuditLog, change: Change) -> None:
    manifest = change.release.manifest
    release = f"release:{manifest.dataset}:{manifest.version}"
    objects = (release, f"manifest:{manifest_digest(manifest)}")
    audit.append(_ACTS[change.after], actor=f"operator:{os.getuid()}", objects=objects)


def open_database(settings: DatabaseSettings, data_dir: Path) -> Engine:
    """Engine for the configured database, or the file in the data directory, at the newest revision."""
    engine = open_engine(settings.url.get_secret_value() if settings.url else data_dir / STATE_FILE)
    migrate(engine)
    return engine


def database_probe(engine: Engine) -> Probe:
    """Whether the state database answers."""

    def look() -> Finding:
        with reading(engine) as connection:
            connection.execute(text("SELECT 1"))
        return Finding(detail=engine.dialect.name)

    return Probe("database", look)


def audit_probe(audit: AuditJournal) -> Probe:
    """Whether events are signed and reach the disk."""

    def look() -> Finding:
        return Finding(Condition.FAILED, audit.trouble) if audit.trouble else Finding(detail=audit.writer)

    return Probe("audit", look)


def build_node(state: NodeState) -> Process:
    """The node's process, wired and not yet started."""
    from opengdi.apps.access_wire import open_node_wire
    from opengdi.apps.entitlements import open_node_permits
    from opengdi.apps.erasure import NodeErasing
    from opengdi.apps.identity import open_node_identity

    wire = open_node_wire(state)  # parts of access add what they listen to
    permits = open_node_permits(state, wire)
    identity = open_node_identity(state, wire, grants=permits.grants)
    NodeErasing(state, wire).listen()
    doors = identity.doors
    return assemble(
        "node",
        state.settings,
        state.clock,
        (*_parts(state, wire, identity, permits.entitlements.hear_own_case), permits.part),
        gate=doors.gate,
        decided=doors.decisions.door,
    )


def _parts(state: NodeState, wire: NodeWire, identity: OpenIdentity, hears_word: HearsWord) -> Sequence[Part]:
    """What each feature brings, in the order in which they are closed last to first."""
    from opengdi.apps.applications import offers_part
    from opengdi.apps.archive import archive_part, open_archive
    from opengdi.apps.archive_care import Care, care_part, judging_part, leftovers_part
    from opengdi.apps.automatic import open_automatic
    from opengdi.apps.beacons import discovery_part
    from opengdi.apps.cases import attachments_of_hubs, cases_part
    from opengdi.apps.delivery import deliverable_files, htsget_part
    from opengdi.apps.downloads import bundle_address, open_streams, refget_part
    from opengdi.apps.matching import open_matching
    from opengdi.apps.notices import addresses_of, notices_part
    from opengdi.apps.organisations import providers_part
    from opengdi.apps.variants import open_served_variants, variants_part

    served, archive, streams = open_served_variants(state), open_archive(state), open_streams(state)
    care = Care(state, archive.records, archive.storage, archive.keyring)
    files, taken_back = deliverable_files(state, archive), identity.revocations.taken_back
    uploads, downloads = _ways_of_files(state, archive, files, streams, identity)
    return (
        Part(probes=(database_probe(state.engine), audit_probe(state.audit))),
        variants_part(served),
        discovery_part(state, served, bundle_address(state.settings, files)),
        archive_part(state, archive),
        uploads,
        care_part(care),
        judging_part(care),
        leftovers_part(state, archive),
        htsget_part(state, files, streams, taken_back=taken_back),
        downloads,
        refget_part(state.settings),
        cases_part(
            state,
            wire,
            state.settings.node.id,
            match=open_matching(state),
            automatic=open_automatic(state.settings),
            hears_word=hears_word,
            kept=attachments_of_hubs(state),
        ),
        offers_part(state, wire),
        _pages_part(state.settings),
        providers_part(state),
        notices_part(state, state.settings.node.name, addresses_of(identity.login)),
        wire.part(),
        *identity.parts,
    )


def _ways_of_files(
    state: NodeState, archive: Archive, files: Files, streams: Streams, identity: OpenIdentity
) -> tuple[Part, Part]:
    """Uploads and downloads, which may have an address in common."""
    from opengdi.apps.downloads import downloads_part
    from opengdi.apps.shared_s3 import sharing_s3
    from opengdi.apps.uploads import uploads_part

    downloads = downloads_part(
        state,
        files,
        streams,
        identity.doors.passports,
        htsget_path=state.settings.delivery.path,
        taken_back=identity.revocations.taken_back,
    )
    return sharing_s3(uploads_part(state, archive, identity.doors), downloads)


def _pages_part(settings: Settings) -> Part:
    """The pages for people who answer for the data of this node."""
    node = settings.node
    notice = "" if node.environment == "prod" else f"This is a {node.environment} node."
    hubs = {hub.id: hub.url.rstrip("/") for hub in settings.federation.hubs}
    return Part(routes=node_page_routes(NodeFacts(node.name, notice, hubs)))


def run_node(settings: Settings, clock: Clock) -> None:
    """Serve the node until SIGTERM or SIGINT."""
    with alone_in(settings.node.data_dir), open_state(settings, clock, writer=SERVING) as state:
        serve_process(build_node(state), settings, state.data_dir)
