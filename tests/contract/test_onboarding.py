"""An organisation is brought on, its people are, and what ends for it ends for them: on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.onboarding_kit import (
    CHECKS,
    DOCUMENTS,
    OPERATOR,
    ORGANISATIONS,
    PEOPLE,
    REGISTRATION,
    Hub,
    a_hub,
    active_organisation,
    active_person,
    publish,
    publish_all,
    sign,
)

from opengdi.access.organisations.evidence import check_evidence
from opengdi.access.texts import Texts
from opengdi.kernel.audit.chain import Outcome
from opengdi.kernel.keys import SigningKey
from opengdi.standards.faults import Unverified


@pytest.fixture(params=["sqlite", "postgresql"])
def hub(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Hub]:
    location = (
        tmp_path / "hub.sqlite" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    )
    with a_hub(location) as hub:
        publish_all(hub)
        yield hub


def test_an_organisation_goes_the_whole_way(hub: Hub):
    registered = hub.told("POST", ORGANISATIONS, "official", REGISTRATION)
    assert registered["state"] == "registered"
    path = f"{ORGANISATIONS}/{registered['id']}"
    assert hub.told("GET", path, OPERATOR)["permitted"] == [
        "appoint-official", "close", "correct", "invite-official", "record-check", "remove-official", "vet",
    ]  # fmt: skip
    assert hub.command(path, "vet", OPERATOR, checks=CHECKS)["state"] == "vetted"
    assert sign(hub, path, "official", "terms")["state"] == "vetted"
    assert sign(hub, path, "official", "jca")["state"] == "agreed"
    active = hub.command(path, "activate", OPERATOR)
    assert (active["state"], active["notForProfitVerified"]) == ("active", True)
    assert [check["evidence"] for check in active["checks"]] == [check["evidence"] for check in CHECKS]


def test_a_person_goes_the_whole_way(hub: Hub):
    organisation = active_organisation(hub)
    path = active_person(hub, organisation)
    person = hub.told("GET", path, "researcher")
    assert (person["state"], person["standing"]["lacking"]) == ("active", [])
    assert person["standing"]["affiliation"] == "faculty@example.org"
    assert person["standing"]["until"] == "2027-07-01T00:00:00+00:00"
    standing = hub.standings.of("researcher")
    assert (standing.may_request, standing.may_reuse_for_care) == (True, False)
    assert standing.signing_officials == {"official"}
    last = hub.notices()[-1]
    assert (last["inGoodStanding"], last["organisation"]) == (True, organisation)
    assert {term["url"].rpartition("/documents/")[2] for term in last["terms"]} == {
        "terms/1", "jca/1", "user-terms/1",
    }  # fmt: skip


def test_a_suspended_organisation_takes_its_people_with_it_and_nodes_hear_of_it(hub: Hub):
    organisation = active_organisation(hub)
    active_person(hub, organisation, "one")
    active_person(hub, organisation, "two")
    before = len(hub.notices())
    hub.command(f"{ORGANISATIONS}/{organisation}", "suspend", OPERATOR, reason="a breach is looked into")
    told = hub.notices()[before:]
    assert {(each["subject"], each["inGoodStanding"]) for each in told} == {("one", False), ("two", False)}
    assert {each["subject"] for each in hub.notices("revocation")} == {"one", "two"}
    assert hub.standings.now("one").affiliation == ""
    hub.command(f"{ORGANISATIONS}/{organisation}", "reinstate", OPERATOR, reason="nothing was found")
    assert all(each["inGoodStanding"] for each in hub.notices()[-2:])


def test_a_revoked_person_is_told_of_once_and_may_be_assigned_again(hub: Hub):
    organisation = active_organisation(hub)
    path = active_person(hub, organisation)
    hub.command(path, "revoke", "official", reason="left")
    assert hub.notices()[-1] == {
        "subject": "researcher", "organisation": "", "terms": [], "until": hub.notices()[-1]["until"],
        "inGoodStanding": False,
    }  # fmt: skip
    assert len(hub.notices("revocation")) == 1
    assert hub.do("POST", f"{path}/commands/vet", OPERATOR, {}).status_code == 400
    active_person(hub, organisation)
    assert hub.standings.of("researcher").may_request


def test_a_new_version_of_the_terms_falls_due_when_it_binds(hub: Hub):
    organisation = active_organisation(hub)
    path = active_person(hub, organisation)
    publish(hub, "user-terms", "user-terms", "Version two.", bindingFrom="2026-12-02T00:00:00Z")
    assert hub.standings.of("researcher").may_request
    hub.clock.advance(86_400)
    assert hub.standings.of("researcher").lacking == ("the person has not accepted user-terms in version 2",)
    assert hub.standings.renew() == 1
    assert hub.notices()[-1]["inGoodStanding"] is False
    sign(hub, path, "researcher", "user-terms", 2)
    assert hub.standings.of("researcher").may_request
    with hub.engine.begin():  # somebody writes
        assert hub.standings.renew() == 0


def test_what_was_published_never_changes(hub: Hub):
    publish(hub, "terms", "terms-of-service", "Version two.")
    answers = [hub.do("GET", f"{DOCUMENTS}/terms/{number}/content", None) for number in (1, 2)]
    assert [answer.text for answer in answers] == ["Version one.", "Version two."]
    assert "immutable" in answers[0].headers["cache-control"]
    again = publish(hub, "terms", "terms-of-service", "Version two.")
    assert len(again["versions"]) == 2
    assert hub.do("GET", f"{DOCUMENTS}/terms/3/content", None).status_code == 404


def test_training_that_runs_out_ends_the_standing(hub: Hub):
    active_person(hub, active_organisation(hub))
    hub.clock.advance(365 * 86_400)
    assert hub.standings.of("researcher").lacking == (
        "the person's training is not valid",
        "the person's affiliation has to be confirmed",
    )
    assert hub.standings.now("researcher").affiliation == ""
    path = f"{PEOPLE}/researcher"
    hub.command(path, "record-training", OPERATOR, until="2028-12-01", evidence="certificate 2")
    hub.command(path, "confirm-affiliation", "official", until="2028-12-01")
    assert hub.notices()[-1]["inGoodStanding"] is True


def test_healthcare_needs_a_contract_and_a_licence(hub: Hub):
    organisation = active_organisation(hub)
    path = active_person(hub, organisation)
    sign(hub, f"{ORGANISATIONS}/{organisation}", "official", "healthcare")
    assert not hub.standings.of("researcher").may_reuse_for_care
    hub.command(path, "record-licence", OPERATOR, register="Health Board", number="D1", checked="2026-11-30")
    assert hub.standings.of("researcher").may_reuse_for_care
    hub.command(path, "withdraw-licence", OPERATOR, reason="struck off")
    assert not hub.standings.of("researcher").may_reuse_for_care
    assert hub.standings.of("researcher").may_request


def test_a_click_leaves_evidence_that_holds_without_the_hub(hub: Hub):
    registered = hub.told("POST", ORGANISATIONS, "official", REGISTRATION)
    path = f"{ORGANISATIONS}/{registered['id']}"
    hub.command(path, "vet", OPERATOR, checks=CHECKS)
    signature = sign(hub, path, "official", "terms")["signed"][0]
    claims = check_evidence(signature["evidence"], [hub.key.public], content=b"Version one.")
    assert claims["sub"] == "official"
    assert claims["party"] == registered["id"]
    assert (claims["document"], claims["version"], claims["method"]) == ("terms", 1, "click")
    assert len(claims["session"]) == 64
    assert claims["request"]
    with pytest.raises(Unverified):
        check_evidence(signature["evidence"], [hub.key.public], content=b"Version two.")
    with pytest.raises(Unverified):
        check_evidence(signature["evidence"], [SigningKey.generate().public])


def test_nobody_signs_what_they_were_not_shown(hub: Hub):
    registered = hub.told("POST", ORGANISATIONS, "official", REGISTRATION)
    path = f"{ORGANISATIONS}/{registered['id']}"
    hub.command(path, "vet", OPERATOR, checks=CHECKS)
    wrong = {"document": "terms", "version": 1, "sha256": "0" * 64}
    answer = hub.do("POST", f"{path}/commands/sign", "official", wrong)
    assert (answer.status_code, "saw something else" in answer.json()["detail"]) == (400, True)


def test_an_invited_official_and_an_invited_person_come_in_by_their_code(hub: Hub):
    invited = {**REGISTRATION, "official": {"name": "Dean", "email": "dean@example.org"}}
    registered = hub.told("POST", ORGANISATIONS, "clerk", invited)
    code = registered["invitationCode"]
    assert hub.do("POST", "/access/v1/invitations/commands/join", "dean", {"code": code}).status_code == 404
    accept = "/access/v1/invitations/commands/accept-office"
    assert hub.told("POST", accept, "dean", {"code": code}) == {"organisation": registered["id"]}
    assert hub.do("POST", accept, "somebody", {"code": code}).status_code == 404
    path = f"{ORGANISATIONS}/{registered['id']}"
    hub.command(path, "vet", OPERATOR, checks=CHECKS)
    sign(hub, path, "dean", "terms")
    sign(hub, path, "dean", "jca")
    person = hub.command(path, "invite-person", "dean", name="Two", email="two@example.org", role="student")
    told = hub.told("POST", "/access/v1/invitations/commands/join", "two", {"code": person["invitationCode"]})
    assert told == {"organisation": registered["id"]}
    found = hub.told("GET", f"{PEOPLE}/me", "two")
    assert (found["state"], found["assignedBy"], found["role"]) == ("assigned", "dean", "student")
    assert found["contact"] == "Two <two@example.org>"
    assert hub.told("GET", path, "dean")["invitations"] == []


def test_an_operator_does_not_vet_their_own(hub: Hub):
    registered = hub.told("POST", ORGANISATIONS, OPERATOR, REGISTRATION)
    path = f"{ORGANISATIONS}/{registered['id']}"
    assert hub.do("POST", f"{path}/commands/vet", OPERATOR, {"checks": CHECKS}).status_code == 403
    assert hub.command(path, "vet", "operator-two", checks=CHECKS)["state"] == "vetted"
    assert ("access.organisation.refuse", OPERATOR, Outcome.REFUSED) in hub.audit.written


def test_strangers_see_nothing_of_people_and_little_of_organisations(hub: Hub):
    organisation = active_organisation(hub)
    path = active_person(hub, organisation)
    assert hub.do("GET", path, "stranger").status_code == 404
    assert hub.do("GET", f"{PEOPLE}?organisation={organisation}", "stranger").status_code == 403
    assert hub.do("GET", PEOPLE, "stranger").status_code == 403
    for place in (path, PEOPLE, ORGANISATIONS, f"{ORGANISATIONS}/{organisation}"):
        assert hub.do("GET", place, None).status_code == 401
    seen = hub.told("GET", f"{ORGANISATIONS}/{organisation}", "stranger")
    assert set(seen) == {
        "id", "state", "name", "country", "domain", "ror", "notForProfit", "notForProfitVerified",
        "activeSince", "permitted",
    }  # fmt: skip
    assert hub.told("GET", ORGANISATIONS, "stranger")["items"] == []
    assert len(hub.told("GET", f"{ORGANISATIONS}?state=active", "stranger")["items"]) == 1
    assert [each["id"] for each in hub.told("GET", PEOPLE, "auditor")["items"]] == ["researcher"]


def test_names_are_only_in_texts_and_can_be_erased(hub: Hub):
    path = active_person(hub, active_organisation(hub))
    events = hub.onboarding.standings.ledger.feed(0)
    told = " ".join(str(event.data) for event in events)
    assert "Researcher One" not in told
    assert "@example.org" not in told.replace("member@example.org", "")
    assert Texts(hub.engine).erase("researcher") == 2
    assert hub.told("GET", path, OPERATOR)["contact"] == ""


def test_who_is_forgotten_signs_for_nobody_any_more(hub: Hub):
    path = f"{ORGANISATIONS}/{active_organisation(hub)}"
    hub.command(path, "appoint-official", OPERATOR, subject="other")
    for forgotten, left in (("official", {"other"}), ("other", set[str]()), ("other", set[str]())):
        with hub.engine.begin() as connection:
            hub.onboarding.forget_person(connection, forgotten, OPERATOR)
        assert hub.standings.officials(path.rpartition("/")[2]) == left
        invited = {"email": "eve@example.org", "name": "Eve"}
        assert hub.do("POST", f"{path}/commands/invite-official", forgotten, invited).status_code in {
            403,
            404,
            409,
        }
    assert hub.told("GET", path, OPERATOR)["state"] == "active"
    hub.command(path, "appoint-official", OPERATOR, subject="third")


def test_a_dry_run_tells_whether_it_would_work_and_changes_nothing(hub: Hub):
    assert hub.told("POST", f"{ORGANISATIONS}?dry-run=true", "official", REGISTRATION) == {"valid": True}
    wrong = {**REGISTRATION, "country": "Estonia", "ror": "https://ror.org/03z77qz91"}
    answer = hub.do("POST", f"{ORGANISATIONS}?dry-run=true", "official", wrong)
    assert answer.status_code == 400
    assert "country" in answer.json()["detail"]
    assert "check digits" in answer.json()["detail"]
    assert hub.told("GET", ORGANISATIONS, OPERATOR)["items"] == []
