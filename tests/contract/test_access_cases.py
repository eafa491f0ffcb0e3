"""Cases as a node or a hub keeps them: taken over once, acted on, timed, signed and told, on both databases."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection, Engine
from tests.unit.access.cases.deliberation import ALL_GOOD, MEMBERS, A, B, offer_json

from opengdi.access.cases.api import CASES_BASE, case_routes
from opengdi.access.cases.model import Command, State
from opengdi.access.cases.service import Body, CaseService, Surroundings
from opengdi.access.cases.story import STORY
from opengdi.access.cases.workflow import Rule, shipped_workflows
from opengdi.access.decision import Ruling, open_decision
from opengdi.access.ledger import Ledger
from opengdi.apps.cases import CasesByState
from opengdi.kernel.audit.chain import Outcome
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.errors import Conflict, Invalid, NotFound, NotPermitted
from opengdi.kernel.feed import Notice
from opengdi.kernel.http.edge import Edge, Limits
from opengdi.kernel.http.routing import Routing
from opengdi.kernel.keys import SigningKey
from opengdi.kernel.principal import Duty, Principal, Role

CASE = "GDIA-0123456789.ee.dac"
DAY_S = 86_400
KEY = SigningKey.generate()
ESTONIAN = Rule("EE")


class Lines:
    def __init__(self) -> None:
        self.written: list[tuple[str, Outcome]] = []

    def append(self, action: str, *, outcome: Outcome = Outcome.DONE, **_: object) -> int:
        self.written.append((action, outcome))
        return len(self.written)


@dataclass
class Committee:
    """A node with one body, whose members act; `told` is what the hub hears."""

    engine: Engine
    clock: FixedClock
    rule: Rule = ESTONIAN
    told: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    lines: Lines = field(default_factory=Lines)
    belong: dict[str, str] = field(default_factory=dict)
    match: Any = None
    automatic: Any = None

    def __post_init__(self) -> None:
        numbers = count()
        body = Body("ee.dac", "Estonian committee", "https://dac.example.org", self.rule, KEY)
        around = Surroundings(
            node="ee.node",
            people=self,
            tell=self.tell,
            pseudonym=lambda subject: f"pseudonym-of-{subject}",
            new_id=lambda: f"text-{next(numbers)}",
            match=self.match,
            automatic=self.automatic,
        )
        ledger = Ledger(self.engine, self.clock, self.lines)
        self.service = CaseService(ledger, {body.id: body}, shipped_workflows(), around)
        self.ledger = ledger

    def duties(self, subject: str) -> frozenset[Duty]:
        return frozenset(Duty(role, "ee.dac") for role in MEMBERS.get(subject, ()))

    def organisations(self, subject: str, _hub: str) -> frozenset[str]:
        return frozenset({self.belong[subject]} if subject in self.belong else ())

    def tell(
        self, _connection: Connection, kind: str, _subject: str, data: Mapping[str, Any], *, to: str
    ) -> None:
        assert to == "eu.hub"
        self.told.append((kind.removeprefix("eu.gdi.case."), json.loads(json.dumps(data))))

    def hear(self, kind: str, body: Mapping[str, Any], hub: str = "eu.hub") -> None:
        take = {
            "case.offered": self.service.take_offer,
            "case.withdrawn": self.service.take_withdrawal,
            "case.appealed": self.service.take_appeal,
            "application.changed": self.service.take_change,
            "application.message": self.service.take_message,
            "application.handed-over": self.service.take_hand_over,
        }[kind]
        with self.engine.begin() as connection:
            take(connection, Notice(1, kind, self.clock.now(), body), hub)

    def person(self, who: str) -> Principal:
        return Principal(who, duties=self.duties(who), logged_in=True)

    def act(self, who: str, command: str, **said: Any) -> None:
        self.service.act(self.person(who), CASE, Command(command), json.dumps(said).encode())

    def up_to_vote(self) -> None:
        for who in MEMBERS:
            if who != "stranger":
                self.act(who, "declare-interest", conflict=False)
        self.act("one", "check-conformity", **ALL_GOOD)
        self.act("ethicist", "check-ethics", outcome="cleared")
        self.act("ncp", "give-opinion", favours=True)

    def grant(self) -> None:
        self.up_to_vote()
        self.act("one", "cast-ballot", vote="grant")
        self.act("two", "cast-ballot", vote="grant")
        self.act(
            "chair",
            "decide",
            datasets=[
                {
                    "dataset": A,
                    "granted": True,
                    "reasons": "fits",
                    "conditions": ["No linkage"],
                    "regions": ["X:5-9"],
                },
                {"dataset": B, "granted": False, "reasons": "out of scope"},
            ],
        )

    def state(self) -> State:
        return self.ledger.state(STORY, CASE).state


@pytest.fixture
def committee(engine: Engine) -> Committee:
    return Committee(engine, FixedClock(datetime(2026, 6, 1, 9, tzinfo=UTC)))


def test_an_offer_is_taken_once_and_only_by_the_body_it_is_for(committee: Committee) -> None:
    committee.hear("case.offered", offer_json())
    committee.hear("case.offered", offer_json())
    assert len(committee.ledger.events(STORY, CASE)) == 2
    assert [kind for kind, _ in committee.told] == ["changed"]
    assert committee.told[0][1]["state"] == "conformity-check"
    for wrong in (
        {"body": "fi.dac", "case": "GDIA-0123456789.fi.dac"},
        {"case": "GDIA-9999999999.ee.dac"},
        {"hub": "other.hub"},
        {"datasets": []},
        {"kind": "guess"},
        {"case": "../etc"},
    ):
        with pytest.raises(Invalid):
            committee.hear("case.offered", offer_json() | wrong)


def test_the_decision_is_signed_by_the_body_and_told(committee: Committee) -> None:
    committee.hear("case.offered", offer_json())
    committee.grant()
    kind, data = committee.told[-1]
    assert (kind, data["case"]) == ("decided", CASE)
    decision = open_decision(data["decision"], [KEY.public], body="ee.dac")
    assert (decision.node, decision.case, decision.application, decision.digest) == (
        "ee.node",
        CASE,
        "GDIA-0123456789",
        "d1",
    )
    first, second = decision.rulings
    assert (first.granted, first.reasons, first.conditions, first.regions) == (
        True,
        "fits",
        ("No linkage",),
        ("X:5-9",),
    )
    assert first.until == datetime(2028, 1, 1, tzinfo=UTC)
    assert (second.granted, second.until) == (False, None)
    assert decision.by == "pseudonym-of-chair"
    case, _, events = committee.service.open(committee.person("one"), CASE)
    assert "chair" not in json.dumps([data for _, data in committee.told]).replace("pseudonym-of-chair", "")
    assert case.decided is not None
    assert committee.service.texts([case.decided.jws])[case.decided.jws] == data["decision"]
    assert all("out of scope" not in json.dumps(event.data) for event in events), "texts are kept apart"


def test_a_dry_run_says_what_would_be_wrong_and_does_nothing(committee: Committee) -> None:
    committee.hear("case.offered", offer_json())
    events = len(committee.ledger.events(STORY, CASE))
    declare = json.dumps({"conflict": False}).encode()
    committee.service.act(committee.person("one"), CASE, Command.DECLARE_INTEREST, declare, dry_run=True)
    with pytest.raises(Conflict):
        committee.service.act(committee.person("chair"), CASE, Command.CLOSE_VOTE, b"{}", dry_run=True)
    assert len(committee.ledger.events(STORY, CASE)) == events


def test_who_is_nobody_in_the_body_does_not_learn_that_there_is_a_case(committee: Committee) -> None:
    committee.hear("case.offered", offer_json())
    for asker in (
        Principal("x", logged_in=True),
        Principal("x", duties=frozenset({Duty(Role.DAC_MEMBER, "fi.dac")}), logged_in=True),
        Principal("x", duties=frozenset({Duty(Role.DAC_MEMBER)}), logged_in=True),
        Principal("x", duties=frozenset({Duty(Role.OPERATOR)}), logged_in=True),
    ):
        with pytest.raises(NotFound):
            committee.service.open(asker, CASE)
        with pytest.raises(NotFound):
            committee.service.act(asker, CASE, Command.REMARK, b'{"text": "hello"}')
        assert committee.service.listing(asker).lines == ()
    assert [line.id for line in committee.service.listing(committee.person("one")).lines] == [CASE]


async def test_a_former_member_reads_no_case_not_even_one_they_acted_on(committee: Committee) -> None:
    committee.hear("case.offered", offer_json())
    committee.act("one", "declare-interest", conflict=False)
    committee.act("one", "check-conformity", **ALL_GOOD)
    committee.act("one", "remark", text="I have my doubts")
    committee.act("chair", "declare-interest", conflict=False)
    committee.act("chair", "assign-reviewers", members=["one"])
    members = {who: committee.person(who) for who in ("one", "chair")}
    routing = Routing(
        case_routes(committee.service, lambda scope: members[dict(scope["headers"])[b"x-who"].decode()])
    )

    async def ask(who: str, method: str, path: str = "", **body: Any) -> httpx.Response:
        transport = httpx.ASGITransport(Edge(routing, clock=committee.clock, limits=Limits(10_000)))
        async with httpx.AsyncClient(transport=transport, base_url="http://node") as client:
            return await client.request(
                method, f"{CASES_BASE}{path}", headers={"x-who": who}, json=body or None
            )

    assert (await ask("one", "GET", f"/{CASE}")).status_code == 200
    members["one"] = Principal("one", logged_in=True)
    assert (await ask("one", "GET", f"/{CASE}")).status_code == 404
    assert (await ask("one", "GET")).json()["items"] == []
    assert (await ask("one", "POST", f"/{CASE}/commands/remark", text="Once more")).status_code == 404
    assert "I have my doubts" in (await ask("chair", "GET", f"/{CASE}")).text


def test_a_member_who_takes_part_does_not_read_what_the_body_says_of_them(committee: Committee) -> None:
    committee.hear("case.offered", offer_json())
    committee.act("chair", "declare-interest", conflict=False)
    committee.act("chair", "remark", text="Not to be told to those who ask")
    case = committee.ledger.state(STORY, CASE)
    duty = frozenset({Duty(Role.DAC_CHAIR, "ee.dac")})
    for subject in case.application.people:
        with pytest.raises(NotFound):
            committee.service.open(Principal(subject, duties=duty, logged_in=True), CASE)


def test_a_colleague_of_the_applicant_is_refused_and_that_is_written_down(committee: Committee) -> None:
    committee.hear("case.offered", offer_json())
    committee.belong["one"] = "GDIO-1"
    with pytest.raises(NotPermitted):
        committee.act("one", "declare-interest", conflict=False)
    assert committee.lines.written[-1] == ("access.case.refuse", Outcome.REFUSED)
    committee.act("chair", "declare-interest", conflict=False)
    with pytest.raises(Invalid, match="conflict of interest"):
        committee.act("chair", "assign-reviewers", members=["one"])
    with pytest.raises(Invalid, match="no member"):
        committee.act("chair", "assign-reviewers", members=["somebody"])
    committee.act("chair", "assign-reviewers", members=["two"])


def test_what_is_due_comes_once_also_after_days_of_absence(committee: Committee) -> None:
    committee.hear("case.offered", offer_json())
    assert committee.service.due() == 0
    committee.clock.advance(120 * DAY_S)
    assert committee.service.due() == 1
    kinds = [event.kind for event in committee.ledger.events(STORY, CASE)]
    assert kinds == [
        "opened", "step-entered", "reminded", "overdue", "silence-applied", "decided",
    ]  # fmt: skip
    assert committee.service.due() == 0
    committee.clock.advance(500 * DAY_S)
    assert committee.service.due() == 0
    kind, data = committee.told[-1]
    decision = open_decision(data["decision"], [KEY.public], body="ee.dac")
    assert (kind, decision.tacit, decision.by) == ("decided", True, "")
    assert [ruling.granted for ruling in decision.rulings] == [False, False]
    assert "silence refuses" in decision.rulings[0].reasons


def test_another_loop_that_looks_at_the_same_time_does_nothing_twice(engine: Engine) -> None:
    clock = FixedClock(datetime(2026, 6, 1, 9, tzinfo=UTC))
    one, two = Committee(engine, clock), Committee(engine, clock)
    one.hear("case.offered", offer_json())
    clock.advance(120 * DAY_S)
    one.service.due()
    two.service._pass_time(CASE, "ee.dac")  # it had read the list before
    assert [event.kind for event in one.ledger.events(STORY, CASE)].count("decided") == 1
    assert two.told == []


def test_questions_and_answers_travel(committee: Committee) -> None:
    committee.hear("case.offered", offer_json())
    for who in ("one", "chair"):
        committee.act(who, "declare-interest", conflict=False)
    committee.act("one", "ask-question", text="Which ancestry?")
    asked = ("asked", {"case": CASE, "kind": "question", "text": "Which ancestry?"})
    assert committee.told[-2] == asked
    assert "stopped" in committee.told[-1][1]["clock"]
    committee.hear("application.message", {"case": CASE, "kind": "answer", "text": "All of them."})
    assert "stopped" not in committee.told[-1][1]["clock"]
    committee.act("one", "remark", text="Between us", public=False)
    committee.act("one", "remark", text="To you", public=True)
    assert committee.told[-1] == ("asked", {"case": CASE, "kind": "remark", "text": "To you"})
    assert "Between us" not in json.dumps(committee.told)
    committee.act("chair", "request-change", text="Fewer variables")
    assert committee.state() is State.WAITING
    changed = offer_json(version=2, digest="d2")["application"]
    committee.hear("application.changed", {"case": CASE, "application": changed})
    assert committee.state() is State.CONFORMITY
    assert committee.told[-1][1]["version"] == 2


def test_notices_of_another_hub_or_of_no_case_are_refused(committee: Committee) -> None:
    committee.hear("case.offered", offer_json())
    with pytest.raises(Invalid, match=r"eu\.hub's"):
        committee.hear("case.withdrawn", {"case": CASE}, hub="other.hub")
    with pytest.raises(Invalid, match="there is no case"):
        committee.hear("case.withdrawn", {"case": "GDIA-0.ee.dac"})
    with pytest.raises(Invalid, match="says why"):
        committee.hear("case.appealed", {"case": CASE, "text": " "})
    committee.hear("case.withdrawn", {"case": CASE})
    committee.hear("case.withdrawn", {"case": CASE})
    assert committee.state() is State.WITHDRAWN


def test_an_appeal_leads_to_another_signed_decision(committee: Committee) -> None:
    committee.hear("case.offered", offer_json())
    committee.grant()
    committee.hear("case.appealed", {"case": CASE, "text": "B fits too"})
    for who in ("two", "three"):
        committee.act(who, "cast-ballot", vote="grant")
    rulings = [{"dataset": each, "granted": True} for each in (A, B)]
    with pytest.raises(NotPermitted):
        committee.act("chair", "decide", datasets=rulings)
    committee.act("holder", "decide", datasets=rulings)
    decision = open_decision(committee.told[-1][1]["decision"], [KEY.public], body="ee.dac")
    assert decision.appeal
    assert [ruling.granted for ruling in decision.rulings] == [True, True]


def test_a_late_appeal_is_told_to_the_hub_with_the_reason(committee: Committee) -> None:
    committee.hear("case.offered", offer_json())
    committee.grant()
    committee.clock.advance(60 * DAY_S)
    committee.hear("case.appealed", {"case": CASE, "text": "B fits too"})
    kind, told = committee.told[-1]
    assert (kind, told["case"], told["why"]) == ("appeal-refused", CASE, "late")
    assert datetime.fromisoformat(told["until"]) < committee.clock.now()
    assert committee.state() is State.DECIDED


def test_what_the_use_conditions_say_is_kept_with_the_case(engine: Engine) -> None:
    def match(application: Mapping[str, Any], dataset: str, version: str) -> Mapping[str, Any] | None:
        assert application["purpose"] == "research"
        return {"verdict": "yes", "version": version} if dataset == A else None

    committee = Committee(engine, FixedClock(datetime(2026, 6, 1, 9, tzinfo=UTC)), match=match)
    committee.hear("case.offered", offer_json())
    opened = committee.ledger.events(STORY, CASE)[0]
    assert opened.data["match"] == {A: {"verdict": "yes", "version": "1"}}


def test_a_case_goes_on_by_the_workflow_that_it_began_with(committee: Committee, engine: Engine) -> None:
    committee.hear("case.offered", offer_json())
    stricter = Committee(engine, committee.clock, rule=Rule("FI", quorum=3))
    stricter.up_to_vote()
    stricter.act("one", "cast-ballot", vote="grant")
    stricter.act("two", "cast-ballot", vote="grant")
    assert stricter.state() is State.DECISION


def test_a_machine_decides_where_it_is_let_and_the_body_signs(engine: Engine) -> None:
    until = datetime(2027, 1, 1, tzinfo=UTC)

    def automatic(offer: Mapping[str, Any], asked: datetime | None, now: datetime) -> list[Ruling] | None:
        assert asked == datetime(2028, 1, 1, tzinfo=UTC)
        rulings = [Ruling(each, "1", True, "all conditions are met", until=until) for each in (A, B)]
        return rulings if offer["application"]["version"] == 1 else None

    committee = Committee(engine, FixedClock(datetime(2026, 6, 1, 9, tzinfo=UTC)), automatic=automatic)
    committee.hear("case.offered", offer_json())
    committee.hear("case.offered", offer_json())
    assert [kind for kind, _ in committee.told] == ["changed", "decided"]
    decision = open_decision(committee.told[-1][1]["decision"], [KEY.public], body="ee.dac")
    assert (decision.automatic, decision.tacit, decision.by) == (True, False, "")
    assert [(ruling.granted, ruling.until, ruling.reasons) for ruling in decision.rulings] == [
        (True, until, "all conditions are met")
    ] * 2


def test_an_appeal_told_as_a_message_concerns_only_who_denied_something(committee: Committee) -> None:
    committee.hear("case.offered", offer_json())
    message = {"case": CASE, "kind": "appealed", "text": "Please look again"}
    committee.hear("application.message", message)
    assert committee.state() is State.CONFORMITY
    committee.grant()
    committee.hear("application.message", message)
    assert committee.state() is State.APPEAL


def test_operators_see_how_many_cases_wait_and_which_are_late(committee: Committee) -> None:
    def figures() -> dict[str, float]:
        metrics = CasesByState(committee.ledger).collect()
        return {
            "/".join((each.name, *each.labels.values())): each.value
            for metric in metrics
            for each in metric.samples
            if each.value
        }

    assert figures() == {}
    committee.hear("case.offered", offer_json())
    assert figures() == {"opengdi_cases/conformity-check": 1.0}
    committee.clock.advance(timedelta(days=9).total_seconds())
    while committee.service.due():
        pass
    waited = {"opengdi_cases_oldest_open_seconds": timedelta(days=9).total_seconds()}
    assert figures() == {"opengdi_cases/conformity-check": 1.0, "opengdi_cases_late": 1.0, **waited}
    committee.hear("case.withdrawn", {"case": CASE, "reason": "withdrawn"})
    assert figures() == {"opengdi_cases/withdrawn": 1.0}, "what is over is not late"
