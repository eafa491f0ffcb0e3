"""Bodies in `aws-chunked`, against the vectors of the specification and split anywhere."""

from __future__ import annotations

import hashlib
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.standards.faults import Malformed, Unverified
from opengdi.standards.s3.chunks import ChunkedDecoder
from opengdi.standards.s3.signature import EMPTY_SHA256, Authorization, Seed, sign, signing_key

AUTHORIZATION = Authorization("AKIAIOSFODNN7EXAMPLE", "20130524", "us-east-1", "s3", ("host",), "0" * 64)
SIGNING_KEY = signing_key(b"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", AUTHORIZATION)
PAYLOAD = b"a" * 66560


def seed_of(signature: str) -> Seed:
    return Seed(SIGNING_KEY, "20130524T000000Z", AUTHORIZATION.scope, signature)


def example(*signatures: str, trailers: bytes = b"") -> bytes:
    """The body of the specification's examples: 64 KiB and 1 KiB of the letter a."""
    first, second, last = signatures
    return (
        b"10000;chunk-signature=%b\r\n%b\r\n" % (first.encode(), PAYLOAD[:65536])
        + b"400;chunk-signature=%b\r\n%b\r\n" % (second.encode(), PAYLOAD[65536:])
        + b"0;chunk-signature=%b\r\n%b\r\n" % (last.encode(), trailers)
    )


# "Signature Calculations … Transferring Payload in Multiple Chunks", its example
SIGNED = (
    seed_of("4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"),
    example(
        "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
        "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
        "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
    ),
)
# "… with trailing headers", its example
WITH_TRAILER = (
    seed_of("106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"),
    example(
        "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
        "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
        "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
        trailers=b"x-amz-checksum-crc32c:sOO8/Q==\r\n"
        b"x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n",
    ),
)


def decoded(decoder: ChunkedDecoder, *pieces: bytes) -> bytes:
    payload = b"".join(decoder.feed(piece) for piece in pieces)
    decoder.finish()
    return payload


@pytest.mark.parametrize("seed, body", [SIGNED, WITH_TRAILER], ids=["signed", "trailer"])
def test_the_examples_of_the_specification_hold(seed, body):
    decoder = ChunkedDecoder(seed)
    assert decoded(decoder, body) == PAYLOAD
    assert decoder.payload_bytes == len(PAYLOAD)


def test_trailers_are_told():
    decoder = ChunkedDecoder(WITH_TRAILER[0])
    decoded(decoder, WITH_TRAILER[1])
    assert decoder.trailers == {"x-amz-checksum-crc32c": "sOO8/Q=="}


@pytest.mark.parametrize("seed, body", [SIGNED, WITH_TRAILER], ids=["signed", "trailer"])
def test_a_bit_that_is_flipped_anywhere_is_found(seed, body):
    for at in random.Random(7).sample(range(len(body)), 60):
        damaged = bytearray(body)
        damaged[at] ^= 1
        with pytest.raises((Malformed, Unverified)):
            decoded(ChunkedDecoder(seed), bytes(damaged))


def chunked(chunks: list[bytes], trailers: dict[str, str], seed: Seed | None) -> bytes:
    """The oracle: a body as a client writes it."""
    before = "" if seed is None else seed.signature
    body = b""
    for chunk in [*chunks, b""]:
        line = f"{len(chunk):x}"
        if seed is not None:
            digests = (EMPTY_SHA256, hashlib.sha256(chunk).hexdigest())
            text = "\n".join(("AWS4-HMAC-SHA256-PAYLOAD", seed.timestamp, seed.scope, before, *digests))
            before = sign(seed.key, text)
            line += f";chunk-signature={before}"
        body += line.encode() + b"\r\n" + chunk + (b"\r\n" if chunk else b"")
    body += b"".join(f"{name}:{value}\r\n".encode() for name, value in trailers.items())
    return body + b"\r\n"


CHUNKS = st.lists(st.binary(min_size=1, max_size=200), max_size=5)
TRAILERS = st.dictionaries(
    st.sampled_from(["x-amz-checksum-crc32", "x-other"]), st.text("abc=/09", max_size=9)
)


@given(CHUNKS, TRAILERS, st.booleans(), st.lists(st.integers(0, 2000), max_size=8))
def test_a_body_split_anywhere_is_the_same_body(chunks, trailers, is_signed, cuts):
    seed = seed_of("1" * 64) if is_signed else None
    body = chunked(chunks, trailers, seed)
    edges = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    pieces = [body[start:stop] for start, stop in pairwise(edges)]
    decoder = ChunkedDecoder(seed)
    assert decoded(decoder, *pieces) == b"".join(chunks)
    assert decoder.trailers == trailers


@given(CHUNKS, st.booleans(), st.data())
def test_a_body_that_is_cut_short_is_malformed(chunks, is_signed, data):
    seed = seed_of("1" * 64) if is_signed else None
    body = chunked(chunks, {}, seed)
    cut = body[: data.draw(st.integers(0, len(body) - 1))]
    with pytest.raises(Malformed):
        decoded(ChunkedDecoder(seed), cut)


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_a_body_or_an_error_of_ours(body, is_signed):
    try:
        decoded(ChunkedDecoder(seed_of("1" * 64) if is_signed else None), body)
    except (Malformed, Unverified):
        return


def test_a_chunk_without_signature_in_a_signed_body_is_malformed():
    with pytest.raises(Malformed, match="without a signature"):
        ChunkedDecoder(SIGNED[0]).feed(b"5\r\nhello\r\n")


@pytest.mark.parametrize("body", [b"1" * 5000, b"0\r\n" + b"a:b\r\n" * 40, b"0\r\n\r\nmore"])
def test_what_would_fill_memory_or_goes_on_after_the_end_is_malformed(body):
    with pytest.raises(Malformed):
        ChunkedDecoder().feed(body)
