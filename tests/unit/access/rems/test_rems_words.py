"""Words of REMS and ours: what is answered comes back, what is entitled was granted, accepted and joined."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.access.applications.model import (
    Application,
    CaseAt,
    CaseKind,
    Command,
    Member,
    OpenedCase,
    Role,
    State,
)
from opengdi.access.applications.rules import PERMITTED
from opengdi.access.forms.model import Choice, Field, FieldType
from opengdi.access.model import AskedDataset, Event
from opengdi.access.rems.bodies import Create, SaveDraft, read
from opengdi.access.rems.entitlements import entitled, entitlements_of
from opengdi.access.rems.model import Entitlement
from opengdi.access.rems.values import duo_purpose, read_value, write_value
from opengdi.access.rems.visas import LONGEST, visa_claims
from opengdi.access.rems.words import COMMANDS, EVENTS, ROLES, event_type
from opengdi.kernel.errors import Invalid

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
COLUMNS = (Choice("gene", {"en": "Gene"}), Choice("why", {"en": "Why"}))
KEYS = st.text("abcdefg-", min_size=1, max_size=8)


def field(type_: FieldType) -> Field:
    return Field("f", type_, {"en": "F"}, columns=COLUMNS if type_ is FieldType.TABLE else ())


def nothing(_: object) -> str:
    return ""


@given(st.lists(KEYS, max_size=5))
def test_a_multiselect_comes_back(keys: list[str]):
    one = field(FieldType.MULTISELECT)
    assert read_value(one, write_value(one, keys, lambda _: 0), nothing) == keys


@given(st.lists(st.fixed_dictionaries({"gene": st.text(max_size=9), "why": st.text(max_size=9)}), max_size=4))
def test_a_table_comes_back(rows: list[dict[str, str]]):
    one = field(FieldType.TABLE)
    assert read_value(one, write_value(one, rows, lambda _: 0), nothing) == rows


@given(st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_attachments_come_back(numbers: list[int]):
    one, ids = field(FieldType.ATTACHMENT), [f"id{number}" for number in numbers]
    told = write_value(one, ",".join(ids), lambda id_: int(id_.removeprefix("id")))
    assert read_value(one, told, lambda number: f"id{number}") == ",".join(ids)


@given(
    st.sampled_from(FieldType),
    st.none() | st.integers() | st.text(max_size=9) | st.lists(st.integers(), max_size=2),
)
def test_whatever_is_sent_is_an_answer_or_invalid(type_: FieldType, value: object):
    try:
        read_value(field(type_), value, lambda number: f"id{number}")
    except Invalid as error:
        named = str(error)
    else:
        named = "f"
    assert "f" in named


@given(st.binary(max_size=120))
def test_whatever_comes_over_the_wire_is_a_body_or_invalid(content: bytes):
    for kind in (Create, SaveDraft):
        try:
            found: object = read(content, kind)
        except Invalid:
            found = None
        assert found is None or isinstance(found, kind)


def test_duo_codes_become_a_purpose():
    told = duo_purpose(
        [
            {"id": "DUO:0000007", "restrictions": [{"type": "mondo", "values": [{"id": "MONDO:0004992"}]}]},
            {"id": "DUO:0000037"},
            {"id": "DUO:0000046"},
            {"id": "DUO:9999999", "restrictions": [{"type": "months", "values": [{"value": "3"}]}]},
        ]
    )
    assert told == {
        "diseases": ["MONDO:0004992"],
        "investigations": ["DUO:0000037"],
        "commercial": False,
    }
    assert duo_purpose([]) == {}


A, B = AskedDataset("A", "1", "n", "a.dac"), AskedDataset("B", "1", "n", "b.dac")


def case(asked: AskedDataset, granted: bool | None) -> CaseAt:
    opened = OpenedCase(f"x.{asked.body}", CaseKind.DECIDE, "n", asked.body, (asked,))
    if granted is None:
        return CaseAt(opened)
    return CaseAt(opened, "decided", decision="jws", granted={f"{asked.dataset}@1": granted})


@given(
    st.sampled_from(State),
    st.sets(st.sampled_from(["one", "two", "three"])),
    st.dictionaries(
        st.sampled_from(["lead", "one", "two", "out"]), st.frozensets(st.sampled_from(["t", "u"]))
    ),
    st.sampled_from([True, False, None]),
    st.sampled_from([True, False, None]),
)
def test_nobody_is_entitled_without_grant_membership_and_terms(
    state: State,
    members: set[str],
    accepted: dict[str, frozenset[str]],
    a: bool | None,
    b: bool | None,
):
    application = Application(
        "GDIA-1",
        state,
        "lead",
        datasets=(A, B),
        members=tuple(Member(each) for each in sorted(members)),
        accepted=accepted,
        cases=(case(A, a), case(B, b)),
    )
    for subject, dataset in entitled(application, frozenset({"t"})):
        assert state in {State.APPROVED, State.PARTLY_APPROVED}
        assert subject in members | {"lead"}
        assert "t" in accepted[subject]
        assert {"A": a, "B": b}[dataset] is True
    everybody = replace(application, state=State.APPROVED, cases=(case(A, True),))
    ready = {subject for subject in members | {"lead"} if "t" in accepted.get(subject, frozenset())}
    assert entitled(everybody, frozenset({"t"})) == {(subject, "A") for subject in ready}


def test_an_application_that_never_began_led_to_nothing():
    assert entitlements_of([], frozenset()) == []


def test_a_visa_lives_an_hour_at_most_and_not_longer_than_the_entitlement():
    start = NOW - timedelta(days=3)
    told = visa_claims(Entitlement("one", "A", "GDIA-1", start), "https://hub.example.org/", NOW, "j")
    assert told["exp"] - told["iat"] == LONGEST.total_seconds()
    assert told["ga4gh_visa_v1"]["asserted"] == int(start.timestamp())
    soon = Entitlement("one", "A", "GDIA-1", start, NOW + timedelta(minutes=5))
    assert visa_claims(soon, "https://hub.example.org/", NOW, "j")["exp"] == told["iat"] + 300


def test_every_role_has_a_word_and_commands_are_ours():
    assert set(ROLES) == set(Role)
    given_somewhere = {command for commands in PERMITTED.values() for command in commands}
    assert set(COMMANDS) <= given_somewhere
    assert Command.SUBMIT in COMMANDS
    assert "created" in EVENTS


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (State.APPROVED, "application.event/approved"),
        (State.PARTLY_APPROVED, "application.event/approved"),
        (State.REJECTED, "application.event/rejected"),
        (State.RETURNED, "application.event/returned"),
        (State.REVIEWED, ""),
    ],
)
def test_what_cases_lead_to_is_told_as_a_decision(after: State, told: str):
    event = Event("application:x", 9, "case-decided", NOW, "ee.dac", {})
    before = Application("x", State.REVIEWED)
    assert event_type(event, before, replace(before, state=after)) == told
    closed = Event("application:x", 10, "closed", NOW, "x", {})
    assert event_type(closed, before, replace(before, state=State.CLOSED)) == "application.event/closed"
