"""Requests of every dialect, GET and POST, into one `BeaconRequest`. No I/O.

Everything that may be meant to restrict an answer is either understood or refused: an unknown member of `query`, or
of what stands in it, is refused by name. Clients may add members of their own to `meta` and beside `query`, unless
they are named as something that belongs into it. `null` is the same as absent; an empty list or object is not.

Spec: Beacon v2.2.0, framework `requests/`; the GET names of the default model's `endpoints.json`.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import crc32
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache, partial
from typing import Final

from opengdi.standards.beacon.filtering import filter_text, parse_filters
from opengdi.standards.beacon.negotiation import checked_version
from opengdi.standards.beacon.parameters import NAMES, SYNONYMS, parse_variant_parameters
from opengdi.standards.beacon.questions import BeaconRequest, EntryType, Granularity, Include, Page
from opengdi.standards.beacon.version import SPEC_VERSION
from opengdi.standards.faults import Malformed

_MAX_PAGE_NUMBER: Final = 2**31 - 1
_NESTED: Final = ("g_variant", "g_variants", "genomicVariant", "genomicVariation")
_DATASETS: Final = ("datasets", "datasetIds", "datasetId")
_ENVELOPE: Final = (
    "requestedGranularity",
    "includeResultsetResponses",
    "filters",
    "testMode",
    "requestedSchemas",
)
_GET_SYNONYMS: Final = SYNONYMS | {
    "requestedSchema": "requestedSchemas",
    "datasetId": "datasets",
    "datasetIds": "datasets",
}
_PAGING: Final = ("skip", "limit", "currentPage", "nextPage", "previousPage")
_QUERY: Final = (*_ENVELOPE, "requestParameters", "pagination", *_DATASETS)
"""Members of `query`; `requestedSchemas` belongs into `meta` and is understood in both."""
_PARAMETERS: Final = (*NAMES, *SYNONYMS)
_IN_PARAMETERS: Final = (*_PARAMETERS, *_DATASETS, *_NESTED)
_GET_NAMES: Final = (*_ENVELOPE, "datasets", "apiVersion")
_ALL_GET_NAMES: Final = (*_GET_NAMES, *_PARAMETERS, *_PAGING)
_VARIANT_NAMES: Final = frozenset(NAMES)
_FRAME_NAMES: Final = frozenset((*_GET_NAMES, *_PAGING))


@dataclass(frozen=True, slots=True)
class Target:
    """What the path names: `/{entry}`, `/{entry}/{id}` or `/{parent}/{id}/{entry}`."""

    entry_type: EntryType
    entry_id: str | None = None
    parent: tuple[EntryType, str] | None = None


def parse_get(target: Target, parameters: Iterable[tuple[str, str]]) -> BeaconRequest:
    """Request of a query string, given as pairs in order; a name given twice is refused.

    Raises Malformed for an unknown name as well: it may have been meant to restrict the answer.
    """
    variant: dict[str, str] = {}
    frame: dict[str, str] = {}
    for raw_name, value in parameters:
        name = _GET_SYNONYMS.get(raw_name, raw_name)
        place: dict[str, str]
        if name in _VARIANT_NAMES:
            place = variant
        elif name in _FRAME_NAMES:
            place = frame
        else:
            raise Malformed(f"query parameter {raw_name!r} is unknown; {_nearest(raw_name, _ALL_GET_NAMES)}")
        if name in place:
            raise Malformed(f"query parameter {raw_name!r} is given twice; lists are joined by commas")
        place[name] = value
    framed = _framed(target, tuple(frame.items()))
    return framed(
        variant=parse_variant_parameters(variant), echo_parameters={"g_variant": variant} if variant else {}
    )


@lru_cache(maxsize=64)
def _framed(target: Target, given: tuple[tuple[str, str], ...]) -> partial[BeaconRequest]:
    """A GET request but for the variant it asks about; few are ever made, and each is asked about many variants."""
    query: dict[str, object] = dict(given)
    meta = {name: query.pop(name) for name in ("apiVersion", "requestedSchemas") if name in query}
    query["pagination"] = {name: query.pop(name) for name in _PAGING if name in query}
    return _without_variant(target, {"meta": meta, "query": query}, ())


def parse_post(target: Target, body: object) -> BeaconRequest:
    """Request of a decoded JSON body; None (no body) asks for everything.

    Raises Malformed naming the member and what would be right.
    """
    document = _mapping({} if body is None else body, "the request body")
    query = _mapping(_given(document, "query", {}), "query")
    _refuse_misplaced(document)
    _refuse_unknown(query, _QUERY, "query")
    parameters, scopes = _request_parameters(_member(document, query, "requestParameters"))
    framed = _without_variant(target, document, scopes)
    return framed(
        variant=parse_variant_parameters(parameters),
        echo_parameters={"g_variant": parameters} if parameters else {},
    )


def parse_listing_get(parameters: Iterable[tuple[str, str]]) -> Page:
    """The page of filtering terms that a query string asks for; limit 0, which is all of them, if it names none.

    Raises Malformed for what would narrow the list: it is narrowed by its path alone.
    """
    given = list(parameters)
    return _listing(parse_get(_LISTED, given), {name: value for name, value in given if name in _PAGING})


def parse_listing_post(body: object) -> Page:
    """The same for a decoded JSON body; None (no body) asks for all of them."""
    asked = parse_post(_LISTED, body)
    document = _mapping({} if body is None else body, "the request body")
    query = _mapping(_given(document, "query", {}), "query")
    return _listing(asked, _member(document, query, "pagination"))


_LISTED: Final = Target(EntryType.DATASET)


def _listing(asked: BeaconRequest, pagination: object) -> Page:
    narrowing = {
        "filters": asked.filters,
        "requestParameters": asked.variant,
        "datasets": asked.datasets is not None,
    }
    for name, is_given in narrowing.items():
        if is_given:
            raise Malformed(f"{name}: filtering terms are listed by the page; narrow them by the path")
    return _page(pagination, limit=0)


def _without_variant(
    target: Target, document: Mapping[str, object], scopes: tuple[Mapping[str, object], ...]
) -> partial[BeaconRequest]:
    """A request but for the variant it asks about; `scopes` are further mappings in which datasets may be named."""
    meta = _mapping(_given(document, "meta", {}), "meta")
    query = _mapping(_given(document, "query", {}), "query")
    filters = parse_filters(_member(document, query, "filters"))
    return partial(
        BeaconRequest,
        entry_type=target.entry_type,
        filters=filters,
        granularity=_granularity(_member(document, query, "requestedGranularity")),
        include=_include(_member(document, query, "includeResultsetResponses")),
        page=_page(_member(document, query, "pagination")),
        datasets=_datasets([source.get(name) for source in (document, query, *scopes) for name in _DATASETS]),
        test_mode=_flag(_member(document, query, "testMode"), "testMode"),
        entry_id=target.entry_id,
        parent=target.parent,
        api_version=_api_version(meta.get("apiVersion")),
        requested_schemas=_schemas(_member(query, meta, "requestedSchemas")),
        echo_filters=tuple(map(filter_text, filters)),
    )


def _mapping(value: object, name: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise Malformed(f"{name} must be a JSON object")
    return value


def _given(document: Mapping[str, object], name: str, default: object) -> object:
    value = document.get(name)
    return default if value is None else value


def _member(document: Mapping[str, object], query: Mapping[str, object], name: str) -> object:
    """A member of `query`, or of the top level, where the specification's own examples put some of them."""
    inside, outside = query.get(name), document.get(name)
    if inside is not None and outside is not None and inside != outside:
        raise Malformed(f"{name} is given both in query and beside it, with different values")
    return outside if inside is None else inside


