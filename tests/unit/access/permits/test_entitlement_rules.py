"""Who may use what at a node: whatever is missing means no."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.permit_kit import ANNA, BENO, BODY, END, NODE, NOW, TERMS, decision, ruling, word

from opengdi.access.decision import Decision, Ruling
from opengdi.access.permits.document import PermitDocument
from opengdi.access.permits.entitlements.model import (
    CaseWord,
    Demands,
    Entitlement,
    HeardStanding,
    HeldPermit,
    OwnRevocation,
)
from opengdi.access.permits.entitlements.overview import lacking_of
from opengdi.access.permits.entitlements.rules import desired, difference, lacking
from opengdi.access.permits.entitlements.service import read_standing
from opengdi.access.permits.model import State
from opengdi.kernel.errors import Invalid

DEMANDS = Demands(NODE, {BODY: "https://ee.example.org/dac"}, (TERMS,))
GOOD = HeardStanding(ANNA.subject, ANNA.organisation, frozenset({f"{TERMS}/2"}), None, True)
DATASET = {
    "dataset": "GDI-EE-COHORT-1", "version": "1", "node": NODE, "body": BODY, "type": "1MGCompliant",
    "decided": NOW, "until": END, "conditions": [], "regions": [],
}  # fmt: skip


def document(**more: object) -> PermitDocument:
    told = {
        "iss": "hub.gdi", "permit": "GDIP-1", "version": 1, "state": "active", "application": "GDIA-1", "digest": "d1",
        "purpose": "research", "duo": {},
        "people": [{"subject": ANNA.subject, "organisation": ANNA.organisation, "role": "holder"}],
        "datasets": [DATASET], "duties": [], "environment": "", "legalBasis": "", "fees": "",
        "issued": NOW, "changed": NOW, "until": END,
        "bases": [{"application": "GDIA-1", "digest": "d1"}], "decisions": [],
    }  # fmt: skip
    return msgspec.convert(told | more, PermitDocument)


def held(document_: PermitDocument | None = None, *own: Decision, **more: object) -> HeldPermit:
    facts = {"people": {ANNA.subject, BENO.subject}, "named": {("GDI-EE-COHORT-1", "1"): BODY}} | more
    decisions, people = own or (decision(),), facts.pop("people")
    last = {each.case: each for each in sorted(decisions, key=lambda made: made.at)}
    if not isinstance(people, dict):  # the same people in every case
        people = dict.fromkeys(last, people)
    words = tuple(word(each, people[each.case], hub="hub.gdi") for each in last.values())
    return HeldPermit(document_ or document(), decisions, **({"words": words} | facts))


def entitled(permit: HeldPermit, standing: HeardStanding = GOOD, *back: OwnRevocation, at: datetime = NOW):
    return desired([permit], {(permit.document.iss, standing.subject): standing}, back, DEMANDS, at)


def test_all_that_is_needed_opens_the_dataset():
    assert entitled(held()) == {
        Entitlement(
            "GDIP-1", ANNA.subject, "GDI-EE-COHORT-1", "1", "https://ee.example.org/dac", NOW, NOW, END
        )
    }


def test_a_hub_cannot_join_the_people_of_one_application_with_the_data_of_another():
    """Anna was granted a dataset, somebody else another one; the hub signs a permit that rests on both."""
    hers = decision(Ruling("GDI-EE-COHORT-2", "1", True, until=END))
    theirs = decision(application="GDIA-2", case="GDIA-2.ee.dac")
    bases = [{"application": each.application, "digest": each.digest} for each in (hers, theirs)]
    people = {hers.case: {ANNA.subject}, theirs.case: {BENO.subject}}
    assert not entitled(held(document(bases=bases), hers, theirs, people=people))


@pytest.mark.parametrize(
    "permit",
    [
        held(document(state="suspended")),
        held(document(state="sleeping")),
        held(document(state="ended")),
        held(document(until=NOW)),
        held(document(datasets=[DATASET | {"until": NOW}])),
        held(document(datasets=[DATASET | {"node": "fi.node"}])),
        held(document(datasets=[DATASET | {"body": "fi.dac"}])),
        held(document(datasets=[DATASET | {"version": "2"}])),
        held(document(bases=[])),
        held(document(bases=[{"application": "GDIA-1", "digest": "other"}])),
        held(people=set()),
        held(named={}),
        held(named={("GDI-EE-COHORT-1", "1"): "another.dac"}),
        held(None, decision(body="fi.dac")),
        held(None, decision(ruling(granted=False))),
        held(None, decision(), decision(ruling(granted=False), case="GDIA-1.ee.dac.countersign")),
        held(None, decision(ruling(until=NOW))),
        held(None, decision(application="GDIA-2")),
        held(None, decision(kind="central")),
        held(None, decision(Ruling("GDI-EE-COHORT-2", "1", True, until=END))),
        held(document(datasets=[DATASET | {"regions": ["22:1-10"]}]), decision(ruling(regions=("21:1-10",)))),
    ],
)
def test_whatever_is_missing_in_the_permit_opens_nothing(permit: HeldPermit):
    assert entitled(permit) == frozenset()


@pytest.mark.parametrize(
    "standing, lack",
    [
        (replace(GOOD, good=False), "standing"),
        (replace(GOOD, organisation="GDIO-X"), "organisation"),
        (replace(GOOD, organisation=""), "organisation"),
        (replace(GOOD, until=NOW), "training"),
        (replace(GOOD, terms=frozenset()), "terms"),
        (replace(GOOD, terms=frozenset({f"{TERMS}2/1"})), "terms"),
        (replace(GOOD, subject="s-other"), ""),
    ],
)
def test_whatever_is_missing_in_the_person_opens_nothing(standing: HeardStanding, lack: str):
    assert lacking(standing, ANNA.organisation, DEMANDS, NOW) == ((lack,) if lack else ())
    assert entitled(held(), standing) == frozenset()


@pytest.mark.parametrize(
    "back",
    [
        OwnRevocation("GDIP-1"),
        OwnRevocation("GDIP-1", "GDI-EE-COHORT-1"),
        OwnRevocation("GDIP-1", "", ANNA.subject),
        OwnRevocation("GDIP-1", "GDI-EE-COHORT-1", ANNA.subject),
    ],
)
def test_what_the_node_took_back_stays_taken_back(back: OwnRevocation):
    assert entitled(held(), GOOD, back) == frozenset()
    assert entitled(held(document(version=9)), GOOD, back) == frozenset()
    assert entitled(held(document(permit="GDIP-2")), GOOD, back)


def test_a_hub_cannot_widen_what_the_body_granted():
    narrow = decision(ruling(until=NOW + timedelta(days=5), regions=("22:101-200",)))
    [found] = entitled(held(document(), narrow))
    assert (found.until, found.regions) == (NOW + timedelta(days=5), ("22:101-200",))
    [found] = entitled(held(document(datasets=[DATASET | {"regions": ["22:150-900"]}]), narrow))
    assert found.regions == ("22:150-200",)


def test_a_decision_on_appeal_stands_instead_of_the_one_before():
    later = NOW + timedelta(days=3)
    refused, granted = decision(ruling(granted=False)), decision(at=later, appeal=True)
    assert entitled(held(None, refused, granted))
    assert not entitled(held(None, decision(), decision(ruling(granted=False), at=later)))


LATER = NOW + timedelta(days=3)
REFUSED = decision(ruling(granted=False), at=LATER)


def said(*made: Decision, **more: object) -> tuple[CaseWord, ...]:
    return tuple(replace(word(each, {ANNA.subject}), **more) for each in made)  # type: ignore[arg-type]  # as named


@pytest.mark.parametrize(
    "words",
    [
        (),
        said(REFUSED),
        said(decision(), hub="liar.gdi"),
        said(decision(), withdrawn=True),
        said(decision(), vetoed=frozenset({"GDI-EE-COHORT-1"})),
        said(decision(), kind="central"),
        said(decision(), case="GDIA-1.ee.dac.2"),
        said(decision(), body="ee.other"),
        said(decision(), application="GDIA-2"),
        said(decision(), people=frozenset({BENO.subject})),
        (*said(decision()), *said(REFUSED, case="GDIA-1.ee.dac.2")),
        (*said(decision()), *said(decision(at=LATER), case="GDIA-1.ee.dac.2", withdrawn=True)),
        (*said(decision()), *said(REFUSED, case="GDIA-1.ee.dac.countersign", kind="countersign")),
        (*said(decision()), *said(decision(), case="GDIA-1.ee.dac.2", at=None, rulings={},
                                  vetoed=frozenset({"GDI-EE-COHORT-1"}))),
    ],
    ids=[
        "nothing", "refused-later", "another-hubs", "withdrawn", "vetoed", "central", "another-case",
        "another-body", "another-application", "others", "a-later-round-refused", "a-later-round-withdrawn",
        "countersignature-refused", "vetoed-in-a-later-round",
    ],
)  # fmt: skip
def test_a_decision_that_is_not_the_last_word_of_its_case_opens_nothing(words: tuple[CaseWord, ...]):
    """The hub's permit is in order, and holds a decision that the body did sign."""
    assert entitled(held(words=said(decision())))
    assert not entitled(held(words=words))


