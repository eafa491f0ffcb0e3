"""An audit log in memory."""

from __future__ import annotations

from dataclasses import dataclass, field

from opengdi.kernel.audit.chain import Outcome


@dataclass
class RecordedAudit:
    lines: list[tuple[str, str, Outcome, tuple[str, ...]]] = field(default_factory=list)

    def append(self, action, *, actor, outcome=Outcome.DONE, objects=(), request="", details=()) -> int:
        self.lines.append((action, actor, outcome, tuple(objects)))
        return len(self.lines)
