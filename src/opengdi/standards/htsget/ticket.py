"""Tickets: where a client gets the bytes that make up the answer. Also what a service says of itself.

Spec: htsget v1.3.0, "Response JSON fields", "Inline data URIs", "Service info".
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from opengdi.standards.htsget import SPEC_VERSION
from opengdi.standards.htsget.request import Kind
from opengdi.standards.service_info import GA4GH, Service, ServiceType

MEDIA_TYPE: Final = f"application/vnd.ga4gh.htsget.v{SPEC_VERSION}+json; charset=utf-8"
HEADER: Final = "header"
BODY: Final = "body"
LARGEST_BLOCK_BYTES: Final = 1_000_000_000
""""Data blocks SHOULD NOT exceed approximately 1 GB"."""


@dataclass(frozen=True, slots=True)
class TicketUrl:
    """One block. part: `header` or `body`, on all urls of a ticket or "" on all of them."""

    url: str
    part: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


def inline(data: bytes) -> str:
    """A data URI. Without a media type: clients ignore it by specification, and some choke on it."""
    return f"data:;base64,{base64.b64encode(data).decode('ascii')}"


def ticket_document(file_format: str, urls: Sequence[TicketUrl]) -> bytes:
    """The JSON body: it "must begin with exactly `{"htsget":`"."""
    return json.dumps(
        {"htsget": {"format": file_format, "urls": [_url(url) for url in urls]}}, separators=(",", ":")
    ).encode()


def _url(url: TicketUrl) -> dict[str, Any]:
    document: dict[str, Any] = {"url": url.url}
    if url.headers:
        document["headers"] = dict(url.headers)
    if url.part:
        document["class"] = url.part
    return document


def service_type() -> ServiceType:
    """What service info and registries call this API."""
    return ServiceType(GA4GH, "htsget", SPEC_VERSION)


def service_document(service: Service, kind: Kind) -> dict[str, Any]:
    """`/reads/service-info` or `/variants/service-info`: all fields and tags are always sent."""
    own = {"datatype": kind.datatype, "formats": list(kind.formats)}
    return {
        **service.as_document(),
        "htsget": {**own, "fieldsParameterEffective": False, "tagsParametersEffective": False},
    }
