"""A code goes to the client that registered the address, for a person who allowed it, bound to who asked for it."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from tests.broker_kit import BACK, ISSUER, NORTH, SUBJECT, Desk, answered, authorization, ticket_of

from opengdi.identity.broker.rules import is_same_redirect


async def test_without_a_session_the_browser_is_sent_to_the_login_and_from_there_back_to_the_request(
    desk: Desk,
):
    answer = await desk.authorize(who="")
    location = urlsplit(answer.headers["location"])
    assert (answer.status_code, location.path) == (303, "/login/start")
    following = parse_qs(location.query)["next"][0]
    assert (await desk.ask("GET", following, who=SUBJECT)).status_code == 200


async def test_a_person_who_allows_it_is_sent_back_with_code_state_and_issuer(desk: Desk):
    back = await desk.answer(await desk.authorize())
    assert back.headers["location"].startswith(f"{BACK}?")
    told = answered(back)
    assert set(told) == {"code", "state", "iss"}
    assert (told["state"], told["iss"]) == ("s-1", ISSUER)


async def test_a_person_who_does_not_allow_it_gives_nothing(desk: Desk):
    told = answered(await desk.answer(await desk.authorize(), answer="deny"))
    assert told["error"] == "access_denied"
    assert "code" not in told


@pytest.mark.parametrize(
    "change",
    [
        {"redirect_uri": "https://portal.example.org/other"},
        {"redirect_uri": "https://portal.example.org/callback/"},
        {"redirect_uri": "https://portal.example.org/callback?x=1"},
        {"redirect_uri": "https://portal.example.org.evil.example/callback"},
        {"redirect_uri": "https://portal.example.org@evil.example/callback"},
        {"redirect_uri": "http://portal.example.org/callback"},
        {"redirect_uri": None},
        {"client_id": "nobody"},
        {"client_id": None},
        {"client_id": "robot"},
        {"client_id": ["portal", "other"]},
    ],
)
async def test_nothing_is_sent_to_an_address_that_is_not_the_clients(desk: Desk, change: dict[str, object]):
    answer = await desk.authorize(**change)
    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"scope": None}, "invalid_scope"),
        ({"scope": "openid catalogue"}, "invalid_scope"),
        ({"scope": "ga4gh_passport_v1"}, "invalid_scope"),
        ({"resource": "https://elsewhere.example.org"}, "invalid_target"),
        ({"request": "eyJ"}, "request_not_supported"),
        ({"request_uri": "https://evil.example/r"}, "request_uri_not_supported"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "9" * 10}, "invalid_request"),
        ({"prompt": "whatever"}, "invalid_request"),
        ({"nonce": "n\u00e9"}, "invalid_request"),
    ],
)
async def test_what_the_client_asks_wrongly_it_is_told_at_its_own_address(
    desk: Desk, change: dict[str, object], error: str
):
    told = answered(await desk.authorize(**change))
    assert (told["error"], told["iss"], told["state"]) == (error, ISSUER, "s-1")


async def test_pkce_cannot_be_left_out_by_anybody(desk: Desk):
    """RFC 9700 section 2.1.1; a downgrade would leave the parameters out."""
    told = answered(await desk.authorize(code_challenge=None, code_challenge_method=None))
    assert told["error"] == "invalid_request"


async def test_a_silent_request_is_told_that_login_or_consent_is_needed(desk: Desk):
    assert answered(await desk.authorize(who="", prompt="none"))["error"] == "login_required"
    assert answered(await desk.authorize(prompt="none"))["error"] == "consent_required"


async def test_prompt_login_goes_to_the_login_once(desk: Desk):
    location = (await desk.authorize(prompt="login consent")).headers["location"]
    following = parse_qs(urlsplit(location).query)["next"][0]
    assert parse_qs(urlsplit(following).query)["prompt"] == ["consent"]
    assert (await desk.ask("GET", following, who=SUBJECT)).status_code == 200


async def test_a_post_is_the_same_as_a_get(desk: Desk):
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = await desk.ask("POST", "/oidc/authorize", content=authorization(), headers=headers)
    assert answer.status_code == 303
    assert (await desk.ask("GET", answer.headers["location"], who=SUBJECT)).status_code == 200


async def test_the_page_says_who_asks_for_what_and_where(desk: Desk):
    page = await desk.authorize(resource=NORTH)
    for part in ("Portal", "your passport", NORTH, "Researcher One"):
        assert part in page.text
    assert "form-action 'self' https://portal.example.org" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-cache, no-store"


class TestConsent:
    async def test_is_asked_each_time_unless_the_person_wants_it_remembered(self, desk: Desk):
        await desk.code()
        assert (await desk.authorize()).status_code == 200
        await desk.code(remember=True)
        assert "code" in answered(await desk.authorize())
        assert "code" in answered(await desk.authorize(prompt="none"))

    async def test_is_asked_again_for_more_than_was_remembered(self, desk: Desk):
        await desk.code(remember=True, scope="openid", resource=NORTH)
        assert (await desk.authorize(scope="openid", resource=NORTH)).status_code == 303
        assert (await desk.authorize(scope="openid profile", resource=NORTH)).status_code == 200
        assert (await desk.authorize(scope="openid")).status_code == 200
        assert (await desk.authorize(scope="openid", client_id="other", resource=NORTH)).status_code == 200

    async def test_of_a_public_client_is_never_remembered(self, desk: Desk):
        """RFC 8252 section 8.6: any program on the machine could say that it is this client."""
        way: dict[str, object] = {"client_id": "gdi-cli", "redirect_uri": "http://127.0.0.1:5123/callback"}
        page = await desk.authorize(**way)
        assert "remember" not in page.text
        await desk.answer(page, remember=True)
        assert (await desk.authorize(**way)).status_code == 200
        assert answered(await desk.authorize(**way, prompt="none"))["error"] == "consent_required"

    async def test_is_asked_again_when_the_client_wants_that(self, desk: Desk):
        await desk.code(remember=True)
        assert (await desk.authorize(prompt="consent")).status_code == 200

    async def test_can_be_taken_back_and_with_it_goes_what_the_client_was_given(self, desk: Desk):
        tokens = (await desk.redeem(await desk.code(remember=True))).json()
        listed = (await desk.ask("GET", "/oidc/consents", who=SUBJECT)).json()["items"]
        assert [each["client"] for each in listed] == ["portal"]
        right = {"x-csrf-token": "right"}
        gone = await desk.ask("DELETE", "/oidc/consents/portal", who=SUBJECT, headers=right)
        assert gone.status_code == 204
        assert (await desk.authorize()).status_code == 200
        assert (await desk.userinfo(tokens["access_token"])).status_code == 401
        assert (await desk.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
        again = await desk.ask("DELETE", "/oidc/consents/nobody", who=SUBJECT, headers=right)
        assert again.status_code == 404

    async def test_is_taken_back_only_with_the_csrf_token_and_only_by_who_is_logged_in(self, desk: Desk):
        assert (await desk.ask("DELETE", "/oidc/consents/portal", who=SUBJECT)).status_code == 403
        assert (await desk.ask("GET", "/oidc/consents")).status_code == 401

    async def test_of_somebody_else_is_not_taken(self, desk: Desk):
        """The ticket is bound to the person, so nobody can make another one's browser answer."""
        page = await desk.authorize(who="mallory")
        answer = await desk.answer(page, who=SUBJECT)
        assert answer.status_code == 400
        assert "location" not in answer.headers

    @pytest.mark.parametrize("ticket", ["", "x", "a.b.c"])
    async def test_without_a_page_of_ours_is_not_taken(self, desk: Desk, ticket: str):
        fields = {"ticket": ticket, "answer": "allow"}
        assert (await desk.ask("POST", "/oidc/consent", who=SUBJECT, data=fields)).status_code == 400

    async def test_with_another_token_of_the_broker_as_its_ticket_is_not_taken(self, desk: Desk):
        fields = {"ticket": (await desk.logged_in())["id_token"], "answer": "allow"}
        assert (await desk.ask("POST", "/oidc/consent", who=SUBJECT, data=fields)).status_code == 400

    async def test_that_comes_too_late_is_not_taken(self, desk: Desk):
        page = await desk.authorize()
        desk.clock.advance(601)
        assert (await desk.answer(page)).status_code == 400

    async def test_of_nobody_is_not_taken(self, desk: Desk):
        assert (await desk.answer(await desk.authorize(), who="")).status_code == 401

    async def test_shows_no_markup_of_the_request(self, desk: Desk):
        page = await desk.authorize(state="<b>x</b>")
        assert "<b>" not in page.text
        assert ticket_of(page)


