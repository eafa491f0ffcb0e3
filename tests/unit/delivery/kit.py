"""A delivering node in memory: files, callers, the APIs, and a client without sockets."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import crypt4gh.lib
import httpx
from sqlalchemy import Engine
from starlette.types import ASGIApp, Scope
from tests.unit.delivery.recorded import RecordedAudit

from opengdi.apps.doors import ShownPassports
from opengdi.delivery.download.api import DownloadApi, DownloadParts, shape
from opengdi.delivery.download.grants import Grants
from opengdi.delivery.download.listing import Listing
from opengdi.delivery.download.pins import HeaderPins, pinned_headers
from opengdi.delivery.download.recipients import RecipientKeys, recipient_keys
from opengdi.delivery.download.service import Downloads
from opengdi.delivery.drs.api import SERVICE_TYPE, DrsApi, DrsProfile
from opengdi.delivery.drs.api import shape as drs_shape
from opengdi.delivery.drs.ports import Passports
from opengdi.delivery.drs.service import Addresses, Objects
from opengdi.delivery.ports import TakenBack, nothing_taken_back
from opengdi.delivery.streams import Streams
from opengdi.delivery.urls import UrlSigner
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.database import metadata, open_engine
from opengdi.kernel.http.callers import Callers
from opengdi.kernel.http.edge import Edge
from opengdi.kernel.http.faults import ErrorShape
from opengdi.kernel.http.routing import Routing
from opengdi.kernel.keys import Secret
from opengdi.kernel.principal import Principal, Visa
from opengdi.standards.coordinates import Interval
from opengdi.standards.crypt4gh import PrivateKey
from opengdi.standards.drs import BASE_PATH
from opengdi.standards.service_info import Organisation, Service
from opengdi.testing.delivery import MemoryFiles
from opengdi.testing.identity import credentials_of, gated, proof

DATASET, OTHER = "GDI-XX-TEST-1", "https://doi.org/10.5555/other"
"""The second one is an id with `://` and `/`, as registries of data give them."""
ADA, EVE, REGIONAL, FIRST = "ada" * 8, "eve" * 8, "reg" * 8, "one" * 8
HOLDERS = {
    "of the first version": (FIRST, (Visa(DATASET, version="1"),)),
    "ada": (ADA, (Visa(DATASET, id="GDIP-1.1"), Visa(OTHER))),
    "eve": (EVE, ()),
    "regional": (REGIONAL, (Visa(DATASET, (Interval("22", 0, 1000),)),)),
}
BASE, ORIGIN = "/download/v1", "https://node.example.org"
ADDRESSES = Addresses("node.example.org", ORIGIN + BASE, f"{ORIGIN}/htsget")
SERVICE = Service("org.example.drs", "DRS", SERVICE_TYPE, Organisation("Example", "https://example.org"), "1")
READER = PrivateKey(bytes(range(32)))
KEY = {"X-C4GH-Public-Key": str(READER.public)}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


PROOFS = {token: proof(name, *visas) for name, (token, visas) in HOLDERS.items()}
"""What the people of these tests prove, by the tokens that they show."""


@dataclass
class Delivering:
    """Everything that the delivering APIs stand on."""

    engine: Engine
    files: MemoryFiles = field(default_factory=MemoryFiles)
    clock: FixedClock = field(default_factory=FixedClock)
    audit: RecordedAudit = field(default_factory=RecordedAudit)
    public: tuple[Visa, ...] = ()
    taken_back: TakenBack = nothing_taken_back

    def __post_init__(self) -> None:
        self.callers = Callers(Secret(b"p" * 32), self.public)
        self.downloads = Downloads(self.files, HeaderPins(self.engine, self.clock, timedelta(hours=1)))
        self.keys = RecipientKeys(self.engine, self.clock)
        signer = UrlSigner(Secret(b"u" * 32), self.clock, 60)
        self.grants = Grants(self.files, self.downloads, signer, self.taken_back)
        self.streams = Streams(self.audit, per_caller=4)

    def download_api(self, base: str = BASE) -> DownloadApi:
        listing = Listing(self.files, self.clock, Secret(b"l" * 32))
        parts = DownloadParts(
            self.files,
            self.downloads,
            listing,
            self.keys,
            self.grants,
            self.streams,
            self._describe,
            SERVICE,
            self.clock,
            self.taken_back,
        )
        return DownloadApi(parts, self.callers.identify, base=base, allowed_origins=("https://portal",))

    @property
    def objects(self) -> Objects:
        return Objects(self.files, self.grants, self.keys, clock=self.clock, audit=self.audit)

    async def _describe(self, asker: Principal, file_id: str, _scope: Scope) -> dict[str, Any]:
        return (await self.objects.describe(asker, file_id, ADDRESSES)).as_document()

    def drs_api(self, passports: Passports | None = None) -> DrsApi:
        return DrsApi(
            self.objects,
            passports or ShownPassports(credentials_of(PROOFS)),
            self.callers.identify,
            DrsProfile(SERVICE, most_in_bulk=5),
            lambda _scope: ADDRESSES,
            allowed_origins=("https://portal",),
        )

    def drs_client(self, passports: Passports | None = None) -> Any:
        mounts: dict[str, ASGIApp] = {BASE_PATH: self.drs_api(passports), BASE: self.download_api()}
        return self.client(mounts, {BASE_PATH: drs_shape, BASE: shape})

    def client(
        self, mounts: dict[str, ASGIApp] | None = None, shapes: dict[str, ErrorShape] | None = None
    ) -> Any:
        """A client of the mounted APIs behind the edge; of downloads alone, if none are named."""
        mounts = mounts or {BASE: self.download_api()}
        app = Edge(gated(Routing(mounts=mounts), PROOFS), clock=self.clock, shapes=shapes or {BASE: shape})
        transport = httpx.ASGITransport(app=app, client=("192.0.2.1", 1))
        return httpx.AsyncClient(transport=transport, base_url="https://node.example.org")


@contextmanager
def delivering(folder: Any, **more: Any) -> Iterator[Delivering]:
    engine = open_engine(folder / "state.sqlite")
    metadata.create_all(engine, tables=[pinned_headers, recipient_keys])
    try:
        yield Delivering(engine, **more)
    finally:
        engine.dispose()


def decrypted(whole: bytes, reader: PrivateKey = READER) -> bytes:
    """What the reference reader makes of a Crypt4GH file."""
    plain = io.BytesIO()
    crypt4gh.lib.decrypt([(0, reader.reveal(), None)], io.BytesIO(whole), plain)
    return plain.getvalue()
