"""Notices follow from what happens, once for each person, and reach them by e-mail whatever happens meanwhile."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Engine
from tests.applications_kit import COLLEAGUE, EE, OFFICIAL, RESEARCHER, Kit
from tests.onboarding_kit import (
    OPERATOR,
    REGISTRATION,
    Hub,
    a_hub,
    active_organisation,
    active_person,
    publish,
    publish_all,
)
from tests.permit_kit import ANNA, Federation
from tests.smtp_server import MailServer, a_mail_server

from opengdi.access.applications import erasing as applications
from opengdi.access.ledger import Ledger
from opengdi.access.notices.model import LONGEST_REST_S, State
from opengdi.access.notices.service import Means, Notices
from opengdi.access.notices.store import Fresh, NoticeBook, delete_letters, forget_person, newest
from opengdi.access.notices.wording import shipped_wording
from opengdi.access.organisations.model import PersonState
from opengdi.access.permits.evolution import STORY as PERMITS
from opengdi.apps.invitations import InvitationCodes
from opengdi.apps.notices import page_of
from opengdi.kernel.errors import Conflict, NotFound, Unavailable
from opengdi.kernel.keys import Secret
from opengdi.kernel.mail import FolderPost, Letter, Post, Security, SmtpPost, SmtpServer
from opengdi.kernel.principal import Role

TOLD = {"official@example.org", "researcher@example.org"}
URL = "https://hub.example.org"


@dataclass
class Offices:
    """Who holds which office, by table; everybody has an address, but for those in `unknown`."""

    officials_of: dict[str, Collection[str]] = field(default_factory=lambda: {"uni": (OFFICIAL,)})
    roles: dict[tuple[Role, str], Collection[str]] = field(default_factory=dict)
    mailboxes: dict[str, str] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    signing: Collection[str] = ()

    def officials(self, organisation: str) -> Collection[str]:
        return self.officials_of.get(organisation, ())

    def holders(self, role: Role, of: str = "") -> Collection[str]:
        return self.roles.get((role, of), ())

    def signers(self, *, of_people: bool) -> Collection[str]:
        return self.signing

    def mailbox(self, body: str) -> str:
        return self.mailboxes.get(body, "")

    def address(self, subject: str) -> str:
        return "" if subject in self.unknown else f"{subject}@example.org"

    def organisation(self, id_: str) -> str:
        return "University of Somewhere" if id_ else ""


class Box:
    """A post that keeps letters, or raises what it was told to."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.refusals: list[Exception] = []

    def deliver(self, letter: Letter) -> None:
        if self.refusals:
            raise self.refusals.pop(0)
        self.letters.append(letter)

    @property
    def told(self) -> list[tuple[str, str]]:
        """Whom letters are for, and the first words of their subjects."""
        return [
            (letter.to.partition("@")[0], letter.subject.partition(" GDIA")[0]) for letter in self.letters
        ]


class Codes:
    """As the kits make them."""

    def of_application(self, invitation: str) -> str:
        return f"code-of-{invitation}"

    def of_organisation(self, invitation: str) -> str:
        return f"code-of-{invitation:0>12}"


def notices_of(source: Kit | Hub, post: Post, offices: Offices | None = None, name: str = "n") -> Notices:
    ledger = source.applications.around.ledger if isinstance(source, Kit) else source.onboarding._ledger
    means = notices_like(ledger, NoticeBook(source.engine, source.clock), post, name)
    return Notices(replace(means, directory=offices or Offices()))


def notices_like(ledger: Ledger, book: NoticeBook, post: Post, name: str = "n") -> Means:
    numbers = count(1)
    return Means(
        ledger=ledger,
        book=book,
        directory=Offices(),
        codes=Codes(),
        wording=shipped_wording("en"),
        post=post,
        new_id=lambda: f"{name}{next(numbers):04}",
        link=lambda *what: f"{URL}{page_of(*what)}",
        url=lambda: URL,
        sender="noreply@hub.example.org",
        sender_name="The hub",
    )


@pytest.fixture
def kit(engine: Engine, tmp_path: Path) -> Kit:
    return Kit(engine, tmp_path)


@pytest.fixture
def box() -> Box:
    return Box()


async def asked_of_one_body(kit: Kit) -> str:
    id_ = await kit.client(RESEARCHER).submitted(EE)
    kit.event("eu.gdi.case.asked", "ee.node", case=f"{id_}.ee.dac", kind="question", text="Why those genes?")
    return id_


