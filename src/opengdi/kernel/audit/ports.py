"""What a feature needs from the audit chain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from opengdi.kernel.audit.chain import Outcome


class AuditLog(Protocol):
    """Remembers what happened."""

    def append(
        self,
        action: str,
        *,
        actor: str,
        outcome: Outcome = Outcome.DONE,
        objects: Sequence[str] = (),
        request: str = "",
        details: Sequence[str] = (),
    ) -> int:
        """Number of the new link. It survives `kill -9` from here on, and a power cut some seconds later.

        action: `dataset.publish`, `beacon.query`, …; actor: an opaque subject id; objects: ids of what was acted on;
        request: the request id; details: ids in the erasable table. Never a name, an address, a genotype, a token.
        Raises Unavailable if it cannot be written: then the act must not happen either.
        """
        ...
