"""Real `gdi` processes for the system tests: found a node, start it, stop it by signal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.system.ports import free_port

from opengdi.apps.demo.command import gdi

START_S = 60.0
PACKAGE_PATH = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
"""Nothing else of the environment reaches a server, so that no setting of somebody's shell does."""
GDI = (sys.executable, "-c", "from opengdi.apps.cli import main; main()")


@dataclass
class Serving:
    """A serving process and where it listens; `log` is its standard error, complete once it has ended."""

    process: subprocess.Popen[bytes]
    public: str
    management: str
    log: Path

    def stop(self) -> int:
        """Exit code after SIGTERM."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=START_S)


def run_gdi(*arguments: object, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*GDI, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=START_S, env=env
    )


def typed(*arguments: object) -> str:
    """What a command printed that only prepares a test: in this process, a second sooner than in one of its own.

    Its files are its user's alone, as `gdi` makes them. Raises Unavailable with its last words if it failed.
    """
    before = os.umask(0o077)
    try:
        return gdi(*map(str, arguments))
    finally:
        os.umask(before)


@contextmanager
def serving(role: str, config: Path, data_dir: Path, **variables: str) -> Iterator[Serving]:
    """`gdi <role> start` until the block ends, with `variables` in its environment; the ports are free ones.

    The public one stays free for the next process of the same node, once this one has ended.
    """
    ports = {"GDI_PUBLIC__PORT": str(free_port()), "GDI_MANAGEMENT__PORT": "0"}
    env = {**ports, **PACKAGE_PATH, **variables}
    log = data_dir.parent / f"{role}.log"
    with log.open("wb") as err:
        process = subprocess.Popen([*GDI, role, "start", "--config", str(config)], stderr=err, env=env)
    try:
        listening = _wait_for(data_dir / "listening.json", process, log)
        yield Serving(process, listening["public"], listening["management"], log)
    finally:
        process.kill()
        process.wait()


def _wait_for(file: Path, process: subprocess.Popen[bytes], log: Path) -> dict[str, str]:
    deadline = time.monotonic() + START_S
    while not file.exists():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, f"no {file} after {START_S} s: {log.read_text()}"
        time.sleep(0.02)
    return json.loads(file.read_text())
