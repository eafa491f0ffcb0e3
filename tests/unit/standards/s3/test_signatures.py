"""AWS Signature Version 4 against the vectors of its specification and against botocore."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote, urlsplit

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.utils import percent_encode_sequence
from hypothesis import given
from hypothesis import strategies as st

from opengdi.standards.faults import Malformed, Unverified
from opengdi.standards.s3.signature import Request, authorize, parse_authorization, signed_at, verify

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", b"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def authorization(signed: str, signature: str) -> str:
    scope = "20130524/us-east-1/s3/aws4_request"
    return f"AWS4-HMAC-SHA256 Credential={KEY}/{scope},SignedHeaders={signed},Signature={signature}"


def example(method: str, path: str, query: str, **headers: str) -> Request:
    """A request of the examples in the specification."""
    always = {
        "host": "examplebucket.s3.amazonaws.com",
        "x-amz-date": "20130524T000000Z",
        "x-amz-content-sha256": EMPTY,
    }
    return Request(
        method, path, query, always | {name.replace("_", "-"): text for name, text in headers.items()}
    )


# "Examples: Signature Calculations in AWS Signature Version 4"
EXAMPLES = [
    (
        example("GET", "/test.txt", "", range="bytes=0-9"),
        "host;range;x-amz-content-sha256;x-amz-date",
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    ),
    (
        example(
            "PUT",
            "/test%24file.text",
            "",
            date="Fri, 24 May 2013 00:00:00 GMT",
            x_amz_storage_class="REDUCED_REDUNDANCY",
            x_amz_content_sha256="44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
        ),
        "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    ),
    (
        example("GET", "/", "lifecycle"),
        "host;x-amz-content-sha256;x-amz-date",
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
    ),
    (
        example("GET", "/", "max-keys=2&prefix=J"),
        "host;x-amz-content-sha256;x-amz-date",
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
    ),
]


@pytest.mark.parametrize("request_, signed, signature", EXAMPLES)
def test_the_examples_of_the_specification_hold(request_, signed, signature):
    read = parse_authorization(authorization(signed, signature))
    assert verify(request_, read, SECRET).signature == signature
    assert f"{signed_at(request_):%Y-%m-%d}" == "2013-05-24"


@pytest.mark.parametrize(
    "change",
    [
        {"method": "PUT"},
        {"path": "/other.txt"},
        {"query": "versionId=1"},
        {"headers": EXAMPLES[0][0].headers | {"range": "bytes=0-10"}},
        {"headers": EXAMPLES[0][0].headers | {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}},
        {"headers": EXAMPLES[0][0].headers | {"x-amz-date": "20130524T000001Z"}},
    ],
)
def test_whatever_is_changed_the_signature_holds_no_more(change):
    request, signed, signature = EXAMPLES[0]
    with pytest.raises(Unverified):
        verify(replace(request, **change), parse_authorization(authorization(signed, signature)), SECRET)


def test_another_secret_does_not_do():
    request, signed, signature = EXAMPLES[0]
    with pytest.raises(Unverified):
        verify(request, parse_authorization(authorization(signed, signature)), SECRET + b"x")


def test_a_signed_header_that_is_missing_is_malformed():
    request, _, signature = EXAMPLES[0]
    with pytest.raises(Malformed, match="missing: if-match"):
        verify(request, parse_authorization(authorization("host;if-match;x-amz-date", signature)), SECRET)


def test_a_signature_that_leaves_out_the_host_is_malformed():
    with pytest.raises(Malformed, match="'host' must be signed"):
        parse_authorization(authorization("x-amz-date", "0" * 64))


def test_a_key_for_another_day_is_malformed():
    request, signed, signature = EXAMPLES[0]
    later = replace(request, headers=request.headers | {"x-amz-date": "20130525T000000Z"})
    with pytest.raises(Malformed, match="day"):
        verify(later, parse_authorization(authorization(signed, signature)), SECRET)


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)


@given(
    st.lists(TEXT, min_size=1, max_size=3),
    st.dictionaries(TEXT, TEXT, max_size=3),
    st.text("abcXYZ 09,;=", max_size=20),
    st.sampled_from(["GET", "PUT", "POST"]),
)
def test_what_botocore_signs_is_verified_whatever_the_names(parts, query, meta, method):
    path = "/" + "/".join(quote(part, safe="-._~") for part in parts)
    headers = {"x-amz-meta-note": meta, "x-amz-content-sha256": EMPTY}
    address = f"http://node.example:8080{path}?{percent_encode_sequence(query)}"
    signed = AWSRequest(method, address, headers, b"")
    credentials = Credentials("somebody", "secret of somebody")
    botocore.auth.S3SigV4Auth(credentials, "s3", "eu-north-1").add_auth(signed)
    sent = urlsplit(signed.prepare().url)
    headers = {name.lower(): str(value) for name, value in signed.headers.items()}
    headers["host"] = "node.example:8080"
    request = Request(method, sent.path, sent.query, headers)
    seed = verify(request, parse_authorization(headers["authorization"]), b"secret of somebody")
    assert seed.scope.endswith("/eu-north-1/s3/aws4_request")


@given(
    st.lists(TEXT, min_size=1, max_size=3),
    st.dictionaries(TEXT, TEXT, max_size=3),
    st.sampled_from(["GET", "DELETE"]),
    st.sampled_from(["", "token of a session"]),
)
def test_what_we_sign_is_what_botocore_signs(parts, query, method, token):
    path = "/" + "/".join(quote(part, safe="-._~") for part in parts)
    told = "&".join(f"{quote(name, safe='-._~')}={quote(text, safe='-._~')}" for name, text in query.items())
    signed = AWSRequest(method, f"http://node.example:8080{path}?{told}", {"host": "node.example:8080"}, b"")
    credentials = Credentials("somebody", "secret of somebody", token or None)
    botocore.auth.S3SigV4Auth(credentials, "s3", "eu-north-1").add_auth(signed)
    headers = {name.lower(): str(value) for name, value in signed.headers.items()}
    theirs = parse_authorization(headers.pop("authorization"))
    request = Request(method, path, told, headers)
    ours = authorize(request, "somebody", b"secret of somebody", region="eu-north-1")
    assert parse_authorization(ours) == theirs


@given(st.text(max_size=300) | st.text(max_size=60).map(lambda text: f"AWS4-HMAC-SHA256 {text}"))
def test_any_header_is_an_authorization_or_malformed(text):
    try:
        assert parse_authorization(text).access_key
    except Malformed:
        return
