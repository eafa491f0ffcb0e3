"""`gdi case` at a node that listens: members of a body list, read and decide in their own names from a terminal."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import uvicorn
from starlette.types import Scope
from tests.contract.test_access_cases import CASE, Committee
from tests.sqlite import migrated_engine
from tests.unit.access.cases.deliberation import ALL_GOOD, MEMBERS, A, B, offer_json
from typer.testing import CliRunner

from opengdi.access.cases.api import case_routes
from opengdi.apps.cli import app
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.errors import Conflict, Invalid, NotAuthenticated, NotFound, NotPermitted, Unavailable
from opengdi.kernel.http.edge import Edge, Limits
from opengdi.kernel.http.routing import Routing
from opengdi.kernel.principal import Principal

Run = Callable[..., str]


@pytest.fixture
def committee(tmp_path: Path) -> Iterator[Committee]:
    engine = migrated_engine(tmp_path / "state.sqlite")
    found = Committee(engine, FixedClock(datetime(2026, 6, 1, 9, tzinfo=UTC)))
    found.hear("case.offered", offer_json())
    yield found
    engine.dispose()


@pytest.fixture
def address(committee: Committee) -> Iterator[str]:
    """Where the node listens; a token is the name of whose it is."""

    def identify(scope: Scope) -> Principal:
        token = dict(scope["headers"]).get(b"authorization", b"").decode().removeprefix("Bearer ")
        if token not in MEMBERS:
            raise NotAuthenticated("the token is nobody's")
        return committee.person(token)

    routing = Routing(case_routes(committee.service, identify))
    edge = Edge(routing, clock=committee.clock, limits=Limits(100_000))
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(edge, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


@pytest.fixture
def gdi(address: str) -> Run:
    """Runs `gdi case` as somebody; what it printed. Raises what the command raises."""

    def run(who: str, *words: str) -> str:
        env = {"GDI_TOKEN": who, "GDI_CASE_TO": address}
        result = CliRunner().invoke(app, ["case", *words], env=env, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    return run


def test_a_body_decides_from_terminals(gdi: Run, committee: Committee, tmp_path: Path) -> None:
    assert gdi("one", "list").split("\t")[0] == CASE
    assert gdi("one", "list").rstrip().endswith("waits for you")
    assert gdi("ethicist", "list", "--waiting") == ""
    shown = json.loads(gdi("one", "show", CASE))
    assert shown["offer"] == offer_json()
    assert "declare-interest" in shown["permitted"]

    for who in MEMBERS:
        if who != "stranger":
            gdi(who, "do", CASE, "declare-interest", "--say", "conflict=false")
    checks, decision = tmp_path / "checks.json", tmp_path / "decision.json"
    checks.write_text(json.dumps(ALL_GOOD))
    assert (
        gdi("one", "do", CASE, "check-conformity", "--body", str(checks)) == f"done\t{CASE}\tethics-check\n"
    )
    gdi("ethicist", "do", CASE, "check-ethics", "--say", "outcome=cleared")
    gdi("ncp", "do", CASE, "give-opinion", "--say", "favours=true")
    for who in ("one", "two"):
        gdi(who, "do", CASE, "cast-ballot", "--say", "vote=grant")
    rulings = [{"dataset": each, "granted": each == A, "reasons": "as asked"} for each in (A, B)]
    decision.write_text(json.dumps({"datasets": rulings}))
    told = json.loads(gdi("chair", "do", CASE, "decide", "--body", str(decision), "--json"))
    assert {each["dataset"]: each["granted"] for each in told["decision"]["datasets"]} == {A: True, B: False}
    assert "decided" in {kind for kind, _ in committee.told}
    (line,) = json.loads(gdi("one", "list", "--json"))
    assert (line["id"], line["state"], line["waitsForMe"]) == (CASE, told["state"], False)


def test_a_dry_run_says_whether_it_would_work_and_does_nothing(gdi: Run, committee: Committee) -> None:
    before = committee.state()
    said = gdi("one", "do", CASE, "declare-interest", "--say", "conflict=false", "--dry-run")
    assert said == f"would be possible\t{CASE}\t{before}\n"
    assert json.loads(gdi("one", "show", CASE))["interests"] == {}
    assert committee.state() is before


def test_text_is_said_as_it_is_and_a_token_is_read_from_a_file(gdi: Run, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("one\n")
    said = ("do", CASE, "remark", "--text", "vote=grant?", "--token-file", str(token))
    gdi("", *said)
    assert "vote=grant?" in gdi("one", "show", CASE)


@pytest.mark.parametrize(
    "who, words, error",
    [
        ("one", ("do", CASE, "check-conformity", "--say", 'criteria={"funding": true}'), Conflict),
        ("one", ("do", CASE, "veto", "--text", "no"), NotPermitted),
        ("one", ("do", CASE, "conquer"), NotFound),
        ("one", ("do", CASE, "remark", "--say", "text"), Invalid),
        ("one", ("do", CASE, "remark", "--say", "colour=red"), Invalid),
        ("one", ("do", CASE, "remark", "--body", "/no/such.json"), Invalid),
        ("one", ("list", "--state", "asleep"), Invalid),
        ("one", ("show", "GDIA-9999999999.ee.dac"), NotFound),
        ("stranger", ("show", CASE), NotFound),
        ("thief", ("list",), NotAuthenticated),
        ("", ("list",), Invalid),
        ("one", ("list", "--to", "http://127.0.0.1:9"), Unavailable),
    ],
)
def test_what_cannot_be_done_is_said_as_an_error_of_its_kind(
    gdi: Run, committee: Committee, who: str, words: tuple[str, ...], error: type[Exception]
) -> None:
    before = json.loads(gdi("one", "show", CASE))
    with pytest.raises(error):
        gdi(who, *words)
    assert json.loads(gdi("one", "show", CASE)) == before
