"""The OpenAPI 3.1 document of a Beacon, made of the tables that route its requests.

Spec: OpenAPI 3.1.0; names of the GET parameters: Beacon v2.2.0, default model `endpoints.json` and its request model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from opengdi.standards.beacon.answer import Document
from opengdi.standards.beacon.entry_types import ENTRY_TYPES
from opengdi.standards.beacon.parameters import NAMES, SYNONYMS
from opengdi.standards.beacon.questions import EntryType, Granularity, Include

_INFORMATIONAL: Final = ("", "info", "service-info", "configuration", "map", "entry_types")
_WHOLE: Final = frozenset({"start", "end", "variantMinLength", "variantMaxLength"})
_ERROR: Final = {
    "description": "A Beacon error.",
    "content": {"application/json": {"schema": {"type": "object"}}},
}


@dataclass(frozen=True, slots=True)
class DescribedBeacon:
    """What the document tells of one Beacon.

    version: of the software. url: base address, without a slash at the end. needs_token: whether every question does.
    streams: media types besides JSON in which answers are given.
    """

    name: str
    version: str
    description: str
    url: str
    entry_types: tuple[EntryType, ...]
    needs_token: bool = False
    streams: tuple[str, ...] = ()


def openapi_document(beacon: DescribedBeacon) -> Document:
    """Every advertised path with GET and POST, its parameters and its answers."""
    paths: Document = {
        f"/{name}": {"get": _operation(f"info_{name or 'root'}", [])} for name in _INFORMATIONAL
    }
    paths["/filtering_terms"] = {"get": _operation("filtering_terms", _paging())}
    for entry_type in beacon.entry_types:
        paths |= _paths_of(entry_type, beacon)
    document: Document = {
        "openapi": "3.1.0",
        "info": {"title": beacon.name, "version": beacon.version, "description": beacon.description},
        "servers": [{"url": beacon.url}],
        "paths": paths,
    }
    if beacon.needs_token:
        document["components"] = {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}}
        document["security"] = [{"bearer": []}]
    return document


def _paths_of(entry_type: EntryType, beacon: DescribedBeacon) -> Document:
    root = f"/{ENTRY_TYPES[entry_type].path}"
    below = [ENTRY_TYPES[other].path for other in beacon.entry_types if other is not entry_type]
    paths: Document = {f"{root}/filtering_terms": {"get": _operation(f"terms_{root[1:]}", _paging())}}
    for template in (root, f"{root}/{{id}}", *(f"{root}/{{id}}/{path}" for path in below)):
        paths[template] = _data_path(template, beacon.streams)
    return paths


def _data_path(template: str, streams: tuple[str, ...]) -> Document:
    name = template.strip("/").replace("/{id}/", "_of_").replace("/{id}", "_entry")
    fixed = [{"name": "id", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}]
    path_parameters = fixed if "{id}" in template else []
    body = {"required": False, "content": {"application/json": {"schema": _body_schema()}}}
    return {
        "get": _operation(f"get_{name}", [*path_parameters, *_query_parameters()], streams),
        "post": _operation(f"post_{name}", path_parameters, streams) | {"requestBody": body},
    }


def _operation(identifier: str, parameters: list[Document], streams: tuple[str, ...] = ()) -> Document:
    content: Document = {"application/json": {"schema": {"type": "object"}}}
    content |= {media_type: {"schema": {"type": "string"}} for media_type in streams}
    told = {"200": {"description": "A Beacon answer.", "content": content}}
    refused = dict.fromkeys(("400", "401", "404", "429"), _ERROR)
    return {"operationId": identifier, "parameters": parameters, "responses": told | refused}


def _query_parameters() -> list[Document]:
    return [
        *(_parameter(name, _variant_schema(name)) for name in (*NAMES, *SYNONYMS)),
        *_paging(),
        _parameter("requestedGranularity", {"enum": [each.name.lower() for each in Granularity]}),
        _parameter("includeResultsetResponses", {"enum": [each.value for each in Include]}),
        _parameter("testMode", {"type": "boolean"}),
        _parameter("filters", {"type": "string"}),
        _parameter("datasets", {"type": "string"}),
        _parameter("requestedSchema", {"type": "string"}),
    ]


def _paging() -> list[Document]:
    whole = {"type": "integer", "minimum": 0, "maximum": 1_000_000}
    return [_parameter("skip", whole), _parameter("limit", whole)]


def _parameter(name: str, schema: Document) -> Document:
    return {"name": name, "in": "query", "required": False, "schema": schema}


def _variant_schema(name: str) -> Document:
    return {"type": "integer", "minimum": 0} if name in _WHOLE else {"type": "string"}


def _body_schema() -> Document:
    """The request body; loose where dialects differ."""
    variant = {name: {} if name in _WHOLE else {"type": ["string", "null"]} for name in NAMES}
    query = {
        "requestParameters": {"type": ["object", "null"], "properties": variant},
        "filters": {
            "type": ["array", "null"],
            "items": {"type": "object", "properties": {"id": {"type": "string"}}},
        },
        "includeResultsetResponses": {"enum": [each.value for each in Include]},
        "requestedGranularity": {"enum": [each.name.lower() for each in Granularity]},
        "pagination": {
            "type": "object",
            "properties": {name: {"type": "integer", "minimum": 0} for name in ("skip", "limit")},
        },
        "testMode": {"type": "boolean"},
    }
    return {
        "type": "object",
        "required": ["meta"],
        "properties": {
            "meta": {"type": "object", "properties": {"apiVersion": {"type": "string"}}},
            "query": {"type": "object", "properties": query},
        },
    }
