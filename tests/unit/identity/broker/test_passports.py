"""Visas go out as they were signed, for the audience that was asked for; who did not answer is told."""

from __future__ import annotations

import pytest
from tests.broker_kit import HUB, ISSUER, NORTH, RSA_KEY, SECRET, SOUTH, SUBJECT, Desk, claims_of, header_of

from opengdi.kernel.keys import SigningKey, verify

NODE = ("north", "north-secret-north-secret")


async def test_an_exchange_gives_a_passport(desk: Desk):
    token = (await desk.logged_in())["access_token"]
    answer = await desk.exchange(token)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-cache, no-store"
    told = answer.json()
    assert told["issued_token_type"] == "urn:ga4gh:params:oauth:token-type:passport"
    assert told["token_type"] == "Bearer"
    assert header_of(told["access_token"])["typ"] == "vnd.ga4gh.passport+jwt"
    verify(told["access_token"], desk.keys.published(), purpose="vnd.ga4gh.passport+jwt")
    claims = claims_of(told["access_token"])
    assert (claims["iss"], claims["sub"]) == (ISSUER, SUBJECT)
    assert "aud" not in claims
    assert len(claims["ga4gh_passport_v1"]) == 2


async def test_visas_are_passed_on_byte_for_byte(desk: Desk):
    desk.north.datasets, desk.south.datasets = [], []
    visa = desk.north.visa(SUBJECT, "GDID-north-7")
    desk.north.extra = [visa]
    told = await desk.exchange((await desk.logged_in())["access_token"])
    assert claims_of(told.json()["access_token"])["ga4gh_passport_v1"] == [visa]


@pytest.mark.parametrize("form", [{"resource": NORTH}, {"audience": "north"}, {"audience": NORTH}])
async def test_an_exchange_for_one_node_holds_that_nodes_visas_and_is_for_it_alone(
    desk: Desk, form: dict[str, str]
):
    desk.own.extra = [desk.own.visa(SUBJECT, "GDID-hub-1")]
    told = await desk.exchange((await desk.logged_in())["access_token"], **form)
    claims = claims_of(told.json()["access_token"])
    assert claims["aud"] == NORTH
    issuers = {claims_of(visa)["iss"] for visa in claims["ga4gh_passport_v1"]}
    assert issuers == {NORTH, HUB}


