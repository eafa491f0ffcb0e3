"""Notices wired into a hub: by which names and addresses people are told, and what waits until it is known."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.onboarding_kit import CHECKS, REGISTRATION

from opengdi.access.notices.model import State
from opengdi.access.organisations import commands as c
from opengdi.access.organisations.ports import Presence
from opengdi.apps.access_wire import open_hub_wire
from opengdi.apps.hub import HubState, open_state
from opengdi.apps.notices import addresses_of, notices_part, open_notices
from opengdi.apps.organisations import Organisations, organisations
from opengdi.apps.settings import Settings
from opengdi.apps.ticking import Ticking
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.health import Condition
from opengdi.kernel.principal import Duty, Principal, Role, Tier

OPERATOR = Principal(
    "operator", Tier.REGISTERED, duties=frozenset({Duty(Role.ONBOARDING_OPERATOR)}), logged_in=True
)
OFFICIAL = Principal("official", Tier.REGISTERED, logged_in=True)


def settings(folder: Path, **more: object) -> Settings:
    hub = {"id": "eu.hub", "name": "The hub", "data_dir": folder / "data", "keys_dir": folder / "keys"}
    return Settings.model_validate({"hub": hub, **more})


@pytest.fixture
def state(tmp_path: Path) -> Iterator[HubState]:
    with open_state(settings(tmp_path), FixedClock()) as state:
        yield state


def onboard(state: HubState) -> Organisations:
    return organisations(state, lambda _scope: OFFICIAL, open_hub_wire(state, list).feed)


def register(hub: Organisations) -> str:
    wish = {
        **REGISTRATION,
        "name": "Win at http://evil.example.org",
        "official": {"name": "N", "email": "n@example.org"},
    }
    done = hub.onboarding.register(OFFICIAL, c.read_command(_json(wish), c.Register))
    return done.state.id


def _json(told: object) -> bytes:
    return msgspec.json.encode(told)


def letters(state: HubState) -> list[str]:
    folder = state.data_dir / "mail"
    return [file.read_text() for file in sorted(folder.glob("*.eml"))] if folder.exists() else []


def test_nobody_sends_letters_of_ours_in_a_name_of_their_own(state: HubState) -> None:
    hub = onboard(state)
    notices = open_notices(state, "The hub", lambda _: "somebody@example.org", hub.standings)
    notices.derive()
    id_ = register(hub)
    notices.derive()
    notices.send()
    [invited] = letters(state)
    assert "evil" not in invited
    assert id_ in invited

    checks = [{**check, "on": "2025-12-01"} for check in CHECKS]
    vet = c.read_command(_json({"checks": checks}), c.Vet)
    hub.onboarding.act(OPERATOR, id_, "vet", vet, Presence("operator", None, "", ""))
    notices.derive()
    notices.send()
    assert any("evil" in letter for letter in letters(state)), "a name that an operator looked at is told"


def test_a_letter_waits_until_it_is_known_where_it_leads(tmp_path: Path) -> None:
    with open_state(settings(tmp_path, public={"port": 0}), FixedClock()) as state:
        hub = onboard(state)
        notices = open_notices(state, "The hub", lambda _: "", hub.standings)
        notices.derive()
        register(hub)
        notices.derive()
        assert notices.send() == 0
        assert "until this service listens" in notices.trouble
        assert notices.means.book.counts()[State.WAITING] == 1
        (state.data_dir / "listening.json").write_text('{"public": "http://127.0.0.1:12345"}')
        assert notices.send() == 1
    assert "http://127.0.0.1:12345/invitation#" in letters(state)[0]


def test_production_without_a_mail_server_is_told_so(tmp_path: Path) -> None:
    prod = settings(tmp_path, public={"external_url": "https://hub.gdi.eu"}).hub.model_dump() | {
        "environment": "prod",
        "organisation": {"id": "eu.gdi", "name": "Genome EDIC"},
    }
    told = Settings.model_validate({"hub": prod, "public": {"external_url": "https://hub.gdi.eu"}})
    with open_state(told, FixedClock()) as state:
        probe, _ = notices_part(state, "The hub", lambda _: "").probes
        finding = probe.look()
    assert finding.condition is Condition.DEGRADED
    assert "mail.server" in finding.detail


def test_an_address_comes_from_who_knows_it() -> None:
    assert addresses_of(None)("somebody") == ""
    assert addresses_of(None, lambda subject: f"{subject}@example.org")("somebody") == "somebody@example.org"


def test_a_letter_is_kept_as_long_as_the_settings_say(tmp_path: Path) -> None:
    clock = FixedClock()
    with open_state(settings(tmp_path, mail={"kept_days": 2}), clock) as state:
        hub = onboard(state)
        notices = open_notices(state, "The hub", lambda _: "", hub.standings)
        notices.derive()
        register(hub)
        notices.derive()
        assert notices.send() == 1
        part = notices_part(state, "The hub", lambda _: "", hub.standings)
        [care] = [each for work in part.background if isinstance(each := work.__self__, Ticking)]
        for days, kept in ((1, 1), (1, 1), (1, 0)):
            clock.advance(days * 86_400)
            asyncio.run(care.turn())
            assert len(letters(state)) == kept