@pytest.mark.parametrize(
    ("registered", "asked", "same"),
    [
        ("http://127.0.0.1/callback", "http://127.0.0.1:5123/callback", True),
        ("http://[::1]/callback", "http://[::1]:5123/callback", True),
        ("http://127.0.0.1/callback", "http://127.0.0.1/callback", True),
        ("http://127.0.0.1/callback", "http://127.0.0.1:5123/other", False),
        ("http://127.0.0.1/callback", "http://127.0.0.1:5123/callback?x=1", False),
        ("http://127.0.0.1/callback", "http://127.0.0.1:5123/callback#x", False),
        ("http://127.0.0.1/callback", "http://me@127.0.0.1:5123/callback", False),
        ("http://127.0.0.1/callback", "http://127.0.0.2:5123/callback", False),
        ("http://127.0.0.1/callback", "http://127.0.0.1.evil.example:80/callback", False),
        ("http://127.0.0.1/callback", "https://127.0.0.1:5123/callback", False),
        ("http://127.0.0.1/callback", "http://127.0.0.1:99999/callback", False),
        ("http://127.0.0.1:80/callback", "http://127.0.0.1:81/callback", False),
        ("http://localhost/callback", "http://localhost:5123/callback", False),
        ("https://127.0.0.1/callback", "https://127.0.0.1:5123/callback", False),
        ("https://portal.example.org/c", "https://portal.example.org:8443/c", False),
    ],
)
def test_only_the_port_of_a_loopback_address_may_differ(registered: str, asked: str, same: bool):
    assert is_same_redirect(registered, asked) is same
