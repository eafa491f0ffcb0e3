"""Wiring of htsget, and of the archive's files as everything that delivers sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opengdi.apps.deliverable import ArchiveFiles
from opengdi.apps.described import described_service
from opengdi.apps.doors import file_callers
from opengdi.apps.downloads import refget_shelf
from opengdi.apps.process import Part
from opengdi.delivery.download.recipients import RecipientKeys
from opengdi.delivery.htsget.api import HtsgetApi, shape
from opengdi.delivery.htsget.model import Mode
from opengdi.delivery.htsget.rules import Policy
from opengdi.delivery.htsget.service import Room, Surroundings, put_together
from opengdi.delivery.ports import TakenBack, nothing_taken_back
from opengdi.standards.htsget.request import Kind
from opengdi.standards.htsget.ticket import service_type

if TYPE_CHECKING:
    from opengdi.apps.archive import Archive
    from opengdi.apps.node import NodeState
    from opengdi.delivery.ports import Files
    from opengdi.delivery.streams import Streams
    from opengdi.standards.crypt4gh import PublicKey

SEALING: Final = "htsget"
"""Name of the secret that seals addresses and that fresh data keys are derived from."""


def deliverable_files(state: NodeState, archive: Archive) -> ArchiveFiles:
    """What of the archive may be delivered."""
    records = archive.records
    return ArchiveFiles(
        records.registry,
        records.mapping,
        records.custody,
        storage=archive.storage,
        keyring=archive.keyring,
        clock=state.clock,
    )


def htsget_part(
    state: NodeState, files: Files, streams: Streams, *, taken_back: TakenBack = nothing_taken_back
) -> Part:
    """Tickets and data of the deliverable files. taken_back: what ends addresses that were given out."""
    settings, delivery = state.settings, state.settings.delivery
    keys = RecipientKeys(state.engine, state.clock)

    async def registered_key(subject: str) -> PublicKey | None:
        found = await keys.find(subject)
        return found.key if found else None

    parts = put_together(
        Surroundings(
            files,
            streams,
            state.keys.secret(SEALING),
            state.clock,
            registered_key,
            taken_back,
            refget_shelf(settings),
        ),
        Policy(delivery.ticket_s, delivery.allow_plain, Mode(delivery.encryption_mode)),
        {kind: described_service(settings, f"htsget-{kind.datatype}", service_type()) for kind in Kind},
        room=Room(delivery.index_cache_bytes, delivery.cram_processes),
        external_url=settings.public.external_url,
    )
    callers = file_callers(state)
    api = HtsgetApi(parts, callers.identify, base=delivery.path, allowed_origins=delivery.cors_origins)
    return Part(mounts={delivery.path: api}, shapes={delivery.path: shape})
