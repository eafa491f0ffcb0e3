"""Digests, ids, ranges and media types of refget."""

from __future__ import annotations

import hashlib
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.standards.refget.digests import Digester, SequenceId, normalised, parse_id
from opengdi.standards.refget.media import JSON, SEQUENCE, is_accepted
from opengdi.standards.refget.requests import Part, Refused, asked_part

BAD, UNSATISFIED = HTTPStatus.BAD_REQUEST, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE


def digests_of(text: bytes):
    digester = Digester()
    digester.feed(normalised(text))
    return digester.digests()


def test_the_vector_of_the_specification():
    assert digests_of(b"ACGT").ga4gh == "SQ.aKF498dAxcJAqme6QYQ7EZ07-fiw8Kw2"


def test_case_and_line_breaks_play_no_part():
    assert digests_of(b"ac\nGT *-1") == digests_of(b"ACGT")


@given(st.binary(max_size=300), st.integers(1, 50))
def test_digests_do_not_depend_on_the_pieces(text, step):
    digester = Digester()
    for start in range(0, len(text), step):
        digester.feed(normalised(text[start : start + step]))
    bases = bytes(byte for byte in text.upper() if ord("A") <= byte <= ord("Z"))
    assert digester.length == len(bases)
    assert digester.digests().md5 == hashlib.md5(bases).hexdigest()
    assert digester.digests().trunc512 == hashlib.sha512(bases).hexdigest()[:48]
    assert digester.digests() == digests_of(text)


MD5, TRUNC = "6681ac2f62509cfc220d78751b8dc524", "959cb1883fc1ca9ae1394ceb475a356ead1ecceff5824ae7"
GA4GH = "SQ.aKF498dAxcJAqme6QYQ7EZ07-fiw8Kw2"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (MD5, SequenceId("md5", MD5)),
        (MD5.upper(), SequenceId("md5", MD5)),
        (f"md5:{MD5}", SequenceId("md5", MD5)),
        (TRUNC, SequenceId("trunc512", TRUNC)),
        (f"TRUNC512:{TRUNC}", SequenceId("trunc512", TRUNC)),
        (GA4GH, SequenceId("ga4gh", GA4GH)),
        (f"ga4gh:{GA4GH}", SequenceId("ga4gh", GA4GH)),
        ("insdc:CM000663.2", SequenceId("insdc", "CM000663.2")),
        ("Garbagechecksum", None),
        (f"md5:{TRUNC}", None),
        (f"ga4gh:{MD5}", None),
        (GA4GH.lower(), None),
        (":x", None),
        ("x:", None),
        ("", None),
    ],
)
def test_ids_are_told_apart_by_namespace_and_shape(text, expected):
    assert parse_id(text) == expected


@given(st.text(max_size=60))
def test_any_text_is_an_id_or_none(text):
    found = parse_id(text)
    assert found is None or found.value


# The edge cases of the official compliance suite: yeast chromosome I is linear, phiX174 circular (5,386 bases).
@pytest.mark.parametrize(
    ("query", "spans"),
    [
        ({"start": "10", "end": "10"}, ((10, 10),)),
        ({"start": "10", "end": "20"}, ((10, 20),)),
        ({"start": "230208"}, ((230208, 230218),)),
        ({"end": "5"}, ((0, 5),)),
        ({"end": "0"}, ((0, 0),)),
        ({"start": "0"}, ((0, 230218),)),
        ({}, ((0, 230218),)),
    ],
)
def test_start_and_end_name_a_part(query, spans):
    assert asked_part(query, None, length=230218, circular=False) == Part(spans)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"start": "abc", "end": "20"}, BAD),
        ({"start": "-10", "end": "-29"}, BAD),
        ({"start": "abc"}, BAD),
        ({"start": ""}, BAD),
        ({"end": "4294967296"}, BAD),
        ({"start": "5387"}, BAD),
        ({"start": "67", "end": "5387"}, UNSATISFIED),
        ({"start": "5386", "end": "5375"}, UNSATISFIED),
        ({"start": "5386", "end": "5386"}, UNSATISFIED),
        ({"start": "5386", "end": "5"}, UNSATISFIED),
    ],
)
def test_start_and_end_out_of_bounds_are_refused(query, status):
    with pytest.raises(Refused) as refusal:
        asked_part(query, None, length=5386, circular=True)
    assert refusal.value.status == status


