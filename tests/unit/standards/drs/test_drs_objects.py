"""Objects, bundles and bulk requests of DRS."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.standards.drs.objects import (
    AccessMethod,
    AccessUrl,
    Authorizations,
    Checksum,
    Content,
    DrsObject,
    bundle_checksum,
    distinct_names,
)
from opengdi.standards.drs.requests import (
    BulkAccessRequest,
    BulkRequest,
    ObjectRequest,
    bulk_answer,
    service_members,
)
from opengdi.standards.faults import Malformed

THEN = datetime(2026, 1, 1, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["passports", "expand", "bulk_object_ids", "bulk_object_access_ids", "bulk_object_id"]
            ),
            inner,
            max_size=3,
        )
    ),
)


def blob(**changes):
    told = {
        "access_methods": (AccessMethod("https", AccessUrl("https://a/1")),),
        "checksums": (Checksum("00"),),
    }
    return DrsObject("1", "drs://a/1", 3, THEN, **(told | changes))


def test_a_blob_says_what_it_has_and_nothing_empty():
    assert blob().as_document() == {
        "id": "1",
        "self_uri": "drs://a/1",
        "size": 3,
        "created_time": "2026-01-01T00:00:00Z",
        "checksums": [{"checksum": "00", "type": "sha-256"}],
        "access_methods": [{"type": "https", "available": True, "access_url": {"url": "https://a/1"}}],
    }


def test_a_blob_has_a_checksum_and_a_way_to_it():
    with pytest.raises(Malformed, match="checksum"):
        blob(checksums=())
    with pytest.raises(Malformed, match="access_methods"):
        blob(access_methods=())
    with pytest.raises(Malformed, match="access_id"):
        AccessMethod("https")


def test_an_empty_bundle_is_a_bundle():
    assert blob(access_methods=(), contents=()).as_document()["contents"] == []


def test_a_bundle_names_its_members():
    member = Content("a.bam", "1", "drs://a/1")
    document = blob(access_methods=(), contents=(member,)).as_document()
    assert document["contents"] == [{"name": "a.bam", "id": "1", "drs_uri": ["drs://a/1"]}]


def test_passports_need_named_issuers():
    with pytest.raises(Malformed):
        Authorizations(("PassportAuth",))
    told = Authorizations(("PassportAuth",), ("https://broker",)).of("1").as_document()
    assert told == {
        "supported_types": ["PassportAuth"],
        "passport_auth_issuers": ["https://broker"],
        "drs_object_id": "1",
    }


def test_the_checksum_of_a_bundle_is_over_the_sorted_checksums():
    expected = hashlib.sha256(b"5e089d2972794b6d").hexdigest()
    assert bundle_checksum(["72794b6d", "5e089d29"]) == Checksum(expected, "sha-256")


@given(st.lists(st.sampled_from(["a", "2-a", "3-a", "b"])))
def test_names_in_a_bundle_are_unique(names):
    found = distinct_names(names)
    assert len(set(found)) == len(found) == len(names)
    assert all(one == other or one.endswith(f"-{other}") for one, other in zip(found, names, strict=True))


def test_bodies_are_read():
    assert ObjectRequest.from_document({"expand": True, "passports": ["a"]}) == ObjectRequest(
        ("a",), expand=True
    )
    assert BulkRequest.from_document({"bulk_object_ids": ["1", "2"]}) == BulkRequest(("1", "2"))
    body = {"bulk_object_access_ids": [{"bulk_object_id": "1", "bulk_access_ids": ["x", "y"]}]}
    assert BulkAccessRequest.from_document(body) == BulkAccessRequest((("1", "x"), ("1", "y")))


@pytest.mark.parametrize("read", [ObjectRequest, BulkRequest, BulkAccessRequest])
@pytest.mark.parametrize(
    "document", [None, [], "text", {"passports": "a", "bulk_object_ids": []}, {"passports": [1]}]
)
def test_a_body_of_another_form_is_malformed(read, document):
    with pytest.raises(Malformed):
        read.from_document(document)


@given(JSON)
def test_any_json_is_a_request_or_malformed(document):
    for kind in (ObjectRequest, BulkRequest, BulkAccessRequest):
        try:
            kind.from_document(document)
        except Malformed:
            continue


def test_a_bulk_answer_counts_and_gathers_by_code():
    answer = bulk_answer([{"id": "1"}], [("2", 404), ("3", 403), ("4", 404)], under="resolved_drs_object")
    assert answer["summary"] == {"requested": 4, "resolved": 1, "unresolved": 3}
    assert answer["unresolved_drs_objects"] == [
        {"error_code": 403, "object_ids": ["3"]},
        {"error_code": 404, "object_ids": ["2", "4"]},
    ]
    assert answer["resolved_drs_object"] == [{"id": "1"}]


def test_service_info_says_the_limit_where_both_versions_look():
    assert service_members(10, 2, 30) == {
        "maxBulkRequestLength": 10,
        "drs": {"maxBulkRequestLength": 10, "objectCount": 2, "totalObjectSize": 30},
    }
