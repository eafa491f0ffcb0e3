"""Index files that providers send beside their data: which belongs to which, and whether it fits.

names (by their paths) · agreement (held against the index that the archive made itself) · store (what is known of it).
An index that does not fit is told to provider and operator; it is a file like others and nothing relies on it.
"""

from __future__ import annotations

from opengdi.archive.companions.store import (
    Companions,
    Pair,
    await_judgement,
    await_unseen_judgement,
    forget_what_is_being_judged,
)

__all__ = ["Companions", "Pair", "await_judgement", "await_unseen_judgement", "forget_what_is_being_judged"]
