"""Time reminds, tells of delays, and at the end lets silence speak: once each, also after a long absence."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from tests.unit.access.cases.deliberation import ALL_GOOD, A, B, Deliberation, offer_json

from opengdi.access.calendar import add_days, add_working_days, end_of
from opengdi.access.cases.model import Silence, State
from opengdi.access.cases.offers import read_offer
from opengdi.access.cases.timers import next_due


def kinds(case: Deliberation) -> list[str]:
    return [event.kind for event in case.events if event.actor == "body:ee.dac"]


def test_the_check_has_five_working_days_and_is_called_to_mind() -> None:
    case = Deliberation.begun()
    clock = case.case.clock
    assert clock.due == end_of(date(2026, 6, 8), "EE")
    assert clock.remind == add_days(case.now, 6, "EE")
    # Victory Day and Midsummer, 23 and 24 June, are no working days in Estonia
    assert clock.deadline == end_of(date(2026, 7, 10), "EE")
    assert case.wait(7) == []
    assert case.wait(1) == ["reminded", "overdue"]
    assert case.look() == []


def test_each_step_begins_its_own_time() -> None:
    case = Deliberation.begun()
    case.now += timedelta(days=2)
    case.up_to_vote()
    assert case.case.clock.due == add_working_days(case.now, 11, "EE")


def test_silence_refuses() -> None:
    case = Deliberation.begun().up_to_decision()
    found = case.wait(60)
    assert found[-2:] == ["silence-applied", "decided"]
    assert (case.granted, case.case.state) == (set(), State.DECIDED)
    assert case.case.decided is not None
    assert case.case.decided.tacit
    assert case.case.decided.by == ""
    assert case.wait(400) == []


def test_silence_lets_pass_only_what_was_carried_where_a_body_chose_so() -> None:
    carried = Deliberation.begun(silence=Silence.APPROVE).up_to_decision()
    carried.act("ncp", "veto", datasets=[B], text="Not this cohort")
    carried.wait(60)
    assert carried.granted == {A}
    for case in (Deliberation.begun(silence=Silence.APPROVE), Deliberation.begun(silence=Silence.APPROVE)):
        case.wait(100)
        assert case.granted == set(), "no committee carried it"


@pytest.mark.parametrize(
    ("silence", "granted"), [(Silence.DENY, set()), (Silence.APPROVE, {A, B}), (Silence.ESCALATE, set())]
)
def test_a_countersignature_that_does_not_come_means_what_the_body_chose(
    silence: Silence, granted: set[str]
) -> None:
    case = Deliberation.begun(kind="countersign", silence=silence)
    case.wait(100)
    case.look()
    if silence is Silence.ESCALATE:
        assert case.case.state is State.COUNTERSIGNATURE
        case.wait(100)
    assert case.granted == granted
    assert case.case.decided is not None
    assert case.case.decided.tacit


def test_a_veto_is_not_overcome_by_silence() -> None:
    case = Deliberation.begun(kind="countersign", silence=Silence.APPROVE)
    case.declare("ncp")
    case.act("ncp", "veto", datasets=[A], text="Not this cohort")
    case.wait(100)
    assert case.granted == {B}


def test_escalation_gives_those_above_the_same_time_again() -> None:
    case = Deliberation.begun(silence=Silence.ESCALATE).up_to_decision()
    assert "silence-applied" in case.wait(45)
    assert case.case.escalated
    assert case.case.clock.deadline == add_working_days(case.now, 27, "EE")
    case.decide("holder", A, B)
    assert case.granted == {A, B}


def test_delays_are_told_every_two_months_and_once_after_a_long_absence() -> None:
    case = Deliberation.begun()
    case.declare("chair")
    case.act("chair", "request-change", text="Fewer variables")
    assert case.wait(64) == ["delayed"]
    assert case.look() == []
    assert case.wait(300) == ["delayed"]
    assert case.look() == []
    assert case.case.clock.delay is not None
    assert case.case.clock.delay > case.now


def test_days_of_absence_make_up_for_themselves_in_order() -> None:
    case = Deliberation.begun()
    assert case.wait(90) == ["reminded", "overdue", "silence-applied", "decided"]
    assert kinds(case) == ["reminded", "overdue", "silence-applied", "decided"]


def test_care_has_one_working_day_and_three_if_that_is_justified() -> None:
    friday = datetime(2026, 6, 5, 9, tzinfo=UTC)
    case = Deliberation.begun("healthcare")
    assert case.case.clock.deadline == end_of(date(2026, 6, 2), "EE")
    case = Deliberation(case.flow, now=friday)
    case.arrive(read_offer(offer_json("healthcare")))
    assert case.case.clock.deadline == end_of(date(2026, 6, 8), "EE")
    case.declare("one", "chair")
    case.act("one", "check-conformity", **ALL_GOOD)
    case.act("chair", "extend", workingDays=2, text="A second opinion from abroad")
    assert case.case.clock.deadline == end_of(date(2026, 6, 10), "EE")


def test_on_appeal_silence_leaves_the_first_decision_as_it_was() -> None:
    case = Deliberation.begun().up_to_decision("deny")
    case.decide("chair")
    first = case.case.decided
    case.appeal()
    assert case.wait(90)[-1] == "silence-applied"
    assert (case.case.state, case.case.decided) == (State.DECIDED, first)


def test_nothing_is_due_of_what_is_over() -> None:
    case = Deliberation.begun()
    assert next_due(case.case) is not None
    case.withdraw()
    assert next_due(case.case) is None
