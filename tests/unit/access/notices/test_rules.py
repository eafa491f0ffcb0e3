"""Who is told of what: everybody whom it concerns, and nobody who must not know."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

import pytest
from tests.unit.access.cases.deliberation import ALL_GOOD, MEMBERS, A, B, Deliberation

from opengdi.access.applications.evolution import KINDS
from opengdi.access.applications.model import Application
from opengdi.access.applications.model import Member as OfApplication
from opengdi.access.applications.model import State as ApplicationState
from opengdi.access.cases.story import EVENT_KINDS, STORY, evolve
from opengdi.access.model import Event
from opengdi.access.notices.model import Party
from opengdi.access.notices.rules import NOTICES, RULES, recipients, rules_for
from opengdi.access.organisations import organisation, person
from opengdi.access.organisations.model import Document, DocumentKind, Organisation, Person
from opengdi.access.permits import evolution as permits
from opengdi.access.permits.model import Permit
from opengdi.access.permits.model import Person as User
from opengdi.kernel.principal import Role

NOW = datetime(2026, 12, 1, tzinfo=UTC)
KNOWN = {
    "application": KINDS,
    "case": set(EVENT_KINDS),
    "permit": set(permits._STEPS),
    "organisation": set(organisation._TELLING),
    "person": set(person._TELLING),
    "document": {"version-published", "retired"},
}


class Offices:
    """The people of the deliberations; the applicant's official; one operator and one coordinator of the hub."""

    def __init__(self, mailbox: str = "") -> None:
        self._mailbox = mailbox

    def officials(self, organisation: str) -> Collection[str]:
        return {"uni": ("official", "member")}.get(organisation, ())

    def holders(self, role: Role, of: str = "") -> Collection[str]:
        if not of:
            return {Role.ONBOARDING_OPERATOR: ("operator",), Role.COORDINATOR: ("coordinator",)}.get(role, ())
        return [who for who, roles in MEMBERS.items() if role in roles] if of == "ee.dac" else ()

    def signers(self, *, of_people: bool) -> Collection[str]:
        return ("applicant", "member") if of_people else ("official",)

    def mailbox(self, body: str) -> str:
        return self._mailbox

    def address(self, subject: str) -> str:
        raise AssertionError(f"nobody asks for the address of {subject} yet")

    def organisation(self, id_: str) -> str:
        raise AssertionError(f"nobody asks for the name of {id_} yet")


APPLICATION = Application(
    "GDIA-1",
    ApplicationState.PENDING,
    "applicant",
    "uni",
    members=(OfApplication("member", "uni"),),
)
PERMIT = Permit("GDIP-1", holder=User("applicant", "uni"), members=(User("member", "uni"),))
ORGANISATION = Organisation("uni", registrant="registrant", officials=frozenset({"official"}))
PERSON = Person("applicant", organisation="uni")
DOCUMENT = Document("terms", DocumentKind.TERMS, "Terms")
STATES = {
    "document": DOCUMENT,
    "application": APPLICATION,
    "permit": PERMIT,
    "organisation": ORGANISATION,
    "person": PERSON,
}


def told(rule: str, by: str = "somebody", offices: Offices | None = None, **data: object) -> set[str]:
    """Who is told; those who are persons by their names alone."""
    found = RULES[rule]
    event = Event(f"{found.story}:x", 9, found.event, NOW, by, data)
    return names(recipients(found, STATES[found.story], event, offices or Offices()))


def names(found: Collection[str]) -> set[str]:
    return {who.removeprefix("person:") for who in found}


def last(case: Deliberation, kind: str, offices: Offices | None = None) -> dict[str, set[str]]:
    """Who is told of the last event of a kind, by notice."""
    event = [each for each in case.events if each.kind == kind][-1]
    state = STORY.blank
    for each in case.events[: event.number]:
        state = evolve(state, each)
    return {
        rule.name: names(recipients(rule, state, event, offices or Offices()))
        for rule in rules_for("case", kind)
    }


@pytest.mark.parametrize("rule", NOTICES, ids=lambda rule: rule.name)
def test_every_line_of_the_table_is_about_an_event_that_happens(rule):
    assert rule.event in KNOWN[rule.story]


def test_the_official_confirms_and_not_whoever_takes_part():
    assert told("confirmation-wanted") == {"official"}


def test_what_waits_for_nobody_needs_no_confirmation():
    event = Event("application:x", 9, "submitted", NOW, "applicant", {})
    state = Application("GDIA-1", ApplicationState.SUBMITTED, "applicant", "uni")
    assert recipients(RULES["confirmation-wanted"], state, event, Offices()) == frozenset()


def test_who_did_it_is_not_told_of_it_as_news():
    assert told("application-under-way") == {"applicant", "member"}
    assert told("application-under-way", by="applicant") == {"member"}
    assert told("permit-issued", by="applicant") == {"applicant", "member", "official"}


def test_leaving_is_told_to_one_and_being_removed_to_the_other():
    assert told("member-left", by="member", subject="member") == {"applicant"}
    assert told("member-removed", by="member", subject="member") == set()
    assert told("member-removed", by="applicant", subject="member") == {"member"}
    assert told("member-left", by="applicant", subject="member") == set()


@pytest.mark.parametrize(
    "kind,notice", [("change", "change-requested"), ("question", "question-asked"), ("remark", "remark-made")]
)
def test_each_kind_of_word_from_a_case_is_its_own_notice(kind: str, notice: str):
    names_ = ("change-requested", "question-asked", "remark-made")
    assert [name for name in names_ if told(name, asked={"kind": kind})] == [notice]


