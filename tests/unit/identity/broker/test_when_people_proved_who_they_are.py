"""A client that asks how long ago somebody logged in gets an answer that it can check, or a new login."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from tests.broker_kit import SUBJECT, Desk, answered, claims_of


def to_login(answer: httpx.Response) -> dict[str, str]:
    """What the login is asked for."""
    location = urlsplit(answer.headers["location"])
    assert (answer.status_code, location.path) == (303, "/login/start")
    return {name: values[0] for name, values in parse_qs(location.query).items()}


@pytest.fixture
def aged(desk: Desk) -> Desk:
    """Somebody whose session rests on a login of 100 seconds ago."""
    desk.browser.authenticated = desk.clock.now() - timedelta(seconds=100)
    return desk


async def test_a_login_that_is_young_enough_is_taken(aged: Desk):
    assert (await aged.authorize(max_age="100")).status_code == 200


async def test_an_older_one_is_renewed_and_not_asked_for_again_on_the_way_back(aged: Desk):
    asked = to_login(await aged.authorize(max_age="99"))
    assert asked["max_age"] == "99"
    assert "max_age" not in parse_qs(urlsplit(asked["next"]).query)
    assert (await aged.ask("GET", asked["next"], who=SUBJECT)).status_code == 200


async def test_where_nobody_knows_when_it_was_it_is_renewed(desk: Desk):
    assert to_login(await desk.authorize(max_age="1000000"))["max_age"] == "1000000"


@pytest.mark.parametrize("prompt", ["login", "select_account", "login consent"])
async def test_prompt_login_is_a_login_in_truth_and_not_a_look_at_the_session_of_the_provider(
    aged: Desk, prompt: str
):
    assert to_login(await aged.authorize(prompt=prompt, max_age="1000"))["max_age"] == "0"


async def test_a_silent_question_is_told_that_a_login_is_needed(aged: Desk):
    assert answered(await aged.authorize(prompt="none", max_age="99"))["error"] == "login_required"
    assert answered(await aged.authorize(prompt="none", max_age="100"))["error"] == "consent_required"


async def test_tokens_tell_when_it_was_also_after_a_refresh(aged: Desk):
    when = int((aged.clock.now() - timedelta(seconds=100)).timestamp())
    tokens = await aged.logged_in(scope="openid offline_access")
    aged.clock.advance(400)
    refreshed = (await aged.refresh(tokens["refresh_token"])).json()
    for token in (tokens, refreshed):
        assert claims_of(token["id_token"])["auth_time"] == when
        assert claims_of(token["access_token"])["auth_time"] == when


async def test_what_nobody_knows_is_not_said(desk: Desk):
    tokens = await desk.logged_in()
    assert "auth_time" not in claims_of(tokens["id_token"]) | claims_of(tokens["access_token"])