async def test_everybody_hears_of_their_own_part_and_of_nothing_else(kit: Kit, box: Box):
    notices = notices_of(kit, box)
    assert notices.derive() == 0
    id_ = await asked_of_one_body(kit)
    version = kit.applications.state(id_).versions[-1]
    kit.decided(f"{id_}.ee.dac", "ee.node", version.digest, {EE: True})
    while notices.derive():
        pass
    assert notices.send() == 5
    assert box.told == [
        (OFFICIAL, "Please confirm application"),
        (RESEARCHER, "Application"),
        (RESEARCHER, "A question about application"),
        (OFFICIAL, "ee.dac decided on application"),
        (RESEARCHER, "ee.dac decided on application"),
    ]
    assert (notices.derive(), notices.send()) == (0, 0), "each is told once"
    text = box.letters[2].text
    assert f"{URL}/requests/{id_}" in text
    assert "genes" not in text, "what was asked stands behind the login"
    assert not any("Rare variants" in letter.text + letter.subject for letter in box.letters)


async def test_what_happened_before_notices_began_is_past(kit: Kit, box: Box):
    await asked_of_one_body(kit)
    notices = notices_of(kit, box)
    assert (notices.derive(), notices.send()) == (0, 0)
    assert box.letters == []


async def test_an_invited_person_gets_the_code_and_nobody_else_does(kit: Kit, box: Box):
    notices = notices_of(kit, box)
    notices.derive()
    researcher = kit.client(RESEARCHER)
    id_ = await researcher.create(EE, title="Rare variants")
    told = await researcher.do(id_, "invite-member", email="new@example.org", name="New One")
    notices.derive()
    notices.send()
    [letter] = box.letters
    assert letter.to == "new@example.org"
    address = re.search(r"https://\S+", letter.text)
    assert address is not None
    assert address[0] == f"{URL}/requests/{id_}#invitation={told['invitation']}&token={told['token']}"
    with kit.engine.connect() as connection:
        for table in ("notices", "access_events", "access_texts"):
            rows = connection.exec_driver_sql(f"SELECT * FROM {table}").all()
            assert told["token"] not in repr(rows), f"{table} keeps the code"
    joined = await kit.client(COLLEAGUE).do(
        id_, "accept-invitation", invitation=told["invitation"], token=told["token"]
    )
    assert joined["members"]
    notices.derive()
    notices.send()
    assert box.told[1:] == [(RESEARCHER, "Somebody joined application")]


async def test_an_invitation_that_was_taken_back_is_not_sent_any_more(kit: Kit, box: Box):
    notices = notices_of(kit, box)
    notices.derive()
    researcher = kit.client(RESEARCHER)
    id_ = await researcher.create(EE, title="Rare variants")
    told = await researcher.do(id_, "invite-member", email="new@example.org", name="New One")
    late = await researcher.do(id_, "invite-member", email="late@example.org", name="Late One")
    notices.derive()
    await researcher.do(id_, "uninvite-member", invitation=told["invitation"])
    kit.clock.advance(timedelta(days=31).total_seconds())
    assert notices.send() == 0
    assert box.letters == []
    assert [each.state for each in notices.means.book.lines()] == [State.DROPPED, State.DROPPED]
    assert late["invitation"]


async def test_two_processes_write_each_notice_once(kit: Kit, box: Box):
    first, second = notices_of(kit, box, name="a"), notices_of(kit, box, name="b")
    first.derive()
    await asked_of_one_body(kit)
    before = second.means.book.read_up_to()
    first.derive()
    assert not second.means.book.write([], before, before + 1), "what was read is not read again"
    second.derive()
    written = first.means.book.lines()
    assert len({(each.rule, each.recipient, each.source.position) for each in written}) == len(written) == 3


async def test_a_server_that_is_away_loses_nothing_and_is_named(kit: Kit, tmp_path: Path):
    mood = MailServer()
    with a_mail_server(mood):
        pass
    notices = notices_of(kit, SmtpPost(SmtpServer("127.0.0.1", mood.port, Security.NONE, timeout_s=2)))
    notices.derive()
    await asked_of_one_body(kit)
    notices.derive()
    assert notices.send() == 0
    assert f"127.0.0.1:{mood.port}" in notices.trouble
    assert notices.means.book.counts()[State.WAITING] == 3
    with a_mail_server(mood):
        assert notices.send() == 3
    assert notices.trouble == ""
    assert [to for to, _ in mood.taken] == [
        f"{who}@example.org" for who in (OFFICIAL, RESEARCHER, RESEARCHER)
    ]


