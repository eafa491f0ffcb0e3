"""Keys of a node or hub: files outside the data directory, ES256 signatures, keyed pseudonyms.

Whoever copies the data must not get the keys, so a key file inside the data directory, or one that others may
read, is refused and never repaired. Signatures are compact JWS; a key's id is its JWK thumbprint.

Spec: RFC 7515 (JWS), RFC 7517 (JWK), RFC 7518 (ES256, RS256), RFC 7638 (thumbprint).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Any, Final, Self

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from opengdi.kernel.errors import Invalid
from opengdi.kernel.files import write_once
from opengdi.standards.faults import Malformed, Unverified

SMALLEST_RSA_BITS: Final = 2048
_SECRET_BYTES: Final = 32
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class Secret:
    """Bytes that print as `***`; `reveal()` is said where they are used."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        return self._value

    def __repr__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value, other._value)

    def __hash__(self) -> int:
        raise TypeError("a secret is no dictionary key")

    def __reduce__(self) -> str:
        raise TypeError("a secret does not leave its process")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key to verify with: P-256 for ES256, or RSA of at least 2048 bits for RS256."""

    key_id: str
    algorithm: str  # ES256 or RS256, by the type of the key; `none`, HMAC and all else are never accepted
    _key: ECKey | RSAKey = field(repr=False, compare=False)

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, object]) -> Self:
        """From a JSON Web Key; a private part in it is dropped. Raises Malformed for any other kind of key."""
        parts: dict[str, Any] = dict(jwk)
        try:
            match parts.get("kty"):
                case "EC":
                    return cls._checked(ECKey.import_key(parts))
                case "RSA":
                    return cls._checked(RSAKey.import_key(parts))
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise Malformed(f"the JSON Web Key cannot be read: {error}") from error
        raise Malformed(f"key type {parts.get('kty')!r} is not accepted; EC (P-256) and RSA are")

    @classmethod
    def from_text(cls, text: str) -> Self:
        """From a JSON Web Key or a PEM public key. Raises Malformed."""
        if text.lstrip().startswith("{"):
            try:
                return cls.from_jwk(json.loads(text))
            except json.JSONDecodeError as error:
                raise Malformed(f"the public key is not valid JSON: {error}") from error
        for kind in (ECKey, RSAKey):
            try:
                return cls._checked(kind.import_key(text))
            except (JoseError, ValueError, TypeError):
                continue
        raise Malformed("no public key found; expected a JSON Web Key or PEM, P-256 or RSA")

    @classmethod
    def _checked(cls, key: ECKey | RSAKey) -> Self:
        if isinstance(key, ECKey):
            if key.curve_name != "P-256":
                raise Malformed(f"curve {key.curve_name} is not accepted; ES256 needs P-256")
        elif key.raw_value.key_size < SMALLEST_RSA_BITS:
            raise Malformed(
                f"an RSA key of {key.raw_value.key_size} bits is too short; {SMALLEST_RSA_BITS} are needed"
            )
        public = type(key).import_key(key.as_dict(private=False))
        return cls(public.thumbprint(), "ES256" if isinstance(key, ECKey) else "RS256", public)

    def as_jwk(self) -> dict[str, object]:
        """The key as others may have it, with `kid`, `alg` and `use`."""
        return {**self._key.as_dict(private=False), "kid": self.key_id, "alg": self.algorithm, "use": "sig"}


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An ES256 key pair."""

    public: PublicKey
    _key: ECKey = field(repr=False, compare=False)

    @classmethod
    def generate(cls) -> Self:
        return cls._of(ECKey.generate_key("P-256"))

    @classmethod
    def from_pem(cls, pem: bytes) -> Self:
        """From an unencrypted PEM private key. Raises Malformed."""
        try:
            key = ECKey.import_key(pem)
        except (JoseError, ValueError, TypeError) as error:
            raise Malformed("no private key found; expected PEM with a P-256 key") from error
        if not key.is_private:
            raise Malformed("this is a public key; a private one is needed to sign")
        return cls._of(key)

    @classmethod
    def _of(cls, key: ECKey) -> Self:
        return cls(PublicKey._checked(key), key)  # noqa: SLF001  # the other half of the same pair

    @property
    def key_id(self) -> str:
        return self.public.key_id

    def as_pem(self) -> bytes:
        """The private key, PKCS #8, unencrypted: for the key file only."""
        return self._key.as_pem(private=True)

    def sign(self, payload: bytes, *, purpose: str) -> str:
        """Compact JWS. `purpose` goes into `typ` and keeps a signature for one thing from serving another."""
        header = {"alg": "ES256", "kid": self.key_id, "typ": purpose}
        return jws.serialize_compact(header, payload, self._key, algorithms=["ES256"])


