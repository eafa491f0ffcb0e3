"""Whatever is shown as a passport, a visa, a key or a key set: it is refused in words, and nothing breaks."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.passport_kit import BROKER, HUB, NODE, SUBJECT, World, bona_fide, later, link

from opengdi.kernel.errors import NotAuthenticated
from opengdi.kernel.keys import PublicKey, SigningKey, read_key_set
from opengdi.standards.faults import Malformed
from opengdi.standards.passport import BONA_FIDE

GOOD = BROKER.passport([NODE.visa(), *bona_fide(), link(HUB, ("x", "https://y.example.org"))])
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \u00e4\x00"

json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


def shown(passport: str) -> Any:
    """What it proves; None: it was refused."""

    async def ask() -> Any:
        with contextlib.suppress(NotAuthenticated):
            return await World().clearinghouse(fetching=False).proof(passport)

    return asyncio.run(ask())


@given(st.text(max_size=100))
def test_no_text_is_a_passport(text: str) -> None:
    assert shown(text) is None


@given(st.integers(0, len(GOOD) - 1), st.sampled_from(ALPHABET))
def test_one_changed_character_and_it_proves_nothing(place: int, letter: str) -> None:
    changed = GOOD[:place] + letter + GOOD[place + 1 :]
    proof = shown(changed)
    assert proof is None or changed == GOOD


@given(st.integers(0, len(GOOD) - 1))
def test_a_part_of_a_passport_proves_nothing(length: int) -> None:
    assert shown(GOOD[:length]) is None


@given(st.integers(0, 4000), st.sampled_from(ALPHABET))
def test_one_changed_character_of_a_visa_and_it_opens_nothing(place: int, letter: str) -> None:
    visa = NODE.visa()
    place %= len(visa)
    changed = visa[:place] + letter + visa[place + 1 :]
    proof = shown(BROKER.passport([changed]))
    assert proof is None or not proof.visas or changed == visa


@given(
    claims=st.dictionaries(st.text(max_size=12) | st.sampled_from(["sub", "exp", "nbf", "aud"]), json_values)
)
def test_a_broker_that_writes_nonsense_breaks_nothing(claims: dict[str, Any]) -> None:
    shown(BROKER.passport([NODE.visa()], claims))


@given(
    told=st.dictionaries(
        st.sampled_from(["type", "value", "source", "by", "asserted", "conditions"]), json_values
    ),
    claims=st.dictionaries(st.sampled_from(["iss", "sub", "iat", "exp", "jti", "nbf", "aud"]), json_values),
    header=st.dictionaries(st.sampled_from(["alg", "kid", "typ", "jku", "crit", "jwk"]), json_values),
)
def test_an_issuer_that_writes_nonsense_breaks_nothing(
    told: dict[str, Any], claims: dict[str, Any], header: dict[str, Any]
) -> None:
    shown(BROKER.passport([NODE.visa(told, claims, header), NODE.visa(told), NODE.visa(None, claims)]))


@given(
    jwk=st.dictionaries(
        st.sampled_from(["kty", "crv", "x", "y", "n", "e", "kid", "use", "alg", "d"]), json_values
    ),
    good=st.sampled_from(["EC", "RSA"]),
)
def test_no_key_and_no_key_set_breaks_its_reader(jwk: dict[str, Any], good: str) -> None:
    for key in (jwk, {**jwk, "kty": good}, {**NODE.key.public.as_jwk(), **jwk}):
        with contextlib.suppress(Malformed):
            PublicKey.from_jwk(key)
        with contextlib.suppress(Malformed):
            read_key_set({"keys": [key]})


@given(st.text(max_size=80))
def test_no_text_breaks_the_reader_of_keys(text: str) -> None:
    for each in (text, "{" + text, "-----BEGIN PUBLIC KEY-----\n" + text):
        with contextlib.suppress(Malformed):
            PublicKey.from_text(each)


people = st.sampled_from([SUBJECT, "victim", "third"])
issuers = st.sampled_from([BROKER.iss, "https://y.example.org"])


@given(st.lists(st.tuples(people, issuers, people), max_size=4), people)
def test_a_grant_counts_for_whom_it_names_or_who_is_linked_and_for_nobody_else(
    links: list[tuple[str, str, str]], owner: str
) -> None:
    """The oracle: identities are joined until nothing changes."""
    same = {(SUBJECT, BROKER.iss)}
    groups = [{(sub, BROKER.iss), (other, iss)} for sub, iss, other in links]
    for _ in groups:
        for group in groups:
            if group & same:
                same |= group
    visas = [link(HUB, (other, iss), sub=sub) for sub, iss, other in links]
    proof = shown(BROKER.passport([NODE.visa(claims={"sub": owner}), *visas]))
    assert any(visa.dataset for visa in proof.visas) == ((owner, BROKER.iss) in same)


@given(
    by=st.sampled_from(["self", "peer", "system", "so", "dac", None]),
    value=st.sampled_from([BONA_FIDE, BONA_FIDE + "/", BONA_FIDE.upper(), "https://doi.org/other"]),
    has_terms=st.booleans(),
)
def test_registered_access_needs_exactly_what_the_standard_says(
    by: str | None, value: str, has_terms: bool
) -> None:
    status = HUB.visa({"type": "ResearcherStatus", "value": value, "by": by})
    proof = shown(BROKER.passport([status, *bona_fide()[1:]] if has_terms else [status]))
    assert proof.bona_fide == (by in {"so", "system"} and value == BONA_FIDE and has_terms)


async def test_those_who_show_the_same_passport_at_once_wait_for_one_check() -> None:
    world = World()
    house = world.clearinghouse()
    proofs = await asyncio.gather(*(house.proof(GOOD) for _ in range(20)))
    assert all(proof is proofs[0] for proof in proofs)
    bad = BROKER.passport([], key=SigningKey.generate())
    found = await asyncio.gather(*(house.proof(bad) for _ in range(5)), return_exceptions=True)
    assert all(isinstance(each, NotAuthenticated) for each in found)
    assert house._working == {}


async def test_one_who_goes_away_does_not_spoil_it_for_the_others() -> None:
    house = World().clearinghouse()
    first, second = (asyncio.ensure_future(house.proof(GOOD)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).until == later(1800)
    with pytest.raises(asyncio.CancelledError):
        await first
