"""Is this an answer? Checks of the structure that the hub relies on; sans-IO, cheap, and never lenient with numbers.

Members are not held to the whole of the published schemas here: that costs a hundred times as much (decision 0011).

Spec: Beacon v2.0.0 to v2.2.0, framework `responses/` (beaconResultsetsResponse, beaconCollectionsResponse,
beaconCountResponse, beaconBooleanResponse).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, TypeVar

import msgspec

from opengdi.federation.model import Answer, Json, ResultSet
from opengdi.standards.beacon.dataset_info import DatasetInfo
from opengdi.standards.beacon.questions import Granularity
from opengdi.standards.faults import Malformed

_Kind = TypeVar("_Kind")

LONGEST_ID: Final = 256
"""Characters of a dataset's id: ids are shown, audited and booked."""

_SPARED_DEPTH: Final = 128
"""Lists in lists that an answer of ours may be around one of a member's, when it is merged and written."""

_BOUND: Final = re.compile(r"[<>]?[0-9]{1,15}")

_GRANULARITIES: Final = {item.name.lower(): item for item in Granularity}


def decoded(body: bytes) -> object:
    """The JSON in a body. Raises Malformed, also for what nests too deep to be written again inside another answer."""
    try:
        document = msgspec.json.decode(b"[" * _SPARED_DEPTH + body + b"]" * _SPARED_DEPTH)
        for _ in range(_SPARED_DEPTH):
            (document,) = document
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise Malformed("answer is not JSON, or nests too deep") from error
    return document


def read_answer(document: object, asked: Granularity) -> Answer:
    """A member's data answer. `asked` is the granularity assumed where an old member does not state its own.

    Raises Malformed if a part that the hub reads is missing, is of another type, or contradicts another.
    """
    body = expect(document, dict, "answer")
    if "error" in body and "responseSummary" not in body:
        raise Malformed(f"answer is an error: {error_message(body)}")
    meta = expect(body.get("meta"), dict, "meta")
    summary = expect(body.get("responseSummary"), dict, "responseSummary")
    response = _optional(body, "response", dict) or {}
    collections = _optional(response, "collections", list)
    return Answer(
        beacon_id=expect(meta.get("beaconId"), str, "meta.beaconId"),
        granularity=_granularity(meta, asked),
        exists=expect(summary.get("exists"), bool, "responseSummary.exists"),
        total=_count(summary, "numTotalResults", "responseSummary"),
        result_sets=tuple(_result_sets(response)),
        collections=None if collections is None else tuple(_collections(collections)),
        schemas=tuple(_objects(_optional(meta, "returnedSchemas", list) or [], "meta.returnedSchemas")),
        handovers=tuple(_objects(_optional(body, "beaconHandovers", list) or [], "beaconHandovers")),
        summary=summary,
        refusals=dict(_refusals(body.get("info"))),
    )


def error_message(document: object) -> str:
    """The sentence in a Beacon error or a problem document, at most 200 characters; "" if there is none."""
    if not isinstance(document, dict):
        return ""
    error = document.get("error")
    text = (
        error.get("errorMessage")
        if isinstance(error, dict)
        else document.get("detail") or document.get("title")
    )
    return text[:200] if isinstance(text, str) else ""


def expect(value: object, kind: type[_Kind], where: str) -> _Kind:
    """`value` if it is of the kind. Raises Malformed naming the place; a boolean is not a number."""
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        raise Malformed(f"{where} is {_named(value)}, expected {kind.__name__}")
    return value


def _named(value: object) -> str:
    if value is None:
        return "missing or null"
    text = "" if isinstance(value, list | dict) else repr(value)
    return f"{type(value).__name__} {text}" if 0 < len(text) <= 40 else type(value).__name__


def _optional(document: Json, name: str, kind: type[_Kind]) -> _Kind | None:
    value = document.get(name)
    return None if value is None else expect(value, kind, name)


def _refusals(info: object) -> Iterator[tuple[str, str]]:
    if not isinstance(info, dict):  # free of form by the specification
        return
    for place, item in enumerate(_optional(info, "refusedDatasets", list) or []):
        where = f"info.refusedDatasets[{place}]"
        refusal = expect(item, dict, where)
        yield _dataset_id(refusal, where), expect(refusal.get("reason"), str, f"{where}.reason")[:200]


