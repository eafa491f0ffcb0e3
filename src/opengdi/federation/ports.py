"""What the federation needs from outside: a way to reach members, and to prove to each of them who asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from opengdi.federation.circuit import Fault
from opengdi.federation.model import Member, MemberState
from opengdi.federation.reading import decoded
from opengdi.federation.translation import Outgoing
from opengdi.kernel.peers import PeerRequest
from opengdi.kernel.principal import Principal
from opengdi.standards.faults import Malformed


class MemberCredentials(Protocol):
    """Headers that tell a member who asks, made for this member and this request only."""

    def headers(self, member: Member, asker: Principal, request: PeerRequest) -> Mapping[str, str]:
        """`asker` is who the hub knows; the name never leaves the hub as it is."""
        ...

    def check_answer(
        self, member: Member, sent: Mapping[str, str], received: Mapping[str, str], body: bytes
    ) -> str:
        """The edition that the member says its answer is of; empty: it says nothing of that.

        Raises Unverified if the member signs its answers and this one is not signed by it.
        """
        ...


@dataclass(frozen=True, slots=True)
class ShownPassport:
    """What proves to one member who asks. opens_data: visas in it may open something there."""

    token: str
    opens_data: bool


class MemberTokens(Protocol):
    """Proves to a member who asks, by a token that holds there and nowhere else."""

    async def passport(self, member: Member, asker: Principal) -> ShownPassport | None:
        """A passport of the person for this member; None: the hub's signed header says all there is to say."""
        ...


@dataclass(frozen=True, slots=True)
class Reply:
    """What a member answered, as it came. Whether it is an answer to a question, `reading` tells.

    edition: of what the member publishes, in its own words and under its signature; empty: not told.
    fresh_s: seconds for which it lets anybody keep the answer; opened: visas were shown, so it is for one person.
    """

    body: bytes
    edition: str = ""
    fresh_s: float = 0.0
    opened: bool = False

    def document(self) -> object:
        """The JSON in it. Raises MemberFault."""
        try:
            return decoded(self.body)
        except Malformed as error:
            raise MemberFault(MemberState.ERROR, str(error), Fault.MALFORMED) from error


class MemberClient(Protocol):
    """Reaches members."""

    async def ask(self, member: Member, outgoing: Outgoing, asker: Principal, *, timeout_s: float) -> Reply:
        """What the member answered. Raises MemberFault."""
        ...

    async def opens_data(self, member: Member, asker: Principal) -> bool:
        """True if the member would be shown visas of the asker."""
        ...


NOBODY: Final = Principal("hub")
"""Who asks for what members publish about themselves."""


class MemberFault(Exception):
    """A member gave no answer that can be used.

    reason: for the answer's member list, so it must not quote addresses or credentials.
    fault: what the member's circuit learns; None if the member is well and refused this question only.
    """

    def __init__(self, state: MemberState, reason: str, fault: Fault | None) -> None:
        super().__init__(reason)
        self.state = state
        self.reason = reason
        self.fault = fault
