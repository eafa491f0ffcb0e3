"""A serving process of its own core for `bench.htsget`: htsget over one BAM in memory, with a real audit chain.

`python -m bench.htsget_server BAM INDEX AUDIT_FOLDER`; prints the public address when it accepts connections.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.htsget_kit import Delivering

from opengdi.kernel.audit.journal import open_journal
from opengdi.kernel.clock import SystemClock
from opengdi.kernel.http.server import Address, Listener, serve
from opengdi.kernel.keys import SigningKey


def main(bam: Path, index: Path, audit_folder: Path) -> None:
    """Serve until killed."""
    clock = SystemClock()
    with open_journal(audit_folder, "bench", key=SigningKey.generate(), clock=clock) as audit:
        node = Delivering(clock=clock, audit=audit)
        node.files.hold("bam", bam.read_bytes(), file_format="BAM", index=index.read_bytes())
        anywhere = Address("127.0.0.1", 0)
        serve(
            Listener(node.app, anywhere),
            Listener(node.app, anywhere),
            announce=lambda public, _: print(public.url, flush=True),
        )


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
