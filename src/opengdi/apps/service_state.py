"""What nodes and hubs have in common, for wiring that serves both alike."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from opengdi.apps.settings import Settings
    from opengdi.kernel.audit.ports import AuditLog
    from opengdi.kernel.clock import Clock
    from opengdi.kernel.keys import KeyFolder


class ServiceState(Protocol):
    """What a node and a hub have in common, opened: `NodeState` or `HubState`."""

    @property
    def settings(self) -> Settings: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def engine(self) -> Engine: ...
    @property
    def keys(self) -> KeyFolder: ...
    @property
    def audit(self) -> AuditLog: ...
    @property
    def data_dir(self) -> Path: ...
