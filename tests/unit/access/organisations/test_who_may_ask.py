"""E-20, E-21, E-22: every condition counts by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from opengdi.access.organisations.desk import presence_of
from opengdi.access.organisations.evidence import SignedEvidence, check_evidence
from opengdi.access.organisations.model import (
    AffiliationRole,
    Document,
    DocumentKind,
    Licence,
    Organisation,
    OrganisationState,
    Person,
    PersonState,
    Signed,
    Version,
)
from opengdi.access.organisations.rules import healthcare_faults, request_faults, standing
from opengdi.kernel.http.callers import LOGGED_IN
from opengdi.kernel.http.edge import REQUEST_ID
from opengdi.kernel.keys import SigningKey
from opengdi.standards.faults import Malformed, Unverified

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
EARLIER = NOW - timedelta(days=30)


def document(id_: str, kind: DocumentKind) -> Document:
    return Document(id_, kind, id_, (Version(1, "a" * 64, "text/plain", 1, EARLIER),))


def signed(id_: str, version: int = 1) -> Signed:
    return Signed(id_, version, "a" * 64, "official", EARLIER, "click", "jws")


DOCUMENTS = (
    document("terms", DocumentKind.TERMS),
    document("jca", DocumentKind.JOINT_CONTROLLERSHIP),
    document("user", DocumentKind.USER_TERMS),
    document("care", DocumentKind.HEALTHCARE_CONTRACT),
)
ORGANISATION = Organisation(
    "GDIO-1",
    OrganisationState.ACTIVE,
    domain="example.org",
    signed=(signed("terms"), signed("jca"), signed("care")),
)
PERSON = Person(
    "one",
    PersonState.ACTIVE,
    "GDIO-1",
    AffiliationRole.STAFF,
    assigned=EARLIER,
    vetted=EARLIER,
    trained_until=date(2026, 12, 31),
    affiliated_until=date(2026, 12, 15),
    licence=Licence("Health Board", "text", date(2026, 11, 1), None, "operator"),
    signed=(signed("user"),),
)


def test_somebody_with_all_of_it_may_ask_for_any_purpose():
    assert request_faults(PERSON, ORGANISATION, DOCUMENTS, NOW) == ()
    assert healthcare_faults(PERSON, ORGANISATION, DOCUMENTS, NOW) == ()


@pytest.mark.parametrize(
    "state", [state for state in OrganisationState if state is not OrganisationState.ACTIVE]
)
def test_the_organisation_must_be_active(state: OrganisationState):
    assert request_faults(PERSON, replace(ORGANISATION, state=state), DOCUMENTS, NOW)


@pytest.mark.parametrize("missing", ["terms", "jca"])
def test_the_organisation_must_have_signed(missing: str):
    left = tuple(each for each in ORGANISATION.signed if each.document != missing)
    faults = request_faults(PERSON, replace(ORGANISATION, signed=left), DOCUMENTS, NOW)
    assert len(faults) == 1
    assert "has not signed" in faults[0]


@pytest.mark.parametrize("kind", [DocumentKind.TERMS, DocumentKind.JOINT_CONTROLLERSHIP])
def test_where_nothing_is_published_nothing_can_have_been_signed(kind: DocumentKind):
    left = tuple(each for each in DOCUMENTS if each.kind is not kind)
    assert request_faults(PERSON, ORGANISATION, left, NOW) == (
        f"the organisation has not signed the {kind} in force",
    )


@pytest.mark.parametrize(
    "lacking",
    [
        {"vetted": None},
        {"trained_until": date(2026, 11, 30)},
        {"trained_until": None},
        {"affiliated_until": date(2026, 11, 30)},
        {"signed": ()},
        {"state": PersonState.REVOKED},
        {"state": PersonState.UNKNOWN},
    ],
)
def test_each_condition_of_the_person_counts(lacking: dict[str, object]):
    person = replace(PERSON, **lacking)  # type: ignore[arg-type]  # fields by name
    assert len(request_faults(person, ORGANISATION, DOCUMENTS, NOW)) == 1


def test_the_last_day_still_counts():
    last = replace(PERSON, trained_until=NOW.date(), affiliated_until=NOW.date())
    assert request_faults(last, ORGANISATION, DOCUMENTS, NOW) == ()
    assert request_faults(last, ORGANISATION, DOCUMENTS, NOW + timedelta(hours=15))


def test_a_new_version_counts_from_when_it_binds():
    terms = DOCUMENTS[0]
    newer = replace(terms, versions=(*terms.versions, replace(terms.versions[0], number=2, binding=NOW)))
    documents = (newer, *DOCUMENTS[1:])
    assert request_faults(PERSON, ORGANISATION, documents, NOW - timedelta(seconds=1)) == ()
    assert request_faults(PERSON, ORGANISATION, documents, NOW)
    renewed = replace(ORGANISATION, signed=(*ORGANISATION.signed, signed("terms", 2)))
    assert request_faults(PERSON, renewed, documents, NOW) == ()
    retired = (replace(newer, retired=True), document("terms-b", DocumentKind.TERMS), *DOCUMENTS[1:])
    assert request_faults(PERSON, renewed, retired, NOW)


@pytest.mark.parametrize(
    "lacking",
    [
        {"licence": None},
        {"licence": Licence("r", "n", date(2026, 12, 2), None, "o")},
        {"licence": Licence("r", "n", date(2026, 11, 1), date(2026, 11, 30), "o")},
    ],
)
def test_healthcare_needs_a_licence_that_was_checked_before(lacking: dict[str, object]):
    person = replace(PERSON, **lacking)  # type: ignore[arg-type]  # fields by name
    assert len(healthcare_faults(person, ORGANISATION, DOCUMENTS, NOW)) == 1
    assert request_faults(person, ORGANISATION, DOCUMENTS, NOW) == ()


def test_healthcare_needs_a_contract():
    without = replace(ORGANISATION, signed=ORGANISATION.signed[:2])
    assert len(healthcare_faults(PERSON, without, DOCUMENTS, NOW)) == 1


def test_a_standing_says_what_visas_may_say():
    found = standing(PERSON, ORGANISATION, DOCUMENTS, NOW)
    assert found.affiliation == "staff@example.org"
    assert found.bona_fide_since == EARLIER
    assert found.until == datetime(2026, 12, 16, tzinfo=UTC)
    assert [name for name, _ in found.terms] == ["terms/1", "jca/1", "user/1"]
    closed = standing(PERSON, replace(ORGANISATION, state=OrganisationState.CLOSED), DOCUMENTS, NOW)
    assert (closed.affiliation, closed.bona_fide_since, closed.in_good_standing) == ("", None, False)


def test_evidence_tells_when_the_signer_logged_in_and_no_credential():
    scope = {"headers": [(b"cookie", b"__Host-gdi=secret")], LOGGED_IN: EARLIER, REQUEST_ID: "r1"}
    presence = presence_of(scope, "official")
    assert (presence.logged_in, presence.request) == (EARLIER, "r1")
    assert "secret" not in presence.session
    assert len(presence.session) == 64
    key = SigningKey.generate()
    terms = DOCUMENTS[0]
    jws = SignedEvidence("eu.hub", key).click(terms, terms.versions[0], "GDIO-1", presence, NOW)
    claims = check_evidence(jws, [key.public])
    assert claims["auth_time"] == int(EARLIER.timestamp())
    with pytest.raises((Malformed, Unverified)):
        check_evidence(jws[:-4] + "AAAA", [key.public])
