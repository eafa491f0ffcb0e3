"""Codes, refresh tokens and choices in the database: of many who bring the same one, one is first. On both engines."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select
from tests.broker_kit import BACK, NORTH, clients

from opengdi.identity.broker.faults import Refused
from opengdi.identity.broker.model import Asked, CodeFacts, Granted
from opengdi.identity.broker.store import Grants, broker_grants, broker_secrets
from opengdi.identity.broker.used_assertions import UsedAssertions
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.database import reading

ASKED = Asked(clients()["portal"], BACK, ("openid",), (NORTH,), "c" * 43)


def right(_: CodeFacts) -> None:
    """Whoever brings it is who asked."""


def anything(_: Granted) -> None:
    """Nothing more is asked."""


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def ended() -> list[Granted]:
    return []


@pytest.fixture
def grants(engine: Engine, clock: FixedClock, ended: list[Granted]) -> Grants:
    return Grants(
        engine, clock, lambda: secrets.token_urlsafe(32), ended=lambda _connection, each: ended.append(each)
    )


def granted(clock: FixedClock, **changes: object) -> Granted:
    known = Granted(
        secrets.token_hex(8), "portal", "r1", "R", ("openid",), (NORTH,), clock.now() + timedelta(days=1), "n"
    )
    return replace(known, **changes)  # type: ignore[arg-type]


def outcomes(tries: int, act) -> tuple[int, int]:
    """How many succeeded and how many were refused, all at the same time."""

    def one(_: int) -> bool:
        try:
            act()
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(tries) as pool:
        found = list(pool.map(one, range(tries)))
    return found.count(True), found.count(False)


def test_what_was_granted_is_what_the_code_gives(grants: Grants, clock: FixedClock):
    given_ = granted(clock)
    code = grants.code(given_, ASKED, 60)
    seen: list[CodeFacts] = []
    assert grants.by_code(code, "portal", seen.append) == given_
    assert seen == [CodeFacts(BACK, "c" * 43)]
    assert grants.holds(given_.id)
    assert grants.name_of(given_.id) == "R"


def test_of_many_who_bring_a_code_one_is_first_and_the_grant_ends(
    grants: Grants, clock: FixedClock, ended: list[Granted]
):
    given_ = granted(clock)
    code = grants.code(given_, ASKED, 60)
    assert outcomes(6, lambda: grants.by_code(code, "portal", right)) == (1, 5)
    assert not grants.holds(given_.id)
    assert [each.id for each in ended] == [given_.id]


def test_of_many_who_bring_a_refresh_token_one_is_first_and_the_grant_ends(
    grants: Grants, clock: FixedClock, ended: list[Granted]
):
    given_ = granted(clock)
    token = grants.refresh_token(grants.by_code(grants.code(given_, ASKED, 60), "portal", right))
    assert outcomes(6, lambda: grants.refreshed(token, "portal", anything)) == (1, 5)
    assert not grants.holds(given_.id)
    assert [each.id for each in ended] == [given_.id]


def test_a_refresh_that_asks_for_too_much_leaves_the_token_good(grants: Grants, clock: FixedClock):
    token = grants.refresh_token(grants.by_code(grants.code(granted(clock), ASKED, 60), "portal", right))

    def too_much(_: Granted) -> None:
        raise Refused("invalid_scope", "too much")

    with pytest.raises(Refused, match="too much"):
        grants.refreshed(token, "portal", too_much)
    assert grants.refreshed(token, "portal", anything)[0].client == "portal"


def test_what_ended_long_ago_is_forgotten(grants: Grants, clock: FixedClock, engine: Engine):
    grants.code(granted(clock), ASKED, 60)
    clock.advance(3 * 86_400)
    grants.code(granted(clock), ASKED, 60)
    with reading(engine) as connection:
        for table in (broker_grants, broker_secrets):
            assert connection.scalar(select(func.count()).select_from(table)) == 1


def test_a_barred_person_loses_everything_they_granted(grants: Grants, clock: FixedClock, engine: Engine):
    mine, anothers = granted(clock), granted(clock, subject="r2")
    for each in (mine, anothers):
        grants.code(each, ASKED, 60)
    with engine.begin() as connection:
        grants.end_all_of(connection, "r1")
    assert (grants.holds(mine.id), grants.holds(anothers.id)) == (False, True)


def test_a_remembered_choice_takes_the_place_of_an_earlier_one(grants: Grants, clock: FixedClock):
    grants.remember("r1", ASKED)
    grants.remember("r1", replace(ASKED, scopes=("openid", "profile"), resources=()))
    found = grants.consent("r1", "portal")
    assert found is not None
    assert (found.scopes, found.resources) == (frozenset({"openid", "profile"}), frozenset())
    assert grants.consent("r2", "portal") is None
    assert grants.forget("r1", "portal")
    assert grants.consents("r1") == []
    assert not grants.forget("r1", "portal")


steps = st.lists(st.sampled_from(["use", "reuse", "wait", "revoke", "stranger"]), max_size=12)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_after_any_misuse_nothing_of_the_line_is_good(grants: Grants, clock: FixedClock, acts: list[str]):
    given_ = granted(clock)
    newest = grants.refresh_token(grants.by_code(grants.code(given_, ASKED, 60), "portal", right))
    used: list[str] = []
    alive = True
    for act in acts:
        match act:
            case "use":
                if alive:
                    used.append(newest)
                    newest = grants.refreshed(newest, "portal", anything)[1]
            case "reuse":
                if used:
                    with pytest.raises(Refused):
                        grants.refreshed(used[0], "portal", anything)
                    alive = False
            case "wait":
                clock.advance(60)
            case "revoke":
                alive = not grants.revoke(given_.id, "portal") and alive
            case "stranger":
                with pytest.raises(Refused):
                    grants.refreshed(newest, "other", anything)
        assert grants.holds(given_.id) is alive
    if not alive:
        with pytest.raises(Refused):
            grants.refreshed(newest, "portal", anything)


def test_what_was_granted_in_a_browser_session_ends_with_it(
    grants: Grants, clock: FixedClock, engine: Engine
):
    within, another, lasting = (granted(clock, session=mark) for mark in ("s1", "s2", ""))
    for each in (within, another, lasting):
        grants.code(each, ASKED, 60)
    with engine.begin() as connection:
        grants.end_session(connection, "s1")
        grants.end_session(connection, "")
    assert [grants.holds(each.id) for each in (within, another, lasting)] == [False, True, True]


def test_of_who_is_forgotten_no_grant_no_choice_and_no_name_is_kept(
    grants: Grants, clock: FixedClock, engine: Engine
):
    mine, anothers = granted(clock), granted(clock, subject="r2")
    for each in (mine, anothers):
        grants.code(each, ASKED, 60)
        grants.remember(each.subject, ASKED)
    with engine.begin() as connection:
        grants.forget_person(connection, "r1")
    assert (grants.holds(mine.id), grants.holds(anothers.id)) == (False, True)
    assert (grants.name_of(mine.id), grants.name_of(anothers.id)) == ("", "R")
    assert (grants.consents("r1"), len(grants.consents("r2"))) == ([], 1)


def test_of_many_who_show_the_same_assertion_one_is_first(engine: Engine, clock: FixedClock):
    used, until = UsedAssertions(engine, clock), clock.now() + timedelta(minutes=5)
    with ThreadPoolExecutor(8) as pool:
        firsts = list(pool.map(lambda _: used.first_use("signer", "j-1", until), range(16)))
    assert firsts.count(True) == 1
    assert used.first_use("other", "j-1", until), "another client may call its own the same"
    assert used.first_use("signer", "j-2", until)
