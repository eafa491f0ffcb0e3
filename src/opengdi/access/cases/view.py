"""A case as the people of its body see it, in JSON. Nothing here is for the applicant: that is `telling`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from opengdi.access.cases.model import Actor, Case, State
from opengdi.access.cases.rules import permitted, todo
from opengdi.access.cases.story import OFFERING
from opengdi.access.cases.telling import standing
from opengdi.access.cases.voting import tally
from opengdi.access.cases.workflow import WORKFLOW_ROLES, workflow_as_json
from opengdi.access.ledger import Listed
from opengdi.access.model import Event
from opengdi.kernel.principal import Principal


def listed(line: Listed, asker: Principal) -> dict[str, Any]:
    """A line of a list, and whether it waits for the asker."""
    told = {name: value for name, value in line.summary.items() if name not in {"waitsFor", "notFor"}}
    return {
        "id": line.id,
        "state": line.state,
        **told,
        "waitsForMe": waits_for(line, asker),
        "created": line.created.isoformat(),
        "changed": line.changed.isoformat(),
    }


def waits_for(line: Listed, asker: Principal) -> bool:
    """True if the case cannot go on without somebody in a role of the asker's, who has not acted yet."""
    body = line.summary.get("body")
    roles = {duty.role for duty in asker.duties if duty.of == body and duty.role in WORKFLOW_ROLES}
    return bool(roles & set(line.summary.get("waitsFor", ()))) and asker.subject not in line.summary.get(
        "notFor", ()
    )


def text_ids(events: Sequence[Event]) -> set[str]:
    """Ids of all texts that these events refer to."""
    return {id_ for event in events for id_ in _ids_in(event.kind, event.data)}


def _ids_in(kind: str, data: Mapping[str, Any]) -> Iterator[str]:
    if kind in OFFERING:
        yield data["offer"]
    if isinstance(text := data.get("text"), str):
        yield text
    if kind == "conformity-checked":
        yield from data["reasons"].values()
    if kind == "decided":
        yield data.get("jws", "")
        for ruling in data["datasets"]:
            yield ruling["reasons"]
            yield from ruling["conditions"]


def opened(case: Case, actor: Actor, events: Sequence[Event], texts: Mapping[str, str]) -> dict[str, Any]:
    """The whole case: the application as it was offered, what was found, what happened, what the asker may do."""
    offer = texts.get(case.offer, "")
    return {
        **in_short(case, actor),
        "offer": msgspec.json.decode(offer) if offer else None,
        "workflow": workflow_as_json(case.workflow),
        "interests": dict(case.interests),
        "reviewers": sorted(case.reviewers),
        "conforms": case.conforms,
        "ethics": case.ethics,
        "opinions": dict(case.opinions),
        "votes": _votes(case),
        "vetoes": dict(case.vetoes),
        "match": next((event.data["match"] for event in reversed(events) if "match" in event.data), None),
        "decision": _decision(case, texts),
        "history": [_event(event, texts) for event in events],
    }


def in_short(case: Case, actor: Actor) -> dict[str, Any]:
    """Where the case stands, and what the asker may and should do."""
    return {
        "id": case.id,
        **standing(case),
        "kind": case.kind,
        "body": case.body,
        "round": case.round,
        "application": case.application.id,
        "purpose": case.application.purpose,
        "datasets": [
            {"dataset": each.dataset, "version": each.version, "type": each.type} for each in case.datasets
        ],
        "permitted": sorted(permitted(case, actor)),
        "todo": sorted(todo(case, actor)),
    }


def _votes(case: Case) -> dict[str, Any]:
    """Told once the vote is over, so that nobody votes as others did."""
    if case.state is State.VOTE or not case.ballots:
        return {"ballots": len(case.ballots), "quorum": case.workflow.quorum, "seats": case.workflow.may_vote}
    counts = {each.dataset: tally(case, each.dataset) for each in case.datasets}
    return {
        "ballots": len(case.ballots),
        "quorum": case.workflow.quorum,
        "seats": case.workflow.may_vote,
        "results": {
            name: {"grants": each.grants, "denials": each.denials, "carried": each.carried}
            for name, each in counts.items()
        },
    }


def _decision(case: Case, texts: Mapping[str, str]) -> dict[str, Any] | None:
    found = case.decided
    if found is None:
        return None
    return {
        "at": found.at.isoformat(),
        "by": found.by,
        "tacit": found.tacit,
        "appeal": found.appeal,
        "automatic": found.automatic,
        "digest": found.digest,
        "jws": texts.get(found.jws, ""),
        "datasets": [
            {
                "dataset": ruling.dataset,
                "version": ruling.version,
                "granted": ruling.granted,
                "reasons": texts.get(ruling.reasons, ""),
                "conditions": [texts.get(each, "") for each in ruling.conditions],
                "until": ruling.until.isoformat() if ruling.until else None,
                "regions": list(ruling.regions),
            }
            for ruling in found.rulings
        ],
    }


_ELSEWHERE: Final[Collection[str]] = frozenset(
    {"offer", "workflow", "match", "application", "datasets", "jws", "case", "body", "hub", "votes"}
)
"""Members of events that the case itself shows, or that are votes of single people."""


def _event(event: Event, texts: Mapping[str, str]) -> dict[str, Any]:
    data = {name: value for name, value in event.data.items() if name not in _ELSEWHERE}
    if (asks := data.pop("kind", None)) is not None and event.kind == "asked":
        data["asks"] = asks
    if isinstance(data.get("text"), str):
        data["text"] = texts.get(data["text"], "")
    if event.kind == "conformity-checked":
        data["reasons"] = {name: texts.get(id_, "") for name, id_ in data["reasons"].items()}
    return {
        "number": event.number,
        "kind": event.kind,
        "at": event.at.isoformat(),
        "by": event.actor,
        **data,
    }
