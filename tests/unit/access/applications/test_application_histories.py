"""Whatever happens in whatever order: replay is state, strangers cause nothing, what was submitted stays as it was."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.access.applications.histories import (
    ID,
    PEOPLE,
    History,
    data_for,
    roles_of,
    told_by_cases,
)

from opengdi.access.applications.evolution import KINDS, evolve
from opengdi.access.applications.model import Application, Command, Role, State
from opengdi.access.applications.outcome import granted_datasets, state_by_cases
from opengdi.access.applications.rules import PERMITTED, permitted
from opengdi.access.applications.story import APPLICATIONS
from opengdi.access.model import Event


@settings(max_examples=80)
@given(st.data())
def test_any_history_replays_keeps_what_was_submitted_and_heeds_the_table(data: st.DataObject):
    history = History()
    history.begin(purpose=data.draw(st.sampled_from(["research", "healthcare"])))
    for _ in range(data.draw(st.integers(1, 25))):
        before = history.state
        if before.cases and data.draw(st.booleans()):
            history.add([data.draw(told_by_cases(before))], "node:n1")
        else:
            person, command = data.draw(st.sampled_from(PEOPLE)), data.draw(_likely(before))
            allowed = permitted(before.state, roles_of(before, person))
            happened = history.act(command, person, data_for(data.draw, before, command))
            assert not happened or command in allowed
        after = history.state
        assert after.versions[: len(before.versions)] == before.versions
        assert after.applicant not in after.member_subjects
        assert after.state is not State.APPROVED or granted_datasets(after.cases) >= set(after.datasets)
    assert APPLICATIONS.fold(history.events) == history.state
    assert history.state.events == len(history.events)
    APPLICATIONS.head(history.state)


def _likely(state: Application) -> st.SearchStrategy[Command]:
    """Any command, but often one that goes on: else few histories come far."""
    forth = {State.DRAFT: Command.SUBMIT, State.PENDING: Command.CONFIRM, State.RETURNED: Command.RESUBMIT}
    return st.sampled_from([*Command, *[forth.get(state.state, Command.REMARK)] * 12])


@given(st.sampled_from(sorted(State)), st.sampled_from(sorted(Command)))
def test_a_stranger_causes_no_event(state: State, command: Command):
    history = History()
    history.begin()
    history.state = replace(history.state, state=state)
    events = len(history.events)
    assert not history.act(command, "stranger", {})
    assert len(history.events) == events


def test_who_may_nothing_is_not_in_the_table():
    roles = {role for _, role in PERMITTED}
    assert roles.isdisjoint({Role.EVERYONE_ELSE, Role.REVIEWER_BODY, Role.FORMER})
    assert {state for state, _ in PERMITTED} == set(State) - {State.NOTHING, State.DELETED}


def test_every_command_is_possible_for_somebody_at_some_time():
    assert set().union(*PERMITTED.values()) == set(Command)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KNOWN = ("case", "datasets", "forms", "purpose", "content", "digest", "invitation", "subject", "terms")
ALSO_KNOWN = (
    "opened",
    "attachment",
    "asked",
    "text",
    "granted",
    "decision",
    "version",
    "state",
    "clock",
    "by",
)
NAMES = st.sampled_from((*KNOWN, *ALSO_KNOWN))


@given(
    st.lists(
        st.tuples(st.sampled_from([*sorted(KINDS), "unheard-of"]), st.dictionaries(NAMES, JSON, max_size=6)),
        max_size=8,
    )
)
def test_no_event_however_broken_makes_evolve_fail(told: list[tuple[str, dict[str, object]]]):
    history = History()
    history.begin()
    state = history.state
    for number, (kind, data) in enumerate(told):
        event = Event(f"application:{ID}", number, kind, datetime(2026, 1, 1, tzinfo=UTC), "x", data)
        state = evolve(state, event)
    APPLICATIONS.head(state)


def test_one_veto_is_enough_and_no_case_is_no_grant():
    history = History()
    history.begin()
    for command, person in ((Command.SUBMIT, "ann"), (Command.CONFIRM, "official")):
        assert history.act(command, person, {})
    assert state_by_cases((), ()) is State.SUBMITTED
    assert granted_datasets(history.state.cases) == frozenset()
    kinds = sorted(at.opened.kind for at in history.state.cases)
    assert kinds == ["central", "countersign", "decide", "decide"]
