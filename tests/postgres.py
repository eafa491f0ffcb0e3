"""A PostgreSQL server of the test run's own: in a temporary folder, on a Unix socket, gone when the run ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path

import psycopg
import pytest

from opengdi.apps.migrations import migrate
from opengdi.kernel.database import open_engine

_NUMBERS = count(1)
_START_S = 30.0
_PLENTY_BYTES = 8 << 30
_INITDB = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Connection string of a fresh server; skips where PostgreSQL (Debian `postgresql`) is not installed."""
    programs = _programs()
    # pytest's own temporary folder may not be entered by another user, and its paths are too long for a socket
    folder = Path(tempfile.mkdtemp(prefix="gdi-pg-", dir=_memory()))
    try:
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            shutil.chown(folder, "postgres")
        _run(programs / "initdb", "-D", folder / "data", *_INITDB)
        command = _as_postgres(programs / "postgres", "-D", folder / "data", *_options(folder))
        with (folder / "server.log").open("wb") as log:
            server = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            yield _wait_until_ready(server, folder)
        finally:
            server.send_signal(signal.SIGINT)  # "fast": does not wait for clients
            server.wait(timeout=_START_S)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _memory() -> Path | None:
    """A folder in memory, if there is plenty of it: a run makes databases of a hundred thousand files in all, which a
    disk takes minutes to delete."""
    folder = Path("/dev/shm")
    if not os.access(folder, os.W_OK) or shutil.disk_usage(folder).free < _PLENTY_BYTES:
        return None
    words = Path("/proc/meminfo").read_text().split()
    available = 1024 * int(words[words.index("MemAvailable:") + 1])
    return folder if available >= _PLENTY_BYTES else None


@pytest.fixture
def empty_postgres_url(postgres_server: str) -> str:
    """URL of a new, empty database on the run's server."""
    return _create(postgres_server)


@pytest.fixture
def new_postgres_url(postgres_server: str) -> Callable[[], str]:
    """Makes a new, empty database on the run's server each time; its URL."""
    return partial(_create, postgres_server)


@pytest.fixture(scope="session")
def migrated_database(postgres_server: str) -> str:
    """Name of a database with all tables, to be copied: quicker than making them for each test."""
    url = _create(postgres_server)
    engine = open_engine(url)
    migrate(engine)
    engine.dispose()
    return str(engine.url.database)


@pytest.fixture
def postgres_url(migrated_postgres_url: Callable[[], str]) -> str:
    """URL of a new database on the run's server: all tables are there, and nothing is in them."""
    return migrated_postgres_url()


@pytest.fixture
def migrated_postgres_url(postgres_server: str, migrated_database: str) -> Callable[[], str]:
    """Makes another such database each time; its URL."""
    return partial(_create, postgres_server, f'TEMPLATE "{migrated_database}"')


def _create(server: str, how: str = "") -> str:
    name = f"test_{next(_NUMBERS)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" {how}'.encode())
    return server.replace("/postgres?", f"/{name}?")


def _programs() -> Path:
    """Folder of the newest PostgreSQL programs; Debian does not put the server on the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    on_path = shutil.which("initdb")
    if not found and not on_path:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    return found[-1].parent if found else Path(str(on_path)).parent


def _as_postgres(program: Path, *arguments: object) -> list[str]:
    """Command line under the user postgres if we are root; the program ends when the test run dies."""
    user = ["--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    return ["setpriv", "--pdeathsig=INT", *user, str(program), *map(str, arguments)]


def _options(folder: Path) -> list[str]:
    fast = [
        "-c",
        "fsync=off",
        "-c",
        "max_connections=60",
        "-c",
        "logging_collector=off",
        "-c",
        "log_min_messages=fatal",
    ]
    return ["-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}", *fast]


def _run(program: Path, *arguments: object) -> None:
    done = subprocess.run(_as_postgres(program, *arguments), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _wait_until_ready(server: subprocess.Popen[bytes], folder: Path) -> str:
    address = f"postgresql://postgres@/postgres?host={folder}"
    deadline = time.monotonic() + _START_S
    while True:
        try:
            psycopg.connect(address).close()
        except psycopg.OperationalError:
            assert server.poll() is None, (folder / "server.log").read_text()
            assert time.monotonic() < deadline, "PostgreSQL did not become ready"
            time.sleep(0.05)
        else:
            return address
