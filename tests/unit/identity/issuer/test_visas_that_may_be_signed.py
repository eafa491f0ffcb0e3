"""Which visas may be signed now: never more than a grant or a standing says, never for longer."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.identity.issuer.model import IssuerProfile, Planned
from opengdi.identity.issuer.rules import visa_for_links, visas_for_grants, visas_for_standing
from opengdi.identity.model import Grant, Standing
from opengdi.identity.values import dataset_url, grant_values, read_grant_value
from opengdi.kernel.errors import Invalid
from opengdi.standards.coordinates import Interval
from opengdi.standards.faults import Malformed
from opengdi.standards.passport import BONA_FIDE, read_links, write_visa

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
LIFETIME = timedelta(minutes=30)
NODE = IssuerProfile("https://node.example.org", LIFETIME)
HUB = IssuerProfile(
    "https://hub.example.org", LIFETIME, ("https://hub.example.org", "https://node.example.org")
)
DECIDED = NOW - timedelta(days=100)


def grant(until: datetime = NOW + timedelta(days=365), regions: tuple[Interval, ...] = ()) -> Grant:
    return Grant(
        "person", "GDI-EE-TU-1", "1", "GDIP-ABCDEFGH22", "https://dac.example.org", DECIDED, until, regions
    )


def standing(**changes: object) -> Standing:
    told: dict[str, object] = {
        "subject": "person",
        "organisation": "GDIO-ABCDEFGH22",
        "affiliation": "member@uni.example.org",
        "bona_fide_since": DECIDED,
        "terms": ((BONA_FIDE, DECIDED), ("https://hub.example.org/terms/3", DECIDED)),
        "until": None,
        "in_good_standing": True,
    }
    return Standing(**{**told, **changes})  # type: ignore[arg-type]


def signed(grants: list[Grant], profile: IssuerProfile = NODE) -> list[Planned]:
    ids = (str(number) for number in count())
    return list(visas_for_grants(grants, profile, NOW, lambda: next(ids)))


def said(of: Standing) -> list[Planned]:
    ids = (str(number) for number in count())
    return list(visas_for_standing(of, HUB, NOW, lambda: next(ids)))


def test_one_grant_is_one_visa_that_tells_when_it_was_decided_and_ends_soon() -> None:
    (planned,) = signed([grant()])
    visa = planned.visa
    assert (visa.object.type, visa.object.value) == (
        "ControlledAccessGrants",
        "https://node.example.org/datasets/GDI-EE-TU-1#version=1",
    )
    assert (visa.object.by, visa.object.source, visa.object.asserted) == (
        "dac",
        "https://dac.example.org",
        DECIDED,
    )
    assert (visa.claims.issued, visa.claims.expires) == (NOW, NOW + LIFETIME)
    assert (visa.claims.sub, visa.claims.jti) == ("person", "GDIP-ABCDEFGH22.0")
    assert (planned.dataset, planned.permit) == ("GDI-EE-TU-1", "GDIP-ABCDEFGH22")


def test_a_visa_ends_with_its_grant_and_there_is_none_after_it() -> None:
    (planned,) = signed([grant(NOW + timedelta(minutes=5))])
    assert planned.visa.claims.expires == NOW + timedelta(minutes=5)
    assert (
        signed([grant(NOW), grant(NOW - timedelta(days=1)), grant(NOW + timedelta(milliseconds=900))]) == []
    )


def test_a_grant_for_many_regions_takes_several_visas_and_none_is_for_the_whole() -> None:
    regions = tuple(
        Interval("22", 10_000_000 + start, 10_000_000 + start + 500) for start in range(0, 60_000, 1000)
    )
    planned = signed([grant(regions=regions)])
    assert len(planned) > 1
    found = [read_grant_value(each.visa.object.value, NODE.iss, bare=False) for each in planned]
    assert {(each.dataset, each.version) for each in found} == {("GDI-EE-TU-1", "1")}
    assert [region for each in found for region in each.regions] == list(regions)
    assert len({each.visa.claims.jti for each in planned}) == len(planned)


def test_what_is_said_of_somebody_in_good_standing() -> None:
    planned = said(standing())
    told = {(each.visa.object.type, each.visa.object.value, each.visa.object.by) for each in planned}
    assert told == {
        ("AffiliationAndRole", "member@uni.example.org", "so"),
        ("ResearcherStatus", BONA_FIDE, "so"),
        ("AcceptedTermsAndPolicies", BONA_FIDE, "self"),
        ("AcceptedTermsAndPolicies", "https://hub.example.org/terms/3", "self"),
    }
    for each in planned:
        assert each.visa.object.source.startswith(HUB.iss)
        write_visa(each.visa)


@pytest.mark.parametrize(
    "changes", [{"in_good_standing": False}, {"until": NOW}, {"until": NOW - timedelta(1)}]
)
def test_of_others_only_what_they_accepted(changes: dict[str, object]) -> None:
    assert {each.visa.object.type for each in said(standing(**changes))} == {"AcceptedTermsAndPolicies"}


def test_what_is_said_ends_with_training_or_vetting() -> None:
    for planned in said(standing(until=NOW + timedelta(minutes=3))):
        assert planned.visa.claims.expires == NOW + timedelta(minutes=3)


def test_nobody_is_a_researcher_without_being_vetted() -> None:
    told = {each.visa.object.type for each in said(standing(bona_fide_since=None, affiliation=""))}
    assert told == {"AcceptedTermsAndPolicies"}


def test_people_are_linked_to_the_issuers_that_know_them_by_the_same_id() -> None:
    (planned,) = visa_for_links("a,b;c/ü", HUB, NOW, lambda: "j")
    assert read_links(planned.visa.object.value) == (("a,b;c/ü", "https://node.example.org"),)
    assert list(visa_for_links("person", NODE, NOW, lambda: "j")) == []


regions_of_a_contig = st.builds(
    lambda contig, start, length: Interval(contig, start, start + length),
    st.sampled_from(["1", "22", "X", "MT"]),
    st.integers(0, 250_000_000),
    st.integers(1, 10**6),
)


@given(
    st.lists(regions_of_a_contig, max_size=40),
    st.from_regex(r"GDI-[A-Z]{2}-[A-Z]{1,9}-[0-9]{1,6}", fullmatch=True),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
)
def test_a_value_says_what_the_grant_says(regions: list[Interval], dataset: str, version: str) -> None:
    values = list(grant_values(NODE.iss, dataset, version, regions))
    found = [read_grant_value(value, NODE.iss, bare=False) for value in values]
    assert all((each.dataset, each.version) == (dataset, version) for each in found)
    assert [region for each in found for region in each.regions] == regions
    assert bool(regions) == all(each.regions for each in found)
    assert {value.partition("#")[0] for value in values} == {dataset_url(NODE.iss, dataset)}


def test_a_grant_that_names_no_version_gets_no_visa() -> None:
    assert signed([replace(grant(), version="")]) == []


@given(st.text(max_size=80), st.booleans())
def test_no_value_breaks_the_reader(value: str, bare: bool) -> None:
    for text in (value, dataset_url(NODE.iss, value), dataset_url(NODE.iss, "A") + "#regions=" + value):
        try:
            found = read_grant_value(text, NODE.iss, bare=bare)
        except Malformed:
            continue
        assert found.dataset


@pytest.mark.parametrize(
    "value",
    [
        "#regions=1:0-5",
        "#regions=1:5-4",
        "#regions=",
        "#regions=1",
        "#regions=Z:1-2",
        "#regions=1:1-2,",
        "#",
        "#x=1",
        "#version=",
        "#version=1&",
        "#version=1&regions=",
        "#version=1&version=2",
        "#version=1&x=1",
        "#version=a b",
        "#version=%31",
        "#regions=1:1-2&version=1",
        "#&regions=1:1-2",
        "?version=1",
    ],
)
def test_a_part_that_cannot_be_read_is_never_the_whole(value: str) -> None:
    with pytest.raises(Malformed):
        read_grant_value(dataset_url(NODE.iss, "A") + value, NODE.iss, bare=True)


def test_a_dataset_whose_address_does_not_fit_is_named() -> None:
    long = IssuerProfile("https://" + "n" * 230 + ".org", LIFETIME)
    with pytest.raises(Invalid, match="GDI-EE-TU-1"):
        signed([grant(regions=(Interval("1", 0, 5),))], long)