def test_known_people_are_invited_by_their_address_and_others_by_the_invitation():
    assert told("member-invited", invitation={"id": "1", "subject": "known"}) == {"known"}
    assert told("member-invited", invitation={"id": "1", "subject": ""}) == {"invitation:1"}
    assert told("organisation-invited", invitation="2") == {"invitation:2"}


def test_the_end_of_a_permit_is_told_to_all_who_live_by_it():
    for notice in ("permit-ends-soon", "permit-expired", "permit-revoked", "permit-suspended"):
        assert told(notice, days=30) == {"applicant", "member", "official"}
    assert told("permit-amended", people=["gone"]) == {"applicant", "member", "official", "gone"}
    assert told("extension-asked") == {"coordinator"}


def test_an_attestation_that_falls_due_is_told_to_who_gives_it_and_to_who_answers_for_them():
    permit = Permit("GDIP-1", holder=User("applicant", "uni"), members=(User("colleague", "uni"),))
    event = Event("permit:x", 9, "attestation-announced", NOW, "time", {"days": 30})
    found = names(recipients(RULES["attestation-due"], permit, event, Offices()))
    assert found == {"applicant"} | set(Offices().officials("uni")), "and not to a colleague"


def test_organisations_and_people_hear_of_their_steps_and_operators_of_their_work():
    assert told("organisation-registered") == {"operator"}
    assert told("organisation-suspended") == {"official", "registrant"}
    assert told("person-to-vet") == {"operator"}
    assert told("person-revoked") == {"applicant", "official", "member"}
    assert told("official-named", by="official", subject="official") == set()
    assert told("official-missing", subject="official") == set(), "another one is left"
    event = Event("organisation:uni", 9, "official-removed", NOW, "operator", {"subject": "official"})
    alone = Organisation("uni", registrant="registrant")
    assert names(recipients(RULES["official-missing"], alone, event, Offices())) == {"operator"}


def test_a_document_is_told_to_those_who_sign_it():
    assert told("document-to-sign") == {"official"}
    event = Event("document:x", 1, "version-published", NOW, "operator", {})
    terms = Document("user-terms", DocumentKind.USER_TERMS, "Terms for users")
    rule = RULES["document-to-sign"]
    assert names(recipients(rule, terms, event, Offices())) == {"applicant", "member"}


def test_an_end_is_told_before_it_comes_and_when_it_has_come():
    assert told("standing-ends", days=7) == {"applicant", "official", "member"}
    assert told("standing-ends", days=0) == set()
    assert told("standing-ended", days=0) == {"applicant", "official", "member"}


def test_a_case_is_told_to_its_body_and_each_step_to_those_it_waits_for():
    case = Deliberation.begun()
    assert last(case, "opened") == {"case-opened": {"chair", "one", "two", "three", "ethicist", "holder"}}
    assert last(case, "step-entered") == {"case-step": set()}, "its people hear of the first step anyway"
    case.declare(*(name for name in MEMBERS if name != "stranger"))
    case.act("one", "check-conformity", **ALL_GOOD)
    assert last(case, "step-entered") == {"case-step": {"chair", "two", "three", "ethicist"}}, "`one` knows"


def test_reminders_go_to_those_who_have_not_done_their_part():
    case = Deliberation.begun().up_to_vote()
    case.act("one", "cast-ballot", vote="grant")
    while not any(event.kind == "reminded" for event in case.events):
        case.wait(1)
    found = last(case, "reminded")["case-reminder"]
    assert "two" in found
    assert "one" not in found


def test_nobody_with_a_conflict_hears_of_a_case():
    case = Deliberation.begun()
    case.act("two", "declare-interest", conflict=True, text="My sister works there.")
    case.withdraw()
    assert last(case, "withdrawn")["case-withdrawn"] == {"chair", "one", "three", "ethicist", "holder"}


def test_an_applicant_who_sits_in_the_body_is_told_nothing_as_its_member(monkeypatch: pytest.MonkeyPatch):
    case = Deliberation.begun()
    applicant = case.case.application.applicant
    monkeypatch.setitem(MEMBERS, applicant, frozenset({Role.DAC_MEMBER}))
    assert applicant not in last(case, "opened")["case-opened"]


def test_a_body_with_a_mailbox_is_told_there():
    case = Deliberation.begun()
    assert last(case, "opened", Offices("dac@example.org")) == {"case-opened": {"mailbox:ee.dac"}}


def test_subjects_are_to_be_informed_where_something_was_granted():
    case = Deliberation.begun().up_to_decision()
    case.decide("chair", A)
    assert last(case, "decided")["subjects-to-inform"] == {"ncp"}
    refused = Deliberation.begun().up_to_decision()
    refused.decide("chair")
    assert last(refused, "decided")["subjects-to-inform"] == set()
    assert B not in case.granted


def test_every_party_of_the_table_is_somebody():
    """A party that no story knows would be told nothing in silence."""
    somebody = {
        "days": 7,
        "subject": "x",
        "people": ["x"],
        "invitation": {"id": "1", "subject": ""},
        "asked": {},
    }
    for rule in NOTICES:
        if rule.story == "case":
            continue
        for party in rule.parties:
            alone = type(rule)(rule.name, rule.story, rule.event, (party,), duty=True)  # whenever it happens
            data = somebody | ({"invitation": "1"} if rule.story == "organisation" else {})
            event = Event("x:x", 9, rule.event, NOW, "nobody", data)
            assert recipients(alone, STATES[rule.story], event, Offices()), (rule.name, party)
    assert {party for rule in NOTICES for party in rule.parties} == set(Party)