def test_a_later_round_that_waits_takes_nothing_back():
    waits = said(decision(), case="GDIA-1.ee.dac.2", at=None, rulings={})
    assert entitled(held(words=(*said(decision()), *waits)))


def test_what_the_body_granted_anew_bounds_a_permit_that_holds_the_decision_before():
    narrower = decision(ruling(until=NOW + timedelta(days=9), regions=("22:1-10",)), at=LATER)
    [found] = entitled(held(words=said(narrower)))
    assert (found.until, found.regions, found.asserted) == (NOW + timedelta(days=9), ("22:1-10",), LATER)


def test_a_wish_for_more_time_that_is_refused_leaves_what_was_granted():
    bases = [{"application": each, "digest": "d1"} for each in ("GDIA-1", "GDIA-2")]
    again = decision(ruling(granted=False), application="GDIA-2", case="GDIA-2.ee.dac", at=LATER)
    assert entitled(held(document(bases=bases), decision(), again))


def test_of_two_applications_the_one_decided_last_counts():
    longer = END + timedelta(days=99)
    both = [{"application": "GDIA-1", "digest": "d1"}, {"application": "GDIA-2", "digest": "d2"}]
    made = document(bases=both, until=longer, datasets=[DATASET | {"until": longer}])
    again = decision(
        ruling(until=longer), application="GDIA-2", digest="d2", case="GDIA-2.ee.dac", at=NOW + timedelta(1)
    )
    [found] = entitled(held(made, decision(), again))
    assert found.until == longer


