"""Whatever comes over the wire: an answer, or an error in Beacon's form or as problem details; never a defect."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from tests.system.serving import Serving, run_gdi
from tests.system.two_nodes import COMMON, NETWORK, OF_NODE, PERSON, Federation, at, two_nodes_and_a_hub

from opengdi.standards.beacon.entry_types import ENTRY_TYPES
from opengdi.standards.beacon.parameters import NAMES

BODY_BYTES, REQUEST_S = 65_536, 2.0
FUZZ = settings(max_examples=250, deadline=None, database=None, suppress_health_check=list(HealthCheck))
BASES = (
    ("hub", NETWORK),
    ("hub", "/beacon-network/aggregated/v2.0.0"),
    ("hub", "/beacon-network/individuals/v2.0.0"),
    ("node", "/beacon/aggregated/v2"),
    ("node", "/beacon/individuals/v2"),
)
"""Who is asked, and where: networks and Beacons."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@pytest.fixture(scope="module")
def federation(root: Path) -> Iterator[Federation]:
    limits = {"GDI_LIMITS__BODY_BYTES": str(BODY_BYTES), "GDI_LIMITS__REQUEST_S": str(REQUEST_S)}
    with two_nodes_and_a_hub(root, **limits) as running:
        yield running
        _nothing_leaked(root, running)


@pytest.fixture(scope="module")
def clients(federation: Federation) -> Iterator[Mapping[str, httpx.Client]]:
    """Of the hub and of a node, by those words."""
    with (
        _client(federation.hub, PERSON) as hub,
        _client(federation.nodes["fi"], OF_NODE["fi"]) as node,
    ):
        yield {"hub": hub, "node": node}


def _client(served: Serving, token: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=served.public, headers=headers, timeout=20, trust_env=False)


@pytest.fixture
def hub(clients: Mapping[str, httpx.Client]) -> httpx.Client:
    return clients["hub"]


def _nothing_leaked(root: Path, running: Federation) -> None:
    """No traceback, no defect, no secret in any log or chain; and every chain holds."""
    for process in (*running.nodes.values(), running.hub):
        log = process.log.read_text()
        assert "Traceback" not in log, log
        assert "defect at" not in log, log
    written = b"".join(path.read_bytes() for path in root.rglob("*.log"))
    written += b"".join(path.read_bytes() for path in root.rglob("audit/*/*.jsonl"))
    for secret in (PERSON, *OF_NODE.values()):
        assert secret.encode() not in written
    for name in ("ee", "fi", "hub"):
        done = run_gdi("audit", "verify", "--config", root / name / "gdi.toml")
        assert done.returncode == 0, done.stdout + done.stderr


def is_well_formed(answer: httpx.Response) -> None:
    """An answer below 500; a refusal says its status in Beacon's form or as problem details."""
    assert answer.status_code < 500, (answer.request.method, answer.request.url, answer.text)
    if answer.status_code >= 400 and answer.request.method != "HEAD":
        document = answer.json()
        if answer.headers["content-type"] == "application/problem+json":
            assert document["status"] == answer.status_code
        else:
            assert document["error"]["errorCode"] == answer.status_code, answer.text
            assert document["meta"]["beaconId"]
    if answer.status_code == 200 and answer.headers["content-type"].startswith("text/event-stream"):
        assert answer.text.rpartition("event: ")[2].startswith("result\n"), "the stream broke off"
    assert "Traceback" not in answer.text
    assert not any(secret in answer.text for secret in (PERSON, *OF_NODE.values()))


# -- what is sent ------------------------------------------------------------------------------------------------

