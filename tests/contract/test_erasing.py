"""What is forgotten of people and of what has been over for long; what happened stays, on both databases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select
from tests.applications_kit import COLLEAGUE, COORDINATOR, EE, FI, OFFICIAL, RESEARCHER, TERMS, Kit
from tests.contract.test_access_cases import CASE, KEY, Committee
from tests.sqlite import migrated_engine
from tests.unit.access.cases.deliberation import offer_json

from opengdi.access.applications import erasing as applications
from opengdi.access.applications.story import APPLICATIONS
from opengdi.access.cases import erasing as cases
from opengdi.access.cases.model import Case, Command, State
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
from opengdi.kernel.errors import Conflict, Invalid
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
        found = applications.forget_person(connection, kit.applications, subject, "operator:1", feed=kit.feed)
        erase_texts(connection, subject, but_of="case:")
    return [each.id for each in found]


class Neighbour(Committee):
    """The Estonian committee, told by the hub of the kit; hears what it has not heard yet of the feed."""

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit.engine, kit.clock)
        self.kit, self.heard = kit, 0

    def tell(self, *_told: Any, to: str) -> None:
        assert to == "hub"

    def catch_up(self) -> list[str]:
        found = self.kit.feed.since(self.heard, "ee.node")
        for notice in found:
            self.heard = notice.number
            if notice.kind == "case.erased":
                with self.engine.begin() as connection:
                    cases.take_erased(connection, self.ledger, notice, "hub")
            else:
                self.hear(notice.kind, notice.body, "hub")
        return [notice.kind for notice in found]

    def forget_words(self, subject: str) -> None:
        with self.engine.begin() as connection:
            cases.forget_words(connection, self.ledger, subject, "hub")

    def do(self, who: str, case: str, command: str, **said: Any) -> None:
        self.service.act(self.person(who), case, Command(command), json.dumps(said).encode())

    def case(self, id_: str) -> Case:
        return self.ledger.state(STORY, id_)


async def submitted_by_two(kit: Kit) -> tuple[str, str]:
    """An application of the researcher with a colleague, and its case."""
    researcher, colleague = kit.client(RESEARCHER), kit.client(COLLEAGUE)
    id_ = await researcher.complete(EE)
    invitation = (await researcher.do(id_, "invite-member", subject=COLLEAGUE))["invitation"]
    await colleague.do(id_, "accept-invitation", invitation=invitation)
    await colleague.do(id_, "accept-terms", terms=[TERMS.id])
    await researcher.do(id_, "submit")
    return id_, f"{id_}.ee.dac"


async def hand_over(kit: Kit, id_: str) -> None:
    await kit.client(COORDINATOR).do(id_, "change-applicant", subject=COLLEAGUE)


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
    told = [(notice.kind, notice.body) for notice in kit.feed.since(0, "ee.node")]
    assert told[-1] == ("case.erased", {"case": f"{submitted}.ee.dac", "applicant": RESEARCHER})
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
    assert not applications.over_since(kit.applications, ended)
    found = applications.over_since(kit.applications, ended + kept)
    assert list(found) == [over]
    (heard,) = [each for each in kit.feed.since(0, "ee.node") if each.body["case"] == f"{running}.ee.dac"]
    forget_left(kit, over, found[over])
    told = [(each.kind, each.body["case"]) for each in kit.feed.since(0, "ee.node") if each != heard]
    case = f"{over}.ee.dac"
    assert told == [("case.withdrawn", case), ("case.erased", case)], "the offer was not heard, and is gone"
    assert texts_in(kit.engine, f"application:{over}") == []
    assert texts_in(kit.engine, f"application:{running}")
    assert not applications.over_since(kit.applications, ended + kept), "once is enough"


def forget_left(kit: Kit, id_: str, events: int) -> None:
    with kit.engine.begin() as connection:
        applications.forget_over(
            connection, kit.applications, id_, events, actor="system:time", feed=kit.feed
        )


async def test_what_nobody_has_touched_for_long_enough_ends_and_is_emptied(kit: Kit):
    researcher, node = kit.client(RESEARCHER), Neighbour(kit)
    draft, pending = await researcher.complete(EE), await researcher.complete(EE)
    await researcher.do(pending, "submit")
    rejected, returned = await researcher.submitted(EE), await researcher.submitted(EE)
    await researcher.submitted(FI)
    digest = kit.applications.state(rejected).versions[0].digest
    kit.decided(f"{rejected}.ee.dac", "ee.node", digest, {EE: False})
    node.catch_up()
    node.hear("case.withdrawn", {"case": f"{rejected}.ee.dac"}, "hub")  # over at its body, too
    node.do("chair", f"{returned}.ee.dac", "declare-interest", conflict=False)
    node.do("chair", f"{returned}.ee.dac", "request-change", text="Fewer variables")
    kit.event(
        "eu.gdi.case.asked", "ee.node", case=f"{returned}.ee.dac", kind="change", text="Fewer variables"
    )
    left = kit.clock.now()
    kit.clock.advance(timedelta(days=100).total_seconds())
    kit.event(
        "eu.gdi.case.changed",
        "ee.node",
        case=f"{returned}.ee.dac",
        state="waiting-for-applicant",
        events=["delayed"],
    )
    assert not applications.over_since(kit.applications, left)
    found = applications.over_since(kit.applications, left + timedelta(days=1))
    assert set(found) == {draft, pending, rejected, returned}, "and nothing that waits for a body"
    for id_, events in found.items():
        forget_left(kit, id_, events)
        assert texts_in(kit.engine, f"application:{id_}") == []
        assert all(file.redacted for file in kit.applications.state(id_).attachments)
    ends = {id_: kit.applications.state(id_).state.value for id_ in found}
    assert ends == {draft: "deleted", pending: "withdrawn", rejected: "closed", returned: "withdrawn"}
    assert node.catch_up() == ["case.erased", "case.withdrawn", "case.erased"], "none is refused as open"
    assert texts_in(kit.engine, f"case:{returned}") == []


async def test_what_somebody_comes_back_to_meanwhile_is_not_emptied(kit: Kit):
    id_ = await kit.client(RESEARCHER).complete(EE)
    found = applications.over_since(kit.applications, kit.clock.now() + timedelta(days=1))
    await kit.client(RESEARCHER).do(id_, "submit")
    with pytest.raises(Conflict, match="not left any more"):
        forget_left(kit, id_, found[id_])
    assert texts_in(kit.engine, f"application:{id_}")


@pytest.mark.parametrize("confirmed", ["before the hand-over", "after it"])
async def test_the_case_of_the_next_applicant_goes_on_when_the_first_is_forgotten(kit: Kit, confirmed: str):
    id_, case = await submitted_by_two(kit)
    node, official = Neighbour(kit), kit.client(OFFICIAL)
    if confirmed == "after it":
        await hand_over(kit, id_)
        await official.do(id_, "confirm")
        node.catch_up()
    else:
        await official.do(id_, "confirm")
        node.catch_up()
        await hand_over(kit, id_)
    forget(kit, RESEARCHER)
    node.catch_up()
    node.forget_words(RESEARCHER)
    asked = node.case(case)
    assert (asked.state, asked.application.applicant) == (State.CONFORMITY, COLLEAGUE)
    assert "Rare variants" in node.service.texts([asked.offer])[asked.offer]
    assert RESEARCHER in asked.application.people, "who asked before does not judge it"

    with kit.engine.begin() as connection:
        assert cases.forget_cases(connection, node.ledger, RESEARCHER, "hub") == [], "nor if the node says so"
        whose = select(access_texts.c.about).where(access_texts.c.id == asked.offer)
        assert connection.scalar(whose) == COLLEAGUE
    forget(kit, COLLEAGUE)
    assert node.catch_up() == ["case.withdrawn", "case.erased"]
    assert texts_in(kit.engine, f"case:{case}") == []


async def test_what_a_node_has_not_heard_of_the_next_applicants_case_is_still_told(kit: Kit):
    id_, case = await submitted_by_two(kit)
    node = Neighbour(kit)
    await kit.client(OFFICIAL).do(id_, "confirm")
    await hand_over(kit, id_)
    forget(kit, RESEARCHER)
    assert node.catch_up() == ["case.offered", "application.handed-over"]
    assert node.case(case).application.applicant == COLLEAGUE


async def test_an_answer_is_heard_without_its_words_so_that_nobody_waits_for_it_for_ever(kit: Kit):
    id_, case = await submitted_by_two(kit)
    node = Neighbour(kit)
    await kit.client(OFFICIAL).do(id_, "confirm")
    node.catch_up()
    for who in ("one", "chair"):
        node.do(who, case, "declare-interest", conflict=False)
    node.do("one", case, "ask-question", text="Which ancestry?")
    kit.event("eu.gdi.case.asked", "ee.node", case=case, kind="question", text="Which ancestry?")
    (question,) = kit.applications.state(id_).asked
    await kit.client(RESEARCHER).do(id_, "answer", answers=question.id, text="That of Quaggas")
    await hand_over(kit, id_)
    forget(kit, RESEARCHER)
    assert node.case(case).clock.stopped is not None
    assert node.catch_up() == ["application.message", "application.handed-over"]
    assert node.case(case).clock.stopped is None
    assert not any("Quagga" in text for text in texts_in(kit.engine))


async def test_what_a_former_applicant_wrote_goes_with_them(kit: Kit):
    id_, case = await submitted_by_two(kit)
    node = Neighbour(kit)
    await kit.client(OFFICIAL).do(id_, "confirm")
    await kit.client(RESEARCHER).do(id_, "remark", case=case, text="Quaggas are mine")
    await hand_over(kit, id_)
    node.catch_up()
    changed = {"case": case, "application": node_application(node, case) | {"members": [], "digest": "d2"}}
    node.hear("application.changed", changed, "hub")
    assert RESEARCHER not in node.case(case).application.people
    node.forget_words(RESEARCHER)
    assert not any("Quagga" in text for text in texts_in(kit.engine, "case:"))


def node_application(node: Neighbour, case: str) -> dict[str, Any]:
    offer = node.case(case).offer
    told = json.loads(node.service.texts([offer])[offer])["application"]
    return told | {"applicant": {"subject": COLLEAGUE, "organisation": "uni"}}


async def test_what_no_node_has_heard_of_an_application_that_ends_with_its_applicant_is_not_told(kit: Kit):
    await kit.client(RESEARCHER).submitted(EE)
    forget(kit, RESEARCHER)
    assert [notice.kind for notice in kit.feed.since(0, "ee.node")] == ["case.withdrawn", "case.erased"]


def test_a_node_forgets_an_applicants_case_but_not_what_its_body_signed(committee: Committee):
    committee.hear("case.offered", offer_json())
    committee.grant()
    committee.act("one", "remark", text="I have my doubts")
    before, texts = committee.ledger.events(STORY, CASE), texts_in(committee.engine)
    jws = committee.ledger.state(STORY, CASE).decided.jws

    def told(subject: str, hub: str) -> list[str]:
        with committee.engine.begin() as connection:
            return cases.forget_cases(connection, committee.ledger, subject, hub)

    assert told(APPLICANT, "other.hub") == [], "a hub speaks of its own people only"
    with committee.engine.begin() as connection:
        cases.forget_words(
            connection, committee.ledger, "one", "eu.hub"
        )  # what a member wrote is the body's record
        cases.forget_words(
            connection, committee.ledger, APPLICANT, "eu.hub"
        )  # the offer is the application's
    assert len(texts_in(committee.engine)) == len(texts)
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
        assert cases.forget_cases(connection, committee.ledger, MEMBER, "eu.hub") == []
        cases.forget_words(connection, committee.ledger, MEMBER, "eu.hub")
    assert sorted(texts_in(committee.engine)) == sorted(set(before) - {"mine"})


def test_a_hub_has_only_what_is_over_forgotten(committee: Committee):
    committee.hear("case.offered", offer_json())

    def told(hub: str, case: str = CASE, **more: str) -> None:
        with committee.engine.begin() as connection:
            notice = Notice(1, "case.erased", committee.clock.now(), {"case": case, **more})
            cases.take_erased(connection, committee.ledger, notice, hub)

    for hub, case, why in (
        ("eu.hub", CASE, "only what is over"),
        ("other.hub", CASE, "is not of"),
        ("eu.hub", "GDIA-9.ee.dac", "is not of"),
    ):
        with pytest.raises(Invalid, match=why):
            told(hub, case)
    with pytest.raises(Invalid, match="only what is over"):
        told("eu.hub", applicant=MEMBER)
    committee.hear("case.withdrawn", {"case": CASE})
    told("eu.hub")
    assert texts_in(committee.engine) == []


def test_a_case_that_is_open_is_emptied_if_its_applicant_is_forgotten(committee: Committee):
    committee.hear("case.offered", offer_json())
    with committee.engine.begin() as connection:
        notice = Notice(1, "case.erased", committee.clock.now(), {"case": CASE, "applicant": APPLICANT})
        assert cases.take_erased(connection, committee.ledger, notice, "eu.hub") == CASE
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


def test_a_log_that_somebody_reads_is_not_said_to_be_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("opengdi.kernel.database.BUSY_TIMEOUT_S", 0.1)
    engine = migrated_engine(tmp_path / "state.sqlite")
    with reading(engine) as connection:
        connection.exec_driver_sql("SELECT count(*) FROM access_texts").all()
        with engine.begin() as writer:
            keep_texts(writer, "s", [Written("1", "ada", "Quagga")])
        assert not settle(engine)
    assert settle(engine)
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


async def test_a_folder_of_letters_that_is_away_holds_up_no_notice(node: NodeErasing):
    folder = node.state.data_dir / "mail"
    folder.mkdir(exist_ok=True)
    (folder / "1-strange.eml").mkdir()  # can be read by nobody
    (folder / "2-hers.eml").write_bytes(b"To: Ada@example.org\r\n\r\nYou were granted.\r\n")
    assert tell(node, "eu.hub"), "it is carried out and said so"
    await node.wire.then()
    assert not (folder / "2-hers.eml").exists()
    (folder / "3-hers.eml").write_bytes(b"To: ada@example.org\r\n\r\nYou were granted.\r\n")
    (folder / "1-strange.eml").rmdir()
    await node.wire.then()
    assert not list(folder.iterdir()), "what could not be done is done later"


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
