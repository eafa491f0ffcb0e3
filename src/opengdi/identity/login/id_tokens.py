"""Id tokens: the signature, by a key that the provider publishes, and nothing else of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from opengdi.identity.login.model import SIGNATURES, LoginRefused
from opengdi.kernel.keys import PublicKey
from opengdi.standards.faults import Malformed


@dataclass(frozen=True, slots=True)
class ProviderKey:
    """A key that the provider signs with. key_id: as it calls it, perhaps empty."""

    key_id: str
    algorithm: str
    key: ECKey | RSAKey = field(repr=False, compare=False)

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, Any]) -> Self:
        """Raises Malformed for a key that is not P-256 or RSA of 2048 bits, or not for signatures."""
        known = PublicKey.from_jwk(jwk)
        if jwk.get("use", "sig") != "sig" or jwk.get("alg", known.algorithm) != known.algorithm:
            raise Malformed("a key for something else than RS256 or ES256 signatures")
        kind = ECKey if known.algorithm == "ES256" else RSAKey
        public: dict[str, Any] = known.as_jwk()
        return cls(str(jwk.get("kid", "")), known.algorithm, kind.import_key(public))


def read_keys(document: object) -> tuple[ProviderKey, ...]:
    """The usable keys of a JWK set; others in it are passed over. Raises Malformed if it is no set."""
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise Malformed("the provider's jwks_uri gives no JWK set")
    found = []
    for jwk in listed:
        try:
            found.append(ProviderKey.from_jwk(jwk))
        except (Malformed, TypeError, AttributeError):
            continue
    return tuple(found)


def header_of(token: str) -> dict[str, Any]:
    """The header, not trusted yet. Raises LoginRefused if this is no compact JWS."""
    try:
        return dict(jws.extract_compact(token.encode("ascii")).headers())
    except (JoseError, ValueError, TypeError) as error:
        raise LoginRefused("id_token", "the id token is no compact JWS") from error


def fitting(keys: Sequence[ProviderKey], header: Mapping[str, Any]) -> list[ProviderKey]:
    """The keys that may have signed it: of the algorithm, and of that name where it names one."""
    named = header.get("kid")
    return [
        key for key in keys if key.algorithm == header.get("alg") and (named is None or key.key_id == named)
    ]


def check_header(header: Mapping[str, Any], algorithms: frozenset[str]) -> None:
    """Raises LoginRefused for `none`, HMAC, anything not trusted, and headers that bring their own key or rules."""
    if header.get("alg") not in algorithms & SIGNATURES:
        raise LoginRefused("alg", f"the id token is signed with {header.get('alg')!r}")
    if brought := {"crit", "jwk", "jku", "x5u", "x5c", "b64"} & set(header):
        raise LoginRefused("header", f"the id token brings {', '.join(sorted(brought))} in its header")


def claims_of(token: str, keys: Iterable[ProviderKey]) -> dict[str, Any]:
    """The claims of a token that one of `keys` signed. Raises LoginRefused."""
    for key in keys:
        try:
            payload = jws.deserialize_compact(token, key.key, algorithms=[key.algorithm]).payload
        except (JoseError, ValueError):
            continue
        try:
            claims = json.loads(payload)
        except ValueError as error:
            raise LoginRefused("id_token", "the id token holds no JSON") from error
        if isinstance(claims, dict):
            return claims
    raise LoginRefused("signature", "no key of the provider signed the id token")