def _refuse_unknown(given: Mapping[str, object], known: tuple[str, ...], where: str) -> None:
    """A member that is not known may have been meant to narrow the answer."""
    for name in given:
        if name not in known:
            raise Malformed(f"{where}.{name} is unknown; {_nearest(name, known)}")


def _refuse_misplaced(document: Mapping[str, object]) -> None:
    """A parameter beside `query` would narrow nothing there."""
    for name in document:
        if name in _PARAMETERS:
            raise Malformed(f"{name} stands beside query; it belongs into query.requestParameters")


def _nearest(name: str, known: tuple[str, ...]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"


def _request_parameters(given: object) -> tuple[dict[str, object], tuple[Mapping[str, object], ...]]:
    """Variant parameters by canonical name, and the mappings in which datasets may also be named."""
    if given is None:
        return {}, ()
    if isinstance(given, list):
        if len(given) != 1:
            raise Malformed(
                f"requestParameters lists {'several' if given else 'no'} variants; ask for one at a time"
            )
        given = given[0]
    flat = _mapping(given, "requestParameters")
    _refuse_unknown(flat, _IN_PARAMETERS, "requestParameters")
    nested = [name for name in _NESTED if flat.get(name) is not None]
    if len(nested) > 1:
        raise Malformed(
            f"requestParameters has both {nested[0]} and {nested[1]}; g_variant is the right name"
        )
    if not nested:
        return _canonical(flat), (flat,)
    # If both forms are present, g_variant wins (as the model documents only that one).
    variant = _mapping(flat[nested[0]], f"requestParameters.{nested[0]}")
    if not variant:
        raise Malformed(f"requestParameters.{nested[0]} is empty; leave it out to ask for every variant")
    return _canonical(variant), (flat, variant)


def _canonical(variant: Mapping[str, object]) -> dict[str, object]:
    """The parameters that are given, by canonical name. Raises Malformed if two spellings of one contradict."""
    parameters: dict[str, object] = {}
    for name, value in variant.items():
        if value is None or name in _DATASETS or name in _NESTED:
            continue
        known = SYNONYMS.get(name, name)
        if parameters.setdefault(known, value) != value:
            raise Malformed(f"{known} is given in two spellings with different values; give it once")
    return parameters


def _granularity(asked: object) -> Granularity | None:
    if asked is None:
        return None
    if isinstance(asked, str) and asked.upper() in Granularity.__members__:
        return Granularity[asked.upper()]
    raise Malformed(f"requestedGranularity {asked!r} must be boolean, count or record")


def _include(asked: object) -> Include:
    if asked is None:
        return Include.HIT
    if isinstance(asked, str) and asked.upper() in Include.__members__:
        return Include[asked.upper()]
    raise Malformed(f"includeResultsetResponses {asked!r} must be ALL, HIT, MISS or NONE")


def _flag(asked: object, name: str) -> bool:
    if asked is None or isinstance(asked, bool):
        return bool(asked)
    if isinstance(asked, str) and asked.lower() in ("true", "false"):
        return asked.lower() == "true"
    raise Malformed(f"{name} {asked!r} must be true or false")


def _datasets(given: list[object]) -> frozenset[str] | None:
    """Ids that the answer is restricted to; None if no member named any, which is not the same as an empty list."""
    named = [_ids(value) for value in given if value is not None]
    if any(ids != named[0] for ids in named):
        raise Malformed("datasets are named in several places with different values")
    return named[0] if named else None


def _ids(value: object) -> frozenset[str]:
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise Malformed("datasets must be a list of dataset ids, or ids joined by commas")
    return frozenset(part.strip() for part in parts if part.strip())


def _api_version(asked: object) -> str:
    if asked is None or asked == "":
        return SPEC_VERSION
    if isinstance(asked, bool) or not isinstance(asked, str | int | float):
        raise Malformed("meta.apiVersion must be a string such as v2.2.0")
    return checked_version(str(asked))


def _schemas(asked: object) -> tuple[dict[str, str], ...]:
    if asked is None:
        return ()
    listed = asked.split(",") if isinstance(asked, str) else asked
    if not isinstance(listed, list):
        raise Malformed("meta.requestedSchemas must be a list")
    return tuple(_schema(item) for item in listed)


def _schema(item: object) -> dict[str, str]:
    if isinstance(item, str):
        return {"schema": item}
    if isinstance(item, Mapping) and all(isinstance(value, str | None) for value in item.values()):
        return {name: str(item[name]) for name in ("entityType", "schema") if item.get(name) is not None}
    raise Malformed("meta.requestedSchemas must hold objects with entityType and schema")


def _page(asked: object, *, limit: int = Page().limit) -> Page:
    """A page; `limit` where none is given."""
    given = _mapping({} if asked is None else asked, "pagination")
    _refuse_unknown(given, _PAGING, "pagination")
    asked_skip, asked_limit = given.get("skip"), given.get("limit")
    page = Page(
        0 if asked_skip is None else _page_number(asked_skip, "pagination.skip"),
        limit if asked_limit is None else _page_number(asked_limit, "pagination.limit"),
    )
    tokens = [(name, given[name]) for name in _PAGING[2:] if given.get(name)]
    if not tokens:
        return page
    if len(tokens) > 1:
        raise Malformed(
            f"pagination has both {tokens[0][0]} and {tokens[1][0]}; give the token of the page wanted"
        )
    return parse_page_token(tokens[0][1], f"pagination.{tokens[0][0]}")


def _page_number(value: object, name: str) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 10:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MAX_PAGE_NUMBER:
        raise Malformed(f"{name} {value!r} must be a whole number from 0 to {_MAX_PAGE_NUMBER}")
    return value


_TOKEN: Final = re.compile(rb"(\d{1,10})\.(\d{1,10})\.([0-9a-f]{8})\Z")


@lru_cache(maxsize=1024)
def page_token(page: Page) -> str:
    """Opaque name of a page, for `currentPage`, `nextPage` and `previousPage`."""
    text = f"{page.skip}.{page.limit}"
    return urlsafe_b64encode(f"{text}.{crc32(text.encode()):08x}".encode()).decode().rstrip("=")


def parse_page_token(token: object, name: str) -> Page:
    """The page a token names. Raises Malformed for a token that `page_token` did not make."""
    text = str(token).encode("ascii", "replace")
    try:
        parts = _TOKEN.match(urlsafe_b64decode(text + b"=" * (-len(text) % 4)))
    except ValueError:
        parts = None
    if parts is None or int(parts[3], 16) != crc32(parts[1] + b"." + parts[2]):
        raise Malformed(f"{name} is no page token of this Beacon; use nextPage of an answer as it is")
    return Page(int(parts[1]), int(parts[2]))
