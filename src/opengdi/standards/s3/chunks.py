"""Bodies in the encoding `aws-chunked`: chunks with a length each, perhaps signed, and trailers at the end. Sans-IO.

Spec: Amazon S3 API Reference, "Signature calculations for … transferring payload in multiple chunks" (and the page on
trailing headers).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from typing import Final

from opengdi.standards.faults import Malformed, Unverified
from opengdi.standards.s3.signature import EMPTY_SHA256, Seed, sign

LONGEST_LINE: Final = 4096
"""Bytes of a chunk's first line or of one trailer. A limit of ours: a hostile one must not fill our memory."""

MOST_TRAILERS: Final = 16
_CHUNK_LINE: Final = re.compile(
    rb"(?P<size>[0-9a-fA-F]{1,16})(?:;chunk-signature=(?P<signature>[0-9a-f]{64}))?\Z"
)
_TRAILER_SIGNATURE: Final = "x-amz-trailer-signature"


class ChunkedDecoder:
    """The payload in an `aws-chunked` body that comes in pieces split anywhere.

    seed: what the chunks are signed after; None: they are not signed. A payload is given out before the signature of
    its chunk is seen: keep none of it unless `finish` returned.
    """

    def __init__(self, seed: Seed | None = None) -> None:
        self._seed = seed
        self._last_signature = "" if seed is None else seed.signature
        self._line = bytearray()
        self._take: Callable[[bytes], None] = self._chunk_line
        self._left = 0  # bytes of the present chunk that are still to come
        self._reading_line = True
        self._chunk = hashlib.sha256()
        self._chunk_signature = ""
        self._ended = False
        self._trailers: dict[str, str] = {}
        self.payload_bytes = 0

    @property
    def trailers(self) -> dict[str, str]:
        """Trailing headers by name in lower case; complete after `finish`."""
        return dict(self._trailers)

    def feed(self, data: bytes) -> bytes:
        """The payload in `data`. Raises Malformed, Unverified."""
        payload, view, at = bytearray(), memoryview(data), 0
        while at < len(view):
            if self._ended:
                raise Malformed("aws-chunked: bytes after the end of the body")
            if self._reading_line:
                at += self._read_line(view[at:])
            else:
                taken = view[at : at + self._left]
                at += len(taken)
                payload += taken
                self._took(taken)
        return bytes(payload)

    def finish(self) -> None:
        """The body is complete. Raises Malformed if it is not."""
        if not self._ended:
            raise Malformed("aws-chunked: the body ends before its last chunk")

    def _read_line(self, view: memoryview) -> int:
        """Take bytes up to the end of the line; how many were taken."""
        chunk = bytes(view[: LONGEST_LINE + 2])
        end = chunk.find(b"\n")
        taken = len(chunk) if end < 0 else end + 1
        self._line += chunk[:taken]
        if len(self._line) > LONGEST_LINE:
            raise Malformed(f"aws-chunked: a line longer than {LONGEST_LINE} bytes")
        if end >= 0:
            line, self._line = bytes(self._line), bytearray()
            if not line.endswith(b"\r\n") and self._take != self._trailer_line:
                raise Malformed("aws-chunked: a line must end with CR LF")
            self._take(line.rstrip(b"\r\n"))
        return taken

    def _chunk_line(self, line: bytes) -> None:
        found = _CHUNK_LINE.match(line)
        if found is None:
            raise Malformed("aws-chunked: a chunk must begin with its length in hexadecimal digits")
        self._chunk_signature = (found["signature"] or b"").decode()
        if self._seed is not None and not self._chunk_signature:
            raise Malformed("aws-chunked: a chunk without a signature in a signed body")
        self._chunk = hashlib.sha256()
        self._left = int(found["size"], 16)
        if self._left:
            self._reading_line = False
            return
        self._check_chunk()
        self._take = self._trailer_line

    def _took(self, taken: memoryview) -> None:
        if self._seed is not None:
            self._chunk.update(taken)
        self._left -= len(taken)
        self.payload_bytes += len(taken)
        if not self._left:
            self._check_chunk()
            self._reading_line, self._take = True, self._after_chunk

    def _after_chunk(self, line: bytes) -> None:
        if line:
            raise Malformed("aws-chunked: a chunk is longer than its length says")
        self._take = self._chunk_line

    def _check_chunk(self) -> None:
        if self._seed is not None:
            text = (EMPTY_SHA256, self._chunk.hexdigest())
            self._check_signature("AWS4-HMAC-SHA256-PAYLOAD", text, self._chunk_signature)

    def _trailer_line(self, line: bytes) -> None:
        if not line:
            self._ended = True
            return
        name, colon, value = line.decode("latin-1").partition(":")
        name, value = name.strip().lower(), value.strip()
        if not colon or name in self._trailers or len(self._trailers) >= MOST_TRAILERS:
            raise Malformed("aws-chunked: a trailer must be `name:value`, each once, and there may be 16")
        if name == _TRAILER_SIGNATURE:
            self._check_trailers(value)
        else:
            self._trailers[name] = value

    def _check_trailers(self, signature: str) -> None:
        """Spec: the string to sign holds the digest of the trailing headers, a line for each."""
        if self._seed is not None:
            told = "".join(f"{name}:{value}\n" for name, value in sorted(self._trailers.items()))
            digest = hashlib.sha256(told.encode("latin-1")).hexdigest()
            self._check_signature("AWS4-HMAC-SHA256-TRAILER", (digest,), signature)

    def _check_signature(self, algorithm: str, digests: tuple[str, ...], given: str) -> None:
        seed = self._seed
        assert seed is not None
        text = "\n".join((algorithm, seed.timestamp, seed.scope, self._last_signature, *digests))
        expected = sign(seed.key, text)
        if not hmac.compare_digest(expected, given):
            raise Unverified("the signature of a chunk does not match its bytes")
        self._last_signature = expected
