"""Keys of programs and roles of people, on SQLite and PostgreSQL: given, found, ended, and written down each time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import count

import pytest
from sqlalchemy import Engine
from tests.unit.delivery.recorded import RecordedAudit

from opengdi.identity.duties.store import DutyBook
from opengdi.identity.machines.service import BELIEVED_S, Programs
from opengdi.identity.machines.store import MachineKeys
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.errors import Conflict, Invalid, NotAuthenticated, NotFound, NotPermitted, Unavailable
from opengdi.kernel.principal import Duty, Role, Tier
from opengdi.testing.identity import MASTER, key_id, key_token, program

CHAIR = Duty(Role.DAC_CHAIR, "ee.dac")


@dataclass
class Place:
    """The stores over one database."""

    keys: MachineKeys
    book: DutyBook
    programs: Programs
    engine: Engine
    clock: FixedClock
    audit: RecordedAudit


@pytest.fixture
def place(engine: Engine) -> Place:
    clock, audit, names = FixedClock(), RecordedAudit(), iter(["one", "two", "three"])
    keys = MachineKeys(engine, clock, audit, lambda: key_id(next(names)))
    numbers = count()
    book = DutyBook(engine, clock, audit, lambda: f"duty-{next(numbers)}")
    return Place(keys, book, Programs(keys, MASTER, clock), engine, clock, audit)


def actions(place: Place) -> list[str]:
    return [line[0] for line in place.audit.lines]


async def test_a_key_is_known_by_what_was_said_when_it_was_made(place: Place) -> None:
    terms = program("one", "provider:lab", "auditor", registered=True, paths=("/s3",), methods=("GET", "PUT"))
    made = place.keys.new(terms, "operator:0")
    assert place.keys.find(made.id) == made
    assert place.keys.all() == (made,)
    who = await place.programs.principal(key_token("one"), "PUT", "/s3/lab/a.bam")
    assert who is not None
    assert (who.subject, who.tier, who.duties) == (f"key:{made.id}", Tier.REGISTERED, terms.duties)
    assert who.is_program
    assert not who.visas


async def test_a_key_that_is_taken_back_opens_nothing_a_second_later(place: Place) -> None:
    made = place.keys.new(program("one", "auditor"), "operator:0")
    assert await place.programs.principal(key_token("one"), "GET", "/")
    place.keys.revoke(made.id, "operator:0")
    place.keys.revoke(made.id, "operator:0")
    place.clock.advance(BELIEVED_S)
    with pytest.raises(NotAuthenticated):
        await place.programs.principal(key_token("one"), "GET", "/")
    assert actions(place) == ["key.new", "key.revoke"]


async def test_a_key_is_not_for_other_paths_methods_and_times(place: Place) -> None:
    until = place.clock.now() + timedelta(hours=1)
    place.keys.new(program("one", "auditor", paths=("/audit",), methods=("GET",), until=until), "operator:0")
    for method, path in (("POST", "/audit"), ("GET", "/auditors"), ("GET", "/")):
        with pytest.raises(NotPermitted):
            await place.programs.principal(key_token("one"), method, path)
    assert await place.programs.principal(key_token("one"), "HEAD", "/audit/x")
    place.clock.advance(3600)
    with pytest.raises(NotAuthenticated):
        await place.programs.principal(key_token("one"), "GET", "/audit")


async def test_a_key_that_was_never_made_is_refused(place: Place) -> None:
    with pytest.raises(NotAuthenticated):
        await place.programs.principal(key_token("nobody"), "GET", "/")
    with pytest.raises(NotFound):
        place.keys.revoke(key_id("nobody"), "operator:0")


def test_two_keys_in_use_have_two_names(place: Place) -> None:
    made = place.keys.new(program("one", "auditor"), "operator:0")
    with pytest.raises(Conflict):
        place.keys.new(program("one", "auditor"), "operator:0")
    place.keys.revoke(made.id, "operator:0")
    assert place.keys.new(program("one", "auditor"), "operator:0").id != made.id


@pytest.mark.parametrize("life", [None, timedelta(days=30)])
async def test_a_key_is_followed_by_another_and_it_is_known_when_each_was_used(
    place: Place, life: timedelta | None
) -> None:
    until = None if life is None else place.clock.now() + life
    old = place.keys.new(program("one", "auditor", until=until), "operator:0")
    place.clock.advance(86_400)
    new = place.keys.rotate(old.id, timedelta(days=2), "operator:1")
    assert place.keys.find(new.id) == new
    assert new.terms.until == (None if life is None else place.clock.now() + life)
    assert place.keys.find(old.id).terms.until == place.clock.now() + timedelta(days=2)
    with pytest.raises(Conflict, match=new.id):
        place.keys.rotate(old.id, timedelta(days=2), "operator:1")
    assert await place.programs.principal(key_token("one"), "GET", "/")
    assert place.keys.find(old.id).last_used == place.clock.now()
    assert place.keys.find(new.id).last_used is None
    place.clock.advance(2 * 86_400)
    with pytest.raises(NotAuthenticated):
        await place.programs.principal(key_token("one"), "GET", "/")
    assert await place.programs.principal(key_token("two"), "GET", "/")
    assert actions(place) == ["key.new", "key.rotate"]


def test_a_role_holds_from_when_it_was_given_until_it_ends(place: Place) -> None:
    until = place.clock.now() + timedelta(days=1)
    place.book.give("ada", CHAIR, "operator:0", until)
    second = place.book.give("ada", Duty(Role.AUDITOR), "operator:0")
    assert place.book.of("ada") == {CHAIR, Duty(Role.AUDITOR)}
    assert place.book.holders(Role.DAC_CHAIR, "ee.dac") == ("ada",)
    place.clock.advance(86_400)
    assert place.book.of("ada") == {Duty(Role.AUDITOR)}
    place.book.end(second.id, "operator:0")
    place.book.end(second.id, "operator:0")
    assert place.book.of("ada") == frozenset()
    assert [each.id for each in place.book.all()] == ["duty-0", "duty-1"], "nothing is ever deleted"
    assert actions(place) == ["duty.give", "duty.give", "duty.end"]


def test_a_role_that_was_kept_for_an_address_is_of_whoever_logs_in_with_it(place: Place) -> None:
    place.book.give("Chair@Example.org", CHAIR, "operator:0")
    assert place.book.of("ada") == frozenset()
    with place.engine.begin() as connection:
        assert place.book.recognise(connection, "eve", "other@example.org") == 0
        assert place.book.recognise(connection, "ada", "chair@EXAMPLE.org") == 1
    with place.engine.begin() as connection:
        assert place.book.recognise(connection, "mallory", "chair@example.org") == 0
    assert place.book.of("ada") == {CHAIR}
    assert place.book.of("") == place.book.of("mallory") == frozenset()
    assert not any("example.org" in repr(line).lower() for line in place.audit.lines)


def test_nobody_is_given_a_role_twice_or_in_the_past(place: Place) -> None:
    place.book.give("ada", CHAIR, "operator:0")
    with pytest.raises(Conflict):
        place.book.give("ada", CHAIR, "operator:0")
    with pytest.raises(Invalid):
        place.book.give("eve", CHAIR, "operator:0", place.clock.now())
    with pytest.raises(Invalid):
        place.book.give("eve", Duty(Role.PROVIDER), "operator:0")
    with pytest.raises(Invalid):
        place.book.give("not one word", CHAIR, "operator:0")
    with pytest.raises(NotFound):
        place.book.end("duty-9", "operator:0")


class _KeysOfABusyDatabase(MachineKeys):
    """Notes no use while it is busy."""

    busy = True

    def note_use(self, id_: str) -> None:
        if self.busy:
            raise Unavailable("the database is locked")
        super().note_use(id_)


async def test_a_program_is_let_in_while_its_use_cannot_be_noted(place: Place) -> None:
    made = place.keys.new(program("one", "auditor"), "operator:0")
    keys = _KeysOfABusyDatabase(place.engine, place.clock, place.audit, lambda: key_id("two"))
    programs = Programs(keys, MASTER, place.clock)
    assert await programs.principal(key_token("one"), "GET", "/") is not None
    assert place.keys.find(made.id).last_used is None
    keys.busy = False
    assert await programs.principal(key_token("one"), "GET", "/") is not None
    assert place.keys.find(made.id).last_used == place.clock.now()
