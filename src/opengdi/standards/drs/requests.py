"""What callers put into the bodies of POST and OPTIONS, and what they are told about many objects at once.

Spec: GA4GH DRS 1.5.0, request bodies PostObjectBody, Passports; BulkObjectId, BulkObjectAccessId; schemas summary,
unresolved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from opengdi.standards.faults import Malformed


@dataclass(frozen=True, slots=True)
class ObjectRequest:
    """Body of a POST that asks for one object, or for one access URL (which takes passports only)."""

    passports: tuple[str, ...] = ()
    expand: bool = False

    @classmethod
    def from_document(cls, document: object) -> Self:
        """Raises Malformed."""
        members = _object(document)
        expand = members.get("expand", False)
        if not isinstance(expand, bool):
            raise Malformed("expand must be true or false")
        return cls(_texts(members, "passports"), expand)


@dataclass(frozen=True, slots=True)
class BulkRequest:
    """Body of a request about many objects."""

    ids: tuple[str, ...]
    passports: tuple[str, ...] = ()

    @classmethod
    def from_document(cls, document: object) -> Self:
        """Raises Malformed."""
        members = _object(document)
        if "bulk_object_ids" not in members:
            raise Malformed("bulk_object_ids is missing: an array of ids")
        return cls(_texts(members, "bulk_object_ids"), _texts(members, "passports"))


@dataclass(frozen=True, slots=True)
class BulkAccessRequest:
    """Body of a request for many access URLs. wanted: pairs of object id and access id, in order."""

    wanted: tuple[tuple[str, str], ...]
    passports: tuple[str, ...] = ()

    @classmethod
    def from_document(cls, document: object) -> Self:
        """Raises Malformed."""
        members = _object(document)
        pairs = members.get("bulk_object_access_ids")
        if not isinstance(pairs, list):
            raise Malformed("bulk_object_access_ids must be an array of bulk_object_id with bulk_access_ids")
        wanted = []
        for pair in map(_object, pairs):
            object_id = pair.get("bulk_object_id")
            if not isinstance(object_id, str):
                raise Malformed("bulk_object_id must be a string")
            wanted += [(object_id, access_id) for access_id in _texts(pair, "bulk_access_ids")]
        return cls(tuple(wanted), _texts(members, "passports"))


def bulk_answer(
    resolved: Sequence[Mapping[str, Any]], unresolved: Sequence[tuple[str, int]], *, under: str
) -> dict[str, Any]:
    """The answer about many objects; unresolved: ids with the status that each alone would have had.

    under: name of the member with what was resolved, which differs between the endpoints.
    """
    by_code: dict[int, list[str]] = {}
    for object_id, code in unresolved:
        by_code.setdefault(code, []).append(object_id)
    return {
        "summary": {
            "requested": len(resolved) + len(unresolved),
            "resolved": len(resolved),
            "unresolved": len(unresolved),
        },
        "unresolved_drs_objects": [
            {"error_code": code, "object_ids": ids} for code, ids in sorted(by_code.items())
        ],
        under: list(resolved),
    }


def error_document(message: str, status: int) -> dict[str, Any]:
    """Schema Error."""
    return {"msg": message, "status_code": status}


def service_members(most_in_bulk: int, objects: int | None, total_bytes: int | None) -> dict[str, Any]:
    """What DRS adds to service-info; the member at the root is deprecated and still required."""
    told: dict[str, Any] = {"maxBulkRequestLength": most_in_bulk}
    if objects is not None and total_bytes is not None:
        told |= {"objectCount": objects, "totalObjectSize": total_bytes}
    return {"maxBulkRequestLength": most_in_bulk, "drs": told}


def _object(document: object) -> Mapping[str, Any]:
    if not isinstance(document, Mapping):
        raise Malformed("the request body must be a JSON object")
    return document


def _texts(members: Mapping[str, Any], name: str) -> tuple[str, ...]:
    found = members.get(name)
    if found is None:
        return ()
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise Malformed(f"{name} must be an array of strings")
    return tuple(found)
