"""Checksums of uploads: against published check values and a slow oracle, split anywhere."""

from __future__ import annotations

import base64
import hashlib
import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.standards.faults import Malformed
from opengdi.standards.s3.checksums import (
    ALGORITHMS,
    CRC32C,
    CRC64NVME,
    announced_checksums,
    declared_checksums,
)

CHECK_VALUES = {  # of "123456789", as the catalogue of CRC algorithms gives them
    "crc32": "cbf43926",
    "crc32c": "e3069283",
    "crc64nvme": "ae8b14860a799888",
    "sha1": hashlib.sha1(b"123456789").hexdigest(),
    "sha256": hashlib.sha256(b"123456789").hexdigest(),
}


def slow_crc(data: bytes, polynomial: int, width: int) -> bytes:
    """Bit by bit."""
    ones = (1 << 8 * width) - 1
    state = ones
    for byte in data:
        state ^= byte
        for _ in range(8):
            state = (state >> 1) ^ (polynomial if state & 1 else 0)
    return (state ^ ones).to_bytes(width, "big")


ORACLES = {
    "crc32": lambda data: zlib.crc32(data).to_bytes(4, "big"),
    "crc32c": lambda data: slow_crc(data, CRC32C, 4),
    "crc64nvme": lambda data: slow_crc(data, CRC64NVME, 8),
    "sha1": lambda data: hashlib.sha1(data).digest(),
    "sha256": lambda data: hashlib.sha256(data).digest(),
}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_published_check_value_is_met(algorithm):
    checksum = ALGORITHMS[algorithm]()
    checksum.update(b"123456789")
    assert checksum.digest().hex() == CHECK_VALUES[algorithm]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@given(data=st.binary(max_size=1500), cuts=st.lists(st.integers(0, 1500), max_size=3))
def test_data_split_anywhere_has_the_oracles_checksum(algorithm, data, cuts):
    checksum = ALGORITHMS[algorithm]()
    edges = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    for start, stop in pairwise(edges):
        checksum.update(data[start:stop])
    assert checksum.digest() == ORACLES[algorithm](data)


def test_headers_declare_checksums_and_announce_them():
    told = base64.b64encode(b"1234").decode()
    headers = {"x-amz-checksum-crc32": told, "x-amz-checksum-type": "FULL_OBJECT", "x-amz-meta-a": "b"}
    assert declared_checksums(headers) == {"crc32": b"1234"}
    assert announced_checksums({"x-amz-trailer": "x-amz-checksum-crc64nvme, x-other"}) == {"crc64nvme"}


@pytest.mark.parametrize(
    "headers",
    [
        {"x-amz-checksum-crc32": "MTIz"},
        {"x-amz-checksum-crc32": "not base64"},
        {"x-amz-checksum-xxhash": "MTIzNA=="},
    ],
)
def test_a_checksum_that_is_none_is_malformed(headers):
    with pytest.raises(Malformed):
        declared_checksums(headers)


def test_a_trailer_of_an_unknown_algorithm_is_malformed():
    with pytest.raises(Malformed, match="xxhash"):
        announced_checksums({"x-amz-trailer": "x-amz-checksum-xxhash"})
