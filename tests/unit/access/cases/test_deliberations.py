"""How cases go: from the check to the decision, with what may come between."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.unit.access.cases.deliberation import ALL_GOOD, MEMBERS, A, B, Deliberation

from opengdi.access.calendar import add_working_days
from opengdi.access.cases.model import Command, Criterion, State
from opengdi.access.cases.rules import permitted, todo
from opengdi.kernel.errors import Conflict, Invalid, NotPermitted


def test_research_goes_through_every_step_to_a_decision_per_dataset() -> None:
    case = Deliberation.begun()
    assert case.case.state is State.CONFORMITY
    case.up_to_vote()
    assert case.case.state is State.VOTE
    case.act("one", "cast-ballot", vote="grant", datasets={B: "deny"})
    assert case.act("two", "cast-ballot", vote="grant", datasets={B: "deny"}) == [
        "ballot-cast",
        "vote-closed",
        "step-entered",
    ]
    assert case.decide("chair", A) == ["decided"]
    assert case.granted == {A}
    assert case.case.state is State.DECIDED
    assert case.case.decided is not None
    assert case.case.decided.by == "chair"
    kinds = [event.kind for event in case.events]
    assert [kind for kind in kinds if kind not in {"interest-declared", "step-entered"}] == [
        "opened", "conformity-checked", "ethics-checked", "opinion-given", "ballot-cast", "ballot-cast",
        "vote-closed", "decided",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("purpose", "steps"),
    [
        ("research", ["conformity-check", "ethics-check", "opinion", "vote", "decision"]),
        ("policy", ["conformity-check", "ethics-check", "opinion", "vote", "decision"]),
        ("quality-management", ["conformity-check", "vote", "decision"]),
        ("healthcare", ["conformity-check", "opinion", "vote", "decision"]),
    ],
)
def test_the_purpose_says_which_steps_there_are(purpose: str, steps: list[str]) -> None:
    case = Deliberation.begun(purpose).up_to_decision()
    entered = [event.data["state"] for event in case.events if event.kind == "step-entered"]
    assert entered == steps
    case.decide("holder", A, B)
    assert case.granted == {A, B}


def test_nobody_acts_before_saying_that_nothing_of_their_own_is_at_stake() -> None:
    case = Deliberation.begun()
    assert permitted(case.case, case.actor("one")) == {Command.DECLARE_INTEREST, Command.REMARK}
    assert todo(case.case, case.actor("one")) == {Command.DECLARE_INTEREST}
    with pytest.raises(Conflict, match="declare first"):
        case.act("one", "check-conformity", **ALL_GOOD)
    case.declare("one")
    assert todo(case.case, case.actor("one")) == {Command.CHECK_CONFORMITY}


def test_who_takes_part_or_works_beside_a_participant_cannot_act() -> None:
    case = Deliberation.begun()
    case.organisations["one"] = frozenset({"GDIO-2"})
    for who in ("one", "ada"):
        assert permitted(case.case, case.actor(who)) == frozenset()
        with pytest.raises(NotPermitted, match="conflict of interest"):
            case.act(who, "declare-interest", conflict=False)


def test_a_conflict_that_is_told_late_undoes_the_vote_that_it_touched() -> None:
    case = Deliberation.begun().up_to_decision()
    case.act("two", "declare-interest", conflict=True, text="A cousin of mine works there")
    assert case.case.state is State.VOTE
    assert set(case.case.ballots) == {"one"}
    with pytest.raises(NotPermitted):
        case.act("two", "cast-ballot", vote="grant")
    case.act("three", "cast-ballot", vote="grant")
    case.decide("chair", A, B)
    assert case.granted == {A, B}


def test_a_conflict_of_whoever_checked_makes_somebody_else_check() -> None:
    case = Deliberation.begun().up_to_vote()
    case.act("one", "declare-interest", conflict=True, text="I wrote that protocol")
    assert (case.case.state, case.case.conforms) == (State.CONFORMITY, None)


def test_all_eight_criteria_are_judged_and_a_failed_one_is_explained() -> None:
    case = Deliberation.begun()
    case.declare("one", "chair")
    with pytest.raises(Invalid, match="funding"):
        case.act("one", "check-conformity", criteria={"ethicsApproval": True})
    failing = {**ALL_GOOD["criteria"], Criterion.DATA_MINIMISATION: False}
    with pytest.raises(Invalid, match="dataMinimisation"):
        case.act("one", "check-conformity", criteria=failing)
    case.act(
        "one",
        "check-conformity",
        criteria=failing,
        reasons={"dataMinimisation": "All chromosomes for one gene"},
    )
    assert case.case.state is State.DECISION
    with pytest.raises(Conflict, match="conform"):
        case.decide("chair", A, B)
    case.decide("chair")
    assert case.granted == set()


def test_an_ethical_issue_goes_to_the_board() -> None:
    case = Deliberation.begun()
    case.declare("one", "ethicist")
    case.act("one", "check-conformity", **ALL_GOOD)
    with pytest.raises(Invalid, match="text"):
        case.act("one", "check-ethics", outcome="board")
    case.act("one", "check-ethics", outcome="board", text="Children among the subjects")
    assert case.case.state is State.ETHICS
    with pytest.raises(Conflict):
        case.act("one", "check-ethics", outcome="cleared")
    case.act("ethicist", "check-ethics", outcome="cleared", text="With assent of the children")
    assert case.case.state is State.OPINION


def test_what_ethics_refuses_cannot_be_granted() -> None:
    case = Deliberation.begun()
    case.declare("one", "chair", "ethicist")
    case.act("one", "check-conformity", **ALL_GOOD)
    case.act("ethicist", "check-ethics", outcome="refused", text="No approval for this use")
    with pytest.raises(Conflict, match="ethics"):
        case.decide("chair", A, B)


def test_without_the_quorum_nothing_is_granted() -> None:
    case = Deliberation.begun(quorum=3).up_to_vote()
    case.act("one", "cast-ballot", vote="grant")
    case.act("two", "cast-ballot", vote="grant")
    assert case.case.state is State.VOTE
    with pytest.raises(Conflict, match="3 are needed"):
        case.act("chair", "close-vote")
    case.act("three", "cast-ballot", vote="abstain")
    assert case.case.state is State.DECISION
    case.decide("chair", A, B)


def test_a_vote_ends_when_nobody_can_change_it_any_more() -> None:
    case = Deliberation.begun(quorum=2, seats=4).up_to_vote()
    case.act("one", "cast-ballot", vote="deny")
    case.act("two", "cast-ballot", vote="deny")
    assert case.case.state is State.VOTE, "two may still vote the other way"
    case.act("three", "cast-ballot", vote="deny")
    assert case.case.state is State.DECISION
    with pytest.raises(Conflict, match="0 for and 3 against"):
        case.decide("chair", A, B)


@pytest.mark.parametrize(("chair_breaks_ties", "carried"), [(True, {A, B}), (False, set())])
def test_in_a_tie_the_chair_decides_if_that_is_the_rule(chair_breaks_ties: bool, carried: set[str]) -> None:
    case = Deliberation.begun(chair_breaks_ties=chair_breaks_ties).up_to_vote()
    case.act("one", "cast-ballot", vote="deny")
    case.act("chair", "cast-ballot", vote="grant")
    if carried:
        case.decide("holder", A, B)
        assert case.granted == carried
    else:
        with pytest.raises(Conflict):
            case.decide("holder", A, B)


def test_two_people_stand_behind_every_grant() -> None:
    case = Deliberation.begun("healthcare").up_to_vote()
    case.act("chair", "cast-ballot", vote="grant")
    case.act("one", "cast-ballot", vote="abstain")
    with pytest.raises(Conflict, match="2 different people"):
        case.decide("chair", A, B)
    case.decide("holder", A, B)
    assert case.granted == {A, B}


def test_every_dataset_is_decided_on_and_denials_say_why() -> None:
    case = Deliberation.begun().up_to_decision()
    with pytest.raises(Invalid, match=B):
        case.act("chair", "decide", datasets=[{"dataset": A, "granted": True}])
    with pytest.raises(Invalid, match="why"):
        case.act(
            "chair",
            "decide",
            datasets=[{"dataset": A, "granted": True}, {"dataset": B, "granted": False}],
        )
    for until in ("2028-06-01", "2026-01-01"):
        with pytest.raises(Invalid, match="until"):
            case.decide("chair", A, B, until=until)
    case.decide("chair", A, B, until="2027-06-30")
    assert case.granted == {A, B}


def test_a_veto_needs_a_justification_and_wins_over_the_committee() -> None:
    case = Deliberation.begun().up_to_decision()
    with pytest.raises(Invalid, match="justification"):
        case.act("ncp", "veto", datasets=[A])
    with pytest.raises(NotPermitted):
        case.act("one", "veto", datasets=[A], text="I do not like it")
    case.act("ncp", "veto", datasets=[A], text="The consent of this cohort excludes it")
    with pytest.raises(Conflict, match="veto"):
        case.decide("chair", A, B)
    case.decide("chair", B)
    assert case.granted == {B}


def test_a_veto_against_everything_is_the_decision() -> None:
    case = Deliberation.begun()
    case.declare("ncp")
    assert case.act("ncp", "veto", text="Not compatible with national law") == ["vetoed", "decided"]
    assert case.granted == set()


def test_consensus_may_lift_a_veto_and_only_the_nation_may() -> None:
    case = Deliberation.begun().up_to_decision()
    case.act("ncp", "veto", text="Doubts about the aims", final=False)
    assert case.case.state is State.CONSENSUS
    with pytest.raises(Conflict, match="veto stands"):
        case.act("chair", "conclude-consensus", reached=True, text="They agreed")
    with pytest.raises(NotPermitted):
        case.act("chair", "lift-veto", text="I lift it")
    case.act("ncp", "lift-veto", text="The aims were made clear")
    case.act("chair", "conclude-consensus", reached=True, text="They agreed")
    assert case.case.state is State.VOTE, "what was voted before counts no longer"
    case.act("one", "cast-ballot", vote="grant")
    case.act("three", "cast-ballot", vote="grant")
    case.decide("chair", A, B)
    assert case.granted == {A, B}


def test_without_consensus_the_data_concerned_are_not_released() -> None:
    case = Deliberation.begun().up_to_decision()
    case.act("ncp", "veto", datasets=[A], text="Doubts", final=False)
    case.act("holder", "conclude-consensus", reached=False, text="Nobody moved")
    case.decide("chair", B)
    assert case.granted == {B}
    other = Deliberation.begun().up_to_vote()
    other.act("chair", "seek-consensus", text="The members disagree")
    other.wait(40)
    assert other.case.state is State.DECIDED
    assert (other.granted, other.case.decided.tacit) == (set(), True)  # type: ignore[union-attr]


def test_a_question_stops_the_clock_until_it_is_answered() -> None:
    case = Deliberation.begun()
    case.declare("one")
    deadline = case.case.clock.deadline
    case.act("one", "ask-question", text="Which ancestry?")
    assert case.wait(30) == []
    assert case.act("one", "check-conformity", **ALL_GOOD), "work goes on meanwhile"
    assert case.answer() == ["message-received", "resumed"]
    assert case.case.clock.deadline == add_working_days(case.now, 27, "EE")
    assert case.case.clock.deadline > deadline  # type: ignore[operator]


def test_a_change_starts_the_check_anew_with_the_time_that_was_left() -> None:
    case = Deliberation.begun().up_to_decision()
    case.wait(1)
    case.act("chair", "request-change", text="Fewer variables, please")
    assert case.case.state is State.WAITING
    case.wait(20)
    assert case.answer("We shall.") == ["message-received"], "a message is no new version"
    assert case.change() == ["application-changed", "step-entered"]
    assert case.case.state is State.CONFORMITY
    assert (case.case.ballots, case.case.conforms, case.case.application.version) == ({}, None, 2)
    assert case.case.clock.deadline == add_working_days(case.now, 26, "EE")
    assert case.change() == [], "the same version comes twice"


def test_a_request_can_be_taken_back() -> None:
    case = Deliberation.begun()
    case.declare("chair")
    case.act("chair", "request-change", text="Fewer variables")
    case.act("chair", "resume", text="It can stay")
    assert (case.case.state, case.case.clock.stopped) == (State.CONFORMITY, None)


def test_reviewers_are_picked_among_the_bodys_own() -> None:
    case = Deliberation.begun()
    case.declare("chair")
    with pytest.raises(Invalid, match="stranger"):
        case.act("chair", "assign-reviewers", members=["one", "stranger"])
    case.act("chair", "assign-reviewers", members=["one", "two"])
    assert case.case.reviewers == {"one", "two"}


def test_an_appeal_is_decided_by_others_than_the_first_decider() -> None:
    case = Deliberation.begun().up_to_decision("deny")
    case.decide("chair")
    assert case.appeal() == ["appealed"]
    assert case.appeal() == [], "the same appeal comes twice"
    for who in ("chair",):
        with pytest.raises(NotPermitted, match="decided"):
            case.act(who, "cast-ballot", vote="grant")
    case.act("two", "cast-ballot", vote="grant")
    with pytest.raises(Conflict, match="2 are needed"):
        case.decide("holder", A, B)
    case.act("three", "cast-ballot", vote="grant")
    case.decide("holder", A, B)
    assert case.granted == {A, B}
    assert case.case.decided is not None
    assert case.case.decided.appeal
    assert case.appeal() == ["appeal-refused"]
    assert case.events[-1].data["why"] == "no-denial"


def test_an_appeal_comes_in_time_and_against_a_denial() -> None:
    case = Deliberation.begun()
    assert case.appeal() == ["appeal-refused"]
    assert case.events[-1].data["why"] == "no-denial"
    case.up_to_decision("deny")
    case.decide("chair")
    decided, before = case.now, case.case
    case.now += timedelta(days=60)
    assert case.appeal() == ["appeal-refused"]
    assert case.events[-1].data["why"] == "late"
    assert case.appeal(made=case.now + timedelta(days=1)) == ["appeal-refused"]
    assert case.case == before, "the decision stands"
    assert case.appeal(made=decided + timedelta(days=3)) == ["appealed"], "what counts is when it was made"
    with pytest.raises(Invalid, match="says why"):
        Deliberation.begun().appeal("")


def test_there_is_no_second_appeal() -> None:
    case = Deliberation.begun().up_to_decision("deny")
    case.decide("chair")
    case.appeal()
    for who in ("two", "three"):
        case.act(who, "cast-ballot", vote="deny")
    case.decide("holder")
    assert case.appeal() == ["appeal-refused"]
    assert case.events[-1].data["why"] == "second"


def test_a_case_that_is_withdrawn_is_over() -> None:
    case = Deliberation.begun()
    assert case.withdraw() == ["withdrawn"]
    assert case.withdraw() == []
    assert case.wait(400) == []
    with pytest.raises(Conflict, match="withdrawn"):
        case.act("chair", "decide", datasets=[{"dataset": A, "granted": False, "reasons": "x"}])


def test_a_countersignature_lets_go_what_no_veto_holds() -> None:
    case = Deliberation.begun(kind="countersign")
    case.declare("ncp", "holder", "one")
    with pytest.raises(NotPermitted):
        case.act("one", "countersign")
    case.act("ncp", "veto", datasets=[B], text="This cohort did not consent")
    assert case.act("holder", "countersign") == ["ballot-cast", "decided"]
    assert case.granted == {A}


def test_more_time_needs_a_reason_and_is_limited() -> None:
    case = Deliberation.begun("healthcare")
    case.declare("chair")
    with pytest.raises(Invalid, match="why"):
        case.act("chair", "extend", workingDays=2)
    with pytest.raises(Invalid, match="1 to 2"):
        case.act("chair", "extend", workingDays=5, text="Holidays")
    case.act("chair", "extend", workingDays=2, text="The chair is abroad")
    assert case.case.clock.deadline == add_working_days(case.now, 3, "EE")
    with pytest.raises(Conflict):
        case.act("chair", "extend", workingDays=1, text="And again")


def test_remarks_are_for_the_body_unless_they_are_public() -> None:
    case = Deliberation.begun()
    case.act("one", "remark", text="Looks sound")
    assert case.events[-1].data["public"] is False
    for who in set(MEMBERS) - {"stranger"}:
        case.act(who, "remark", text="Hello", public=True)
    with pytest.raises(NotPermitted):
        case.act("stranger", "remark", text="Hello")
