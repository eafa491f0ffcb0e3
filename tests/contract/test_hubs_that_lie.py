"""A node of two hubs, one of which lies: a hub is believed about its own people, permits and cases only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa
from sqlalchemy import Engine, event, text
from tests.contract.test_database_migrations import move
from tests.permit_kit import (
    ANNA,
    ASKED,
    BENO,
    HUB,
    HUB_KEY,
    LIAR,
    LIARS_KEY,
    NOW,
    PERMIT,
    Federation,
    approved,
    decision,
    opened,
    signed,
)

from opengdi.access.cases.belonging import organisations_of, take_standing
from opengdi.access.permits.document import sign_permit
from opengdi.access.permits.entitlements import store
from opengdi.access.permits.entitlements.model import Only
from opengdi.apps.migrations import migrate
from opengdi.kernel.database import open_engine, reading
from opengdi.kernel.errors import Invalid
from opengdi.kernel.feed import Notice


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    sqlite = request.param == "sqlite"
    engine = open_engine(
        tmp_path / "state.sqlite" if sqlite else request.getfixturevalue("empty_postgres_url")
    )
    yield engine
    engine.dispose()


@pytest.fixture
def federation(engine: Engine) -> Federation:
    return opened(engine)


def lies(federation: Federation, **more: object) -> None:
    """The other hub says of Anna whatever it likes."""
    body = {"subject": ANNA.subject, "organisation": "GDIO-LIE", "inGoodStanding": False, "terms": []}
    federation.hear("person.standing", body | more, LIAR)


def test_another_hub_takes_nothing_from_those_who_stand_well_at_their_own(federation: Federation):
    lies(federation)
    assert federation.usable(ANNA) == [ASKED.dataset]
    federation.stand(ANNA)  # whoever speaks last
    assert federation.usable(ANNA) == [ASKED.dataset]


def test_another_hub_gives_nothing_to_those_who_stand_badly_at_their_own(federation: Federation):
    federation.stand(ANNA, inGoodStanding=False)
    lies(
        federation,
        organisation=ANNA.organisation,
        inGoodStanding=True,
        terms=[f"{term}/1" for term in federation.demands.terms],
    )
    assert federation.usable(ANNA) == []
    federation.node.reconcile_now()
    assert federation.usable(ANNA) == []
    federation.stand(ANNA)
    assert federation.usable(ANNA) == [ASKED.dataset]


def test_another_hub_neither_changes_nor_ends_a_permit(federation: Federation):
    document = msgspec.structs.replace(federation.signed(PERMIT).document, iss=LIAR, version=9)
    federation.hear("permit.changed", {"permit": sign_permit(document, LIARS_KEY).jws}, LIAR)
    with pytest.raises(Invalid, match="of hub"):
        federation.hear("permit.ended", {"permit": PERMIT}, LIAR)
    assert federation.usable(ANNA) == [ASKED.dataset]


@pytest.mark.parametrize("people", [(), (ANNA.subject,)])
def test_a_hub_gives_nothing_back_by_another_number(federation: Federation, people: tuple[str, ...]):
    federation.node.revoke(PERMIT, by="s-holder", people=people)
    document = msgspec.structs.replace(federation.signed(PERMIT).document, permit="GDIP-AGAIN00000")
    federation.hear("permit.issued", {"permit": sign_permit(document, HUB_KEY).jws})
    federation.node.reconcile_now()
    assert federation.usable(ANNA) == []
    assert federation.usable(BENO) == ([ASKED.dataset] * 2 if people else [])


def test_what_the_body_decides_afterwards_may_open_it_by_another_number(federation: Federation):
    federation.node.revoke(PERMIT, by="s-holder")
    federation.clock.advance(60)
    federation.decided.append(decision(at=federation.clock.now()))
    again = signed(federation.decided[-1])
    document = msgspec.structs.replace(federation.signed(PERMIT).document, permit="GDIP-AGAIN00000")
    decisions = msgspec.convert([{"body": again.body, "jws": again.jws}], type(document.decisions))
    document = msgspec.structs.replace(document, decisions=decisions)
    federation.hear("permit.issued", {"permit": sign_permit(document, HUB_KEY).jws})
    assert federation.usable(ANNA) == [ASKED.dataset]


def test_a_committee_is_believed_to_be_where_the_hub_of_the_case_says(engine: Engine):
    def told(hub: str, organisation: str) -> None:
        body = {"subject": "s-member", "organisation": organisation}
        with engine.begin() as connection:
            take_standing(connection, Notice(0, "person.standing", NOW, body), hub)

    told(HUB, "GDIO-A")
    told(LIAR, "GDIO-B")
    assert organisations_of(engine, "s-member", HUB) == {"GDIO-A"}
    told(LIAR, "")
    assert organisations_of(engine, "s-member", HUB) == {"GDIO-A"}
    assert organisations_of(engine, "s-member", LIAR) == frozenset()


def test_a_standing_costs_what_the_permits_of_that_person_cost(engine: Engine):
    """However many permits others have."""
    federation = opened(engine)
    alone = work_of(federation)
    for number in range(2, 22):
        theirs = decision(application=f"GDIA-{number}", case=f"GDIA-{number}.{ASKED.body}")
        who = replace(BENO, subject=f"s-{number}")
        federation.people[theirs.case] = {who.subject}
        made = approved(signed(theirs), application=theirs.application, applicant=who, members=())
        federation.settle(made)
        federation.stand(who)
    federation.deliver()
    assert work_of(federation) == alone
    assert len(federation.usable(replace(BENO, subject="s-21"))) == 1


def work_of(federation: Federation) -> tuple[int, int]:
    """Statements that a standing of Anna makes the node run, and cases that it looks into."""
    statements, before = list[str](), federation.looked_at

    def listen(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    event.listen(federation.engine, "before_cursor_execute", listen)
    federation.stand(ANNA)
    event.remove(federation.engine, "before_cursor_execute", listen)
    with reading(federation.engine) as connection:
        permits = store.open_permits(connection, Only(subject=ANNA.subject))
        assert set(store.standings(connection, Only(subject=ANNA.subject))) == {(HUB, ANNA.subject)}
    assert [each.permit for each in permits] == [PERMIT]
    return len(statements), federation.looked_at - before


def older(engine: Engine, *hubs: str) -> None:
    """A node of the version before, which followed these hubs, with one standing and one colleague."""
    move(engine, "0017")
    with engine.begin() as connection:
        for hub in hubs:
            connection.execute(
                text("INSERT INTO feed_cursors (source, number) VALUES (:hub, 1)"), {"hub": hub}
            )
        heard_at = sa.column("heard_at", sa.DateTime(timezone=True))
        person = {"subject": "s-anna", "organisation": "GDIO-A"}
        standings = sa.table(
            "heard_standings", *map(sa.column, [*person, "terms"]), sa.column("good", sa.Boolean()), heard_at
        )
        connection.execute(sa.insert(standings), person | {"terms": "[]", "good": True, "heard_at": NOW})
        connection.execute(sa.insert(sa.table("access_belonging", *map(sa.column, person))), person)


def heard(engine: Engine) -> list[tuple[str, str]]:
    with reading(engine) as connection:
        return sorted(store.standings(connection, Only()))


def test_what_was_heard_of_the_only_hub_stays_its_word(empty: Engine):
    older(empty, HUB)
    migrate(empty)
    assert heard(empty) == [(HUB, "s-anna")]
    move(empty, "0017")
    migrate(empty)
    assert heard(empty) == [(HUB, "s-anna")], "there and back"
    with reading(empty) as connection:
        assert isinstance(connection.scalar(sa.select(store.heard_standings.c.heard_at)), datetime)


def test_permits_and_what_was_taken_back_are_found_again_after_the_version_before(
    federation: Federation, engine: Engine
):
    federation.node.revoke(PERMIT, by="s-holder", people=[BENO.subject])
    move(engine, "0017")
    migrate(engine)
    federation.stand(ANNA)
    federation.stand(BENO)
    assert (federation.usable(ANNA), federation.usable(BENO)) == ([ASKED.dataset], [])
    document = msgspec.structs.replace(federation.signed(PERMIT).document, permit="GDIP-AGAIN00000")
    federation.hear("permit.issued", {"permit": sign_permit(document, HUB_KEY).jws})
    assert federation.usable(BENO) == []
    federation.stand(ANNA, inGoodStanding=False)
    assert federation.usable(ANNA) == []


def test_of_several_hubs_nobody_knows_who_said_it_so_it_opens_nothing(empty: Engine):
    older(empty, HUB, LIAR)
    migrate(empty)
    assert heard(empty) == []
    assert organisations_of(empty, "s-anna", HUB) == organisations_of(empty, "s-anna", LIAR) == {"GDIO-A"}
