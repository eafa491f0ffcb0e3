"""The composition root of a node: the state that every `gdi` command shares, and the process that serves it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, text

from opengdi.apps.disk import make_private_folder
from opengdi.apps.migrations import migrate
from opengdi.apps.process import Part, Process, alone_in, assemble, serve_process
from opengdi.apps.settings import DatabaseSettings, Settings
from opengdi.discovery.releases import Shelf
from opengdi.kernel.clock import Clock
from opengdi.kernel.database import open_engine, reading
from opengdi.kernel.health import Finding, Probe
from opengdi.kernel.keys import KeyFolder

STATE_FILE: Final = "state.sqlite"
RELEASES: Final = "releases"
SIGNING_KEY: Final = "node"


@dataclass(frozen=True, slots=True)
class NodeState:
    """What a node keeps, opened: for a command that acts on it and for the process that serves it."""

    settings: Settings
    clock: Clock
    engine: Engine
    keys: KeyFolder
    shelf: Shelf

    @property
    def data_dir(self) -> Path:
        return self.settings.node.data_dir


@contextmanager
def open_state(settings: Settings, clock: Clock) -> Iterator[NodeState]:
    """The node's state, its folders made and its database at the newest revision; closed at the end.

    Raises Invalid or Unavailable, naming what does not open.
    """
    node = settings.node
    make_private_folder(node.data_dir)
    make_private_folder(node.data_dir / RELEASES)
    engine = open_database(settings.database, node.data_dir)
    try:
        yield NodeState(
            settings=settings,
            clock=clock,
            engine=engine,
            keys=KeyFolder(node.keys_dir, data_dir=node.data_dir),
            shelf=Shelf(engine, node.data_dir / RELEASES, clock),
        )
    finally:
        engine.dispose()


def open_database(settings: DatabaseSettings, data_dir: Path) -> Engine:
    """Engine for the configured database, or the file in the data directory, at the newest revision."""
    engine = open_engine(settings.url.get_secret_value() if settings.url else data_dir / STATE_FILE)
    migrate(engine)
    return engine


def database_probe(engine: Engine) -> Probe:
    """Whether the state database answers."""

    def look() -> Finding:
        with reading(engine) as connection:
            connection.execute(text("SELECT 1"))
        return Finding(detail=engine.dialect.name)

    return Probe("database", look)


def build_node(state: NodeState) -> Process:
    """The node's process, wired and not yet started."""
    return assemble("node", state.settings, state.clock, _parts(state))


def _parts(state: NodeState) -> Sequence[Part]:
    """What each feature brings, in the order in which they are closed last to first."""
    return (Part(probes=(database_probe(state.engine),)),)


def run_node(settings: Settings, clock: Clock) -> None:
    """Serve the node until SIGTERM or SIGINT."""
    with alone_in(settings.node.data_dir), open_state(settings, clock) as state:
        serve_process(build_node(state), settings, state.data_dir)
