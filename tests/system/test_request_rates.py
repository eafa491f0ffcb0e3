"""Who asks too often is told when to come back; nobody else notices."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest
from tests.node_beacons import (
    AGGREGATED,
    INDIVIDUALS,
    PORTAL_ROW,
    TOKEN,
    HeldRows,
    Person,
    manifest,
    node_beacons,
)
from tests.system.foreign_beacon import listening
from tests.system.networks import NETWORK, running_hub

REQUESTS = 3
RATE = {"requests": REQUESTS, "requests_window_s": 3600.0}
TOO_MANY = r"^Too many requests; try again in \d+ s\.$"


def caller(url: str, address: str, token: str = "") -> httpx.AsyncClient:
    """A client at an address of its own."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.AsyncClient(
        base_url=url, headers=headers, transport=httpx.AsyncHTTPTransport(local_address=address), timeout=10
    )


@asynccontextmanager
async def node(folder: Path, **rate: float) -> AsyncIterator[str]:
    people = [Person(frozenset(), 40)] * 1000
    with node_beacons(folder, [HeldRows(manifest(), [PORTAL_ROW], people)], **rate) as beacons:
        async with listening(beacons.app) as url:
            yield url


@asynccontextmanager
async def hub(folder: Path, **rate: float) -> AsyncIterator[str]:
    async with running_hub(folder, [], **rate) as running:
        yield running.url


async def statuses(client: httpx.AsyncClient, path: str, number: int) -> list[int]:
    return [(await client.get(path)).status_code for _ in range(number)]


SERVED = pytest.mark.parametrize(
    ("service", "base"), [(node, AGGREGATED), (hub, NETWORK)], ids=["node", "hub"]
)


@SERVED
async def test_who_asks_too_often_is_told_when_to_come_back(service, base: str, tmp_path: Path) -> None:
    async with (
        service(tmp_path, **RATE) as url,
        caller(url, "127.0.0.1") as often,
        caller(url, "127.7.7.7") as other,
    ):
        path = f"{base}/g_variants?geneId=BRCA2" if base == NETWORK else f"{base}/datasets"
        assert await statuses(often, path, REQUESTS) == [HTTPStatus.OK] * REQUESTS
        refused = await often.get(path)
        assert refused.status_code == HTTPStatus.TOO_MANY_REQUESTS
        assert refused.json()["error"]["errorCode"] == HTTPStatus.TOO_MANY_REQUESTS
        told = refused.json()["error"]["errorMessage"]
        assert re.match(TOO_MANY, told), told
        posted = await often.post(path.split("?", maxsplit=1)[0], json={"query": {}})
        assert posted.status_code == HTTPStatus.TOO_MANY_REQUESTS, "by POST too"
        assert await statuses(often, f"{base}/info", 1) == [HTTPStatus.OK], "documents are no questions"
        assert await statuses(other, path, REQUESTS) == [HTTPStatus.OK] * REQUESTS


@SERVED
async def test_nobody_asks_too_often_where_no_rate_is_set(service, base: str, tmp_path: Path) -> None:
    async with service(tmp_path) as url, caller(url, "127.0.0.1") as client:
        assert set(await statuses(client, f"{base}/datasets", 50)) == {HTTPStatus.OK}


async def test_both_beacons_of_a_node_count_the_questions_of_a_caller_together(tmp_path: Path) -> None:
    async with node(tmp_path, **RATE) as url, caller(url, "127.0.0.1", TOKEN) as client:
        assert await statuses(client, f"{AGGREGATED}/datasets", REQUESTS) == [HTTPStatus.OK] * REQUESTS
        assert await statuses(client, f"{INDIVIDUALS}/individuals", 1) == [HTTPStatus.TOO_MANY_REQUESTS]


async def test_all_paths_of_a_hub_that_ask_members_count_together(tmp_path: Path) -> None:
    async with hub(tmp_path, **RATE) as url, caller(url, "127.0.0.1") as client:
        for path in (
            f"{NETWORK}/cohorts",
            "/beacon-network/aggregated/v2.0.0/datasets",
            f"{NETWORK}/datasets/A/filtering_terms",
        ):
            assert await statuses(client, path, 1) == [HTTPStatus.OK]
        for path in (f"{NETWORK}/cohorts", f"{NETWORK}/cohorts/A/filtering_terms"):
            assert await statuses(client, path, 1) == [HTTPStatus.TOO_MANY_REQUESTS]
        assert await statuses(client, f"{NETWORK}/filtering_terms", 1) == [HTTPStatus.OK]
