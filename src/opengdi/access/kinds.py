"""What hubs and deciding bodies tell each other: kinds of notices of the feed, and of events of the outbox."""

from __future__ import annotations

from typing import Final

CASE_OFFERED: Final = "case.offered"
CASE_WITHDRAWN: Final = "case.withdrawn"
CASE_APPEALED: Final = "case.appealed"
CASE_ERASED: Final = "case.erased"
"""What was written in a case is to go: {case}, if it was over long enough; with {applicant}, if they are forgotten."""

APPLICATION_CHANGED: Final = "application.changed"
APPLICATION_HANDED_OVER: Final = "application.handed-over"
APPLICATION_MESSAGE: Final = "application.message"
PERSON_STANDING: Final = "person.standing"

CHANGED: Final = "eu.gdi.case.changed"
ASKED: Final = "eu.gdi.case.asked"
DECIDED: Final = "eu.gdi.case.decided"
APPEAL_REFUSED: Final = "eu.gdi.case.appeal-refused"
"""What a body tells of a case."""
