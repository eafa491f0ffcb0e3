"""Answers in the published form: plain dictionaries, ready to be encoded as JSON. Used by nodes and hub alike.

Every data answer, of whatever granularity, tells its result per dataset (legal since 2.2.0) and repeats the request
as it was understood. What may be told is decided before: here are only shapes.

Spec: Beacon v2.2.0, framework `responses/`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

from opengdi.standards.beacon.entry_types import ENTRY_TYPES
from opengdi.standards.beacon.questions import BeaconRequest, EntryType, Granularity, Include, Page
from opengdi.standards.beacon.request import page_token
from opengdi.standards.beacon.version import SPEC_VERSION

Document = dict[str, object]

_GRANULARITIES: Final = {each: each.name.lower() for each in Granularity}


class ToldCount(Protocol):
    """A number as it may be told; `adjusted_to` are its bounds, None for an exact number."""

    @property
    def number(self) -> int: ...
    @property
    def exists(self) -> bool: ...
    @property
    def precision(self) -> str: ...
    @property
    def adjusted_to(self) -> tuple[int | str, ...] | None: ...


def data_meta(
    beacon_id: str, request: BeaconRequest, requested: Granularity, returned: Granularity, page: Page
) -> Document:
    """`meta` of a data answer or of an error; `page` is the page as it was answered.

    Spec: beaconResponseMeta.json, beaconReceivedRequestSummary.json (`filters` are strings, `requestParameters` a
    dictionary of objects).
    """
    summary: Document = {
        "apiVersion": request.api_version,
        "requestedSchemas": list(request.requested_schemas),
        "pagination": {"skip": page.skip, "limit": page.limit},
        "requestedGranularity": _GRANULARITIES[requested],
        "includeResultsetResponses": request.include.value,
        "testMode": request.test_mode,
        "filters": list(request.echo_filters),
    }
    if request.echo_parameters:
        summary["requestParameters"] = request.echo_parameters
    if request.datasets is not None:
        summary["datasets"] = sorted(request.datasets)
    return {
        "beaconId": beacon_id,
        "apiVersion": SPEC_VERSION,
        "returnedGranularity": _GRANULARITIES[returned],
        "returnedSchemas": returned_schemas(request.entry_type),
        "receivedRequestSummary": summary,
        "testMode": request.test_mode,
    }


def returned_schemas(entry_type: EntryType) -> list[Document]:
    """Which schema the records follow."""
    return [{"entityType": entry_type.value, "schema": ENTRY_TYPES[entry_type].schema_url}]


def summary(count: ToldCount, granularity: Granularity) -> Document:
    """`responseSummary`, without a number at boolean granularity."""
    if granularity is Granularity.BOOLEAN:
        return {"exists": count.exists}
    return {"exists": count.exists, "numTotalResults": count.number, **_precision(count)}


def result_set(
    dataset: str,
    count: ToldCount,
    granularity: Granularity,
    *,
    results: Sequence[object] | None = None,
    handovers: Sequence[Mapping[str, object]] = (),
    info: object = None,
) -> Document:
    """The result of one dataset; `results` is left out unless it is given. `info` is a mapping, or the JSON of one.

    Spec: beaconResultsets.json, ResultsetInstance: only id, setType and exists are required.
    """
    told: Document = {"id": dataset, "setType": "dataset", "exists": count.exists}
    if granularity is not Granularity.BOOLEAN:
        told["resultsCount"] = count.number
        told["countPrecision"] = count.precision
        if count.adjusted_to is not None:
            told["countAdjustedTo"] = list(count.adjusted_to)
    if results is not None:
        told["results"] = results
    if handovers:
        told["resultsHandovers"] = list(handovers)
    if info:
        told["info"] = info
    return told


def _precision(count: ToldCount) -> Document:
    if count.adjusted_to is None:
        return {"countPrecision": count.precision}
    return {"countPrecision": count.precision, "countAdjustedTo": list(count.adjusted_to)}


def is_listed(include: Include, *, hit: bool) -> bool:
    """True if a result set belongs into an answer under the include mode."""
    return include is Include.ALL or include is (Include.HIT if hit else Include.MISS)


def results_answer(
    meta: Document,
    response_summary: Document,
    result_sets: Sequence[object],
    *,
    handovers: Sequence[Mapping[str, object]] = (),
    info: Mapping[str, object] | None = None,
) -> Document:
    """Answer about entries that lie in datasets."""
    return _answer(meta, response_summary, {"resultSets": result_sets}, handovers, info)


def collections_answer(
    meta: Document,
    response_summary: Document,
    collections: Sequence[object],
    *,
    handovers: Sequence[Mapping[str, object]] = (),
    info: Mapping[str, object] | None = None,
) -> Document:
    """Answer about datasets or cohorts themselves."""
    return _answer(meta, response_summary, {"collections": collections}, handovers, info)


def _answer(
    meta: Document,
    response_summary: Document,
    response: Document,
    handovers: Sequence[Mapping[str, object]],
    info: Mapping[str, object] | None,
) -> Document:
    document: Document = {"meta": meta, "responseSummary": response_summary, "response": response}
    if handovers:
        document["beaconHandovers"] = list(handovers)
    if info:
        document["info"] = info
    return document


def error_answer(meta: Document, code: int, message: str) -> Document:
    """Spec: beaconErrorResponse.json; the code is the HTTP status, an integer."""
    return {"meta": meta, "error": {"errorCode": code, "errorMessage": message}}


def informational_answer(
    beacon_id: str, response: Mapping[str, object], entry_types: Iterable[EntryType] = ()
) -> Document:
    """Answer of `/info`, `/map` and the like. Spec: beaconInformationalResponseMeta.json."""
    schemas = [schema for entry_type in entry_types for schema in returned_schemas(entry_type)]
    meta = {"beaconId": beacon_id, "apiVersion": SPEC_VERSION, "returnedSchemas": schemas}
    return {"meta": meta, "response": response}


def with_pages(meta: Document, page: Page, *, more: bool) -> None:
    """Add the tokens of this page, the one before and, if there is `more`, the next one to the pagination in `meta`."""
    received = meta["receivedRequestSummary"]
    assert isinstance(received, dict)
    pagination = received["pagination"]
    pagination["currentPage"] = page_token(page)
    if page.skip:
        pagination["previousPage"] = page_token(Page(page.skip - 1, page.limit))
    if more:
        pagination["nextPage"] = page_token(Page(page.skip + 1, page.limit))


def handover(term_id: str, label: str, url: str, note: str = "") -> Document:
    """A link to act on a result. Spec: beaconCommonComponents.json, Handover: a CURIE and a URL are required."""
    told: Document = {"handoverType": {"id": term_id, "label": label}, "url": url}
    return told | {"note": note} if note else told
