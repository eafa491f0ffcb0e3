"""People, sessions and used-up logins: on SQLite and on PostgreSQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import count

import pytest
from sqlalchemy import Engine

from opengdi.identity.login.model import Identity, Lifetimes, LoginRefused
from opengdi.identity.login.people import People
from opengdi.identity.login.session_store import SessionStore
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.errors import Conflict

ALICE = Identity("https://idp.example.org", "alice", "Alice", "alice@example.org")


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 11, 29, tzinfo=UTC))


@pytest.fixture
def people(engine: Engine, clock: FixedClock) -> People:
    numbers = count(1)
    return People(engine, clock, lambda _: f"person-{next(numbers)}")


@pytest.fixture
def store(engine: Engine, clock: FixedClock) -> SessionStore:
    return SessionStore(engine, clock, Lifetimes())


def test_a_person_is_the_same_one_at_each_login_and_another_at_another_provider(people: People):
    assert people.arrive(ALICE).subject == people.arrive(ALICE).subject == "person-1"
    elsewhere = Identity("https://other.example.org", "alice")
    assert people.arrive(elsewhere).subject != "person-1"


def test_many_first_logins_at_once_make_one_person(people: People):
    with ThreadPoolExecutor(8) as pool:
        subjects = {person.subject for person in pool.map(people.arrive, [ALICE] * 16)}
    assert len(subjects) == 1


def test_a_person_has_times_name_and_address(people: People, clock: FixedClock):
    first = people.arrive(ALICE)
    clock.advance(100)
    people.arrive(ALICE)
    found = people.find(first.subject)
    assert (found.first, found.last) == (first.first, clock.now())
    assert [person.subject for person in people.at("ALICE@example.org")] == [first.subject]
    assert people.address(first.subject) == "alice@example.org"
    assert people.address("nobody") == ""


def test_erasing_ends_sessions_and_forgets_names_but_not_the_id(people: People, store: SessionStore):
    subject = people.arrive(ALICE).subject
    store.begin("id", subject, "sealed")
    assert people.erase(subject)
    assert not people.erase(subject)
    assert store.find("id") is None
    assert (people.find(subject).name, people.find(subject).email) == ("", "")
    assert people.address(subject) == ""
    assert people.arrive(ALICE).subject == subject


def test_what_fails_with_the_login_undoes_it(engine: Engine, clock: FixedClock):
    def refuse(*_: object) -> None:
        raise Conflict("no")

    people = People(engine, clock, lambda _: "person", refuse)
    with pytest.raises(Conflict):
        people.arrive(ALICE)
    assert people.at("alice@example.org") == []


def test_a_session_is_found_by_its_id_until_it_ends(people: People, store: SessionStore, clock: FixedClock):
    subject = people.arrive(ALICE).subject
    store.begin("id", subject, "sealed")
    found = store.find("id")
    assert found is not None
    assert (found.subject, found.name, found.sealed) == (subject, "Alice", "sealed")
    assert store.find("ID") is None
    clock.advance(1800)
    assert store.find("id") is None


def test_use_keeps_a_session_but_not_beyond_its_end(store: SessionStore, clock: FixedClock):
    store.begin("id", "person", "")
    for _ in range(23):
        clock.advance(1500)
        assert store.find("id") is not None
    clock.advance(1500)
    assert store.find("id") is None


def test_a_login_is_used_up_once_among_many_tries(store: SessionStore):
    def use(_: int) -> bool:
        try:
            store.use_up("state")
        except LoginRefused:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(use, range(16))) == 1
