"""Whatever is asked in whatever order: nobody acts outside the table, and replay equals state."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opengdi.access.model import Event, NewEvent
from opengdi.access.organisations import commands as c
from opengdi.access.organisations import organisation, person, provider
from opengdi.access.organisations.commands import (
    ORGANISATION_COMMANDS,
    PERSON_COMMANDS,
    PROVIDER_COMMANDS,
    command_kind,
    read_command,
)
from opengdi.access.organisations.means import Means
from opengdi.access.organisations.model import (
    AffiliationRole,
    Capacity,
    CheckKind,
    Document,
    DocumentKind,
    Organisation,
    OrganisationState,
    Person,
    PersonState,
    Version,
)
from opengdi.access.organisations.organisation import ORGANISATION_STORY
from opengdi.access.organisations.permitted import ORGANISATION, PERSON, PROVIDER, permitted
from opengdi.access.organisations.person import PERSON_STORY
from opengdi.access.organisations.provider import PROVIDER_STORY
from opengdi.access.organisations.ror import ror_id
from opengdi.access.organisations.rules import JOINING, has_signed
from opengdi.kernel.errors import Conflict, GdiError, Invalid, NotFound, NotPermitted

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
DOCUMENTS = tuple(
    Document(kind.value, kind, kind.value, (Version(1, "a" * 64, "text/plain", 1, NOW - timedelta(days=1)),))
    for kind in (DocumentKind.TERMS, DocumentKind.JOINT_CONTROLLERSHIP, DocumentKind.USER_TERMS)
)
TODAY, LATER = NOW.date(), NOW.date() + timedelta(days=90)


def means() -> Means:
    numbers = count(1)
    return Means(
        DOCUMENTS,
        lambda _about, _body: f"t{next(numbers)}",
        lambda: f"i{next(numbers)}",
        lambda invitation: f"code-of-{invitation:0>12}",
        lambda *_: "jws",
    )


CONTACT = c.Contact(name="N", email="n@example.org")
REGISTER = c.Register(
    name="U",
    country="EE",
    domain="example.org",
    ror="03z77qz90",
    legal_representative=CONTACT,
    registrant=CONTACT,
)
LOOKS = [c.Looked(kind=kind, passed=True, evidence="seen", on=TODAY) for kind in CheckKind]

WISHES: dict[str, c.Command] = {
    "correct": c.Correct(
        name="V", country="EE", domain="example.org", ror="03z77qz90", legal_representative=CONTACT,
        registrant=CONTACT,
    ),
    "record-check": LOOKS[0],
    "vet": c.Vet(checks=LOOKS),
    "appoint-official": c.AppointOfficial(subject="second"),
    "remove-official": c.RemoveOfficial(subject="second"),
    "invite-official": c.InviteOfficial(name="N", email="n@example.org"),
    "accept-office": c.AcceptOffice(code="code-0000000000000001"),
    "invite-person": c.InvitePerson(name="N", email="n@example.org"),
    "cancel-invitation": c.CancelInvitation(invitation="i1"),
    "ask-signature": c.AskSignature(document="terms-of-service", version=1, name="N", email="n@example.org"),
    "activate": c.Plain(),
    "suspend": c.Because(reason="r"),
    "reinstate": c.Because(reason="r"),
    "close": c.Because(reason="r"),
}  # fmt: skip
SIGNING = [
    c.Sign(document=document, version=1, sha256="a" * 64)
    for document in ("terms-of-service", "joint-controllership")
]

steps = st.lists(
    st.tuples(
        st.sampled_from(["sign", "sign", *WISHES]),
        st.sampled_from(["registrant", "second", "operator", "stranger"]),
        st.sampled_from(SIGNING),
    ),
    max_size=25,
)

CAPACITIES = {"operator": frozenset({Capacity.OPERATOR}), "stranger": frozenset({Capacity.INVITED})}


def tell(story: Any, id_: str, past: list[Event], fresh: list[NewEvent], actor: str) -> list[Event]:
    return [
        *past,
        *(
            Event(story.stream(id_), number, new.kind, NOW, actor, new.data)
            for number, new in enumerate(fresh, start=len(past) + 1)
        ),
    ]


@settings(max_examples=150, deadline=None)
@given(steps)
def test_an_organisation_is_active_only_when_vetted_and_signed_and_replay_equals_state(
    steps: list[tuple[str, str, c.Sign]],
):
    around = means()
    past = tell(
        ORGANISATION_STORY,
        "o",
        [],
        organisation.registered(REGISTER, "registrant", "o", around, NOW),
        "registrant",
    )
    state = ORGANISATION_STORY.fold(past)
    for name, asker, signing in steps:
        capacities = set(CAPACITIES.get(asker, ()))
        if asker in state.officials:
            capacities.add(Capacity.OFFICIAL)
        if asker == state.registrant:
            capacities.add(Capacity.REGISTRANT)
        command = signing if name == "sign" else WISHES[name]
        may = name in permitted(ORGANISATION, state.state, capacities)
        try:
            fresh = organisation.decide(state, name, command, asker, frozenset(capacities), around, NOW)
        except GdiError:
            continue
        assert may
        past = tell(ORGANISATION_STORY, "o", past, fresh, asker)
        state = ORGANISATION_STORY.fold(past)
        head = ORGANISATION_STORY.head(state)
        assert head.state == state.state
        assert state.officials <= head.concerned
        if state.state in {OrganisationState.AGREED, OrganisationState.ACTIVE}:
            assert all(has_signed(state.signed, DOCUMENTS, kind, NOW) for kind in JOINING)
            assert all(state.passed(kind) for kind in organisation.REQUIRED_CHECKS)
        if state.state is OrganisationState.CLOSED:
            assert not permitted(ORGANISATION, state.state, set(Capacity))
    assert ORGANISATION_STORY.fold(past) == state


PERSON_WISHES: dict[str, c.Command] = {
    "vet": c.VetPerson(credentials="c", training_until=LATER, affiliation_until=LATER),
    "record-training": c.RecordTraining(until=LATER, evidence="e"),
    "confirm-affiliation": c.ConfirmAffiliation(until=LATER),
    "record-licence": c.RecordLicence(register="r", number="n", checked=TODAY),
    "withdraw-licence": c.Because(reason="r"),
    "sign": c.Sign(document="user-terms", version=1, sha256="a" * 64),
    "revoke": c.Because(reason="r"),
    "leave": c.Plain(),
}


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["assign", *PERSON_WISHES]), st.sampled_from(list(Capacity))), max_size=20
    )
)
def test_a_person_is_active_only_when_assigned_vetted_and_bound(steps: list[tuple[str, Capacity]]):
    around, past, state = means(), list[Event](), Person()
    party = Organisation("o", OrganisationState.ACTIVE)
    assign = c.Assign(
        organisation="o", subject="one", name="N", email="n@example.org", role=AffiliationRole.STAFF
    )
    for name, capacity in steps:
        may = name in permitted(PERSON, state.state, [capacity])
        try:
            if name == "assign":
                fresh = person.assigned(state, assign, "x", frozenset({capacity}), party, around)
            else:
                fresh = person.decide(
                    state, name, PERSON_WISHES[name], "x", frozenset({capacity}), around, NOW
                )
        except GdiError:
            continue
        assert may
        past = tell(PERSON_STORY, "one", past, fresh, "x")
        state = PERSON_STORY.fold(past)
        if state.state is PersonState.ACTIVE:
            assert state.vetted is not None
            assert state.assigned_by == "x"
            assert has_signed(state.signed, DOCUMENTS, DocumentKind.USER_TERMS, NOW)
        if state.state is PersonState.REVOKED:
            assert state.licence is None
    assert PERSON_STORY.fold(past) == state


def test_every_command_of_the_tables_can_be_read():
    here = {"assign-person", "join"}  # people's own routes
    assert {name for names in ORGANISATION.values() for name in names} - here == set(ORGANISATION_COMMANDS)
    assert {name for names in PERSON.values() for name in names} - {"assign"} == set(PERSON_COMMANDS)
    assert {name for names in PROVIDER.values() for name in names} - {"identify"} == set(PROVIDER_COMMANDS)


@given(st.sampled_from([ORGANISATION_STORY, PERSON_STORY, PROVIDER_STORY]), st.text(max_size=20))
def test_an_event_that_nobody_knows_changes_nothing(story: Any, kind: str):
    event = Event("x:1", 1, f"future-{kind}", NOW, "x", {})
    assert story.evolve(story.blank, event) == story.blank


@given(st.sampled_from(sorted(ORGANISATION_COMMANDS)), st.binary(max_size=200))
def test_whatever_comes_over_the_wire_is_a_command_or_invalid(name: str, document: bytes):
    with suppress(Invalid):
        assert isinstance(read_command(document, ORGANISATION_COMMANDS[name]), c.Command)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (b'{"reason":""}', "reason"),
        (b"{}", "reason"),
        (b'{"reason":"r","extra":1}', "extra"),
        (b"[" * 100_000, "object"),
        (b"\xff", "JSON"),
    ],
)
def test_a_wrong_command_names_its_member(document: bytes, said: str):
    with pytest.raises(Invalid, match=said):
        read_command(document, c.Because)


def test_an_unknown_command_tells_the_known_ones():
    with pytest.raises(Invalid, match="known are"):
        command_kind(PERSON_COMMANDS, "promote")


def test_an_invitation_ends_and_holds_for_one():
    around = means()
    invited = c.Register(
        name="U", country="EE", domain="example.org", ror="03z77qz90", legal_representative=CONTACT,
        registrant=CONTACT, official=CONTACT,
    )  # fmt: skip
    past = tell(ORGANISATION_STORY, "o", [], organisation.registered(invited, "r", "o", around, NOW), "r")
    state = ORGANISATION_STORY.fold(past)
    code = "code-of-0000000000i3"
    assert organisation.find_invitation(state, code, NOW, official=True)
    with pytest.raises(NotFound):
        organisation.find_invitation(state, code, NOW + organisation.INVITATION_TIME, official=True)
    with pytest.raises(NotFound):
        organisation.find_invitation(state, code, NOW, official=False)


def test_what_is_never_theirs_and_what_is_not_now_are_told_apart():
    around = means()
    past = tell(ORGANISATION_STORY, "o", [], organisation.registered(REGISTER, "r", "o", around, NOW), "r")
    state = ORGANISATION_STORY.fold(past)
    with pytest.raises(NotPermitted):
        organisation.decide(state, "vet", WISHES["vet"], "x", frozenset({Capacity.SELF}), around, NOW)
    with pytest.raises(Conflict):
        organisation.decide(state, "activate", c.Plain(), "x", frozenset({Capacity.OPERATOR}), around, NOW)
    with pytest.raises(NotPermitted):
        organisation.decide(state, "vet", WISHES["vet"], "r", frozenset({Capacity.OPERATOR}), around, NOW)


def test_not_for_profit_needs_its_own_check():
    around = means()
    claims = c.Register(
        name="U", country="EE", domain="example.org", ror="03z77qz90", not_for_profit=True,
        legal_representative=CONTACT, registrant=CONTACT,
    )  # fmt: skip
    past = tell(ORGANISATION_STORY, "o", [], organisation.registered(claims, "r", "o", around, NOW), "r")
    state = ORGANISATION_STORY.fold(past)
    without = c.Vet(checks=[look for look in LOOKS if look.kind is not CheckKind.NOT_FOR_PROFIT])
    with pytest.raises(Conflict, match="not-for-profit"):
        organisation.decide(state, "vet", without, "x", frozenset({Capacity.OPERATOR}), around, NOW)


@pytest.mark.parametrize("text", ["03z77qz90", "https://ror.org/05dxps055", "HTTPS://ROR.ORG/03YRM5C26"])
def test_real_identifiers_of_organisations_hold(text: str):
    assert ror_id(text).startswith("https://ror.org/0")


@given(st.integers(0, 8), st.sampled_from("0123456789abcdefghjkmnpqrstvwxyz"))
def test_a_mistyped_identifier_is_found_out(place: int, character: str):
    right = "03z77qz90"
    wrong = right[:place] + character + right[place + 1 :]
    if wrong == right:
        return
    with pytest.raises(Invalid):
        ror_id(wrong)


def test_all_that_is_wrong_with_a_provider_is_said():
    around = means()
    wish = c.Identify(id="p", name="P", country="Estonia")
    with pytest.raises(Invalid, match="country"):
        provider.identified(provider.Provider(), wish, frozenset({Capacity.COORDINATION}), around)
