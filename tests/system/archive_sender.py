"""A process that uploads files as a provider's door would: `archive_sender.py CONFIG FOLDER`; killed, it is run again.
Settings come from the variables too.

Lays the bytes of every file of the folder into the inbox in pieces, then hands the upload to the archive's records.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.archive_kit import lay_in

from opengdi.apps.archive import open_inbox, open_records
from opengdi.apps.node import NodeState, open_state
from opengdi.apps.settings_file import load_settings
from opengdi.archive.ports import Received
from opengdi.kernel.clock import SystemClock
from opengdi.kernel.errors import NotFound

PIECE_BYTES = 50_000
MOST_PIECES = 16


def main(config: Path, folder: Path) -> None:
    with open_state(load_settings(config), SystemClock()) as state:
        for file in sorted(folder.iterdir()):
            send(state, file)


def send(state: NodeState, file: Path) -> None:
    registry, inbox = open_records(state).registry, open_inbox(state.settings)
    try:
        registry.newest("lab", file.name)
    except NotFound:
        content = file.read_bytes()
        piece_bytes = max(PIECE_BYTES, -(-len(content) // MOST_PIECES))
        pieces = asyncio.run(lay_in(inbox, file.stem, content, piece_bytes=piece_bytes))
        registry.receive(Received(file.stem, "lab", file.name, pieces, "token:lab"), submit=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
