"""Callers are told apart by what was proved, never by what they say."""

from __future__ import annotations

import pytest

from opengdi.kernel.errors import NotAuthenticated
from opengdi.kernel.http.callers import CALLER, PEER, REFUSED, Callers
from opengdi.kernel.keys import Secret
from opengdi.kernel.principal import Duty, Principal, Role, Tier, Visa

CALLERS = Callers(Secret(b"k" * 32))
ADA = Principal("ada", Tier.REGISTERED, visas=(Visa("A"),), logged_in=True)
PROGRAM = Principal("key:abc", Tier.REGISTERED, duties=frozenset({Duty(Role.AUDITOR)}), logged_in=True)
PERSON = Principal("eu.hub/ab12", hub="eu.hub")


def scope(client: str = "192.0.2.7", **more: object) -> dict[str, object]:
    headers = [(b"authorization", b"Bearer whatever")]
    return {"type": "http", "headers": headers, "client": (client, 40000), **more}


def test_a_caller_is_whom_the_gate_recognised() -> None:
    assert CALLERS.identify(scope(**{CALLER: ADA})) is ADA


def test_what_a_caller_says_without_the_gate_proves_nothing() -> None:
    assert CALLERS.identify(scope()).is_anonymous


def test_a_credential_that_does_not_hold_is_refused_where_the_caller_must_be_known_and_ignored_elsewhere() -> (
    None
):
    refused = scope(**{REFUSED: NotAuthenticated("no")})
    with pytest.raises(NotAuthenticated):
        CALLERS.identify(refused)
    assert CALLERS.identify_or_pass(refused).is_anonymous


def test_without_credentials_a_caller_is_its_address_in_disguise() -> None:
    here, again, there = (CALLERS.identify(scope(ip)) for ip in ("192.0.2.7", "192.0.2.7", "192.0.2.8"))
    assert here == again != there
    assert here.is_anonymous
    assert "192.0.2" not in here.subject


def test_open_datasets_are_everybodys() -> None:
    public = Callers(Secret(b"k" * 32), (Visa("OPEN"),))
    assert public.identify(scope()).visas == (Visa("OPEN"),)
    assert public.identify(scope(**{CALLER: ADA})).visas == (Visa("A"), Visa("OPEN"))


def test_a_verified_hub_speaks_for_the_person_behind_it() -> None:
    assert CALLERS.identify(scope(**{PEER: PERSON})) is PERSON


def test_a_hub_with_a_key_makes_the_person_registered_but_not_somebody_else() -> None:
    asker = CALLERS.identify(scope(**{PEER: PERSON, CALLER: PROGRAM}))
    assert asker == Principal("eu.hub/ab12", Tier.REGISTERED, hub="eu.hub")


def test_somebody_who_proves_themselves_behind_a_hub_is_themselves() -> None:
    asker = CALLERS.identify(scope(**{PEER: PERSON, CALLER: ADA}))
    assert (asker.subject, asker.hub, asker.visas) == ("ada", "eu.hub", (Visa("A"),))
