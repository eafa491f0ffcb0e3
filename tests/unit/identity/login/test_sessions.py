"""Sessions: how long they last, what must come with a change, how they end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.identity.login.kit import ISSUER, NOW, Service

from opengdi.identity.login.people import People
from opengdi.kernel.errors import NotFound, Unavailable


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path)
    yield service
    service.close()


@pytest.fixture
def browser(service: Service):
    return service.browser()


async def test_a_change_without_the_csrf_token_is_refused(browser):
    await browser.log_in()
    for sent in (
        {},
        {"headers": {"x-csrf-token": ""}},
        {"headers": {"x-csrf-token": "0" * 32}},
        {"data": {"a": "b"}},
    ):
        answer = await browser.http.post("/change", **sent)
        assert answer.status_code == 403
        assert "x-csrf-token" in answer.json()["detail"]


async def test_a_change_with_the_csrf_token_of_another_session_is_refused(browser, service):
    await browser.log_in()
    other = service.browser()
    await other.log_in()
    foreign = (await other.me())["csrf"]
    assert (await browser.http.post("/change", headers={"x-csrf-token": foreign})).status_code == 403
    assert (await browser.http.post("/change", data={"csrf": foreign})).status_code == 403


async def test_a_change_with_the_csrf_token_as_header_or_in_a_form_is_done(browser):
    await browser.log_in()
    csrf = (await browser.me())["csrf"]
    assert (await browser.http.post("/change", headers={"x-csrf-token": csrf})).text == "person-1"
    assert (await browser.http.post("/change", data={"csrf": csrf, "a": "b" * 1000})).text == "person-1"


async def test_two_tokens_in_a_form_are_none(browser):
    await browser.log_in()
    csrf = (await browser.me())["csrf"]
    content = f"csrf=x&csrf={csrf}"
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert (await browser.http.post("/change", content=content, headers=headers)).status_code == 403


async def test_a_form_that_is_too_long_to_be_looked_through_needs_the_header(browser):
    await browser.log_in()
    csrf = (await browser.me())["csrf"]
    form = {"a": "b" * 70_000, "csrf": csrf}
    assert (await browser.http.post("/change", data=form)).status_code == 403
    answer = await browser.http.post("/change", data=form, headers={"x-csrf-token": csrf})
    assert answer.status_code == 200


async def test_reading_needs_no_csrf_token(browser):
    await browser.log_in()
    assert (await browser.http.get("/change")).text == "person-1"


async def test_without_a_cookie_nobody_asks_and_no_token_is_needed(browser):
    assert (await browser.http.post("/change")).text == "nobody"


async def test_an_idle_session_ends(browser, service):
    await browser.log_in()
    service.clock.advance(29 * 60)
    assert await browser.me()
    service.clock.advance(29 * 60)
    assert await browser.me()
    service.clock.advance(31 * 60)
    assert await browser.me() == {}


async def test_a_session_in_use_ends_in_the_end(browser, service):
    await browser.log_in()
    for _ in range(29):
        service.clock.advance(20 * 60)
        assert await browser.me()
    service.clock.advance(20 * 60)
    assert await browser.me() == {}


async def test_logging_out_ends_the_session_here_and_says_where_to_go_on(browser, service):
    await browser.log_in()
    csrf, before = (await browser.me())["csrf"], browser.session
    headers = {"x-csrf-token": csrf, "accept": "application/json"}
    answer = await browser.http.post("/login/end", headers=headers)
    assert answer.json()["continue"].startswith(f"{ISSUER}/end_session?")
    assert "id_token_hint=" in answer.json()["continue"]
    browser.http.cookies.set("__Host-gdi", before)
    assert await browser.me() == {}
    assert service.lines.written[-1][:2] == ("login.end", "person-1")


async def test_logging_out_needs_the_csrf_token(browser):
    await browser.log_in()
    assert (await browser.http.post("/login/end")).status_code == 403
    assert await browser.me()


async def test_logging_out_twice_harms_nobody(browser):
    answer = await browser.http.post("/login/end")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


async def test_a_provider_without_a_place_for_logging_out_is_no_obstacle(browser, service):
    service.provider.document = {"end_session_endpoint": None}
    await browser.log_in()
    csrf = (await browser.me())["csrf"]
    answer = await browser.http.post("/login/end", data={"csrf": csrf})
    assert answer.headers["location"] == "/"


async def test_all_sessions_of_a_person_can_be_ended(browser, service):
    await browser.log_in()
    other = service.browser()
    await other.log_in()
    assert service.store.end_all("person-1") == 2
    assert await browser.me() == await other.me() == {}


async def test_a_person_keeps_the_subject_and_gets_the_newest_name(browser, service):
    await browser.log_in()
    service.clock.advance(60)
    service.provider.userinfo = {"given_name": "Alice", "family_name": "B"}
    await browser.log_in()
    person = service.people.find("person-1")
    assert (person.name, person.email, person.first) == ("Alice B", "", NOW)
    assert person.last > person.first


async def test_only_a_verified_address_is_believed(browser, service):
    service.provider.userinfo = {"name": "Alice", "email": "boss@example.org", "email_verified": "yes"}
    await browser.log_in()
    assert service.people.find("person-1").email == ""
    assert service.people.at("boss@example.org") == []


async def test_what_is_erased_is_gone_and_comes_again_with_the_next_login(browser, service):
    await browser.log_in()
    assert service.people.at("alice@example.org")[0].subject == "person-1"
    assert service.people.erase("person-1")
    assert await browser.me() == {}
    assert service.people.find("person-1").name == ""
    await browser.log_in()
    assert service.people.find("person-1").name == "Alice"


async def test_who_never_logged_in_is_not_found(service):
    with pytest.raises(NotFound):
        service.people.find("nobody")


async def test_what_waits_for_a_person_is_given_with_the_login_or_nobody_is_logged_in(tmp_path):
    def fail(*_: object) -> None:
        raise Unavailable("duties cannot be given now")

    service = Service(tmp_path, arriving=fail)
    browser = service.browser()
    assert (await browser.log_in()).status_code == 503
    with pytest.raises(NotFound):
        service.people.find("person-1")
    service.close()


async def test_a_newcomer_in_two_browsers_at_once_is_one_person(service):
    browsers = [service.browser() for _ in range(5)]
    answers = await asyncio.gather(*(browser.log_in() for browser in browsers))
    assert {answer.status_code for answer in answers} == {303}
    assert len({(await browser.me())["subject"] for browser in browsers}) == 1


async def test_two_tabs_log_in_at_the_same_time(browser, service):
    first, second = await browser.start(next="/one"), await browser.start(next="/two")
    answers = [await browser.answer(service.provider.allow(address)) for address in (first, second)]
    assert [answer.headers["location"] for answer in answers] == ["/one", "/two"]


async def test_the_client_secret_is_shown_to_the_token_endpoint_only(browser, service):
    await browser.log_in()
    assert service.provider.shown[0].startswith("Basic ")
    assert People.__doc__
