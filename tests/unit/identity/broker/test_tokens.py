"""Codes and refresh tokens are good once, for who asked for them; tokens say no more than was granted."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from tests.broker_kit import (
    BACK,
    HUB,
    ISSUER,
    NORTH,
    SECRET,
    SOUTH,
    SUBJECT,
    VERIFIER,
    Desk,
    answered,
    claims_of,
    header_of,
)

from opengdi.identity.broker.model import Granted
from opengdi.identity.broker.store import broker_secrets
from opengdi.kernel.database import reading


async def test_a_login_gives_access_identity_and_refresh_token(desk: Desk):
    answer = await desk.redeem(await desk.code())
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache, no-store"
    assert answer.headers["pragma"] == "no-cache"
    told = answer.json()
    assert (told["token_type"], told["expires_in"]) == ("Bearer", 600)
    assert set(told) == {"access_token", "token_type", "expires_in", "scope", "id_token", "refresh_token"}


async def test_an_access_token_is_as_rfc_9068_says_and_holds_no_passport(desk: Desk):
    token = (await desk.logged_in())["access_token"]
    header, claims = header_of(token), claims_of(token)
    assert header == {"alg": "ES256", "typ": "at+jwt", "kid": desk.keys.key.key_id}
    assert set(claims) == {"iss", "sub", "aud", "iat", "exp", "jti", "client_id", "scope", "grant"}
    assert claims["iss"] == ISSUER
    assert claims["sub"] == SUBJECT
    assert claims["aud"] == [HUB, ISSUER]
    assert claims["scope"] == "openid ga4gh_passport_v1"
    assert claims["exp"] - claims["iat"] == 600


async def test_an_id_token_is_for_the_client_and_carries_its_nonce(desk: Desk):
    claims = claims_of((await desk.logged_in())["id_token"])
    assert (claims["aud"], claims["nonce"], claims["sub"]) == ("portal", "n-1", SUBJECT)
    assert "name" not in claims


async def test_the_name_is_told_with_scope_profile_only(desk: Desk):
    claims = claims_of((await desk.logged_in(scope="openid profile"))["id_token"])
    assert claims["name"] == "Researcher One"


class TestAnAddress:
    async def test_is_told_with_scope_email_only(self, desk: Desk):
        told = await desk.logged_in(scope="openid email")
        info = (await desk.userinfo(told["access_token"])).json()
        for claims in (claims_of(told["id_token"]), info):
            assert (claims["email"], claims["email_verified"]) == ("r1@example.org", True)
        less = await desk.logged_in(scope="openid profile")
        assert not {"email", "email_verified"} & set(claims_of(less["id_token"]))
        assert set((await desk.userinfo(less["access_token"])).json()) == {"sub", "name"}

    async def test_that_nobody_verified_is_not_told(self, desk: Desk):
        desk.addresses.clear()
        told = await desk.logged_in(scope="openid email")
        assert not {"email", "email_verified"} & set(claims_of(told["id_token"]))
        assert set((await desk.userinfo(told["access_token"])).json()) == {"sub"}

    async def test_that_was_erased_is_told_no_more_by_tokens_of_before(self, desk: Desk):
        told = await desk.logged_in(scope="openid email")
        desk.addresses.clear()
        assert set((await desk.userinfo(told["access_token"])).json()) == {"sub"}
        again = (await desk.refresh(told["refresh_token"])).json()
        assert "email" not in claims_of(again["id_token"])

    async def test_is_left_out_of_a_refresh_that_asks_for_less(self, desk: Desk):
        told = await desk.logged_in(scope="openid email")
        less = (await desk.refresh(told["refresh_token"], scope="openid")).json()
        assert "email" not in claims_of(less["id_token"])

    async def test_is_refused_to_a_client_that_may_not_have_it(self, desk: Desk):
        answer = await desk.authorize(client_id="plain", scope="openid email")
        assert answered(answer)["error"] == "invalid_scope"

    async def test_is_named_to_the_person_who_is_asked_and_in_the_discovery_document(self, desk: Desk):
        assert "your e-mail address" in (await desk.authorize(scope="openid email")).text
        metadata = (await desk.ask("GET", "/oidc/.well-known/openid-configuration")).json()
        assert "email" in metadata["scopes_supported"]
        assert {"email", "email_verified"} <= set(metadata["claims_supported"])


class TestACode:
    async def test_is_good_once_and_its_second_use_ends_what_the_first_gave(self, desk: Desk):
        code = await desk.code()
        first = (await desk.redeem(code)).json()
        assert (await desk.redeem(code)).json()["error"] == "invalid_grant"
        assert (await desk.userinfo(first["access_token"])).status_code == 401
        assert (await desk.refresh(first["refresh_token"])).json()["error"] == "invalid_grant"
        assert len(desk.ended) == 1

    async def test_of_another_client_is_unknown_and_stays_good(self, desk: Desk):
        """Code injection: a code that was stolen is worth nothing to another client."""
        code = await desk.code()
        stolen = await desk.redeem(code, "other", "other-secret-other-secret")
        assert stolen.json()["error"] == "invalid_grant"
        assert (await desk.redeem(code)).status_code == 200

    @pytest.mark.parametrize(
        "change",
        [
            {"code_verifier": "w" * 64},
            {"code_verifier": None},
            {"code_verifier": "short"},
            {"redirect_uri": "https://portal.example.org/other"},
            {"redirect_uri": None},
        ],
    )
    async def test_that_was_injected_is_refused_and_ends(self, desk: Desk, change: dict[str, object]):
        code = await desk.code()
        assert (await desk.redeem(code, **change)).json()["error"] == "invalid_grant"
        assert (await desk.redeem(code)).json()["error"] == "invalid_grant"

    async def test_ends_after_a_minute(self, desk: Desk):
        code = await desk.code()
        desk.clock.advance(60)
        assert (await desk.redeem(code)).json()["error"] == "invalid_grant"

    async def test_is_kept_hashed_only(self, desk: Desk):
        code = await desk.code()
        tokens = (await desk.redeem(code)).json()
        with reading(desk.engine) as connection:
            kept = str(connection.execute(select(broker_secrets)).all())
        assert code not in kept
        assert tokens["refresh_token"] not in kept
        assert VERIFIER not in kept

    async def test_of_the_public_client_needs_no_secret_but_the_verifier(self, desk: Desk):
        loopback = "http://127.0.0.1:5123/callback"
        code = await desk.code(client_id="gdi-cli", redirect_uri=loopback)
        wrong = await desk.redeem(code, "gdi-cli", "", redirect_uri=loopback, code_verifier="w" * 43)
        assert wrong.status_code == 400
        code = await desk.code(client_id="gdi-cli", redirect_uri=loopback)
        assert (await desk.redeem(code, "gdi-cli", "", redirect_uri=loopback)).status_code == 200


class TestARefreshToken:
    async def test_is_good_once_and_is_followed_by_another(self, desk: Desk):
        first = await desk.logged_in()
        second = (await desk.refresh(first["refresh_token"])).json()
        assert second["refresh_token"] != first["refresh_token"]
        assert (await desk.refresh(second["refresh_token"])).status_code == 200

    async def test_that_comes_again_ends_its_whole_line(self, desk: Desk):
        first = await desk.logged_in()
        second = (await desk.refresh(first["refresh_token"])).json()
        assert (await desk.refresh(first["refresh_token"])).json()["error"] == "invalid_grant"
        assert (await desk.refresh(second["refresh_token"])).json()["error"] == "invalid_grant"
        assert (await desk.userinfo(second["access_token"])).status_code == 401

    async def test_gives_fewer_scopes_when_asked_and_never_more(self, desk: Desk):
        first = await desk.logged_in()
        fewer = (await desk.refresh(first["refresh_token"], scope="openid")).json()
        assert fewer["scope"] == "openid"
        more = await desk.refresh(fewer["refresh_token"], scope="openid profile")
        assert more.json()["error"] == "invalid_scope"
        all_again = await desk.refresh(fewer["refresh_token"])
        assert all_again.json()["scope"] == "openid ga4gh_passport_v1"

    async def test_gives_tokens_for_one_of_the_resources_and_for_no_other(self, desk: Desk):
        first = await desk.logged_in(resource=NORTH)
        assert claims_of(first["access_token"])["aud"] == [NORTH, ISSUER]
        wider = await desk.refresh(first["refresh_token"], resource=SOUTH)
        assert wider.json()["error"] == "invalid_target"
        assert (
            claims_of((await desk.refresh(first["refresh_token"])).json()["access_token"])["aud"][0] == NORTH
        )

    async def test_of_a_login_for_no_resource_gives_tokens_for_any_of_the_clients(self, desk: Desk):
        first = await desk.logged_in()
        second = (await desk.refresh(first["refresh_token"], resource=SOUTH)).json()
        assert claims_of(second["access_token"])["aud"] == [SOUTH, ISSUER]
        elsewhere = await desk.refresh(second["refresh_token"], resource="https://x.example")
        assert elsewhere.json()["error"] == "invalid_target"

    async def test_of_another_client_is_unknown(self, desk: Desk):
        token = (await desk.logged_in())["refresh_token"]
        fields = {"grant_type": "refresh_token", "refresh_token": token}
        answer = await desk.token("other", "other-secret-other-secret", **fields)
        assert answer.json()["error"] == "invalid_grant"

    async def test_ends_with_the_session_unless_offline_access_was_granted(self, desk: Desk):
        short = await desk.logged_in()
        long = await desk.logged_in(scope="openid offline_access")
        desk.clock.advance(9 * 3600)
        assert (await desk.refresh(short["refresh_token"])).json()["error"] == "invalid_grant"
        assert (await desk.refresh(long["refresh_token"])).status_code == 200

    async def test_is_no_code_and_a_code_no_refresh_token(self, desk: Desk):
        code = await desk.code()
        assert (await desk.refresh(code)).json()["error"] == "invalid_grant"
        token = (await desk.redeem(code)).json()["refresh_token"]
        assert (await desk.redeem(token)).json()["error"] == "invalid_grant"


class TestAClient:
    @pytest.mark.parametrize(
        ("name", "secret"), [("portal", "wrong-secret"), ("nobody", SECRET), ("gdi-cli", SECRET)]
    )
    async def test_that_does_not_prove_itself_is_told_so(self, desk: Desk, name: str, secret: str):
        answer = await desk.token(name, secret, grant_type="client_credentials")
        assert answer.status_code == 401
        assert answer.json()["error"] == "invalid_client"
        assert answer.headers["www-authenticate"].startswith("Basic")

    async def test_with_a_secret_may_not_leave_it_out(self, desk: Desk):
        answer = await desk.redeem(await desk.code(), "portal", "")
        assert answer.json()["error"] == "invalid_client"

    async def test_may_send_its_secret_in_the_body_but_not_twice(self, desk: Desk):
        fields = {"grant_type": "client_credentials", "client_id": "robot", "client_secret": SECRET}
        assert (await desk.ask("POST", "/oidc/token", data=fields)).status_code == 200
        twice = await desk.ask("POST", "/oidc/token", data=fields, auth=("robot", SECRET))
        assert twice.json()["error"] == "invalid_request"
        other = await desk.ask(
            "POST", "/oidc/token", data={"grant_type": "x", "client_id": "portal"}, auth=("robot", SECRET)
        )
        assert other.json()["error"] == "invalid_request"

    async def test_that_is_a_program_gets_a_token_for_itself_without_a_person(self, desk: Desk):
        told = (await desk.token("robot", grant_type="client_credentials", resource=NORTH)).json()
        assert set(told) == {"access_token", "token_type", "expires_in", "scope"}
        claims = claims_of(told["access_token"])
        assert (claims["sub"], claims["aud"][0], claims["scope"]) == ("robot", NORTH, "catalogue")
        assert (await desk.userinfo(told["access_token"])).status_code == 403

    async def test_that_is_a_program_gets_no_passport_scope(self, desk: Desk):
        for scope in ("openid", "openid ga4gh_passport_v1"):
            told = await desk.token("robot", grant_type="client_credentials", scope=scope)
            assert told.json()["error"] == "invalid_scope"

    async def test_that_is_public_gets_no_token_for_itself(self, desk: Desk):
        answer = await desk.token("public-robot", "", grant_type="client_credentials")
        assert answer.json()["error"] == "unauthorized_client"

    async def test_may_use_its_own_grant_types_only(self, desk: Desk):
        assert (await desk.token(grant_type="client_credentials")).json()["error"] == "unauthorized_client"
        assert (await desk.token(grant_type="password")).json()["error"] == "unsupported_grant_type"
        assert (await desk.token()).json()["error"] == "invalid_request"


async def test_a_parameter_that_comes_twice_is_refused(desk: Desk):
    headers = {"content-type": "application/x-www-form-urlencoded"}
    body = "grant_type=authorization_code&grant_type=refresh_token"
    answer = await desk.ask("POST", "/oidc/token", content=body, headers=headers, auth=("portal", SECRET))
    assert answer.json()["error"] == "invalid_request"


async def test_a_body_that_is_no_form_is_refused(desk: Desk):
    answer = await desk.ask("POST", "/oidc/token", json={"grant_type": "client_credentials"})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


class TestRevoking:
    @pytest.mark.parametrize("which", ["refresh_token", "access_token"])
    async def test_a_token_ends_all_that_the_grant_gave(self, desk: Desk, which: str):
        told = await desk.logged_in()
        answer = await desk.ask("POST", "/oidc/revoke", data={"token": told[which]}, auth=("portal", SECRET))
        assert answer.status_code == 200
        assert (await desk.userinfo(told["access_token"])).status_code == 401
        assert (await desk.refresh(told["refresh_token"])).status_code == 400

    @pytest.mark.parametrize("which", ["refresh_token", "access_token"])
    async def test_a_token_of_another_client_changes_nothing(self, desk: Desk, which: str):
        told = await desk.logged_in()
        auth = ("other", "other-secret-other-secret")
        assert (
            await desk.ask("POST", "/oidc/revoke", data={"token": told[which]}, auth=auth)
        ).status_code == 200
        assert (await desk.userinfo(told["access_token"])).status_code == 200

    async def test_something_else_is_answered_alike(self, desk: Desk):
        for token in ("nothing", "a.b.c", BACK):
            answer = await desk.ask("POST", "/oidc/revoke", data={"token": token}, auth=("portal", SECRET))
            assert answer.status_code == 200

    async def test_needs_the_client_to_prove_itself(self, desk: Desk):
        answer = await desk.ask("POST", "/oidc/revoke", data={"token": "x", "client_id": "portal"})
        assert answer.status_code == 401


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
def test_an_id_token_tells_the_broker_whose_it_was_whichever_key_signed_it(desk: Desk, algorithm):
    tokens, now = desk.broker.tokens, desk.clock.now()
    granted = Granted("g", "portal", SUBJECT, "", ("openid",), (), now)
    assert tokens.read_identity(tokens.identity(granted, "access", algorithm=algorithm)) == (
        SUBJECT,
        "portal",
    )
