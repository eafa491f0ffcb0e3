"""Visas are read as the standard writes them, and conditions decide as it says."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.standards.faults import Malformed
from opengdi.standards.passport import (
    VISA_CLAIM,
    Claims,
    Clause,
    Visa,
    VisaObject,
    conditions_met,
    read_visa,
    write_visa,
)
from opengdi.standards.passport.visas import Patience

NOW = datetime(2026, 11, 1, tzinfo=UTC)
CLAIMS = Claims("https://node.example.org", "person", NOW, NOW + timedelta(minutes=30), "jti-1")


def grant(**changes: Any) -> VisaObject:
    told = {
        "type": "ControlledAccessGrants",
        "value": "https://node.example.org/datasets/A",
        "source": "https://dac.example.org",
        "asserted": NOW,
        "by": "dac",
    }
    return VisaObject(**{**told, **changes})


def affiliation(value: str, by: str = "so", **changes: Any) -> VisaObject:
    return VisaObject("AffiliationAndRole", value, "https://u.example.org", NOW, by, **changes)


def under(*sets: tuple[Clause, ...]) -> VisaObject:
    return grant(conditions=sets)


def asks(value: str, by: str = "const:so") -> Clause:
    return Clause("AffiliationAndRole", (("value", value), ("by", by)))


def payload(**changes: Any) -> bytes:
    told = {"type": "ResearcherStatus", "value": "https://v.example.org", "source": "https://s.example.org"}
    claims = {"iss": "https://i.example.org", "sub": "p", "iat": 1, "exp": 2}
    object_ = {**told, "asserted": 1, **changes.pop("told", {})}
    return json.dumps({**claims, VISA_CLAIM: object_, **changes}).encode()


def test_a_visa_without_conditions_is_under_none() -> None:
    assert conditions_met(grant(), [])


def test_all_clauses_of_one_set_must_be_met_each_by_one_visa() -> None:
    wanted = under((asks("pattern:faculty@*"), asks("const:member@b.example.org")))
    assert not conditions_met(wanted, [affiliation("faculty@a.example.org")])
    held = [affiliation("faculty@a.example.org"), affiliation("member@b.example.org")]
    assert conditions_met(wanted, held)


def test_one_set_is_enough() -> None:
    wanted = under((asks("const:x@y"),), (asks("split_pattern:?@b"),))
    assert conditions_met(wanted, [affiliation("z;a@b")])


def test_a_clause_is_not_met_by_two_visas_together() -> None:
    wanted = under((asks("const:a@b", by="const:so"),))
    assert not conditions_met(wanted, [affiliation("a@b", by="self"), affiliation("c@d", by="so")])


def test_a_visa_under_conditions_meets_none() -> None:
    chained = affiliation("a@b", conditions=((asks("const:c@d"),),))
    assert not conditions_met(under((asks("const:a@b"),)), [chained, affiliation("c@d")])


def test_a_missing_by_meets_no_clause_about_it() -> None:
    assert not conditions_met(under((asks("const:a@b", by="pattern:*"),)), [affiliation("a@b", by="")])


@pytest.mark.parametrize("test", ["a@b", "regex:.*", "Const:a@b", "", "const", ":a@b"])
def test_an_unknown_prefix_fails(test: str) -> None:
    assert not conditions_met(under((asks(test),)), [affiliation("a@b")])


def test_patience_ends() -> None:
    wanted, held = under((asks("const:last@b"),)), [affiliation("first@b"), affiliation("last@b")]
    assert conditions_met(wanted, held, Patience(2))
    assert not conditions_met(wanted, held, Patience(1))


@given(
    value=st.from_regex(r"https://[a-z]{1,9}\.example\.org/[a-z0-9/]{0,30}", fullmatch=True),
    minutes=st.integers(1, 10_000),
    by=st.sampled_from(["self", "peer", "system", "so", "dac"]),
    clauses=st.lists(
        st.lists(st.builds(asks, st.sampled_from(["const:a", "pattern:*", "split_pattern:?"])), max_size=3),
        max_size=3,
    ),
)
def test_what_is_written_is_read(value: str, minutes: int, by: str, clauses: list[list[Clause]]) -> None:
    sets = tuple(tuple(every) for every in clauses)
    claims = Claims("https://n.example.org", "p", NOW, NOW + timedelta(minutes=minutes), "j", NOW, ("a", "b"))
    visa = Visa(claims, grant(value=value, by=by, conditions=sets))
    assert read_visa(json.dumps(write_visa(visa)).encode()) == visa


@pytest.mark.parametrize(
    "changes",
    [
        {"value": "no-url"}, {"value": "https://" + "a" * 250}, {"source": "dac"}, {"source": "https://d.org/?a=1"},
        {"source": "https://d.org/#a"}, {"by": ""}, {"value": "urn:x:y"},
    ],
)  # fmt: skip
def test_a_visa_that_the_standard_would_not_take_is_not_written(changes: dict[str, str]) -> None:
    with pytest.raises(Malformed):
        write_visa(Visa(CLAIMS, grant(**changes)))


@pytest.mark.parametrize(
    "bad",
    [
        payload(told={"asserted": "1"}), payload(told={"asserted": True}), payload(told={"value": 1}),
        payload(told={"value": "x" * 256}), payload(told={"source": ""}), payload(told={"type": None}),
        payload(told={"by": 3}), payload(told={"conditions": "x"}), payload(told={"conditions": [{}]}),
        payload(told={"conditions": [[1]]}), payload(told={"conditions": [[{"type": "A"}]]}),
        payload(told={"conditions": [[{"value": "const:a"}]]}), payload(told={"conditions": [[{"type": "A", "v": 1}]]}),
        payload(told={"conditions": [[{"type": "A", "conditions": "const:a"}]]}), payload(scope="a openid"),
        payload(told={"conditions": [[{"type": "A", "v": "const:a"}]] * 101}), payload(exp=1), payload(sub=""),
        payload(ga4gh_passport_v1=[]), payload(iat=-1), payload(aud=[]), payload(aud=[1]), payload(jti=1),
        payload(sub="a\nb"), payload(told={"value": "\ud800"}), b"", b"[]", b"1", b"{", b"\xff", b'{"a":NaN}',
    ],
)  # fmt: skip
def test_what_breaks_the_standard_is_malformed(bad: bytes) -> None:
    with pytest.raises(Malformed):
        read_visa(bad)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)


@given(
    told=st.dictionaries(
        st.sampled_from(["type", "value", "source", "by", "asserted", "conditions"]), json_values
    )
    | json_values,
    claims=st.dictionaries(
        st.sampled_from(["iss", "sub", "iat", "exp", "nbf", "jti", "aud", "scope"]), json_values
    ),
)
def test_no_visa_breaks_the_reader(told: Any, claims: dict[str, Any]) -> None:
    with contextlib.suppress(Malformed):
        read_visa(json.dumps({**claims, VISA_CLAIM: told}).encode())


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(content: bytes) -> None:
    with contextlib.suppress(Malformed):
        read_visa(content)