async def test_a_refused_letter_holds_up_no_other_and_waits_for_the_operator(kit: Kit):
    mood = MailServer(replies={"RCPT": ["550 no such user"]})
    with a_mail_server(mood):
        notices = notices_of(kit, SmtpPost(SmtpServer("127.0.0.1", mood.port, Security.NONE, timeout_s=2)))
        notices.derive()
        await asked_of_one_body(kit)
        notices.derive()
        assert notices.send() == 2
        book = notices.means.book
        [dead] = book.lines(states=[State.UNSENT])
        assert (dead.rule, "550" in dead.trouble) == ("confirmation-wanted", True)
        assert notices.send() == 0, "not again by itself"
        assert book.retry(dead.id).state is State.WAITING
        assert notices.send() == 1
        assert book.counts()[State.SENT] == 3
        with pytest.raises(NotFound):
            book.retry("nothing")


async def test_a_letter_that_always_brings_the_server_down_holds_up_no_other(kit: Kit, box: Box):
    notices = notices_of(kit, box)
    notices.derive()
    await asked_of_one_body(kit)
    notices.derive()
    box.refusals = [Unavailable("hung up")]
    assert notices.send() == 2
    assert notices.trouble == ""
    [held] = notices.means.book.lines(states=[State.WAITING])
    assert (held.attempts, held.trouble) == (1, "hung up")


async def test_a_server_that_is_away_is_not_asked_for_each_letter(kit: Kit, box: Box):
    notices = notices_of(kit, box)
    notices.derive()
    for _ in range(2):
        await asked_of_one_body(kit)
    notices.derive()
    box.refusals = [Unavailable("away")] * 6
    assert notices.send() == 0
    assert (len(box.refusals), notices.trouble) == (3, "away")


async def test_a_letter_that_is_not_taken_now_is_tried_less_and_less_often_and_given_up(kit: Kit):
    mood = MailServer(always={"RCPT": "450 come again"})
    with a_mail_server(mood):
        notices = notices_of(kit, SmtpPost(SmtpServer("127.0.0.1", mood.port, Security.NONE, timeout_s=2)))
        notices.derive()
        id_ = await kit.client(RESEARCHER).complete(EE)
        await kit.client(RESEARCHER).do(id_, "submit")
        notices.derive()
        book, begun, rests = notices.means.book, kit.clock.now(), []
        with pytest.raises(Conflict):
            book.retry(book.lines()[0].id)
        while (waiting := book.lines(states=[State.WAITING])) and waiting[0].due:
            kit.clock.advance(max(0.0, (waiting[0].due - kit.clock.now()).total_seconds()))
            assert notices.send() == 0
            [after] = book.lines()
            if after.due:
                rests.append((after.due - kit.clock.now()).total_seconds())
        [dead] = book.lines()
    assert dead.state is State.UNSENT
    assert dead.trouble.startswith("given up: ")
    assert rests[:4] == [60, 120, 240, 480]
    assert max(rests) == LONGEST_REST_S
    assert timedelta(days=5) <= kit.clock.now() - begun < timedelta(days=6)


async def test_a_process_killed_between_sending_and_writing_it_down_sends_the_same_letter_again(
    kit: Kit, box: Box, tmp_path: Path
):
    class Killed(BaseException):
        pass

    class Forgetful(NoticeBook):
        def end(self, *_: object) -> None:
            raise Killed

    folder = tmp_path / "mail"
    notices = notices_of(kit, FolderPost(folder))
    notices.derive()
    id_ = await kit.client(RESEARCHER).complete(EE)
    await kit.client(RESEARCHER).do(id_, "submit")
    notices.derive()
    killed = Notices(replace(notices.means, book=Forgetful(kit.engine, kit.clock)))
    with pytest.raises(Killed):
        killed.send()
    [before] = folder.iterdir()
    first = before.read_bytes()
    assert notices.send() == 1
    assert [file.read_bytes() for file in folder.iterdir()] == [first], "the same file, by the same name"


