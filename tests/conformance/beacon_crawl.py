"""Calls every endpoint that a Beacon's `/map` advertises, in every way, and judges each body and each item."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
from tests.conformance.official_schemas import OfficialSchemas, data_kind

GRANULARITIES: Final = ("boolean", "count", "record")
INCLUDES: Final = ("ALL", "HIT", "MISS", "NONE")
INFORMATIONAL: Final = {
    "": "Info",
    "/info": "Info",
    "/configuration": "Configuration",
    "/map": "Map",
    "/entry_types": "EntryTypes",
    "/filtering_terms": "FilteringTerms",
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address of `/map`, its ids filled in, and the entry type it returns."""

    url: str
    entry_type: str


@dataclass(slots=True)
class CrawlReport:
    """What was called and what was wrong with it."""

    calls: int = 0
    items: dict[str, int] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    """Addresses below the Beacon's own that told records."""
    problems: list[str] = field(default_factory=list)
    lowered: int = 0


class BeaconCrawl:
    """Crawls one Beacon.

    ids: by entry type, what stands for `{id}` in single and nested addresses. limit: how many records are asked for
    where a question may say so.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        base: str,
        schemas: OfficialSchemas,
        ids: dict[str, str],
        limit: int | None = None,
    ) -> None:
        self._client = client
        self._base = base
        self._schemas = schemas
        self._ids = ids
        self._limit = {} if limit is None else {"limit": limit}
        self.report = CrawlReport()

    async def run(self, *, test_mode: bool = False) -> CrawlReport:
        """Everything: informational documents, then each endpoint x verb x granularity x include mode."""
        for path, kind in INFORMATIONAL.items():
            self._note(path, self._schemas.response_problems(kind, await self._document(self._base + path)))
        service_info = await self._document(f"{self._base}/service-info")
        path = "framework/json/responses/ga4gh-service-info-1-0-0-schema.json"
        self._note("service-info", self._schemas.problems(path, service_info))
        for endpoint in self.endpoints(await self._document(f"{self._base}/map")):
            await self._bare(endpoint)
            for granularity in GRANULARITIES:
                for include in INCLUDES:
                    await self._ask(endpoint, granularity, include, test_mode=test_mode)
        return self.report

    async def _document(self, url: str) -> Any:
        return (await self._client.get(url)).raise_for_status().json()

    def endpoints(self, beacon_map: dict[str, Any]) -> Iterator[Endpoint]:
        for each in beacon_map["response"]["endpointSets"].values():
            entry_type = each["entryType"]
            identifier = self._ids[entry_type]
            yield Endpoint(each["rootUrl"], entry_type)
            yield Endpoint(each["singleEntryUrl"].replace("{id}", identifier), entry_type)
            for nested in each["endpoints"].values():
                yield Endpoint(nested["url"].replace("{id}", identifier), nested["returnedEntryType"])

    async def _bare(self, endpoint: Endpoint) -> None:
        """GET without any parameter works on every advertised endpoint."""
        answer = await self._client.get(endpoint.url)
        self._judge(endpoint, f"GET {endpoint.url}", answer)

    async def _ask(self, endpoint: Endpoint, granularity: str, include: str, *, test_mode: bool) -> None:
        query = {
            "requestedGranularity": granularity,
            "includeResultsetResponses": include,
            "testMode": test_mode,
        }
        got = await self._client.get(
            endpoint.url, params=query | {"testMode": str(test_mode).lower()} | self._limit
        )
        paged = query | ({"pagination": self._limit} if self._limit else {})
        posted = await self._client.post(
            endpoint.url, json={"meta": {"apiVersion": "v2.2.0"}, "query": paged}
        )
        for verb, answer in (("GET", got), ("POST", posted)):
            where = f"{verb} {endpoint.url} {granularity} {include}"
            self._judge(endpoint, where, answer, granularity)
            self._compare_echo(where, answer, granularity, include)
        if _timeless(got.json()) != _timeless(posted.json()):
            self.report.problems.append(f"{endpoint.url}: GET and POST differ at {granularity} {include}")

    def _judge(self, endpoint: Endpoint, where: str, answer: httpx.Response, asked: str = "") -> None:
        self.report.calls += 1
        document = answer.json()
        if answer.status_code != 200:
            self.report.problems.append(f"{where}: {answer.status_code} {document}")
            return
        returned = document["meta"]["returnedGranularity"]
        self.report.lowered += bool(asked) and returned != asked
        self._note(where, self._schemas.response_problems(data_kind(document, returned), document))
        for item in _items(document):
            self.report.items[endpoint.entry_type] = self.report.items.get(endpoint.entry_type, 0) + 1
            self.report.told.add(endpoint.url.removeprefix(self._base))
            self._note(where, self._schemas.item_problems(endpoint.entry_type, item))

    def _compare_echo(self, where: str, answer: httpx.Response, granularity: str, include: str) -> None:
        summary = answer.json()["meta"]["receivedRequestSummary"]
        if (summary["requestedGranularity"], summary["includeResultsetResponses"]) != (granularity, include):
            self.report.problems.append(f"{where}: the echo says something else")

    def _note(self, where: str, problems: list[str]) -> None:
        self.report.problems += [f"{where}: {problem}" for problem in problems]


def _timeless(document: dict[str, Any]) -> dict[str, Any]:
    """The answer without how long each member of a network took."""
    for line in document.get("info", {}).get("members", ()):
        line.pop("latencyMs")
        line.pop("ageMs", None)
    return document


def _items(document: dict[str, Any]) -> Iterator[Any]:
    response = document["response"]
    yield from response.get("collections", ())
    for result_set in response.get("resultSets", ()):
        yield from result_set.get("results", ())
