"""Asks all members at once and waits once: outcomes as they arrive, all of them by the deadline."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar

from opengdi.federation.answers import state_of
from opengdi.federation.asking import Asking, Heard
from opengdi.federation.circuit import DEFAULT_POLICY, Circuit, CircuitPolicy, Fault
from opengdi.federation.hand import Take
from opengdi.federation.keeping import KeptAnswers
from opengdi.federation.model import Member, MemberState, Outcome
from opengdi.federation.ports import MemberClient, MemberFault
from opengdi.federation.translation import Untranslatable
from opengdi.kernel.clock import Clock
from opengdi.kernel.principal import Principal
from opengdi.standards.beacon.questions import BeaconRequest, Granularity

logger = logging.getLogger(__name__)

T = TypeVar("T")

MostTold: TypeAlias = Callable[[Member], Granularity]
"""The most that is asked of a member, and taken from it."""


def everything(_member: Member) -> Granularity:
    """For networks in which nobody is told apart."""
    return Granularity.RECORD


def whole(outcome: Outcome) -> Outcome:
    """The outcome as it is, for who has room for every answer."""
    return outcome


LEAST_PATIENCE_S: Final = 1.0
_TIMES_USUAL: Final = 4
"""A member that did not answer last time is waited for so many times as long as for the slowest of its answers."""
_LATEST: Final = 16

MOST_LISTENED: Final = 512
"""Answers that are listened for though nobody waits for them; whoever gives up more members leaves those alone."""


@dataclass(eq=False, slots=True)
class _Asked:
    """A member that was asked. patience_s: how long it is waited for. is_listened_to: for longer than that."""

    member: Member
    patience_s: float
    task: asyncio.Task[Outcome]
    is_listened_to: bool = False


class FanOut:
    """Asks members in parallel under one deadline and remembers who is worth asking. kept: what they answered.

    A member with another key or address in the registry is another one here: what it was is forgiven.
    """

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
        self._circuits: dict[Member, Circuit] = {}
        self._took: dict[Member, deque[float]] = {}
        self._listening: dict[asyncio.Task[None], _Asked] = {}

    async def ask(
        self,
        request: BeaconRequest,
        members: Sequence[Member],
        asker: Principal,
        most_of: MostTold = everything,
        *,
        wait_s: float | None = None,
        take: Take = whole,
    ) -> AsyncGenerator[Sequence[Outcome], None]:
        """One outcome per member, in order of arrival and together what is there together.

        Members that are waited for no longer come as timeouts. wait_s: what the asker would wait for at most. A member
        that is given up before the deadline is listened to until then, so that what it answers is there for who asks
        again. take: is given each outcome with an answer as soon as it is there, and says what is kept of it.
        Closing the iterator early ends all work.
        """
        started = self._clock.monotonic()
        asked = [
            _Asked(
                member,
                self._patience_s(member, wait_s),
                asyncio.create_task(self._ask_one(request, member, asker, most_of(member), take)),
            )
            for member in members
        ]
        waiting, given_up = asked, list[_Asked]()
        try:
            while waiting:
                there, late = await self._next_of(waiting, started)
                given_up += late
                waiting = [each for each in waiting if each not in there and each not in late]
                yield [each.task.result() for each in there] or [
                    self._timed_out(each, wait_s) for each in late
                ]
            for each in given_up:
                self._listen_on(each, started)
        finally:
            await _abandon(each.task for each in asked if not each.is_listened_to)

    async def _next_of(
        self, waiting: Sequence[_Asked], started: float
    ) -> tuple[Sequence[_Asked], Sequence[_Asked]]:
        """Those that answered, as soon as there is one; or else those that are waited for no longer."""
        shortest_s = min(each.patience_s for each in waiting)
        left_s = max(started + shortest_s - self._clock.monotonic(), 0.0)
        await asyncio.wait(
            [each.task for each in waiting], timeout=left_s, return_when=asyncio.FIRST_COMPLETED
        )
        there = [each for each in waiting if each.task.done()]
        return there, [] if there else [each for each in waiting if each.patience_s <= shortest_s]

    async def aclose(self) -> None:
        """Listen to nobody any more."""
        listening = dict(self._listening)
        await _abandon(listening)
        await _abandon(
            each.task for each in listening.values()
        )  # one that had not begun to listen did not end it

    def _patience_s(self, member: Member, wait_s: float | None) -> float:
        """How long one member is waited for. One that left the last question unanswered gets what it usually takes."""
        patience_s = self._deadline_s if wait_s is None else min(wait_s, self._deadline_s)
        if not self._circuit(member).failures:
            return patience_s
        usual_s = max(self._took.get(member, ()), default=0.0)
        return min(patience_s, max(LEAST_PATIENCE_S, _TIMES_USUAL * usual_s))

    def _listen_on(self, asked: _Asked, started: float) -> None:
        """Until the deadline, if that has not come yet and not too many are listened to."""
        if asked.patience_s >= self._deadline_s or len(self._listening) >= MOST_LISTENED:
            return
        left_s = max(started + self._deadline_s - self._clock.monotonic(), 0.0)
        listening = asyncio.create_task(self._listen(asked, left_s))
        asked.is_listened_to = True
        self._listening[listening] = asked
        listening.add_done_callback(self._listening.pop)

    async def _listen(self, asked: _Asked, left_s: float) -> None:
        """Until the member answers, or the deadline is there: its circuit learns which."""
        try:
            done, _ = await asyncio.wait({asked.task}, timeout=left_s)
            if not done:
                self._circuit(asked.member).failed(Fault.UNREACHABLE, self._clock.monotonic())
        finally:
            await _abandon([asked.task])

    def is_open(self, member: Member) -> bool:
        """True if the member rests: for readiness reports."""
        return self._circuit(member).open_until is not None

    def _circuit(self, member: Member) -> Circuit:
        return self._circuits.setdefault(member, Circuit(self._policy))

    def _timed_out(self, asked: _Asked, wait_s: float | None) -> Outcome:
        waited_s = asked.patience_s
        is_early = waited_s < self._deadline_s
        reason = "no answer within the deadline"
        if is_early:
            reason = f"no answer within {waited_s:g} s; it may be there when you ask again"
        else:
            self._circuit(asked.member).failed(Fault.UNREACHABLE, self._clock.monotonic())
        is_impatient = wait_s is not None and waited_s >= wait_s
        told_ms = round(waited_s * 1000)
        return Outcome(asked.member, MemberState.TIMEOUT, told_ms, reason, given_up=is_early and is_impatient)

    async def _ask_one(
        self, request: BeaconRequest, member: Member, asker: Principal, most: Granularity, take: Take
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
        except Exception as error:  # noqa: BLE001  # a defect of ours that one member meets costs the others nothing
            circuit.abandoned()
            logger.error("defect at an answer of %s: %s", member.service, type(error).__name__)  # noqa: TRY400
            reason = "the hub could not ask it, or not read its answer"
            return Outcome(member, MemberState.ERROR, self._elapsed_ms(started), reason)
        return take(self._answered(member, heard, started))

    def _answered(self, member: Member, heard: Heard, started: float) -> Outcome:
        circuit, age_ms = self._circuit(member), None
        if heard.age_s is None:
            circuit.succeeded()
            took = self._took.setdefault(member, deque(maxlen=_LATEST))
            took.append(self._clock.monotonic() - started)
        else:
            circuit.abandoned()  # what it said before tells nothing of how it is now
            age_ms = round(heard.age_s * 1000)
        state, elapsed_ms = state_of(heard.answer), self._elapsed_ms(started)
        return Outcome(member, state, elapsed_ms, "", heard.answer, age_ms=age_ms, size=heard.size)

    def _learn(self, circuit: Circuit, fault: Fault | None) -> None:
        if fault is None:
            circuit.succeeded()
        else:
            circuit.failed(fault, self._clock.monotonic())

    def _elapsed_ms(self, started: float) -> int:
        return round((self._clock.monotonic() - started) * 1000)


async def _abandon(tasks: Iterable[asyncio.Task[T]]) -> None:
    """End them; what they would have told is of no use any more. Who is cancelled meanwhile is cancelled."""
    ending = list(tasks)
    for task in ending:
        task.cancel()
    if ending:
        await asyncio.wait(ending)
