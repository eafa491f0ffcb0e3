"""The payload of an S3 request, in every way in which clients wrap it."""

from __future__ import annotations

import base64
import hashlib
import zlib

import pytest
from tests.receiving import body
from tests.unit.standards.s3.test_chunked_bodies import SIGNED, WITH_TRAILER, chunked, seed_of

from opengdi.archive.uploads.faults import BadDigest
from opengdi.archive.uploads.s3_payload import Payload
from opengdi.archive.uploads.s3_shape import S3Refusal
from opengdi.standards.faults import Malformed
from opengdi.standards.s3.signature import Request

DATA = bytes(range(256)) * 50
SHA256 = hashlib.sha256(DATA).hexdigest()
CRC32 = base64.b64encode(zlib.crc32(DATA).to_bytes(4, "big")).decode()
SIGNED_WORD = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
UNSIGNED_WORD = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


async def read(sent: bytes, seed=None, **headers: str) -> tuple[bytes, dict[str, str]]:
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    payload = Payload(Request("PUT", "/", "", told), body(sent[:777], sent[777:]), seed)
    return b"".join([chunk async for chunk in payload]), payload.checksums()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x_amz_content_sha256": SHA256},
        {"x_amz_content_sha256": "UNSIGNED-PAYLOAD", "content_length": str(len(DATA))},
        {"content_md5": base64.b64encode(hashlib.md5(DATA).digest()).decode()},
        {"x_amz_checksum_crc32": CRC32},
    ],
)
async def test_a_plain_body_is_its_payload(headers):
    payload, checksums = await read(DATA, **headers)
    assert payload == DATA
    assert checksums == ({"crc32": CRC32} if "x_amz_checksum_crc32" in headers else {})


async def test_signed_chunks_of_the_specification_are_taken_and_others_are_not():
    seed, sent = SIGNED
    payload, _ = await read(sent, seed, x_amz_content_sha256=SIGNED_WORD)
    assert payload == b"a" * 66560
    with pytest.raises(S3Refusal) as refused:
        await read(sent, seed_of("0" * 64), x_amz_content_sha256=SIGNED_WORD)
    assert refused.value.code == "SignatureDoesNotMatch"
    with pytest.raises(S3Refusal, match="signed request"):
        await read(sent, None, x_amz_content_sha256=SIGNED_WORD)


async def test_a_signed_trailer_is_held_against_the_payload():
    seed, sent = WITH_TRAILER
    told = {"x_amz_content_sha256": f"{SIGNED_WORD}-TRAILER", "x_amz_trailer": "x-amz-checksum-crc32c"}
    payload, checksums = await read(sent, seed, **told)
    assert (len(payload), checksums) == (66560, {"crc32c": "sOO8/Q=="})


@pytest.mark.parametrize(
    "trailers, error",
    [
        ({"x-amz-checksum-crc32": "AAAAAA=="}, BadDigest),
        ({}, Malformed),
        ({"x-amz-checksum-sha1": "x"}, Malformed),
    ],
)
async def test_a_trailer_that_does_not_hold_or_does_not_come_is_an_error(trailers, error):
    told = {"x_amz_content_sha256": UNSIGNED_WORD, "x_amz_trailer": "x-amz-checksum-crc32"}
    assert (await read(chunked([DATA], {"x-amz-checksum-crc32": CRC32}, None), **told))[0] == DATA
    with pytest.raises(error):
        await read(chunked([DATA], trailers, None), **told)


@pytest.mark.parametrize(
    "headers, error",
    [
        ({"x_amz_content_sha256": "0" * 64}, S3Refusal),
        ({"x_amz_content_sha256": "no digest"}, Malformed),
        ({"content_md5": base64.b64encode(bytes(16)).decode()}, BadDigest),
        ({"content_md5": "x"}, Malformed),
        ({"content_length": "5"}, S3Refusal),
        ({"content_length": "-5"}, Malformed),
        ({"x_amz_content_sha256": UNSIGNED_WORD}, Malformed),
    ],
)
async def test_a_body_that_is_not_what_its_headers_say_is_an_error(headers, error):
    with pytest.raises(error):
        await read(DATA, **headers)
