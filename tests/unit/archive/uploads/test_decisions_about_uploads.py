"""Decisions about uploads, without an inbox."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.archive.model import Declared
from opengdi.archive.uploads.faults import QuotaExceeded, WrongParts
from opengdi.archive.uploads.model import Part
from opengdi.archive.uploads.rules import (
    bucket_of,
    check_quota,
    checked_name,
    chosen_parts,
    declared_in,
    etag_of,
    merged,
)
from opengdi.archive.uploads.s3_shape import CODE_OF, as_s3_error, code_of
from opengdi.kernel.errors import KINDS, Invalid
from opengdi.kernel.http.faults import STATUS_OF as STATUS_OF_KIND
from opengdi.kernel.http.faults import Fault
from opengdi.standards.s3.documents import NamedPart
from opengdi.standards.s3.errors import STATUS_OF
from opengdi.standards.s3.operations import SMALLEST_PART

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def part(number: int, size: int = SMALLEST_PART) -> Part:
    return Part(number, size, hashlib.md5(b"%d" % number).hexdigest(), NOW)


@given(st.sets(st.integers(1, 10_000), min_size=1, max_size=20))
def test_parts_that_arrived_and_are_named_in_order_are_chosen(numbers):
    arrived = {number: part(number) for number in numbers}
    named = [NamedPart(number, arrived[number].etag) for number in sorted(numbers)]
    chosen = chosen_parts(named, arrived)
    assert [each.number for each in chosen] == sorted(numbers)
    assert etag_of(chosen).endswith(f"-{len(numbers)}")


def test_too_many_parts_are_refused():
    named = [NamedPart(number, "0" * 32) for number in range(1, 10_002)]
    with pytest.raises(WrongParts) as refused:
        chosen_parts(named, {})
    assert refused.value.code == "MalformedXML"


@pytest.mark.parametrize(
    "held, more, quota, fits",
    [(0, 10, 10, True), (1, 10, 10, False), (10, 0, 10, True), (11, 0, 10, False), (10**15, 10**15, 0, True)],
)
def test_a_quota_is_the_most_that_may_be_held(held, more, quota, fits):
    if fits:
        check_quota("charite", held=held, more=more, quota=quota)
        return
    with pytest.raises(QuotaExceeded) as refused:
        check_quota("charite", held=held, more=more, quota=quota)
    assert "charite may hold 10 bytes" in refused.value.public


def test_metadata_declare_digests_however_their_names_are_written():
    told = {"SHA256": "AB" * 32, "plain-md5": "Cd" * 16, "dataset": "D1", "mtime": "5"}
    assert declared_in(told) == (Declared(sha256="ab" * 32, plain_md5="cd" * 16), "D1")


@pytest.mark.parametrize(
    "name, value",
    [
        ("sha256", "ab"),
        ("md5", "g" * 32),
        ("plain-sha256", "0" * 32),
        ("plain-md5", "1B2M2Y8AsgTpgAmY7PhCfg=="),
    ],
)
def test_what_is_declared_and_is_no_digest_is_refused(name, value):
    with pytest.raises(Invalid, match=f"declared {name.replace('-', '_')} must be"):
        declared_in({name: value})


@pytest.mark.parametrize("dataset", ["x" * 129, "a\nb", "a b", "\udcff"])
def test_a_dataset_that_is_no_id_is_refused(dataset):
    with pytest.raises(Invalid, match="dataset"):
        declared_in({"dataset": dataset})


def test_what_was_declared_may_be_added_to_but_not_contradicted():
    assert merged(Declared(md5="a"), Declared(sha256="b", md5="a")) == Declared(sha256="b", md5="a")
    with pytest.raises(Invalid, match="md5"):
        merged(Declared(md5="a"), Declared(md5="b"))


@given(st.text(max_size=40))
def test_a_bucket_is_a_name_that_s3_clients_take(provider):
    assert all(letter.isascii() and (letter.isalnum() or letter in "._-") for letter in bucket_of(provider))


def test_only_files_of_digests_are_no_uploads():
    assert checked_name("a/md5/b.bam.c4gh") == "a/md5/b.bam.c4gh"
    with pytest.raises(Invalid, match="declare digests"):
        checked_name("a.bam.md5.c4gh")


@pytest.mark.parametrize("kind", [*KINDS, *CODE_OF])
def test_every_kind_of_error_has_a_code_of_s3(kind):
    assert code_of(kind("why")) in STATUS_OF


@pytest.mark.parametrize("status", sorted({*STATUS_OF_KIND.values()}))
def test_what_the_edge_says_has_s3s_shape(status):
    media_type, body = as_s3_error(Fault(status, "a <b>", "r1"))
    assert media_type == b"application/xml"
    assert b"<Message>a &lt;b&gt;</Message>" in body
