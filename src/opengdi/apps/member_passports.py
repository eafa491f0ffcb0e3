"""What the hub shows each member of somebody who asks: a passport for that member alone, never their own token."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from opengdi.federation.ports import ShownPassport
from opengdi.standards.faults import Malformed

if TYPE_CHECKING:
    from opengdi.federation.model import Member
    from opengdi.identity.broker.collecting import Collected
    from opengdi.identity.broker.service import Broker
    from opengdi.kernel.principal import Principal

LIFETIME: Final = timedelta(minutes=5)
KEPT_S: Final = 60.0
"""Seconds for which a passport is shown again: a person asks several questions in a row."""
KEPT_EMPTY_S: Final = 3.0
"""The same for one that opens no data: who was granted something a moment ago need not wait for it."""

LONGEST_BYTES: Final = 32_768
"""Of a passport in a header; whose visas take more is asked for by name alone."""

_MOST_KEPT: Final = 4096


@dataclass(frozen=True, slots=True)
class _Kept:
    passport: ShownPassport | None
    until: float


class MemberPassports:
    """`federation.ports.MemberTokens` by the hub's broker: token exchange without the way over HTTP."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()

    async def passport(self, member: Member, asker: Principal) -> ShownPassport | None:
        """As the port says."""
        address = self._broker.names.get(member.id)
        if address is None or member.key is None or not asker.logged_in or asker.is_program:
            return None
        key, now = (member.id, asker.subject), self._broker.clock.monotonic()
        kept = self._kept.get(key)
        if kept is None or kept.until <= now:
            kept = self._kept[key] = await self._made(address, asker, now)
            self._kept.move_to_end(key)
            if len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return kept.passport

    async def _made(self, address: str, asker: Principal, now: float) -> _Kept:
        collected = await self._broker.collector.collect(asker.subject, {address})
        kept_s = KEPT_S if collected.opens_data else KEPT_EMPTY_S
        token = await self._signed(collected, address, asker)
        shown = None if token is None else ShownPassport(token, collected.opens_data)
        return _Kept(shown, now + kept_s)

    async def _signed(self, collected: Collected, address: str, asker: Principal) -> str | None:
        broker = self._broker
        until = broker.clock.now() + LIFETIME
        until = until if asker.until is None else min(until, asker.until)
        try:
            token = await asyncio.to_thread(
                broker.passports.passport, asker.subject, collected, audience=(address,), until=until
            )
        except Malformed:
            return None
        return token if len(token) <= LONGEST_BYTES else None
