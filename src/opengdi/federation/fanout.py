"""Asks all members at once and waits once: outcomes as they arrive, all of them by the deadline."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from typing import Final, TypeAlias

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


LEAST_PATIENCE_S: Final = 1.0
_TIMES_USUAL: Final = 4
"""A member that did not answer last time is waited for so many times as long as for the slowest of its answers."""
_LATEST: Final = 16


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
        self._took: dict[str, deque[float]] = {}
        self._listening: dict[asyncio.Task[None], asyncio.Task[Outcome]] = {}

    async def ask(
        self,
        request: BeaconRequest,
        members: Sequence[Member],
        asker: Principal,
        most_of: MostTold = everything,
        *,
        wait_s: float | None = None,
    ) -> AsyncGenerator[Outcome, None]:
        """One outcome per member in order of arrival; those that are waited for no longer come as timeouts.

        wait_s: what the asker would wait for at most. A member that is given up before the deadline is listened to
        until then, so that what it answers is there for who asks again. Closing the iterator early ends all work.
        """
        started = self._clock.monotonic()
        asking = {
            asyncio.create_task(self._ask_one(request, member, asker, most_of(member))): member
            for member in members
        }
        patience = {task: self._patience_s(member, wait_s) for task, member in asking.items()}
        pending, left_alone = set(asking), set[asyncio.Task[Outcome]]()
        try:
            while pending:
                shortest = min(patience[task] for task in pending)
                left = max(started + shortest - self._clock.monotonic(), 0.0)
                done, pending = await asyncio.wait(pending, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    yield task.result()
                if not done:
                    given_up = {task for task in pending if patience[task] <= shortest}
                    pending, left_alone = pending - given_up, left_alone | given_up
                    for task in given_up:
                        is_impatient = wait_s is not None and shortest >= wait_s
                        yield self._timed_out(asking[task], shortest, is_impatient=is_impatient)
            for task in [task for task in left_alone if patience[task] < self._deadline_s]:
                left_alone.discard(task)
                self._listen_on(task, asking[task], started)
        finally:
            await _abandon(pending | left_alone)

    async def aclose(self) -> None:
        """Listen to nobody any more."""
        listening = dict(self._listening)
        for each in listening:
            each.cancel()
        await asyncio.gather(*listening, return_exceptions=True)
        await _abandon(set(listening.values()))  # one that was cancelled before it ran did not do so itself

    def _patience_s(self, member: Member, wait_s: float | None) -> float:
        """How long one member is waited for. One that left the last question unanswered gets what it usually takes."""
        patience_s = self._deadline_s if wait_s is None else min(wait_s, self._deadline_s)
        if not self._circuit(member).failures:
            return patience_s
        usual_s = max(self._took.get(member.service, ()), default=0.0)
        return min(patience_s, max(LEAST_PATIENCE_S, _TIMES_USUAL * usual_s))

    def _listen_on(self, task: asyncio.Task[Outcome], member: Member, started: float) -> None:
        left_s = max(started + self._deadline_s - self._clock.monotonic(), 0.0)
        listening = asyncio.create_task(self._listen(task, member, left_s))
        self._listening[listening] = task
        listening.add_done_callback(self._listening.pop)

    async def _listen(self, task: asyncio.Task[Outcome], member: Member, left_s: float) -> None:
        """Until the member answers, or the deadline is there: its circuit learns which."""
        try:
            done, _ = await asyncio.wait({task}, timeout=left_s)
            if not done:
                self._circuit(member).failed(Fault.UNREACHABLE, self._clock.monotonic())
        finally:
            await _abandon({task})

    def is_open(self, member: Member) -> bool:
        """True if the member rests: for readiness reports."""
        return self._circuit(member).open_until is not None

    def _circuit(self, member: Member) -> Circuit:
        return self._circuits.setdefault(member.service, Circuit(self._policy))

    def _timed_out(self, member: Member, waited_s: float, *, is_impatient: bool) -> Outcome:
        is_early = waited_s < self._deadline_s
        reason = "no answer within the deadline"
        if is_early:
            reason = f"no answer within {waited_s:g} s; it may be there when you ask again"
        else:
            self._circuit(member).failed(Fault.UNREACHABLE, self._clock.monotonic())
        told_ms = round(waited_s * 1000)
        return Outcome(member, MemberState.TIMEOUT, told_ms, reason, given_up=is_early and is_impatient)

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
            took = self._took.setdefault(member.service, deque(maxlen=_LATEST))
            took.append(self._clock.monotonic() - started)
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
    """End them; what they would have told is of no use any more."""
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task
