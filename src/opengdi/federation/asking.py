"""Puts one question to one member, or tells what the member said to the same question a moment ago.

A kept answer is told only if the member published nothing since: its edition, which it signs, is the one of the
answer. A member that names none may say by `Cache-Control` for how long its answers hold. Decision 0022.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Final

from opengdi.federation.answers import capped, state_of
from opengdi.federation.circuit import Fault
from opengdi.federation.keeping import Kept, KeptAnswers, Question
from opengdi.federation.model import SUBJECT_LEVEL, Answer, Member, MemberState
from opengdi.federation.ports import NOBODY, MemberClient, MemberFault, Reply
from opengdi.federation.reading import read_answer
from opengdi.federation.translation import Outgoing, translate
from opengdi.kernel.clock import Clock
from opengdi.kernel.principal import Principal
from opengdi.standards.beacon.questions import BeaconRequest, Granularity
from opengdi.standards.faults import Malformed

BELIEVED_S: Final = 1.0
"""Seconds for which a member's word about its edition is believed: what it hides is hidden here as soon."""

_LOOK_S: Final = 1.0
"""Who hears nothing of an edition, or of the same question under way, within that asks the question itself."""

_EDITION: Final = Outgoing.get("/info")
"""What a member is asked for its edition: a small document, made once. The signature under it names the edition."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A member's answer. size: as it was sent, in bytes; age_s: how long ago it was given, None if it was given now."""

    answer: Answer
    size: int
    age_s: float | None = None


@dataclass(slots=True)
class _Edition:
    """What a member said last of its edition; empty: nothing. since: when it was asked.

    can_keep: its last answer was such that another who asks the same may be told it.
    """

    named: str = ""
    since: float = float("-inf")
    can_keep: bool = False
    looking: asyncio.Lock = field(default_factory=asyncio.Lock)


class Asking:
    """Asks members, and remembers for a while what they answered."""

    def __init__(self, client: MemberClient, clock: Clock, kept: KeptAnswers, *, timeout_s: float) -> None:
        self._client = client
        self._clock = clock
        self._kept = kept
        self._timeout_s = timeout_s
        self._editions: dict[Member, _Edition] = {}
        self._under_way: dict[Question, asyncio.Event] = {}

    async def ask(self, request: BeaconRequest, member: Member, asker: Principal, most: Granularity) -> Heard:
        """The member's answer, checked. most: that is asked of it. Raises MemberFault, Untranslatable."""
        wanted = Granularity.BOOLEAN if request.granularity is None else request.granularity
        asked = min(wanted, most)
        outgoing = translate(replace(request, granularity=asked), member.dialect)
        question = await self._question(member, outgoing, asker)
        kept = None if question is None else await self._told_before(question)
        if kept is not None:
            age_s = self._clock.monotonic() - kept.given
            return Heard(_read(request, kept.reply, asked, most), len(kept.reply.body), age_s)
        async with self._asks(question):
            given = self._clock.monotonic()
            reply = await self._client.ask(member, outgoing, asker, timeout_s=self._timeout_s)
            answer = _read(request, reply, asked, most)
            if question is not None:
                self._hear(question, reply, given, may_be_kept=_may_be_kept(request, reply, answer))
        return Heard(answer, len(reply.body))

    async def _question(self, member: Member, outgoing: Outgoing, asker: Principal) -> Question | None:
        """Under which the answer may be kept; None: nothing is, or visas open something to the asker."""
        if not self._kept.life_s or await self._client.opens_data(member, asker):
            return None
        return Question.of(member, outgoing, asker)

    async def _told_before(self, question: Question) -> Kept | None:
        """What the member answered before, if that still holds; who asks the same just now is waited for once."""
        under_way = self._under_way.get(question)
        if under_way is not None and self._known(question.member).can_keep:
            with suppress(TimeoutError):
                await asyncio.wait_for(under_way.wait(), _LOOK_S)
        kept = self._kept.find(question, self._clock.monotonic())
        if kept is not None and not await self._holds(kept, question.member):
            self._kept.drop(question)
            kept = None
        self._kept.hits += kept is not None
        self._kept.misses += kept is None
        return kept

    async def _holds(self, kept: Kept, member: Member) -> bool:
        """True if the member published nothing since, or said beforehand that its answer would hold until now."""
        edition = kept.reply.edition
        return not edition or edition == await self._edition(member)

    async def _edition(self, member: Member) -> str:
        """What the member publishes now, or a moment ago; empty if it does not say."""
        known = self._known(member)
        async with known.looking:  # many may wait for it, one asks
            since = self._clock.monotonic()
            if since - known.since >= BELIEVED_S:
                named = await self._told_edition(member)
                if known.since < since:  # else an answer told a later one meanwhile
                    known.named, known.since = named, since
            return known.named

    async def _told_edition(self, member: Member) -> str:
        with suppress(MemberFault, TimeoutError):  # then its circuit learns from the question itself
            async with asyncio.timeout(min(_LOOK_S, self._timeout_s / 2)):
                return (await self._client.ask(member, _EDITION, NOBODY, timeout_s=_LOOK_S)).edition
        return ""

    def _known(self, member: Member) -> _Edition:
        return self._editions.setdefault(member, _Edition())

    def _hear(self, question: Question, reply: Reply, given: float, *, may_be_kept: bool) -> None:
        known = self._known(question.member)
        known.can_keep = may_be_kept and bool(reply.edition or reply.fresh_s)
        if reply.edition and given > known.since:
            known.named, known.since = reply.edition, given
        if known.can_keep:
            self._kept.keep(question, reply, given)

    @asynccontextmanager
    async def _asks(self, question: Question | None) -> AsyncIterator[None]:
        """The body asks it; who asks the same meanwhile waits for its end, however that comes."""
        if question is None or question in self._under_way:
            yield
            return
        ended = self._under_way[question] = asyncio.Event()
        try:
            yield
        finally:
            del self._under_way[question]
            ended.set()


def _read(request: BeaconRequest, reply: Reply, asked: Granularity, most: Granularity) -> Answer:
    """The answer with no more than was asked for. Raises MemberFault."""
    try:
        answer = read_answer(reply.document(), asked)
    except Malformed as error:
        raise MemberFault(MemberState.ERROR, f"malformed answer: {error}", Fault.MALFORMED) from error
    return capped(answer, asked if request.entry_type in SUBJECT_LEVEL else most)


def _may_be_kept(request: BeaconRequest, reply: Reply, answer: Answer) -> bool:
    """Whole answers that a question, and no visa, was given; never anybody's records."""
    is_whole = state_of(answer) is MemberState.OK and not answer.refusals
    return is_whole and not reply.opened and not _has_people(request, answer)


def _has_people(request: BeaconRequest, answer: Answer) -> bool:
    """True if there are records of single people, or of alleles by who carries them."""
    records = [record for found in answer.result_sets for record in found.results]
    asked = {request.entry_type} | ({request.parent[0]} if request.parent else set())
    is_of_people = bool(asked & SUBJECT_LEVEL)
    return bool(records) and (is_of_people or any("caseLevelData" in record for record in records))
