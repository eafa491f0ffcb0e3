"""A hub for the system tests: its own folder, a signed registry, its real app on a loopback port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from tests.system.foreign_beacon import PATH, listening

from opengdi.apps.hub import SIGNING_KEY, HubState, build_hub, open_state
from opengdi.apps.process import Process
from opengdi.apps.registry_draft import RegistryDraft
from opengdi.apps.settings import Settings
from opengdi.federation.directory import Profile, ProfileStore
from opengdi.federation.model import ContigForm, Dialect, Member, Network, Paging, ParameterForm
from opengdi.kernel.clock import SystemClock

NETWORK = "/beacon-network/v2.0.0"
FOREIGN = Dialect("v2.0.0", Paging.RECORDS, ParameterForm.FLAT, ContigForm.CHR, any_of=False)


@dataclass
class RunningHub:
    """A hub and a client of it."""

    url: str
    state: HubState
    process: Process
    client: httpx.AsyncClient

    async def ask(self, path: str = "g_variants", **query: object) -> Any:
        """Record granularity unless told otherwise; the answer must be 200."""
        query.setdefault("requestedGranularity", "record")
        answer = await self.client.post(f"{NETWORK}/{path}", json={"query": query})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def sign(self, members: Sequence[Member], *, days: int = 1) -> None:
        """Replace the registry by these members, as the next version."""
        sign_registry(self.state, members, days=days)


def sign_registry(state: HubState, members: Sequence[Member], *, days: int = 1) -> None:
    draft = RegistryDraft(state.settings.hub.registry_file, state.settings.hub.id, state.clock)
    for service in draft.read().services:
        draft.remove(str(service["id"]))
    for member in members:
        draft.add(member)
    draft.sign(state.keys.signing_key(SIGNING_KEY), days)


def hub_settings(folder: Path, **hub: object) -> Settings:
    return Settings.model_validate(
        {
            "hub": {
                "id": "eu.hub",
                "data_dir": folder / "hub",
                "keys_dir": folder / "hub-keys",
                "registry_file": folder / "registry.jws",
                "deadline_s": 0.6,
                **hub,
            }
        }
    )


@asynccontextmanager
async def running_hub(folder: Path, members: Sequence[Member], **hub: object) -> AsyncIterator[RunningHub]:
    """The hub with its background work, on the loop of the test; it has read its members before."""
    with open_state(hub_settings(folder, **hub), SystemClock()) as state:
        sign_registry(state, members)
        known = ProfileStore(state.data_dir / "members")
        for each in members:
            known.save_profile(each.service, Profile({"info": {}}))
        process = build_hub(state)
        working = [asyncio.ensure_future(work()) for work in process.background]
        try:
            async with (
                listening(process.public, state.settings.limits.body_bytes) as url,
                httpx.AsyncClient(base_url=url, timeout=10) as client,
            ):
                yield RunningHub(url, state, process, client)
        finally:
            for task in working:
                task.cancel()
            await asyncio.gather(*working, return_exceptions=True)
            process.close()


def foreign_member(name: str, url: str, dialect: Dialect = FOREIGN) -> Member:
    return Member(
        id=name,
        service=f"{name}.af",
        name=f"Beacon of {name}",
        country=name[:2].upper(),
        url=f"{url}{PATH}",
        networks=frozenset({Network.AGGREGATED}),
        dialect=dialect,
        organisation="Somebody",
        organisation_url="https://somebody.example",
    )
