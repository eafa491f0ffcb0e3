"""What a ticket request asks for: GET parameters and the JSON body of POST become one form.

Positions are 0-based and half-open. Spec: htsget v1.3.0, "URL parameters", "POST request body".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from opengdi.standards.htsget.errors import invalid_input, invalid_range, unsupported_format

UNPLACED: Final = "*"
"""Name that asks for the reads without a place."""

FIELDS: Final = frozenset(
    {"QNAME", "FLAG", "RNAME", "POS", "MAPQ", "CIGAR", "RNEXT", "PNEXT", "TLEN", "SEQ", "QUAL"}
)
MOST_REGIONS: Final = 10_000
"""Of one POST; a limit of ours."""

_LARGEST: Final = (1 << 32) - 1
_LISTS: Final[tuple[str, ...]] = ("fields", "tags", "notags")
_SPAN: Final[tuple[str, ...]] = ("start", "end")
_NARROWING: Final = ("referenceName", "start", "end", "regions", *_LISTS)
_KNOWN: Final = frozenset({"format", "class", *_NARROWING})


class Kind(Enum):
    """The two endpoints, each with its formats, the default one first."""

    READS = ("BAM", "CRAM")
    VARIANTS = ("VCF", "BCF")

    @property
    def formats(self) -> tuple[str, ...]:
        """Names of the formats, upper case."""
        return self.value

    @property
    def datatype(self) -> str:
        """The word in service info and in paths."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Region:
    """A reference sequence, or [start, end) of it; `end` None is its end."""

    reference: str
    start: int = 0
    end: int | None = None


@dataclass(frozen=True, slots=True)
class TicketRequest:
    """One request.

    format: as asked, None if it was left to us. regions: None for everything, records without a place included.
    others: parameters that the specification does not know, for extensions.
    """

    format: str | None
    header_only: bool
    regions: tuple[Region, ...] | None
    others: Mapping[str, str] = field(default_factory=dict)


def parse_get(kind: Kind, query: Iterable[tuple[str, str]]) -> TicketRequest:
    """The request of decoded query parameters. Raises BadRequest."""
    given: dict[str, str] = {}
    for name, value in query:
        if name in given:
            raise invalid_input(f"parameter {name} is given twice")
        given[name] = value
    lists = {name: _commas(given[name]) for name in _LISTS if name in given}
    _check_lists(kind, lists)
    reference = given.get("referenceName")
    span = {name: _number(name, given[name]) for name in _SPAN if name in given}
    regions = None if reference is None and not span else (_region(kind, reference, span),)
    return _request(kind, given, regions, given.keys())


def parse_post(kind: Kind, body: bytes) -> TicketRequest:
    """The request of a JSON body; an empty one asks for everything. Raises BadRequest."""
    document = _json_object(body)
    lists = {name: _strings(name, document[name]) for name in _LISTS if name in document}
    _check_lists(kind, lists)
    texts = {name: value for name, value in document.items() if isinstance(value, str)}
    for name in ("format", "class"):
        if name in document and name not in texts:
            raise invalid_input(f"{name} must be a string")
    regions = _posted_regions(kind, document["regions"]) if "regions" in document else None
    return _request(kind, texts, regions, document.keys())


def _request(
    kind: Kind, given: Mapping[str, str], regions: tuple[Region, ...] | None, names: Iterable[str]
) -> TicketRequest:
    header_only = _is_header(given.get("class"))
    if header_only and (narrowing := sorted(set(names) & set(_NARROWING))):
        raise invalid_input(f"with class=header only format may be given, not {', '.join(narrowing)}")
    others = {name: value for name, value in given.items() if name not in _KNOWN}
    return TicketRequest(_format(kind, given.get("format")), header_only, regions, others)


def _is_header(value: str | None) -> bool:
    if value is not None and value != "header":
        raise invalid_input("the only class that can be asked for is 'header'")
    return value is not None


def _format(kind: Kind, value: str | None) -> str | None:
    if value is None:
        return None
    if value.upper() not in kind.formats:
        raise unsupported_format(f"of {kind.datatype} the formats are {' and '.join(kind.formats)}")
    return value.upper()


def _region(kind: Kind, reference: str | None, span: Mapping[str, int], *, posted: bool = False) -> Region:
    """Raises BadRequest; a posted range must not be empty, the range of a GET may."""
    if not reference:
        raise invalid_input("a region needs a referenceName")
    if reference == UNPLACED:
        if kind is not Kind.READS:
            raise invalid_input("only reads can have no place, so only they are asked for as '*'")
        if span:
            raise invalid_input("start and end mean nothing for reads without a place")
    start, end = span.get("start", 0), span.get("end")
    if end is not None and (start >= end if posted else start > end):
        raise invalid_range(
            f"the range from {start} to {end} must {'end after its start' if posted else 'not run back'}"
        )
    return Region(reference, start, end)


def _posted_regions(kind: Kind, value: Any) -> tuple[Region, ...]:  # any JSON
    if not isinstance(value, list) or not value:
        raise invalid_input("regions must be a list with at least one region")
    if len(value) > MOST_REGIONS:
        raise invalid_input(f"{len(value)} regions; {MOST_REGIONS} are accepted at once")
    return tuple(_posted_region(kind, region) for region in value)


def _posted_region(kind: Kind, value: Any) -> Region:  # any JSON
    if not isinstance(value, dict):
        raise invalid_input("a region must be an object")
    reference = value.get("referenceName")
    if reference is not None and not isinstance(reference, str):
        raise invalid_input("referenceName must be a string")
    span = {name: _whole_number(name, value[name]) for name in _SPAN if value.get(name) is not None}
    return _region(kind, reference, span, posted=True)


def _whole_number(name: str, value: Any) -> int:  # any JSON
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LARGEST:
        raise invalid_input(f"{name} must be a whole number from 0 to {_LARGEST}")
    return value


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise invalid_input(f"{name} must be a whole number from 0 to {_LARGEST}")
    return _whole_number(name, int(text))


def _commas(text: str) -> list[str]:
    return text.split(",") if text else []


def _strings(name: str, value: Any) -> list[str]:  # any JSON
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise invalid_input(f"{name} must be a list of strings")
    return value


def _check_lists(kind: Kind, lists: Mapping[str, Sequence[str]]) -> None:
    """What is asked of fields and tags must make sense, though all of them are always sent, which is allowed."""
    if kind is Kind.READS and (unknown := set(lists.get("fields", ())) - FIELDS):
        raise invalid_input(f"there is no field {min(unknown)!r}; the fields are {', '.join(sorted(FIELDS))}")
    if both := set(lists.get("tags", ())) & set(lists.get("notags", ())):
        raise invalid_input(f"tag {min(both)!r} is in tags and in notags")


def _json_object(body: bytes) -> dict[str, Any]:
    if not body.strip():
        return {}
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise invalid_input("the request body is not JSON") from error
    if not isinstance(document, dict):
        raise invalid_input("the request body must be a JSON object")
    return document
