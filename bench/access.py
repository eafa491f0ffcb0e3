"""10,000 applications of 25 events on SQLite: a page of a list, and one application, as its applicant gets them.

`access.list` and `access.open` are measured at the service with everything that a request does behind the HTTP layer:
reading and folding the events, texts, forms, what is permitted, encoding. `…_over_http` are the same questions asked of
a serving process over a socket, one after the other. Applicants have ten applications each; a body is concerned by all.
"""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import insert

from bench.asking import Asked, ask
from opengdi.access.applications.model import Application
from opengdi.access.applications.service import Applications, Around
from opengdi.access.applications.story import APPLICATIONS, body_mark
from opengdi.access.applications.view import Views
from opengdi.access.forms.library import FormLibrary, builtin_forms
from opengdi.access.ledger import Ledger, access_concerned, access_events, access_heads
from opengdi.access.model import AskedDataset, Event
from opengdi.access.ports import Standing
from opengdi.access.rems.people import People
from opengdi.access.rems.service import Page, Rems
from opengdi.access.rems.shapes import Shapes
from opengdi.access.rems.things import Things
from opengdi.access.texts import Texts, access_texts
from opengdi.apps.migrations import migrate
from opengdi.kernel.clock import SystemClock
from opengdi.kernel.database import open_engine
from opengdi.kernel.principal import Duty, Principal, Role, Tier

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from bench.__main__ import Figure

EVENTS = 25
REMS_LINES = 100
NOW = datetime(2026, 11, 29, tzinfo=UTC)
DATASETS = (
    AskedDataset("GDI-EE-A-1", "1", "ee.node", "ee.dac"),
    AskedDataset("GDI-FI-A-1", "1", "fi", "fi.dac"),
)
MEMBER = Principal(
    "dac", Tier.REGISTERED, duties=frozenset({Duty(Role.DAC_MEMBER, "ee.dac")}), logged_in=True
)
MINDER = Principal("minder", Tier.REGISTERED, duties=frozenset({Duty(Role.COORDINATOR)}), logged_in=True)


class _Nobody:
    """Standings and datasets, of which there are none to look up here."""

    def of(self, subject: str) -> Standing:
        return Standing(subject, "uni", may_request=True)

    def append(self, *_: object, **__: object) -> int:
        return 0

    def find(self, *_: object) -> None:
        return None

    def all(self) -> tuple[()]:
        return ()


def figures(*, quick: bool) -> list[Figure]:
    """`access.list` and `access.open` in milliseconds, at the service and over HTTP."""
    number = 300 if quick else 10_000
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(Path(folder) / "state.sqlite")
        migrate(engine)
        desk, views = desk_over(engine)
        _fill(engine, desk, number)
        rounds = 50 if quick else 400
        chosen = random.Random(1)
        mine = _times(rounds, lambda: _list(desk, views, _applicant(chosen.randrange(number)), None))
        every = _times(rounds, lambda: _list(desk, views, MEMBER, body_mark("ee.dac")))
        page, rems = Page(REMS_LINES), _rems(engine, desk)
        rems_page = _times(rounds, lambda: msgspec.json.encode(rems.all(MINDER, page).lines))
        opened = _times(rounds, lambda: _open(desk, views, chosen.randrange(number)))
        engine.dispose()
        over_http = _over_http(Path(folder) / "state.sqlite", number, seconds=1.0 if quick else 5.0)
    return [
        *_figures("access.list", [*mine, *every]),
        *_figures("access.list_of_body", every),
        *_figures("access.open", opened),
        *_figures("access.rems_page", rems_page),
        *over_http,
    ]