class TestAnExchange:
    async def test_needs_the_client_to_prove_itself(self, desk: Desk):
        token = (await desk.logged_in())["access_token"]
        for client, secret in (("gdi-cli", ""), ("portal", ""), ("portal", "wrong"), ("nobody", "")):
            answer = await desk.exchange(token, client, secret)
            assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")

    @pytest.mark.parametrize(
        "change",
        [
            {"requested_token_type": None},
            {"requested_token_type": "urn:ietf:params:oauth:token-type:access_token"},
            {"subject_token_type": None},
            {"subject_token_type": "urn:ietf:params:oauth:token-type:jwt"},
            {"subject_token": None},
            {"subject_token": "nothing"},
            {"actor_token": "x"},
        ],
    )
    async def test_says_what_the_profile_demands(self, desk: Desk, change: dict[str, object]):
        token = (await desk.logged_in())["access_token"]
        fields = {**change}
        subject = fields.pop("subject_token", token)
        answer = await desk.exchange(subject, **fields)  # type: ignore[arg-type]
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")

    async def test_needs_a_token_with_the_passport_scope(self, desk: Desk):
        token = (await desk.logged_in(scope="openid"))["access_token"]
        assert (await desk.exchange(token)).json()["error"] == "invalid_request"

    async def test_takes_no_other_token_of_ours(self, desk: Desk):
        told = await desk.logged_in()
        passport = (await desk.exchange(told["access_token"])).json()["access_token"]
        for other in (told["id_token"], told["refresh_token"], passport):
            assert (await desk.exchange(other)).json()["error"] == "invalid_request"

    async def test_never_widens_the_audience_of_the_token(self, desk: Desk):
        token = (await desk.logged_in(resource=NORTH))["access_token"]
        assert (await desk.exchange(token, resource=SOUTH)).json()["error"] == "invalid_target"
        assert (await desk.exchange(token, audience="south")).json()["error"] == "invalid_target"
        alone = claims_of((await desk.exchange(token)).json()["access_token"])
        assert alone["aud"] == NORTH
        assert len(alone["ga4gh_passport_v1"]) == 1

    async def test_is_for_known_resources_only(self, desk: Desk):
        token = (await desk.logged_in())["access_token"]
        assert (await desk.exchange(token, resource="https://x.example")).json()["error"] == "invalid_target"

    async def test_by_a_node_takes_tokens_for_that_node_only(self, desk: Desk):
        mine = (await desk.logged_in(resource=NORTH))["access_token"]
        assert claims_of((await desk.exchange(mine, *NODE)).json()["access_token"])["aud"] == NORTH
        for others in (await desk.logged_in(), await desk.logged_in(resource=SOUTH)):
            answer = await desk.exchange(others["access_token"], *NODE)
            assert answer.json()["error"] == "invalid_request"

    async def test_of_a_token_that_ended_gives_nothing(self, desk: Desk):
        told = await desk.logged_in()
        desk.clock.advance(601)
        assert (await desk.exchange(told["access_token"])).json()["error"] == "invalid_request"

    async def test_of_a_token_that_was_taken_back_gives_nothing(self, desk: Desk):
        told = await desk.logged_in()
        await desk.ask("POST", "/oidc/revoke", data={"token": told["refresh_token"]}, auth=("portal", SECRET))
        assert (await desk.exchange(told["access_token"])).json()["error"] == "invalid_request"

    async def test_is_written_into_the_audit_chain_without_the_token(self, desk: Desk):
        token = (await desk.logged_in())["access_token"]
        await desk.exchange(token, resource=NORTH)
        assert desk.lines.written[-1] == ("broker.exchange", SUBJECT, ("client:portal", NORTH))
        assert token not in str(desk.lines.written)


class TestUserInfo:
    async def test_holds_the_visas_with_the_passport_scope_only(self, desk: Desk):
        with_scope = await desk.userinfo((await desk.logged_in())["access_token"])
        assert len(with_scope.json()["ga4gh_passport_v1"]) == 2
        assert with_scope.json()["sub"] == SUBJECT
        without = await desk.userinfo((await desk.logged_in(scope="openid"))["access_token"])
        assert without.json() == {"sub": SUBJECT}

    async def test_of_a_token_for_one_node_holds_that_nodes_visas(self, desk: Desk):
        told = await desk.userinfo((await desk.logged_in(resource=SOUTH))["access_token"])
        assert [claims_of(visa)["iss"] for visa in told.json()["ga4gh_passport_v1"]] == [SOUTH]

    async def test_tells_the_name_with_scope_profile(self, desk: Desk):
        told = await desk.userinfo((await desk.logged_in(scope="openid profile"))["access_token"])
        assert told.json() == {"sub": SUBJECT, "name": "Researcher One"}

    @pytest.mark.parametrize(
        "authorization", ["", "Bearer", "Bearer ", "Basic eDp5", "Bearer nothing", "Bearer a.b.c"]
    )
    async def test_needs_an_access_token(self, desk: Desk, authorization: str):
        answer = await desk.ask("GET", "/oidc/userinfo", headers={"authorization": authorization})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'

    async def test_takes_no_token_of_another_issuer_or_audience(self, desk: Desk):
        import json

        good = claims_of((await desk.logged_in())["access_token"])
        for change in ({"iss": "https://evil.example"}, {"aud": [NORTH]}, {"aud": ["https://evil.example"]}):
            forged = desk.keys.key.sign(json.dumps({**good, **change}).encode(), purpose="at+jwt")
            assert (await desk.userinfo(forged)).status_code == 401
        stranger = SigningKey.generate().sign(json.dumps(good).encode(), purpose="at+jwt")
        assert (await desk.userinfo(stranger)).status_code == 401
        wrong_type = desk.keys.key.sign(json.dumps(good).encode(), purpose="JWT")
        assert (await desk.userinfo(wrong_type)).status_code == 401

    async def test_takes_the_token_in_the_header_only(self, desk: Desk):
        token = (await desk.logged_in())["access_token"]
        assert (await desk.ask("GET", f"/oidc/userinfo?access_token={token}")).status_code == 401