def _dataset_id(document: Json, where: str) -> str:
    name = expect(document.get("id"), str, f"{where}.id")
    if not name.strip() or not name.isprintable() or len(name) > LONGEST_ID:
        raise Malformed(f"{where}.id is blank, longer than {LONGEST_ID}, or cannot be printed")
    return name


def _granularity(meta: Json, asked: Granularity) -> Granularity:
    stated = meta.get("returnedGranularity")
    if stated is None:
        return asked
    found = _GRANULARITIES.get(expect(stated, str, "meta.returnedGranularity"))
    if found is None:
        raise Malformed(f"meta.returnedGranularity is {stated!r}, expected boolean, count or record")
    return found


def _count(document: Json, name: str, where: str) -> int | None:
    """A count, None if absent. A null is refused: it is what failing peers send for a number they do not have."""
    if name not in document:
        return None
    number = expect(document[name], int, f"{where}.{name}")
    if number < 0:
        raise Malformed(f"{where}.{name} is {number}, expected no negative count")
    return number


def bounds_of(document: Json) -> tuple[int | str, ...]:
    """`countAdjustedTo`: whole numbers, or one open bound such as `<10`; () if it is not told, or in other words."""
    told = document.get("countAdjustedTo")
    texts = [str(item) for item in told] if isinstance(told, list) else []
    if not all(_BOUND.fullmatch(text) for text in texts):
        return ()
    return tuple(int(text) if text[0] not in "<>" else text for text in texts)


def _result_sets(response: Json) -> Iterator[ResultSet]:
    for place, item in enumerate(_optional(response, "resultSets", list) or []):
        where = f"resultSets[{place}]"
        document = expect(item, dict, where)
        name = _dataset_id(document, where)
        expect(document.get("setType"), str, f"{where}.setType")
        for record in _objects(_optional(document, "results", list) or [], f"{where}.results"):
            _check_frequencies(record, where)
        yield ResultSet(
            id=name,
            exists=expect(document.get("exists"), bool, f"{where}.exists"),
            count=_count(document, "resultsCount", where),
            document=document,
            dataset=DatasetInfo.parse(document.get("info")),
        )


def _collections(items: list[object]) -> Iterator[Json]:
    for place, document in enumerate(_objects(items, "collections")):
        expect(document.get("id"), str, f"collections[{place}].id")
        DatasetInfo.parse(document.get("info"))
        yield document


def _objects(items: list[object], where: str) -> list[Json]:
    return [expect(item, dict, f"{where}[{place}]") for place, item in enumerate(items)]


def frequencies_of(record: Json) -> Iterator[Json]:
    """Every population cell of a variant record, in order. The record must have been read."""
    for block in listed(record.get("frequencyInPopulations")):
        yield from listed(block.get("frequencies"))


def listed(value: object) -> list[Json]:
    """The objects of a list in a record that was read; none if there is no list."""
    return value if isinstance(value, list) else []


def _check_frequencies(record: Json, where: str) -> None:
    for block in _objects(
        _optional(record, "frequencyInPopulations", list) or [], f"{where} frequencyInPopulations"
    ):
        for cell in _objects(_optional(block, "frequencies", list) or [], f"{where} frequencies"):
            if not _is_usual(cell):
                _check_cell(cell, f"{where} frequencies")


def _is_usual(cell: Json) -> bool:
    """True for a cell as nodes write it, which nearly all are: a third of the time that telling what is wrong takes."""
    count, number, frequency = cell.get("alleleCount"), cell.get("alleleNumber"), cell.get("alleleFrequency")
    return (
        type(count) is type(number) is int
        and 0 <= count <= number
        and type(frequency) is float
        and 0 <= frequency <= 1
        and type(cell.get("population")) is str
    )


def _check_cell(cell: Json, where: str) -> None:
    expect(cell.get("population"), str, f"{where}.population")
    frequency = cell.get("alleleFrequency")
    if isinstance(frequency, bool) or not isinstance(frequency, int | float) or not 0 <= frequency <= 1:
        raise Malformed(f"{where}.alleleFrequency is {_named(frequency)}, expected a number from 0 to 1")
    count, number = _count(cell, "alleleCount", where), _count(cell, "alleleNumber", where)
    if count is not None and number is not None and count > number:
        raise Malformed(f"{where}.alleleCount {count} is more than alleleNumber {number}")
