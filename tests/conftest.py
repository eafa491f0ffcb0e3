"""Fixtures for every suite: the shared data, and a wall around the unit tests."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from tests.postgres import (
    empty_postgres_url,
    migrated_database,
    migrated_postgres_url,
    new_postgres_url,
    postgres_server,
    postgres_url,
)
from tests.s3 import s3_server
from xdist.scheduler import LoadFileScheduling

__all__ = [
    "empty_postgres_url",
    "migrated_database",
    "migrated_postgres_url",
    "new_postgres_url",
    "postgres_server",
    "postgres_url",
    "s3_server",
]

settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")
"""No property fails because the machine is busy."""

ROOT = Path(__file__).resolve().parents[1]
UNIT = ROOT / "tests" / "unit"
OPEN_DEMO = ("test_demo.py", "test_portal_pages.py")
"""Files that look at the same demo, in this order: the second goes on from where the demo ended."""


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with public data and official schemas, `OPENGDI_SHARED` or `../shared`; skips where it is absent."""
    folder = Path(os.environ.get("OPENGDI_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(
            f"no shared data at {folder}; set OPENGDI_SHARED to the folder that holds data/ and conformance/"
        )
    return folder


@pytest.fixture(autouse=True)
def _file_mode_mask_of_a_terminal() -> Iterator[None]:
    """Each test starts as a user's shell would (022), whatever the one before left behind."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture(autouse=True)
def _no_network_in_unit_tests(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A unit test that opens a network socket fails; socket pairs of event loops are local and stay allowed."""
    if UNIT not in Path(request.node.path).parents:
        return

    def refuse(self: socket.socket, address: object) -> None:
        if self.family != socket.AF_UNIX:
            raise AssertionError(f"a unit test tried to reach {address}: unit tests use no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "bind", refuse)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes minutes, or one process would still be at it when the others have nothing left to do."""
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    if item.path.name in OPEN_DEMO:
        return OPEN_DEMO.index(item.path.name)
    return len(OPEN_DEMO) + (ROOT / "tests" / "system" not in item.path.parents)


class ByWhatTheyShare(LoadFileScheduling):
    """Each file to one process, and the files that share the open demo to one and the same."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "the open demo" if file.rpartition("/")[2] in OPEN_DEMO else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByWhatTheyShare | None:
    return ByWhatTheyShare(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config
) -> None:
    """Say how to repeat a failed run: the order of tests is random."""
    if exitstatus:
        terminalreporter.write_line(
            f"repeat this order with --randomly-seed={config.getoption('randomly_seed')}"
        )