class TestCollecting:
    async def test_an_issuer_that_does_not_answer_is_told_as_missing(self, desk: Desk):
        desk.south.silent = True
        token = (await desk.logged_in())["access_token"]
        info = (await desk.userinfo(token)).json()
        assert info["gdi_missing_visa_issuers"] == ["south"]
        assert len(info["ga4gh_passport_v1"]) == 1
        passport = claims_of((await desk.exchange(token)).json()["access_token"])
        assert passport["gdi_missing_visa_issuers"] == ["south"]

    async def test_nobody_is_missing_where_all_answered_or_were_not_asked(self, desk: Desk):
        desk.south.silent = True
        told = await desk.userinfo((await desk.logged_in(resource=NORTH))["access_token"])
        assert "gdi_missing_visa_issuers" not in told.json()

    async def test_an_issuer_that_is_slow_is_not_waited_for(self, desk: Desk):
        import asyncio
        import time

        async def slow(_subject: str) -> list[str]:
            await asyncio.sleep(20)
            return []

        from dataclasses import replace

        sources = [replace(each, made=slow) for each in desk.broker.collector.sources]
        collector = replace(desk.broker.collector, sources=sources, timeout_s=0.1)
        began = time.monotonic()
        assert (await collector.collect(SUBJECT, ())).missing == ("hub", "north", "south")
        assert time.monotonic() - began < 1

    async def test_a_visa_that_does_not_hold_is_left_out(self, desk: Desk):
        from datetime import timedelta

        now = desk.clock.now()
        past = {"issued": now - timedelta(hours=2), "expires": now - timedelta(hours=1)}
        good = desk.north.visa(SUBJECT, "d")
        desk.north.datasets, desk.south.datasets = [], []
        desk.north.extra = [
            desk.north.visa("somebody-else", "d"),
            desk.north.visa(SUBJECT, "d", iss="https://evil.example"),
            desk.north.visa(SUBJECT, "d", **past),
            desk.south.visa(SUBJECT, "d"),
            good[:-4] + "AAAA",
            "nothing",
            good,
        ]
        info = (await desk.userinfo((await desk.logged_in())["access_token"])).json()
        assert info["ga4gh_passport_v1"] == [good]


async def test_visas_are_collected_for_a_grant_so_often_and_then_the_client_must_wait(desk: Desk):
    token = (await desk.logged_in())["access_token"]
    statuses = [(await desk.userinfo(token)).status_code for _ in range(21)]
    assert statuses == [200] * 20 + [429]
    assert (await desk.exchange(token)).status_code == 429
    assert (await desk.userinfo((await desk.logged_in())["access_token"])).status_code == 200


async def test_discovery_and_keys_are_as_clients_expect(desk: Desk):
    for path in ("/oidc/.well-known/openid-configuration", "/.well-known/oauth-authorization-server/oidc"):
        told = (await desk.ask("GET", path)).json()
        assert told["issuer"] == ISSUER
        assert told["code_challenge_methods_supported"] == ["S256"]
        assert told["authorization_response_iss_parameter_supported"] is True
    keys = (await desk.ask("GET", "/oidc/jwks")).json()["keys"]
    assert [key["kid"] for key in keys] == [desk.keys.key.key_id, RSA_KEY.key_id]
    assert all("d" not in key for key in keys)
