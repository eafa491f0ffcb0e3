"""The archive's own Crypt4GH keys: one to seal headers to, all to open them, and a public one for providers.

Keys are files `archive-<n>.c4gh` in the node's key folder; a file `archive-<n>.retired` beside one says that nothing
is sealed to it any more. It still opens what was sealed before. The recovery key is only known by its public half:
the private one lies in a safe, and opens every stored header after all else is lost.
Spec: GA4GH Crypt4GH v1; key files `c4gh-v1`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from opengdi.kernel.errors import Conflict, Invalid, NotFound
from opengdi.kernel.keys import KeyFolder, SigningKey, verify
from opengdi.kernel.keys import PublicKey as VerifyingKey
from opengdi.standards.crypt4gh import (
    KEY_BYTES,
    NONCE_BYTES,
    Header,
    NoKeyFits,
    PrivateKey,
    PublicKey,
    open_header,
    parse_private_key,
    parse_public_key,
    private_key_text,
    public_key_text,
    seal_header,
)
from opengdi.standards.faults import Malformed, Unverified

Random = Callable[[int], bytes]

_SIGNING_KEY: Final = "archive-facts"
_KEY_FILE: Final = re.compile(r"archive-([1-9][0-9]{0,5})\.c4gh\Z")
_RETIRED_FILE: Final = re.compile(r"archive-([1-9][0-9]{0,5})\.retired\Z")


@dataclass(frozen=True, slots=True)
class ArchiveKey:
    """A key pair of the archive. retired: opens headers, but none is sealed to it any more."""

    number: int
    private: PrivateKey
    retired: bool = False

    @property
    def key_id(self) -> str:
        """The public key in hexadecimal, as the field's archives name their keys."""
        return self.private.public.raw.hex()


class Keyring:
    """Opens headers with any of its keys, seals them to the current one and to the recovery key.

    signing: signs what lies beside the bodies, so that whoever can write to the storage cannot forge it.
    After the key folder was lost: rescue, the private recovery key; trusted, what the lost key's signatures are
    verified with. again: gives the keys anew, for another process may have made one meanwhile.
    """

    def __init__(
        self,
        keys: Sequence[ArchiveKey],
        signing: SigningKey,
        *,
        recovery: PublicKey | None = None,
        rescue: PrivateKey | None = None,
        trusted: Sequence[VerifyingKey] = (),
        again: Callable[[], Sequence[ArchiveKey]] | None = None,
        random: Random = os.urandom,
    ) -> None:
        """Raises Invalid if there is no key that is not retired."""
        self._keys = _newest_first(keys)
        self._again = again or (lambda: keys)
        self._signing = signing
        self._rescue = (rescue,) if rescue else ()
        self._trusted = (signing.public, *trusted)
        self.recovery: Final = recovery
        self._random = random

    @property
    def keys(self) -> tuple[ArchiveKey, ...]:
        """Newest first."""
        return self._keys

    @property
    def current(self) -> ArchiveKey:
        """The newest key that is not retired: what is taken in is sealed to it."""
        return next(key for key in self._keys if not key.retired)

    @property
    def recovery_id(self) -> str:
        """The recovery key as `ArchiveKey.key_id` names keys; empty if there is none."""
        return self.recovery.raw.hex() if self.recovery else ""

    @property
    def public_text(self) -> str:
        """The current public key as a PEM file, for providers to encrypt to."""
        return public_key_text(self.current.private.public)

    def key(self, key_id: str) -> ArchiveKey:
        """The key of that id. Raises NotFound."""
        for key in self._keys:
            if key.key_id == key_id:
                return key
        raise NotFound(f"the archive has no key {key_id}")

    def target(self, key_id: str = "") -> ArchiveKey:
        """A key that headers may be sealed to, the current one if none is named. Raises NotFound, Conflict."""
        key = self.key(key_id) if key_id else self.current
        if key.retired:
            raise Conflict(f"key {key.number} ({key.key_id}) is retired; nothing is sealed to it any more")
        return key

    def open(self, raw: bytes) -> Header:
        """What a stored or uploaded header says. Raises NoKeyFits, Malformed."""
        try:
            return open_header(raw, self._readers).header
        except NoKeyFits:
            if not self._refresh():
                raise
            return open_header(raw, self._readers).header

    @property
    def _readers(self) -> tuple[PrivateKey, ...]:
        return (*(key.private for key in self._keys), *self._rescue)

    def _refresh(self) -> bool:
        """True if there are other keys than before."""
        before, self._keys = self._keys, _newest_first(self._again())
        return self._keys != before

    def opener(self, raw: bytes) -> ArchiveKey | None:
        """The key that opens a header; None if only the recovery key does. Raises NoKeyFits, Malformed."""
        for key in self._keys:
            try:
                open_header(raw, [key.private])
            except NoKeyFits:
                continue
            return key
        self.open(raw)
        return None

    def seal(self, header: Header, target: ArchiveKey | None = None) -> bytes:
        """A header for the target (the current key) and the recovery key; all data keys and the edit list are kept.

        Raises Malformed beyond the limits of the format.
        """
        recipients = [(target or self.current).private.public]
        if self.recovery is not None:
            recipients.append(self.recovery)
        writer = PrivateKey(self._random(KEY_BYTES))
        return seal_header(header, recipients, writer, lambda: self._random(NONCE_BYTES))

    def sign(self, payload: bytes, *, purpose: str) -> bytes:
        """A compact JWS of what lies beside a body."""
        return self._signing.sign(payload, purpose=purpose).encode("ascii")

    def verified(self, token: bytes, *, purpose: str) -> bytes:
        """The payload that this archive signed for `purpose`. Raises Malformed, Unverified."""
        try:
            text = token.decode("ascii")
        except UnicodeDecodeError as error:
            raise Malformed("not a compact JWS: a byte is not ASCII") from error
        return verify(text, self._trusted, purpose=purpose)

    @property
    def verifying_key(self) -> VerifyingKey:
        """What the signatures are verified with; to be kept with the recovery key, outside the node."""
        return self._signing.public

    def fresh(self, size: int) -> bytes:
        """That many random bytes."""
        return self._random(size)


