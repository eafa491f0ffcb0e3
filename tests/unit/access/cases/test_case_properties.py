"""Whatever people, hubs and time do in whatever order, the promises of a case hold."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.access.cases.deliberation import ALL_GOOD, MEMBERS, A, B, Deliberation

from opengdi.access.cases.model import OPEN, Case, Command, Criterion, Silence, State, Vote
from opengdi.access.cases.rules import PERMITTED, permitted, todo
from opengdi.access.cases.story import EVENT_KINDS, STORY
from opengdi.access.cases.voting import counted
from opengdi.access.model import Event
from opengdi.kernel.errors import Conflict, Invalid, NotPermitted
from opengdi.kernel.principal import Role

PEOPLE = st.sampled_from([*MEMBERS, "ada", "nobody"])
DATASETS = st.sampled_from([A, B])
FAILED = {**ALL_GOOD["criteria"], Criterion.FUNDING: False}
RULINGS = st.tuples(st.booleans(), st.booleans()).map(
    lambda granted: [
        {"dataset": name, "granted": yes, "reasons": "said"}
        for name, yes in zip((A, B), granted, strict=True)
    ]
)

SAID: dict[Command, st.SearchStrategy[dict[str, Any]]] = {
    Command.DECLARE_INTEREST: st.sampled_from(
        [{"conflict": False}] * 4 + [{"conflict": True, "text": "kin"}]
    ),
    Command.ASSIGN_REVIEWERS: PEOPLE.map(lambda who: {"members": [who]}),
    Command.CHECK_CONFORMITY: st.sampled_from(
        [ALL_GOOD, ALL_GOOD, {"criteria": FAILED, "reasons": {"funding": "none"}}]
    ),
    Command.CHECK_ETHICS: st.sampled_from(["cleared", "cleared", "refused", "board"]).map(
        lambda outcome: {"outcome": outcome, "text": "said"}
    ),
    Command.GIVE_OPINION: st.booleans().map(lambda favours: {"favours": favours}),
    Command.CAST_BALLOT: st.tuples(st.sampled_from(["grant", "grant", "deny", "abstain"]), DATASETS).map(
        lambda said: {"vote": said[0], "datasets": {said[1]: "grant"}}
    ),
    Command.CLOSE_VOTE: st.just({}),
    Command.DECIDE: RULINGS.map(lambda rulings: {"datasets": rulings}),
    Command.COUNTERSIGN: st.just({"text": "fine"}),
    Command.VETO: st.tuples(DATASETS, st.booleans()).map(
        lambda said: {"datasets": [said[0]], "final": said[1], "text": "law"}
    ),
    Command.LIFT_VETO: st.just({"text": "settled"}),
    Command.SEEK_CONSENSUS: st.just({"text": "let us talk"}),
    Command.CONCLUDE_CONSENSUS: st.booleans().map(lambda reached: {"reached": reached, "text": "said"}),
    Command.ASK_QUESTION: st.just({"text": "why?"}),
    Command.REQUEST_CHANGE: st.just({"text": "less"}),
    Command.RESUME: st.just({}),
    Command.REMARK: st.booleans().map(lambda public: {"text": "hm", "public": public}),
    Command.EXTEND: st.just({"workingDays": 5, "text": "long"}),
}
ACTS = st.sampled_from(list(Command)).flatmap(
    lambda command: st.tuples(st.just("act"), PEOPLE, st.just(command), SAID[command])
)
OTHERS = st.sampled_from(
    [
        ("wait", 0.5),
        ("wait", 3),
        ("wait", 20),
        ("wait", 200),
        ("answer",),
        ("change",),
        ("appeal",),
        ("withdraw",),
    ]
)


def do(case: Deliberation, step: tuple[Any, ...], data: st.DataObject) -> None:
    match step:
        case ("act", who, command, said):
            case.act(who, command, **said)
        case ("sensible", who):
            may = sorted(permitted(case.case, case.actor(who)) - {Command.DECLARE_INTEREST, Command.REMARK})
            fresh = case.case.state in OPEN and who not in case.case.interests and MEMBERS.get(who)
            if fresh and data.draw(st.booleans()):
                case.act(who, Command.DECLARE_INTEREST, conflict=False)
            elif may:
                command = data.draw(st.sampled_from(may))
                case.act(who, command, **data.draw(SAID[command]))
        case ("next",):
            for who in data.draw(st.permutations(sorted(MEMBERS))):
                if wanted := sorted(todo(case.case, case.actor(who))):
                    case.act(who, wanted[0], **data.draw(GOOD.get(wanted[0], SAID[wanted[0]])))
                    break
        case ("wait", days):
            case.wait(days)
        case ("change",):
            case.change(f"d{len(case.events)}")
        case (name,):
            getattr(case, name)()


GOOD: dict[Command, st.SearchStrategy[dict[str, Any]]] = {
    Command.DECLARE_INTEREST: st.just({"conflict": False}),
    Command.CHECK_CONFORMITY: st.just(ALL_GOOD),
    Command.CHECK_ETHICS: st.just({"outcome": "cleared"}),
    Command.CAST_BALLOT: st.just({"vote": "grant"}),
}
STEPS = st.one_of(*[st.just(("next",))] * 8, ACTS, st.tuples(st.just("sensible"), PEOPLE), OTHERS)
"""Mostly, those who are waited for do what they should, so that cases come to an end; and anything else between."""


def check_new(before: Case, case: Deliberation, fresh: list[Event]) -> None:
    """What no event may break."""
    after = case.case
    for event in fresh:
        assert event.kind in EVENT_KINDS
        if event.actor in MEMBERS or event.actor in {"ada", "nobody"}:
            roles = MEMBERS.get(event.actor, frozenset())
            assert any(PERMITTED.get((before.state, role)) for role in roles), "nobody outside the table"
            assert event.actor not in before.application.people
            assert event.actor not in before.excluded
            assert not before.interests.get(event.actor), "who has a conflict does nothing"
        if event.kind == "vetoed" and not event.data["final"] and after.state is State.CONSENSUS:
            assert set(event.data["datasets"]) <= set(after.vetoes)
    if after.decided is not None and after.decided != before.decided:
        check_decision(before, case)


def check_decision(before: Case, case: Deliberation) -> None:
    after, found = case.case, case.case.decided
    assert found is not None
    assert {ruling.dataset for ruling in found.rulings} == after.names
    for ruling in found.rulings:
        if not ruling.granted:
            continue
        assert ruling.dataset not in after.vetoes, "the veto wins"
        assert ruling.until is not None
        assert case.now < ruling.until <= after.application.until  # type: ignore[operator]
        for who in counted(after):
            may_vote = {Role.DAC_MEMBER, Role.DAC_CHAIR}
            if after.kind == "countersign":
                may_vote = {Role.NATIONAL_COORDINATION_POINT, Role.DATA_HOLDER, Role.DAC_CHAIR}
            assert MEMBERS[who] & may_vote, "votes are by members of the body"
            assert after.interests[who] is False, "and by nobody with a conflict"
            assert who not in after.excluded
        if found.tacit:
            assert after.workflow.silence is Silence.APPROVE
            if after.kind == "countersign":
                continue
        grants = [ballot for ballot in counted(after).values() if ballot.votes[ruling.dataset] is Vote.GRANT]
        assert len(counted(after)) >= after.workflow.quorum
        assert grants
        assert before.conforms is True or after.kind == "countersign"


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["research", "healthcare", "quality-management"]),
    st.sampled_from(["decide", "decide", "countersign"]),
    st.sampled_from(list(Silence)),
    st.integers(0, 10),
    st.lists(STEPS, min_size=8, max_size=40),
    st.data(),
)
def test_the_promises_hold(
    purpose: str, kind: str, silence: Silence, prompt: int, steps: list[Any], data: st.DataObject
) -> None:
    """prompt: how many things go as they should before anything may happen."""
    case = Deliberation.begun(purpose, kind, silence=silence, quorum=data.draw(st.integers(0, 3)))
    steps = [("next",)] * prompt + steps
    for step in steps:
        before, known = case.case, len(case.events)
        with suppress(Conflict, Invalid, NotPermitted):
            do(case, step, data)
        check_new(before, case, case.events[known:])
        if before.state in {State.DECIDED, State.WITHDRAWN}:
            assert case.case.state in {before.state, State.APPEAL, State.WITHDRAWN}
    assert STORY.fold(case.events) == case.case, "replayed, the events add up to the state"
    STORY.head(case.case)


@settings(max_examples=60, deadline=None)
@given(st.lists(STEPS, max_size=30), st.data())
def test_silence_never_grants_where_it_refuses(steps: list[Any], data: st.DataObject) -> None:
    case = Deliberation.begun("research", "countersign")
    for step in steps:
        with suppress(Conflict, Invalid, NotPermitted):
            do(case, step, data)
    case.wait(500)
    case.wait(500)
    if case.case.decided is not None and case.case.decided.tacit:
        assert case.granted == set()


def test_events_that_nobody_knows_change_nothing() -> None:
    case = Deliberation.begun()
    event = Event("case:x", 99, "from-the-future", case.now, "one", {"a": 1})
    assert STORY.evolve(case.case, event) == case.case
