"""Callers are told apart by what they prove, never by what they say."""

from __future__ import annotations

import pytest

from opengdi.kernel.errors import NotAuthenticated
from opengdi.kernel.http.callers import PEER, Callers
from opengdi.kernel.keys import Secret
from opengdi.kernel.principal import Principal, Tier

CALLERS = Callers({"portal": Secret(b"a-token-of-the-portal")}, Secret(b"k" * 32))


def scope(*headers: tuple[bytes, bytes], client: str = "192.0.2.7", **more: object) -> dict[str, object]:
    return {"type": "http", "headers": list(headers), "client": (client, 40000), **more}


def test_the_holder_of_a_token_is_registered_under_its_name() -> None:
    asker = CALLERS.identify(scope((b"authorization", b"Bearer a-token-of-the-portal")))
    assert asker == Principal("token:portal", Tier.REGISTERED)


@pytest.mark.parametrize(
    "header", [b"Bearer another", b"Bearer ", b"Basic cG9ydGFs", b"a-token-of-the-portal"]
)
def test_a_credential_that_does_not_hold_is_refused(header: bytes) -> None:
    with pytest.raises(NotAuthenticated):
        CALLERS.identify(scope((b"authorization", header)))


def test_without_credentials_a_caller_is_its_address_in_disguise() -> None:
    here, again, there = (
        CALLERS.identify(scope(client=ip)) for ip in ("192.0.2.7", "192.0.2.7", "192.0.2.8")
    )
    assert here == again != there
    assert here.is_anonymous
    assert "192.0.2" not in here.subject


def test_a_verified_hub_speaks_for_the_person_behind_it() -> None:
    person = Principal("eu.hub/ab12", hub="eu.hub")
    assert CALLERS.identify(scope(**{PEER: person})) == person


def test_a_hub_with_a_token_makes_the_person_registered_but_not_somebody_else() -> None:
    person = Principal("eu.hub/ab12", hub="eu.hub")
    asker = CALLERS.identify(scope((b"authorization", b"bearer a-token-of-the-portal"), **{PEER: person}))
    assert asker == Principal("eu.hub/ab12", Tier.REGISTERED, hub="eu.hub")
