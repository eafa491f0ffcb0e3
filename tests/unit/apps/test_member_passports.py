"""What the hub shows a member of who asks: a passport for that member alone, with its visas and the hub's."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.broker_kit import NORTH, SUBJECT, Desk
from tests.unit.federation.kit import member

from opengdi.apps.member_passports import KEPT_EMPTY_S, KEPT_S, LONGEST_BYTES, MemberPassports
from opengdi.federation.model import Member
from opengdi.kernel.keys import SigningKey
from opengdi.kernel.principal import Principal
from opengdi.standards.jws import read_compact

ADA = Principal(SUBJECT, logged_in=True)


@pytest.fixture
def desk(tmp_path: Path):
    desk = Desk(tmp_path)
    yield desk
    desk.engine.dispose()


def north() -> Member:
    return replace(member("north"), id="north", key=SigningKey.generate().public)


async def test_a_person_is_shown_by_a_passport_that_is_for_one_member(desk: Desk) -> None:
    shown = await MemberPassports(desk.broker).passport(north(), ADA)
    assert shown is not None
    assert shown.opens_data
    jws = read_compact(shown.token, longest=LONGEST_BYTES)
    claims = json.loads(jws.payload)
    assert jws.header["typ"] == "vnd.ga4gh.passport+jwt"
    assert claims["aud"] in (NORTH, [NORTH])
    assert claims["sub"] == SUBJECT
    assert claims["exp"] - claims["iat"] <= 300
    issuers = {
        json.loads(read_compact(each, longest=LONGEST_BYTES).payload)["iss"]
        for each in claims["ga4gh_passport_v1"]
    }
    assert NORTH in issuers
    assert not any("south" in each for each in issuers)


async def test_it_is_shown_again_for_a_while_and_then_made_anew(desk: Desk) -> None:
    passports = MemberPassports(desk.broker)
    first, again = [await passports.passport(north(), ADA) for _ in range(2)]
    desk.clock.advance(KEPT_S)
    assert first == again != await passports.passport(north(), ADA)


async def test_one_that_opens_no_data_is_soon_made_anew(desk: Desk) -> None:
    desk.north.datasets = []
    passports = MemberPassports(desk.broker)
    first, again = [await passports.passport(north(), ADA) for _ in range(2)]
    assert first is not None
    assert not first.opens_data
    desk.clock.advance(KEPT_EMPTY_S)
    assert first == again != await passports.passport(north(), ADA)


@pytest.mark.parametrize(
    "asker", [Principal("anonymous:x"), Principal("key:abc", logged_in=True)], ids=["stranger", "program"]
)
async def test_nobody_else_has_one(desk: Desk, asker: Principal) -> None:
    assert await MemberPassports(desk.broker).passport(north(), asker) is None


async def test_members_that_prove_nothing_or_sign_no_visas_are_shown_none(desk: Desk) -> None:
    passports = MemberPassports(desk.broker)
    assert await passports.passport(replace(north(), key=None), ADA) is None
    assert await passports.passport(replace(north(), id="elsewhere"), ADA) is None
