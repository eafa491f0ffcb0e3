"""Any history of a permit: commands by anybody, time, later decisions."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import strategies as st
from tests.permit_kit import ANNA, BENO, NOW, approved, decision, ruling, signed

from opengdi.access.model import Event, NewEvent
from opengdi.access.permits.evolution import STORY
from opengdi.access.permits.model import Basis, Command, Duty, Found, Permit, Permitted, Role
from opengdi.access.permits.rules import Act, Terms, decide, decide_grant, due
from opengdi.kernel.errors import GdiError
from opengdi.kernel.release import DatasetType

TERMS = Terms()
DATASETS = ("A", "B")


def opened(dataset: str, until: datetime) -> Permitted:
    return Permitted(dataset, "1", f"{dataset}.node", f"{dataset}.dac", DatasetType.COMPLIANT, NOW, until)


@dataclass
class History:
    """A permit, and what happened to it."""

    now: datetime = NOW
    events: list[Event] = field(default_factory=list)
    states: list[Permit] = field(default_factory=lambda: [Permit()])

    @property
    def permit(self) -> Permit:
        return self.states[-1]

    def record(self, fresh: list[NewEvent], actor: str = "x") -> list[NewEvent]:
        for new in fresh:
            event = Event("permit:P", len(self.events) + 1, new.kind, self.now, actor, new.data)
            self.events.append(event)
            self.states.append(STORY.evolve(self.permit, event))
        return fresh

    def settle(self, days: int, *, extends: bool = False, digest: str = "d1") -> list[NewEvent]:
        until = self.now + timedelta(days=days)
        found = Found(
            tuple(opened(each, until) for each in DATASETS),
            (Duty("results", "", "Publish.", (), until, must_be_done=True),),
            (Basis("GDIA-1", digest),),
        )
        jws = signed(decision(ruling(until=until), digest=digest, at=self.now))
        wish = approved(jws, digest=digest, extends="P" if extends else "")
        return self.record(decide_grant(self.permit, wish, found, TERMS, self.now))

    def act(self, command: Command, roles: frozenset[Role], data: dict[str, object], node: str = "") -> bool:
        """False if it was refused."""
        who = ANNA.subject if Role.HOLDER in roles else BENO.subject
        act = Act(command, who, roles, data, node)
        try:
            self.record(decide(self.permit, act, TERMS, self.now), who)
        except GdiError:
            return False
        return True

    def pass_days(self, days: int) -> None:
        self.now += timedelta(days=days)
        self.record(due(self.permit, TERMS, self.now))


datas = st.fixed_dictionaries(
    {},
    optional={
        "removePeople": st.lists(st.sampled_from([ANNA.subject, BENO.subject, "s-x"]), max_size=2),
        "removeDatasets": st.lists(st.sampled_from(["A", "B", "C"]), max_size=2),
        "people": st.lists(st.sampled_from([ANNA.subject, BENO.subject]), max_size=2),
        "datasets": st.lists(st.sampled_from(["A", "B"]), max_size=2),
        "until": st.sampled_from(["2028-12-31T00:00:00+00:00", "2027-01-01", "x"]),
        "duty": st.sampled_from(["results", "x"]),
        "for": st.sampled_from(["completed", "fun"]),
    },
)
steps = st.one_of(
    st.tuples(
        st.just("act"),
        st.sampled_from(Command),
        st.frozensets(st.sampled_from(Role), min_size=1, max_size=2),
        datas,
    ),
    st.tuples(st.just("days"), st.integers(0, 300)),
    st.tuples(st.just("settle"), st.integers(-10, 800), st.booleans(), st.sampled_from(["d1", "d2"])),
)


def told(moves: list[tuple[object, ...]]) -> History:
    """The history of these moves, from the issue of the permit on."""
    history = History()
    history.settle(400)
    for move in moves:
        match move:
            case ("act", command, roles, data):
                history.act(command, roles, data, "A.node" if Role.NODE in roles else "")
            case ("days", days):
                history.pass_days(days)
            case ("settle", days, extends, digest):
                history.settle(days, extends=extends, digest=digest)
    return history


histories = st.builds(told, st.lists(steps, max_size=12))
