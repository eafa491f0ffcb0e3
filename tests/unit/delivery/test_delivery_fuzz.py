"""Whatever is sent to the delivering APIs: an answer or a refusal, never a server error, never a byte to a stranger."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.delivery.kit import ADA, BASE, BASE_PATH, DATASET, EVE, KEY, bearer

FILE = "GDIF-XX-0000000001"
WORDS = [
    "files",
    FILE,
    "content",
    "header",
    "datasets",
    DATASET,
    "granted",
    "keys",
    "metadata",
    "s3",
    "s3-encrypted",
    "a.bam",
    "a.bam.c4gh",
    "objects",
    "access",
    "%2F",
    "..",
]
SEGMENTS = st.lists(st.sampled_from(WORDS) | st.text("aé/%:?#\x00 ~", max_size=6), max_size=5)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "Range": st.from_regex(r"bytes=\d{0,4}-\d{0,4}", fullmatch=True)
        | st.text("bytes=0-1,é ", max_size=12),
        "If-Range": st.sampled_from(['"x"', "W/x", ""]),
        "X-C4GH-Public-Key": st.sampled_from([KEY["X-C4GH-Public-Key"], "AAAA", "=", "é"]),
        "Client-Public-Key": st.sampled_from([KEY["X-C4GH-Public-Key"], "x"]),
        "Htsget-Context-Public-Key": st.sampled_from([KEY["X-C4GH-Public-Key"], "x"]),
        "X-Amz-Security-Token": st.sampled_from([ADA, "x", ""]),
        "Access-Control-Request-Method": st.just("GET"),
        "Origin": st.sampled_from(["https://portal", "null"]),
    },
)
BODIES = st.binary(max_size=20) | st.sampled_from(
    [
        b"{}",
        b"[" * 3000,
        json.dumps({"bulk_object_ids": [FILE, "x"], "passports": []}).encode(),
        json.dumps(
            {"bulk_object_access_ids": [{"bulk_object_id": FILE, "bulk_access_ids": ["content"]}]}
        ).encode(),
    ]
)
METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
TOKENS = st.sampled_from(
    [{}, bearer(ADA), bearer(EVE), {"Authorization": "Basic x"}, {"Authorization": "Bearer"}]
)


async def asked(app, method, base, segments, query, headers, body):
    """Status and body, by a scope as a server makes it: headers may hold any byte."""
    path = "/".join((base, *segments))
    sent = [(name.lower().encode(), value.encode("utf-8")) for name, value in headers.items()]
    scope = {
        "type": "http",
        "method": method,
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": sent,
        "client": ("192.0.2.1", 1),
    }
    messages, answered = [{"type": "http.request", "body": body, "more_body": False}], [0, b""]

    async def receive():
        return messages.pop(0) if messages else await asyncio.Event().wait()

    async def send(message):
        answered[0] = message.get("status", answered[0])
        answered[1] += message.get("body", b"")

    await app(scope, receive, send)
    return answered


@pytest.mark.parametrize("base", [BASE, BASE_PATH])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    method=METHODS,
    segments=SEGMENTS,
    query=st.text("pageSiztokn=&1%é", max_size=15)
    | st.from_regex(r"startCoordinate=-?[0-9x]{0,3}&endCoordinate=[0-9]{0,25}", fullmatch=True),
    headers=HEADERS,
    token=TOKENS,
    body=BODIES,
)
async def test_no_request_breaks_an_api(node, base, method, segments, query, headers, token, body):
    node.files.hold(FILE, b"secret" * 100, datasets=[DATASET], name="a.bam")
    node.files.bytes_read = 0
    apis = {BASE: node.download_api(), BASE_PATH: node.drs_api()}
    status, answer = await asked(apis[base], method, base, segments, query, headers | token, body)
    assert 200 <= status < 500, answer
    if node.files.bytes_read:
        assert token == bearer(ADA) or headers.get("X-Amz-Security-Token") == ADA
