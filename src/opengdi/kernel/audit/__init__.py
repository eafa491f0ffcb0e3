"""What happened, in a chain that cannot be changed unseen.

`chain` is the pure part (events, links, checkpoints), `verification` the pure reader that names what is wrong,
`journal` writes segments of JSON lines, `recovery`
takes them up after a crash, `segments` reads them without a node, `details` is the erasable table for
what the chain must not hold. Features need only `AuditLog` and `Outcome`.
"""

from __future__ import annotations

from opengdi.kernel.audit.chain import Outcome
from opengdi.kernel.audit.ports import AuditLog

__all__ = ["AuditLog", "Outcome"]
