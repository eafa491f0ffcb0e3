"""A hub with 27 members: 23 well, two dead (a closed port, a host that never answers), two far too late.

The hub is a real `gdi hub` process; the members are one other process with a listener each that proves and signs as a
node does. Circuits are kept closed for `network.27`, so that every question waits for the dead and the late. The peer
does what the deployed network backend does: all requests start at once, and each is then awaited in turn for 5 s.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from bench.network_members import HUB, PLACE
from opengdi.apps.networks import SIGNING_KEY, open_keys
from opengdi.apps.registry_draft import RegistryDraft
from opengdi.apps.settings import HubSettings
from opengdi.federation.model import Member, Network
from opengdi.kernel.clock import SystemClock
from opengdi.kernel.keys import PublicKey

if TYPE_CHECKING:
    from bench.__main__ import Figure

MEMBERS, DEAD, LATE = 27, 2, 2
PEER = "parallel requests awaited one after the other, 5 s each"
PEER_PATIENCE_S = 5.0
QUESTION = {"query": {"requestParameters": PLACE, "requestedGranularity": "record"}}
GDI = (sys.executable, "-c", "from opengdi.apps.cli import main; main()")


@dataclass(frozen=True)
class Running:
    """A hub and the addresses of its members, in the order of its registry."""

    url: str
    addresses: Sequence[str]


def figures(*, quick: bool) -> list[Figure]:
    """`network.27` (seconds beyond the deadline), and milliseconds when all are well or the bad ones rest."""
    deadline_s = 0.5 if quick else 4.0
    late_s = 3 * deadline_s
    with running(deadline_s, late_s, bad=True, rest_after_failures=1_000_000) as hub:
        beyond = [_ask(hub.url, MEMBERS - DEAD - LATE) - deadline_s for _ in range(2 if quick else 5)]
        peer_beyond = asyncio.run(_await_in_turn(hub.addresses)) - PEER_PATIENCE_S
    with running(deadline_s, late_s, bad=True, rest_after_failures=1) as hub:
        _ask(hub.url, MEMBERS - DEAD - LATE)
        resting_ms = _median_ms(hub.url, MEMBERS - DEAD - LATE, quick=quick)
    with running(deadline_s, late_s, bad=False, rest_after_failures=3) as hub:
        healthy_ms = _median_ms(hub.url, MEMBERS, quick=quick)
        peer_ms = 1000 * statistics.median(
            asyncio.run(_await_in_turn_often(hub.addresses, 20 if quick else 200))
        )
    return [
        _figure("network.27", "seconds beyond the deadline", max(beyond), peer_beyond),
        _figure("network.27_resting", "ms, p50", resting_ms, None),
        _figure("network.27_healthy", "ms, p50", healthy_ms, peer_ms),
    ]


def _figure(name: str, unit: str, value: float, peer: float | None) -> Figure:
    return {
        "name": name,
        "value": round(value, 4),
        "unit": unit,
        "peer": None if peer is None else PEER,
        "peer_value": None if peer is None else round(peer, 4),
        "ratio": None if peer is None else round(peer / value, 2),
    }


def _ask(url: str, healthy: int) -> float:
    """Seconds for one answer with all healthy members in it, over a connection of its own."""
    with httpx.Client(timeout=60, trust_env=False) as client:
        started = time.perf_counter()
        answer = client.post(url, json=QUESTION)
        elapsed = time.perf_counter() - started
    found = answer.raise_for_status().json()
    statuses = [line["status"] for line in found["info"]["members"]]
    assert statuses.count("ok") == healthy == len(found["response"]["resultSets"]), statuses
    assert len(statuses) == MEMBERS
    return elapsed


def _median_ms(url: str, healthy: int, *, quick: bool) -> float:
    with httpx.Client(timeout=60) as client:
        times = []
        for _ in range(20 if quick else 200):
            started = time.perf_counter()
            found = client.post(url, json=QUESTION).raise_for_status().json()
            times.append(time.perf_counter() - started)
            assert len(found["response"]["resultSets"]) == healthy
    return 1000 * statistics.median(times)


async def _await_in_turn(addresses: Sequence[str]) -> float:
    async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
        return await _await_all(client, addresses)


async def _await_in_turn_often(addresses: Sequence[str], times: int) -> list[float]:
    async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
        return [await _await_all(client, addresses) for _ in range(times)]


async def _await_all(client: httpx.AsyncClient, addresses: Sequence[str]) -> float:
    """Seconds until the last member was answered or given up, and the result sets concatenated and encoded."""
    started = time.perf_counter()
    asked = [
        asyncio.create_task(client.post(f"{address}/g_variants", json=QUESTION)) for address in addresses
    ]
    merged: list[Any] = []
    for task in asked:
        try:
            answer = await asyncio.wait_for(asyncio.shield(task), PEER_PATIENCE_S)
            merged += answer.json()["response"]["resultSets"]
        except (TimeoutError, httpx.HTTPError):
            continue
    json.dumps({"response": {"resultSets": merged}})
    elapsed = time.perf_counter() - started
    for task in asked:
        task.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    return elapsed


@contextmanager
def running(deadline_s: float, late_s: float, *, bad: bool, rest_after_failures: int) -> Iterator[Running]:
    """A hub process over 27 members. With `bad`, two of them are dead and two late."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gdi-bench-")))
        hub = HubSettings(
            id=HUB, data_dir=folder / "data", keys_dir=folder / "keys", registry_file=folder / "registry.jws"
        )
        key = open_keys(hub).signing_key(SIGNING_KEY)
        lost = DEAD + LATE if bad else 0
        options = {"hub_key": key.public.as_jwk(), "healthy": MEMBERS - lost, "late": LATE if bad else 0}
        told = stack.enter_context(_members(options | {"late_s": late_s}))
        members = [_member(each["name"], each["port"], each["key"]) for each in told]
        if bad:
            silent = stack.enter_context(
                socket.create_server(("127.0.0.1", 0))
            )  # accepts nothing, says nothing
            members[3:3] = [_member("closed", _closed_port()), _member("silent", silent.getsockname()[1])]
        draft = RegistryDraft(hub.registry_file, HUB, SystemClock())
        for member in members:
            draft.add(member)
        draft.sign(key, days=1)
        (folder / "gdi.toml").write_text(
            f'[hub]\nid = "{HUB}"\ndata_dir = "data"\nkeys_dir = "keys"\nregistry_file = "registry.jws"\n'
            f"deadline_s = {deadline_s}\nrest_after_failures = {rest_after_failures}\n"
        )
        url = stack.enter_context(_hub_process(folder))
        yield Running(f"{url}/beacon-network/v2.0.0/g_variants", [member.url for member in members])


def _member(name: str, port: int, key: Mapping[str, object] | None = None) -> Member:
    return Member(
        id=name,
        service=name,
        name=name,
        country="XX",
        organisation="bench",
        organisation_url="https://example.org",
        url=f"http://127.0.0.1:{port}",
        networks=frozenset({Network.AGGREGATED}),
        key=PublicKey.from_jwk(key) if key else None,
    )


def _closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as once:
        return int(once.getsockname()[1])


@contextmanager
def _members(options: Mapping[str, Any]) -> Iterator[list[dict[str, Any]]]:
    command = [sys.executable, "-m", "bench.network_members", json.dumps(options)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


@contextmanager
def _hub_process(folder: Path) -> Iterator[str]:
    environment = {
        **os.environ,
        "GDI_PUBLIC__PORT": "0",
        "GDI_MANAGEMENT__PORT": "0",
        "GDI_LOG__LEVEL": "error",
    }
    command = [*GDI, "hub", "start", "--config", str(folder / "gdi.toml")]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline(), "the hub did not start"
        yield json.loads((folder / "data" / "listening.json").read_text())["public"]
    finally:
        process.kill()
        process.wait()
