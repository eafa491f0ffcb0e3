"""A Beacon network: settles what is asked, asks the members, and gives one answer, whole or as it comes in."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial

from opengdi.federation import terms
from opengdi.federation.answers import answers_of
from opengdi.federation.budget import HubBudget
from opengdi.federation.directory import Directory, Known, Profile
from opengdi.federation.fanout import FanOut, MostTold, everything
from opengdi.federation.hand import AnswersInHand, Take
from opengdi.federation.listing import selects, under_book
from opengdi.federation.merging import Merged, assemble, published
from opengdi.federation.model import COLLECTIONS, Json, Member, MemberState, Outcome
from opengdi.federation.serving import Served, serve, settled
from opengdi.kernel.audit.chain import Outcome as AuditOutcome
from opengdi.kernel.audit.ports import AuditLog
from opengdi.kernel.logging import current_request_id
from opengdi.kernel.principal import Principal
from opengdi.standards.beacon.answer import is_listed
from opengdi.standards.beacon.questions import BeaconRequest, EntryType, Granularity, Page
from opengdi.standards.faults import Malformed


@dataclass(frozen=True, slots=True)
class Answered:
    """The whole answer: the question as it was settled, and what the members said together."""

    request: BeaconRequest
    merged: Merged


@dataclass(frozen=True, slots=True)
class Arrival:
    """One member's outcome and those of its result sets that cannot change any more.

    so_far: makes an answer of all that came until now; None if more is there already, or nobody else is waited for.
    """

    outcome: Outcome
    result_sets: tuple[Json, ...]
    so_far: Callable[[], Answered] | None = None


class BeaconNetwork:
    """One network of the hub.

    members: reads the registry in force. budget: one per person over all nodes. audit: each question is in it before
    anybody is asked, and each whole answer before it is told; of a stream that somebody leaves, what was told until
    then. hand: holds the answers that are being put together. default_granularity is used where the question names
    none; most_of is the most that is asked of a member and taken from it.
    """

    def __init__(
        self,
        members: Callable[[], Sequence[Member]],
        fan_out: FanOut,
        directory: Directory,
        *,
        budget: HubBudget,
        audit: AuditLog,
        hand: AnswersInHand,
        default_granularity: Granularity,
        most_of: MostTold = everything,
    ) -> None:
        self._members = members
        self._fan_out = fan_out
        self._directory = directory
        self._budget = budget
        self._audit = audit
        self._hand = hand
        self._default_granularity = default_granularity
        self._most_of = most_of

    def known(self) -> list[tuple[Member, Profile]]:
        """The members and what they say about themselves."""
        return [(member, self._directory.profile(member)) for member in self._members()]

    async def terms_below(self, collection: EntryType, identifier: str) -> Known:
        """What may be told of the filtering terms of one dataset or cohort; members that rest are silent."""
        members = self._members()
        awake = [member for member in members if not self._fan_out.is_open(member)]
        told = await self._directory.terms_below(awake, collection, identifier)
        if collection is not EntryType.DATASET:
            return terms.of_cohort(told, self._directory.book.shared())
        serving = (each for each in members if self._directory.serves_dataset(each, identifier))
        return terms.of_dataset(told, [member.service for member in serving])

    def settle(self, request: BeaconRequest) -> BeaconRequest:
        """The question with the granularity that will be asked of the members."""
        return (
            replace(request, granularity=self._default_granularity)
            if request.granularity is None
            else request
        )

    async def answer(
        self, request: BeaconRequest, asker: Principal, *, wait_s: float | None = None
    ) -> Answered:
        """The whole answer, at the latest by the deadline, or when the asker would wait no longer."""
        question, members = self._begun(request, asker)
        async with aclosing(self._answers(question, members, asker, wait_s, in_parts=False)) as events:
            async for event in events:
                if isinstance(event, Answered):
                    return event
        raise AssertionError("it ends with the whole answer")

    def stream(
        self, request: BeaconRequest, asker: Principal, *, wait_s: float | None = None
    ) -> AsyncGenerator[Arrival | Answered, None]:
        """An arrival per member as it comes in, then the whole answer.

        Raises Unavailable at once, not in the stream, if there is no registry or the question cannot be audited.
        """
        question, members = self._begun(request, asker)
        return self._answers(question, members, asker, wait_s, in_parts=True)

    def _begun(self, request: BeaconRequest, asker: Principal) -> tuple[BeaconRequest, Sequence[Member]]:
        """The question as it is put, and to whom; it is in the audit chain."""
        question, members = self.settle(request), self._members()
        self._write_down(asker, "network.query", [f"member:{member.service}" for member in members])
        return question, members

    async def _answers(
        self,
        question: BeaconRequest,
        members: Sequence[Member],
        asker: Principal,
        wait_s: float | None,
        *,
        in_parts: bool,
    ) -> AsyncGenerator[Arrival | Answered, None]:
        """The whole answer; in_parts: before it an arrival per member, for which what it tells is booked already."""
        outcomes: dict[str, Outcome] = {}
        told: list[Served] = []
        with self._hand.of_a_question() as take:
            try:
                async with aclosing(self._outcomes(question, members, asker, wait_s, take)) as arriving:
                    async for together in arriving:
                        outcomes |= {outcome.member.service: outcome for outcome in together}
                        for outcome in together if in_parts else ():
                            final = self._settled(question, outcome, members, outcomes)
                            allowed = await self._budget.within(question, asker, final)
                            told += allowed
                            goes_on = outcome is together[-1] and len(outcomes) < len(members)
                            so_far = partial(self._so_far, question, members, dict(outcomes), [*told])
                            yield Arrival(outcome, _listed(question, allowed), so_far if goes_on else None)
                ordered = self._under_book(question, [outcomes[member.service] for member in members])
                told = await self._budget.within(question, asker, self._final(question, ordered))
            finally:  # who goes away before the end has been told what came until then
                heard = [outcomes[member.service] for member in members if member.service in outcomes]
                self._write_down(asker, "network.answer", _told_of(heard, told), _outcome(told))
            yield Answered(question, assemble(question, ordered, told))

    def _settled(
        self,
        question: BeaconRequest,
        outcome: Outcome,
        members: Sequence[Member],
        heard: Mapping[str, Outcome],
    ) -> Sequence[Served]:
        """Of one outcome what no other can change; nothing while a member is awaited that was never read."""
        if any(not self._directory.is_read(each) for each in members if each.service not in heard):
            return []
        services = frozenset(member.service for member in members)
        return settled(question, outcome, self._directory.book, services)

    def _final(self, question: BeaconRequest, outcomes: Sequence[Outcome]) -> list[Served]:
        """All result sets but those of datasets of a member that the asker would not wait for: it may be stricter."""
        book, given_up = self._directory.book, _missing(outcomes)
        served = serve(question, answers_of(outcomes), book)
        return [item for item in served if not book.servers(item.found.id) & given_up]

    def _under_book(self, question: BeaconRequest, outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
        missing = _missing(outcomes)
        return [under_book(question, outcome, self._directory.book, missing) for outcome in outcomes]

    def _so_far(
        self,
        question: BeaconRequest,
        members: Sequence[Member],
        heard: Mapping[str, Outcome],
        told: Sequence[Served],
    ) -> Answered:
        """An answer of what cannot change any more, with the members that are waited for."""
        outcomes = [heard.get(each.service) or Outcome(each, MemberState.WAITING) for each in members]
        return Answered(question, assemble(question, self._under_book(question, outcomes), told))

    def _write_down(
        self,
        asker: Principal,
        action: str,
        objects: Sequence[str],
        outcome: AuditOutcome = AuditOutcome.DONE,
    ) -> None:
        self._audit.append(
            action, actor=asker.subject, outcome=outcome, objects=objects, request=current_request_id.get()
        )

    async def _outcomes(
        self,
        request: BeaconRequest,
        members: Sequence[Member],
        asker: Principal,
        wait_s: float | None,
        take: Take,
    ) -> AsyncGenerator[Sequence[Outcome], None]:
        """Those that are not asked, then the others as they come in."""
        asked = [each for each in members if self._directory.serves(each, request.entry_type)]
        reason = f"does not serve {request.entry_type.value}"
        passed_over = [
            Outcome(each, MemberState.SKIPPED, None, reason) for each in members if each not in asked
        ]
        if passed_over:
            yield passed_over

        def noted(outcome: Outcome) -> Outcome:
            return take(self._noted(outcome, request.entry_type))

        asking = self._fan_out.ask(_as_put(request), asked, asker, self._most_of, wait_s=wait_s, take=noted)
        async with aclosing(asking) as arriving:
            async for together in arriving:
                yield together

    def _noted(self, outcome: Outcome, entry_type: EntryType) -> Outcome:
        """The outcome, of which the book of floors has taken note; without its answer if that cannot be noted."""
        if outcome.answer is None:
            return outcome
        try:
            self._directory.hear(outcome.member, outcome.answer, entry_type)
        except Malformed as error:
            return replace(outcome, state=MemberState.ERROR, reason=str(error), answer=None, age_ms=None)
        return outcome


def _missing(outcomes: Sequence[Outcome]) -> frozenset[str]:
    """Beacons that did not answer and might yet."""
    return frozenset(
        each.member.service for each in outcomes if each.given_up or each.state is MemberState.WAITING
    )


def _as_put(request: BeaconRequest) -> BeaconRequest:
    """As members are asked. Collections are paged over the whole network, so members are asked for all of theirs.

    Datasets that hold what is looked for are asked for by name: which floor a bare number is told under is not said.
    """
    if request.entry_type not in COLLECTIONS:
        return request
    granularity = Granularity.RECORD if selects(request) else request.granularity
    return replace(request, page=Page(0, 0), granularity=granularity)


def _listed(request: BeaconRequest, allowed: Sequence[Served]) -> tuple[Json, ...]:
    """The result sets that an arrival lists."""
    return tuple(
        published(request, item) for item in allowed if is_listed(request.include, hit=item.found.exists)
    )


def _told_of(outcomes: Sequence[Outcome], served: Sequence[Served]) -> list[str]:
    """Objects of the audit event: what became of each member, and the datasets that are told about."""
    members = [f"member:{outcome.member.service}:{outcome.state}" for outcome in outcomes]
    return members + [f"dataset:{item.found.id}" for item in served if not item.refused]


def _outcome(served: Sequence[Served]) -> AuditOutcome:
    is_refused = bool(served) and all(item.refused for item in served)
    return AuditOutcome.REFUSED if is_refused else AuditOutcome.DONE
