"""At the hub itself the broker's tokens say who somebody is, if they are for the hub."""

from __future__ import annotations

import pytest
from tests.broker_kit import HUB, ISSUER, NORTH, SECRET, SUBJECT, Desk, claims_of

from opengdi.identity.broker.own_tokens import OwnTokens
from opengdi.identity.clearinghouse.keys import KeyBook, OwnKeys
from opengdi.identity.clearinghouse.model import Issuer, Pair, Policy, Trust
from opengdi.identity.clearinghouse.service import Clearinghouse
from opengdi.identity.ports import NothingRevoked
from opengdi.kernel.errors import NotAuthenticated


def tokens(desk: Desk) -> OwnTokens:
    pair = Pair(HUB, desk.own.jku)
    house = Clearinghouse(
        Trust((), (Issuer(pair, datasets=("*",), subjects_of=ISSUER),)),
        KeyBook({pair: OwnKeys(desk.own.keys.published)}),
        NothingRevoked(),
        desk.clock,
        Policy(frozenset({HUB})),
    )
    return OwnTokens(desk.broker, house)


async def test_a_token_for_the_hub_proves_the_person_and_what_the_hub_says_of_them(desk: Desk):
    desk.own.datasets = ["GDID-hub-1"]
    own = tokens(desk)
    token = (await desk.logged_in())["access_token"]
    proof = await own.proof(token)
    assert (proof.subject, proof.issuer) == (SUBJECT, ISSUER)
    assert [visa.dataset for visa in proof.visas] == ["GDID-hub-1"]
    desk.own.datasets = []
    assert await own.proof(token) == proof  # remembered for minutes


async def test_a_token_without_passport_scope_proves_the_person_only(desk: Desk):
    desk.own.datasets = ["GDID-hub-1"]
    proof = await tokens(desk).proof((await desk.logged_in(scope="openid"))["access_token"])
    assert (proof.subject, proof.visas, proof.bona_fide) == (SUBJECT, (), False)


async def test_a_token_for_a_node_proves_nothing_here(desk: Desk):
    with pytest.raises(NotAuthenticated):
        await tokens(desk).proof((await desk.logged_in(resource=NORTH))["access_token"])


async def test_no_other_token_of_ours_proves_anything(desk: Desk):
    told = await desk.logged_in()
    passport = (await desk.exchange(told["access_token"])).json()["access_token"]
    for other in (told["id_token"], told["refresh_token"], passport, "nothing"):
        with pytest.raises(NotAuthenticated):
            await tokens(desk).proof(other)


async def test_a_token_that_was_taken_back_proves_nothing(desk: Desk):
    own, told = tokens(desk), await desk.logged_in()
    await own.proof(told["access_token"])
    await desk.ask("POST", "/oidc/revoke", data={"token": told["refresh_token"]}, auth=("portal", SECRET))
    with pytest.raises(NotAuthenticated):
        await own.proof(told["access_token"])


async def test_a_programs_token_proves_the_program(desk: Desk):
    told = (await desk.token("robot", grant_type="client_credentials")).json()
    assert claims_of(told["access_token"])["aud"] == [HUB, ISSUER]
    assert (await tokens(desk).proof(told["access_token"])).subject == "robot"
