"""Ports for servers that must know theirs before they start."""

from __future__ import annotations

from typing import Final

from opengdi.apps.demo.ports import Ports

_CLAIMED: Final = Ports()


def free_port() -> int:
    """One that no other test process claims, and that the system gives to nobody who names none."""
    return _CLAIMED.others(1)[0]
