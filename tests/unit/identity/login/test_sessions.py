"""Sessions: how long they last, what must come with a change, how they end."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.identity.login.kit import ISSUER, NOW, ORIGIN, Service

from opengdi.apps.identity import ends_sessions_of_barred
from opengdi.identity.login.model import Identity, LoginRefused
from opengdi.identity.login.people import People
from opengdi.kernel.errors import NotFound, Unavailable
from opengdi.kernel.feed import Notice
from opengdi.kernel.http.frames import Frames


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
    headers = {"content-type": "application/x-www-form-urlencoded"}
    for content in (f"csrf=x&csrf={csrf}", f"csrf={csrf}&csrf=x"):
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
    with service.engine.begin() as connection:
        assert service.store.end_all_of(connection, "person-1") == 2
    assert await browser.me() == await other.me() == {}


async def test_who_is_taken_back_as_a_whole_is_logged_out_and_nobody_else(browser, service):
    await browser.log_in()
    hear = ends_sessions_of_barred(service.store)
    for number, (told, stays) in enumerate(
        [
            ({"kind": "subject", "subject": "person-2"}, True),
            ({"kind": "dataset-subject", "subject": "person-1", "dataset": "d"}, True),
            ({"kind": "subject", "subject": "person-1"}, False),
        ]
    ):
        body = {**told, "id": "r", "at": NOW.isoformat()}
        with service.engine.begin() as connection:
            hear(connection, Notice(number, "revocation", NOW, body))
        assert bool(await browser.me()) is stays


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


def test_somebody_of_another_provider_does_not_take_over_a_subject(service):
    people = People(service.engine, service.clock, lambda identity: identity.subject)
    people.arrive(Identity(ISSUER, "alice", "Alice"))
    with pytest.raises(LoginRefused) as refused:
        people.arrive(Identity("https://other.example.org", "alice", "Mallory"))
    assert refused.value.reason == "subject"
    assert people.find("alice").name == "Alice"


async def test_the_note_of_a_login_that_leads_far_fits_into_a_cookie(browser):
    answer = await browser.http.get("/login/start", params={"next": "/" + "a" * 2047})
    (cookie,) = answer.headers.get_list("set-cookie")
    assert len(cookie) < 4096  # RFC 6265 section 6.1: what browsers keep at least


async def test_two_tabs_log_in_at_the_same_time(browser, service):
    first, second = await browser.start(next="/one"), await browser.start(next="/two")
    answers = [await browser.answer(service.provider.allow(address)) for address in (first, second)]
    assert [answer.headers["location"] for answer in answers] == ["/one", "/two"]


async def test_the_client_secret_is_shown_to_the_token_endpoint_as_the_standard_encodes_it(browser, service):
    await browser.log_in()
    (shown,) = service.provider.shown
    assert b64decode(shown.removeprefix("Basic ")) == b"hub-client:the+secret+of+the+hub+at+its+provider"


async def test_what_is_proved_ends_with_the_session_whatever_is_asked_meanwhile(browser, service):
    await browser.log_in()
    scope = {"method": "GET", "headers": [(b"cookie", f"__Host-gdi={browser.session}".encode())]}
    proof = await service.sessions.session(scope)
    assert proof is not None
    assert (proof.subject, proof.issuer, proof.name) == ("person-1", f"{ORIGIN}/oidc", "Alice")
    assert (proof.until, proof.visas, proof.bona_fide) == (NOW + service.lifetimes.session, (), False)


async def test_a_hint_of_an_authorization_request_at_our_own_broker_is_passed_on(browser):
    address = await browser.start(next="/oidc/authorize?client_id=gdi-cli&login_hint=alice")
    assert "login_hint=alice" in address


@pytest.mark.parametrize(
    ("origin", "told"),
    [
        (ORIGIN, ["person-1", 1000]),
        ("https://evil.example", [403]),
        ("null", [403]),
        (None, ["person-1", 1000]),
    ],
)
async def test_a_session_counts_over_a_websocket_for_pages_of_this_service_alone(
    browser, service, origin: str | None, told: list[object]
):
    """Browsers send the cookie with the handshake from any page, and no page can add the CSRF token."""
    await browser.log_in()
    headers = [(b"host", b"hub.internal"), (b"cookie", f"__Host-gdi={browser.session}".encode())]
    headers += [(b"origin", origin.encode())] if origin else []
    incoming = asyncio.Queue()
    for message in ({"type": "websocket.connect"}, {"type": "websocket.receive", "text": "{}"}):
        incoming.put_nowait(message)
    sent = []

    async def send(message):
        sent.append(message)

    scope = {
        "type": "websocket", "path": "/change", "query_string": b"", "scheme": "wss", "headers": headers,
        "root_path": "", "client": ("192.0.2.1", 1),
    }  # fmt: skip
    await Frames(service.app, ["/change"], own=ORIGIN, first_frame_s=5.0)(scope, incoming.get, send)
    found = [each.get("text", each.get("code", each.get("status"))) for each in sent]
    assert [each for each in found if each is not None] == told