def _over_http(file: Path, number: int, *, seconds: float) -> list[Figure]:
    """The same questions over a socket, each of another person's in turn."""
    chosen = random.Random(2)
    lists, opened = "/access/v1/applications?limit=50", "/access/v1/applications/"
    people = [chosen.randrange(number) for _ in range(200)]
    questions = {
        "access.list_over_http": [
            each
            for one in people
            for each in (_get(lists, _applicant(one).subject), _get(lists, MEMBER.subject))
        ],
        "access.open_over_http": [_get(f"{opened}{_name(one)}", _applicant(one).subject) for one in people],
    }
    command = [sys.executable, "-m", "bench.access_server", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            url = f"http://127.0.0.1:{int(process.stdout.readline())}"
            return [
                figure
                for name, asked in questions.items()
                for figure in _of_answers(name, ask(url, asked, clients=1, seconds=seconds))
            ]
        finally:
            process.terminate()


def _of_answers(name: str, told: Asked) -> list[Figure]:
    assert told.refused == 0, told.statuses
    return _figures(name, [1000 * latency for latency in told.latencies])


def _get(path: str, who: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nhost: bench\r\nx-person: {who}\r\n\r\n".encode()


def _figures(name: str, times: list[float]) -> list[Figure]:
    cuts = statistics.quantiles(times, n=100)
    return [_one(name, "ms p50", cuts[49]), _one(f"{name}_p99", "ms p99", cuts[98])]


def _one(name: str, unit: str, value: float) -> Figure:
    return {"name": name, "value": value, "unit": unit, "peer": None, "peer_value": None, "ratio": None}


def _times(rounds: int, ask: Callable[[], object]) -> list[float]:
    ask()
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        ask()
        times.append(1000 * (time.perf_counter() - began))
    return times


def _applicant(number: int) -> Principal:
    return person(f"person-{number // 10}")


def person(subject: str) -> Principal:
    return Principal(subject, Tier.REGISTERED, logged_in=True)


def _list(desk: Applications, views: Views, asker: Principal, mark: str | None) -> bytes:
    found = desk.around.ledger.list(APPLICATIONS, concerning={mark or asker.subject}, most=50)
    assert found.lines
    return msgspec.json.encode(views.lines(found.lines, asker))


def _open(desk: Applications, views: Views, number: int) -> bytes:
    state, roles = desk.seen(_applicant(number), _name(number))
    assert state.events == EVENTS
    return msgspec.json.encode(views.whole(state, roles))


def _rems(engine: Engine, desk: Applications) -> Rems:
    things = Things(engine)
    people = People(engine, things, lambda: "")
    return Rems(desk, things, people, Shapes(desk.around, things, people))


def desk_over(engine: Engine) -> tuple[Applications, Views]:
    nobody: Any = _Nobody()
    texts, forms, clock = Texts(engine), FormLibrary(engine, builtin_forms()), SystemClock()
    names = count()
    around = Around(
        ledger=Ledger(engine, clock, nobody),
        clock=clock,
        texts=texts,
        forms=forms,
        standings=nobody,
        datasets=nobody,
        new_name=lambda: _name(next(names)),
        new_id=lambda: "",
        code_of=lambda _: "",
        hub="hub",
        central_body="eu.dac",
    )
    return Applications(around), Views(texts, forms)


def _name(number: int) -> str:
    return f"GDIA-{number:010d}"


def _fill(engine: Engine, desk: Applications, number: int) -> None:
    """Rows as the ledger would write them, in batches: what is measured is reading."""
    versions = [{"form": form.id, "version": form.version} for form in desk.around.forms.current("research")]
    content = _content()
    for first in range(0, number, 500):
        rows: dict[str, list[dict[str, Any]]] = {"events": [], "heads": [], "concerned": [], "texts": []}
        for one in range(first, min(first + 500, number)):
            _add(rows, one, versions, content)
        with engine.begin() as connection:
            connection.execute(insert(access_events), rows["events"])
            connection.execute(insert(access_heads), rows["heads"])
            connection.execute(insert(access_concerned), rows["concerned"])
            connection.execute(insert(access_texts), rows["texts"])


def _content() -> str:
    prose = "What is done with the data, and why. " * 30
    answers = [
        {"form": form.id, "field": field.id, "value": prose}
        for form in builtin_forms()
        for field in form.fields
        if field.type in {"text", "texta"}
    ]
    return msgspec.json.encode({"title": "Rare variants", "purpose": "research", "answers": answers}).decode()


def _add(rows: dict[str, list[dict[str, Any]]], number: int, versions: list[Any], content: str) -> None:
    stream, person = f"application:{_name(number)}", _applicant(number).subject
    kinds = _history(number, person, versions)
    assert len(kinds) == EVENTS
    events = [
        Event(stream, at, kind, NOW, actor, data) for at, (kind, actor, data) in enumerate(kinds, start=1)
    ]
    state: Application = APPLICATIONS.fold(events)
    assert state.state == "under-review", state.state
    head = APPLICATIONS.head(state)
    rows["events"] += [
        {
            "stream": stream,
            "number": event.number,
            "kind": event.kind,
            "at": NOW,
            "actor": event.actor,
            "form": 1,
            "data": msgspec.json.encode(event.data).decode(),
        }
        for event in events
    ]
    rows["heads"].append(
        {
            "stream": stream,
            "story": "application",
            "state": head.state,
            "events": EVENTS,
            "created_at": NOW,
            "changed_at": NOW,
            "summary": msgspec.json.encode(head.summary).decode(),
        }
    )
    rows["concerned"] += [{"who": who, "stream": stream} for who in head.concerned]
    for id_, body in ((f"c{number}", content), (f"t{number}", "Rare variants"), (f"q{number}", "Why?")):
        rows["texts"].append({"id": id_, "stream": stream, "about": person, "body": body})


def _history(number: int, person: str, versions: list[Any]) -> list[tuple[str, str, dict[str, Any]]]:
    saved = {
        "purpose": "research",
        "content": f"c{number}",
        "title": f"t{number}",
        "digest": "d",
        "until": "2030-01-01",
        "forms": versions,
    }
    datasets = msgspec.to_builtins(DATASETS)
    cases = [
        {"case": f"{_name(number)}.{one['body']}", "kind": "decide", **one, "datasets": [one]}
        for one in datasets
    ]
    opened = [{key: case[key] for key in ("case", "kind", "node", "body", "datasets")} for case in cases]
    first = opened[0]["case"]
    return [
        ("created", person, {**saved, "organisation": "uni", "datasets": datasets}),
        *[("draft-saved", person, {**saved, "digest": str(turn)}) for turn in range(8)],
        ("member-invited", person, {"invitation": {"id": "i", "until": NOW.isoformat(), "subject": "m"}}),
        ("member-joined", "m", {"invitation": "i", "organisation": "uni"}),
        ("terms-accepted", person, {"terms": ["use-1"]}),
        ("terms-accepted", "m", {"terms": ["use-1"]}),
        ("attachment-added", person, {"attachment": _file(number, 1)}),
        ("attachment-added", person, {"attachment": _file(number, 2)}),
        ("submitted", person, {"digest": "v", "organisation": "uni"}),
        ("confirmed", "official", {}),
        ("cases-opened", "official", {"opened": opened, "withdrawn": [], "told": []}),
        *[
            ("case-changed", "ee.node", {"case": first, "state": f"s{turn}", "clock": {}})
            for turn in range(4)
        ],
        (
            "case-asked",
            "ee.node",
            {"asked": {"id": "a", "case": first, "kind": "question", "text": f"q{number}"}},
        ),
        ("answered", person, {"case": first, "answers": "a", "text": f"q{number}"}),
        ("case-changed", "ee.node", {"case": first, "state": "voting", "clock": {}}),
    ]


def _file(number: int, which: int) -> dict[str, Any]:
    return {
        "id": f"f{number}-{which}",
        "name": f"t{number}",
        "sha256": "0" * 64,
        "size": 1,
        "media_type": "application/pdf",
        "by": "m",
    }
