"""`POST /access/v1/match`: what somebody would get before applying, with every reason; `GET …/offers/{dataset}`: ODRL.

Open to everybody: data use statements are public; nothing about people is in here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Scope

from opengdi.access.answers import json_answer
from opengdi.access.model import Purpose
from opengdi.access.permits.precheck import (
    NOTHING_VERIFIED,
    Precheck,
    Verified,
    match_told,
    statement_of,
    use_of,
)
from opengdi.access.permits.wire import json_object
from opengdi.access.ports import Datasets, OfferedDataset
from opengdi.kernel.errors import Invalid, NotFound
from opengdi.kernel.principal import Principal
from opengdi.standards.duo.odrl import as_offer

MATCH: Final = "/access/v1/match"
OFFERS: Final = "/access/v1/offers"
MOST, MOST_NAMED = 1000, 100
"""Datasets that are told in one answer, and that may be named in a question."""

_MEMBERS: Final = frozenset({"purpose", "duo", "datasets", "environment", "verdict"})


def match_routes(
    precheck: Precheck,
    datasets: Datasets,
    identify: Callable[[Scope], Principal],
    verified: Callable[[Principal], Verified] = lambda _asker: NOTHING_VERIFIED,
    environments: Mapping[str, str] = MappingProxyType({}),
) -> list[Route]:
    """verified: what is known of the asker's organisation. environments: country of each that is known."""

    async def ask(request: Request) -> Response:
        asker = identify(request.scope)
        body = await json_object(request)
        return json_answer(await asyncio.to_thread(answer, asker, body))

    def answer(asker: Principal, body: dict[str, Any]) -> dict[str, Any]:
        if unknown := sorted(set(body) - _MEMBERS):
            raise Invalid(f"{unknown[0]!r} is not known; known are {', '.join(sorted(_MEMBERS))}")
        duo = body.get("duo", {})
        if not isinstance(duo, dict):
            raise Invalid("duo must be a JSON object")
        place = environments.get(str(body.get("environment", "")), "")
        known = replace(verified(asker), environments=frozenset({place} - {""}))
        use = use_of(_purpose(body.get("purpose", "research")), duo, known)
        found = [
            {"dataset": each.dataset, "version": each.version, "title": each.title}
            | match_told(precheck.full(use, each.duo))
            for each in _asked(datasets, body.get("datasets"))
        ]
        wanted = body.get("verdict")
        return {"items": [each for each in found if wanted in {None, each["verdict"]}]}

    async def offer(request: Request) -> Response:
        """The conditions of use of a dataset, for programs that know ODRL. Spec: ODRL 2.2, Offer."""
        id_ = request.path_params["dataset"]
        offered = await asyncio.to_thread(datasets.find, id_)
        if offered is None:
            raise NotFound(f"dataset {id_} is not offered", public=f"There is no dataset {id_!r} to ask for.")
        told = as_offer(
            statement_of(offered.duo), offered.url or f"urn:gdi:dataset:{quote(id_)}", str(request.url)
        )
        return Response(msgspec.json.encode(told), media_type="application/ld+json")

    return [Route(MATCH, ask, methods=["POST"]), Route(f"{OFFERS}/{{dataset}}", offer, methods=["GET"])]


def _asked(datasets: Datasets, named: object) -> Sequence[OfferedDataset]:
    """The datasets that were named, or all of them. Raises Invalid, NotFound."""
    if named is None:
        return datasets.all()[:MOST]
    if (
        not isinstance(named, list)
        or len(named) > MOST_NAMED
        or not all(isinstance(each, str) for each in named)
    ):
        raise Invalid(f"datasets must be a list of at most {MOST_NAMED} dataset ids")
    found = {each: datasets.find(each) for each in named}
    if missing := sorted(each for each, offered in found.items() if offered is None):
        raise NotFound(
            f"dataset {missing[0]} is not offered", public=f"There is no dataset {missing[0]!r} to ask for."
        )
    return [offered for offered in found.values() if offered is not None]


def _purpose(told: object) -> Purpose:
    try:
        return Purpose(str(told))
    except ValueError as error:
        raise Invalid(f"purpose must be one of {', '.join(Purpose)}") from error
