"""Headers, claims and times of the three tokens; passports; linked identities."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.standards.faults import Malformed, Unverified
from opengdi.standards.passport import (
    PASSPORT_CLAIM,
    Claims,
    Identity,
    TokenKind,
    check_header,
    linked,
    read_access_token,
    read_claims,
    read_links,
    read_passport,
    read_visa_list,
    write_claims,
    write_links,
    write_passport,
)
from opengdi.standards.passport.tokens import is_url

NOW = datetime(2026, 11, 1, tzinfo=UTC)
CLAIMS = Claims("https://b.example.org", "p", NOW, NOW + timedelta(hours=1))
HEADER = {"alg": "ES256", "kid": "k", "typ": "vnd.ga4gh.visa+jwt", "jku": "https://i.example.org/jwks"}


@pytest.mark.parametrize(
    ("kind", "typ"),
    [
        (TokenKind.ACCESS_TOKEN, "at+jwt"), (TokenKind.ACCESS_TOKEN, "JWT"), (TokenKind.VISA, "JWT"),
        (TokenKind.VISA, "vnd.ga4gh.visa+jwt"), (TokenKind.VISA, "application/vnd.ga4gh.visa+jwt"),
        (TokenKind.PASSPORT, "vnd.ga4gh.passport+jwt"),
    ],
)  # fmt: skip
def test_each_token_has_its_types(kind: TokenKind, typ: str) -> None:
    for algorithm in ("ES256", "RS256"):
        assert check_header({**HEADER, "typ": typ, "alg": algorithm}, kind).algorithm == algorithm


@pytest.mark.parametrize(
    "change",
    [
        {"alg": "none"}, {"alg": "HS256"}, {"alg": "ES384"}, {"alg": None}, {"alg": ["ES256"]}, {"kid": ""}, {"kid": 1},
        {"typ": "at+jwt"}, {"typ": 1}, {"typ": "vnd.ga4gh.passport+jwt"}, {"jku": ""}, {"jku": "x" * 256},
        {"crit": []}, {"b64": True}, {"jwk": {}}, {"x5u": ""}, {"x5c": []}, {"x5t": "a"}, {"x5t#S256": "a"},
    ],
)  # fmt: skip
def test_any_other_header_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        check_header({**HEADER, **change}, TokenKind.VISA)


@pytest.mark.parametrize("name", ["alg", "kid", "typ", "jku"])
def test_a_visa_header_has_all_of_these(name: str) -> None:
    with pytest.raises(Malformed):
        check_header({key: value for key, value in HEADER.items() if key != name}, TokenKind.VISA)


def test_a_passport_needs_no_jku() -> None:
    header = {"alg": "ES256", "kid": "k", "typ": "vnd.ga4gh.passport+jwt"}
    assert check_header(header, TokenKind.PASSPORT).jku == ""


def test_an_end_is_an_end_and_a_beginning_has_some_leeway() -> None:
    CLAIMS.check_times(NOW - timedelta(seconds=30))
    CLAIMS.check_times(NOW + timedelta(seconds=3599))
    for wrong in (NOW - timedelta(seconds=31), NOW + timedelta(seconds=3600)):
        with pytest.raises(Unverified):
            CLAIMS.check_times(wrong)


def test_a_token_for_nobody_in_particular_is_for_everybody() -> None:
    CLAIMS.check_audience(["https://here.example.org"])
    theirs = read_claims({**write_claims(CLAIMS), "aud": ["a", "b"]})
    theirs.check_audience(["b"])
    with pytest.raises(Unverified):
        theirs.check_audience(["c"])


def test_an_access_token_has_both_scopes_and_holds_no_visa() -> None:
    claims = {**write_claims(CLAIMS), "scope": "openid ga4gh_passport_v1 profile"}
    assert "profile" in read_access_token(claims).scopes
    for wrong in (
        {"scope": "openid"},
        {"scope": "ga4gh_passport_v1"},
        {PASSPORT_CLAIM: []},
        {"ga4gh_visa_v1": {}},
    ):
        with pytest.raises(Malformed):
            read_access_token({**claims, **wrong})


def test_a_passport_may_be_empty_and_is_read_as_written() -> None:
    for visas in ([], ["a.b.c", "d.e.f"]):
        passport = read_passport(json.dumps(write_passport(CLAIMS, visas)).encode())
        assert (passport.claims, passport.visas) == (CLAIMS, tuple(visas))


@pytest.mark.parametrize("told", [None, {}, "a", [1], ["a" * 16_385], ["a"] * 1001])
def test_what_is_no_list_of_visas_is_malformed(told: object) -> None:
    with pytest.raises(Malformed):
        read_visa_list(told)


def test_a_visa_is_no_passport() -> None:
    with pytest.raises(Malformed):
        read_passport(json.dumps({**write_passport(CLAIMS, []), "ga4gh_visa_v1": {}}).encode())


@given(
    st.dictionaries(
        st.sampled_from(["iss", "sub", "iat", "exp", "nbf", "jti", "aud", "scope"]),
        st.none() | st.text() | st.integers() | st.floats() | st.lists(st.text()) | st.booleans(),
    )
)
def test_no_claims_break_the_readers(claims: dict[str, object]) -> None:
    for read in (read_claims, read_access_token):
        try:
            read(claims)
        except Malformed:
            continue


identities = st.builds(Identity, st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))


@given(st.lists(identities, min_size=1, max_size=5))
def test_links_are_read_as_written_whatever_marks_a_name_has(people: list[Identity]) -> None:
    try:
        value = write_links(people)
    except UnicodeEncodeError:  # half a surrogate pair is no text that a claim may hold
        return
    assert read_links(value) == tuple(people)


@pytest.mark.parametrize("value", ["", "a", "a,b,c", "a,", ",b", "a,b;", ";".join(["a,b"] * 101), "%ff,b"])
def test_what_is_no_list_of_identities_is_malformed(value: str) -> None:
    with pytest.raises(Malformed):
        read_links(value)


@given(st.text(max_size=60))
def test_no_text_breaks_the_reader_of_links(value: str) -> None:
    with contextlib.suppress(Malformed):
        read_links(value)


def test_links_may_be_chained_and_go_in_circles() -> None:
    a, b, c, d, e = (Identity(name, "i") for name in "abcde")
    assert linked(a, [(a, b), (c, b), (c, a), (d, e)]) == {a, b, c}
    assert linked(a, []) == {a}


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=3), max_size=8))
def test_being_linked_goes_both_ways(groups: list[list[str]]) -> None:
    links = [[Identity(name, "i") for name in group] for group in groups]
    everybody = [Identity(name, "i") for name in "abcdefgh"]
    for one in everybody:
        for other in everybody:
            assert (other in linked(one, links)) == (one in linked(other, links))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://a.example.org/x", True), ("http://a", True), ("a", False), ("urn:a:b", False), ("https://", False),
        ("https://a b", False), ("https://" + "a" * 250, False), ("javascript:alert(1)", False), ("https://[", False),
    ],
)  # fmt: skip
def test_what_a_url_claim_may_hold(text: str, expected: bool) -> None:
    assert is_url(text) is expected
