"""Versions and schemas that a client asks for: which of them an answer of this version satisfies.

Answers follow v2.2.0, which clients of every 2.x read: what was added may be passed over, and the one name that changed
is told in both spellings. Whoever asks for another major version, or for records by a schema that there is not, would
misread the answer, and is refused.

Spec: Beacon v2.2.0, beaconRequestMeta.json: `apiVersion` is "expected by the client to be supported by the server and
used in the response format", `requestedSchemas` are "to be used in the response".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from opengdi.standards.beacon.entry_types import ENTRY_TYPES, entry_type_of
from opengdi.standards.beacon.questions import EntryType
from opengdi.standards.faults import Malformed

_SPOKEN: Final = re.compile(r"v?2(?![0-9])", re.IGNORECASE)
_BEFORE_MEASUREMENTS: Final = re.compile(r"v?2(\.0.*|\.1|\.1\.[01])?\Z", re.IGNORECASE)
"""`individuals.measures` became `measurements` in v2.1.2."""
_SCHEMA_NAME: Final = re.compile(r"(?:\./)?ga4gh-beacon-(\w+)-v2(?![0-9])\S*\Z", re.IGNORECASE)
_SCHEMA_ADDRESS: Final = re.compile(r"\S*\bbeacon-v2-default-model/(\w+)/defaultSchema\.(?:json|yaml)\Z")


def checked_version(asked: str) -> str:
    """The version asked for, if it is any 2.x. Raises Malformed for another, and for what is no version."""
    if _SPOKEN.match(asked.strip()):
        return asked
    raise Malformed(f"meta.apiVersion {asked!r} is not spoken here; v2.0, v2.1 and v2.2 are")


def refuse_other_schemas(entry_type: EntryType, requested: Sequence[Mapping[str, str]]) -> None:
    """Raises Malformed if records of the entry type are asked for by none but schemas that there are not.

    Of several, one that can be followed is enough. Schemas of other entry types are about other answers.
    """
    asked = [
        each["schema"]
        for each in requested
        if each.get("schema") and entry_type_of(each.get("entityType", entry_type)) is entry_type
    ]
    if asked and not any(_is_default_schema(entry_type, schema.strip()) for schema in asked):
        facts = ENTRY_TYPES[entry_type]
        raise Malformed(
            f"meta.requestedSchemas asks for {', '.join(asked)}; {facts.path} are told by"
            f" {facts.schema_id} ({facts.schema_url})"
        )


def _is_default_schema(entry_type: EntryType, schema: str) -> bool:
    """True for the default model's schema of the entry type, in any 2.x, by its id or its address."""
    if name := _SCHEMA_NAME.match(schema):
        return entry_type_of(name[1]) is entry_type
    address = _SCHEMA_ADDRESS.match(schema)
    return address is not None and address[1] == ENTRY_TYPES[entry_type].schema_folder


def with_former_names(
    entry_type: EntryType, version: str, documents: Sequence[Mapping[str, object]]
) -> Sequence[Mapping[str, object]]:
    """The documents; for a client older than a change of name, with what is renamed under its former name as well."""
    if entry_type is not EntryType.INDIVIDUAL or not _BEFORE_MEASUREMENTS.match(version.strip()):
        return documents
    return [
        {**each, "measures": each["measurements"]} if "measurements" in each else each for each in documents
    ]
