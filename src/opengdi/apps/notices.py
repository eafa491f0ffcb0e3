"""Wiring of notices: who holds which office, how people are reached, and who takes letters away."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from opengdi.access.ledger import Ledger
from opengdi.access.notices import store
from opengdi.access.notices.api import notice_routes
from opengdi.access.notices.model import State
from opengdi.access.notices.service import MANY, Means, Notices, address_in
from opengdi.access.notices.store import NoticeBook
from opengdi.access.notices.wording import Wording, shipped_wording, wording_of
from opengdi.access.organisations.model import OrganisationState, PersonState
from opengdi.access.texts import Texts
from opengdi.apps.doors import callers_of, duty_book
from opengdi.apps.invitations import invitation_codes
from opengdi.apps.login import own_address
from opengdi.apps.process import Part
from opengdi.apps.ticking import Ticking
from opengdi.kernel.errors import GdiError, Invalid, NotFound, Unavailable
from opengdi.kernel.health import Condition, Finding, Probe
from opengdi.kernel.keys import Secret
from opengdi.kernel.mail import FolderPost, Post, Security, SmtpPost, SmtpServer
from opengdi.kernel.metrics import NAMESPACE
from opengdi.kernel.outbox import LONGEST_SILENCE_S

if TYPE_CHECKING:
    from opengdi.access.organisations.standings import Standings
    from opengdi.apps.login import OpenLogin
    from opengdi.apps.mail_settings import MailSettings
    from opengdi.apps.service_state import ServiceState
    from opengdi.apps.settings import Settings
    from opengdi.identity.duties.store import DutyBook
    from opengdi.kernel.principal import Role

logger = logging.getLogger(__name__)

MAIL: Final = "mail"
"""Folder of the data directory for letters, where there is no server."""

_PRUNE_S: Final = 3600.0
"""Seconds between two looks for what is not kept any longer."""

_NOWHERE: Final = "noreply@localhost"

Addresses = Callable[[str], str]
"""The verified address of somebody, from their login; empty, if none is known."""


@dataclass(frozen=True, slots=True)
class OfficeDirectory:
    """Implements `access.notices.ports.Directory`. standings: at a hub, what is known of organisations and people."""

    duties: DutyBook
    login: Addresses
    mailboxes: Mapping[str, str]
    texts: Texts
    standings: Standings | None = None

    def officials(self, organisation: str) -> Collection[str]:
        """Those that organisations named; a node knows none."""
        return self.standings.officials(organisation) if self.standings else ()

    def holders(self, role: Role, of: str = "") -> Collection[str]:
        """By the local table."""
        return self.duties.holders(role, of)

    def signers(self, *, of_people: bool) -> Collection[str]:
        """All people who act for somebody, or the officials of all organisations not closed; a node knows none."""
        if self.standings is None:
            return ()
        if not of_people:
            return self.standings.all_officials()
        return set(self.standings.subjects(but=PersonState.REVOKED))

    def mailbox(self, body: str) -> str:
        """By the settings."""
        return self.mailboxes.get(body, "")

    def address(self, subject: str) -> str:
        """That of the last login; else the one that the signing official gave."""
        found = self.login(subject)
        if found or self.standings is None:
            return found
        contact = self.standings.person(subject).contact
        return address_in(self.texts.of([contact])[contact]) if contact else ""

    def organisation(self, id_: str) -> str:
        """As it registered; its id before somebody vetted it, so that nobody sends letters of ours in any name."""
        if self.standings is None:
            return ""
        found = self.standings.organisation(id_)
        return id_ if found.state is OrganisationState.REGISTERED else found.name


def open_notices(
    state: ServiceState, name: str, login: Addresses, standings: Standings | None = None
) -> Notices:
    """The notices of this service. name: as people see it. Raises Invalid for settings that cannot be."""
    settings, address = state.settings.mail, _reached_at(state)
    bodies = state.settings.requests.bodies
    mailboxes = {body.id: body.mail for body in bodies if not body.node}
    return Notices(
        Means(
            ledger=Ledger(state.engine, state.clock, state.audit),
            book=NoticeBook(state.engine, state.clock),
            directory=OfficeDirectory(duty_book(state), login, mailboxes, Texts(state.engine), standings),
            codes=invitation_codes(state),
            wording=open_wording(settings),
            post=open_post(settings, state.data_dir),
            new_id=lambda: secrets.token_hex(16),
            link=lambda *what: f"{address()}{page_of(*what)}",
            url=address,
            sender=settings.sender or _NOWHERE,
            sender_name=name,
        )
    )


def _reached_at(state: ServiceState) -> Callable[[], str]:
    """Address of this service. Raises Unavailable while it is not known: no letter leads nowhere."""
    address = own_address(state.settings, state.data_dir)

    def reached_at() -> str:
        try:
            return address()
        except NotFound as error:
            raise Unavailable(f"letters wait until this service listens: {error}") from error

    return reached_at


def open_wording(settings: MailSettings) -> Wording:
    """Texts of the settings. Raises Invalid."""
    return wording_of(settings.texts) if settings.texts else shipped_wording(settings.language)


def open_post(settings: MailSettings, data_dir: Path) -> Post:
    """Who takes letters away. Raises Invalid if the password cannot be read."""
    if not settings.server:
        return letters_kept(settings, data_dir)
    return SmtpPost(
        SmtpServer(
            settings.server,
            settings.port,
            Security(settings.security),
            settings.user,
            _password(settings.password_file) if settings.password_file else None,
            settings.timeout_s,
            settings.ca_file,
        )
    )


def letters_kept(settings: MailSettings, data_dir: Path) -> FolderPost:
    """The folder of letters, in which some may lie also where there is a server now."""
    return FolderPost(settings.folder or data_dir / MAIL)


def delete_letters(state: ServiceState) -> None:
    """Outside of any transaction: a folder may be large, or away. Raises Unavailable; then it is to be done again."""
    folder = letters_kept(state.settings.mail, state.data_dir)

    def forget(which: Collection[str]) -> None:
        folder.forget(which, [each for each in which if "@" in each])

    store.delete_letters(state.engine, forget)


def _password(file: Path) -> Secret:
    try:
        if file.stat().st_mode & 0o077:
            raise Invalid(f"mail.password_file {file} can be read by others: `chmod 600 {file}`")
        return Secret(file.read_bytes().strip())
    except OSError as error:
        raise Invalid(f"mail.password_file {file} cannot be read: {error.strerror}") from error


def page_of(story: str, thing: str, invitation: str, code: str) -> str:
    """Path of the page where a notice leads. A code stands behind `#`, which no server sees, and so no log."""
    match story:
        case "application" | "permit":
            asked = f"#{urlencode({'invitation': invitation, 'token': code})}" if code else ""
            return f"/requests/{quote(thing)}{asked}"
        case "case":
            return f"/cases/{quote(thing)}"
    return f"/invitation#{quote(code)}" if code else ""


def addresses_of(login: OpenLogin | None, others: Addresses = lambda _subject: "") -> Addresses:
    """Addresses by logins; others: who knows those of people that did not log in here."""
    if login is None:
        return others
    people = login.people
    return lambda subject: people.address(subject) or others(subject)


def notices_part(
    state: ServiceState, name: str, login: Addresses, standings: Standings | None = None
) -> Part:
    """What tells people: routes for their own notices, what derives and sends them, and how that goes."""
    notices = open_notices(state, name, login, standings)
    errand = _Errand(notices, state.settings.mail.look_s, _advice(state.settings))
    kept = timedelta(days=state.settings.mail.kept_days)
    ticking = Ticking(
        "letters",
        _PRUNE_S,
        {
            "what was sent long ago": lambda: notices.means.book.prune(state.clock.now() - kept),
            "letters to be deleted": lambda: delete_letters(state),
        },
    )
    return Part(
        routes=notice_routes(notices.means.book, callers_of(state).identify),
        probes=(Probe("notices", errand.look, needed=False), ticking.probe()),
        background=(errand.run, ticking.run),
        collectors=(NoticesByState(notices.means.book),),
    )


def _advice(settings: Settings) -> str:
    """What an operator should change; empty: nothing."""
    production = "prod" in {settings.node.environment, settings.hub.environment}
    alone = production and not settings.mail.server
    return "mail.server is not set: nobody gets the letters in the folder" if alone else ""


@dataclass(slots=True)
class _Errand:
    """Derives and sends, again and again. Sending must not hold up deriving: it is a turn of its own."""

    notices: Notices
    look_s: float
    advice: str = ""
    trouble: dict[str, str] = field(default_factory=dict)
    _failures: int = 0

    async def run(self) -> None:
        await asyncio.gather(self._again(self._derive), self._again(self._send))

    async def _again(self, work: Callable[[], float]) -> None:
        while True:
            rest_s = await asyncio.to_thread(work)
            await asyncio.sleep(rest_s)

    def _derive(self) -> float:
        """How many seconds to rest then."""
        return 0.0 if self._tried(self.notices.derive, "derived") >= MANY else self.look_s

    def _send(self) -> float:
        """The same; longer and longer while nobody takes letters, so that no server shuts us out for it."""
        sent = self._tried(self.notices.send, "sent")
        if self.notices.trouble:
            self._failures += 1
            logger.warning("letters cannot be sent: %s", self.notices.trouble)
            return min(LONGEST_SILENCE_S, self.look_s * 2.0 ** min(self._failures, 30))
        self._failures = 0
        return 0.0 if sent >= MANY else self.look_s

    def _tried(self, work: Callable[[], int], what: str) -> int:
        try:
            done = work()
        except Exception as error:  # noqa: BLE001  the database may be away: it is tried again
            self.trouble[what] = str(error) if isinstance(error, GdiError) else type(error).__name__
            logger.warning("notices cannot be %s: %s", what, self.trouble[what])
            return 0
        self.trouble.pop(what, None)
        return done

    def look(self) -> Finding:
        """Whether people are told; how many notices wait, and how many nobody gets."""
        counts = self.notices.means.book.counts()
        detail = f"{counts[State.WAITING]} wait, {counts[State.UNSENT]} cannot be sent (`gdi notice list`)"
        trouble = "; ".join(filter(None, (*self.trouble.values(), self.notices.trouble, self.advice)))
        return Finding(Condition.DEGRADED, f"{trouble}; {detail}") if trouble else Finding(detail=detail)


class NoticesByState(Collector):
    """How many notices are in each state."""

    def __init__(self, book: NoticeBook) -> None:
        self._book = book

    def collect(self) -> Iterator[Metric]:
        """The metrics, as `prometheus_client` asks a collector for them."""
        told = GaugeMetricFamily(f"{NAMESPACE}_notices", "Notices to people, by state.", labels=("state",))
        for state, number in self._book.counts().items():
            told.add_metric((state.value,), number)
        yield told
