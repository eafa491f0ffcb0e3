"""What the federation needs from outside: a way to reach members, and to prove to each of them who asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from opengdi.federation.circuit import Fault
from opengdi.federation.model import Member, MemberState
from opengdi.federation.translation import Outgoing
from opengdi.kernel.peers import PeerRequest
from opengdi.kernel.principal import Principal


class MemberCredentials(Protocol):
    """Headers that tell a member who asks, made for this member and this request only."""

    def headers(self, member: Member, asker: Principal, request: PeerRequest) -> Mapping[str, str]:
        """`asker` is who the hub knows; the name never leaves the hub as it is."""
        ...

    def check_answer(
        self, member: Member, sent: Mapping[str, str], received: Mapping[str, str], body: bytes
    ) -> None:
        """Raises Unverified if the member signs its answers and this one is not signed by it."""
        ...


class MemberTokens(Protocol):
    """Proves to a member who asks, by a token that holds there and nowhere else."""

    async def token(self, member: Member, asker: Principal) -> str | None:
        """A passport of the person for this member; None: the hub's signed header says all there is to say."""
        ...


class MemberClient(Protocol):
    """Reaches members."""

    async def ask(self, member: Member, outgoing: Outgoing, asker: Principal, *, timeout_s: float) -> object:
        """The decoded JSON document that the member answered with. Raises MemberFault."""
        ...


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