# -- whatever is there

flags = st.booleans()
standings = st.builds(
    HeardStanding,
    st.just(ANNA.subject),
    st.sampled_from([ANNA.organisation, "GDIO-X"]),
    st.sampled_from([frozenset(), frozenset({f"{TERMS}/2"})]),
    st.sampled_from([None, NOW - timedelta(1), NOW + timedelta(9)]),
    flags,
)
rulings = st.builds(
    ruling,
    granted=flags,
    until=st.sampled_from([NOW - timedelta(1), NOW + timedelta(9), END]),
    regions=st.sampled_from([(), ("22:1-10",), ("22:5-20", "X:1-9")]),
)
decisions = st.builds(
    decision,
    rulings,
    body=st.sampled_from([BODY, "fi.dac"]),
    kind=st.sampled_from(["decide", "central", "countersign"]),
    digest=st.sampled_from(["d1", "d2"]),
    at=st.sampled_from([NOW, NOW + timedelta(1)]),
)
permits = st.builds(
    held,
    st.builds(
        document,
        state=st.sampled_from(State),
        until=st.sampled_from([NOW, END]),
        datasets=st.lists(
            st.sampled_from([DATASET, DATASET | {"body": "fi.dac"}, DATASET | {"regions": ["22:3-8"]}]),
            max_size=1,
        ),
    ),
    decisions,
    people=st.sampled_from([frozenset(), frozenset({ANNA.subject})]),
)


