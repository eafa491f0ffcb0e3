"""The demo as a person runs it, kept open: three nodes, a hub, a permit, and everybody who took part."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.system.serving import GDI

WALK_S = 600


@dataclass(frozen=True)
class OpenDemo:
    """A demo that stays up: where its portal is, a token for counting people, and all it said."""

    portal: str
    token: str
    said: str

    def node(self, country: str) -> str:
        """Address of a country's node."""
        return self._find(rf"{country} \(demo\): (http\S+)")

    @property
    def permit(self) -> str:
        return self._find(r"(GDIP-[A-Z0-9]+)")

    @property
    def organisation(self) -> str:
        return self._find(r"(GDIO-[A-Z0-9]+)")

    def _find(self, pattern: str) -> str:
        found = re.search(pattern, self.said)
        assert found
        return found[1]


@contextmanager
def open_demo(folder: Path) -> Iterator[OpenDemo]:
    """Runs until the block ends; fails if it does not end well."""
    log = folder / "said"
    with log.open("wb") as out:
        command = [*GDI, "demo", "--folder", str(folder / "data")]
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
    try:
        said = _wait_for(log, process, "Ask for yourself")
        found = re.search(r"portal +(\S+)/\n +token +(\S+)", said)
        assert found
        yield OpenDemo(found[1], found[2], said)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def _wait_for(log: Path, process: subprocess.Popen[bytes], words: str) -> str:
    deadline = time.monotonic() + WALK_S
    while words not in (said := log.read_text()):
        assert process.poll() is None, said
        assert time.monotonic() < deadline, said
        time.sleep(0.2)
    return said
