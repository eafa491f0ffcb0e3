"""Opens whichever service the settings describe, for commands that serve nodes and hubs alike."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from opengdi.kernel.errors import Invalid

if TYPE_CHECKING:
    from opengdi.apps.service_state import ServiceState


@contextmanager
def open_service(config: Path | None, at: str = "") -> Iterator[ServiceState]:
    """The node or the hub of the settings, opened. at: `node` or `hub`, where the settings describe both.

    Raises Invalid if they describe both and `at` is empty, or another one.
    """
    from opengdi.apps.settings_file import load_settings
    from opengdi.kernel.clock import SystemClock

    settings = load_settings(config)
    described = [name for name in ("node", "hub") if name in settings.model_fields_set]
    if at not in {"", "node", "hub"}:
        raise Invalid(f"--at {at!r} must be node or hub")
    if len(described) > 1 and not at:
        raise Invalid("the settings describe a node and a hub: say which one by --at node or --at hub")
    chosen = at or (described[0] if described else "node")
    if chosen == "hub":
        from opengdi.apps.hub import open_state as opening
    else:
        from opengdi.apps.node import open_state as opening  # type: ignore[assignment]
    with opening(settings, SystemClock()) as state:
        yield state
