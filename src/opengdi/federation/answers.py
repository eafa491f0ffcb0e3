"""Single answers of members: what was asked of them at most, and whether they hold something back; sans-IO."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from opengdi.federation.model import Answer, Member, MemberState, Outcome
from opengdi.federation.reading import bounds_of
from opengdi.standards.beacon.questions import BeaconRequest, Granularity


def answers_of(outcomes: Iterable[Outcome]) -> list[tuple[Member, Answer]]:
    """The members that answered, with their answers."""
    return [(outcome.member, outcome.answer) for outcome in outcomes if outcome.answer is not None]


def granularity_of(request: BeaconRequest) -> Granularity:
    return Granularity.BOOLEAN if request.granularity is None else request.granularity


def capped(answer: Answer, most: Granularity) -> Answer:
    """The answer without records where none were asked for, whatever its member sent."""
    if most is Granularity.RECORD:
        return answer
    sets = tuple(
        replace(found, document=found.document | {"results": []}) if found.results else found
        for found in answer.result_sets
    )
    return replace(answer, granularity=min(answer.granularity, most), result_sets=sets)


def is_suppressed(answer: Answer) -> bool:
    """True if the member says that it holds a number back. It says so for none and for too few alike."""
    sets = [found.document for found in answer.result_sets] or [answer.summary]
    bounds = (bound for document in sets for bound in bounds_of(document)[:1])
    return not answer.exists and any(str(bound).startswith("<") for bound in bounds)


def state_of(answer: Answer) -> MemberState:
    """`suppressed` where the member held numbers back and nothing else is left, else `ok`."""
    return MemberState.SUPPRESSED if is_suppressed(answer) else MemberState.OK