async def test_who_has_no_address_is_shown_to_the_operator(kit: Kit, box: Box):
    notices = notices_of(kit, box, Offices(unknown={OFFICIAL}))
    notices.derive()
    await asked_of_one_body(kit)
    notices.derive()
    assert notices.send() == 2
    [dead] = notices.means.book.lines(states=[State.UNSENT])
    assert (dead.recipient, "address" in dead.trouble) == (f"person:{OFFICIAL}", True)


async def test_news_can_be_declined_and_duties_cannot(kit: Kit, box: Box):
    notices = notices_of(kit, box)
    notices.derive()
    notices.means.book.decline(RESEARCHER, ["application-under-way", "question-asked"])
    await asked_of_one_body(kit)
    notices.derive()
    notices.send()
    assert (RESEARCHER, "A question about application") in box.told
    assert (RESEARCHER, "Application") not in box.told
    notices.means.book.decline(RESEARCHER, [])
    assert notices.means.book.declined(RESEARCHER) == frozenset()


async def test_the_applicant_hears_of_a_delay_though_nothing_else_changed(kit: Kit, box: Box):
    notices = notices_of(kit, box)
    notices.derive()
    id_ = await kit.client(RESEARCHER).submitted(EE)
    case = {"case": f"{id_}.ee.dac", "state": "vote", "clock": {}}
    kit.event("eu.gdi.case.changed", "ee.node", **case, events=["step-entered"])
    kit.event("eu.gdi.case.changed", "ee.node", **case, events=["delayed"])
    notices.derive()
    notices.send()
    late = [letter for letter in box.letters if "takes longer" in letter.subject]
    assert [letter.to for letter in late] == [f"{RESEARCHER}@example.org"]


async def test_an_event_that_nobody_understands_holds_up_no_other(kit: Kit, box: Box):
    notices = notices_of(kit, box)
    notices.derive()
    id_ = await asked_of_one_body(kit)
    with kit.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE access_events SET data = '{}' WHERE kind = 'submitted'")
        connection.exec_driver_sql(
            "UPDATE access_events SET data = '{\"asked\": 7}' WHERE kind = 'case-asked'"
        )
    kit.event("eu.gdi.case.asked", "ee.node", case=f"{id_}.ee.dac", kind="remark", text="Good.")
    while notices.derive():
        pass
    notices.send()
    assert (RESEARCHER, "A remark about application") in box.told


def test_an_organisation_is_told_step_by_step_and_codes_only_to_the_invited(tmp_path: Path):
    box = Box()
    with a_hub(tmp_path / "hub.sqlite") as hub:
        offices = Offices(roles={(Role.ONBOARDING_OPERATOR, ""): (OPERATOR,)})
        notices = notices_of(hub, box, offices)
        notices.derive()
        official = {"name": "Dean", "email": "dean@example.org"}
        answer = hub.told(
            "POST", "/access/v1/organisations", "registrar", REGISTRATION | {"official": official}
        )
        notices.derive()
        notices.send()
        assert sorted(letter.to for letter in box.letters) == ["dean@example.org", f"{OPERATOR}@example.org"]
        code = answer["invitationCode"]
        assert [letter.to for letter in box.letters if code in letter.text] == ["dean@example.org"]
        [invited] = [letter for letter in box.letters if code in letter.text]
        assert f"{URL}/invitation#{code}" in invited.text
        accept = "/access/v1/invitations/commands/accept-office"
        assert hub.told("POST", accept, "dean", {"code": code})["organisation"] == answer["id"]


def test_no_name_however_odd_holds_up_the_letters_of_others(tmp_path: Path):
    box = Box()
    with a_hub(tmp_path / "hub.sqlite") as hub:
        notices = notices_of(hub, box)
        notices.derive()
        for number, name in enumerate(('{"email": 7}', "{x", "a <b@example.org> <c", "x>")):
            official = {"name": name, "email": f"n{number}@example.org"}
            hub.told("POST", "/access/v1/organisations", "somebody", REGISTRATION | {"official": official})
        notices.derive()
        notices.send()
        assert {letter.to for letter in box.letters} == {f"n{number}@example.org" for number in range(4)}
        with hub.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE access_texts SET body = '{'")
        notices.means.book.retry(notices.means.book.lines()[0].id)
        notices.send()
        assert notices.means.book.counts()[State.WAITING] == 0


