"""From decisions to what people may use, and to its end: on SQLite and on PostgreSQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text
from tests.contract.test_database_migrations import move
from tests.permit_kit import (
    ANNA,
    ASKED,
    BENO,
    BODY,
    END,
    HUB,
    KEYS,
    MINDER,
    NOW,
    OTHER,
    PERMIT,
    Federation,
    approved,
    decision,
    opened,
    person,
    ruling,
    signed,
)

from opengdi.access.decision import Ruling
from opengdi.access.model import AskedDataset
from opengdi.access.permits import service
from opengdi.access.permits.entitlements.model import CaseWord
from opengdi.access.permits.entitlements.service import _RECONCILING
from opengdi.access.permits.model import Approved, Command, Permit, Person, State
from opengdi.access.permits.model import Role as PermitRole
from opengdi.access.texts import Texts, Written, keep_texts
from opengdi.apps.migrations import migrate
from opengdi.kernel.errors import Conflict, Invalid, NotFound, NotPermitted, Unavailable
from opengdi.kernel.principal import Role


@pytest.fixture
def federation(engine: Engine) -> Federation:
    return opened(engine)


def test_a_granted_dataset_is_usable_by_all_who_are_in_the_permit(federation: Federation):
    assert federation.usable(ANNA) == federation.usable(BENO) == [ASKED.dataset]
    grant = federation.node.current(ANNA.subject, NOW)[0]
    assert (grant.permit, grant.source, grant.asserted, grant.until) == (
        PERMIT, "https://ee.example.org/dac", NOW, END,
    )  # fmt: skip
    assert [line[0] for line in federation.node_lines.written] == ["entitlement.grant"] * 2


def test_settling_twice_issues_one_permit(federation: Federation):
    assert federation.settle() == PERMIT
    assert len(federation.hub.register().lines) == 1


def test_nothing_granted_is_no_permit(engine: Engine):
    federation = Federation(engine)
    assert federation.settle(approved(signed(decision(ruling(granted=False))))) == ""
    assert federation.feed.since(0, ASKED.node) == []


def test_a_decision_signed_by_somebody_else_is_refused(engine: Engine):
    federation = Federation(engine)
    for wrong in (
        signed(decision(), KEYS["stranger"]),
        signed(decision(body="stranger")),
        signed(decision(digest="d2")),
        signed(decision(application="GDIA-2")),
    ):
        with pytest.raises(Invalid, match="the decision of body"):
            federation.settle(approved(wrong))
    assert not federation.hub.register().lines


def test_what_is_lacking_means_no_and_comes_back_when_it_is_there(federation: Federation):
    for lack in (
        {"inGoodStanding": False},
        {"organisation": "GDIO-OTHER"},
        {"terms": []},
        {"terms": ["https://hub.example.org/documents/terms-of-somebody"]},
        {"until": NOW.isoformat()},
    ):
        federation.stand(ANNA, **lack)
        assert federation.usable(ANNA) == [], lack
        assert federation.usable(BENO) == [ASKED.dataset]
        federation.stand(ANNA)
        assert federation.usable(ANNA) == [ASKED.dataset]


def test_nobody_is_entitled_whom_no_case_names(engine: Engine):
    federation = opened(engine, people={f"GDIA-1.{ASKED.body}": {ANNA.subject}})
    assert federation.usable(ANNA) == [ASKED.dataset]
    assert federation.usable(BENO) == []


def test_training_that_ends_bounds_the_grant(federation: Federation):
    federation.stand(ANNA, until=(NOW + timedelta(days=10)).isoformat())
    assert federation.node.current(ANNA.subject, NOW)[0].until == NOW + timedelta(days=10)
    federation.pass_days(10)
    assert federation.usable(ANNA) == []


def test_a_node_takes_only_what_its_own_body_granted(engine: Engine):
    federation = opened(engine, people={f"GDIA-1.{ASKED.body}": {ANNA.subject}})
    federation.clock.advance(1)
    assert federation.usable() == [ASKED.dataset]
    both = approved(
        signed(decision()),
        signed(decision(ruling(OTHER), body="fi.dac", node="fi.node")),
        datasets=(ASKED, OTHER),
    )
    federation.settle(both)
    federation.deliver()
    assert federation.usable() == [ASKED.dataset]


@pytest.mark.parametrize(
    "stop, go_on",
    [(Command.SUSPEND, Command.RESUME), (Command.SLEEP, Command.WAKE)],
    ids=["suspended", "sleeping"],
)
def test_what_is_stopped_is_not_usable_until_it_goes_on(
    federation: Federation, stop: Command, go_on: Command
):
    who = MINDER if stop is Command.SUSPEND else person(ANNA.subject)
    federation.command(PERMIT, stop, who)
    assert federation.usable() == []
    assert federation.taken_back == [("permit", PERMIT, "", "")]
    federation.command(PERMIT, go_on, who)
    assert federation.usable() == [ASKED.dataset]


def test_revoked_is_revoked_at_once_and_for_ever(federation: Federation):
    before = federation.signed(PERMIT).jws
    revoked = federation.command(PERMIT, Command.REVOKE, MINDER, text="Breach of the rules")
    assert (revoked.state, revoked.ended_by) == (State.ENDED, "revoked")
    assert ("permit", PERMIT, "", "") in federation.taken_back
    assert federation.usable() == []
    federation.hear("permit.changed", {"permit": before})
    federation.hear("permit.issued", {"permit": before})
    federation.node.reconcile_now()
    assert federation.usable() == []
    with pytest.raises(Conflict):
        federation.command(PERMIT, Command.RESUME, MINDER)
    assert federation.settle() == PERMIT  # the same application is not granted anew by the same decisions
    federation.deliver()
    assert federation.usable() == []


def test_the_end_is_announced_and_then_it_is_the_end(federation: Federation):
    for days in (340, 30, 23):
        federation.pass_days(days)
        federation.command(PERMIT, Command.ATTEST)
        federation.pass_days(0)
        assert federation.usable() == [ASKED.dataset]
    announced = [
        each.data["days"] for each in federation.hub.events(PERMIT) if each.kind == "expiry-announced"
    ]
    assert announced == [60, 30, 7]
    federation.pass_days(7)
    permit, _ = federation.hub.open(PERMIT, MINDER)
    assert (permit.state, permit.ended_by) == (State.ENDED, "expired")
    assert federation.usable() == []
    assert federation.node.of_permit(PERMIT)[0].ended is not None


def test_who_does_not_attest_is_told_before_and_suspended_until_they_do(federation: Federation):
    for days in (305, 30, 23):
        federation.pass_days(days)
        federation.pass_days(0)
        assert federation.usable() == [ASKED.dataset]
    announced = [
        each.data["days"] for each in federation.hub.events(PERMIT) if each.kind == "attestation-announced"
    ]
    assert announced == [60, 30, 7]
    federation.pass_days(7)
    assert federation.hub.open(PERMIT, MINDER)[0].suspended_for == "attestation-missed"
    assert federation.usable() == []
    with pytest.raises(Conflict, match="attested"):
        federation.command(PERMIT, Command.RESUME, MINDER)
    federation.command(PERMIT, Command.ATTEST)
    assert federation.usable() == [ASKED.dataset]


def test_a_member_who_is_taken_out_loses_access_at_once(federation: Federation):
    federation.command(PERMIT, Command.AMEND, removePeople=[BENO.subject])
    assert federation.usable(BENO) == []
    assert federation.usable(ANNA) == [ASKED.dataset]
    assert federation.taken_back == [("dataset-subject", PERMIT, BENO.subject, ASKED.dataset)]


def test_a_member_may_leave(federation: Federation):
    federation.command(PERMIT, Command.LEAVE, person(BENO.subject))
    assert federation.usable(BENO) == []
    with pytest.raises(NotFound):
        federation.hub.open(PERMIT, person(BENO.subject))


def test_more_time_needs_the_deciders_again(federation: Federation):
    later = END + timedelta(days=100)
    asked = federation.command(PERMIT, Command.EXTEND, until=later.isoformat())
    assert (asked.extension, asked.until) == (later, END)
    again = decision(
        ruling(until=later),
        application="GDIA-2",
        digest="d2",
        case=f"GDIA-2.{ASKED.body}",
        at=NOW + timedelta(days=1),
    )
    federation.people |= {f"GDIA-2.{ASKED.body}": {ANNA.subject}}
    federation.settle(approved(signed(again), application="GDIA-2", digest="d2", extends=PERMIT))
    federation.deliver()
    permit, _ = federation.hub.open(PERMIT, MINDER)
    assert (permit.until, permit.extension) == (later, None)
    assert federation.node.current(ANNA.subject, NOW)[0].until == later


def test_the_holder_at_the_node_takes_back_at_once_and_the_hub_tells_everybody(federation: Federation):
    assert federation.node.revoke(PERMIT, by="s-holder", reason="Breach") == 2
    assert federation.usable() == []
    [(subject, told)] = federation.told
    assert subject == PERMIT
    with federation.engine.begin() as connection:
        federation.hub.ended_by_node(connection, ASKED.node, PERMIT, told)
    assert federation.hub.open(PERMIT, MINDER)[0].state is State.ENDED
    assert ("permit", PERMIT, "", "") in federation.taken_back
    with federation.engine.begin() as connection:  # told twice is told once
        federation.hub.ended_by_node(connection, ASKED.node, PERMIT, told)


def test_the_holder_may_take_back_one_persons_use_only(federation: Federation):
    assert federation.node.revoke(PERMIT, by="s-holder", people=[BENO.subject]) == 1
    assert federation.usable(BENO) == []
    assert federation.usable(ANNA) == [ASKED.dataset]
    [(_, told)] = federation.told
    with federation.engine.begin() as connection:
        federation.hub.ended_by_node(connection, ASKED.node, PERMIT, told)
    assert federation.taken_back[-1] == ("dataset-subject", PERMIT, BENO.subject, ASKED.dataset)
    assert federation.hub.open(PERMIT, MINDER)[0].state is State.ACTIVE
    assert federation.hub.opens(PERMIT).keys() == {(ANNA.subject, ASKED.dataset)}
    federation.command(PERMIT, Command.ATTEST)  # a later version of the permit does not bring it back
    assert federation.usable(BENO) == []


SECOND = AskedDataset("GDI-EE-COHORT-2", "1", ASKED.node, ASKED.body)


def on_appeal(*rulings: Ruling) -> Approved:
    """Three datasets were asked for; the third is granted later, by another body. rulings: of the first body."""
    later = signed(decision(ruling(OTHER), body="fi.dac", node="fi.node", at=NOW + timedelta(days=1)))
    return approved(
        signed(decision(*rulings)),
        later,
        datasets=(ASKED, SECOND, OTHER),
    )


def test_what_was_taken_out_does_not_come_back_with_a_later_decision(engine: Engine):
    federation = Federation(engine)
    both = signed(decision(ruling(), ruling(SECOND)))
    federation.settle(approved(both, datasets=(ASKED, SECOND, OTHER)))
    federation.command(PERMIT, Command.REVOKE, MINDER, datasets=[SECOND.dataset])
    federation.settle(on_appeal(ruling(), ruling(SECOND)))
    permit, _ = federation.hub.open(PERMIT, MINDER)
    assert [each.dataset for each in permit.datasets] == [ASKED.dataset, OTHER.dataset]


def test_what_a_body_that_decides_again_refuses_is_in_the_permit_no_longer(engine: Engine):
    federation = Federation(engine)
    both = signed(decision(ruling(), ruling(SECOND)))
    federation.settle(approved(both, datasets=(ASKED, SECOND, OTHER)))
    federation.settle(on_appeal(ruling(), ruling(SECOND, granted=False)))
    permit, _ = federation.hub.open(PERMIT, MINDER)
    assert [each.dataset for each in permit.datasets] == [ASKED.dataset, OTHER.dataset]
    assert ("dataset-subject", PERMIT, ANNA.subject, SECOND.dataset) in federation.taken_back


def test_who_became_applicant_after_the_grant_holds_what_is_granted_on_appeal(engine: Engine):
    federation = Federation(engine)
    first = on_appeal(ruling(), ruling(SECOND, granted=False))
    federation.settle(replace(first, decisions=first.decisions[:1]))
    with engine.begin() as connection:
        federation.hub.handed_over(connection, PERMIT, BENO.subject, actor="s-minder")
    later = decision(ruling(), ruling(SECOND), at=NOW + timedelta(days=1))
    granted = (signed(later), *first.decisions[1:])
    federation.settle(replace(first, applicant=BENO, members=(), decisions=granted))
    permit, roles = federation.hub.open(PERMIT, person(BENO.subject))
    assert (permit.holder, permit.members, roles) == (BENO, (), {PermitRole.HOLDER})
    assert [each.dataset for each in permit.datasets] == [ASKED.dataset, SECOND.dataset, OTHER.dataset]
    assert ("dataset-subject", PERMIT, ANNA.subject, ASKED.dataset) in federation.taken_back
    with pytest.raises(NotFound):
        federation.hub.open(PERMIT, person(ANNA.subject))
    federation.stand(ANNA)
    federation.stand(BENO)
    federation.deliver()
    assert (federation.usable(ANNA), federation.usable(BENO)) == ([], [ASKED.dataset])


def test_a_decision_finds_the_holder_also_where_the_new_applicant_had_left_the_permit(engine: Engine):
    federation = Federation(engine)
    federation.settle()
    federation.command(PERMIT, Command.LEAVE, person(BENO.subject))
    with engine.begin() as connection:
        federation.hub.handed_over(connection, PERMIT, BENO.subject, actor="s-minder")
    assert federation.hub.open(PERMIT, MINDER)[0].holder == ANNA
    again = signed(decision(at=NOW + timedelta(days=1)))
    federation.settle(approved(again, applicant=BENO, members=()))
    assert federation.hub.open(PERMIT, MINDER)[0].holder == BENO


def test_more_time_for_people_of_another_permit_changes_nothing(federation: Federation):
    before = federation.hub.open(PERMIT, MINDER)[0]
    again = decision(
        ruling(until=END + timedelta(days=9)), application="GDIA-2", case="GDIA-2.ee.dac", digest="d2"
    )
    stranger = Person("s-stranger", "GDIO-A")
    made = approved(signed(again), application="GDIA-2", digest="d2", applicant=stranger, extends=PERMIT)
    federation.settle(made)
    assert federation.hub.open(PERMIT, MINDER)[0] == before


def test_a_coordinator_does_not_let_a_permit_of_their_own_go_on(federation: Federation):
    federation.command(PERMIT, Command.SUSPEND, MINDER)
    for who in (ANNA, BENO):
        with pytest.raises(NotPermitted):
            federation.command(PERMIT, Command.RESUME, person(who.subject, Role.COORDINATOR))
    federation.command(PERMIT, Command.RESUME, MINDER)


def test_a_permit_that_cannot_be_changed_keeps_no_other_from_its_end(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    federation = opened(engine)
    theirs = decision(application="GDIA-2", case=f"GDIA-2.{ASKED.body}")
    second = federation.settle(approved(signed(theirs), application="GDIA-2"))
    rules_due = service.due

    def broken(permit: Permit, *rest: Any) -> Any:
        if permit.id == PERMIT:
            raise ValueError("an event that nobody can read")
        return rules_due(permit, *rest)

    monkeypatch.setattr(service, "due", broken)
    federation.clock.advance((END - NOW).total_seconds())
    with pytest.raises(Unavailable, match=PERMIT):
        federation.hub.pass_time()
    assert federation.hub.open(second, MINDER)[0].state is State.ENDED


@pytest.mark.parametrize("told", [{"people": ["s-nobody"]}, {"datasets": ["GDI-EE-COHORT-9"]}])
def test_what_is_meant_for_some_does_not_end_a_permit_for_all(federation: Federation, told: dict[str, Any]):
    with pytest.raises(Invalid, match="not in this permit"):
        federation.command(PERMIT, Command.REVOKE, MINDER, **told)
    with federation.engine.begin() as connection:  # somebody who left meanwhile
        federation.hub.ended_by_node(connection, ASKED.node, PERMIT, told)
    assert federation.hub.open(PERMIT, MINDER)[0].state is State.ACTIVE
    assert federation.usable(BENO) == [ASKED.dataset]


def test_a_node_takes_back_nothing_of_another_nodes(federation: Federation):
    with federation.engine.begin() as connection, pytest.raises(Invalid, match="names nothing"):
        federation.hub.ended_by_node(connection, "fi.node", PERMIT, {})


def test_a_permit_of_another_hub_or_a_forged_one_is_refused(federation: Federation):
    jws = federation.signed(PERMIT).jws
    for body, hub in (
        ({"permit": jws}, "other.hub"),
        ({"permit": jws[:-4] + "AAAA"}, HUB),
        ({"permit": 7}, HUB),
        ({}, HUB),
    ):
        with pytest.raises(Invalid):
            federation.hear("permit.changed", body, hub)
    with pytest.raises(Invalid, match="of hub"):
        federation.hear("permit.ended", {"permit": PERMIT}, "other.hub")


def test_an_end_that_is_heard_first_keeps_a_permit_from_ever_beginning(engine: Engine):
    federation = Federation(engine)
    federation.stand()
    federation.hear("permit.ended", {"permit": PERMIT, "reason": "revoked"})
    federation.settle()
    federation.deliver()
    assert federation.usable() == []


def test_who_has_nothing_to_do_with_a_permit_does_not_learn_of_it(federation: Federation):
    with pytest.raises(NotFound):
        federation.hub.open(PERMIT, person("s-stranger"))
    with pytest.raises(NotFound):
        federation.command(PERMIT, Command.REVOKE, person("s-stranger"))
    with pytest.raises(NotPermitted):
        federation.command(PERMIT, Command.REVOKE, person("s-auditor", Role.AUDITOR))
    with pytest.raises(NotPermitted):
        federation.command(PERMIT, Command.REVOKE)
    assert federation.hub.mine(person("s-stranger")).lines == ()
    assert len(federation.hub.mine(person(BENO.subject)).lines) == 1


def test_a_title_is_read_while_it_is_there_and_forgotten_with_its_author(
    federation: Federation, engine: Engine
):
    with engine.begin() as connection:
        written = Written("text-of-title", ANNA.subject, "For my sister Rosa")
        keep_texts(connection, "application:GDIA-1", [written])
    permit = federation.hub.open(PERMIT, MINDER)[0]
    assert federation.hub.title(permit) == "For my sister Rosa"
    assert federation.hub.register().lines[0].summary["title"] == "For my sister Rosa"
    Texts(engine).erase(ANNA.subject)
    assert federation.hub.title(permit) == ""
    assert federation.hub.register().lines[0].summary["title"] == ""
    assert federation.hub.mine(MINDER).lines[0].summary["title"] == ""


def test_a_permit_of_the_version_before_loses_its_title_to_where_it_can_be_erased(
    engine: Engine, federation: Federation
):
    move(engine, "0017")
    written = [
        ("access_events", "data", "stream = 'permit:GDIP-0000000001' AND kind = 'issued'"),
        ("access_heads", "summary", "stream = 'permit:GDIP-0000000001'"),
    ]
    with engine.begin() as connection:
        for table, column, where in written:
            was = connection.scalar(text(f"SELECT {column} FROM {table} WHERE {where}"))
            now = str(was).replace("text-of-title", "For my sister Rosa")
            connection.execute(text(f"UPDATE {table} SET {column} = :now WHERE {where}"), {"now": now})
    migrate(engine)
    permit = federation.hub.open(PERMIT, MINDER)[0]
    assert (federation.hub.title(permit), len(permit.title)) == ("For my sister Rosa", 32)
    assert federation.hub.register().lines[0].summary["title"] == "For my sister Rosa"
    Texts(engine).erase(ANNA.subject)
    assert federation.hub.register().lines[0].summary["title"] == ""


def test_the_register_names_no_person(federation: Federation):
    [line] = federation.hub.register().lines
    assert line.summary["organisation"] == "GDIO-A"
    assert ANNA.subject not in str(line.summary)
    assert BENO.subject not in str(line.summary)


def test_the_timer_writes_nothing_and_waits_for_nobody_where_all_is_as_it_should_be(federation: Federation):
    with federation.engine.begin() as writer:
        if writer.dialect.name == "postgresql":
            writer.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _RECONCILING})
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(federation.node.reconcile_now).result(timeout=8) == 0


def test_a_permit_that_cannot_be_looked_at_holds_up_no_other(federation: Federation):
    other = federation.settle(
        approved(signed(decision(application="GDIA-2", case=f"GDIA-2.{BODY}")), application="GDIA-2")
    )
    federation.people[f"GDIA-2.{BODY}"] = {ANNA.subject}
    federation.deliver()
    assert {each.permit for each in federation.node.current(ANNA.subject, NOW)} == {PERMIT, other}

    def fails(connection: Connection, application: str) -> list[CaseWord]:
        if application == "GDIA-1":
            raise ValueError("an event that nobody can read")
        return federation.words(connection, application)

    federation.node = federation.node_with(federation.demands, case_words=fails)
    federation.clock.advance((END - NOW).total_seconds())
    with pytest.raises(Unavailable, match=PERMIT):
        federation.node.reconcile_now()
    assert [each.ended is None for each in federation.node.of_permit(other)] == [False]
