"""Tokens of keys that say when they end: signed by the key, read by nobody else's, and ended."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey

from opengdi.identity.gate.rules import Kind, kind_of
from opengdi.identity.machines.dated import dated_token, id_in_dated
from opengdi.kernel.errors import NotAuthenticated
from opengdi.kernel.keys import Secret
from opengdi.testing.identity import MASTER, key_id, key_secret

NOW = datetime(2026, 11, 1, tzinfo=UTC)
WEEK = NOW + timedelta(days=7)
ID = key_id("uploads")
TOKEN = dated_token(MASTER, ID, NOW, WEEK)
UNSIGNED = base64.urlsafe_b64encode(
    json.dumps({"alg": "none", "kid": ID, "typ": "gdi-key+jwt"}).encode()
).decode()


def signed(claims: dict[str, object], **header: str) -> str:
    """As somebody makes it who has the key."""
    head = {"alg": "HS256", "kid": ID, "typ": "gdi-key+jwt"} | header
    return jwt.encode(head, claims, OctKey.import_key(key_secret("uploads")), algorithms=["HS256"])


def test_it_is_a_jwt_of_the_key_that_says_when_it_ends():
    read = jwt.decode(TOKEN, OctKey.import_key(key_secret("uploads")), algorithms=["HS256"])
    assert read.claims == {"sub": ID, "iat": int(NOW.timestamp()), "exp": int(WEEK.timestamp())}
    assert kind_of(TOKEN) is Kind.PROGRAM
    assert key_secret("uploads") not in TOKEN
    assert id_in_dated(signed({"exp": int(WEEK.timestamp())}), MASTER, NOW) == ID


def test_it_is_the_key_until_its_end():
    assert id_in_dated(TOKEN, MASTER, WEEK - timedelta(seconds=1)) == ID
    with pytest.raises(NotAuthenticated, match="has ended"):
        id_in_dated(TOKEN, MASTER, WEEK)


@pytest.mark.parametrize("claims", [{}, {"exp": "never"}, {"exp": None}, {"exp": 1e99}, {"exp": -1}])
def test_without_an_end_it_is_none(claims):
    with pytest.raises(NotAuthenticated):
        id_in_dated(signed(claims), MASTER, NOW)


@pytest.mark.parametrize(
    "token",
    [
        dated_token(Secret(b"another master"), ID, NOW, WEEK),
        signed({"exp": int(WEEK.timestamp())}, kid=key_id("another")),
        signed({"exp": int(WEEK.timestamp())}, cty="x"),
        f"{UNSIGNED}.{TOKEN.split('.')[1]}.",
        TOKEN[:-1],
        f"{TOKEN}A",
        f"{TOKEN}.",
        f"{TOKEN}\u00e9",
        f"{TOKEN}\udcff",
        TOKEN.replace(".", "..", 1),
        "..",
        "." * 2000,
        f"{base64.urlsafe_b64encode(b'[' * 700).decode()}.x.y",
    ],
)
def test_what_was_not_signed_by_that_key_in_this_form_is_none(token):
    with pytest.raises(NotAuthenticated):
        id_in_dated(token, MASTER, NOW)


@given(st.text(max_size=80), st.integers(0, len(TOKEN) - 1))
def test_no_change_of_it_is_another_one(text, place):
    changed = TOKEN[:place] + text + TOKEN[place + 1 :]
    if changed != TOKEN:
        with pytest.raises(NotAuthenticated):
            id_in_dated(changed, MASTER, NOW)
