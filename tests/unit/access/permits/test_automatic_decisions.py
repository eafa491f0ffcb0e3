"""Grants without people: only where the holder wants it and nothing is left to judge."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.permit_kit import NOW

from opengdi.access.model import Purpose
from opengdi.access.permits.automatic import Automation, auto_decision
from opengdi.access.permits.precheck import Precheck, Verified, statement_of, use_of
from opengdi.access.ports import OfferedDataset
from opengdi.kernel.errors import Invalid
from opengdi.standards.duo.codes import CODES, Kind
from opengdi.standards.duo.purposes import Organisations
from opengdi.standards.duo.verdicts import Diseases, Source, Verdict
from opengdi.standards.ontology.graph import Ontology

NOTHING = Diseases(Ontology(), Source("MONDO", "none", ""))
AUTOMATION = Automation(frozenset({"A", "B"}), NOTHING)
UNTIL = NOW + timedelta(days=300)
OPEN = {each: statement_of(["GRU", "PUB"]) for each in "ABC"}


def offer(*datasets: str, **more: object) -> dict[str, object]:
    application = {"id": "GDIA-1", "purpose": "research", "duo": {"topics": ["health"]}} | more
    named = [{"dataset": each, "version": "1"} for each in datasets or ("A",)]
    return {"case": "GDIA-1.ee.dac", "kind": "decide", "application": application, "datasets": named}


def decided(told: dict[str, object], statements=OPEN, until=UNTIL, **more: object):
    return auto_decision(told, statements, AUTOMATION, until, NOW, **more)


def test_what_the_holder_opened_is_granted_when_every_clause_is_met():
    found = decided(offer("A", "B"))
    assert found is not None
    assert [(each.dataset, each.granted, each.until) for each in found.rulings] == [
        ("A", True, UNTIL),
        ("B", True, UNTIL),
    ]
    assert found.matches["A"].verdict is Verdict.APPROVE


@pytest.mark.parametrize(
    "told",
    [
        offer("C"),
        offer("A", "C"),
        offer(purpose="policy"),
        offer(purpose="healthcare"),
        offer(duo={}),
        offer(duo={"topics": ["fun"]}),
        offer(duo={"topics": ["health"], "sensitive": ["paediatric"]}),
        offer() | {"kind": "countersign"},
        offer() | {"kind": "central"},
        offer() | {"datasets": []},
        offer() | {"application": None},
        {},
    ],
)
def test_people_decide_everything_else(told: dict[str, object]):
    assert decided(told) is None


@pytest.mark.parametrize("until", [None, NOW, NOW - timedelta(1), NOW + timedelta(days=366)])
def test_no_end_a_past_one_and_a_far_one_are_for_people(until):
    assert decided(offer(), until=until) is None


@pytest.mark.parametrize(
    "duo",
    [
        [], ["DS MONDO:1"], ["POA"], ["GRU", "RS"], ["GRU", "IRB"], ["GRU", "NPU"], ["GRU", "GS EE"], ["GRU", "COL x"],
        ["GRU", {"code": "PUB", "text": "and call us"}], ["GRU", "DUO:0009999"], ["GRU", "IS ror"],
    ],
)  # fmt: skip
def test_a_clause_that_a_machine_cannot_decide_is_for_people(duo: list[object]):
    known = {"topics": ["health"], "ethics": {"id": "E", "committee": "C", "given": "2026-01-01"}}
    found = decided(offer(duo=known), {"A": statement_of(duo)})
    if duo == ["GRU", "COL x"]:
        assert found is not None  # an agreement is a duty
    else:
        assert found is None


def test_what_applicants_say_of_themselves_proves_nothing():
    said = {
        "topics": ["health"],
        "organisations": "not-for-profit",
        "countries": ["EE"],
        "environments": ["EE"],
    }
    statements = {"A": statement_of(["GRU", "NPU", "GS EE"])}
    assert decided(offer(duo=said), statements) is None
    known = Verified(True, frozenset({"EE"}), frozenset({"EE"}))
    assert decided(offer(duo=said), statements, verified=known) is not None


codes = st.sampled_from([each.id for each in CODES.values() if each.kind in {Kind.PERMISSION, Kind.MODIFIER}])


@given(st.lists(codes, max_size=5))
def test_a_machine_never_refuses_and_grants_only_what_matches(duo: list[str]):
    statement = statement_of(duo)
    found = decided(offer(), {"A": statement})
    if found is not None:
        use = use_of(Purpose.RESEARCH, {"topics": ["health"]})
        assert all(each.granted for each in found.rulings)
        assert Precheck(NOTHING, NOW.date).full(use, duo).verdict is Verdict.APPROVE


def test_the_purpose_says_what_the_structured_one_leaves_out():
    assert use_of(Purpose.HEALTHCARE, {}).care
    assert use_of(Purpose.POLICY, {}).beyond
    assert use_of(Purpose.QUALITY, {}).beyond
    assert use_of(Purpose.RESEARCH, {}, Verified(False)).organisations is Organisations.FOR_PROFIT
    with pytest.raises(Invalid, match="topics"):
        use_of(Purpose.RESEARCH, {"topics": "x"})


@pytest.mark.parametrize(
    "duo, purpose, verdict",
    [(("HMB",), {"topics": ["health"]}, "yes"), (("POA",), {"topics": ["health"]}, "no"), ((), {}, "unsure"),
     (("HMB",), {"topics": 1}, "unsure"), (("XYZ",), {"topics": ["health"]}, "unsure")],
)  # fmt: skip
def test_an_applicant_is_told_in_a_word_before_applying(duo, purpose, verdict: str):
    precheck = Precheck(NOTHING, NOW.date)
    found = precheck.match(Purpose.RESEARCH, purpose, OfferedDataset("A", "1", "n", "b", duo=duo))
    assert found.verdict == verdict
    assert found.reasons


def test_a_longer_automation_is_longer():
    long = replace(AUTOMATION, longest_days=1000)
    assert auto_decision(offer(), OPEN, long, NOW + timedelta(days=900), NOW) is not None
