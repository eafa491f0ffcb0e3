"""Records of people through the hub: from the node that granted them, and not from those that did not.

Three real nodes and a hub. One granted, one refused, one granted and took it back; and a member that listens to what
the hub shows it, to use it elsewhere.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console

from opengdi.apps.demo.access_walk import AccessWalk
from opengdi.apps.demo.cohorts import Country, write_collection
from opengdi.apps.demo.federation import Federation, Site, found_federation
from opengdi.apps.demo.telling import Teller
from opengdi.kernel.keys import SigningKey
from opengdi.standards.jws import read_compact

GRANTING = Country("EE", "Estonia", "DEMOBANK", 150)
REFUSING = Country("NL", "Netherlands", "DEMOHEART", 140)
REVOKING = Country("PT", "Portugal", "DEMOCARE", 130)
COUNTRIES = (GRANTING, REFUSING, REVOKING)
WOMEN = [{"id": "NCIT:C16576", "scope": "individual"}]
TELLS = {GRANTING: 2, REFUSING: 1, REVOKING: 0}
"""What each tells registered people who hold no visa: how many, whether any, nothing."""


class Listener:
    """A member of the network that answers nothing, and keeps what it was shown."""

    def __init__(self) -> None:
        self.shown: list[Mapping[str, str]] = []
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                listener.shown.append({name.lower(): value for name, value in self.headers.items()})
                self.send_response(503)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", "0")))
                self.do_GET()

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    @contextmanager
    def listening(self) -> Iterator[None]:
        thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.server.shutdown()
            self.server.server_close()
            thread.join()

    def passports(self) -> list[str]:
        bearers = (each.get("authorization", "") for each in self.shown)
        return [each.removeprefix("Bearer ") for each in bearers if each]


@dataclass
class World:
    federation: Federation
    walk: AccessWalk
    listener: Listener
    before: Any = field(default=None)
    """What the hub answered before the third country took its grant back."""

    def node(self, country: Country) -> Site:
        return self.federation.nodes[country.code]

    def ask(self) -> Any:
        token = self.walk.researcher.token()
        query = {
            "filters": WOMEN,
            "requestedGranularity": "record",
            "includeResultsetResponses": "ALL",
            "pagination": {"limit": 1000},
        }
        answer = httpx.post(
            f"{self.federation.network}/individuals",
            json={"query": query},
            headers={"authorization": f"Bearer {token}"},
            timeout=30,
        )
        assert answer.status_code == 200, answer.text
        return answer.json()


def sets_of(found: Any) -> dict[str, Any]:
    return {each["id"]: each for each in found["response"]["resultSets"]}


def records_of(found: Any, country: Country) -> list[Any]:
    return sets_of(found).get(country.dataset, {}).get("results") or []


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("records")
    listener = Listener()
    with ExitStack() as stack:
        stack.enter_context(listener.listening())
        federation = found_federation(folder, COUNTRIES)
        for country in COUNTRIES:
            release = write_collection(country, folder / "collections" / country.code)
            with release.open("a") as file:
                file.write(f"\n[disclosure]\nk_individuals = 5\ntells_registered = {TELLS[country]}\n")
            federation.nodes[country.code].gdi("dataset", "load", str(release), "--workers", "1")
            federation.nodes[country.code].gdi("dataset", "publish", country.dataset)
        join(federation, listener, folder)
        stack.enter_context(federation)
        for site in federation.sites:  # one after the other, on whatever machine this is
            federation.start_one(site)
        tell = Teller(Console(file=StringIO()))
        walk = AccessWalk(tell, federation, folder, GRANTING, REFUSING, REVOKING)
        walk.run()
        world = World(federation, walk, listener)
        world.before = world.ask()
        walk.revoke(REVOKING, lambda: bool(records_of(world.ask(), REVOKING)))
        yield world


def join(federation: Federation, listener: Listener, folder: Path) -> None:
    """The listener becomes a member with a key, of which the hub's broker knows: it is shown passports."""
    hub, key = federation.hub, folder / "listener.jwk"
    key.write_text(json.dumps(SigningKey.generate().public.as_jwk()))
    with hub.config.open("a") as file:
        file.write(f'\n[[identity.broker.nodes]]\nid = "xx.listener"\nurl = "{listener.url}"\n')
    hub.gdi(
        "registry", "add", "xx.listener.sl", "--url", f"{listener.url}/beacon", "--member", "xx.listener",
        "--country", "SE", "--network", "individuals", "--key", str(key), "--name", "Listener",
    )  # fmt: skip
    hub.gdi("registry", "sign")