def _newest_first(keys: Sequence[ArchiveKey]) -> tuple[ArchiveKey, ...]:
    """In this order, for the newest one fits most often. Raises Invalid if all are retired."""
    if all(key.retired for key in keys):
        raise Invalid("the archive has no key to seal headers to; make one: gdi archive key new")
    return tuple(sorted(keys, key=lambda key: -key.number))


def load_keyring(
    folder: KeyFolder,
    *,
    recovery_key: str = "",
    rescue: PrivateKey | None = None,
    trusted: Sequence[VerifyingKey] = (),
) -> Keyring:
    """The keys of the folder; a first one is made if there is none.

    recovery_key: PEM or Base64 of a public key; empty: there is none. rescue, trusted: as in Keyring.
    Raises Invalid for a key file that others may read or that holds no key.
    """
    return Keyring(
        _keys_in(folder),
        folder.signing_key(_SIGNING_KEY),
        recovery=_recovery(recovery_key),
        rescue=rescue,
        trusted=trusted,
        again=lambda: _keys_in(folder),
    )


def new_key(folder: KeyFolder) -> ArchiveKey:
    """One more key, which is the current one for every keyring that is loaded from now on."""
    number = max(_numbers(folder, _KEY_FILE), default=0) + 1
    return ArchiveKey(number, _private_key(folder, number))


def retire_key(folder: KeyFolder, keyring: Keyring, key_id: str) -> ArchiveKey:
    """Mark a key: nothing is sealed to it any more. Raises NotFound, and Conflict for the current key."""
    key = keyring.key(key_id)
    if key == keyring.current:
        raise Conflict(f"key {key.number} is the current one; make another first: gdi archive key new")
    folder.content(f"archive-{key.number}.retired", lambda: b"retired\n")
    return ArchiveKey(key.number, key.private, retired=True)


def _keys_in(folder: KeyFolder) -> list[ArchiveKey]:
    numbers = _numbers(folder, _KEY_FILE) or [1]
    retired = set(_numbers(folder, _RETIRED_FILE))
    return [ArchiveKey(number, _private_key(folder, number), number in retired) for number in numbers]


def _numbers(folder: KeyFolder, pattern: re.Pattern[str]) -> list[int]:
    return sorted(int(found[1]) for name in folder.names() if (found := pattern.match(name)))


def _private_key(folder: KeyFolder, number: int) -> PrivateKey:
    name = f"archive-{number}.c4gh"
    text = folder.content(name, _new_key_text)
    try:
        return parse_private_key(text)
    except (Malformed, Unverified) as error:
        raise Invalid(f"{name} in the key folder: {error}") from error


def _new_key_text() -> bytes:
    """Unprotected: the node must open it when nobody is there; the folder keeps it from others."""
    return private_key_text(PrivateKey(os.urandom(KEY_BYTES)), passphrase=None, random=b"").encode("ascii")


def _recovery(text: str) -> PublicKey | None:
    if not text:
        return None
    try:
        return parse_public_key(text)
    except Malformed as error:
        raise Invalid(f"archive.recovery_key: {error}") from error
