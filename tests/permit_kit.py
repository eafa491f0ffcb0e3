"""A hub that issues permits and a node that lives by them, in one process; bodies, people and cases made up."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine

from opengdi.access.decision import Decision, Ruling, open_decision, sign_decision
from opengdi.access.ledger import Ledger
from opengdi.access.model import AskedDataset, Purpose
from opengdi.access.permits.document import SignedPermit
from opengdi.access.permits.entitlements.model import CaseWord, Demands
from opengdi.access.permits.entitlements.service import CaseWords, Entitlements
from opengdi.access.permits.entitlements.service import Means as NodeMeans
from opengdi.access.permits.model import Approved, Command, Permit, Person, Signed
from opengdi.access.permits.rules import Terms
from opengdi.access.permits.service import Means, Permits
from opengdi.kernel.audit.chain import Outcome
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.feed import Feed, Notice
from opengdi.kernel.keys import SigningKey
from opengdi.kernel.principal import Duty, Principal, Role, Tier
from opengdi.standards.duo.statements import Statement

NOW = datetime(2026, 11, 29, tzinfo=UTC)
END = NOW + timedelta(days=400)
HUB, NODE, BODY = "hub.gdi", "ee.node", "ee.dac"
ASKED = AskedDataset("GDI-EE-COHORT-1", "1", NODE, BODY)
OTHER = AskedDataset("GDI-FI-COHORT-1", "2", "fi.node", "fi.dac")
ANNA, BENO = Person("s-anna", "GDIO-A"), Person("s-beno", "GDIO-B")
KEYS = {body: SigningKey.generate() for body in ("ee.dac", "fi.dac", "eu.dac", "stranger")}
HUB_KEY = SigningKey.generate()
LIAR, LIARS_KEY = "liar.gdi", SigningKey.generate()
"""Another hub that the node follows."""
TERMS = "https://hub.example.org/documents/terms"


class Lines:
    """An audit log in memory."""

    def __init__(self) -> None:
        self.written: list[tuple[str, str, tuple[str, ...]]] = []

    def append(
        self,
        action: str,
        *,
        actor: str,
        outcome: Outcome = Outcome.DONE,
        objects: Sequence[str] = (),
        request: str = "",
        details: Sequence[str] = (),
    ) -> int:
        self.written.append((action, actor, tuple(objects)))
        return len(self.written)


def ruling(
    asked: AskedDataset = ASKED, *, granted: bool = True, until: datetime = END, **more: Any
) -> Ruling:
    return Ruling(asked.dataset, asked.version, granted, until=until if granted else None, **more)


def decision(*rulings: Ruling, body: str = BODY, node: str = NODE, **more: Any) -> Decision:
    facts = {"case": f"GDIA-1.{body}", "application": "GDIA-1", "digest": "d1", "at": NOW, "by": "p"} | more
    return Decision(body=body, node=node, rulings=rulings or (ruling(),), **facts)


def signed(made: Decision, key: SigningKey | None = None) -> Signed:
    return Signed(made.body, sign_decision(made, key or KEYS[made.body]))


def approved(*decisions: Signed, **more: Any) -> Approved:
    facts: dict[str, Any] = {
        "application": "GDIA-1",
        "digest": "d1",
        "purpose": Purpose.RESEARCH,
        "applicant": ANNA,
        "members": (BENO,),
        "datasets": (ASKED,),
        "title": "text-of-title",
        "environment": "SPE Tartu",
        "legal_basis": "EHDS Art 68",
    }
    return Approved(decisions=decisions or (signed(decision()),), **(facts | more))


def person(subject: str, *roles: Role, of: str = "") -> Principal:
    duties = frozenset(Duty(role, of) for role in roles)
    return Principal(subject, Tier.REGISTERED, duties=duties, logged_in=True)


def word(made: Decision, people: Collection[str], **more: Any) -> CaseWord:
    """What a case of the node says, if that was its last decision."""
    rulings = {(each.dataset, each.version): each for each in made.rulings}
    facts: dict[str, Any] = {
        "case": made.case,
        "hub": HUB,
        "application": made.application,
        "body": made.body,
        "kind": made.kind,
        "about": frozenset(rulings),
        "at": made.at,
        "rulings": rulings,
        "people": frozenset(people),
    }
    return CaseWord(**(facts | more))


MINDER = person("s-minder", Role.COORDINATOR)


@dataclass
class Federation:
    """A hub and one node on the same database; `deliver` lets the node hear what the hub told it since."""

    engine: Engine
    clock: FixedClock = field(default_factory=lambda: FixedClock(NOW))
    statements: dict[tuple[str, str], Statement] = field(default_factory=dict)
    taken_back: list[tuple[str, str, str, str]] = field(default_factory=list)
    people: dict[str, set[str]] = field(
        default_factory=lambda: {f"GDIA-1.{BODY}": {ANNA.subject, BENO.subject}}
    )
    terms: Terms = field(default_factory=Terms)
    named: dict[str, str] = field(default_factory=lambda: {ASKED.dataset: BODY})
    demands: Demands = field(
        default_factory=lambda: Demands(NODE, {BODY: "https://ee.example.org/dac"}, (TERMS,))
    )

    def __post_init__(self) -> None:
        numbers = itertools.count(1)
        self.decided: list[Decision] = []
        self.now: dict[str, dict[str, Any]] = {}
        self.lines, self.node_lines = Lines(), Lines()
        self.feed = Feed(self.engine, self.clock)
        self.told: list[tuple[str, Mapping[str, Any]]] = []
        self._heard = self.looked_at = 0
        self.hub = Permits(
            Means(
                hub=HUB,
                ledger=Ledger(self.engine, self.clock, self.lines),
                clock=self.clock,
                feed=self.feed,
                key=HUB_KEY,
                body_keys=lambda body: [KEYS[body].public] if body in KEYS and body != "stranger" else [],
                data_use=lambda dataset, version: self.statements.get((dataset, version)),
                takes_back=self.takes_back,
                new_id=lambda kind: f"{kind}-{next(numbers):010d}",
                officials=lambda organisation: frozenset({f"official-{organisation}"}),
                terms=self.terms,
            )
        )
        self.node = self.node_with(self.demands)

    def node_with(self, demands: Demands, case_words: CaseWords | None = None) -> Entitlements:
        return Entitlements(
            NodeMeans(
                engine=self.engine,
                clock=self.clock,
                audit=self.node_lines,
                hub_keys=lambda hub: {HUB: [HUB_KEY.public], LIAR: [LIARS_KEY.public]}.get(hub, []),
                body_keys=lambda body: [KEYS[body].public] if body == BODY else [],
                case_words=case_words or self.words,
                body_named=lambda dataset, _version: self.named.get(dataset, ""),
                demands=demands,
                tells=self.tells,
                takes_back=self.takes_back,
            )
        )

    def words(self, _connection: Connection, application: str) -> list[CaseWord]:
        """What the node's cases on an application say; each its last decision."""
        last = dict[str, Decision]()
        for each in sorted(self.decided, key=lambda made: made.at):
            if each.application == application:
                last[each.case] = each
        self.looked_at += len(last)
        return [
            replace(word(each, self.people.get(each.case, set())), **self.now.get(each.case, {}))
            for each in last.values()
        ]

    def takes_back(
        self,
        _connection: Connection,
        kind: str,
        *,
        permit: str = "",
        subject: str = "",
        dataset: str = "",
        node: str = "",
    ) -> None:
        self.taken_back.append((kind, permit, subject, dataset))

    def tells(
        self, _connection: Connection, kind: str, subject: str, data: Mapping[str, Any], *, to: str
    ) -> None:
        assert to == HUB
        self.told.append((subject, data))

    def settle(self, made: Approved | None = None) -> str:
        """The number of the permit; the node knows what its own body decided."""
        made = made or approved()
        with self.engine.begin() as connection:
            number = self.hub.settle(connection, made)
        keys = [KEYS[BODY].public]
        self.decided += [
            open_decision(each.jws, keys, body=BODY) for each in made.decisions if each.body == BODY
        ]
        return number

    def deliver(self) -> list[Notice]:
        notices = self.feed.since(self._heard, NODE)
        for notice in notices:
            self._heard = notice.number
            self.hear(notice.kind, notice.body)
        return notices

    def hear(self, kind: str, body: Mapping[str, Any], hub: str = HUB) -> None:
        handle = {
            "permit.issued": self.node.hear_permit,
            "permit.changed": self.node.hear_permit,
            "permit.ended": self.node.hear_end,
            "person.standing": self.node.hear_standing,
        }.get(kind)
        if handle is not None:
            with self.engine.begin() as connection:
                handle(connection, Notice(0, kind, self.clock.now(), body), hub)

    def stand(self, who: Person = ANNA, **more: Any) -> None:
        body = {
            "subject": who.subject,
            "organisation": who.organisation,
            "terms": [{"url": f"{TERMS}/3", "at": NOW.isoformat()}],
            "until": None,
            "inGoodStanding": True,
        }
        self.hear("person.standing", body | more)

    def command(self, id_: str, command: Command, who: Principal | None = None, **data: Any) -> Permit:
        done = self.hub.command(id_, who or person(ANNA.subject), command, data)
        self.deliver()
        return done

    def usable(self, who: Person = ANNA) -> list[str]:
        return [each.dataset for each in self.node.current(who.subject, self.clock.now())]

    def pass_days(self, days: float) -> None:
        self.clock.advance(days * 86400)
        self.hub.pass_time()
        self.deliver()
        self.node.reconcile_now()

    def signed(self, id_: str) -> SignedPermit:
        return self.hub.signed(id_)


def opened(engine: Engine, **more: Any) -> Federation:
    """A permit issued and heard, both people in good standing."""
    federation = Federation(engine, **more)
    federation.settle()
    federation.stand(ANNA)
    federation.stand(BENO)
    federation.deliver()
    return federation


PERMIT = "GDIP-0000000001"


def without(made: Approved, **more: Any) -> Approved:
    return replace(made, **more)
