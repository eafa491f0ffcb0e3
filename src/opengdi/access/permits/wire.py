"""Permits as JSON, and what their APIs share: bodies, pages, answers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

import msgspec
from starlette.requests import Request

from opengdi.access.ledger import Listing
from opengdi.access.model import Event
from opengdi.access.permits.model import Command, Duty, Permit, Permitted
from opengdi.access.query import place_of, size_of_page
from opengdi.kernel.errors import Invalid

BASE: Final = "/access/v1/permits"
DEFAULT_PAGE: Final = 100
LONGEST_PAGE: Final = 500


async def json_object(request: Request) -> dict[str, Any]:
    """The body, a JSON object; an empty body is an empty one. Raises Invalid."""
    body = await request.body()
    if not body.strip():
        return {}
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid("the body must be JSON") from error
    if not isinstance(found, dict):
        raise Invalid("the body must be a JSON object")
    if _has_nul(found):
        raise Invalid("the body must not contain the character U+0000")
    return found


def _has_nul(told: object) -> bool:
    """True if any text in it holds the character that no database keeps."""
    if isinstance(told, str):
        return "\0" in told
    if isinstance(told, Mapping):
        return any(map(_has_nul, (*told.keys(), *told.values())))
    return isinstance(told, list) and any(map(_has_nul, told))


def page_asked(request: Request) -> tuple[str | None, int]:
    """`after` and `pageSize` of a question for a list. Raises Invalid."""
    return place_of(request.query_params), size_asked(request)


def size_asked(request: Request) -> int:
    """`pageSize` of a question for a list. Raises Invalid."""
    return size_of_page(request.query_params, "pageSize", DEFAULT_PAGE, LONGEST_PAGE)


def page_told(listing: Listing) -> dict[str, Any]:
    """A page of a list; `next` only if there is more."""
    told: dict[str, Any] = {"items": [dict(line.summary) for line in listing.lines]}
    return told | {"next": listing.after} if listing.after else told


def permit_told(permit: Permit, commands: Collection[Command], title: str) -> dict[str, Any]:
    """A permit as those may see it whom it concerns. title: its text, empty where it was erased."""
    told: dict[str, Any] = {
        "id": permit.id,
        "state": permit.state.value,
        "version": permit.version,
        "application": permit.application,
        "title": title,
        "purpose": permit.purpose.value,
        "duo": dict(permit.duo),
        "people": [
            {"subject": person.subject, "organisation": person.organisation, "role": role}
            for role, people in (("holder", (permit.holder,)), ("member", permit.members))
            for person in people
        ],
        "datasets": [_dataset(each) for each in permit.datasets],
        "duties": [_duty(duty) for duty in permit.duties],
        "environment": permit.environment,
        "legalBasis": permit.legal_basis,
        "fees": permit.fees,
        "issued": permit.issued,
        "changed": permit.changed,
        "until": permit.until,
        "attestBy": permit.attest_by,
        "announced": sorted(permit.announced),
        "permitted": sorted(commands),
    }
    for name, value in (
        ("suspendedFor", permit.suspended_for),
        ("extensionAsked", permit.extension),
        ("ended", permit.ended),
        ("endedBy", permit.ended_by),
        ("endedFor", permit.ended_for),
    ):
        told |= {name: value} if value else {}
    return told


def _dataset(each: Permitted) -> dict[str, Any]:
    return {
        "dataset": each.dataset,
        "version": each.version,
        "node": each.node,
        "body": each.body,
        "type": each.dataset_type.value,
        "until": each.until,
        "conditions": each.conditions,
        "regions": each.regions,
    }


def _duty(duty: Duty) -> dict[str, Any]:
    told: dict[str, Any] = {
        "id": duty.id,
        "code": duty.code,
        "text": duty.text,
        "datasets": duty.datasets,
        "due": duty.due,
        "mustBeDone": duty.must_be_done,
        "overdue": duty.overdue,
    }
    return told | ({"done": duty.done} if duty.done else {})


def events_told(events: Iterable[Event]) -> list[Mapping[str, Any]]:
    """What happened, without what was in the permit when it was issued: the permit tells that."""
    return [
        {
            "number": event.number,
            "kind": event.kind,
            "at": event.at,
            "by": event.actor,
            "data": {name: value for name, value in event.data.items() if name in _SHOWN},
        }
        for event in events
    ]


_SHOWN: Final = frozenset({"for", "days", "duty", "until", "people", "text", "node", "attestBy", "to"})
