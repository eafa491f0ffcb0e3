"""Facts as events hold them, and back."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from opengdi.access.model import Event
from opengdi.access.organisations.model import Signed


def day(text: str | None) -> date | None:
    """A day of an event."""
    return date.fromisoformat(text) if text else None


def moment(text: str) -> datetime:
    """A time of an event."""
    return datetime.fromisoformat(text)


def signed_data(signed: Signed) -> dict[str, Any]:
    """A signature for an event; when it was given is when the event happened."""
    return {
        "document": signed.document,
        "version": signed.version,
        "sha256": signed.sha256,
        "by": signed.by,
        "method": signed.method,
        "evidence": signed.evidence,
    }


def signed_of(event: Event) -> Signed:
    """The signature that an event tells of."""
    data = event.data
    return Signed(
        data["document"],
        data["version"],
        data["sha256"],
        data["by"],
        event.at,
        data["method"],
        data["evidence"],
    )