@given(
    permits, standings, st.lists(st.builds(OwnRevocation, st.sampled_from(["GDIP-1", "GDIP-2"])), max_size=1)
)
def test_no_grant_without_a_decision_by_the_body_named(
    permit: HeldPermit, standing: HeardStanding, back: list[OwnRevocation]
):
    for found in entitled(permit, standing, *back):
        [own] = [each for each in permit.own if each.body == BODY and each.kind != "central"]
        [said] = own.rulings
        assert said.granted
        assert (said.dataset, said.version) == (found.dataset, found.version)
        assert said.until is not None
        assert found.until <= min(said.until, permit.document.until)
        assert not said.regions or found.regions
        assert permit.document.state is State.ACTIVE
        assert all(found.subject in each.people for each in permit.words if each.case == own.case)
        assert not lacking(standing, ANNA.organisation, DEMANDS, NOW)
        assert OwnRevocation("GDIP-1") not in back


@given(permits, standings, st.integers(0, 800), st.integers(0, 800))
def test_time_only_takes_away(permit: HeldPermit, standing: HeardStanding, one: int, more: int):
    early, late = NOW + timedelta(days=one), NOW + timedelta(days=one + more)
    assert entitled(permit, standing, at=late) <= entitled(permit, standing, at=early)


entitlements = st.frozensets(
    st.builds(
        Entitlement, st.just("P"), st.sampled_from("ab"), st.sampled_from("xy"), st.just("1"), st.just("s"),
        st.just(NOW), st.just(NOW), st.sampled_from([NOW, END]),
    )
)  # fmt: skip


@given(entitlements, entitlements)
def test_the_difference_makes_what_is_held_what_is_wanted(
    have: frozenset[Entitlement], want: frozenset[Entitlement]
):
    change = difference(have, want, "why")
    assert (have - {each for each, _ in change.ended}) | set(change.granted) == want
    assert not {each for each, _ in change.ended} & want
    assert difference(want, want, "why") == difference((), (), "why")


@pytest.mark.parametrize(
    "permit, standing, back, lack",
    [
        (held(), GOOD, (), ()),
        (held(), replace(GOOD, subject="s-other"), (), ("unknown",)),
        (held(), replace(GOOD, good=False, terms=frozenset()), (), ("standing", "terms")),
        (held(people=set()), GOOD, (), ("decision",)),
        (held(named={}), GOOD, (), ("decision",)),
        (held(None, decision(ruling(granted=False))), GOOD, (), ("decision",)),
        (held(), GOOD, (OwnRevocation("GDIP-1"),), ("revoked",)),
        (held(), GOOD, (OwnRevocation("GDIP-1", "GDI-EE-COHORT-1", ANNA.subject),), ("revoked",)),
        (held(), GOOD, (OwnRevocation("GDIP-1", subject=BENO.subject),), ()),
        (held(), GOOD, (OwnRevocation("GDIP-2"),), ()),
    ],
)
def test_who_answers_for_the_data_is_told_all_that_is_lacking(
    permit: HeldPermit, standing: HeardStanding, back: tuple[OwnRevocation, ...], lack: tuple[str, ...]
):
    found = lacking_of(permit, {(permit.document.iss, standing.subject): standing}, back, DEMANDS, NOW)
    assert found == {ANNA.subject: lack}
    assert bool(lack) == (entitled(permit, standing, *back) == frozenset())


@pytest.mark.parametrize(
    "body, names",
    [
        ({}, "subject"),
        ({"subject": "s"}, "organisation"),
        ({"subject": "s", "organisation": "o"}, "inGoodStanding"),
        ({"subject": "s", "organisation": "o", "inGoodStanding": True, "terms": 3}, "terms"),
        ({"subject": "s", "organisation": "o", "inGoodStanding": True, "terms": [3]}, "terms"),
        ({"subject": "s", "organisation": "o", "inGoodStanding": True, "until": "soon"}, "until"),
        (
            {"subject": "s", "organisation": "o", "inGoodStanding": True, "until": "2027-01-01T00:00:00"},
            "until",
        ),
    ],
)
def test_what_is_wrong_with_a_standing_is_named(body: dict[str, object], names: str):
    with pytest.raises(Invalid, match=names):
        read_standing(body)