def test_records_come_from_the_nodes_that_granted_them(world: World) -> None:
    for country in (GRANTING, REVOKING):
        found = sets_of(world.before)[country.dataset]
        assert len(found["results"]) == found["resultsCount"] > 20
        assert {each["sex"]["id"] for each in found["results"]} == {"NCIT:C16576"}
        assert found.get("info", {}).get("countPrecision", "exact") == "exact"


def test_of_the_node_that_refused_it_is_told_whether_there_are_any(world: World) -> None:
    found = sets_of(world.before)[REFUSING.dataset]
    assert found["exists"] is True
    assert not found.get("results")
    assert not found.get("resultsCount")


def test_of_the_node_that_took_its_grant_back_nothing_comes_any_more(world: World) -> None:
    found = world.ask()
    assert records_of(found, GRANTING)
    assert not sets_of(found).get(REVOKING.dataset, {}).get("exists")
    assert REVOKING.dataset in json.dumps(found["info"]), "it is said that something was refused"


def test_somebody_whom_nobody_vetted_is_not_answered_at_all(world: World) -> None:
    headers = {"authorization": f"Bearer {world.walk.visitor.token()}"}
    answer = httpx.post(f"{world.federation.network}/individuals", json={}, headers=headers, timeout=30)
    assert answer.status_code == 403, answer.text


def test_a_member_is_shown_a_passport_that_names_it_alone_and_no_visa_of_another(world: World) -> None:
    world.ask()
    passports = world.listener.passports()
    assert passports, "the listener was shown nothing: the test would prove nothing"
    for each in passports:
        claims = json.loads(read_compact(each).payload)
        assert claims["aud"] in (world.listener.url, [world.listener.url])
        issuers = {json.loads(read_compact(visa).payload)["iss"] for visa in claims["ga4gh_passport_v1"]}
        assert issuers == {world.federation.hub.url}
        assert claims["exp"] - claims["iat"] <= 300


def test_what_a_member_was_shown_is_useless_at_another_one_and_at_the_hub(world: World) -> None:
    world.ask()
    shown = next(each for each in reversed(world.listener.shown) if "authorization" in each)
    replayed = [{name: shown[name] for name in ("authorization", "gdi-peer") if name in shown}]
    replayed += [{name: value} for name, value in replayed[0].items()]
    assert len(replayed) == 3, "both the passport and the hub's word were shown"
    for headers in replayed:
        for country in COUNTRIES:
            address = f"{world.node(country).url}/beacon/individuals/v2/individuals"
            assert httpx.get(address, headers=headers, timeout=30).status_code == 401
    bearer = {"authorization": shown["authorization"]}
    for path in ("/login/me", "/oidc/userinfo", "/access/v1/applications"):
        assert httpx.get(world.federation.hub.url + path, headers=bearer).status_code == 401


def test_a_token_for_one_node_is_useless_at_the_others_and_at_the_hub(world: World) -> None:
    researcher = world.walk.researcher
    token = {"authorization": f"Bearer {researcher.token(world.node(GRANTING).url, fresh=True)}"}
    beacon = "/beacon/individuals/v2/individuals"
    asked = f"{world.node(GRANTING).url}{beacon}?requestedGranularity=record"
    here = httpx.get(asked, headers=token, timeout=30)
    assert here.status_code == 200, here.text
    assert here.json()["response"]["resultSets"][0]["results"], (
        "the node itself tells records by the same visa"
    )
    for country in (REFUSING, REVOKING):
        assert httpx.get(world.node(country).url + beacon, headers=token, timeout=30).status_code == 401
    assert (
        httpx.post(f"{world.federation.network}/individuals", json={}, headers=token, timeout=30).status_code
        == 401
    )


def test_who_asked_for_whom_is_in_the_chains_by_ids_and_no_token_is_in_a_log(world: World) -> None:
    for site in world.federation.sites:
        log = site.log.read_text()
        assert "eyJ" not in log
        assert "Researcher One" not in log
