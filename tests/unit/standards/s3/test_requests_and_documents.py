"""Which verb a request is, and the XML that goes back and forth."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.standards.faults import Malformed
from opengdi.standards.s3 import documents
from opengdi.standards.s3.documents import (
    ListedObject,
    ListedUpload,
    NamedPart,
    Page,
    UploadsPage,
    read_completion,
    read_list_of_uploads,
)
from opengdi.standards.s3.errors import STATUS_OF
from opengdi.standards.s3.operations import Verb, read_operation

NOW = datetime(2026, 11, 29, 12, 0, 0, 120_000, tzinfo=UTC)
SPACE = f"{{{documents.NAMESPACE}}}"


@pytest.mark.parametrize(
    "method, path, query, verb",
    [
        ("GET", "/", "", Verb.LIST_BUCKETS),
        ("HEAD", "/b", "", Verb.HEAD_BUCKET),
        ("PUT", "/b", "", Verb.CREATE_BUCKET),
        ("GET", "/b", "location", Verb.GET_BUCKET_LOCATION),
        ("GET", "/b/", "delimiter=%2F", Verb.LIST_OBJECTS),
        ("GET", "/b", "list-type=2&prefix=a", Verb.LIST_OBJECTS_V2),
        ("GET", "/b", "uploads=", Verb.LIST_MULTIPART_UPLOADS),
        ("HEAD", "/b/k/l", "", Verb.HEAD_OBJECT),
        ("PUT", "/b/k", "x-id=PutObject", Verb.PUT_OBJECT),
        ("POST", "/b/k", "uploads", Verb.CREATE_MULTIPART_UPLOAD),
        ("PUT", "/b/k", "partNumber=1&uploadId=u", Verb.UPLOAD_PART),
        ("POST", "/b/k", "uploadId=u", Verb.COMPLETE_MULTIPART_UPLOAD),
        ("DELETE", "/b/k", "uploadId=u", Verb.ABORT_MULTIPART_UPLOAD),
        ("GET", "/b/k", "uploadId=u", Verb.LIST_PARTS),
        ("GET", "/b/k", "", Verb.GET_OBJECT),
        ("DELETE", "/b/k", "", Verb.DELETE_OBJECT),
        ("GET", "/b", "acl", Verb.OTHER),
        ("PUT", "/b/k", "tagging", Verb.OTHER),
        ("POST", "/b", "delete", Verb.OTHER),
        ("DELETE", "/b", "", Verb.OTHER),
        ("PATCH", "/b/k", "", Verb.OTHER),
        ("POST", "/", "", Verb.OTHER),
    ],
)
def test_a_request_is_the_verb_that_the_specification_says(method, path, query, verb):
    assert read_operation(method, path, query).verb is verb


def test_names_are_decoded_and_a_plus_in_the_query_is_a_space():
    read = read_operation("GET", "/b%C3%BC/a%2Fb//c%20d+", "prefix=x+y%2B")
    assert (read.bucket, read.key, read.query) == ("bü", "a/b//c d+", {"prefix": "x y+"})


@pytest.mark.parametrize("text", ["-1", "0", "10001", "x", "²", "9" * 30])
def test_a_part_number_that_is_none_is_malformed(text):
    read = read_operation("PUT", "/b/k", f"partNumber={text}&uploadId=u")
    with pytest.raises(Malformed, match="partNumber"):
        read.number("partNumber", 0, least=1, most=10_000)


def test_a_page_may_not_be_larger_than_the_largest():
    assert read_operation("GET", "/b", "max-keys=5000").number("max-keys", 1000, most=1000) == 1000


@given(
    st.text(max_size=60) | st.just("/b\udcff/k"),
    st.text(max_size=60),
    st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD"]),
)
def test_any_address_is_a_verb_or_malformed(path, query, method):
    try:
        read = read_operation(method, path, query)
        assert read.verb in Verb
        assert read.key.encode() is not None
    except Malformed:
        return


def test_an_error_names_code_sentence_resource_and_request():
    root = ET.fromstring(documents.error("NoSuchKey", "no <such> & key", resource="/b/k", request_id="r1"))
    told = {child.tag: child.text for child in root}
    assert root.tag == "Error"
    assert told == {"Code": "NoSuchKey", "Message": "no <such> & key", "Resource": "/b/k", "RequestId": "r1"}


def test_every_error_code_has_the_status_of_a_failure():
    assert all(status >= 400 for status in STATUS_OF.values())


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_any_key_is_listed_as_well_formed_xml_and_comes_back_if_it_is_encoded(key):
    page = Page((ListedObject(key, NOW, "e1", 5),), ("p/",), "more", {"Prefix": key}, url_encoded=True)
    root = ET.fromstring(documents.list_of_objects("b", page))
    assert unquote(root.findtext(f"{SPACE}Contents/{SPACE}Key") or "") == key
    assert root.findtext(f"{SPACE}Contents/{SPACE}ETag") == '"e1"'
    assert root.findtext(f"{SPACE}Contents/{SPACE}LastModified") == "2026-11-29T12:00:00.120Z"
    assert root.findtext(f"{SPACE}IsTruncated") == "true"
    plain = Page((ListedObject(key, NOW, "e1", 5),))
    assert ET.fromstring(documents.list_of_objects_v2("b", plain)).findtext(f"{SPACE}KeyCount") == "1"


def completion(*parts: str) -> bytes:
    return f"<CompleteMultipartUpload xmlns='{documents.NAMESPACE}'>{''.join(parts)}</CompleteMultipartUpload>".encode()


def test_the_parts_that_a_client_names_are_read_with_their_checksums():
    part = (
        "<Part><ETag>&quot;AB&quot;</ETag><PartNumber>2</PartNumber><ChecksumCRC32>x</ChecksumCRC32></Part>"
    )
    assert read_completion(completion(part)) == (NamedPart(2, "ab", {"crc32": "x"}),)
    assert read_completion(b"<CompleteMultipartUpload/>") == ()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<a/>",
        b"<CompleteMultipartUpload>",
        completion("<Part><PartNumber>x</PartNumber></Part>"),
        completion("<Part><ETag>1</ETag></Part>"),
        b'<!DOCTYPE a [<!ENTITY b "c">]><CompleteMultipartUpload/>',
        b'<?xml version="1.0" encoding="klingon"?><CompleteMultipartUpload/>',
    ],
)
def test_another_document_is_malformed(body):
    with pytest.raises(Malformed):
        read_completion(body)


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda noise: completion()[:-20] + noise))
def test_any_bytes_are_a_completion_or_malformed(body):
    try:
        read_completion(body)
    except Malformed:
        return


def test_a_list_of_uploads_is_read_as_it_was_written():
    uploads = (ListedUpload("a/b", "u1", NOW), ListedUpload("a & <c>", "u2", NOW))
    whole = documents.list_of_uploads("b", Page(), uploads)
    assert read_list_of_uploads(whole) == UploadsPage(uploads, None)
    first = documents.list_of_uploads("b", Page(next="more"), uploads)
    assert read_list_of_uploads(first) == UploadsPage(uploads, ("a & <c>", "u2"))


def listing(members: str) -> bytes:
    return f"<ListMultipartUploadsResult><Upload>{members}</Upload></ListMultipartUploadsResult>".encode()


@pytest.mark.parametrize(
    "body",
    [
        completion(),
        listing(""),
        listing("<Key>a</Key><UploadId>u</UploadId>"),
        listing("<Key>a</Key><UploadId>u</UploadId><Initiated>yesterday</Initiated>"),
        listing("<Key>a</Key><UploadId>u</UploadId><Initiated>2026-11-29T12:00:00</Initiated>"),
    ],
)
def test_what_is_no_list_of_uploads_is_malformed(body):
    with pytest.raises(Malformed):
        read_list_of_uploads(body)


@pytest.mark.parametrize("encoding", ["utf-16", "cp037"])
def test_a_document_type_in_another_encoding_is_refused_too(encoding: str) -> None:
    """It would name entities that stand for each other without end."""
    declaration = f'<?xml version="1.0" encoding="{encoding}"?>'
    text = (
        '<!DOCTYPE c [<!ENTITY tag "etag">]><CompleteMultipartUpload><Part><PartNumber>1</PartNumber>'
        "<ETag>&tag;</ETag></Part></CompleteMultipartUpload>"
    )
    head = declaration.encode() if encoding == "cp037" else "\ufeff".encode("utf-16-le")
    body = head + text.encode("utf-16-le" if encoding == "utf-16" else encoding)
    with pytest.raises(Malformed):
        documents.read_completion(body)