def test_the_holder_of_a_permit_is_told_from_its_beginning_to_its_end(engine: Engine):
    box, hub = Box(), Federation(engine)
    ledger = hub.hub._means.ledger
    notices = Notices(notices_like(ledger, NoticeBook(engine, hub.clock), box))
    notices.derive()
    permit = hub.settle()

    def told() -> list[str]:
        """Subjects of the letters to the holder since the last look."""
        box.letters.clear()
        while notices.derive():
            pass
        notices.send()
        return [letter.subject for letter in box.letters if letter.to.startswith(f"{ANNA.subject}@")]

    assert told() == [f"Permit {permit} was issued"]
    state = ledger.state(PERMITS, permit)
    assert f"{URL}/requests/{state.application}" in box.letters[0].text, "the page of its application"
    assert state.until is not None
    for days, said in (
        (61, [f"Permit {permit} is to be attested within 30 days"]),
        (60, [f"Permit {permit} ends within 60 days"]),
        (59, []),
        (30, [f"Permit {permit} ends within 30 days"]),
        (7, [f"Permit {permit} ends within 7 days"]),
        (0, [f"Permit {permit} has ended"]),
    ):
        hub.clock.advance((state.until - timedelta(days=days) - hub.clock.now()).total_seconds())
        hub.hub.pass_time()
        hub.hub.pass_time()
        assert [subject for subject in told() if "suspended" not in subject] == said


def test_ends_of_training_and_affiliation_are_told_in_time_and_once(tmp_path: Path):
    box = Box()
    with a_hub(tmp_path / "hub.sqlite") as hub:
        publish_all(hub)
        organisation = active_organisation(hub)
        person = active_person(hub, organisation)
        notices = notices_of(hub, box, Offices({organisation: ("official",)}))
        notices.derive()

        def announced_on(day: str) -> list[str]:
            """What is said on that day, to each the same."""
            then = datetime.fromisoformat(f"{day}T12:00:00+00:00")
            hub.clock.advance((then - hub.clock.now()).total_seconds())
            assert hub.onboarding.announce() in {0, 1}
            assert hub.onboarding.announce() == 0, "once each"
            box.letters.clear()
            notices.derive()
            notices.send()
            assert {letter.to for letter in box.letters} in (set(), TOLD)
            return sorted({letter.subject for letter in box.letters})

        assert announced_on("2027-05-30") == []
        assert announced_on("2027-06-05") == [
            "The affiliation for University of Somewhere ends on 2027-06-30"
        ]
        assert announced_on("2027-06-29") == [
            "The affiliation for University of Somewhere ends on 2027-06-30"
        ]
        assert announced_on("2027-07-01") == ["The affiliation for University of Somewhere has ended"]
        assert announced_on("2027-07-03") == []
        hub.command(person, "confirm-affiliation", "official", until="2028-06-30")
        assert announced_on("2027-08-01") == []
        assert announced_on("2027-11-01") == ["The training for University of Somewhere ends on 2027-11-30"]
        hub.command(person, "revoke", "official", reason="left")
        assert announced_on("2027-11-29") == ["Somebody no longer acts for University of Somewhere"]


def test_a_new_version_of_a_document_is_told_to_who_signs_it(tmp_path: Path):
    box = Box()
    with a_hub(tmp_path / "hub.sqlite") as hub:
        publish_all(hub)
        organisation = active_organisation(hub)
        assert hub.standings.all_officials() == {"official"}
        offices = Offices(signing=hub.standings.all_officials())
        notices = notices_of(hub, box, offices)
        notices.derive()
        publish(hub, "terms", "terms-of-service", "Version two.", bindingFrom="2027-03-01T00:00:00Z")
        notices.derive()
        notices.send()
        [letter] = box.letters
        assert letter.to == "official@example.org"
        assert "Version 2 of terms" in letter.text
        assert "2027-03-01" in letter.text
        hub.command(f"/access/v1/organisations/{organisation}", "close", OPERATOR, reason="merged")
        assert hub.standings.all_officials() == frozenset(), "a closed organisation signs nothing"


def erase(kit: Kit, *own: str) -> None:
    """The researcher is forgotten, as a hub does it."""
    with kit.engine.begin() as connection:
        before = newest(connection)
        applications.forget_person(connection, kit.applications, RESEARCHER, "operator:1", feed=kit.feed)
        forget_person(connection, RESEARCHER, [f"application:{id_}" for id_ in own], before)


