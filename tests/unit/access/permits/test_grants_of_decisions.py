"""What decisions open: everybody whose word is needed said yes, and only what all of them opened."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.permit_kit import ASKED, END, NOW, OTHER, decision, ruling

from opengdi.access.permits.grants import common_regions, granted, parse_region, region_text
from opengdi.kernel.release import DatasetType
from opengdi.standards.faults import Malformed

COHORT = replace(ASKED, dataset_type=DatasetType.COHORT)
CENTRAL = decision(body="eu.dac", node="hub.gdi", kind="central", case="GDIA-1.eu.dac")


def test_the_body_named_at_the_node_that_holds_it_opens_a_dataset():
    assert [each.dataset for each in granted([ASKED], [decision()])] == [ASKED.dataset]
    assert granted([ASKED], []) == ()
    assert granted([ASKED], [decision(body="fi.dac")]) == ()
    assert granted([ASKED], [decision(node="fi.node")]) == ()
    assert granted([replace(ASKED, version="2")], [decision()]) == ()


def test_each_dataset_is_decided_by_itself():
    both = [
        decision(),
        decision(ruling(OTHER, granted=False), body="fi.dac", node="fi.node", case="GDIA-1.fi.dac"),
    ]
    assert [each.dataset for each in granted([ASKED, OTHER], both)] == [ASKED.dataset]


def test_a_cohort_needs_the_central_body_and_its_country():
    countersigned = decision(kind="countersign")
    assert granted([COHORT], [CENTRAL, countersigned])
    assert granted([COHORT], [CENTRAL]) == ()
    assert granted([COHORT], [countersigned]) == ()
    veto = decision(ruling(granted=False), kind="countersign")
    assert granted([COHORT], [CENTRAL, veto]) == ()
    assert granted([COHORT], [replace(CENTRAL, rulings=(ruling(granted=False),)), countersigned]) == ()


def test_what_is_governed_elsewhere_is_never_granted_here():
    assert granted([replace(ASKED, dataset_type=DatasetType.EXTERNALLY_GOVERNED)], [decision()]) == ()


def test_the_shortest_time_and_the_smallest_part_count():
    early = NOW + timedelta(days=10)
    central = replace(
        CENTRAL, rulings=(ruling(until=early, regions=("22:1-100", "X:5-9"), conditions=("a",)),)
    )
    own = decision(
        ruling(regions=("22:50-200",), conditions=("a", "b")), kind="countersign", at=NOW + timedelta(1)
    )
    [found] = granted([COHORT], [central, own], END)
    assert (found.until, found.regions, found.conditions) == (early, ("22:50-100",), ("a", "b"))
    assert found.decided == NOW + timedelta(1)
    [limited] = granted([ASKED], [decision()], NOW + timedelta(1))
    assert limited.until == NOW + timedelta(1)


def test_parts_that_do_not_meet_open_nothing():
    central = replace(CENTRAL, rulings=(ruling(regions=("22:1-100",)),))
    assert granted([COHORT], [central, decision(ruling(regions=("21:1-100",)), kind="countersign")]) == ()


spans = st.tuples(st.sampled_from(["1", "X"]), st.integers(1, 30), st.integers(0, 10)).map(
    lambda span: f"{span[0]}:{span[1]}-{span[1] + span[2]}"
)
limits = st.lists(st.lists(spans, max_size=3), max_size=3)


@given(limits)
def test_common_regions_are_the_bases_within_all_of_them(limits: list[list[str]]):
    def bases(texts) -> set[tuple[str, int]]:
        return {
            (each.contig, base) for each in map(parse_region, texts) for base in range(each.start, each.end)
        }

    given_ = [bases(limit) for limit in limits if limit]
    found = common_regions(limits)
    if not given_:
        assert found == ()
    else:
        expected = set.intersection(*given_)
        assert (found is None) == (not expected)
        assert bases(found or ()) == expected


@pytest.mark.parametrize(
    "text", ["", "22", "22:5", "22:0-5", "22:9-5", "Z:1-2", "22:1-2;X:3-4", "22:1-99999999999"]
)
def test_what_is_no_region_is_refused(text: str):
    with pytest.raises(Malformed):
        parse_region(text)


def test_regions_are_written_as_they_are_read():
    assert region_text(parse_region("chr22:1001-2000")) == "22:1001-2000"


@given(
    st.permutations([CENTRAL, decision(kind="countersign"), decision(ruling(granted=False), case="GDIA-1.x")])
)
def test_one_refusal_is_enough_in_any_order(decisions):
    assert granted([COHORT], decisions) == ()


def test_an_asked_dataset_is_looked_for_once():
    assert len(granted([ASKED, replace(ASKED)], [decision()])) == 1
