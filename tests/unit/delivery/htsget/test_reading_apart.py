"""Looking through a file is no work for the event loop: records may be many, and blocks are deflated."""

from __future__ import annotations

import threading

from tests.htsget_kit import Delivering

from opengdi.delivery.htsget.source import Source
from opengdi.standards.bgzf.walking import Need, Reading


async def test_a_reading_works_in_threads_of_its_own() -> None:
    node = Delivering()
    node.files.hold("f", b"abcdefgh", file_format="", index=None)
    source = await Source.open(node.files, await node.files.find("f"))
    threads: list[int] = []

    def reading() -> Reading[bytes]:
        threads.append(threading.get_ident())
        found = yield Need(2, 5)
        threads.append(threading.get_ident())
        return found

    assert await source.run(reading()) == b"cde"
    assert threading.get_ident() not in threads