@pytest.mark.parametrize("derived", [True, False], ids=["looked at before", "looked at after"])
async def test_nothing_of_before_is_told_to_who_is_erased_or_of_what_was_theirs(
    kit: Kit, box: Box, derived: bool
):
    notices = notices_of(kit, box)
    notices.derive()
    id_ = await asked_of_one_body(kit)
    if derived:
        notices.derive()
    erase(kit, id_)
    notices.derive()
    notices.send()
    assert box.told == [(OFFICIAL, "Application")], "that it was withdrawn"
    assert "withdrawn" in box.letters[0].text
    assert not any(RESEARCHER in each.recipient for each in notices.means.book.lines())


async def test_what_was_derived_before_an_erasure_and_is_written_after_it_is_not(kit: Kit, box: Box):
    notices = notices_of(kit, box)
    notices.derive()
    id_ = await asked_of_one_body(kit)

    class Slow(NoticeBook):
        def write(self, fresh: Iterable[Fresh], before: int, after: int) -> bool:
            found = list(fresh)
            assert {each.recipient for each in found} == {f"person:{who}" for who in (OFFICIAL, RESEARCHER)}
            erase(kit, id_)
            return super().write(found, before, after)

    Notices(replace(notices.means, book=Slow(kit.engine, kit.clock))).derive()
    assert notices.means.book.lines() == []
    notices.derive()
    assert [each.rule for each in notices.means.book.lines()] == ["application-withdrawn"]


async def test_who_is_erased_while_letters_are_sent_gets_none_of_those_that_wait(kit: Kit):
    class Erasing(Box):
        def deliver(self, letter: Letter) -> None:
            super().deliver(letter)
            erase(kit, id_)

    box = Erasing()
    notices = notices_of(kit, box)
    notices.derive()
    id_ = await asked_of_one_body(kit)
    notices.derive()
    assert notices.send() == 1, "the first of three"
    assert notices.send() == 0


async def test_who_comes_back_after_an_erasure_is_told_of_what_happens_then(kit: Kit, box: Box):
    notices = notices_of(kit, box)
    notices.derive()
    erase(kit)
    await asked_of_one_body(kit)
    notices.derive()
    notices.send()
    assert (RESEARCHER, "Application") in box.told


def test_nobody_is_told_of_a_person_who_was_erased_and_they_have_nothing_to_sign(tmp_path: Path):
    box = Box()
    with a_hub(tmp_path / "hub.sqlite") as hub:
        publish_all(hub)
        organisation = active_organisation(hub)
        notices = notices_of(hub, box, Offices({organisation: ("official",)}))
        notices.derive()
        active_person(hub, organisation)
        with hub.engine.begin() as connection:
            hub.onboarding.forget_person(connection, "researcher", "operator:1")
            forget_person(connection, "researcher")
        notices.derive()
        notices.send()
        assert box.letters == []
        assert set(hub.standings.subjects()) == {"researcher"}
        assert set(hub.standings.subjects(but=PersonState.REVOKED)) == set()


async def test_what_was_sent_long_ago_is_deleted_and_what_was_not_is_never(kit: Kit, tmp_path: Path):
    folder = FolderPost(tmp_path / "mail")
    notices = notices_of(kit, folder, Offices(unknown={OFFICIAL}))
    notices.derive()
    id_ = await asked_of_one_body(kit)
    notices.derive()
    assert notices.send() == 2
    book, sent = notices.means.book, kit.clock.now()
    kit.event("eu.gdi.case.asked", "ee.node", case=f"{id_}.ee.dac", kind="question", text="Why now?")
    notices.derive()
    kit.clock.advance(1)
    assert book.prune(sent) == 0
    assert book.prune(kit.clock.now()) == 2
    assert sorted(each.state for each in book.lines()) == [State.UNSENT, State.WAITING]
    assert len(list((tmp_path / "mail").iterdir())) == 2
    delete_letters(kit.engine, lambda which: folder.forget(which, ()))
    assert not list((tmp_path / "mail").iterdir())
    assert notices.send() == 1
    assert len(list((tmp_path / "mail").iterdir())) == 1


def test_codes_are_known_from_the_secret_and_from_nothing_else():
    one, other = InvitationCodes(Secret(b"a" * 32)), InvitationCodes(Secret(b"b" * 32))
    assert one.of_application("1") == InvitationCodes(Secret(b"a" * 32)).of_application("1")
    found = {
        one.of_application("1"),
        one.of_organisation("1"),
        one.of_application("2"),
        other.of_application("1"),
    }
    assert len(found) == 4
