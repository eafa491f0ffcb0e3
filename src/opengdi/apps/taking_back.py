"""What is taken back, as hubs tell it and a node's own doors hear it; `identity.revocations` listens."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any


def revocation_notice(
    kind: str, at: datetime, *, permit: str = "", subject: str = "", dataset: str = "", node: str = ""
) -> dict[str, Any]:
    """Body of the notice; what is empty is not said. kind: of `identity.revocations.model.Kind`."""
    told = {"permit": permit, "subject": subject, "dataset": dataset, "node": node}
    said = {name: value for name, value in told.items() if value}
    return {"id": secrets.token_hex(16), "kind": kind, "at": at.isoformat(), **said}
