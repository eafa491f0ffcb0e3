"""A provider is brought on step by step, and only by those who coordinate; what it may do rests on agreements."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.onboarding_kit import Hub, a_hub

from opengdi.access.ledger import Ledger
from opengdi.access.organisations.providers import PROVIDERS, Providers

AGREEMENT: dict[str, Any] = {
    "id": "sharing-1",
    "kind": "sharing",
    "version": "2026-1",
    "sha256": "a" * 64,
    "parties": ["University of Somewhere", "Ministry"],
    "signedOn": "2026-11-01",
    "until": "2026-12-31",
    "evidence": "register 17",
}


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with a_hub(tmp_path / "node.sqlite") as hub:
        yield hub


@pytest.fixture
def path(hub: Hub) -> str:
    hub.told("POST", PROVIDERS, "ncp", {"id": "ut", "name": "University", "country": "EE"})
    return f"{PROVIDERS}/ut"


def onboard(hub: Hub, path: str) -> Any:
    hub.command(path, "contact", "ncp", requirements="VCF, consent forms")
    hub.command(path, "fund", "ncp", scheme="national scheme")
    hub.command(path, "review-legal-basis", "ncp", basis="consent", report="opinion 4")
    hub.command(path, "record-agreement", "ncp", **AGREEMENT)
    return hub.command(path, "onboard", "ncp")


def test_a_provider_goes_the_whole_way(hub: Hub, path: str):
    found = onboard(hub, path)
    assert found["state"] == "onboarded"
    assert found["requirements"] == "VCF, consent forms"
    assert found["agreements"][0]["evidence"] == "register 17"
    assert hub.told("GET", path, "depositor")["permitted"] == []
    assert [each["id"] for each in hub.told("GET", PROVIDERS, "depositor")["items"]] == ["ut"]


def test_no_step_is_left_out(hub: Hub, path: str):
    assert hub.do("POST", f"{path}/commands/onboard", "ncp", {}).status_code == 409
    assert hub.do("POST", f"{path}/commands/fund", "ncp", {"scheme": "s"}).status_code == 409
    assert hub.do("POST", PROVIDERS, "ncp", {"id": "ut", "name": "U", "country": "EE"}).status_code == 409


def test_a_provider_may_bring_data_in_while_its_agreement_holds(hub: Hub, path: str):
    providers = Providers(Ledger(hub.engine, hub.clock, hub.audit), hub.clock, lambda: "x")
    assert not providers.may_include("ut")
    assert not providers.may_include("nobody")
    onboard(hub, path)
    assert providers.may_include("ut")
    hub.clock.advance(31 * 86_400)
    assert not providers.may_include("ut")


def test_a_suspended_provider_comes_back_to_where_it_was(hub: Hub, path: str):
    onboard(hub, path)
    assert hub.command(path, "suspend", "ncp", reason="audit")["state"] == "suspended"
    assert hub.command(path, "reinstate", "ncp", reason="done")["state"] == "onboarded"


def test_strangers_do_not_learn_of_providers(hub: Hub, path: str):
    assert hub.do("GET", path, "stranger").status_code == 404
    assert hub.do("POST", f"{path}/commands/onboard", "stranger", {}).status_code == 404
    assert hub.do("POST", PROVIDERS, "stranger", {"id": "x", "name": "X", "country": "EE"}).status_code == 403
    assert hub.told("GET", PROVIDERS, "stranger")["items"] == []
    assert hub.do("GET", path, None).status_code == 401
