"""Addresses that carry their own permission: one caller, one file, one range of bytes, one purpose, a short while.

What is signed can be read by whoever has the address, and by nobody changed; it holds no credentials. Whoever shows it
also sends bytes of a sub-range of what was granted, never of more.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from opengdi.kernel.clock import Clock
from opengdi.kernel.errors import NotPermitted
from opengdi.kernel.keys import Secret

_MAC_BYTES: Final = 32
_LONGEST: Final = 4096


@dataclass(frozen=True, slots=True)
class Grant:
    """What an address permits: bytes [first, stop) of what `purpose` sends of a file.

    purpose: keeps an address for one thing from serving another. subject: who asked for it. detail: what the purpose
    must know besides, such as the recipient's key. until: aware. made: when it was made, in seconds since 1970; visas:
    ids of those that opened the file then; datasets: those of the file by which they did.
    """

    purpose: str
    subject: str
    file: str
    first: int
    stop: int
    until: datetime
    detail: str = ""
    made: int = 0
    visas: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()


class _Signed(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    purpose: str
    subject: str
    file: str
    first: int
    stop: int
    until: int  # seconds since 1970
    detail: str
    made: int = 0
    visas: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()


_decode = msgspec.json.Decoder(_Signed).decode
_encode = msgspec.json.Encoder().encode


class UrlSigner:
    """Writes and reads grants as text that is safe in a path and in a query."""

    def __init__(self, secret: Secret, clock: Clock, lifetime_s: int) -> None:
        self._key = hashlib.sha256(b"opengdi delivery urls\0" + secret.reveal()).digest()
        self._clock = clock
        self._lifetime = timedelta(seconds=lifetime_s)

    def now(self) -> datetime:
        """By the clock that ends grants."""
        return self._clock.now()

    def until(self) -> datetime:
        """When a grant ends that is made now."""
        return self._clock.now() + self._lifetime

    def sign(self, grant: Grant) -> str:
        """Letters, digits, `-` and `_`."""
        payload = _encode(
            _Signed(
                grant.purpose,
                grant.subject,
                grant.file,
                grant.first,
                grant.stop,
                int(grant.until.timestamp()),
                grant.detail,
                grant.made,
                grant.visas,
                grant.datasets,
            )
        )
        return base64.urlsafe_b64encode(self._mac(payload) + payload).rstrip(b"=").decode("ascii")

    def read(self, text: str, purpose: str, bearer: str | None = None) -> Grant:
        """The grant that `text` is. bearer: the caller who shows it, if it also says who it is.

        Raises NotPermitted if it was not signed here for that purpose, is over, or was given to somebody else.
        """
        payload = self._payload(text)
        try:
            signed = _decode(payload)
        except msgspec.DecodeError as error:
            raise _refused("is not signed in this form") from error
        grant = Grant(
            signed.purpose,
            signed.subject,
            signed.file,
            signed.first,
            signed.stop,
            datetime.fromtimestamp(signed.until, UTC),
            signed.detail,
            signed.made,
            signed.visas,
            signed.datasets,
        )
        if grant.purpose != purpose:
            raise _refused(f"is for {grant.purpose}, not for {purpose}")
        if self._clock.now() >= grant.until:
            raise _refused("is over")
        if bearer is not None and bearer != grant.subject:
            raise _refused("was given to somebody else")
        return grant

    def _payload(self, text: str) -> bytes:
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (ValueError, binascii.Error) as error:
            raise _refused("is not base64url") from error
        mac, payload = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if len(text) > _LONGEST or not hmac.compare_digest(mac, self._mac(payload)):
            raise _refused("was not signed here")
        return payload

    def _mac(self, payload: bytes) -> bytes:
        return hmac.digest(self._key, payload, "sha256")


def _refused(why: str) -> NotPermitted:
    return NotPermitted(
        f"a signed address {why}",
        public="This address is not, or no longer, valid; ask for a new one.",
    )
