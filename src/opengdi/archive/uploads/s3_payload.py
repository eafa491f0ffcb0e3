"""The payload of an S3 request: decoded, and held against every digest that came with it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import AsyncIterator, Mapping

from opengdi.archive.uploads.faults import BadDigest
from opengdi.archive.uploads.s3_shape import S3Refusal
from opengdi.standards.faults import Malformed, Unverified
from opengdi.standards.s3.checksums import (
    ALGORITHMS,
    HEADER,
    Checksum,
    announced_checksums,
    declared_checksums,
    read_digest,
)
from opengdi.standards.s3.chunks import ChunkedDecoder
from opengdi.standards.s3.signature import (
    STREAMING,
    STREAMING_UNSIGNED_TRAILER,
    UNSIGNED_PAYLOAD,
    Request,
    Seed,
)

_MD5, _SHA256 = "Content-MD5", "x-amz-content-sha256"


class Payload:
    """Reads a body once. After its end `checksums` says what was computed; a digest that differs raises before.

    Raises S3Refusal at once for headers that cannot be understood; while it is read Malformed, BadDigest and
    whatever the body raises.
    """

    def __init__(self, request: Request, body: AsyncIterator[bytes], seed: Seed | None) -> None:
        self._body = body
        headers = request.headers
        self._declared = declared_checksums(headers)
        announced = announced_checksums(headers)
        self._digests: dict[str, Checksum] = {
            name: ALGORITHMS[name]() for name in {*self._declared, *announced}
        }
        self._announced = announced
        self._plain: dict[str, tuple[Checksum, bytes]] = {}
        if "content-md5" in headers:
            expected = read_digest(_MD5, headers["content-md5"], 16)
            self._plain[_MD5] = (hashlib.md5(usedforsecurity=False), expected)
        kind = headers.get(_SHA256, UNSIGNED_PAYLOAD)
        self._decoder = _decoder(kind, headers.get("content-encoding", ""), seed)
        if self._decoder is None and kind != UNSIGNED_PAYLOAD:
            self._plain[_SHA256] = (hashlib.sha256(), _hexadecimal(kind))
        self.length = _length(headers, "x-amz-decoded-content-length" if self._decoder else "content-length")
        self._taken = 0

    def checksums(self) -> dict[str, str]:
        """Base64 by algorithm, of the algorithms that the sender uses."""
        return {name: base64.b64encode(digest.digest()).decode() for name, digest in self._digests.items()}

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._body:
            plain = chunk if self._decoder is None else await asyncio.to_thread(self._decode, chunk)
            if plain:
                await asyncio.to_thread(self._update, plain)
                yield plain
        if self._decoder is not None:
            self._decoder.finish()
        self._check()

    def _decode(self, chunk: bytes) -> bytes:
        assert self._decoder is not None
        try:
            return self._decoder.feed(chunk)
        except Unverified as error:
            raise S3Refusal("SignatureDoesNotMatch", str(error)) from error

    def _update(self, chunk: bytes) -> None:
        self._taken += len(chunk)
        for digest in self._digests.values():
            digest.update(chunk)
        for digest, _ in self._plain.values():
            digest.update(chunk)

    def _check(self) -> None:
        if self.length is not None and self._taken != self.length:
            raise S3Refusal("IncompleteBody", f"{self._taken} bytes came, {self.length} were announced")
        trailers = declared_checksums(self._decoder.trailers) if self._decoder else {}
        if self._announced != trailers.keys():
            raise Malformed(
                "x-amz-trailer must name the checksums that come as trailers, and these must come"
            )
        for name, expected in {**self._declared, **trailers}.items():
            self._compare(HEADER + name, self._digests[name], expected)
        for name, (digest, expected) in self._plain.items():
            self._compare(name, digest, expected)

    def _compare(self, name: str, digest: Checksum, expected: bytes) -> None:
        if hmac.compare_digest(digest.digest(), expected):
            return
        if name == _SHA256:
            raise S3Refusal("XAmzContentSHA256Mismatch", f"the body has another SHA-256 than {name} says")
        raise BadDigest(f"what arrived has another digest than {name} says; nothing of it is kept")


def _decoder(kind: str, encoding: str, seed: Seed | None) -> ChunkedDecoder | None:
    """For a body in chunks. Raises S3Refusal if they should be signed and the request is not."""
    if kind in STREAMING:
        if kind == STREAMING_UNSIGNED_TRAILER:
            return ChunkedDecoder()
        if seed is None:
            raise S3Refusal("AccessDenied", "a body in signed chunks needs a signed request")
        return ChunkedDecoder(seed)
    if "aws-chunked" in encoding.lower():
        return ChunkedDecoder()
    return None


def _hexadecimal(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise Malformed(f"{_SHA256} must be a SHA-256 in hexadecimal digits, or one of its words") from None


def _length(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise Malformed(f"{name} must be a whole number of bytes")
    return int(text)
