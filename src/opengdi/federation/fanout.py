"""Asks all members at once and waits once: outcomes as they arrive, all of them by the deadline."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from typing import TypeAlias

from opengdi.federation.asking import Asking
from opengdi.federation.circuit import DEFAULT_POLICY, Circuit, CircuitPolicy, Fault
from opengdi.federation.keeping import KeptAnswers
from opengdi.federation.merging import state_of
from opengdi.federation.model import Member, MemberState, Outcome
from opengdi.federation.ports import MemberClient, MemberFault
from opengdi.federation.translation import Untranslatable
from opengdi.kernel.clock import Clock
from opengdi.kernel.principal import Principal
from opengdi.standards.beacon.questions import BeaconRequest, Granularity

MostTold: TypeAlias = Callable[[Member], Granularity]
"""The most that is asked of a member, and taken from it."""


def everything(_member: Member) -> Granularity:
    """For networks in which nobody is told apart."""
    return Granularity.RECORD


class FanOut:
    """Asks members in parallel under one deadline and remembers who is worth asking. kept: what they answered."""

    def __init__(
        self,
        client: MemberClient,
        clock: Clock,
        *,
        deadline_s: float,
        policy: CircuitPolicy = DEFAULT_POLICY,
        kept: KeptAnswers | None = None,
    ) -> None:
        kept = KeptAnswers(0, 0) if kept is None else kept
        self._asking = Asking(client, clock, kept, timeout_s=deadline_s)
        self._clock = clock
        self._deadline_s = deadline_s
        self._policy = policy
        self._circuits: dict[str, Circuit] = {}

    async def ask(
        self,
        request: BeaconRequest,
        members: Sequence[Member],
        asker: Principal,
        most_of: MostTold = everything,
    ) -> AsyncGenerator[Outcome, None]:
        """One outcome per member in order of arrival; those without an answer at the deadline come as timeouts.

        Closing the iterator early ends all work for it.
        """
        end = self._clock.monotonic() + self._deadline_s
        asking = {
            asyncio.create_task(self._ask_one(request, member, asker, most_of(member))): member
            for member in members
        }
        pending = set(asking)
        try:
            while pending:
                left = max(end - self._clock.monotonic(), 0.0)
                done, pending = await asyncio.wait(pending, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                if not done:
                    break
                for task in done:
                    yield task.result()
            for task in pending:
                yield self._timed_out(asking[task])
        finally:
            await _abandon(pending)

    def is_open(self, member: Member) -> bool:
        """True if the member rests: for readiness reports."""
        return self._circuit(member).open_until is not None

    def _circuit(self, member: Member) -> Circuit:
        return self._circuits.setdefault(member.service, Circuit(self._policy))

    def _timed_out(self, member: Member) -> Outcome:
        self._circuit(member).failed(Fault.UNREACHABLE, self._clock.monotonic())
        return Outcome(
            member, MemberState.TIMEOUT, round(self._deadline_s * 1000), "no answer within the deadline"
        )

    async def _ask_one(
        self, request: BeaconRequest, member: Member, asker: Principal, most: Granularity
    ) -> Outcome:
        circuit = self._circuit(member)
        started = self._clock.monotonic()
        if not circuit.admits(started):
            return Outcome(member, MemberState.SKIPPED, None, circuit.reason)
        try:
            heard = await self._asking.ask(request, member, asker, most)
        except Untranslatable as error:
            circuit.abandoned()
            return Outcome(member, MemberState.SKIPPED, None, str(error))
        except MemberFault as error:
            self._learn(circuit, error.fault)
            return Outcome(member, error.state, self._elapsed_ms(started), error.reason)
        except asyncio.CancelledError:
            circuit.abandoned()
            raise
        if heard.age_s is None:
            circuit.succeeded()
        else:
            circuit.abandoned()  # what it said before tells nothing of how it is now
        age_ms = None if heard.age_s is None else round(heard.age_s * 1000)
        return Outcome(
            member, state_of(heard.answer), self._elapsed_ms(started), "", heard.answer, age_ms=age_ms
        )

    def _learn(self, circuit: Circuit, fault: Fault | None) -> None:
        if fault is None:
            circuit.succeeded()
        else:
            circuit.failed(fault, self._clock.monotonic())

    def _elapsed_ms(self, started: float) -> int:
        return round((self._clock.monotonic() - started) * 1000)


async def _abandon(tasks: set[asyncio.Task[Outcome]]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task