def test_a_circular_sequence_is_read_across_its_origin():
    part = asked_part({"start": "5374", "end": "5"}, None, length=5386, circular=True)
    assert part.spans == ((5374, 5386), (0, 5))
    assert part.length == 17


def test_a_linear_sequence_is_not():
    with pytest.raises(Refused) as refusal:
        asked_part({"start": "10", "end": "5"}, None, length=5386, circular=False)
    assert refusal.value.status == UNSATISFIED


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes=10-19", (10, 20)),
        ("bytes=10-999999", (10, 5386)),
        ("bytes=0-5385", (0, 5386)),
        ("bytes=5385-5385", (5385, 5386)),
        ("bytes=5380-", (5380, 5386)),
        ("bytes=-6", (5380, 5386)),
    ],
)
def test_a_range_header_names_a_part(header, span):
    assert asked_part({}, header, length=5386, circular=True) == Part((span,), HTTPStatus.PARTIAL_CONTENT)


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("units=20-30", BAD),
        ("bytes=ab-19", BAD),
        ("bytes=-10--19", BAD),
        ("bytes=10--19", BAD),
        ("bytes=-10-", BAD),
        ("bytes==10-19", BAD),
        ("bytes=-", BAD),
        ("bytes=-0", BAD),
        ("bytes=0-1,4-5", BAD),
        ("bytes=5200-19", UNSATISFIED),
        ("bytes=5385-5382", UNSATISFIED),
        ("bytes=5387-5391", BAD),
        ("bytes=5386-5387", BAD),
    ],
)
def test_a_range_header_that_cannot_be_met_is_refused(header, status):
    with pytest.raises(Refused) as refusal:
        asked_part({}, header, length=5386, circular=True)
    assert refusal.value.status == status


@pytest.mark.parametrize("query", [{"start": "1"}, {"end": "1"}])
def test_a_range_header_and_parameters_exclude_each_other(query):
    with pytest.raises(Refused, match="together") as refusal:
        asked_part(query, "bytes=0-1", length=10, circular=False)
    assert refusal.value.status == BAD


def test_a_part_longer_than_the_limit_is_refused():
    assert asked_part({"end": "5"}, None, length=10, circular=False, limit=5).length == 5
    with pytest.raises(Refused) as refusal:
        asked_part({"end": "6"}, None, length=10, circular=False, limit=5)
    assert refusal.value.status == UNSATISFIED
    assert asked_part({}, None, length=10, circular=False, limit=5).length == 10


@given(
    st.dictionaries(st.sampled_from(["start", "end"]), st.text(max_size=12) | st.integers(0, 60).map(str)),
    st.none() | st.text(max_size=20) | st.from_regex(r"bytes=\d{0,3}-\d{0,3}", fullmatch=True),
    st.integers(1, 50),
    st.booleans(),
)
def test_any_question_gets_a_part_of_the_sequence_or_a_status(query, header, length, circular):
    try:
        part = asked_part(query, header, length=length, circular=circular)
    except Refused:
        return
    assert all(0 <= first <= stop <= length for first, stop in part.spans)
    assert len(part.spans) == 1 or circular


@pytest.mark.parametrize(
    ("accept", "sequence", "json"),
    [
        (None, True, True),
        ("", True, True),
        ("*/*", True, True),
        ("text/plain", True, False),
        ("text/vnd.ga4gh.refget.v2.0.0+plain; charset=us-ascii", True, False),
        ("application/json;q=0.5, text/html", False, True),
        ("application/vnd.ga4gh.refget.v2.0.0+json", False, True),
        ("application/json;q=0", False, False),
        ("application/json;q=x", False, True),
        ("embl/some_json", False, False),
        ("text/vnd.ga4gh.seq.v1.0.0+plain", False, False),
    ],
)
def test_media_types_may_be_written_shorter(accept, sequence, json):
    assert is_accepted(accept, SEQUENCE) is sequence
    assert is_accepted(accept, JSON) is json


@given(st.text(max_size=60))
def test_any_accept_header_is_understood_or_not(accept):
    assert is_accepted(accept, JSON) in {True, False}
