"""Histories of applications: whatever people and cases do, in any order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from hypothesis import strategies as st

from opengdi.access.applications.decisions import Act, decide
from opengdi.access.applications.model import Application, Command, Role
from opengdi.access.applications.rules import roles_in
from opengdi.access.applications.splitting import split
from opengdi.access.applications.story import APPLICATIONS
from opengdi.access.forms.model import Fault
from opengdi.access.model import AskedDataset, Event, NewEvent
from opengdi.access.ports import Standing
from opengdi.kernel.errors import GdiError
from opengdi.kernel.principal import Duty
from opengdi.kernel.principal import Role as Held
from opengdi.kernel.release import DatasetType

NOW = datetime(2026, 11, 29, tzinfo=UTC)
ID = "GDIA-AAAAAAAAAA"
PEOPLE = ("ann", "ben", "cleo", "official", "coordinator", "stranger")
OFFICIALS = frozenset({"official"})
DATASETS = (
    AskedDataset("d1", "1", "n1", "b1"),
    AskedDataset("d2", "1", "n2", "b2"),
    AskedDataset("d3", "1", "n2", "b2"),
    AskedDataset("d4", "1", "n2", "b2", DatasetType.COHORT),
)


def duties_of(person: str) -> frozenset[Duty]:
    return frozenset({Duty(Held.COORDINATOR)}) if person == "coordinator" else frozenset()


def roles_of(state: Application, person: str) -> frozenset[Role]:
    return roles_in(state, person, duties_of(person), OFFICIALS)


@dataclass
class History:
    """Events as a ledger would keep them."""

    events: list[Event] = field(default_factory=list)
    state: Application = field(default_factory=Application)

    def add(self, fresh: Sequence[NewEvent], actor: str) -> None:
        for new in fresh:
            data = msgspec.json.decode(msgspec.json.encode(new.data))
            number = len(self.events) + 1
            event = Event(f"application:{ID}", number, new.kind, NOW + timedelta(minutes=number), actor, data)
            self.events.append(event)
            self.state = APPLICATIONS.evolve(self.state, event)

    def begin(self, applicant: str = "ann", purpose: str = "research") -> None:
        self.add([NewEvent("created", draft("c0", purpose) | {"datasets": asked(DATASETS)})], applicant)

    def act(self, command: Command, person: str, data: dict[str, Any], faults: Sequence[Fault] = ()) -> bool:
        """True if something happened."""
        act = Act(
            command,
            person,
            roles_of(self.state, person),
            data,
            tuple(faults),
            Standing(person, "uni", may_request=True),
            lambda datasets: split(ID, datasets, hub="hub", central_body="eu"),
            f"digest-{len(self.events)}",
        )
        try:
            fresh = decide(self.state, act, NOW)
        except GdiError:
            return False
        self.add(fresh, person)
        return bool(fresh)


def draft(content: str, purpose: str = "research") -> dict[str, Any]:
    return {
        "organisation": "uni",
        "purpose": purpose,
        "content": content,
        "title": f"title-{content}",
        "digest": f"digest-{content}",
        "until": "2028-01-01",
        "environment": "",
        "forms": [],
    }


def asked(datasets: Sequence[AskedDataset]) -> list[Any]:
    return list(msgspec.to_builtins(list(datasets)))


def told_by_cases(state: Application) -> st.SearchStrategy[NewEvent]:
    """Something that one of the cases tells."""
    cases = [at.opened for at in state.cases]
    case = st.sampled_from(cases)
    return st.one_of(
        st.builds(lambda at, word: NewEvent("case-changed", {"case": at.case, "state": word}), case, WORDS),
        st.builds(
            lambda at, kind, word: NewEvent(
                "case-asked", {"asked": {"id": word, "case": at.case, "kind": kind, "text": "t"}}
            ),
            case,
            st.sampled_from(["change", "question"]),
            WORDS,
        ),
        st.builds(
            lambda at, yes: NewEvent(
                "case-decided",
                {
                    "case": at.case,
                    "decision": f"jws-{yes}",
                    "granted": {f"{one.dataset}@{one.version}": yes for one in at.datasets},
                    "version": 1,
                },
            ),
            case,
            st.booleans(),
        ),
    )


WORDS = st.sampled_from(["w1", "w2", "w3"])


def data_for(draw: Any, state: Application, command: Command) -> dict[str, Any]:
    """Something that fits the command, mostly."""
    person = draw(st.sampled_from(PEOPLE))
    word = draw(WORDS)
    invitation = draw(st.sampled_from([one.id for one in state.invitations] or ["none"]))
    attachment = draw(st.sampled_from([one.id for one in state.attachments] or ["none"]))
    case = draw(st.sampled_from([at.opened.case for at in state.cases] or ["none"]))
    question = draw(st.sampled_from([one.id for one in state.asked] or ["none"]))
    datasets = draw(st.lists(st.sampled_from(DATASETS), min_size=1, unique=True))
    until = (NOW + timedelta(days=9)).isoformat()
    file = {
        "id": f"f{state.events}",
        "name": "n",
        "sha256": "0",
        "size": 1,
        "media_type": "text/plain",
        "by": person,
    }
    return {
        Command.SAVE_DRAFT: draft(f"c{word}{state.events}"),
        Command.CHANGE_DATASETS: {"datasets": asked(datasets)},
        Command.INVITE_MEMBER: {"invitation": {"id": f"i{state.events}", "until": until, "subject": person}},
        Command.ACCEPT_INVITATION: {"invitation": invitation},
        Command.DECLINE_INVITATION: {"invitation": invitation},
        Command.UNINVITE_MEMBER: {"invitation": invitation},
        Command.REMOVE_MEMBER: {"subject": person},
        Command.CHANGE_APPLICANT: {"subject": person},
        Command.ACCEPT_TERMS: {"terms": [word]},
        Command.ADD_ATTACHMENT: {"attachment": file},
        Command.REMOVE_ATTACHMENT: {"attachment": attachment},
        Command.REDACT_ATTACHMENT: {"attachment": attachment},
        Command.ANSWER: {"answers": question, "text": "t"},
        Command.REMARK: {"case": case, "text": "t"},
        Command.APPEAL: {"case": case, "text": "t"},
        Command.AMEND: {"by": {"kind": "amendment", "of": "GDIA-BBBBBBBBBB"}},
        Command.EXTEND: {"by": {"kind": "extension", "of": "GDIA-BBBBBBBBBB"}},
        Command.CLOSE_OUT: {"reason": "completed", "text": ""},
    }.get(command, {"text": "t"})
