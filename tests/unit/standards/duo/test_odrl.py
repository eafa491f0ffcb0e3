"""A statement as an ODRL offer: every code has its place, and what is not understood offers nothing."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from tests.unit.standards.duo.test_matching import statements

from opengdi.standards.duo.codes import CODES, Kind, canonical_code
from opengdi.standards.duo.odrl import as_offer
from opengdi.standards.duo.statements import Statement, read_statement

TARGET, UID = "https://ee.example.org/datasets/A", "https://ee.example.org/offers/A"


def offer(*told: object) -> dict[str, object]:
    return as_offer(read_statement(list(told)), TARGET, UID)


def test_permissions_constraints_duties_and_prohibitions():
    found = offer("DS MONDO:1 MONDO:2", "PUB", "MOR 2027-01-01", "TS 12", "GS EE", "NMDS", "NPU")
    [permission] = found["permission"]
    assert (found["@type"], permission["target"], permission["action"]) == ("Offer", TARGET, "use")
    assert [each.get("leftOperand", "or") for each in permission["constraint"]] == [
        "or", "elapsedTime", "spatial", "recipient",
    ]  # fmt: skip
    assert [duty["source"][-2:] for duty in permission["duty"]] == ["19", "24"]
    [prohibition] = found["prohibition"]
    assert prohibition["constraint"][0]["rightOperand"]["@id"].endswith("DUO_0000031")


@pytest.mark.parametrize("code", ["DUO:0009999", "GRU-CC", "DUO:0000017", "DUO:0000031"])
def test_a_code_that_is_not_understood_prohibits_every_use(code: str):
    found = offer("NRES", code)
    assert "permission" not in found
    assert found["prohibition"] == [{"target": TARGET, "action": "use"}]


def test_no_permission_offers_nothing():
    assert "permission" not in offer("PUB")
    assert "permission" not in as_offer(Statement(), TARGET, UID)


def test_every_code_but_those_without_limits_leaves_a_trace():
    plain = json.dumps(offer("NRES"))
    for code in CODES.values():
        if code.kind in {Kind.PERMISSION, Kind.MODIFIER} and code.shorthand not in {
            "NRES",
            "DS",
            "TS",
            "MOR",
        }:
            assert json.dumps(offer("NRES", canonical_code(code.id))) != plain, code


@given(statements)
def test_any_statement_is_an_offer_in_json(statement: Statement):
    found = as_offer(statement, TARGET, UID)
    assert json.loads(json.dumps(found)) == found
