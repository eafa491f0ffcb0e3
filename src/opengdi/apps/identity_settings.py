"""Settings of who may do what: login, brokers, visas. Each part has a section of its own here."""

from __future__ import annotations

from opengdi.apps.setting_types import Section


class IdentitySettings(Section):
    """Whom this node or hub believes, and what it says of people to others."""
