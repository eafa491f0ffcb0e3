"""Identity for tests: people whom a gate knows by tokens, and who signs visas and passports that a node believes."""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp

from opengdi.apps.doors import MACHINES
from opengdi.apps.opened_service import open_service
from opengdi.apps.settings_file import load_settings
from opengdi.identity.gate import Believed, Credentials, IdentityGate
from opengdi.identity.machines.model import KeyTerms
from opengdi.identity.machines.rules import ID_LENGTH, secret_of, token_of
from opengdi.identity.machines.store import MachineKeys
from opengdi.identity.model import CheckedVisa, Proof
from opengdi.kernel.clock import Clock, FixedClock
from opengdi.kernel.errors import NotAuthenticated
from opengdi.kernel.keys import Secret
from opengdi.kernel.principal import Duty, Role, Tier, Visa
from opengdi.testing.signatory import Signatory

__all__ = [
    "FAR", "HOME", "MASTER", "KnownTokens", "Signatory", "checked_visa", "credentials_of", "gated", "give_keys",
    "key_id", "key_secret", "key_token", "program", "proof",
]  # fmt: skip

HOME = "https://hub.example.org/oidc"
FAR = datetime(2100, 1, 1, tzinfo=UTC)


def proof(subject: str, *opened: str | Visa, bona_fide: bool = True, until: datetime = FAR) -> Proof:
    """What somebody proved. opened: datasets, or parts of them."""
    visas = (Visa(each) if isinstance(each, str) else each for each in opened)
    checked = tuple(checked_visa(visa, subject, visa.id or "visa-1") for visa in visas)
    return Proof(subject, HOME, until, bona_fide, checked)


def checked_visa(visa: Visa, subject: str = "ada", jti: str = "visa-1") -> CheckedVisa:
    """A visa as a clearinghouse leaves it."""
    issuer = "https://node.example.org"
    return CheckedVisa(
        type="ControlledAccessGrants",
        value=f"{issuer}/datasets/{visa.dataset}",
        source="https://dac.example.org",
        by="dac",
        asserted=datetime(2026, 1, 1, tzinfo=UTC),
        issuer=issuer,
        jti=jti,
        subject=subject,
        until=visa.until or FAR,
        dataset=visa.dataset,
        regions=visa.regions,
        version=visa.version,
    )


class KnownTokens:
    """`ports.AccessTokens` and `ports.Passports` of a broker that gave out these tokens."""

    def __init__(self, proofs: Mapping[str, Proof]) -> None:
        self.proofs = dict(proofs)

    async def proof(self, token: str) -> Proof:
        """As the ports say."""
        if token not in self.proofs:
            raise NotAuthenticated("the broker gave out no such token")
        return self.proofs[token]


def gated(app: ASGIApp, proofs: Mapping[str, Proof], clock: Clock | None = None) -> ASGIApp:
    """`app` behind a gate that knows people by these tokens."""
    return IdentityGate(app, credentials_of(proofs, clock), lambda _scope, _error: None)


def credentials_of(proofs: Mapping[str, Proof], clock: Clock | None = None) -> Credentials:
    """Credentials of people by their tokens, and of nobody else."""
    believed = Believed(access_tokens=KnownTokens(proofs), home=frozenset({HOME}))
    return Credentials(believed, clock or FixedClock())


MASTER = Secret(b"the master of keys in tests only")
"""What keys of programs are derived from in tests: so that a test knows a key before its node has it."""


def key_id(name: str) -> str:
    """Id of the key of that name, the same each time."""
    return b32encode(sha256(name.encode()).digest()).decode().lower()[:ID_LENGTH]


def key_token(name: str) -> str:
    """The key of a program of that name."""
    return token_of(MASTER, key_id(name))


def key_secret(name: str) -> str:
    """Its secret alone, as S3 clients are given it beside the id."""
    return secret_of(MASTER, key_id(name)).reveal().decode()


def program(name: str, *duties: str, registered: bool = False, **terms: Any) -> KeyTerms:
    """What the key of that name is for. duties: `role` or `role:of`."""
    held = (each.partition(":") for each in duties)
    tier = Tier.REGISTERED if registered else Tier.PUBLIC
    return KeyTerms(name, frozenset(Duty(Role(role), of) for role, _, of in held), tier, **terms)


def give_keys(config: Path, *programs: KeyTerms) -> None:
    """Give keys to programs at the node or hub of the settings file, before it is started."""
    settings = load_settings(config, {})
    is_hub = "hub" in settings.model_fields_set and "node" not in settings.model_fields_set
    keys_dir = settings.hub.keys_dir if is_hub else settings.node.keys_dir
    keys_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    (keys_dir / f"{MACHINES}.secret").touch(mode=0o600)
    (keys_dir / f"{MACHINES}.secret").write_bytes(MASTER.reveal())
    with open_service(config) as state:
        for terms in programs:
            keys = MachineKeys(state.engine, state.clock, state.audit, lambda: key_id(terms.name))  # noqa: B023
            keys.new(terms, "operator:test")
