"""A signature that an external service collects counts when the service says so itself, and once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.onboarding_kit import CHECKS, HUB, OPERATOR, ORGANISATIONS, REGISTRATION, Hub, a_hub, publish_all
from tests.signature_service import SECRET, TOKEN, SignatureService, a_signature_service

from opengdi.access.organisations.api import CALL_SIGNATURE, SIGNATURES
from opengdi.access.organisations.esign import HttpSignatures
from opengdi.access.organisations.evidence import check_evidence
from opengdi.kernel.errors import Invalid, NotAuthenticated, Unavailable
from opengdi.kernel.keys import Secret

CONTACT = {"name": "Dean", "email": "dean@example.org"}


@pytest.fixture
def service() -> Iterator[SignatureService]:
    with a_signature_service() as service:
        yield service


@pytest.fixture
def signatures(service: SignatureService) -> Iterator[HttpSignatures]:
    signatures = HttpSignatures(service.url, Secret(TOKEN.encode()), Secret(SECRET), timeout_s=5)
    yield signatures
    signatures.close()


@pytest.fixture
def hub(tmp_path: Path, signatures: HttpSignatures) -> Iterator[Hub]:
    with a_hub(tmp_path / "hub.sqlite", external=signatures) as hub:
        publish_all(hub)
        yield hub


@pytest.fixture
def path(hub: Hub) -> str:
    """A vetted organisation that has asked for a signature under the terms."""
    registered = hub.told("POST", ORGANISATIONS, "official", REGISTRATION)
    path = f"{ORGANISATIONS}/{registered['id']}"
    hub.command(path, "vet", OPERATOR, checks=CHECKS)
    return path


def call(hub: Hub, told: tuple[bytes, str]) -> bool:
    body, proof = told
    answer = hub.told("POST", f"{SIGNATURES}/call", None, body, headers={CALL_SIGNATURE: proof})
    recorded: bool = answer["recorded"]
    return recorded


def test_the_service_collects_a_signature_and_calls_back(hub: Hub, path: str, service: SignatureService):
    asked = hub.command(path, "ask-signature", "official", document="terms", version=1, **CONTACT)
    assert asked["signingUrl"] == f"{service.url}/sign/s1"
    assert [each["id"] for each in asked["asked"]] == ["s1"]
    wish = service.wishes["s1"]
    assert wish["documentUrl"] == f"{HUB}/access/v1/documents/terms/1/content"
    assert wish["callbackUrl"] == f"{HUB}{SIGNATURES}/call"
    assert service.tokens == [f"Bearer {TOKEN}"]
    told = service.signs("s1")
    assert call(hub, told)
    found = hub.told("GET", path, "official")
    assert found["asked"] == []
    claims = check_evidence(found["signed"][0]["evidence"], [hub.key.public])
    assert (claims["method"], claims["certificate"], claims["sub"]) == ("external", "c" * 64, "official")
    assert not call(hub, told)
    assert len(hub.told("GET", path, "official")["signed"]) == 1


def test_a_call_that_comes_too_early_or_from_somebody_else_changes_nothing(
    hub: Hub, path: str, service: SignatureService
):
    hub.command(path, "ask-signature", "official", document="terms", version=1, **CONTACT)
    assert not call(hub, service.call("s1"))
    answer = hub.do("POST", f"{SIGNATURES}/call", None, b'{"id":"s1"}', headers={CALL_SIGNATURE: "0" * 64})
    assert answer.status_code == 401
    assert hub.told("GET", path, "official")["signed"] == []


def test_a_refused_signature_is_over_and_may_be_asked_for_again(
    hub: Hub, path: str, service: SignatureService
):
    hub.command(path, "ask-signature", "official", document="terms", version=1, **CONTACT)
    assert call(hub, service.refuses("s1"))
    assert hub.told("GET", path, "official")["asked"] == []
    hub.command(path, "ask-signature", "official", document="terms", version=1, **CONTACT)
    assert call(hub, service.signs("s2"))


def test_a_signature_under_other_bytes_does_not_count(hub: Hub, path: str, service: SignatureService):
    hub.command(path, "ask-signature", "official", document="terms", version=1, **CONTACT)
    body, proof = service.signs("s1", sha256="0" * 64)
    answer = hub.do("POST", f"{SIGNATURES}/call", None, body, headers={CALL_SIGNATURE: proof})
    assert answer.status_code == 400
    assert hub.told("GET", path, "official")["signed"] == []


def test_what_is_wrong_with_the_service_is_not_the_signers_fault(
    hub: Hub, path: str, service: SignatureService, signatures: HttpSignatures
):
    service.status = 500
    members = {"document": "terms", "version": 1, **CONTACT}
    assert hub.do("POST", f"{path}/commands/ask-signature", "official", members).status_code == 503
    service.status = 200
    service.answers["s9"] = {"state": "signed"}
    with pytest.raises(Unavailable):
        signatures.outcome("s9")
    with pytest.raises(NotAuthenticated):
        signatures.check_call(b"{}", "é")
    with pytest.raises(Invalid):
        signatures.check_call(*service.call("../x"))
    assert hub.told("GET", path, "official")["asked"] == []
