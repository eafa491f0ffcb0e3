"""Settings of access requests: bodies that decide, working days, silence, permits. Each part has a section here."""

from __future__ import annotations

from opengdi.apps.setting_types import Section


class AccessRequestSettings(Section):
    """How this node or hub takes and decides requests for access."""
