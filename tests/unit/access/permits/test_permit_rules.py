"""Who may do what with a permit, in any history of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.permit_kit import ANNA, BENO, NOW
from tests.unit.access.permits.histories import DATASETS, TERMS, History, datas, histories

from opengdi.access.model import Event
from opengdi.access.permits.evolution import STORY, register_entry
from opengdi.access.permits.model import Command, Permit, Role, State
from opengdi.access.permits.rules import PERMITTED, Terms, due, next_due, permitted


def issued() -> History:
    history = History()
    history.settle(400)
    return history


@given(histories)
def test_replay_equals_the_state_also_through_what_is_stored(history: History):
    stored = [
        Event(
            each.stream,
            each.number,
            each.kind,
            each.at,
            each.actor,
            msgspec.json.decode(msgspec.json.encode(each.data)),
        )
        for each in history.events
    ]
    assert STORY.fold(history.events) == STORY.fold(stored) == history.permit


@given(histories)
def test_what_ended_stays_ended(history: History):
    ended = [index for index, state in enumerate(history.states) if state.state is State.ENDED]
    assert all(state.state is State.ENDED for state in history.states[ended[0] :]) if ended else True
    if ended:
        final = {
            (state.ended, state.ended_by, state.datasets, state.members)
            for state in history.states[ended[0] :]
        }
        assert len(final) == 1


@given(histories)
def test_a_permit_never_grows_but_by_decisions(history: History):
    for before, after, event in zip(history.states, history.states[1:], history.events, strict=False):
        if event.kind not in {"issued", "decided-anew"}:
            assert set(after.datasets) <= set(before.datasets)
            assert after.subjects <= before.subjects
            assert {each.jws for each in after.decisions} == {each.jws for each in before.decisions}


@given(histories)
def test_nobody_outside_the_table_causes_an_event(history: History):
    for command in Command:
        for role in Role:
            if command not in PERMITTED.get((history.permit.state, role), frozenset()):
                before = len(history.events)
                assert not history.act(
                    command, frozenset({role}), {"for": "completed", "duty": "results"}, "A.node"
                )
                assert len(history.events) == before


@given(histories, st.sampled_from(Command), datas)
def test_a_stranger_causes_no_event(history: History, command: Command, data: dict[str, object]):
    assert permitted(history.permit, {Role.EVERYONE_ELSE}) == frozenset()
    assert not history.act(command, frozenset({Role.EVERYONE_ELSE}), data)


@given(histories)
def test_a_node_takes_back_its_own_data_only(history: History):
    before = {each.key for each in history.permit.datasets if each.node != "A.node"}
    others = len(history.permit.datasets) > len(before)
    if history.act(Command.REVOKE, frozenset({Role.NODE}), {}, "A.node") and before and others:
        assert {each.key for each in history.permit.datasets} == before


@given(histories)
def test_versions_rise_and_time_comes_to_rest(history: History):
    versions = [state.version for state in history.states]
    assert versions == sorted(versions)
    for _ in range(12):
        moment = next_due(history.permit, TERMS)
        if moment is None:
            break
        history.now = max(history.now, moment)
        assert history.record(due(history.permit, TERMS, history.now)), "something is due and nothing happens"
    else:
        raise AssertionError("time never comes to rest")
    assert history.permit.state in {State.ENDED, State.NOTHING}


@given(histories)
def test_nothing_happens_before_it_is_due(history: History):
    moment = next_due(history.permit, TERMS)
    if moment is not None and moment > history.now:
        assert due(history.permit, TERMS, moment - timedelta(seconds=1)) == []


@given(histories)
def test_the_register_names_nobody(history: History):
    told = str(register_entry(history.permit))
    assert ANNA.subject not in told
    assert BENO.subject not in told


def test_an_end_that_is_near_is_announced_once_and_by_the_nearest_notice():
    history = History()
    history.settle(20)
    history.pass_days(0)
    history.pass_days(0)
    assert [each.data["days"] for each in history.events if each.kind == "expiry-announced"] == [30]
    history.pass_days(13)
    assert history.events[-1].data == {"days": 7}


def attestations_announced(history: History) -> list[int]:
    return [each.data["days"] for each in history.events if each.kind == "attestation-announced"]


def test_an_attestation_that_falls_due_is_announced_by_each_notice_once():
    history = issued()
    for days in (304, 1, 0, 30, 0, 23, 0):
        history.pass_days(days)
    assert attestations_announced(history) == [60, 30, 7]
    history.pass_days(7)
    assert history.permit.suspended_for == "attestation-missed"
    history.pass_days(0)
    assert attestations_announced(history) == [60, 30, 7], "nothing more of what was missed"


def test_after_an_attestation_the_next_one_is_announced():
    history = History()
    history.settle(1000)
    history.pass_days(340)
    history.act(Command.ATTEST, frozenset({Role.HOLDER}), {})
    history.pass_days(0)
    assert attestations_announced(history) == [30]
    history.pass_days(305)
    assert attestations_announced(history) == [30, 60]


def test_no_attestation_is_announced_that_the_end_spares():
    history = History()
    history.settle(365)
    history.pass_days(360)
    assert attestations_announced(history) == []


def test_who_must_attest_more_often_than_a_notice_is_long_hears_the_shorter_ones_only():
    monthly = Terms(attest_every=timedelta(days=30))
    permit = replace(issued().permit, attest_by=NOW + monthly.attest_every)
    assert due(permit, monthly, NOW) == []
    announced = due(permit, monthly, NOW + timedelta(days=23))
    assert [(each.kind, each.data) for each in announced] == [("attestation-announced", {"days": 7})]


def test_no_permit_is_longer_than_the_law_allows():
    history = History()
    history.settle(20_000)
    assert history.permit.until == NOW + TERMS.longest


def test_an_announced_end_that_moved_is_announced_again():
    history = issued()
    history.pass_days(390)
    history.settle(300, extends=True, digest="d2")
    assert history.permit.announced == frozenset()


def test_what_was_taken_out_does_not_come_back_with_more_time():
    history = issued()
    history.act(Command.AMEND, frozenset({Role.HOLDER}), {"removeDatasets": ["A"]})
    history.settle(500, extends=True, digest="d2")
    assert [each.dataset for each in history.permit.datasets] == ["B"]


def test_a_duty_is_done_or_overdue_also_after_the_end():
    history = History()
    history.settle(10)
    history.pass_days(11)
    assert history.permit.state is State.ENDED
    assert history.permit.duties[0].overdue
    assert history.act(Command.FULFIL, frozenset({Role.HOLDER}), {"duty": "results"})
    assert history.permit.duties[0].done == history.now
    assert not history.act(Command.FULFIL, frozenset({Role.HOLDER}), {"duty": "results"})


def test_an_extension_is_asked_for_once_and_within_bounds():
    history = issued()
    for until in ("2027-01-01T00:00:00+00:00", "2099-01-01T00:00:00+00:00", "2028-06-01", "soon"):
        assert not history.act(Command.EXTEND, frozenset({Role.HOLDER}), {"until": until}), until
    wish = {"until": "2028-06-01T00:00:00+00:00"}
    assert history.act(Command.EXTEND, frozenset({Role.HOLDER}), wish)
    assert not history.act(Command.EXTEND, frozenset({Role.HOLDER}), wish)
    assert history.act(Command.REFUSE_EXTENSION, frozenset({Role.COORDINATOR}), {})
    assert history.permit.extension is None


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"removePeople": "s-beno"},
        {"removeDatasets": [7]},
        {"removeDatasets": list(DATASETS)},
        {"removePeople": [ANNA.subject]},
    ],
)
def test_an_amendment_that_means_nothing_or_too_much_is_refused(data: dict[str, object]):
    assert not issued().act(Command.AMEND, frozenset({Role.HOLDER}), data)


def test_a_signing_official_takes_out_people_and_no_datasets():
    history = issued()
    assert not history.act(Command.AMEND, frozenset({Role.SIGNING_OFFICIAL}), {"removeDatasets": ["A"]})
    assert history.act(Command.AMEND, frozenset({Role.SIGNING_OFFICIAL}), {"removePeople": [BENO.subject]})
    assert history.permit.subjects == {ANNA.subject}


def test_there_is_nothing_due_for_no_permit():
    assert next_due(Permit(), Terms()) is None
    assert due(Permit(), Terms(), NOW) == []
