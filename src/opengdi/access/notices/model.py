"""What a notice is: whom it is for, what it tells of, and where it stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from opengdi.access.model import Event

PERSON, INVITATION, MAILBOX = "person:", "invitation:", "mailbox:"
"""How recipients are called: a subject, an invitation that nobody has used yet, the address of a deciding body."""


class Party(StrEnum):
    """As what somebody is told of an event."""

    APPLICANT = "applicant"
    HOLDER = "holder of the permit"
    MEMBERS = "members"
    SUBJECT = "the person concerned"
    INVITED = "the invited person"
    OFFICIALS = "signing officials"
    REGISTRANT = "who registered the organisation"
    ONBOARDING_OPERATORS = "onboarding operators"
    COORDINATORS = "coordinators"
    BODY = "the deciding body"
    AWAITED = "those in the body who are waited for"
    SIGNERS = "all who are to sign it"
    COORDINATION_POINT = "national coordination point"


class State(StrEnum):
    """Where a notice stands. UNSENT: it cannot be, and the operator has to look; DROPPED: nobody needs it any more."""

    WAITING = "waiting"
    SENT = "sent"
    UNSENT = "unsent"
    DROPPED = "dropped"


When = Callable[[Any, Event], bool]
"""Whether an event is one that is told of. Gets the state after it."""


def always(_state: object, _event: Event) -> bool:
    """Each time."""
    return True


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table. story, event: what happened; duty: it must be read, so nobody can decline it.

    Who did it is not told of it, unless it is a duty.
    """

    name: str
    story: str
    event: str
    parties: tuple[Party, ...]
    duty: bool
    when: When = always


@dataclass(frozen=True, slots=True)
class Source:
    """The event that a notice is about. position: in the order of all events; number: in its stream."""

    position: int
    stream: str
    number: int

    @property
    def thing(self) -> str:
        """Id of what the event happened to."""
        return self.stream.partition(":")[2]


@dataclass(frozen=True, slots=True)
class Notice:
    """A line of the table of notices. Names, addresses and texts are found when it is sent, and not kept."""

    id: str
    rule: str
    source: Source
    recipient: str
    state: State
    written: datetime
    attempts: int = 0
    due: datetime | None = None
    ended: datetime | None = None
    trouble: str = ""


FIRST_REST_S: Final = 60.0
LONGEST_REST_S: Final = 6 * 3600.0
GIVE_UP_S: Final = 5 * 86_400.0
"""Rests of a notice that was not taken, and when it is given up. Spec: RFC 5321, 4.5.4.1: four to five days."""
