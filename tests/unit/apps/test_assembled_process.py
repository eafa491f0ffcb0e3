"""A process is assembled from parts of features: one edge, one health board, one data directory."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from tests.unit.kernel.http.asgi_call import call

from opengdi.apps.process import Part, alone_in, assemble, listening_addresses
from opengdi.apps.settings import Settings
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.errors import Conflict, NotFound
from opengdi.kernel.health import Finding, Probe
from opengdi.kernel.http.faults import Fault


async def hello(_request):
    return PlainTextResponse("hello")


async def api(scope, receive, send):
    raise NotFound("nobody")


def short(fault: Fault) -> tuple[bytes, bytes]:
    return b"text/plain", b"not here"


PARTS = (
    Part(routes=[Route("/hello", hello)], probes=[Probe("one", Finding)]),
    Part(mounts={"/api": api}, shapes={"/api": short}, probes=[Probe("two", Finding)]),
)


@pytest.fixture
def process():
    return assemble("node", Settings(), FixedClock(), PARTS)


async def test_routes_mounts_and_error_shapes_of_all_parts_are_served(process):
    assert (await call(process.public, "/hello")).body == b"hello"
    assert (await call(process.public, "/api/x")).body == b"not here"
    assert (await call(process.public, "/other")).json["status"] == 404


async def test_the_probes_of_all_parts_are_looked_at_and_their_requests_counted(process):
    await call(process.public, "/hello")
    ready = await call(process.management, "/health/ready")
    assert ready.json["subsystems"].keys() == {"one", "two"}
    assert b'route="/hello"' in (await call(process.management, "/metrics")).body


async def test_the_limits_are_those_of_the_settings():
    settings = Settings.model_validate({"limits": {"body_bytes": 1024}})
    process = assemble("node", settings, FixedClock(), PARTS)
    refused = await call(process.public, "/hello", "POST", [("content-length", "1025")])
    assert refused.status == 413


def test_parts_are_closed_last_one_first():
    closed: list[str] = []
    parts = [Part(close=lambda name=name: closed.append(name)) for name in ("first", "second")]
    assemble("node", Settings(), FixedClock(), parts).close()
    assert closed == ["second", "first"]


def test_a_data_directory_is_served_by_one_process(tmp_path: Path):
    with (
        alone_in(tmp_path / "data"),
        pytest.raises(Conflict, match="another process"),
        alone_in(tmp_path / "data"),
    ):
        pass
    with alone_in(tmp_path / "data"):
        pass


def test_asking_where_nothing_listens_is_told_so(tmp_path: Path):
    with pytest.raises(NotFound, match=r"listening\.json"):
        listening_addresses(tmp_path)
