"""Facts about brokers whose access tokens are taken, and about tokens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from opengdi.identity.clearinghouse.model import Pair
from opengdi.standards.passport import PASSPORT_SCOPE

OPENID: Final = "openid"


@dataclass(frozen=True, slots=True)
class TrustedBroker:
    """A broker whose access tokens are taken.

    pair: its issuer and the address of its keys. audiences: what a token must be for; strict: its tokens are as
    RFC 9068 says (`at+jwt`); False: tokens as LS-AAI gives them, of whose passport only UserInfo knows.
    opaque: its tokens may be texts that say nothing; settings allow that for one broker at most.
    subject_claim: claim of UserInfo that is the person's id in visas, where that is not `sub`.
    longest_life: of a token; one that was made for years (as demonstrations have them) is refused.
    """

    pair: Pair
    userinfo: str
    audiences: frozenset[str]
    strict: bool = True
    opaque: bool = False
    subject_claim: str = "sub"
    longest_life: timedelta = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Token:
    """What a token that was checked says of itself. subject empty: an opaque one, it says nothing.

    authenticated: when the person proved who they are (RFC 9068 section 2.2.1); None: it does not say.
    """

    broker: TrustedBroker
    subject: str
    scopes: frozenset[str]
    issued: datetime
    until: datetime | None
    grant: str = ""
    authenticated: datetime | None = None

    @property
    def has_passport(self) -> bool:
        """True if UserInfo must be asked. A program's token has no `openid`, and says all that there is to say."""
        return not self.broker.strict or {OPENID, PASSPORT_SCOPE} <= self.scopes


@dataclass(frozen=True, slots=True)
class Told:
    """What UserInfo said of a person. complete: no visa issuer was missing."""

    subject: str
    visas: tuple[str, ...]
    name: str = ""
    complete: bool = True
