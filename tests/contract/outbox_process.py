"""A process with one event, for the tests that kill it: `outbox_process.py DATABASE URL WHEN`."""

from __future__ import annotations

import sys
import time

from opengdi.kernel.clock import SystemClock
from opengdi.kernel.courier import HttpCourier
from opengdi.kernel.database import open_engine
from opengdi.kernel.keys import SigningKey
from opengdi.kernel.outbox import Outbox


def wait_to_be_killed() -> None:
    print("waiting", flush=True)
    time.sleep(600)


class Slow(HttpCourier):
    """Does not come back from the receiver."""

    def deliver(self, event_id: str, body: bytes) -> None:
        super().deliver(event_id, body)
        wait_to_be_killed()


def main(database: str, url: str, when: str) -> None:
    engine, clock = open_engine(database), SystemClock()
    outbox = Outbox(engine, clock, source="org.example.node", new_id=lambda: "the-event")
    with engine.begin() as connection:
        outbox.write(connection, "eu.gdi.archive.file.ready", "GDIF-EE-1", {})
    if when == "before it was sent":
        wait_to_be_killed()
    outbox.send_due(
        Slow(url, SigningKey.generate(), clock, sender="org.example.node", receiver=url, timeout_s=5)
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
