"""Requests, each rule of the standard by itself; and any request at all."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.standards.htsget.errors import BadRequest, error_document, error_name
from opengdi.standards.htsget.request import Kind, Region, TicketRequest, parse_get, parse_post
from opengdi.standards.htsget.ticket import TicketUrl, inline, ticket_document

READS, VARIANTS = Kind.READS, Kind.VARIANTS
ALL = TicketRequest(None, False, None)


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({}, ALL),
        ({"format": "BAM"}, TicketRequest("BAM", False, None)),
        ({"format": "cram"}, TicketRequest("CRAM", False, None)),
        ({"class": "header"}, TicketRequest(None, True, None)),
        ({"class": "header", "format": "BAM"}, TicketRequest("BAM", True, None)),
        ({"referenceName": "1"}, TicketRequest(None, False, (Region("1"),))),
        ({"referenceName": "*"}, TicketRequest(None, False, (Region("*"),))),
        ({"referenceName": "1", "start": "5"}, TicketRequest(None, False, (Region("1", 5),))),
        ({"referenceName": "1", "end": "5"}, TicketRequest(None, False, (Region("1", 0, 5),))),
        ({"referenceName": "1", "start": "5", "end": "5"}, TicketRequest(None, False, (Region("1", 5, 5),))),
        (
            {"referenceName": "1", "end": "4294967295"},
            TicketRequest(None, False, (Region("1", 0, 2**32 - 1),)),
        ),
        ({"fields": "QNAME,SEQ", "tags": "RG", "notags": "OQ"}, ALL),
        ({"tags": ""}, ALL),
        ({"tags": "", "notags": "RG"}, ALL),
        ({"fields": ""}, ALL),
        ({"encryptionScheme": "C4GH"}, TicketRequest(None, False, None, {"encryptionScheme": "C4GH"})),
        (
            {"class": "header", "encryptionScheme": "x"},
            TicketRequest(None, True, None, {"encryptionScheme": "x"}),
        ),
    ],
)
def test_get_requests_that_the_standard_allows(query, wanted):
    assert parse_get(READS, query.items()) == wanted


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ({"format": "VCF"}, "UnsupportedFormat"),
        ({"format": ""}, "UnsupportedFormat"),
        ({"format": "SAM"}, "UnsupportedFormat"),
        ({"class": "body"}, "InvalidInput"),
        ({"class": "HEADER"}, "InvalidInput"),
        ({"class": "header", "referenceName": "1"}, "InvalidInput"),
        ({"class": "header", "fields": "SEQ"}, "InvalidInput"),
        ({"class": "header", "tags": ""}, "InvalidInput"),
        ({"class": "header", "start": "1"}, "InvalidInput"),
        ({"start": "1"}, "InvalidInput"),
        ({"end": "1"}, "InvalidInput"),
        ({"referenceName": ""}, "InvalidInput"),
        ({"referenceName": "*", "start": "1"}, "InvalidInput"),
        ({"referenceName": "*", "end": "1"}, "InvalidInput"),
        ({"referenceName": "1", "start": "-1"}, "InvalidInput"),
        ({"referenceName": "1", "start": "x"}, "InvalidInput"),
        ({"referenceName": "1", "start": ""}, "InvalidInput"),
        ({"referenceName": "1", "start": "1.0"}, "InvalidInput"),
        ({"referenceName": "1", "start": "\u0661"}, "InvalidInput"),
        ({"referenceName": "1", "end": "4294967296"}, "InvalidInput"),
        ({"referenceName": "1", "start": "6", "end": "5"}, "InvalidRange"),
        ({"fields": "NAME"}, "InvalidInput"),
        ({"fields": "QNAME,qual"}, "InvalidInput"),
        ({"tags": "RG,NM", "notags": "NM"}, "InvalidInput"),
    ],
)
def test_get_requests_that_the_standard_refuses(query, error):
    with pytest.raises(BadRequest) as refused:
        parse_get(READS, query.items())
    assert refused.value.error == error


def test_a_parameter_that_is_given_twice_is_refused():
    with pytest.raises(BadRequest):
        parse_get(READS, [("referenceName", "1"), ("referenceName", "2")])


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("", ALL),
        ("{}", ALL),
        ('{"format": "bam"}', TicketRequest("BAM", False, None)),
        ('{"class": "header"}', TicketRequest(None, True, None)),
        ('{"regions": [{"referenceName": "1"}]}', TicketRequest(None, False, (Region("1"),))),
        (
            '{"regions": [{"referenceName": "1", "start": 3, "end": 4}, {"referenceName": "*"}]}',
            TicketRequest(None, False, (Region("1", 3, 4), Region("*"))),
        ),
        ('{"regions": [{"referenceName": "1", "start": null}]}', TicketRequest(None, False, (Region("1"),))),
        ('{"fields": ["SEQ"], "tags": [], "notags": ["RG"]}', ALL),
        ('{"encryptionScheme": "c4gh"}', TicketRequest(None, False, None, {"encryptionScheme": "c4gh"})),
    ],
)
def test_posts_that_the_standard_allows(body, wanted):
    assert parse_post(READS, body.encode()) == wanted


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("[]", "InvalidInput"),
        ("{", "InvalidInput"),
        ("[" * 100_000, "InvalidInput"),
        ('{"regions": []}', "InvalidInput"),
        ('{"regions": {}}', "InvalidInput"),
        ('{"regions": null}', "InvalidInput"),
        ('{"regions": [1]}', "InvalidInput"),
        ('{"regions": [{}]}', "InvalidInput"),
        ('{"regions": [{"start": 1, "end": 2}]}', "InvalidInput"),
        ('{"regions": [{"referenceName": 1}]}', "InvalidInput"),
        ('{"regions": [{"referenceName": "1", "start": "1"}]}', "InvalidInput"),
        ('{"regions": [{"referenceName": "1", "start": true}]}', "InvalidInput"),
        ('{"regions": [{"referenceName": "1", "start": -1}]}', "InvalidInput"),
        ('{"regions": [{"referenceName": "1", "start": 4294967296}]}', "InvalidInput"),
        ('{"regions": [{"referenceName": "*", "start": 0}]}', "InvalidInput"),
        ('{"regions": [{"referenceName": "1", "start": 5, "end": 5}]}', "InvalidRange"),
        ('{"regions": [{"referenceName": "1", "start": 6, "end": 5}]}', "InvalidRange"),
        ('{"regions": [{"referenceName": "1", "end": 0}]}', "InvalidRange"),
        ('{"class": "header", "regions": [{"referenceName": "1"}]}', "InvalidInput"),
        ('{"class": "body"}', "InvalidInput"),
        ('{"class": 1}', "InvalidInput"),
        ('{"format": "VCF"}', "UnsupportedFormat"),
        ('{"format": ["BAM"]}', "InvalidInput"),
        ('{"fields": "SEQ"}', "InvalidInput"),
        ('{"fields": ["NAME"]}', "InvalidInput"),
        ('{"tags": [1]}', "InvalidInput"),
        ('{"tags": ["RG"], "notags": ["RG"]}', "InvalidInput"),
        ("\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), "InvalidInput"),
    ],
)
def test_posts_that_the_standard_refuses(body, error):
    with pytest.raises(BadRequest) as refused:
        parse_post(READS, body.encode("latin-1"))
    assert refused.value.error == error


def test_only_reads_can_have_no_place():
    with pytest.raises(BadRequest):
        parse_get(VARIANTS, [("referenceName", "*")])
    assert parse_get(VARIANTS, [("format", "bcf"), ("fields", "anything")]) == TicketRequest(
        "BCF", False, None
    )


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
names = st.sampled_from(
    ["format", "class", "referenceName", "start", "end", "fields", "tags", "notags", "regions"]
)


@given(st.sampled_from(Kind), st.lists(st.tuples(names | st.text(), st.text())))
def test_any_query_is_a_request_or_refused(kind, query):
    with suppress(BadRequest):
        parse_get(kind, query)


@given(
    st.sampled_from(Kind),
    st.dictionaries(
        names | st.text(), json_values | st.lists(st.dictionaries(names, json_values), max_size=3)
    ),
)
def test_any_json_is_a_request_or_refused(kind, document):
    with suppress(BadRequest):
        parse_post(kind, json.dumps(document).encode())


@given(st.binary())
def test_any_body_is_a_request_or_refused(body):
    with suppress(BadRequest):
        parse_post(READS, body)


def test_a_ticket_begins_as_the_standard_says():
    document = ticket_document(
        "BAM", [TicketUrl("https://x", "body", {"A": "b"}), TicketUrl(inline(b"\0"), "header")]
    )
    assert document.startswith(b'{"htsget":')
    assert json.loads(document) == {
        "htsget": {
            "format": "BAM",
            "urls": [
                {"url": "https://x", "headers": {"A": "b"}, "class": "body"},
                {"url": "data:;base64,AA==", "class": "header"},
            ],
        }
    }


def test_errors_have_the_names_and_the_form_of_the_standard():
    assert [error_name(status) for status in (401, 403, 404, 413)] == [
        "InvalidAuthentication", "PermissionDenied", "NotFound", "PayloadTooLarge"
    ]  # fmt: skip
    assert json.loads(error_document("NotFound", "x")) == {"htsget": {"error": "NotFound", "message": "x"}}
