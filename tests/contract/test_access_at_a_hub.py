"""Organisations and the REMS-shaped interface as a hub serves them, behind its gate and with keys of programs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.onboarding_kit import REGISTRATION

from opengdi.apps.doors import machine_keys, machine_secret
from opengdi.apps.hub import HubState, build_hub, open_state
from opengdi.apps.node import build_node
from opengdi.apps.node import open_state as open_node
from opengdi.apps.organisations import organisations
from opengdi.apps.process import Process
from opengdi.apps.settings import Settings
from opengdi.identity.machines.rules import token_of
from opengdi.kernel.clock import SystemClock
from opengdi.kernel.feed import Feed
from opengdi.kernel.principal import Principal
from opengdi.testing.identity import key_id, program

DATASET = {"dataset": "GDI-EE-A-1", "version": "1.0", "node": "ee.node", "body": "ee.dac", "title": "Cohort"}


@pytest.fixture
def state(tmp_path: Path) -> Iterator[HubState]:
    settings = Settings.model_validate(
        {
            "hub": {
                "id": "eu.hub",
                "data_dir": tmp_path / "hub",
                "keys_dir": tmp_path / "keys",
                "registry_file": tmp_path / "registry.jws",
            },
            "requests": {
                "datasets": [DATASET],
                "rems": {
                    "enabled": True,
                    "impersonating": [f"key:{key_id('ams')}"],
                    "bots": ["rems-bot"],
                    "visas": True,
                },
            },
        }
    )
    with open_state(settings, SystemClock()) as state:
        yield state


@pytest.fixture
def process(state: HubState) -> Iterator[Process]:
    process = build_hub(state)
    yield process
    process.close()


@pytest.fixture
async def client(process: Process) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=process.public, client=("192.0.2.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


def key(state: HubState, name: str, *duties: str) -> str:
    """A key that was given to a program."""
    store = machine_keys(state)
    keys = type(store)(state.engine, state.clock, state.audit, lambda: key_id(name))
    keys.new(program(name, *duties, registered=True), "operator:test")
    return token_of(machine_secret(state), key_id(name))


async def test_a_service_with_a_key_acts_for_people(state: HubState, client: httpx.AsyncClient):
    headers = {"x-rems-api-key": key(state, "ams"), "x-rems-user-id": "researcher"}
    answer = await client.get("/api/catalogue-items", headers=headers)
    items = answer.json()
    assert answer.status_code == 200, items
    assert [item["resid"] for item in items] == ["GDI-EE-A-1"]
    body = {"catalogue-item-ids": [items[0]["id"]]}
    created = (await client.post("/api/applications/create", headers=headers, json=body)).json()
    assert created["success"] is True
    number = created["application-id"]
    whole = (await client.get(f"/api/applications/{number}", headers=headers)).json()
    assert whole["application/state"] == "application.state/draft"
    assert (await client.get("/api/permissions/researcher", headers=headers)).json() == {
        "ga4gh_passport_v1": []
    }
    assert (await client.get("/api/jwk")).json()["keys"][0]["alg"] == "RS256"
    auditor = {"x-rems-api-key": key(state, "reporter", "auditor")}
    lines: Any = (await client.get("/api/audit-log?userid=researcher", headers=auditor)).json()
    acted = [line for line in lines if line["method"] == "rems.act"]
    assert {line["userid"] for line in acted} == {f"key:{key_id('ams')}"}
    assert "person:researcher" in acted[0]["path"]


async def test_without_a_key_there_is_nothing(state: HubState, client: httpx.AsyncClient):
    assert (await client.get("/api/my-applications")).status_code == 401
    wrong = {"x-rems-api-key": f"{key(state, 'other')}x"}
    assert (await client.get("/api/my-applications", headers=wrong)).status_code == 401
    acting = {"x-rems-api-key": key(state, "another"), "x-rems-user-id": "researcher"}
    answer = await client.get("/api/my-applications", headers=acting)
    assert (answer.status_code, "error" in answer.json()) == (403, True)


async def test_organisations_are_brought_on_behind_the_gate(state: HubState, client: httpx.AsyncClient):
    clerk = {"authorization": f"Bearer {key(state, 'clerk')}"}
    auditor = {"authorization": f"Bearer {key(state, 'desk', 'auditor')}"}
    path = "/access/v1/organisations"
    assert (await client.post(path, json=REGISTRATION)).status_code == 401
    registered = await client.post(path, json=REGISTRATION, headers=clerk)
    assert registered.status_code == 201
    listed = (await client.get(path, headers=auditor)).json()["items"]
    assert [item["id"] for item in listed] == [registered.json()["id"]]
    assert (await client.get("/organisations/register")).status_code == 200


async def test_a_node_keeps_the_registry_of_its_providers(tmp_path: Path):
    node = {"id": "ee.node", "data_dir": tmp_path / "node", "keys_dir": tmp_path / "node-keys"}
    settings = Settings.model_validate({"node": node})
    with open_node(settings, SystemClock()) as state:
        process = build_node(state)
        transport = httpx.ASGITransport(app=process.public, client=("192.0.2.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            assert (await client.get("/access/v1/providers")).status_code == 401
        process.close()


def test_who_signed_the_attestations_of_registered_access_is_said_to_have(state: HubState):
    signed = datetime(2026, 12, 1, tzinfo=UTC)
    brought_on = organisations(state, lambda _: Principal("anonymous:0"), Feed(state.engine, state.clock))
    terms = [("user-terms/2", signed), ("terms/1", signed)]
    assert list(brought_on._attested(terms)) == []
    named = replace(brought_on, attestation="user-terms")
    assert list(named._attested(terms)) == [("https://doi.org/10.1038/s41431-018-0219-y", signed)]
