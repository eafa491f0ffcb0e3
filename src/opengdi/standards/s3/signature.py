"""Who signed a request, and signing one: AWS Signature Version 4 in the `Authorization` header.

Spec: Amazon S3 API Reference, "Authenticating Requests (AWS Signature Version 4)".
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from opengdi.standards.faults import Malformed, Unverified

ALGORITHM: Final = "AWS4-HMAC-SHA256"
UNSIGNED_PAYLOAD: Final = "UNSIGNED-PAYLOAD"
STREAMING_SIGNED: Final = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
STREAMING_SIGNED_TRAILER: Final = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
STREAMING_UNSIGNED_TRAILER: Final = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
STREAMING: Final = frozenset({STREAMING_SIGNED, STREAMING_SIGNED_TRAILER, STREAMING_UNSIGNED_TRAILER})
"""Values of `x-amz-content-sha256` that are not a digest of the body."""

EMPTY_SHA256: Final = hashlib.sha256(b"").hexdigest()
_UNRESERVED: Final = "-._~"
""""Do not URI-encode any of the unreserved characters that RFC 3986 defines"; `quote` adds letters and digits."""

_CREDENTIAL: Final = re.compile(
    r"(?P<access_key>.+)/(?P<day>\d{8})/(?P<region>[^/]*)/(?P<service>[^/]*)/aws4_request"
)
_SIGNATURE: Final = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True)
class Request:
    """What is signed of a request. path: as it stands in the request line, still encoded; query: likewise.

    headers: names in lower case; values of a repeated one joined by commas.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Authorization:
    """The parts of an `Authorization` header. scope: day, region and service that the key was derived for."""

    access_key: str
    day: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str

    @property
    def scope(self) -> str:
        return f"{self.day}/{self.region}/{self.service}/aws4_request"


@dataclass(frozen=True, slots=True)
class Seed:
    """What the signatures of a chunked body go on from."""

    key: bytes
    timestamp: str
    scope: str
    signature: str


def parse_authorization(text: str) -> Authorization:
    """The parts of an `Authorization` header of this algorithm. Raises Malformed."""
    algorithm, _, rest = text.strip().partition(" ")
    if algorithm != ALGORITHM:
        raise Malformed(f"authorization by {algorithm[:40]!r}; {ALGORITHM} is expected")
    fields = dict(_pairs(rest))
    credential = _CREDENTIAL.fullmatch(fields.get("Credential", ""))
    if credential is None:
        raise Malformed("authorization: Credential must be key/YYYYMMDD/region/service/aws4_request")
    signed = tuple(fields.get("SignedHeaders", "").lower().split(";"))
    signature = fields.get("Signature", "")
    if not _SIGNATURE.match(signature):
        raise Malformed("authorization: Signature must be 64 hexadecimal digits")
    if "host" not in signed:
        raise Malformed("authorization: the header 'host' must be signed")
    return Authorization(**credential.groupdict(), signed_headers=signed, signature=signature)


def signed_at(request: Request) -> datetime:
    """When the request says it was signed, aware. Raises Malformed."""
    text = request.headers.get("x-amz-date", "")
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise Malformed("x-amz-date must be the time of signing, YYYYMMDDTHHMMSSZ") from None


def verify(request: Request, authorization: Authorization, secret: bytes) -> Seed:
    """What a chunked body goes on from, if the request was signed with `secret`. Raises Malformed, Unverified.

    The caller compares `signed_at` with its clock and the body with `x-amz-content-sha256`.
    """
    timestamp = time_of(signed_at(request))
    if not timestamp.startswith(authorization.day):
        raise Malformed("the day of Credential is not the day of x-amz-date")
    key = signing_key(secret, authorization)
    expected = _signature(request, authorization, key)
    if not hmac.compare_digest(expected, authorization.signature):
        raise Unverified("the signature does not match the request and the secret key")
    return Seed(key, timestamp, authorization.scope, authorization.signature)


def authorize(request: Request, access_key: str, secret: bytes, *, region: str) -> str:
    """The `Authorization` header that signs a request with all the headers that it has; they hold `host`, `x-amz-date`
    and `x-amz-content-sha256`. Raises Malformed if the date is none.
    """
    signed = tuple(sorted(request.headers))
    unsigned = Authorization(access_key, f"{signed_at(request):%Y%m%d}", region, "s3", signed, signature="")
    signature = _signature(request, unsigned, signing_key(secret, unsigned))
    return (
        f"{ALGORITHM} Credential={access_key}/{unsigned.scope},"
        f"SignedHeaders={';'.join(signed)},Signature={signature}"
    )


def time_of(at: datetime) -> str:
    """A time as `x-amz-date` tells it; `at` is aware."""
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _signature(request: Request, authorization: Authorization, key: bytes) -> str:
    digest = hashlib.sha256(canonical_request(request, authorization.signed_headers)).hexdigest()
    return sign(key, f"{ALGORITHM}\n{time_of(signed_at(request))}\n{authorization.scope}\n{digest}")


def canonical_request(request: Request, signed_headers: Iterable[str]) -> bytes:
    """The text that is signed. Raises Malformed if a signed header is not there."""
    names = sorted(signed_headers)
    missing = [name for name in names if name not in request.headers]
    if missing:
        raise Malformed(f"signed headers are missing: {', '.join(missing)[:200]}")
    lines = (
        request.method,
        _canonical_path(request.path),
        _canonical_query(request.query),
        *(f"{name}:{' '.join(request.headers[name].split())}" for name in names),
        "",
        ";".join(names),
        request.headers.get("x-amz-content-sha256", UNSIGNED_PAYLOAD),
    )
    return "\n".join(lines).encode("utf-8", "surrogateescape")


def signing_key(secret: bytes, authorization: Authorization) -> bytes:
    """The key of one day, region and service."""
    key = b"AWS4" + secret
    for part in (authorization.day, authorization.region, authorization.service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def sign(key: bytes, text: str) -> str:
    """The signature of `text`, 64 hexadecimal digits."""
    return hmac.digest(key, text.encode(), "sha256").hex()


def _pairs(text: str) -> Iterable[tuple[str, str]]:
    for part in text.split(","):
        name, equals, value = part.strip().partition("=")
        if equals:
            yield name, value


def _canonical_path(path: str) -> str:
    """Each byte encoded in the one canonical way, however the client wrote it; an encoded `/` stays encoded."""
    return "/".join(quote(unquote_to_bytes(part), safe=_UNRESERVED) for part in path.split("/")) or "/"


def _canonical_query(query: str) -> str:
    """Names and values in the canonical encoding, sorted; `+` is a plus sign, not a space."""
    pairs = []
    for part in filter(None, query.split("&")):
        name, _, value = part.partition("=")
        pairs.append(tuple(quote(unquote_to_bytes(text), safe=_UNRESERVED) for text in (name, value)))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))
