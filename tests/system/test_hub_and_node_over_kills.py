"""Real processes: applications of a hub reach the body of a node and come back decided, however often the hub dies."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from sqlalchemy import func, select
from tests.applications_kit import OFFICIAL, PDF, RESEARCHER, TERMS, People, full_answers
from tests.system.ports import free_port
from tests.system.serving import serving, typed

from opengdi.access.applications import commands
from opengdi.access.applications.content import WireAnswer
from opengdi.access.applications.model import Command
from opengdi.access.ledger import access_events
from opengdi.apps.access_wire import open_hub_wire
from opengdi.apps.applications import applications_at_hub
from opengdi.apps.hub import open_state
from opengdi.apps.settings_file import load_settings
from opengdi.kernel.clock import SystemClock
from opengdi.kernel.database import open_engine, reading
from opengdi.kernel.outbox import outbox
from opengdi.kernel.principal import Principal, Tier

APPLICATIONS = 12
DATASET = "GDI-EE-A-1"
TOPICS = {"topics": ["health"]}
UNTIL = (datetime.now(UTC) + timedelta(days=200)).date().isoformat()


def gdi(*arguments: object) -> str:
    return typed(*arguments).strip()


def found_both(root: Path, port: int) -> None:
    """Settings, keys and the signed registry. The holder of the dataset lets machines decide."""
    for name in ("hub", "node"):
        (root / name).mkdir()
    hub, node = root / "hub" / "gdi.toml", root / "node" / "gdi.toml"
    hub.write_text('[hub]\nid = "eu.hub"\n')
    hub_key = gdi("hub", "key", "--config", hub)
    node.write_text(
        '[node]\nid = "ee.node"\ncountry = "EE"\n'
        f'[[federation.hubs]]\nid = "eu.hub"\nurl = "http://127.0.0.1:{port}"\npublic_keys = [\'{hub_key}\']\n'
        '[[requests.bodies]]\nid = "ee.dac"\ncountry = "EE"\n'
        f'[[requests.conditions]]\ndataset = "{DATASET}"\nduo = ["DUO:0000042"]\n'
        f'[requests.permits]\nautomatic = ["{DATASET}"]\n'
    )
    body_key = gdi("case", "key", "ee.dac", "--config", node)
    hub.write_text(
        '[hub]\nid = "eu.hub"\n'
        f'[[requests.datasets]]\ndataset = "{DATASET}"\nversion = "1"\nnode = "ee.node"\nbody = "ee.dac"\n'
        f'[[requests.bodies]]\nid = "ee.dac"\nnode = "ee.node"\npublic_keys = [\'{body_key}\']\n'
        f'[[requests.applications.terms]]\nid = "{TERMS.id}"\ntitle = "{TERMS.title}"\nurl = "{TERMS.url}"\n'
    )
    key = root / "node.jwk"
    key.write_text(gdi("node", "key", "--config", node))
    gdi(
        "registry", "add", "ee.af", "--url", "http://127.0.0.1:9/beacon/aggregated/v2", "--member", "ee.node",
        "--country", "EE", "--network", "aggregated", "--key", key, "--name", "Node", "--config", hub,
    )  # fmt: skip
    gdi("registry", "sign", "--config", hub)


def person(subject: str) -> Principal:
    return Principal(subject, Tier.REGISTERED, logged_in=True)


def submit_all(config: Path) -> list[str]:
    """Applications, submitted and confirmed, in the order of their submission."""
    with open_state(load_settings(config, {}), SystemClock()) as state:
        wire = open_hub_wire(state, list)
        desk = applications_at_hub(state, lambda _scope: person(RESEARCHER), wire, People())
        return [submit(desk, number) for number in range(APPLICATIONS)]


def submit(desk: object, number: int) -> str:
    applications = desk.applications  # type: ignore[attr-defined]
    who = person(RESEARCHER)
    wanted = commands.Create([commands.Wanted(DATASET)], title=f"Study {number}")
    id_ = applications.create(who, wanted).application.id
    file = asyncio.run(desk.desk.store.keep("a.pdf", PDF, RESEARCHER))  # type: ignore[attr-defined]
    applications.attach(who, id_, file, "a.pdf")
    answers = [WireAnswer(**answer) for answer in full_answers(file.id)]
    applications.do(who, id_, Command.SAVE_DRAFT, commands.Save(answers=answers, until=UNTIL, duo=TOPICS))
    applications.do(who, id_, Command.ACCEPT_TERMS, commands.OfTerms([TERMS.id]))
    applications.do(who, id_, Command.SUBMIT, commands.Body())
    applications.do(person(OFFICIAL), id_, Command.CONFIRM, commands.Noted())
    return str(id_)


class Looking:
    """Reads a database of a process that serves."""

    def __init__(self, data_dir: Path) -> None:
        self.engine = open_engine(data_dir / "state.sqlite")

    def streams(self, kind: str) -> list[str]:
        query = select(access_events.c.stream).where(access_events.c.kind == kind)
        with reading(self.engine) as connection:
            return list(connection.scalars(query.order_by(access_events.c.position)))

    def untold(self) -> int:
        query = select(func.count()).where(outbox.c.destination == "eu.hub")
        with reading(self.engine) as connection:
            return connection.scalar(query) or 0


def until(condition: Callable[[], bool], within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_nothing_is_lost_and_order_is_kept_though_the_hub_is_killed(tmp_path: Path) -> None:
    port = free_port()
    found_both(tmp_path, port)
    hub_config, node_config = tmp_path / "hub" / "gdi.toml", tmp_path / "node" / "gdi.toml"
    submitted = submit_all(hub_config)
    hub_data, node_data = tmp_path / "hub" / "hub-data", tmp_path / "node" / "data"
    with serving("node", node_config, node_data) as node:
        at_node, at_hub = Looking(node_data), Looking(hub_data)
        health = httpx.get(f"{node.management}/health/ready").json()
        assert "hub-feed" in json.dumps(health)
        for least in (1, 5):  # killed as soon as something has come back
            with serving("hub", hub_config, hub_data, GDI_PUBLIC__PORT=str(port)) as hub:
                until(lambda least=least: len(at_hub.streams("case-decided")) >= least)  # type: ignore[misc]
                hub.process.kill()
                hub.process.wait()
            (hub_data / "listening.json").unlink(missing_ok=True)
        with serving("hub", hub_config, hub_data, GDI_PUBLIC__PORT=str(port)):
            until(lambda: len(at_hub.streams("case-decided")) >= APPLICATIONS)
            until(lambda: at_node.untold() == 0)
    cases = [f"case:{id_}.ee.dac" for id_ in submitted]
    assert at_node.streams("opened") == cases
    assert at_node.streams("decided") == cases
    decided = at_hub.streams("case-decided")
    assert decided == [f"application:{id_}" for id_ in submitted], "once each, in order"
