"""What the federation needs from outside: a way to reach members, and to prove to each of them who asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from opengdi.federation.circuit import Fault
from opengdi.federation.model import Member, MemberState
from opengdi.federation.translation import Outgoing


@dataclass(frozen=True, slots=True)
class Exchange:
    """One HTTP request to a member, as both sides can see it: what a credential is bound to."""

    method: str
    path: str
    body: bytes


class MemberCredentials(Protocol):
    """Headers that tell a member who asks, made for this member and this request only."""

    def headers(self, member: Member, asker: str, exchange: Exchange) -> Mapping[str, str]:
        """`asker` is the hub's own name for the person; it never leaves the hub as it is."""
        ...

    def check_answer(
        self, member: Member, sent: Mapping[str, str], received: Mapping[str, str], body: bytes
    ) -> None:
        """Raises Unverified if the member signs its answers and this one is not signed by it."""
        ...


class MemberClient(Protocol):
    """Reaches members."""

    async def ask(self, member: Member, outgoing: Outgoing, asker: str, *, timeout_s: float) -> object:
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
