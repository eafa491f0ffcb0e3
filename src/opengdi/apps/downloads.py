"""Wiring of what a node gives out besides htsget: downloads, DRS, reference sequences."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Scope

from opengdi.apps.described import described_service
from opengdi.apps.doors import file_callers
from opengdi.apps.process import Part
from opengdi.delivery.download.api import Describe, DownloadApi, DownloadParts
from opengdi.delivery.download.api import shape as download_shape
from opengdi.delivery.download.grants import Grants
from opengdi.delivery.download.listing import Listing
from opengdi.delivery.download.pins import HeaderPins
from opengdi.delivery.download.recipients import RecipientKeys
from opengdi.delivery.download.service import Downloads
from opengdi.delivery.drs.api import SERVICE_TYPE as DRS_TYPE
from opengdi.delivery.drs.api import DrsApi, DrsProfile
from opengdi.delivery.drs.api import shape as drs_shape
from opengdi.delivery.drs.ports import Passports
from opengdi.delivery.drs.service import Addresses, Objects
from opengdi.delivery.ports import TakenBack, nothing_taken_back
from opengdi.delivery.refget.api import SERVICE_TYPE as REFGET_TYPE
from opengdi.delivery.refget.api import RefgetApi, RefgetProfile
from opengdi.delivery.refget.shelf import SequenceShelf
from opengdi.delivery.streams import Streams
from opengdi.delivery.urls import UrlSigner
from opengdi.kernel.http.origin import origin_of
from opengdi.kernel.ids import ReleaseId
from opengdi.standards.drs import BASE_PATH as DRS_PATH
from opengdi.standards.drs.ids import escape_id

if TYPE_CHECKING:
    from opengdi.apps.node import NodeState
    from opengdi.apps.settings import Settings
    from opengdi.delivery.ports import Files
    from opengdi.kernel.principal import Principal, Visa

DOWNLOAD_PATH: Final = "/download/v1"
FIELD_PATHS: Final = ("/files", "/datasets", "/metadata", "/objects", "/s3", "/s3-encrypted", "/service-info")
"""Where clients of the field's archives ask: the same API, without a base. `/s3` is where uploads go, too."""

REFGET: Final = "refget"
ADDRESSES: Final = "addresses"
"""Name of the secret that signs addresses and page tokens."""


def open_streams(state: NodeState) -> Streams:
    """One limit for whatever sends bodies to a caller."""
    return Streams(state.audit, state.settings.download.streams_per_caller)


def downloads_part(
    state: NodeState,
    files: Files,
    streams: Streams,
    passports: Passports,
    *,
    htsget_path: str = "",
    taken_back: TakenBack = nothing_taken_back,
) -> Part:
    """Downloads and DRS over the deliverable files; htsget_path: where htsget answers, empty: nowhere.

    taken_back: what ends addresses that were given out.
    """
    settings, clock = state.settings, state.clock
    pins = HeaderPins(state.engine, clock, timedelta(hours=settings.download.header_hours))
    downloads, keys = Downloads(files, pins), RecipientKeys(state.engine, clock)
    signer = UrlSigner(state.keys.secret(ADDRESSES), clock, settings.download.address_s)
    grants = Grants(files, downloads, signer, taken_back)
    objects = Objects(files, grants, keys, clock=clock, audit=state.audit)
    addresses, service = _addresses(settings, htsget_path), described_service(settings, "drs", DRS_TYPE)
    listing, describe = Listing(files, clock, state.keys.secret(ADDRESSES)), _describing(objects, addresses)
    parts = DownloadParts(
        files, downloads, listing, keys, grants, streams, describe, service, clock, taken_back
    )
    drs = DrsApi(
        objects,
        passports,
        file_callers(state).identify,
        DrsProfile(service, settings.drs.max_bulk, settings.drs.tells_totals),
        addresses,
        allowed_origins=settings.download.cors_origins,
    )
    served = _download_mounts(state, parts)
    return Part(
        mounts={**served, DRS_PATH: drs}, shapes=dict.fromkeys(served, download_shape) | {DRS_PATH: drs_shape}
    )


def _describing(objects: Objects, addresses: Callable[[Scope], Addresses]) -> Describe:
    async def describe(asker: Principal, file_id: str, scope: Scope) -> dict[str, Any]:
        return (await objects.describe(asker, file_id, addresses(scope))).as_document()

    return describe


def _download_mounts(state: NodeState, parts: DownloadParts) -> dict[str, ASGIApp]:
    """The download API at its own address, and where clients of the field look for it, unless that is off."""
    settings, identify = state.settings.download, file_callers(state).identify
    bases = {DOWNLOAD_PATH: DOWNLOAD_PATH} | (dict.fromkeys(FIELD_PATHS, "") if settings.field_paths else {})
    return {
        path: DownloadApi(parts, identify, base=base, allowed_origins=settings.cors_origins)
        for path, base in bases.items()
    }


def bundle_address(settings: Settings, files: Files) -> Callable[[str, Sequence[Visa]], Awaitable[str]]:
    """Where DRS tells of a dataset as a bundle of its files; empty where visas open none of them.

    Empty as well if the node has no public address.
    """
    external = settings.public.external_url

    async def address(dataset: str, visas: Sequence[Visa]) -> str:
        if not external:
            return ""
        held = [ReleaseId(dataset, version) for version in await files.versions_of(dataset)]
        is_open = any(visa.opens_any(held) for visa in visas)
        return f"{external}{DRS_PATH}/objects/{escape_id(dataset)}" if is_open else ""

    return address


def refget_shelf(settings: Settings) -> SequenceShelf:
    """The reference sequences of a node."""
    return SequenceShelf(settings.node.data_dir / REFGET)


def refget_part(settings: Settings) -> Part:
    """Reference sequences, which are everybody's."""
    refget = settings.refget
    profile = RefgetProfile(described_service(settings, "refget", REFGET_TYPE), refget.subsequence_limit)
    return Part(mounts={refget.path: RefgetApi(refget_shelf(settings), profile, base=refget.path)})


def _addresses(settings: Settings, htsget_path: str) -> Callable[[Scope], Addresses]:
    """Addresses by the settings; where those name none, by the way the caller came."""
    told = settings.public.external_url

    def addresses(scope: Scope) -> Addresses:
        origin = told or origin_of(scope)
        host = settings.drs.host or urlsplit(origin).hostname or "localhost"
        return Addresses(host, origin + DOWNLOAD_PATH, origin + htsget_path if htsget_path else "")

    return addresses
