"""What the hub is told of a case: where it stands, what the applicant is asked, what was decided; not who said it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection

from opengdi.access.cases.model import Case
from opengdi.access.cases.ports import Tells
from opengdi.access.kinds import APPEAL_REFUSED, ASKED, CHANGED, DECIDED
from opengdi.access.model import Event

_MOVES: Final = frozenset(
    {
        "opened",
        "application-changed",
        "step-entered",
        "vetoed",
        "veto-lifted",
        "consensus-sought",
        "consensus-concluded",
        "asked",
        "resumed",
        "extended",
        "delayed",
        "silence-applied",
        "decided",
        "appealed",
        "withdrawn",
    }
)
"""Events after which the applicant sees something else than before."""


def tell_hub(
    tell: Tells, connection: Connection, case: Case, events: Sequence[Event], said: Mapping[str, str]
) -> None:
    """Write what the hub is to hear. said: texts of these events by id."""
    for event in events:
        if (asked := _asked(event)) is not None:
            text = said.get(event.data.get("text", ""), "")
            tell(connection, ASKED, case.id, {"case": case.id, "kind": asked, "text": text}, to=case.hub)
        if event.kind == "appeal-refused":
            why = {name: event.data[name] for name in ("why", "until") if name in event.data}
            tell(connection, APPEAL_REFUSED, case.id, {"case": case.id, **why}, to=case.hub)
    if moves := [event.kind for event in events if event.kind in _MOVES]:
        tell(connection, CHANGED, case.id, standing(case) | {"events": moves}, to=case.hub)
    for event in events:
        if event.kind == "decided":
            decision = said[event.data["jws"]]
            tell(connection, DECIDED, case.id, {"case": case.id, "decision": decision}, to=case.hub)


def standing(case: Case) -> dict[str, Any]:
    """Where a case stands, as the applicant may know. clock: times by name, those that are set."""
    clock = {
        name: moment.isoformat()
        for name in ("due", "deadline", "stopped")
        if (moment := getattr(case.clock, name)) is not None
    }
    return {
        "case": case.id,
        "state": case.state,
        "version": case.application.version,
        "clock": clock,
        "silence": case.workflow.silence,
        "vetoed": sorted(case.vetoes),
    }


def _asked(event: Event) -> str | None:
    if event.kind == "asked":
        return str(event.data["kind"])
    return "remark" if event.kind == "remarked" and event.data["public"] else None
