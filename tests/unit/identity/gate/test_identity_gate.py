"""The gate: whoever shows something is known by it, or it is remembered why not; who shows nothing costs nothing."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.identity.gate import Believed, Credentials, IdentityGate
from opengdi.identity.gate.credentials import DUTIES_BELIEVED_S
from opengdi.identity.gate.rules import Kind, kind_of, vouched
from opengdi.identity.model import CheckedVisa, Proof, Standing
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.errors import GdiError, NotAuthenticated, NotPermitted
from opengdi.kernel.http.callers import CALLER, REFUSED, Callers
from opengdi.kernel.keys import Secret
from opengdi.kernel.principal import Duty, Role, Tier, Visa
from opengdi.standards.passport import BONA_FIDE
from opengdi.testing.identity import HOME, KnownTokens, Signatory, checked_visa, proof

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ADA = proof("ada", "A")


class Asked:
    """The app behind the gate: remembers what came."""

    def __init__(self) -> None:
        self.scope: dict[str, Any] = {}

    async def __call__(self, scope: Any, _receive: Any, _send: Any) -> None:
        self.scope = dict(scope)


class Session:
    """`Sessions` of one browser, whose unsafe requests lack the CSRF token."""

    async def session(self, scope: Mapping[str, Any]) -> Proof | None:
        if scope["method"] != "GET":
            raise NotPermitted("no CSRF token")
        return ADA if (b"cookie", b"gdi-dev=1") in scope["headers"] else None


class Roles:
    """`Duties` that change."""

    def __init__(self) -> None:
        self.given = {"ada": frozenset({Duty(Role.AUDITOR)})}
        self.asked = 0

    def of(self, subject: str) -> frozenset[Duty]:
        self.asked += 1
        return self.given.get(subject, frozenset())


class TakenBack:
    """`Revoked` for one visa."""

    def __init__(self, jti: str) -> None:
        self.jti = jti

    def revoked(self, visa: CheckedVisa) -> bool:
        return visa.jti == self.jti


async def through(
    believed: Believed, *headers: tuple[bytes, bytes], method: str = "GET", path: str = "/x"
) -> dict[str, Any]:
    """What the app behind the gate is told."""
    asked, refused = Asked(), list[GdiError]()
    credentials = Credentials(believed, FixedClock())
    gate = IdentityGate(asked, credentials, lambda _scope, error: refused.append(error), {"/own"})
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"access_token=good",
        "headers": headers,
    }
    await gate(scope, None, None)  # type: ignore[arg-type]  # neither is looked at
    asked.scope["told"] = refused
    return asked.scope


def bearer(token: str) -> tuple[bytes, bytes]:
    return (b"authorization", f"Bearer {token}".encode())


TOKENS = Believed(access_tokens=KnownTokens({"good": ADA}), sessions=Session(), home=frozenset({HOME}))


async def test_who_shows_nothing_is_nobody_and_a_token_in_an_address_is_nothing() -> None:
    scope = await through(TOKENS, (b"accept", b"*/*"))
    assert CALLER not in scope
    assert REFUSED not in scope


async def test_who_shows_a_token_is_known_with_what_was_proved() -> None:
    caller = (await through(TOKENS, bearer("good")))[CALLER]
    assert (caller.subject, caller.tier, caller.logged_in) == ("ada", Tier.REGISTERED, True)
    assert [visa.dataset for visa in caller.visas] == ["A"]


@pytest.mark.parametrize("token", ["bad", "gdi_x", "a.b.c", "é", "x" * (1 << 20 + 1)])
async def test_what_does_not_hold_is_remembered_and_told(token: str) -> None:
    scope = await through(TOKENS, bearer(token))
    assert CALLER not in scope
    assert isinstance(scope[REFUSED], NotAuthenticated)
    assert scope["told"] == [scope[REFUSED]]


@pytest.mark.parametrize("path", ["/own", "/own/", "/own/a/b"])
@pytest.mark.parametrize("shown", [bearer("bad"), bearer("good"), (b"cookie", b"gdi-dev=1")])
async def test_apis_with_credentials_of_their_own_are_passed_over(
    path: str, shown: tuple[bytes, bytes]
) -> None:
    scope = await through(TOKENS, shown, path=path, method="POST")
    assert scope["told"] == []
    with pytest.raises(NotAuthenticated):  # nobody is known there, and not taken for one who showed nothing
        Callers(Secret(b"0" * 32)).identify(scope)
    assert CALLER not in scope


@pytest.mark.parametrize("path", ["/owner", "/x/own", "/", "/OWN", "//own"])
async def test_nothing_else_is_passed_over(path: str) -> None:
    assert (await through(TOKENS, bearer("bad"), path=path))["told"] != []


@pytest.mark.parametrize("header", [b"Basic Zm9v", b"Bearer", b"Bearer ", b"AWS4-HMAC-SHA256 Credential=x"])
async def test_other_schemes_are_for_whoever_takes_them(header: bytes) -> None:
    scope = await through(TOKENS, (b"authorization", header))
    assert CALLER not in scope
    assert isinstance(scope[REFUSED], NotAuthenticated)
    assert scope["told"] == []


async def test_clients_of_s3_may_show_the_token_in_their_own_header() -> None:
    assert (await through(TOKENS, (b"x-amz-security-token", b"good")))[CALLER].subject == "ada"


async def test_a_cookie_counts_only_where_no_token_was_shown_and_never_without_its_csrf_token() -> None:
    cookie = (b"cookie", b"gdi-dev=1")
    assert (await through(TOKENS, cookie))[CALLER].subject == "ada"
    assert CALLER not in await through(TOKENS, (b"cookie", b"other=1"))
    refused = await through(TOKENS, cookie, method="POST")
    assert isinstance(refused[REFUSED], NotPermitted)
    assert isinstance((await through(TOKENS, cookie, bearer("bad")))[REFUSED], NotAuthenticated)


async def test_two_brokers_may_call_two_people_the_same() -> None:
    stranger = Proof("ada", "https://other.example.org", ADA.until, bona_fide=True, visas=())
    believed = Believed(
        access_tokens=KnownTokens({"theirs": stranger}), duties=Roles(), home=frozenset({HOME})
    )
    caller = (await through(believed, bearer("theirs")))[CALLER]
    assert caller.subject == "https://other.example.org#ada"
    assert caller.duties == frozenset()


async def test_roles_come_from_the_table_alone_and_are_looked_up_again_a_second_later() -> None:
    roles, clock = Roles(), FixedClock()
    credentials = Credentials(Believed(duties=roles, home=frozenset({HOME})), clock)
    assert (await credentials.of_proof(ADA)).duties == {Duty(Role.AUDITOR)}
    roles.given.clear()
    assert (await credentials.of_proof(ADA)).duties == {Duty(Role.AUDITOR)}
    clock.advance(DUTIES_BELIEVED_S)
    assert (await credentials.of_proof(ADA)).duties == frozenset()
    assert roles.asked == 2


async def test_a_visa_that_was_taken_back_opens_nothing_at_once() -> None:
    visas = (checked_visa(Visa("A"), jti="1"), checked_visa(Visa("B"), jti="2"))
    held = Proof("ada", HOME, ADA.until, bona_fide=False, visas=visas)
    credentials = Credentials(Believed(revoked=TakenBack("1"), home=frozenset({HOME})), FixedClock())
    assert [visa.dataset for visa in (await credentials.of_proof(held)).visas] == ["B"]


def test_the_kind_of_a_credential_is_by_its_form() -> None:
    assert kind_of(Signatory().passport("ada", "GDI-EE-A-1")) is Kind.PASSPORT
    head = base64.urlsafe_b64encode(json.dumps({"typ": "at+jwt"}).encode()).decode()
    assert kind_of(f"{head}.x.y") is Kind.ACCESS_TOKEN
    assert kind_of("gdi_anything") is Kind.PROGRAM


@given(
    st.text(max_size=200)
    | st.binary(max_size=200).map(lambda raw: base64.urlsafe_b64encode(raw).decode() + ".x.y")
)
def test_any_text_has_a_kind(text: str) -> None:
    assert kind_of(text) in Kind


STANDING = Standing(
    "ada", "GDIO-1", "", NOW, ((BONA_FIDE, NOW),), NOW + timedelta(days=1), in_good_standing=True
)


@pytest.mark.parametrize(
    ("standing", "holds"),
    [
        (STANDING, True),
        (Standing("ada", "o", "", None, ((BONA_FIDE, NOW),), None, in_good_standing=True), False),
        (Standing("ada", "o", "", NOW, (), None, in_good_standing=True), False),
        (Standing("ada", "o", "", NOW, ((BONA_FIDE, NOW),), NOW, in_good_standing=True), False),
        (Standing("ada", "o", "", NOW, ((BONA_FIDE, NOW),), None, in_good_standing=False), False),
    ],
)
def test_a_hub_vouches_for_those_who_are_in_good_standing(standing: Standing, holds: bool) -> None:
    known = vouched(proof("ada", bona_fide=False), standing, NOW)
    assert known.bona_fide is holds
    assert not holds or known.until == STANDING.until
