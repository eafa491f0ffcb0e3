"""Wiring of uploads: the S3-compatible endpoint and tus, before the archive that takes the files in."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from opengdi.apps.doors import file_callers
from opengdi.apps.process import Part
from opengdi.kernel.http.edge import Limits

if TYPE_CHECKING:
    from opengdi.apps.archive import Archive
    from opengdi.apps.doors import Doors
    from opengdi.apps.node import NodeState
    from opengdi.archive.uploads.service import Inbox

MOST_BODY_BYTES: Final = 6 * 1024**4
"""Of one request: more than any upload may have; what a request may bring is said by its own protocol."""


def open_inbox_of(state: NodeState, archive: Archive) -> Inbox:
    """Whatever receives uploads, over the inbox storage and the archive's doors."""
    from opengdi.archive.intake.opening import HeaderGate
    from opengdi.archive.uploads.service import Inbox, Options
    from opengdi.archive.uploads.store import UploadStore

    settings = state.settings.uploads
    options = Options(
        piece_bytes=settings.piece_bytes,
        idle=timedelta(seconds=settings.expire_s),
        care_s=settings.care_s,
        quota_of=lambda provider: settings.quotas.get(provider, settings.quota_bytes),
        advice=lambda: (
            f"encrypt it to this node's key {archive.keyring.current.private.public}, "
            f"which {settings.tus_base_path}/key gives"
        ),
    )
    held_bytes = archive.records.registry.held_bytes
    return Inbox(
        UploadStore(state.engine, state.clock),
        archive.inbox,
        archive.service,
        partial(HeaderGate, archive.keyring),
        lambda provider: asyncio.to_thread(held_bytes, provider),
        clock=state.clock,
        options=options,
    )


def uploads_part(state: NodeState, archive: Archive, doors: Doors) -> Part:
    """Both endpoints, with time for slow senders, and the care of the inbox while the node serves."""
    from opengdi.archive.uploads.s3_api import S3Api
    from opengdi.archive.uploads.s3_identity import S3Identity
    from opengdi.archive.uploads.s3_shape import as_s3_error
    from opengdi.archive.uploads.tus_api import TusApi

    settings = state.settings.uploads
    inbox = open_inbox_of(state, archive)
    s3, tus = settings.s3_base_path, settings.tus_base_path
    patient = Limits(MOST_BODY_BYTES, state.settings.limits.request_s, settings.idle_s)
    return Part(
        mounts={
            s3: S3Api(s3, S3Identity(doors.programs, doors.credentials, state.clock, s3), inbox, state.clock),
            tus: TusApi(
                tus,
                file_callers(state).identify,
                inbox,
                state.clock,
                public_key=lambda: archive.keyring.public_text,
            ),
        },
        shapes={s3: as_s3_error},
        limits={s3: patient, tus: patient},
        background=(inbox.care.keep_tidy,),
    )
