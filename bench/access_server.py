"""Serves the applications of a database over HTTP, for `bench.access`: `python -m bench.access_server STATE_FILE`.

Everything that stands before an answer in a hub, but for the gate, which `bench.identity` measures: who asks is said
by the header `x-person`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from starlette.types import Scope

from bench.access import MEMBER, desk_over, person
from opengdi.access.applications.api import Desk, application_routes
from opengdi.access.applications.attachments import AttachmentStore, no_scan
from opengdi.access.applications.deletions import Deletions
from opengdi.kernel.clock import SystemClock
from opengdi.kernel.database import open_engine
from opengdi.kernel.http.edge import Edge
from opengdi.kernel.http.routing import Routing
from opengdi.kernel.http.server import Address, Listener, serve
from opengdi.kernel.keys import Secret
from opengdi.kernel.principal import Principal
from opengdi.kernel.storage.directory import DirectoryStorage


def main() -> None:
    file = Path(sys.argv[1])
    engine, clock = open_engine(file), SystemClock()
    applications, views = desk_over(engine)
    store = AttachmentStore(
        DirectoryStorage(file.parent / "attachments"),
        Secret(bytes(32)),
        Deletions(engine, clock),
        limit_bytes=1_000_000,
        scan=no_scan,
        new_id=lambda: "",
    )
    app = Edge(Routing(application_routes(Desk(applications, views, store, _identify))), clock=clock)
    anywhere = Address("127.0.0.1", 0)
    serve(
        Listener(app, anywhere),
        Listener(app, anywhere),
        announce=lambda public, _management: print(public.port, flush=True),
    )


def _identify(scope: Scope) -> Principal:
    who = dict(scope["headers"])[b"x-person"].decode()
    return MEMBER if who == MEMBER.subject else person(who)


if __name__ == "__main__":
    main()