ODD_TEXT = st.sampled_from(
    ["", "\0", "a\0b", "\ud800", "\udfff\ud800", "\u202e", "é" * 300, "../../etc", "%00", "{{7*7}}", "' OR 1=1 --"]
)  # fmt: skip
ODD_NUMBER = st.sampled_from(
    [-1, 2**31, 2**63, 2**64, -(2**63) - 1, 10**400, 1e308, -0.0, 1.5, float("nan"), float("inf")]
)
SCALAR = st.none() | st.booleans() | st.integers() | ODD_NUMBER | st.text(max_size=20) | ODD_TEXT
ANYTHING = st.recursive(
    SCALAR,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
PARAMETERS = st.dictionaries(st.sampled_from(sorted(NAMES)) | ODD_TEXT, ANYTHING, max_size=6)
FILTER = ANYTHING | st.fixed_dictionaries(
    {"id": ODD_TEXT | st.sampled_from(["NCIT:C16576", "age", "HP:0000001"])},
    optional={
        "scope": ANYTHING,
        "operator": st.sampled_from(["=", "<", "!"]) | ANYTHING,
        "value": ANYTHING,
        "similarity": ANYTHING,
        "includeDescendantTerms": ANYTHING,
    },
)
QUERY = st.fixed_dictionaries(
    {},
    optional={
        "requestParameters": PARAMETERS | PARAMETERS.map(lambda inner: {"g_variant": inner}) | ANYTHING,
        "filters": st.lists(FILTER, max_size=4) | ANYTHING,
        "pagination": st.fixed_dictionaries({}, optional={"skip": ANYTHING, "limit": ANYTHING}) | ANYTHING,
        "requestedGranularity": st.sampled_from(["boolean", "count", "record"]) | ANYTHING,
        "includeResultsetResponses": st.sampled_from(["HIT", "MISS", "ALL", "NONE"]) | ANYTHING,
        "testMode": ANYTHING,
        "datasets": ANYTHING,
    },
)
NEARLY_RIGHT = st.tuples(st.sampled_from(sorted(NAMES)), ANYTHING).map(
    lambda odd: {"requestParameters": at(COMMON) | dict([odd]), "requestedGranularity": "record"}
)
BODY = (
    NEARLY_RIGHT.map(lambda query: {"query": query})
    | st.fixed_dictionaries({}, optional={"meta": ANYTHING, "query": QUERY | ANYTHING})
    | ANYTHING
)
ENTRY = st.sampled_from([facts.path for facts in ENTRY_TYPES.values()])
ACCEPT = st.sampled_from(
    ["application/json", "text/event-stream", "application/x-ndjson", "*/*;q=0", "", ",;,", "a" * 500]
)
CONTENT_TYPE = st.sampled_from(
    ["application/json", "text/plain", "application/xml", "multipart/form-data", "application/json; charset=utf-16", ""]
)  # fmt: skip
IDENTIFIER = ODD_TEXT.filter(bool) | st.text(min_size=1, max_size=12)


def _escaped(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


# -- tests -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("beacon", ["aggregated", "individuals"])
def test_no_request_made_from_a_node_s_openapi_document_breaks_it(
    federation: Federation, beacon: str
) -> None:
    _fuzz_openapi(f"{federation.nodes['fi'].public}/beacon/{beacon}/v2", OF_NODE["fi"])


def test_no_request_made_from_a_network_s_openapi_document_breaks_it(federation: Federation) -> None:
    _fuzz_openapi(federation.hub.public + NETWORK, PERSON)


def _fuzz_openapi(base: str, token: str) -> None:
    schema = schemathesis.openapi.from_url(f"{base}/openapi.json")
    schema.config.update(base_url=base)
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) > 30
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {token}"
        for operation in operations:
            _fuzz_operation(operation, session)


def _fuzz_operation(operation: Any, session: requests.Session) -> None:
    @given(case=operation.as_strategy() | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
    @settings(FUZZ, max_examples=4)
    def answers(case: Any) -> None:
        answer = case.call(session=session)
        assert answer.status_code < 500, (answer.request.url, answer.text)

    answers()


@pytest.mark.parametrize("who, base", BASES)
def test_no_body_breaks_a_beacon_or_a_network(
    clients: Mapping[str, httpx.Client], who: str, base: str
) -> None:
    @given(entry=ENTRY, body=BODY, accept=ACCEPT, content_type=CONTENT_TYPE)
    @FUZZ
    def answers(entry: str, body: object, accept: str, content_type: str) -> None:
        headers = {"Accept": accept, "Content-Type": content_type}
        is_well_formed(clients[who].post(f"{base}/{entry}", content=json.dumps(body), headers=headers))

    answers()


@pytest.mark.parametrize("who, base", BASES)
def test_no_address_breaks_a_beacon_or_a_network(
    clients: Mapping[str, httpx.Client], who: str, base: str
) -> None:
    value = st.one_of(st.integers().map(str), st.text(max_size=12), ODD_TEXT, st.just("1" * 4000))
    parameter = st.tuples(
        st.sampled_from([*NAMES, "filters", "skip", "limit", "datasets", "testMode"]) | ODD_TEXT, value
    )
    below = st.lists(ENTRY | IDENTIFIER | st.just("filtering_terms"), max_size=4)

    @given(path=below, parameters=st.lists(parameter, max_size=5), accept=ACCEPT)
    @FUZZ
    def answers(path: list[str], parameters: list[tuple[str, str]], accept: str) -> None:
        query = "&".join(f"{_escaped(name)}={_escaped(text)}" for name, text in parameters)
        address = "/".join([base, *map(_escaped, path)])
        is_well_formed(clients[who].get(f"{address}?{query}", headers={"Accept": accept}))

    answers()


@pytest.mark.parametrize(
    "content",
    [
        b"", b" ", b"{", b"nul", b"\xff\xfe\x00", b"\x00" * 99, b'"\\ud800"', b'{"a":1,"a":2}',
        b'{"meta":null,"query":null}', b"[" * 30_000, b'{"query":' * 6_000,
        b'{"query":{"pagination":{"limit":1' + b"0" * 5000 + b"}}}",
        b'{"query":{"filters":[' + b"{}," * 9000 + b"{}]}}", b'{"query":{"requestParameters":{"start":[1e999]}}}',
    ],
    ids=lambda content: content[:20].decode("latin-1").encode("unicode_escape").decode(),
)  # fmt: skip
@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_garbage_is_refused_in_beacon_s_form(hub: httpx.Client, content: bytes, accept: str) -> None:
    for entry in ("g_variants", "individuals", "datasets"):
        is_well_formed(hub.post(f"{NETWORK}/{entry}", content=content, headers={"Accept": accept}))


@pytest.mark.parametrize(
    "verb", ["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "PROPFIND", "CONNECT"]
)
@pytest.mark.parametrize("path", [f"{NETWORK}/g_variants", f"{NETWORK}/nothing/at/all/here", "/nowhere", "/"])
def test_other_verbs_and_paths_are_refused_in_form(hub: httpx.Client, verb: str, path: str) -> None:
    is_well_formed(hub.request(verb, path))


def test_a_body_that_is_too_long_is_refused_in_form(hub: httpx.Client) -> None:
    for content in (b" " * (BODY_BYTES + 1), iter([b" " * 8192] * 9)):  # announced, and not announced
        answer = hub.post(f"{NETWORK}/g_variants", content=content)
        assert answer.status_code == 413
        is_well_formed(answer)


def test_bodies_that_do_not_come_hold_nobody_up(federation: Federation, hub: httpx.Client) -> None:
    where = urlsplit(federation.hub.public)
    head = f"POST {NETWORK}/g_variants HTTP/1.1\r\nHost: h\r\nContent-Length: 50\r\n\r\n{{".encode()
    waiting = [socket.create_connection((where.hostname, where.port), timeout=10) for _ in range(50)]
    for each in waiting:
        each.sendall(head)
    began = time.monotonic()
    assert hub.get(f"{NETWORK}/info").status_code == 200
    assert time.monotonic() - began < REQUEST_S
    for each in waiting:
        with each:
            told = _received(each)
            status = int(told.split(" ", 2)[1])
            assert status in {408, 503, 504}
            assert f'"errorCode":{status}' in told


def _received(connection: socket.socket) -> str:
    """What came until an error code did."""
    told = b""
    while b"errorCode" not in told and (chunk := connection.recv(65_536)):
        told += chunk
    return told.decode()


def test_no_header_breaks_a_network(hub: httpx.Client) -> None:
    @given(
        st.sampled_from(["Authorization", "X-Request-Id", "Accept", "Content-Type"]), st.binary(max_size=40)
    )
    @FUZZ
    def answers(name: str, value: bytes) -> None:
        printable = bytes(byte for byte in value if byte >= 32 and byte != 127).strip()
        is_well_formed(hub.get(f"{NETWORK}/individuals", headers={name.encode(): printable}))

    answers()
