"""One role of one person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from opengdi.kernel.principal import Duty


@dataclass(frozen=True, slots=True)
class GivenDuty:
    """A role that somebody was given.

    subject: the broker's id of the person; empty until somebody with `email` has logged in.
    since, until: aware; until is None where no end was set. ended: when and by whom it was taken back.
    """

    id: str
    subject: str
    email: str
    duty: Duty
    since: datetime
    until: datetime | None
    given_by: str
    ended: datetime | None = None
    ended_by: str = ""

    def holds_at(self, now: datetime) -> bool:
        """True between its begin and its end."""
        return (
            self.since <= now
            and (self.until is None or now < self.until)
            and (self.ended is None or now < self.ended)
        )
