"""What is forgotten of people and of what has been over for long; what happened stays, on both databases."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, select
from tests.applications_kit import COLLEAGUE, COORDINATOR, EE, FI, RESEARCHER, Kit
from tests.contract.test_access_cases import CASE, KEY, Committee
from tests.sqlite import migrated_engine
from tests.unit.access.cases.deliberation import offer_json

from opengdi.access.applications import erasing as applications
from opengdi.access.applications.story import APPLICATIONS
from opengdi.access.cases import erasing as cases
from opengdi.access.cases.model import State
from opengdi.access.cases.story import STORY
from opengdi.access.decision import open_decision
from opengdi.access.texts import Texts, Written, access_texts, erase_contacts, erase_texts, keep_texts
from opengdi.apps.access_wire import open_node_wire
from opengdi.apps.doors import duty_book
from opengdi.apps.erasure import NodeErasing
from opengdi.apps.node import open_state as open_node
from opengdi.apps.settings import Settings
from opengdi.identity.duties.store import DutyBook, duties_given
from opengdi.identity.login.model import Identity
from opengdi.identity.login.people import People
from opengdi.kernel.clock import FixedClock, SystemClock
from opengdi.kernel.database import reading, settle
from opengdi.kernel.erasure import Erasures
from opengdi.kernel.errors import Invalid
from opengdi.kernel.feed import Notice
from opengdi.kernel.keys import SigningKey
from opengdi.kernel.outbox import Outbox, outbox
from opengdi.kernel.principal import Duty, Role

APPLICANT = offer_json()["application"]["applicant"]["subject"]
MEMBER = offer_json()["application"]["members"][0]["subject"]


@pytest.fixture
def kit(engine: Engine, tmp_path: Path) -> Kit:
    return Kit(engine, tmp_path)


@pytest.fixture
def committee(engine: Engine) -> Committee:
    return Committee(engine, FixedClock())


def texts_in(engine: Engine, stream: str = "") -> list[str]:
    query = select(access_texts.c.body).where(access_texts.c.stream.startswith(stream))
    with reading(engine) as connection:
        return list(connection.scalars(query))


def forget(kit: Kit, subject: str) -> list[str]:
    with kit.engine.begin() as connection:
        found = applications.forget_person(connection, kit.applications, subject, "operator:1")
        erase_texts(connection, subject)
    return found


async def test_the_applications_of_somebody_end_and_are_emptied_but_what_happened_stays(kit: Kit):
    researcher = kit.client(RESEARCHER)
    submitted, draft = await researcher.submitted(EE, FI), await researcher.complete(EE)
    ledger = kit.applications.around.ledger
    before = ledger.events(APPLICATIONS, submitted)
    kit.notices.clear()
    assert set(forget(kit, RESEARCHER)) == {submitted, draft}
    assert texts_in(kit.engine) == []
    assert (kit.applications.state(submitted).state, kit.applications.state(draft).state) == (
        "withdrawn",
        "deleted",
    )
    assert [(node, kind) for node, kind, _ in kit.notices] == [
        ("ee.node", "case.withdrawn"),
        ("fi.node", "case.withdrawn"),
    ]
    after = ledger.events(APPLICATIONS, submitted)
    assert after[: len(before)] == before, "events are never edited"
    state = APPLICATIONS.fold(after)
    (line,) = [each for each in ledger.list(APPLICATIONS).lines if each.id == submitted]
    head = APPLICATIONS.head(state)
    assert (line.state, line.summary["applicant"]) == (head.state, RESEARCHER)
    told = await kit.client(COORDINATOR).get(f"/applications/{submitted}")
    assert (told["title"], told["versions"][0]["digest"]) == ("", state.versions[0].digest)
    assert forget(kit, RESEARCHER) == [submitted], (
        "doing it again is no error; the draft concerns nobody any more"
    )


@pytest.mark.parametrize("granted", [True, False])
async def test_what_was_decided_ends_too(kit: Kit, granted: bool):
    id_ = await kit.client(RESEARCHER).submitted(EE)
    digest = kit.applications.state(id_).versions[0].digest
    kit.decided(f"{id_}.ee.dac", "ee.node", digest, {EE: granted})
    forget(kit, RESEARCHER)
    assert kit.applications.state(id_).state == ("revoked" if granted else "closed")


async def test_who_is_forgotten_leaves_the_applications_of_others(kit: Kit):
    researcher, colleague = kit.client(RESEARCHER), kit.client(COLLEAGUE)
    id_ = await researcher.complete(EE)
    invitation = (await researcher.do(id_, "invite-member", subject=COLLEAGUE))["invitation"]
    await colleague.do(id_, "accept-invitation", invitation=invitation)
    other = await researcher.complete(FI)
    await researcher.do(other, "invite-member", subject=COLLEAGUE)
    written = len(texts_in(kit.engine, f"application:{id_}"))
    assert forget(kit, COLLEAGUE) == []
    assert kit.applications.state(id_).members == ()
    assert kit.applications.state(other).invitations == ()
    assert len(texts_in(kit.engine, f"application:{id_}")) == written


async def test_what_another_applicant_took_over_is_not_forgotten_with_the_first(kit: Kit):
    researcher, colleague = kit.client(RESEARCHER), kit.client(COLLEAGUE)
    id_ = await researcher.complete(EE)
    invitation = (await researcher.do(id_, "invite-member", subject=COLLEAGUE))["invitation"]
    await colleague.do(id_, "accept-invitation", invitation=invitation)
    await researcher.do(id_, "submit")
    await kit.client(COORDINATOR).do(id_, "change-applicant", subject=COLLEAGUE)
    assert forget(kit, RESEARCHER) == []
    assert (await colleague.get(f"/applications/{id_}"))["title"] == "Rare variants"


async def test_what_was_over_long_enough_is_emptied_and_nodes_are_told(kit: Kit):
    researcher = kit.client(RESEARCHER)
    over, running = await researcher.submitted(EE), await researcher.submitted(EE)
    await researcher.do(over, "withdraw")
    ended, kept = kit.clock.now(), timedelta(days=100)
    assert applications.over_since(kit.applications, ended) == []
    found = applications.over_since(kit.applications, ended + kept)
    assert [each.id for each in found] == [over]
    told: list[tuple[str, str, Mapping[str, Any]]] = []

    def tell(
        _connection: Connection, node: str, kind: str, body: Mapping[str, Any], /, *, about: str = ""
    ) -> None:
        told.append((node, kind, body))

    with kit.engine.begin() as connection:
        applications.forget_over(connection, found[0], tell)
    assert told == [("ee.node", "case.erased", {"case": f"{over}.ee.dac"})]
    assert texts_in(kit.engine, f"application:{over}") == []
    assert texts_in(kit.engine, f"application:{running}")
    assert applications.over_since(kit.applications, ended + kept) == [], "once is enough"


def test_a_node_forgets_an_applicants_case_but_not_what_its_body_signed(committee: Committee):
    committee.hear("case.offered", offer_json())
    committee.grant()
    committee.act("one", "remark", text="I have my doubts")
    before = committee.ledger.events(STORY, CASE)
    jws = committee.ledger.state(STORY, CASE).decided.jws

    def told(subject: str, hub: str) -> list[str]:
        with committee.engine.begin() as connection:
            return cases.forget_person(connection, committee.ledger, subject, hub)

    assert told(APPLICANT, "other.hub") == [], "a hub speaks of its own people only"
    assert told("one", "eu.hub") == [], "what a member wrote is the body's record"
    written = texts_in(committee.engine)
    assert "I have my doubts" in written
    assert told(APPLICANT, "eu.hub") == [CASE]
    (signed,) = texts_in(committee.engine)
    assert Texts(committee.engine).of([jws])[jws] == signed
    assert open_decision(signed, [KEY.public], body="ee.dac").case == CASE
    assert committee.ledger.events(STORY, CASE) == before
    assert committee.state() is State.DECIDED


def test_a_member_of_a_project_takes_their_own_words_along(committee: Committee):
    committee.hear("case.offered", offer_json())
    with committee.engine.begin() as connection:
        keep_texts(connection, STORY.stream(CASE), [Written("m1", MEMBER, "mine")])
    before = texts_in(committee.engine)
    with committee.engine.begin() as connection:
        assert cases.forget_person(connection, committee.ledger, MEMBER, "eu.hub") == []
    assert sorted(texts_in(committee.engine)) == sorted(set(before) - {"mine"})


def test_a_hub_has_only_what_is_over_forgotten(committee: Committee):
    committee.hear("case.offered", offer_json())

    def told(hub: str, case: str = CASE) -> None:
        with committee.engine.begin() as connection:
            notice = Notice(1, "case.erased", committee.clock.now(), {"case": case})
            cases.take_erased(connection, committee.ledger, notice, hub)

    for hub, case, why in (
        ("eu.hub", CASE, "only what is over"),
        ("other.hub", CASE, "is not of"),
        ("eu.hub", "GDIA-9.ee.dac", "is not of"),
    ):
        with pytest.raises(Invalid, match=why):
            told(hub, case)
    committee.hear("case.withdrawn", {"case": CASE})
    told("eu.hub")
    assert texts_in(committee.engine) == []


def test_who_is_named_by_their_address_is_forgotten_by_it(engine: Engine):
    about = {
        "invitation:1": '{"name":"Ada","email":"Ada@example.org"}',
        "contact:GDIO-1": "Ada Lovelace <ada@example.org>",
        "provider:lab": "Ben <ben@example.org>",
        "case:1": "Ada <ada@example.org>",
    }
    with engine.begin() as connection:
        keep_texts(connection, "s", [Written(name, name, body) for name, body in about.items()])
        assert erase_contacts(connection, ["ada@example.org"]) == 2
    assert sorted(texts_in(engine)) == ["Ada <ada@example.org>", "Ben <ben@example.org>"]


def test_roles_keep_no_address_and_nobody_comes_for_those_that_waited(engine: Engine, kit: Kit):
    book = DutyBook(engine, FixedClock(), kit.audit)
    duty = Duty(Role.DAC_MEMBER, "ee.dac")
    book.give("ada@example.org", duty, "operator:1")
    with engine.begin() as connection:
        book.recognise(connection, "ada", "ada@example.org")
    book.give("ada@example.org", Duty(Role.AUDITOR), "operator:1")
    book.give("ben@example.org", duty, "operator:1")
    with engine.begin() as connection:
        book.forget_addresses(connection, "ada", ["ADA@example.org"], "hub:eu.hub")
    with reading(engine) as connection:
        assert sorted(connection.scalars(select(duties_given.c.email))) == ["", "", "ben@example.org"]
    assert book.of("ada") == {duty}
    with engine.begin() as connection:
        assert book.recognise(connection, "eve", "ada@example.org") == 0
        book.end_all_of(connection, "ada", "operator:1")
    assert book.of("ada") == frozenset()


def test_events_about_what_was_forgotten_are_not_sent_any_more(engine: Engine):
    unsent = Outbox(engine, FixedClock(), source="ee.node", new_id=iter("abc").__next__)
    with engine.begin() as connection:
        for case in ("c1", "c2"):
            unsent.write(connection, "eu.gdi.case.asked", case, {"text": "Who are you?"}, to="eu.hub")
        assert unsent.drop(connection, ["c1"]) == 1
    assert unsent.backlog(to="eu.hub").waiting == 1


def test_it_is_known_who_has_carried_out_an_erasure(engine: Engine):
    erasures = Erasures(engine, FixedClock())
    with engine.begin() as connection:
        erasures.ask(connection, "e1", "ada", "operator:1")
        erasures.carried_out(connection, "e1", "ee.node")
        erasures.carried_out(connection, "e1", "ee.node")
    (found,) = erasures.all()
    assert (found.subject, list(found.done)) == ("ada", ["ee.node"])
    with engine.begin() as connection, pytest.raises(Invalid, match="no erasure"):
        erasures.carried_out(connection, "e2", "ee.node")


def test_a_file_of_sqlite_holds_nothing_of_what_was_erased(tmp_path: Path):
    engine = migrated_engine(tmp_path / "state.sqlite")
    with engine.begin() as connection:
        texts = [Written(str(n), "ada" if n % 3 else "ben", f"Quagga {n % 3} " * 200) for n in range(300)]
        keep_texts(connection, "s", texts)
    with engine.begin() as connection:
        assert erase_texts(connection, "ada") == 200
    settle(engine)
    content = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"Quagga 0" in content
    assert b"Quagga 1" not in content
    assert b"Quagga 2" not in content
    engine.dispose()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[NodeErasing]:
    """A node of two hubs, whose member Ada logs in by the broker of the first."""
    keys = [json.dumps(SigningKey.generate().public.as_jwk()) for _ in range(2)]
    hubs = [
        {"id": name, "url": f"https://{name}", "public_keys": [key]}
        for name, key in zip(("eu.hub", "other.hub"), keys, strict=True)
    ]
    settings = {
        "node": {"id": "ee.node", "data_dir": tmp_path / "node", "keys_dir": tmp_path / "keys"},
        "federation": {"hubs": hubs},
    }
    with open_node(Settings.model_validate(settings), SystemClock()) as state:
        people = People(state.engine, state.clock, lambda identity: identity.subject)
        people.arrive(Identity("https://eu.hub/oidc", "ada", "Ada", "ada@example.org"))
        book = duty_book(state)
        book.give("ada", Duty(Role.DAC_MEMBER, "ee.dac"), "operator:1")
        book.give("ada@example.org", Duty(Role.AUDITOR), "operator:1")
        erasing = NodeErasing(state, open_node_wire(state))
        erasing.listen()
        yield erasing


def known_at(node: NodeErasing) -> tuple[str, int, int]:
    """Her name, roles that wait for her address, and roles that she has."""
    people = People(node.state.engine, node.state.clock, lambda _: "")
    book = duty_book(node.state)
    waiting = [each for each in book.all() if each.email and not each.ended]
    return people.find("ada").name, len(waiting), len(book.of("ada"))


def tell(node: NodeErasing, hub: str) -> list[dict[str, Any]]:
    """A hub says that Ada is erased; what the node tells it then."""
    notice = Notice(1, "person.erased", node.state.clock.now(), {"subject": "ada", "erasure": "e1"})
    with node.state.engine.begin() as connection:
        for handle in node.wire.handlers_for(hub)["person.erased"]:
            handle(connection, notice)
    with reading(node.state.engine) as connection:
        rows = connection.execute(select(outbox.c.body).where(outbox.c.destination == hub)).scalars()
        return [json.loads(row) for row in rows]


def test_a_node_forgets_who_its_hub_says_and_answers_for_it(node: NodeErasing):
    (event,) = tell(node, "eu.hub")
    assert (event["type"], event["data"]) == ("eu.gdi.person.erased", {"erasure": "e1"})
    assert known_at(node) == ("", 0, 1), "which roles there are is the node's business"


def test_a_hub_cannot_have_the_people_of_another_hub_forgotten(node: NodeErasing):
    tell(node, "other.hub")
    assert known_at(node) == ("Ada", 1, 1)


def test_a_node_forgets_somebody_by_itself_with_their_roles(node: NodeErasing):
    assert node.erase("ada", "operator:1").subject == "ada"
    assert known_at(node) == ("", 0, 0)


def test_a_notice_that_names_nobody_is_refused(node: NodeErasing):
    notice = Notice(1, "person.erased", node.state.clock.now(), {"subject": "", "erasure": "e1"})
    with node.state.engine.begin() as connection, pytest.raises(Invalid, match="must be texts"):
        node.hear(connection, notice, "eu.hub")
