"""Somebody asks to be forgotten: nothing that they wrote or that names them is left, at the hub or at any node."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest
from psycopg import sql
from tests.applications_kit import UNTIL, full_answers
from tests.system.browser import Browser
from tests.system.foreign_providers import fill_in

from opengdi.access.cases.model import Criterion
from opengdi.apps.demo.access_walk import Onboarding
from opengdi.apps.demo.cohorts import COUNTRIES, Country
from opengdi.apps.demo.federation import Federation, Site, found_federation
from opengdi.apps.demo.person import Person
from opengdi.apps.demo.printed import pdf_page
from opengdi.kernel.errors import GdiError

EE, NL = COUNTRIES[:2]
COHORT = "GDI-EU-COHORT-1"
PEOPLE = (
    "researcher-one",
    "signing-official",
    "onboarding-operator",
    "ee-dac-member",
    "ee-dac-chair",
    "nl-dac-member",
)
WORDS = ("Quagga title", "Quagga summary", "Quagga file", "Quagga answer", "Quagga remark", "Quagga question")
"""What is written in the application, by the applicant and to them."""

INTERNAL = "Quagga doubts"
"""What a committee says of the applicant among itself."""

NAMES = ("Researcher One", "researcher-one@university.example.org")
APPLICATIONS = "/access/v1/applications"


@dataclass
class Place:
    """A federation of real processes, and who is what in it."""

    federation: Federation
    people: dict[str, Person]
    databases: list[str]

    @property
    def researcher(self) -> Person:
        return self.people["researcher-one"]

    def node(self, country: Country) -> Site:
        return self.federation.nodes[country.code]

    def act(self, who: str, country: Country, case: str, command: str, **said: object) -> None:
        at = self.people[who].at(self.node(country).url)
        at.post(f"/access/v1/cases/{case}/commands/{command}", said)

    def kept(self) -> Iterator[tuple[str, bytes]]:
        """All that lies on the disk of hub and nodes, and in their tables; by where it lies."""
        for site in self.federation.sites:
            for file in site.folder.rglob("*"):
                if file.is_file():
                    yield str(file), file.read_bytes()
        for url in self.databases:
            with psycopg.connect(url) as connection:
                names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
                for (name,) in names.fetchall():
                    rows = connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(name)))
                    yield f"{url} {name}", repr(rows.fetchall()).encode()

    def traces(self, *words: str) -> dict[str, list[str]]:
        """Where each of these words is found."""
        found: dict[str, list[str]] = {word: [] for word in words}
        for where, content in self.kept():
            for word in words:
                if word.encode().lower() in content.lower():
                    found[word].append(where)
        return found


def wait_until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.2)


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    federation = found_federation(tmp_path, [EE, NL])
    with federation.hub.config.open("a") as config:
        config.write(
            '\n[[requests.bodies]]\nid = "eu.dac"\n[requests.applications]\ncentral_body = "eu.dac"\n'
        )
        for country in (EE, NL):
            config.write(_offer(country.dataset, country, "1MGCompliant"))
        config.write(_offer(COHORT, EE, "1MGCohort"))
    databases = []
    if request.param == "postgresql":
        make = request.getfixturevalue("new_postgres_url")
        for site in federation.sites:
            databases.append(make())
            with site.config.open("a") as config:
                config.write(f"\n[database]\nurl = {json.dumps(databases[-1])}\n")
    with federation:
        federation.start()
        people = {id_: Person(id_, federation.hub.url) for id_ in PEOPLE}
        for person in people.values():
            person.log_in()
        found = Place(federation, people, databases)
        operator = people["onboarding-operator"]
        federation.hub.gdi("people", "grant", operator.subject, "onboarding-operator")
        federation.hub.gdi("people", "grant", people["nl-dac-member"].subject, "dac-member:eu.dac")
        for who, role in (
            ("ee-dac-member", "dac-member"),
            ("ee-dac-chair", "dac-chair"),
            ("ee-dac-chair", "data-holder"),
        ):
            found.node(EE).gdi("people", "grant", people[who].subject, f"{role}:ee.dac")
        found.node(NL).gdi("people", "grant", people["nl-dac-member"].subject, "dac-member:nl.dac")
        yield found


def _offer(dataset: str, country: Country, kind: str) -> str:
    code = country.code.lower()
    return (
        f'\n[[requests.datasets]]\ndataset = "{dataset}"\nversion = "1"\nnode = "{code}.gdi.demo.node"\n'
        f'body = "{code}.dac"\ntitle = "A collection"\ntype = "{kind}"\n'
    )


def apply(place: Place, *datasets: str, title: str = "Quagga title") -> str:
    """Id of an application that was submitted."""
    at, official = place.researcher.at(), place.people["signing-official"].at()
    wanted = [{"dataset": each} for each in datasets]
    id_ = str(at.post(APPLICATIONS, {"datasets": wanted, "title": title})["id"])
    attached = place.researcher.attach(id_, "Quagga file.pdf", pdf_page("Quagga page"))
    answers = full_answers(attached["attachments"][-1]["id"])
    for answer in answers:
        if answer["field"] == "summary":
            answer["value"] = "Quagga summary " * 20
        if answer["field"] == "contact":
            answer["value"] = NAMES[1]
    at.post(f"{APPLICATIONS}/{id_}/commands/save-draft", {"answers": answers, "until": UNTIL})
    at.post(f"{APPLICATIONS}/{id_}/commands/submit", {})
    official.post(f"{APPLICATIONS}/{id_}/commands/confirm", {})
    return id_


def deliberate(place: Place, id_: str) -> None:
    """The committees ask, hear and say something, and one of them decides."""
    ee, nl = f"{id_}.ee.dac", f"{id_}.nl.dac"
    wait_until(lambda: has_case(place, EE, "ee-dac-member", ee) and has_case(place, NL, "nl-dac-member", nl))
    place.act("nl-dac-member", NL, nl, "declare-interest", conflict=False)
    place.act("nl-dac-member", NL, nl, "remark", text=f"{INTERNAL} about Researcher One", public=False)
    place.act("nl-dac-member", NL, nl, "ask-question", text="Quagga question")
    at, own = place.researcher.at(), f"{APPLICATIONS}/{id_}"
    wait_until(lambda: at.get(own)["asked"])
    asked = at.get(own)["asked"][0]["id"]
    at.post(f"{own}/commands/answer", {"answers": asked, "text": "Quagga answer"})
    at.post(f"{own}/commands/remark", {"text": "Quagga remark"})
    grant(place, ee)
    wait_until(lambda: "decided" in [case["state"] for case in at.get(own)["cases"]])


def grant(place: Place, case: str) -> None:
    """The committee in Estonia grants what is asked of it."""
    wait_until(lambda: has_case(place, EE, "ee-dac-member", case))
    for who in ("ee-dac-member", "ee-dac-chair"):
        place.act(who, EE, case, "declare-interest", conflict=False)
    place.act(
        "ee-dac-member", EE, case, "check-conformity", criteria=dict.fromkeys(map(str, Criterion), True)
    )
    place.act("ee-dac-chair", EE, case, "check-ethics", outcome="cleared")
    place.act("ee-dac-member", EE, case, "give-opinion", favours=True)
    for who in ("ee-dac-member", "ee-dac-chair"):
        place.act(who, EE, case, "cast-ballot", vote="grant")
    ruling = {"dataset": EE.dataset, "granted": True, "reasons": "Fits the consent."}
    place.act("ee-dac-chair", EE, case, "decide", datasets=[ruling])


def permit_of(place: Place) -> str:
    """Number of a permit that opens data, for an application with a title."""
    id_ = apply(place, EE.dataset, title="Quagga permit")
    grant(place, f"{id_}.ee.dac")
    at = place.researcher.at()
    wait_until(lambda: at.get(f"{APPLICATIONS}/{id_}")["permit"])
    permit = str(at.get(f"{APPLICATIONS}/{id_}")["permit"])
    assert at.get(f"/access/v1/permits/{permit}")["title"] == "Quagga permit"
    wait_until(lambda: opens(place, permit))
    return permit


def opens(place: Place, permit: str) -> list[dict]:
    """What the permit opens to the researcher in Estonia."""
    at = place.people["ee-dac-chair"].at(place.node(EE).url)
    held = {each["id"]: each for each in at.get("/access/v1/permits")["items"]}
    return held[permit]["people"][0]["opens"] if permit in held else []


def has_case(place: Place, country: Country, who: str, case: str) -> bool:
    items = place.people[who].at(place.node(country).url).get("/access/v1/cases")["items"]
    return case in {each["id"] for each in items}


def erasures(place: Place) -> list[dict]:
    return json.loads(place.federation.hub.gdi("people", "erasures", "--json"))


@pytest.fixture
def browser() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


def test_nothing_is_left_of_somebody_who_asked_to_be_forgotten(place: Place, browser: Browser) -> None:
    onboarding = Onboarding(place.people["onboarding-operator"], place.people["signing-official"])
    onboarding.name(onboarding.bring_on(), place.researcher)
    id_ = apply(place, EE.dataset, NL.dataset, COHORT)
    deliberate(place, id_)
    permit = permit_of(place)
    hub, node = place.federation.hub.url, place.node(EE).url
    consent = browser.get(f"{node}/login/start?hint=researcher-one&next=/login/me")
    assert fill_in(browser, consent, answer="allow").json()["name"] == NAMES[0]
    draft = place.researcher.at().post(
        APPLICATIONS, {"datasets": [{"dataset": EE.dataset}], "title": "Quagga draft"}
    )
    found = place.traces(*WORDS, INTERNAL, *NAMES, "Quagga draft", "Quagga permit")
    assert all(found.values()), "the test looks where things are kept"
    token = place.researcher.token()

    subject = place.researcher.subject
    said = json.loads(place.federation.hub.gdi("people", "erase", subject, "--yes", "--json"))
    assert {id_, draft["id"]} < set(said["applications"])
    assert said["cases"] == [f"{id_}.eu.dac"]
    wait_until(lambda: not erasures(place)[0]["waiting"])
    assert sorted(erasures(place)[0]["done"]) == ["ee.gdi.demo.node", "nl.gdi.demo.node"]

    # they are nobody any more, anywhere
    for address in (hub, node):
        assert browser.step("GET", f"{address}/login/me").status_code == 401
    bearer = {"authorization": f"Bearer {token}"}
    assert httpx.get(f"{hub}{APPLICATIONS}", headers=bearer).status_code == 401
    with pytest.raises(GdiError):
        place.researcher.token(fresh=True)
    ee = place.people["ee-dac-member"].at(node).get(f"/access/v1/cases/{id_}.ee.dac")
    assert ee["state"] == "decided"
    assert ee["decision"]["jws"], "what the body signed stays"
    nl = place.people["nl-dac-member"].at(place.node(NL).url).get(f"/access/v1/cases/{id_}.nl.dac")
    assert nl["state"] == "withdrawn"

    wait_until(lambda: not opens(place, permit))

    place.federation.stop()
    left = place.traces(*WORDS, INTERNAL, *NAMES, "Quagga draft", "Quagga permit")
    assert {word: where for word, where in left.items() if where} == {}
    assert place.traces(subject)[subject], "the records hold the id alone"
    for site in place.federation.sites:
        told = site.gdi("audit", "verify")
        assert "person.erase" in site.gdi("audit", "show", "--json"), told