def verify(token: str, keys: Iterable[PublicKey], *, purpose: str) -> bytes:
    """Payload of a compact JWS that one of `keys` signed for `purpose`.

    Raises Malformed if it is no JWS; Unverified if the key is unknown, the purpose or the algorithm is another,
    or the signature does not hold.
    """
    header = _header_of(token)
    key = next((key for key in keys if key.key_id == header.get("kid")), None)
    if key is None:
        raise Unverified(f"signed by key {header.get('kid')!r}, which is not among the trusted ones")
    if header.get("alg") != key.algorithm:
        raise Unverified(f"algorithm {header.get('alg')!r} does not fit the key; {key.algorithm} is right")
    if header.get("typ") != purpose:
        raise Unverified(f"signed as {header.get('typ')!r}, not as {purpose!r}")
    try:
        return jws.deserialize_compact(token, key._key, algorithms=[key.algorithm]).payload  # noqa: SLF001
    except (JoseError, ValueError) as error:
        raise Unverified(f"the signature of key {key.key_id} does not hold") from error


def _header_of(token: str) -> dict[str, object]:
    try:
        if not all(_is_canonical(part) for part in token.split(".")):
            raise Malformed("a part of the JWS is not base64url as an encoder writes it")
        return dict(jws.extract_compact(token.encode("ascii")).headers())
    except (JoseError, ValueError, TypeError) as error:
        raise Malformed("not a compact JWS (header.payload.signature)") from error


def _is_canonical(part: str) -> bool:
    """False if spare bits of the last character are set: two spellings of one signature are one too many."""
    padded = part + "=" * (-len(part) % 4)
    return base64.urlsafe_b64encode(base64.urlsafe_b64decode(padded)).rstrip(b"=").decode() == part


class KeyFolder:
    """`keys_dir`: `<name>.pem` for key pairs, `<name>.secret` for random secrets, made when first asked for.

    Keys in a format of their own are kept by whoever knows it, as files of any other name (`content`).
    Raises Invalid if the folder lies inside the data directory or others may enter it.
    """

    def __init__(self, folder: Path, *, data_dir: Path) -> None:
        self._folder = folder.resolve()
        if self._folder.is_relative_to(data_dir.resolve()):
            raise Invalid(f"keys_dir {folder} lies inside data_dir {data_dir}; keys and data must be apart")
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_if_shared(self._folder, "0700")

    def signing_key(self, name: str) -> SigningKey:
        """The key pair of that name. Raises Invalid if its file may be read by others or holds no P-256 key."""
        pem = self.content(f"{name}.pem", lambda: SigningKey.generate().as_pem())
        try:
            return SigningKey.from_pem(pem)
        except Malformed as error:
            raise Invalid(f"{self._folder / name}.pem: {error}") from error

    def secret(self, name: str) -> Secret:
        """32 random bytes, the same each time. Raises Invalid if the file may be read by others or is short."""
        value = self.content(f"{name}.secret", lambda: os.urandom(_SECRET_BYTES))
        if len(value) < _SECRET_BYTES:
            raise Invalid(
                f"{self._folder / name}.secret holds {len(value)} bytes; {_SECRET_BYTES} are needed"
            )
        return Secret(value)

    def names(self) -> list[str]:
        """Names of the files in the folder, sorted."""
        return sorted(path.name for path in self._folder.iterdir() if not path.name.startswith("."))

    def content(self, name: str, make: Callable[[], bytes]) -> bytes:
        """What the file of that name holds; `make` gives it if there is none. Raises Invalid if others may read it."""
        path = self._folder / name
        if not path.exists():
            write_once(path, make())  # of two processes that make the same key, both use the first one
        _refuse_if_shared(path, "0600")
        return path.read_bytes()


def _refuse_if_shared(path: Path, right: str) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & _OTHERS:
        raise Invalid(f"{path} has mode {mode:04o}, so others may reach the keys; set it to {right}")


def pseudonym(key: Secret, purpose: str, text: str) -> str:
    """32 hex digits that stand for `text`: the same each time, different per key and purpose, not invertible."""
    return hmac.new(key.reveal(), f"{purpose}\0{text}".encode(), hashlib.sha256).hexdigest()[:32]


def address_pseudonym(key: Secret, address: str) -> str:
    """Pseudonym of a network address; an IPv6 caller is its /64 network, because it owns all of it.

    A text that is no address gets a pseudonym of its own.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return pseudonym(key, "address", address)
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return pseudonym(key, "address", str(parsed.ipv4_mapped))
        return pseudonym(key, "address", str(ip_network((parsed, 64), strict=False)))
    return pseudonym(key, "address", str(parsed))
