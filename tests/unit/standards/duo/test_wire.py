"""Statements and purposes as JSON: what is wrong is named, and nothing else comes out of any input."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.standards.duo.purposes import (
    EthicsApproval,
    Organisations,
    Purpose,
    Sensitive,
    Topic,
    read_purpose,
)
from opengdi.standards.duo.statements import Clause, Statement, read_statement, statement_document
from opengdi.standards.faults import Malformed

json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["DUO:0000042", "MONDO:1"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["code", "terms", "until", "months", "topics", "ethics", "id", "given"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def test_a_statement_is_codes_with_their_values():
    told = [
        "GRU",
        {"code": "DUO_00000044"},
        {"code": "DS", "terms": ["MONDO_0004992"], "text": " words "},
        {"code": "MOR", "until": "2027-01-31"},
        {"code": "TS", "months": 12},
        {"code": "COL", "consent": True},
        {"code": "GS", "values": ["EE"]},
    ]
    statement = read_statement(told)
    assert statement.clauses[:4] == (
        Clause("DUO:0000042"),
        Clause("DUO:0000044"),
        Clause("DUO:0000007", frozenset({"MONDO:0004992"}), text="words"),
        Clause("DUO:0000024", until=date(2027, 1, 31)),
    )
    assert read_statement(statement_document(statement)) == statement


@pytest.mark.parametrize(
    "told, names",
    [
        ({}, "list"),
        ([7], "clause 1"),
        (["GRU", "XYZ"], "no DUO code"),
        ([{"code": "DS", "diseases": []}], "'diseases' is not known"),
        ([{"code": "DS", "terms": "MONDO:1"}], "terms"),
        ([{"code": "MOR", "until": "soon"}], "until must be a day"),
        ([{"code": "TS", "months": True}], "months"),
        ([{"code": "TS", "months": 0}], "months"),
        ([{"code": "COL", "consent": "yes"}], "consent"),
        (["GRU"] * 51, "at most 50"),
    ],
)
def test_what_is_wrong_with_a_statement_is_named(told: object, names: str):
    with pytest.raises(Malformed, match=names):
        read_statement(told)


def test_a_purpose_is_what_its_members_and_its_investigations_say():
    told = {
        "diseases": ["MONDO_0004992"],
        "investigations": ["DUO:0000031", "DUO:0000038", "DUO:0000032"],
        "organisations": "not-for-profit",
        "countries": ["EE"],
        "ethics": {"id": "E1", "committee": "C", "given": "2026-01-01", "until": "2027-01-01"},
    }
    assert read_purpose(told) == Purpose(
        diseases=frozenset({"MONDO:0004992"}),
        investigations=frozenset({"DUO:0000031", "DUO:0000038", "DUO:0000032"}),
        methods=True,
        genetic=True,
        organisations=Organisations.NOT_FOR_PROFIT,
        countries=frozenset({"EE"}),
        ethics=EthicsApproval("E1", "C", date(2026, 1, 1), date(2027, 1, 1)),
        sensitive=frozenset({Sensitive.POPULATION}),
    )
    assert read_purpose({"investigations": ["DUO:0000037"]}).topics == {Topic.HEALTH}
    assert read_purpose({"investigations": ["DUO:0000033"]}).topics == {Topic.ANCESTRY}


@pytest.mark.parametrize(
    "told, names",
    [
        ([], "JSON object"),
        ({"goal": 1}, "'goal' is not known"),
        ({"topics": ["cancer"]}, "topics"),
        ({"organisations": "church"}, "organisations"),
        ({"countries": ["Estonia"]}, "two-letter"),
        ({"investigations": ["GRU"]}, "DUO:0000031"),
        ({"ethics": {"id": "E1"}}, "committee"),
        ({"ethics": {"id": "E1", "committee": "C"}}, "given"),
        ({"genetic": "yes"}, "genetic"),
    ],
)
def test_what_is_wrong_with_a_purpose_is_named(told: object, names: str):
    with pytest.raises(Malformed, match=names):
        read_purpose(told)


@given(json)
def test_any_input_is_a_statement_or_malformed(told: object):
    try:
        statement = read_statement(told)
    except Malformed:
        return
    assert isinstance(statement, Statement)
    assert read_statement(statement_document(statement)) == statement


@given(json)
def test_any_input_is_a_purpose_or_malformed(told: object):
    try:
        read_purpose(told)
    except Malformed:
        return
