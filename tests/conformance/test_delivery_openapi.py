"""Answers of DRS and refget against the published OpenAPI files, and requests made from these files.

A validator that finds nothing wrong proves nothing, so each is shown answers that are wrong too.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp
from tests.conformance.openapi_files import OpenApiFile
from tests.unit.delivery.kit import ADA, BASE, BASE_PATH, DATASET, EVE, KEY, OTHER, PROOFS, bearer, delivering

from opengdi.delivery.refget.api import SERVICE_TYPE, RefgetApi, RefgetProfile
from opengdi.delivery.refget.catalogue import Alias
from opengdi.delivery.refget.shelf import Naming, SequenceShelf
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.http.edge import Edge
from opengdi.kernel.http.routing import Routing
from opengdi.standards.drs.ids import escape_id
from opengdi.standards.service_info import Organisation, Service
from opengdi.testing.identity import gated

FILE, REFGET, MD5 = "GDIF-XX-0000000001", "/refget", "f1f8f4bf413b16ad135722aa4591043e"
BODIES: dict[str, Any] = {
    "bulk": {"bulk_object_ids": [FILE, DATASET, OTHER, "nothing"]},
    "bulk access": {
        "bulk_object_access_ids": [{"bulk_object_id": FILE, "bulk_access_ids": ["content", "crypt4gh", "x"]}]
    },
    "too many": {"bulk_object_ids": ["x"] * 6},
    "too many accesses": {"bulk_object_access_ids": [{"bulk_object_id": FILE, "bulk_access_ids": ["x"] * 6}]},
    "passport": {"passports": ["x.y.z"]},
}
OBJECT, ACCESS = f"/objects/{FILE}", f"/objects/{FILE}/access/content"
ASKED = [
    ("GET", "/service-info", None, None, 200),
    ("GET", OBJECT, ADA, None, 200),
    ("GET", f"/objects/{DATASET}?expand=true", ADA, None, 200),
    ("GET", f"/objects/{escape_id(OTHER)}", ADA, None, 200),
    ("POST", OBJECT, ADA, {}, 200),
    ("OPTIONS", OBJECT, None, None, 200),
    ("GET", ACCESS, ADA, None, 200),
    ("GET", f"/objects/{FILE}/access/crypt4gh", ADA, None, 200),
    ("POST", ACCESS, ADA, {}, 200),
    ("POST", "/objects", ADA, "bulk", 200),
    ("OPTIONS", "/objects", None, "bulk", 200),
    ("POST", "/objects/access", ADA, "bulk access", 200),
    ("GET", OBJECT, None, None, 401),
    ("GET", OBJECT, EVE, None, 403),
    ("POST", OBJECT, EVE, {}, 403),
    ("POST", OBJECT, ADA, "passport", 401),
    ("POST", ACCESS, ADA, "passport", 401),
    ("GET", ACCESS, None, None, 401),
    ("GET", ACCESS, EVE, None, 403),
    ("GET", f"/objects/{FILE}/access/nothing", ADA, None, 404),
    ("GET", "/objects/%zz", ADA, None, 400),
    ("POST", OBJECT, ADA, [], 400),
    ("POST", "/objects", ADA, {}, 400),
    ("POST", "/objects", None, "bulk", 401),
    ("POST", "/objects", ADA, "too many", 413),
    ("OPTIONS", "/objects", None, "too many", 413),
    ("POST", "/objects/access", ADA, "too many accesses", 413),
]


@pytest.fixture(scope="module")
def drs(shared: Path) -> OpenApiFile:
    return OpenApiFile(shared / "conformance" / "openapi" / "drs" / "data_repository_service.openapi.yaml")


@pytest.fixture(scope="module")
def refget(shared: Path) -> OpenApiFile:
    return OpenApiFile(shared / "conformance" / "openapi" / "refget-openapi.yaml")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ASGIApp]:
    folder = tmp_path_factory.mktemp("delivering")
    fasta = folder / "reference.fa"
    fasta.write_text(">one\nACGT\n>two\nGATTACA\n")
    shelf = SequenceShelf(folder / "refget")
    shelf.load(
        fasta, Naming("UCSC", {"one": [Alias("CM1", "INSDC")]}, frozenset({"two"})), lambda _known: None
    )
    service = Service("org.example", "refget", SERVICE_TYPE, Organisation("E", "https://e.org"), "1")
    with delivering(folder) as node:
        node.files.hold(FILE, b"x" * 100_000, datasets=[DATASET], file_format="BAM", name="a/b.bam")
        node.files.hold("GDIF-XX-0000000002", b"y", datasets=[DATASET, OTHER])
        mounts: dict[str, ASGIApp] = {
            BASE_PATH: node.drs_api(),
            BASE: node.download_api(),
            REFGET: RefgetApi(shelf, RefgetProfile(service), base=REFGET),
        }
        yield Edge(gated(Routing(mounts=mounts), PROOFS), clock=FixedClock())


def client_of(app: ASGIApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="https://node.example.org")


@pytest.mark.parametrize(("method", "path", "token", "body", "status"), ASKED)
async def test_an_answer_of_drs_obeys_the_specification(
    app: ASGIApp, drs: OpenApiFile, method: str, path: str, token: str | None, body: Any, status: int
) -> None:
    sent = BODIES[body] if isinstance(body, str) else body
    headers = KEY | (bearer(token) if token else {})
    content = None if sent is None else json.dumps(sent)
    async with client_of(app) as client:
        answer = await client.request(method, BASE_PATH + path, headers=headers, content=content)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert drs.problems(method, drs.template_of(path.partition("?")[0]), status, answer.json()) == []


BROKEN: dict[str, Any] = {
    "no id": lambda told: told.pop("id"),
    "size as text": lambda told: told.update(size="3"),
    "no checksum": lambda told: told.update(checksums=[]),
    "checksum without type": lambda told: told["checksums"][0].pop("type"),
    "unknown access": lambda told: told["access_methods"][0].update(type="sftp"),
    "headers as object": lambda told: told["access_methods"][0]["access_url"].update(headers={}),
    "unknown authorization": lambda told: told["access_methods"][0].update(
        authorizations={"supported_types": ["Magic"]}
    ),
    "contents without names": lambda told: told.update(contents=[{"contents": [{"id": "1"}], "name": "a"}]),
}


@pytest.mark.parametrize("wrong", BROKEN)
async def test_a_wrong_object_is_found_wrong(app: ASGIApp, drs: OpenApiFile, wrong: str) -> None:
    async with client_of(app) as client:
        told = (await client.get(BASE_PATH + OBJECT, headers=bearer(ADA))).json()
    broken = copy.deepcopy(told)
    BROKEN[wrong](broken)
    assert drs.problems("GET", "/objects/{object_id}", 200, told) == []
    assert drs.problems("GET", "/objects/{object_id}", 200, broken)


async def test_a_wrong_service_info_is_found_wrong(app: ASGIApp, drs: OpenApiFile) -> None:
    async with client_of(app) as client:
        told = (await client.get(f"{BASE_PATH}/service-info")).json()
    for member in ("maxBulkRequestLength", "type", "organization", "id"):
        broken = {name: value for name, value in told.items() if name != member}
        assert drs.problems("GET", "/service-info", 200, broken)
    assert drs.problems("GET", "/service-info", 200, told | {"drs": {}})
    assert drs.problems("GET", "/service-info", 302, told)


REFGET_ASKED = [
    ("/sequence/service-info", {}, 200),
    (f"/sequence/{MD5}/metadata", {}, 200),
    (f"/sequence/{MD5}", {}, 200),
    (f"/sequence/{MD5}?start=1&end=3", {}, 200),
    (f"/sequence/{MD5}", {"Range": "bytes=0-1"}, 206),
    (f"/sequence/{MD5}?start=3&end=1", {}, 416),
    (f"/sequence/{MD5}?start=x", {}, 400),
    ("/sequence/nothing", {}, 404),
    ("/sequence/nothing/metadata", {}, 404),
]


@pytest.mark.parametrize(("path", "headers", "status"), REFGET_ASKED)
async def test_an_answer_of_refget_obeys_the_specification(
    app: ASGIApp, refget: OpenApiFile, path: str, headers: dict[str, str], status: int
) -> None:
    async with client_of(app) as client:
        answer = await client.get(REFGET + path, headers=headers)
    assert answer.status_code == status
    body = answer.json() if "json" in answer.headers["content-type"] else answer.text
    assert refget.problems("GET", refget.template_of(path.partition("?")[0]), status, body) == []


async def test_wrong_answers_of_refget_are_found_wrong(app: ASGIApp, refget: OpenApiFile) -> None:
    async with client_of(app) as client:
        info = (await client.get(f"{REFGET}/sequence/service-info")).json()
        metadata = (await client.get(f"{REFGET}/sequence/{MD5}/metadata")).json()
    for member in ("id", "md5", "length", "aliases"):
        broken = {name: value for name, value in metadata["metadata"].items() if name != member}
        assert refget.problems("GET", "/sequence/{id}/metadata", 200, {"metadata": broken})
    metadata["metadata"]["aliases"][0].pop("naming_authority")
    assert refget.problems("GET", "/sequence/{id}/metadata", 200, metadata)
    info["refget"].pop("algorithms")
    assert refget.problems("GET", "/sequence/service-info", 200, info)


def fuzzed(app: ASGIApp, file: OpenApiFile, base: str) -> Any:
    """The API with its specification beside it, where the fuzzer looks for it."""
    document = file.document | {"servers": [{"url": base}]}

    async def tell(_request: Request) -> JSONResponse:
        return JSONResponse(json.loads(json.dumps(document, default=str)))

    return schemathesis.openapi.from_asgi(
        "/openapi.json", Starlette(routes=[Route("/openapi.json", tell), Mount("/", app)])
    )


@pytest.mark.parametrize(("name", "base", "known"), [("drs", BASE_PATH, FILE), ("refget", REFGET, MD5)])
def test_no_generated_request_breaks_the_service(
    app: ASGIApp, request: pytest.FixtureRequest, name: str, base: str, known: str
) -> None:
    schema = fuzzed(app, request.getfixturevalue(name), base)
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) >= 3
    for operation in operations:
        _fuzz(operation, known)


def _fuzz(operation: Any, known: str) -> None:
    @given(case=operation.as_strategy() | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
    @settings(max_examples=12, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def answers(case: Any) -> None:
        for object_id in (None, known):  # what is there is asked too, or nobody gets past the door
            if object_id and case.path_parameters:
                case.path_parameters |= {
                    key: object_id for key in ("object_id", "id") if key in case.path_parameters
                }
            answer = case.call(headers=bearer(ADA) | KEY)
            assert answer.status_code < 500, (operation.label, answer.text)

    answers()
