"""Pure decisions about logins, and parsers that take whatever comes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as some

from opengdi.identity.login import id_tokens
from opengdi.identity.login.cookies import Cookies, read_cookie
from opengdi.identity.login.model import Attempt, LoginRefused, Upstream
from opengdi.identity.login.rules import (
    check_id_token,
    identity_of,
    is_reachable_safely,
    local_path,
    read_metadata,
)
from opengdi.identity.login.sealing import Seal
from opengdi.kernel.errors import Invalid
from opengdi.kernel.keys import Secret
from opengdi.standards.faults import Malformed, Unverified

JSON = some.recursive(
    some.none() | some.booleans() | some.floats() | some.integers() | some.text(),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(), inner, max_size=3),
    max_leaves=8,
)
ATTEMPT = Attempt("s", "n", "v", "https://idp.example.org", "https://hub.example.org/cb", "/", 0.0)
UPSTREAM = Upstream("https://idp.example.org", "client")
CLAIMS = ("iss", "aud", "azp", "exp", "iat", "nbf", "nonce", "sub", "at_hash", "name", "email")
ADDRESSES = (
    "authorization_endpoint",
    "token_endpoint",
    "jwks_uri",
    "userinfo_endpoint",
    "end_session_endpoint",
    "scopes_supported",
    "token_endpoint_auth_methods_supported",
    "code_challenge_methods_supported",
)


@given(some.text(alphabet="/\\.:@?#%abc\t\n\r \x00é", max_size=12))
def test_wherever_a_login_leads_is_of_this_service(text):
    try:
        path = local_path(text)
    except Invalid:
        return
    reached = urlsplit(urljoin("https://hub.example.org/login/callback", path))
    assert (reached.scheme, reached.netloc) == ("https", "hub.example.org")


@given(some.dictionaries(some.sampled_from(CLAIMS), JSON))
def test_whatever_an_id_token_claims_is_taken_whole_or_refused(claims):
    try:
        subject = check_id_token(claims, UPSTREAM, ATTEMPT, "at", datetime(2026, 11, 29, tzinfo=UTC))
    except LoginRefused:
        return
    assert claims["iss"] == UPSTREAM.issuer
    assert subject == claims["sub"]


@given(some.dictionaries(some.sampled_from(CLAIMS), JSON), some.dictionaries(some.sampled_from(CLAIMS), JSON))
def test_names_are_printable_and_short_whatever_the_provider_says(claims, userinfo):
    try:
        identity = identity_of("s", claims, userinfo, Upstream("i", "c", trusts_email=True))
    except LoginRefused:
        return
    assert identity.name.isprintable()
    assert len(identity.name) <= 200 >= len(identity.email)
    assert not identity.email or "@" in identity.email


ANNA = {"email": "anna@example.org", "email_verified": True}
MALLORY = {"email": "mallory@example.org"}


@pytest.mark.parametrize(
    ("claims", "userinfo", "email"),
    [
        (ANNA, {}, "anna@example.org"),
        ({}, ANNA, "anna@example.org"),
        (ANNA, MALLORY, "anna@example.org"),
        (MALLORY, ANNA, ""),
        ({"email_verified": True}, MALLORY, ""),
        (MALLORY, {"email_verified": True}, ""),
        (MALLORY | {"email_verified": "true"}, {}, ""),
        (MALLORY | {"email_verified": False}, {**MALLORY, "email_verified": True}, ""),
    ],
)
def test_an_address_is_verified_only_by_the_document_that_tells_it(claims, userinfo, email):
    about = {"sub": "s", **userinfo} if userinfo else {}
    assert identity_of("s", claims, about, Upstream("i", "c")).email == email


@pytest.mark.parametrize("userinfo", [{"sub": "t"}, {"name": "Anna"}, {"sub": ["s"]}, {"sub": "S"}])
def test_userinfo_of_somebody_else_refuses_the_login(userinfo):
    with pytest.raises(LoginRefused) as refused:
        identity_of("s", {"sub": "s"}, userinfo, Upstream("i", "c"))
    assert refused.value.reason == "userinfo"


@given(some.dictionaries(some.sampled_from((*CLAIMS, "acr", "amr", "auth_time")), JSON))
def test_userinfo_changes_nothing_but_what_somebody_is_called_and_an_untold_address(userinfo):
    told = {**userinfo, "sub": "s"}
    bare = identity_of("s", ANNA, {}, Upstream("i", "c"))
    assert replace(identity_of("s", ANNA, told, Upstream("i", "c")), name="") == replace(bare, name="")


@given(some.dictionaries(some.sampled_from(ADDRESSES), JSON))
def test_whatever_a_provider_says_of_itself_is_used_over_https_or_refused(document):
    try:
        found = read_metadata({**document, "issuer": "https://idp.example.org"}, "https://idp.example.org")
    except Malformed:
        return
    assert is_reachable_safely(found.token_endpoint)


@given(JSON)
def test_whatever_is_given_as_keys_is_read_or_refused(document):
    try:
        id_tokens.read_keys(document)
    except Malformed:
        return


@given(some.lists(some.dictionaries(some.sampled_from(("kty", "crv", "x", "y", "n", "e", "use")), JSON)))
def test_keys_that_cannot_be_used_are_passed_over(keys):
    assert id_tokens.read_keys({"keys": keys}) == ()


@given(some.text() | some.binary().map(lambda raw: f"{raw.hex()}.{raw.hex()}.{raw.hex()}"))
def test_whatever_is_given_as_an_id_token_is_refused(token):
    with pytest.raises(LoginRefused):
        id_tokens.check_header(id_tokens.header_of(token), frozenset({"ES256"}))


@given(some.binary(max_size=64), some.text(max_size=20))
def test_what_is_sealed_opens_for_its_purpose_alone(content, purpose):
    seal = Seal(Secret(b"k" * 32))
    closed = seal.close(purpose, content)
    assert seal.open(purpose, closed) == content
    with pytest.raises(Unverified):
        seal.open(f"{purpose}.", closed)
    with pytest.raises(Unverified):
        Seal(Secret(b"l" * 32)).open(purpose, closed)


@given(some.text(max_size=60))
def test_what_was_not_sealed_does_not_open(text):
    with pytest.raises(Unverified):
        Seal(Secret(b"k" * 32)).open("p", text)


@given(some.binary(max_size=80))
def test_whatever_comes_as_a_cookie_is_read(raw):
    assert isinstance(read_cookie({"headers": [(b"cookie", raw)]}, "__Host-gdi"), str)


@pytest.mark.parametrize(
    "header, read",
    [
        (b"__Host-gdi=abc", "abc"),
        (b"a=b; __Host-gdi=abc ;c=d", "abc"),
        (b'__Host-gdi="abc"', "abc"),
        (b"__Host-gdi=abc; __Host-gdi=def", ""),
        (b"x__Host-gdi=abc", ""),
        (b"__Host-gdi", ""),
        (b"__host-gdi=abc", ""),
    ],
)
def test_a_cookie_is_read_once_and_by_its_exact_name(header, read):
    assert read_cookie({"headers": [(b"cookie", header)]}, "__Host-gdi") == read


@pytest.mark.parametrize(
    "cookies, session",
    [
        (Cookies(secure=True), "__Host-gdi"),
        (Cookies(secure=True, apart="-org-example-node"), "__Host-gdi"),
        (Cookies(secure=False), "gdi-dev"),
        (Cookies(secure=False, apart="-org-example-node"), "gdi-dev-org-example-node"),
    ],
)
def test_cookies_have_the_prefix_of_their_host_wherever_browsers_allow_it(cookies, session):
    assert cookies.session == session
    assert cookies.attempt_of("aB-c_d").startswith(f"{session}-login-aBcd")


@pytest.mark.parametrize(
    "address, safe",
    [
        ("https://idp.example.org", True),
        ("http://127.0.0.1:8080/x", True),
        ("http://localhost/x", True),
        ("http://[::1]:1/x", True),
        ("http://idp.example.org", False),
        ("http://127.0.0.1.example.org", False),
        ("http://localhost@evil.example.org", False),
        ("ftp://127.0.0.1", False),
        ("https://", False),
    ],
)
def test_tokens_go_over_https_or_stay_on_this_machine(address, safe):
    assert is_reachable_safely(address) is safe


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
def test_an_rsa_key_that_is_too_short_and_one_for_encryption_are_passed_over():
    from joserfc.jwk import ECKey, RSAKey

    short: dict[str, Any] = RSAKey.generate_key(1024).as_dict(private=False)
    encrypting = {**ECKey.generate_key("P-256").as_dict(private=False), "use": "enc"}
    other_curve = ECKey.generate_key("P-384").as_dict(private=False)
    assert id_tokens.read_keys({"keys": [short, encrypting, other_curve]}) == ()
