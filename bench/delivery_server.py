"""A serving process of its own core for `bench.delivery`: the download API over a directory, or the peer.

`python -m bench.delivery_server FOLDER ours|peer|store [PORT]`; prints its port when it accepts. With a port,
our own reads the body out of the object store there: that is `store`, the peer on the client's core.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Scope

from opengdi.delivery.download.api import DownloadApi, DownloadParts
from opengdi.delivery.download.grants import Grants
from opengdi.delivery.download.listing import Listing
from opengdi.delivery.download.pins import HeaderPins
from opengdi.delivery.download.recipients import RecipientKeys
from opengdi.delivery.download.service import Downloads
from opengdi.delivery.drs.api import SERVICE_TYPE
from opengdi.delivery.model import HeldFile
from opengdi.delivery.streams import Streams
from opengdi.delivery.urls import UrlSigner
from opengdi.kernel.audit.journal import open_journal
from opengdi.kernel.clock import SystemClock
from opengdi.kernel.database import open_engine
from opengdi.kernel.errors import NotFound
from opengdi.kernel.http.callers import Callers
from opengdi.kernel.http.edge import Edge
from opengdi.kernel.http.routing import Routing
from opengdi.kernel.http.server import Address, Listener, serve
from opengdi.kernel.ids import ReleaseId
from opengdi.kernel.keys import Secret, SigningKey
from opengdi.kernel.principal import Principal
from opengdi.kernel.storage import Storage
from opengdi.kernel.storage.directory import DirectoryStorage
from opengdi.kernel.storage.object_store import ObjectStorage
from opengdi.standards.crypt4gh import KEY_BYTES, DataKey, Header
from opengdi.standards.service_info import Organisation, Service
from opengdi.testing.identity import gated, proof

TOKEN, DATASET, BODY, BASE = "bench-token-bench-token", "GDI-XX-BENCH-1", "body", "/download/v1"
BUCKET = "bucket"
OBJECT = f"/{BUCKET}/{BODY}"
THEN = datetime(2026, 1, 1, tzinfo=UTC)


class OneFile:
    """`Files` with the one body of the folder."""

    def __init__(self, storage: Storage, size: int) -> None:
        self._storage = storage
        self._file = HeldFile(
            BODY, BODY, "", (ReleaseId(DATASET),), size, size, "0" * 64, "0" * 64, THEN, THEN
        )

    async def find(self, file_id: str) -> HeldFile:
        if file_id != BODY:
            raise NotFound(file_id)
        return self._file

    async def header(self, _file: HeldFile) -> Header:
        return Header((DataKey(bytes(KEY_BYTES)),))

    async def index(self, _file: HeldFile) -> bytes | None:
        return None

    def read_body(self, _file: HeldFile, first: int, stop: int) -> AsyncIterator[bytes]:
        return self._storage.get(BODY, first, stop)

    async def in_dataset(self, _dataset: str) -> Sequence[HeldFile]:
        return [self._file]

    async def releases(self) -> Sequence[ReleaseId]:
        return [ReleaseId(DATASET)]


def main() -> None:
    folder, kind, *store = Path(sys.argv[1]), *sys.argv[2:]
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores) if kind == "store" else max(cores)})
    if kind == "ours":
        serve_ours(folder, _objects(store[0]) if store else DirectoryStorage(folder / "store"))
    else:
        serve_peer(folder / "store" / BODY)


def _objects(port: str) -> Storage:
    nobody = {"access_key_id": "bench", "secret_access_key": "bench", "region": "us-east-1"}
    return ObjectStorage.at(
        f"s3://{BUCKET}", nobody | {"endpoint": f"http://127.0.0.1:{port}"}, {"allow_http": True}
    )


def serve_ours(folder: Path, storage: Storage) -> None:
    """Everything that stands before a byte in a node: edge, door, limits, audit chain, storage."""
    clock = SystemClock()
    with open_journal(folder / "audit", "node", key=SigningKey.generate(), clock=clock) as audit:
        app = Edge(Routing(mounts={BASE: _api(folder, storage, audit, clock)}), clock=clock)
        anywhere = Address("127.0.0.1", 0)
        serve(
            Listener(app, anywhere),
            Listener(app, anywhere),
            announce=lambda public, _management: print(public.port, flush=True),
        )


def _api(folder: Path, storage: Storage, audit, clock: SystemClock) -> ASGIApp:
    engine = open_engine(folder / "state.sqlite")
    files: Any = OneFile(storage, (folder / "store" / BODY).stat().st_size)
    downloads = Downloads(files, HeaderPins(engine, clock, timedelta(hours=1)))
    secret = Secret(bytes(32))
    parts = DownloadParts(
        files,
        downloads,
        Listing(files, clock, secret),
        RecipientKeys(engine, clock),
        Grants(files, downloads, UrlSigner(secret, clock, 60)),
        Streams(audit),
        _undescribed,
        Service(
            "org.example.download",
            "download",
            SERVICE_TYPE,
            Organisation("Bench", "https://example.org"),
            "1",
        ),
        clock,
    )
    api = DownloadApi(parts, Callers(secret).identify, base=BASE)
    return gated(api, {TOKEN: proof("bench", DATASET)}, clock)


async def _undescribed(_asker: Principal, file_id: str, _scope: Scope) -> dict[str, Any]:
    raise NotFound(file_id)


def serve_peer(path: Path) -> None:
    """Starlette's own way to send a file, with the same server underneath and nothing before it."""

    async def send(_request: Request) -> FileResponse:
        return FileResponse(path)

    class Server(uvicorn.Server):
        async def startup(self, sockets=None) -> None:
            await super().startup(sockets)
            print(self.servers[0].sockets[0].getsockname()[1], flush=True)

    app = Starlette(routes=[Route("/", send), Route(OBJECT, send)])
    Server(uvicorn.Config(app, port=0, log_level="error", loop="uvloop", http="httptools")).run()


if __name__ == "__main__":
    main()
