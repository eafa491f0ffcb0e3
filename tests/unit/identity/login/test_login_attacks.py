"""What somebody may try against a login, and that none of it works."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from joserfc.jwk import ECKey, RSAKey
from tests.unit.identity.login.kit import (
    CLIENT,
    EC,
    ISSUER,
    RSA,
    Service,
    reason,
    unsigned,
    with_the_client_secret,
)

from opengdi.kernel.keys import PublicKey, SigningKey
from opengdi.standards.client_assertion import ASSERTION_TYPE
from opengdi.standards.jws import read_compact


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path)
    yield service
    service.close()


@pytest.fixture
def browser(service: Service):
    return service.browser()


async def refused(service: Service, browser, why: str, **changes: object) -> None:
    """A login in which the provider differs from an honest one by `changes` is refused for `why`."""
    for name, value in changes.items():
        setattr(service.provider, name, value)
    answer = await browser.log_in()
    assert answer.status_code == 403
    assert reason(service) == why
    assert "__Host-gdi=" not in str(answer.headers.get_list("set-cookie"))
    assert await browser.me() == {}


async def test_an_honest_login_succeeds(browser, service):
    answer = await browser.log_in(next="/applications?tab=mine")
    assert (answer.status_code, answer.headers["location"]) == (303, "/applications?tab=mine")
    assert (await browser.me())["name"] == "Alice"
    assert service.lines.written[-1] == ("login.begin", "person-1", "done", ())


async def test_a_state_of_another_login_is_refused(browser, service):
    answer = service.provider.allow(await browser.start())
    refusal = await browser.answer({**answer, "state": "another"})
    assert refusal.status_code == 403
    assert reason(service) == "browser"


async def test_a_state_that_only_begins_like_the_right_one_is_refused(browser, service):
    answer = service.provider.allow(await browser.start())
    refusal = await browser.answer({**answer, "state": answer["state"] + "x"})
    assert refusal.status_code == 403
    assert reason(service) == "state"


async def test_an_id_token_with_another_nonce_is_refused(browser, service):
    await refused(service, browser, "nonce", claims=lambda claims: {**claims, "nonce": "another"})


async def test_an_id_token_without_a_nonce_is_refused(browser, service):
    await refused(
        service,
        browser,
        "nonce",
        claims=lambda claims: {name: value for name, value in claims.items() if name != "nonce"},
    )


async def test_an_answer_is_good_for_one_login_only(browser, service):
    answer = service.provider.allow(await browser.start())
    cookies = dict(browser.http.cookies)
    assert (await browser.answer(answer)).status_code == 303
    browser.http.cookies.update(cookies)
    service.provider.asked[answer["code"]] = {}
    assert (await browser.answer(answer)).status_code == 403
    assert reason(service) == "replay"


async def test_a_code_of_another_login_fails_by_the_proof_key(browser, service):
    stolen = service.provider.allow(await service.browser().start())["code"]
    own = service.provider.allow(await browser.start())
    assert (await browser.answer({**own, "code": stolen})).status_code == 403
    assert reason(service) == "provider"


async def test_an_id_token_of_another_issuer_is_refused(browser, service):
    await refused(service, browser, "iss", claims=lambda claims: {**claims, "iss": f"{ISSUER}/"})


@pytest.mark.parametrize("said", [{"iss": "https://evil.example.org"}, {"iss": None}])
async def test_an_answer_that_names_another_issuer_or_none_is_refused(browser, service, said):
    answer = service.provider.allow(await browser.start()) | said
    refusal = await browser.answer({name: value for name, value in answer.items() if value is not None})
    assert refusal.status_code == 403
    assert reason(service) == "issuer"


@pytest.mark.parametrize("audience", ["another-client", ["another-client"], [], None, 7])
async def test_an_id_token_for_another_client_is_refused(browser, service, audience):
    await refused(service, browser, "aud", claims=lambda claims: {**claims, "aud": audience})


@pytest.mark.parametrize(
    "claimed", [{"azp": "another-client"}, {"aud": ["hub-client", "another-client"]}, {"azp": ""}]
)
async def test_an_id_token_that_was_given_to_another_client_is_refused(browser, service, claimed):
    await refused(service, browser, "azp", claims=lambda claims: {**claims, **claimed})


async def test_an_id_token_for_several_clients_counts_if_it_was_given_to_this_one(browser, service):
    service.provider.claims = lambda claims: {
        **claims,
        "aud": ["hub-client", "another-client"],
        "azp": "hub-client",
    }
    assert (await browser.log_in()).status_code == 303


async def test_an_unsigned_id_token_is_refused(browser, service):
    await refused(service, browser, "alg", sign=unsigned)


async def test_an_id_token_signed_with_the_client_secret_is_refused(browser, service):
    await refused(service, browser, "alg", sign=with_the_client_secret)


@pytest.mark.parametrize("key", [ECKey.generate_key("P-256"), RSAKey.generate_key(2048)])
async def test_an_id_token_by_a_key_that_is_not_the_providers_is_refused(browser, service, key):
    await refused(service, browser, "signature", key=key)


async def test_an_id_token_by_an_unknown_key_under_a_known_name_is_refused(browser, service):
    stranger = ECKey.generate_key("P-256")
    await refused(service, browser, "signature", key=stranger, header={"kid": EC.thumbprint()})


@pytest.mark.parametrize(
    "header",
    [
        {"jwk": EC.as_dict(private=False)},
        {"jku": f"{ISSUER}/jwks"},
        {"x5u": f"{ISSUER}/certificate"},
    ],
)
async def test_an_id_token_that_brings_its_own_key_is_refused(browser, service, header):
    await refused(service, browser, "header", header=header)


async def test_an_algorithm_that_the_settings_do_not_name_is_refused(browser, service):
    from dataclasses import replace

    service.upstream = replace(service.upstream, algorithms=frozenset({"ES256"}))
    await refused(service, browser, "alg", key=RSA, published=[RSA])


async def test_a_new_key_of_the_provider_is_fetched_when_it_is_first_used(browser, service):
    assert (await browser.log_in()).status_code == 303
    service.clock.advance(60)
    service.provider.key, service.provider.published = RSA, [EC, RSA]
    assert (await browser.log_in()).status_code == 303


@pytest.mark.parametrize(
    "times, why",
    [
        ({"exp": 0}, "exp"),
        ({"iat": 4_000_000_000}, "times"),
        ({"nbf": 4_000_000_000}, "times"),
        ({"exp": "soon"}, "times"),
        ({"exp": True}, "times"),
        ({"iat": None}, "times"),
    ],
)
async def test_an_id_token_out_of_its_time_is_refused(browser, service, times, why):
    await refused(service, browser, why, claims=lambda claims: {**claims, **times})


async def test_an_id_token_that_belongs_to_another_access_token_is_refused(browser, service):
    await refused(service, browser, "at_hash", claims=lambda claims: {**claims, "at_hash": "AAAA"})


@pytest.mark.parametrize("subject", ["", None, 7, "x" * 256])
async def test_an_id_token_without_a_usable_subject_is_refused(browser, service, subject):
    await refused(service, browser, "sub", claims=lambda claims: {**claims, "sub": subject})


async def test_userinfo_about_somebody_else_is_refused(browser, service):
    await refused(service, browser, "userinfo", userinfo={"sub": "mallory", "name": "Mallory"})


async def test_an_answer_that_comes_too_late_is_refused(browser, service):
    answer = service.provider.allow(await browser.start())
    service.clock.advance(601)
    assert (await browser.answer(answer)).status_code == 403
    assert reason(service) == "late"


async def test_nobody_is_logged_in_as_the_attacker_by_a_link(browser, service):
    attacker = service.browser()
    answer = service.provider.allow(await attacker.start())
    assert (await browser.answer(answer)).status_code == 403  # the link that the attacker sends around
    assert reason(service) == "browser"
    assert await browser.me() == {}


async def test_a_note_of_a_login_that_was_made_elsewhere_is_refused(browser, service):
    answer = service.provider.allow(await browser.start())
    (name,) = [name for name in browser.http.cookies if "login" in name]
    browser.http.cookies.clear()
    for forged in ("e30", "A" * 400, "", '"', "é"):
        headers = {"cookie": f"{name}={forged}".encode()}
        assert (await browser.http.get("/login/callback", params=answer, headers=headers)).status_code == 403


async def test_a_note_of_a_login_that_comes_twice_is_refused(browser, service):
    answer = service.provider.allow(await browser.start())
    (name,) = [name for name in browser.http.cookies if "login" in name]
    value = browser.http.cookies[name]
    browser.http.cookies.clear()
    headers = {"cookie": f"{name}={value}; {name}={value}"}
    assert (await browser.http.get("/login/callback", params=answer, headers=headers)).status_code == 403


@pytest.mark.parametrize(
    "next_",
    [
        "https://evil.example.org",
        "//evil.example.org",
        "/\\evil.example.org",
        "\\/evil.example.org",
        "/\t/evil.example.org",
        "javascript:alert(1)",
        "evil",
        " /",
        "/\n",
        "/a\r\nset-cookie: x=y",
        "/" + "a" * 2048,
    ],
)
async def test_a_login_leads_nowhere_else(browser, next_):
    answer = await browser.http.get("/login/start", params={"next": next_})
    assert answer.status_code == 400
    assert "next" in answer.json()["detail"]


async def test_a_parameter_that_is_given_twice_is_refused(browser, service):
    answer = service.provider.allow(await browser.start())
    query = [*answer.items(), ("code", "another")]
    assert (await browser.http.get("/login/callback", params=query)).status_code == 400


async def test_a_session_id_that_was_there_before_the_login_is_worth_nothing_after_it(browser, service):
    fixed = "chosen-by-the-attacker"
    browser.http.cookies.set("__Host-gdi", fixed)
    answer = await browser.log_in()
    assert fixed not in str(answer.headers)
    stranger = service.browser()
    stranger.http.cookies.set("__Host-gdi", fixed)
    assert await stranger.me() == {}


async def test_each_login_gives_a_new_session_and_ends_the_one_before(browser, service):
    await browser.log_in()
    before = browser.session
    await browser.log_in()
    assert browser.session != before
    stranger = service.browser()
    stranger.http.cookies.set("__Host-gdi", before)
    assert await stranger.me() == {}


async def test_the_session_cookie_is_for_this_host_https_and_no_script(browser):
    answer = await browser.log_in()
    (cookie,) = [line for line in answer.headers.get_list("set-cookie") if line.startswith("__Host-gdi=")]
    marks = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert marks == {"httponly", "secure", "samesite=lax", "path=/"}


async def test_the_note_of_a_login_is_short_lived_and_goes_with_the_answer(browser):
    answer = await browser.http.get("/login/start")
    (cookie,) = answer.headers.get_list("set-cookie")
    assert cookie.startswith("__Host-gdi-login-")
    assert "Max-Age=600" in cookie
    await browser.log_in()
    kept = [name for name in browser.http.cookies if name.startswith("__Host-gdi-login-")]
    assert len(kept) == 1  # of the one that was not answered


async def test_a_provider_that_calls_itself_something_else_is_not_used(browser, service):
    service.provider.document = {"issuer": "https://evil.example.org"}
    assert (await browser.http.get("/login/start")).status_code == 503


@pytest.mark.parametrize(
    "place", ["token_endpoint", "authorization_endpoint", "jwks_uri", "userinfo_endpoint"]
)
@pytest.mark.parametrize("address", ["http://idp.example.org/x", "ftp://x", 7, "https://"])
async def test_a_provider_that_leads_over_plain_http_is_not_used(browser, service, place, address):
    service.provider.document = {place: address}
    assert (await browser.http.get("/login/start")).status_code == 503


async def test_a_provider_without_s256_is_not_used(browser, service):
    service.provider.document = {"code_challenge_methods_supported": ["plain"]}
    assert (await browser.http.get("/login/start")).status_code == 503


async def test_what_is_sent_to_the_provider_is_whole(browser, service):
    from urllib.parse import parse_qs, urlsplit

    given = parse_qs(urlsplit(await browser.start(hint="alice")).query)
    assert given["code_challenge_method"] == ["S256"]
    assert len(given["code_challenge"][0]) == 43
    assert given["response_type"] == ["code"]
    assert given["redirect_uri"] == ["https://hub.example.org/login/callback"]
    assert given["login_hint"] == ["alice"]
    assert len(given["state"][0]) >= 32 <= len(given["nonce"][0])


def claiming(**changes: object):
    return lambda claims: {**claims, **changes}


async def test_a_fresh_login_is_asked_of_the_provider_in_both_ways_that_it_may_know(browser, service):
    await browser.log_in(max_age="0")
    asked = service.provider.last
    assert (asked["max_age"], asked["prompt"]) == ("0", "login")
    await browser.log_in(max_age="300")
    assert (service.provider.last["max_age"], "prompt" in service.provider.last) == ("300", False)
    await browser.log_in()
    assert not {"max_age", "prompt"} & set(service.provider.last)


@pytest.mark.parametrize(
    "seconds, holds", [(0, True), (300, True), (360, True), (361, False), (86_400, False)]
)
async def test_a_provider_that_lets_an_old_login_pass_is_not_believed(browser, service, seconds, holds):
    """Core 3.1.3.7, step 13; the leeway is a minute."""
    then = int(service.clock.now().timestamp()) - seconds
    service.provider.claims = claiming(auth_time=then)
    answer = await browser.log_in(max_age="300")
    assert answer.status_code == (303 if holds else 403)
    assert holds or reason(service) == "auth_time"


@pytest.mark.parametrize("told", [None, "1764417600", True, -1, 1e300, [1]])
async def test_a_provider_that_does_not_say_when_is_not_believed_where_it_was_asked(browser, service, told):
    service.provider.claims = claiming(auth_time=told)
    assert (await browser.log_in(max_age="300")).status_code == 403
    assert reason(service) == "auth_time"


async def test_where_nobody_asked_a_provider_need_not_say_when(browser, service):
    assert (await browser.log_in()).status_code == 303


@pytest.mark.parametrize("text", ["-1", "soon", "1e3", "1" * 10, "\u0661", " 1"])
async def test_max_age_is_a_number_of_seconds(browser, text):
    assert (await browser.http.get("/login/start", params={"max_age": text})).status_code == 400


async def test_the_session_knows_when_its_person_proved_who_they_are(browser, service):
    then = int(service.clock.now().timestamp()) - 40
    service.provider.claims = claiming(auth_time=then)
    await browser.log_in()
    session = service.store.find(browser.session)
    assert session is not None
    assert session.authenticated is not None
    assert session.authenticated.timestamp() == then
    service.provider.claims = claiming(auth_time=then + 10_000)
    await browser.log_in()
    later = service.store.find(browser.session)
    assert later is not None
    assert later.authenticated == service.clock.now(), "nobody logs in tomorrow"


class Signing:
    """Key pairs that never change."""

    def __init__(self) -> None:
        self.key = SigningKey.generate()

    def signing(self) -> SigningKey:
        return self.key

    def published(self) -> list[PublicKey]:
        return [self.key.public]


async def test_a_service_with_a_key_proves_itself_by_it_and_sends_no_secret(tmp_path: Path):
    keys = Signing()
    service = Service(tmp_path, client_keys=keys)
    try:
        browser = service.browser()
        assert (await browser.log_in()).status_code == 303
        assert service.provider.shown == [""], "no Authorization header"
        (form,) = service.provider.forms
        assert "client_secret" not in form
        assert (form["client_id"], form["client_assertion_type"]) == (CLIENT, ASSERTION_TYPE)
        jws = read_compact(form["client_assertion"])
        (published,) = (await browser.http.get("/login/jwks")).json()["keys"]
        PublicKey.from_jwk(published).check(jws.signed, jws.signature)
        assert jws.header["kid"] == published["kid"]
        told = json.loads(jws.payload)
        assert (told["iss"], told["sub"], told["aud"]) == (CLIENT, CLIENT, ISSUER)
        assert told["exp"] - told["iat"] <= 60
        await browser.log_in()
        assert (
            json.loads(read_compact(service.provider.forms[1]["client_assertion"]).payload)["jti"]
            != (told["jti"])
        )
        assert "d" not in published
    finally:
        service.close()


async def test_a_service_with_a_secret_publishes_no_keys(browser):
    assert (await browser.http.get("/login/jwks")).json() == {"keys": []}
