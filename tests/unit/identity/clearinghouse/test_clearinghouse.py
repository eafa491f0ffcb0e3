"""What passports prove: datasets, registered access, linked people; remembered, and taken back at the next use."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace

import pytest
from tests.passport_kit import (
    BROKER,
    DATASET,
    ELSEWHERE,
    ELSEWHERE_ISSUER,
    HUB,
    HUB_ISSUER,
    NODE,
    NODE_ISSUER,
    NOW,
    STRANGER,
    SUBJECT,
    THIS_SERVICE,
    VERSION,
    World,
    bona_fide,
    later,
    link,
    with_issuers,
)

from opengdi.identity.clearinghouse.keys import KEPT_S, REST_S, FetchedKeys, GivenKeys, OwnKeys
from opengdi.identity.clearinghouse.memory import Memory
from opengdi.identity.clearinghouse.model import Issuer, Policy
from opengdi.kernel.errors import Invalid, NotAuthenticated, Unavailable
from opengdi.kernel.keys import SigningKey
from opengdi.standards.coordinates import Interval
from opengdi.standards.passport import BONA_FIDE


def datasets(proof: object) -> list[str]:
    return [visa.dataset for visa in proof.visas if visa.dataset]  # type: ignore[attr-defined]


async def proved(*visas: str, world: World | None = None) -> list[str]:
    return datasets(await (world or World()).clearinghouse().proof(BROKER.passport(visas)))


async def test_a_grant_of_the_own_authority_opens_its_dataset() -> None:
    proof = await World().clearinghouse().proof(BROKER.passport([NODE.visa()]))
    (visa,) = proof.visas
    assert (proof.subject, proof.issuer, proof.until) == (SUBJECT, BROKER.iss, later(3600))
    assert (visa.dataset, visa.regions, visa.until, visa.jti) == (DATASET, (), later(1800), "GDIP-A.1")
    assert visa.version == VERSION
    assert (visa.source, visa.by, visa.issuer) == ("https://dac.example.org", "dac", NODE.iss)


async def test_an_empty_passport_proves_who_it_is_and_no_more() -> None:
    proof = await World().clearinghouse().proof(BROKER.passport([]))
    assert (proof.subject, proof.visas, proof.bona_fide) == (SUBJECT, (), False)


async def test_a_grant_for_regions_opens_these_alone() -> None:
    value = f"{NODE.iss}/datasets/{DATASET}#version=2&regions=22:1001-2000,X:5-9"
    proof = await World().clearinghouse().proof(BROKER.passport([NODE.visa({"value": value})]))
    assert proof.visas[0].regions == (Interval("22", 1000, 2000), Interval("X", 4, 9))
    assert proof.visas[0].version == "2"


async def test_a_visa_that_names_no_version_opens_nothing_unless_its_issuer_is_trusted_to_mean_each() -> None:
    visa = NODE.visa({"value": f"{NODE.iss}/datasets/{DATASET}"})
    assert await proved(visa) == []
    generous = replace(NODE_ISSUER, means_every_version=True)
    assert await proved(visa, world=with_issuers(generous)) == [DATASET]
    part = NODE.visa({"value": f"{NODE.iss}/datasets/{DATASET}#regions=22:1-9"})
    assert await proved(part) == []


async def test_registered_access_takes_both_visas_and_ends_with_the_first_of_them() -> None:
    status, terms = bona_fide()
    short = HUB.visa(
        {"type": "ResearcherStatus", "value": BONA_FIDE, "by": "system"}, {"exp": NOW + 60, "jti": "s"}
    )
    house = World().clearinghouse()
    assert (await house.proof(BROKER.passport([status, terms]))).until == later(1800)
    assert (await house.proof(BROKER.passport([short, terms]))).until == later(60)
    assert (await house.proof(BROKER.passport([short, terms, status]))).until == later(1800)


async def test_visas_of_a_linked_identity_count_and_end_with_the_link() -> None:
    theirs = ELSEWHERE.visa({"value": "GDI-FI-THL-1"}, {"sub": "fi-7"})
    joined = link(HUB, ("fi-7", ELSEWHERE.iss), exp=NOW + 300)
    proof = await World().clearinghouse().proof(BROKER.passport([theirs, joined]))
    assert datasets(proof) == ["GDI-FI-THL-1"]
    assert {visa.subject for visa in proof.visas} == {SUBJECT}
    assert next(visa.until for visa in proof.visas if visa.dataset) == later(300)


async def test_links_may_be_chained() -> None:
    theirs = ELSEWHERE.visa({"value": "GDI-FI-THL-1"}, {"sub": "fi-7"})
    far = link(HUB, ("b", "https://two.example.org"))
    near = link(HUB, ("fi-7", ELSEWHERE.iss), ("b", "https://two.example.org"), sub="b2")
    assert await proved(theirs, far, near) == ["GDI-FI-THL-1"]


async def test_the_closest_named_issuer_is_the_authority_for_a_dataset() -> None:
    body = Issuer(
        ELSEWHERE.pair,
        datasets=(DATASET,),
        subjects_of=BROKER.iss,
        accepts_bare_values=True,
        means_every_version=True,
    )
    world = with_issuers(NODE_ISSUER, body)
    assert await proved(NODE.visa(), world=world) == []
    assert await proved(ELSEWHERE.visa({"value": DATASET}), world=world) == [DATASET]
    assert await proved(ELSEWHERE.visa({"value": "GDI-EE-TU-2"}), world=world) == []


@pytest.mark.parametrize(
    "value", ["GDI-FI-THL-1", "https://catalogue.example.org/dataset/GDI-FI-THL-1", "urn:x/GDI-FI-THL-1"]
)
async def test_a_bare_value_is_taken_from_whom_settings_allow_it(value: str) -> None:
    issuer = replace(ELSEWHERE_ISSUER, subjects_of=BROKER.iss)
    assert await proved(ELSEWHERE.visa({"value": value}), world=with_issuers(issuer)) == ["GDI-FI-THL-1"]
    strict = replace(issuer, accepts_bare_values=False)
    assert await proved(ELSEWHERE.visa({"value": value}), world=with_issuers(strict)) == []


async def test_an_issuer_may_be_bound_to_the_organisations_it_speaks_for() -> None:
    bound = replace(NODE_ISSUER, sources=frozenset({"https://dac.example.org"}))
    assert await proved(NODE.visa(), world=with_issuers(bound)) == [DATASET]
    assert await proved(NODE.visa({"source": "https://other.example.org"}), world=with_issuers(bound)) == []


async def test_rs256_counts_as_es256_does() -> None:
    issuer = replace(ELSEWHERE_ISSUER, subjects_of=BROKER.iss)
    assert await proved(ELSEWHERE.visa({"value": "GDI-FI-1"}), world=with_issuers(issuer)) == ["GDI-FI-1"]


async def test_a_grant_under_conditions_counts_while_they_are_met_and_no_longer() -> None:
    clause = {"type": "AffiliationAndRole", "value": "pattern:*@uni.example.org", "by": "const:so"}
    grant = NODE.visa({"conditions": [[clause]]})
    role = {"type": "AffiliationAndRole", "value": "faculty@uni.example.org", "by": "so"}
    house = World().clearinghouse()
    assert datasets(await house.proof(BROKER.passport([grant]))) == []
    proof = await house.proof(BROKER.passport([grant, HUB.visa(role, {"exp": NOW + 90})]))
    assert [(visa.dataset, visa.until) for visa in proof.visas if visa.dataset] == [(DATASET, later(90))]


async def test_another_persons_visa_meets_no_condition() -> None:
    clause = {"type": "AffiliationAndRole", "value": "pattern:*"}
    role = {"type": "AffiliationAndRole", "value": "faculty@uni.example.org", "by": "so"}
    assert await proved(NODE.visa({"conditions": [[clause]]}), HUB.visa(role, {"sub": "other"})) == []


@pytest.mark.parametrize("kind", ["https://custom.example.org/type", "UnknownType", 7, ["a"], None])
async def test_unknown_and_custom_visas_are_passed_over(kind: object) -> None:
    strange = NODE.visa({"type": kind, "value": {"any": "thing"}}, header={"alg": "PS256", "crit": ["x"]})
    assert await proved(strange, NODE.visa()) == [DATASET]


async def test_an_expired_visa_does_not_spoil_the_others() -> None:
    old = NODE.visa({"value": f"{NODE.iss}/datasets/OLD-1#version=1"}, {"iat": NOW - 9000, "exp": NOW - 1})
    assert await proved(old, NODE.visa()) == [DATASET]


async def test_a_token_for_this_service_is_taken() -> None:
    passport = BROKER.passport([NODE.visa(claims={"aud": THIS_SERVICE})], {"aud": ["x", THIS_SERVICE]})
    assert datasets(await World().clearinghouse().proof(passport)) == [DATASET]


async def test_visas_that_a_broker_told_count_for_the_person_it_was_asked_about() -> None:
    house = World().clearinghouse()
    visas = [NODE.visa(), *bona_fide()]
    proof = await house.weigh(visas, subject=SUBJECT, issuer=BROKER.iss, until=later(120))
    assert (datasets(proof), proof.bona_fide, proof.until) == ([DATASET], True, later(120))
    other = await house.weigh(visas, subject="somebody-else", issuer=BROKER.iss, until=later(120))
    assert (other.visas, other.bona_fide) == ((), False)
    with pytest.raises(NotAuthenticated):
        await house.weigh([NODE.visa(key=STRANGER.key)], subject=SUBJECT, issuer=BROKER.iss, until=later(120))


async def test_a_visa_as_rems_signs_it_counts_where_settings_name_it() -> None:
    """RS256, typ JWT, no jti, a raw resource id, `exp` in a year."""
    issuer = replace(ELSEWHERE_ISSUER, subjects_of=BROKER.iss)
    visa = ELSEWHERE.visa(
        {"value": "GDI-FI-THL-1", "source": ELSEWHERE.iss},
        {"jti": "ignored", "exp": NOW + 365 * 86400},
        {"typ": "JWT"},
    )
    proof = await with_issuers(issuer).clearinghouse().proof(BROKER.passport([visa]))
    assert [(each.dataset, each.until) for each in proof.visas] == [("GDI-FI-THL-1", later(365 * 86400))]


async def test_the_keycloak_issuer_of_the_field_counts_by_mapping_and_makes_no_researcher() -> None:
    """`sub` is the name at Keycloak, `value` the name of a role; one double slash in `iss` and nothing counts."""
    keycloak = replace(ELSEWHERE, iss="https://id.example.net/realms/gdi")
    issuer = Issuer(keycloak.pair, HUB_ISSUER.types, subjects_of=BROKER.iss)
    role = {"type": "ResearcherStatus", "value": "gdi-user", "by": "so", "source": keycloak.iss}
    terms = {"type": "AcceptedTermsAndPolicies", "value": BONA_FIDE, "by": "self", "source": keycloak.iss}
    visas = [keycloak.visa(told, header={"typ": "JWT"}) for told in (role, terms)]
    world = with_issuers(issuer)
    proof = await world.clearinghouse().proof(BROKER.passport(visas))
    assert [visa.value for visa in proof.visas] == ["gdi-user", BONA_FIDE]
    assert not proof.bona_fide
    doubled = replace(keycloak, iss="https://id.example.net//realms/gdi")
    assert (await world.clearinghouse().proof(BROKER.passport([doubled.visa(terms)]))).visas == ()


async def test_access_ends_when_its_assertion_is_too_old_whatever_exp_says() -> None:
    world = World()
    decided = NOW - 3660 * 86400 + 100
    house, passport = world.clearinghouse(), BROKER.passport([NODE.visa({"asserted": decided})])
    assert [visa.until for visa in (await house.proof(passport)).visas] == [later(100)]
    world.clock.advance(100)
    assert (await house.proof(passport)).visas == ()


class TestRemembered:
    async def test_a_passport_is_verified_once(self) -> None:
        world = World()
        house, passport = world.clearinghouse(), BROKER.passport([NODE.visa()])
        first = await house.proof(passport)
        assert await house.proof(passport) is first
        assert sorted(world.web.asked) == sorted([BROKER.jku, NODE.jku])

    async def test_and_again_when_the_first_of_its_visas_has_ended(self) -> None:
        world = World()
        house = world.clearinghouse()
        passport = BROKER.passport(
            [NODE.visa(), NODE.visa({"value": f"{NODE.iss}/datasets/B#version=1"}, {"exp": NOW + 60})]
        )
        assert datasets(await house.proof(passport)) == [DATASET, "B"]
        world.clock.advance(60)
        assert datasets(await house.proof(passport)) == [DATASET]
        world.clock.advance(3540)
        with pytest.raises(NotAuthenticated):
            await house.proof(passport)

    async def test_what_is_taken_back_counts_no_more_at_the_next_use(self) -> None:
        world = World()
        house, passport = world.clearinghouse(), BROKER.passport([NODE.visa(), *bona_fide()])
        assert (await house.proof(passport)).bona_fide
        world.revoked.jtis.add("status")
        proof = await house.proof(passport)
        assert (datasets(proof), proof.bona_fide) == ([DATASET], False)
        world.revoked.jtis.add("GDIP-A.1")
        assert datasets(await house.proof(passport)) == []

    async def test_and_so_does_what_hangs_on_it(self) -> None:
        world = World()
        theirs = ELSEWHERE.visa({"value": "GDI-FI-THL-1"}, {"sub": "fi-7"})
        house, passport = world.clearinghouse(), BROKER.passport([theirs, link(HUB, ("fi-7", ELSEWHERE.iss))])
        assert datasets(await house.proof(passport)) == ["GDI-FI-THL-1"]
        world.revoked.jtis.add("link")
        assert datasets(await house.proof(passport)) == []

    async def test_memory_is_bounded_by_visas(self) -> None:
        world = World()
        house = world.clearinghouse()
        house._memory = memory = Memory(most=10)
        for number in range(20):
            await house.proof(BROKER.passport([NODE.visa()] * 2, {"jti": str(number)}))
        assert memory._size <= 10
        assert len(memory._kept) == 3

    async def test_a_passport_that_was_refused_is_not_remembered_as_good(self) -> None:
        house = World().clearinghouse()
        for _ in range(2):
            with pytest.raises(NotAuthenticated, match="does not hold"):
                await house.proof(BROKER.passport([NODE.visa(key=STRANGER.key)]))


class TestKeys:
    async def test_an_issuer_whose_keys_cannot_be_had_does_not_stop_the_others(self) -> None:
        world = World()
        world.web.parties = [BROKER, NODE]
        house, passport = world.clearinghouse(), BROKER.passport([NODE.visa(), *bona_fide()])
        proof = await house.proof(passport)
        assert (datasets(proof), proof.bona_fide) == ([DATASET], False)
        world.web.parties = [BROKER, NODE, HUB]
        world.clock.advance(61)
        assert (await house.proof(passport)).bona_fide

    async def test_a_broker_whose_keys_cannot_be_had_makes_it_unavailable_not_refused(self) -> None:
        world = World()
        world.web.broken = True
        with pytest.raises(Unavailable, match=BROKER.jku):
            await world.clearinghouse().proof(BROKER.passport([]))

    async def test_an_unknown_kid_is_looked_up_once_a_minute_at_most(self) -> None:
        world = World()
        house = world.clearinghouse()
        for number in range(5):
            with pytest.raises(NotAuthenticated):
                await house.proof(BROKER.passport([], header={"kid": f"new-{number}"}))
        assert world.web.asked == [BROKER.jku]
        world.clock.advance(REST_S)
        with pytest.raises(NotAuthenticated):
            await house.proof(BROKER.passport([], header={"kid": "newer"}))
        assert world.web.asked == [BROKER.jku] * 2

    async def test_a_new_key_is_found_when_its_issuer_has_changed_keys(self) -> None:
        world = World()
        house = world.clearinghouse()
        assert datasets(await house.proof(BROKER.passport([NODE.visa()]))) == [DATASET]
        fresh = replace(NODE, key=SigningKey.generate())
        world.web.parties = [BROKER, fresh]
        world.clock.advance(REST_S)
        assert datasets(await house.proof(BROKER.passport([fresh.visa()]))) == [DATASET]

    async def test_keys_are_kept_a_day_while_their_issuer_is_away(self) -> None:
        world = World()
        source = FetchedKeys(NODE.jku, world.clock, world.web.transport())
        key = NODE.key.public
        assert await source.find(key.key_id, "ES256") == key
        world.web.broken = True
        world.clock.advance(KEPT_S)
        assert await source.find(key.key_id, "ES256") == key
        world.clock.advance(1)
        with pytest.raises(Unavailable):
            await source.find(key.key_id, "ES256")

    async def test_many_who_wait_for_the_same_keys_fetch_them_once(self) -> None:
        world = World()
        source = FetchedKeys(NODE.jku, world.clock, world.web.transport())
        await asyncio.gather(*(source.find(str(number), "ES256") for number in range(20)))
        assert world.web.asked == [NODE.jku]

    async def test_given_keys_are_found_by_their_own_kid_and_by_thumbprint(self) -> None:
        key = NODE.key.public
        source = GivenKeys([json.dumps({**key.as_jwk(), "kid": "2026"})])
        assert await source.find("2026", "ES256") == await source.find(key.key_id, "ES256") == key
        assert await source.find("2026", "RS256") is None
        with pytest.raises(Invalid, match="trusted issuer"):
            GivenKeys(["no key"])

    async def test_own_keys_are_those_that_are_published_now(self) -> None:
        published = [NODE.key.public]
        source = OwnKeys(lambda: published)
        assert await source.find(NODE.key.key_id, "ES256") == NODE.key.public
        published.clear()
        assert await source.find(NODE.key.key_id, "ES256") is None

    async def test_given_keys_need_no_fetch(self) -> None:
        world = World()
        assert datasets(await world.clearinghouse(fetching=False).proof(BROKER.passport([NODE.visa()])))
        assert world.web.asked == []


async def test_many_visas_do_not_hold_up_the_event_loop() -> None:
    house = World().clearinghouse(fetching=False)
    passport = BROKER.passport(
        [NODE.visa({"value": f"{NODE.iss}/datasets/D-{number}#version=1"}) for number in range(400)]
    )
    longest = 0.0

    async def heartbeat() -> None:
        nonlocal longest
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0)
            longest = max(longest, time.perf_counter() - began)

    beating = asyncio.ensure_future(heartbeat())
    proof = await house.proof(passport)
    beating.cancel()
    assert len(datasets(proof)) == 400
    assert longest < 1  # about 5 ms (the interpreter's switch interval); 400 visas take 60 ms and more


def test_policy_and_issuers_of_the_kit_are_strict_by_default() -> None:
    assert Issuer(NODE.pair).types == {"ControlledAccessGrants"}
    assert Issuer(NODE.pair).authority("A") == -1
    assert Policy().bona_fide_by == {"so", "system"}
    assert "ControlledAccessGrants" not in HUB_ISSUER.types
