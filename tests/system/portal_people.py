"""People of an open demo, who do by the API what a test of pages does not look at."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.system.open_demo import OpenDemo

from opengdi.access.cases.model import Criterion
from opengdi.apps.demo.access_walk import complete_draft
from opengdi.apps.demo.person import Person
from opengdi.apps.demo.printed import pdf_page
from opengdi.kernel.errors import NotFound

COUNTRIES = {"ee": "Estonia", "nl": "Netherlands", "pt": "Portugal"}
APPLICATIONS = "/access/v1/applications"
CASES = "/access/v1/cases"
ARRIVAL_S = 30.0


@dataclass
class PortalPeople:
    """Whoever is asked for logs in the first time."""

    demo: OpenDemo
    _known: dict[str, Person] = field(default_factory=dict)

    def person(self, id_: str) -> Person:
        if id_ not in self._known:
            found = Person(id_, self.demo.portal)
            found.log_in()
            self._known[id_] = found
        return self._known[id_]

    def node(self, country: str) -> str:
        return self.demo.node(COUNTRIES[country])

    def drafted(self, title: str, *countries: str) -> str:
        """A complete draft of a request for the data of these countries; its id."""
        researcher = self.person("researcher-one")
        desk = researcher.at()
        offered = {each["dataset"].split("-")[1].lower(): each["dataset"] for each in self.offers()}
        wanted = [{"dataset": offered[country]} for country in countries]
        id_ = str(desk.post(APPLICATIONS, {"datasets": wanted, "title": title})["id"])
        told = researcher.attach(id_, "plan.pdf", pdf_page(title))
        draft = complete_draft(told["attachments"][-1]["id"])
        desk.post(f"{APPLICATIONS}/{id_}/commands/save-draft", draft)
        return id_

    def offers(self) -> list[dict[str, Any]]:
        return list(self.person("researcher-one").at().get("/access/v1/datasets")["items"])

    def asked(self, title: str, *countries: str) -> str:
        """A request that the countries' cases have arrived for; its id."""
        id_ = self.drafted(title, *countries)
        self.person("researcher-one").at().post(f"{APPLICATIONS}/{id_}/commands/submit", {})
        self.confirm(id_)
        for country in countries:
            self.wait(country, id_, lambda _: True)
        return id_

    def confirm(self, id_: str) -> None:
        self.person("signing-official").at().post(f"{APPLICATIONS}/{id_}/commands/confirm", {})

    def act(self, id_: str, who: str, command: str, **body: object) -> None:
        """A member or the chair of a country's committee does something with its case."""
        country = who.partition("-")[0]
        place = f"{CASES}/{id_}.{country}.dac/commands/{command}"
        self.person(who).at(self.node(country)).post(place, body)

    def declare(self, id_: str, *people: str) -> None:
        for who in people:
            self.act(id_, who, "declare-interest", conflict=False)

    def up_to_vote(self, id_: str, country: str) -> None:
        """Both declared, checked, and gave an opinion: the case waits for ballots."""
        member, chair = f"{country}-dac-member", f"{country}-dac-chair"
        self.declare(id_, member, chair)
        self.act(id_, member, "check-conformity", criteria=dict.fromkeys(map(str, Criterion), True))
        self.act(id_, chair, "check-ethics", outcome="cleared")
        self.act(id_, member, "give-opinion", favours=True)

    def up_to_decision(self, id_: str, country: str) -> None:
        self.up_to_vote(id_, country)
        for who in (f"{country}-dac-member", f"{country}-dac-chair"):
            self.act(id_, who, "cast-ballot", vote="grant")

    def seen(self, country: str, id_: str) -> Mapping[str, Any]:
        """The case as the chair sees it."""
        chair = self.person(f"{country}-dac-chair").at(self.node(country))
        return dict(chair.get(f"{CASES}/{id_}.{country}.dac"))

    def request(self, id_: str) -> Mapping[str, Any]:
        return dict(self.person("researcher-one").at().get(f"{APPLICATIONS}/{id_}"))

    def wait(self, country: str, id_: str, is_so: Callable[[Mapping[str, Any]], bool]) -> None:
        """Until something is so of the case; it travels from the hub to the node."""
        _until(lambda: is_so(self.seen(country, id_)), f"{id_} does not become so at {country}")

    def wait_for_permit(self, country: str, permit: str) -> None:
        """Until the node has heard of it."""
        chair = self.person(f"{country}-dac-chair").at(self.node(country))
        _until(
            lambda: bool(chair.get(f"/access/v1/permits/{permit}")), f"{permit} does not come to {country}"
        )


def _until(is_so: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + ARRIVAL_S
    while not _is(is_so):
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.2)


def _is(is_so: Callable[[], bool]) -> bool:
    try:
        return is_so()
    except NotFound:
        return False
