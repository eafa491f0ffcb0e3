"""The steps of the walk about access: one request, a decision in each country, a permit, and an end that is an end."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, timedelta
from email import message_from_bytes, policy
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from opengdi.access.cases.model import Criterion
from opengdi.apps.demo.cohorts import Country
from opengdi.apps.demo.command import gdi
from opengdi.apps.demo.federation import Federation, Site
from opengdi.apps.demo.person import Person
from opengdi.apps.demo.printed import pdf_page
from opengdi.apps.demo.telling import Teller, expect
from opengdi.apps.disk import make_private_folder
from opengdi.kernel.clock import SystemClock
from opengdi.kernel.errors import Unavailable

_CLOCK: Final = SystemClock()
_PATIENCE_S: Final = 30.0
_LOOK_S: Final = 0.2
_MONTHS: Final = 12

_DOCUMENTS: Final = (
    ("terms", "terms-of-service", "Terms of service"),
    ("joint-controllership", "joint-controllership", "Joint controllership agreement"),
    ("user-terms", "user-terms", "Terms for people who use data"),
)
_CHECKS: Final = ("legal-existence", "signing-authority", "not-for-profit")

_COHORT: Final = ({"id": "NCIT:C16576", "scope": "individual"},)
"""Whose data are asked for: those of women."""

_CASES: Final = "/access/v1/cases"
_APPLICATIONS: Final = "/access/v1/applications"


@dataclass
class AccessWalk:
    """From a researcher who may nothing to one who may what two countries granted, and then no longer.

    approving, vetoing, asking: the countries by what their committees will do.
    """

    tell: Teller
    federation: Federation
    folder: Path
    approving: Country
    vetoing: Country
    asking: Country
    _people: dict[str, Person] = field(default_factory=dict)
    _application: str = ""
    permit: str = ""

    def run(self) -> None:
        """All steps until the permit. Raises StepFailed, naming the step."""
        self._log_in()
        self._join()
        self._match()
        self._apply()
        self._decide()
        self._take_permit()
        self._read_letters()

    # -- who ----------------------------------------------------------------------------------

    @property
    def researcher(self) -> Person:
        return self._people["researcher-one"]

    @property
    def visitor(self) -> Person:
        """Somebody who can log in, and may nothing."""
        return self._people["researcher-two"]

    def member(self, country: Country, role: str = "dac-member") -> Person:
        return self._people[f"{country.code.lower()}-{role}"]

    def node(self, country: Country) -> Site:
        return self.federation.nodes[country.code]

    @property
    def countries(self) -> tuple[Country, ...]:
        return (self.approving, self.vetoing, self.asking)

    # -- steps ---------------------------------------------------------------------------------

    def _log_in(self) -> None:
        with self.tell.step(
            "People log in at the hub, once for all countries; each country says who is what there"
        ):
            at_hub = ("researcher-one", "researcher-two", "signing-official", "onboarding-operator")
            of_countries = [f"{each.code.lower()}-{role}" for each in self.countries for role in _COMMITTEE]
            for id_ in (*at_hub, *of_countries):
                self._people[id_] = Person(id_, self.federation.hub.url)
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(Person.log_in, self._people.values()))
            operator = self._people["onboarding-operator"]
            self.federation.hub.gdi("people", "grant", operator.subject, "onboarding-operator")
            for country in self.countries:
                for role, duties in _COMMITTEE.items():
                    for duty in duties:
                        granted = f"{duty}:{body_of(country)}"
                        self.node(country).gdi("people", "grant", self.member(country, role).subject, granted)
            self.tell.say(
                f"{len(self._people)} people; committees of {', '.join(map(body_of, self.countries))}"
            )

    def _join(self) -> None:
        with self.tell.step(
            "A university joins: vetted by the hub, signed by its official, who names a researcher"
        ):
            desk = Onboarding(self._people["onboarding-operator"], self._people["signing-official"])
            organisation = desk.bring_on()
            self.tell.say(f"{organisation}: registered → vetted → agreed → active")
            standing = desk.name(organisation, self.researcher)
            expect(not standing["lacking"], f"the researcher may not ask yet: {standing['lacking']}")
            self.tell.say(f"{self.researcher.name}: vetted, trained, has signed the terms: may ask for data")
            self.tell.say(
                "Each signature leaves evidence that verifies off line: gdi organisation verify-signature"
            )

    def _match(self) -> None:
        with self.tell.step("Before asking: may these data be used for that at all? (DUO, with reasons)"):
            self._wait_for_offers()
            for words, duo in (
                ("research on type 2 diabetes, not for profit", _PROJECT),
                ("research on ancestry", _ANCESTRY),
            ):
                found = self.researcher.at().post("/access/v1/match", {"purpose": "research", "duo": duo})
                told = ", ".join(
                    f"{each['dataset'].split('-')[1]} {each['verdict']}" for each in found["items"]
                )
                self.tell.say(f"{words}: {told}")

    def _wait_for_offers(self) -> None:
        wanted = {country.dataset for country in self.countries}

        def offered() -> bool:
            found = self.researcher.at().get("/access/v1/datasets")["items"]
            return wanted <= {each["dataset"] for each in found}

        _until(offered, "the hub was not told of all datasets")

    def _apply(self) -> None:
        with self.tell.step(
            "One request for the data of three countries, confirmed by the university's official"
        ):
            desk, official = self.researcher.at(), self._people["signing-official"].at()
            wanted = [{"dataset": country.dataset} for country in self.countries]
            made = desk.post(_APPLICATIONS, {"datasets": wanted, "title": "Rare variants in diabetes"})
            self._application = made["id"]
            place = f"{_APPLICATIONS}/{self._application}"
            hints = desk.get(f"{place}/hints")
            self.tell.say(f"{self._application}: a draft with {len(hints['errors'])} gaps, which are named")
            attached = self.researcher.attach(
                self._application, "plan.pdf", pdf_page("Plan and ethics approval")
            )
            desk.post(f"{place}/commands/save-draft", complete_draft(attached["attachments"][-1]["id"]))
            self._say_whose_data(desk.put(f"{place}/cohort", {"filters": list(_COHORT)})["cohort"])
            desk.post(f"{place}/commands/submit", {})
            state = official.post(f"{place}/commands/confirm", {})["state"]
            cases = desk.get(place)["cases"]
            self.tell.say(f"{state}; {len(cases)} cases: {', '.join(case['body'] for case in cases)}")

    def _say_whose_data(self, cohort: Mapping[str, Any]) -> None:
        told = [f"{each['dataset']}: {each.get('count', 'not told')}" for each in cohort["counts"]]
        expect(any(each.get("count") for each in cohort["counts"]), f"nobody was counted: {'; '.join(told)}")
        self.tell.say(f"Whose data: women only, counted now and frozen by submitting: {'; '.join(told)}")

    def _decide(self) -> None:
        with self.tell.step("Each country decides by itself; what its committee signs, nobody else can"):
            self._review(self.approving, grant=True)
            self._review(self.vetoing, grant=False)
            self._ask_for_change()
            self._review(self.asking, grant=True)
            for case in self._seen()["cases"]:
                granted = any(each["granted"] for each in case["datasets"])
                self.tell.say(f"{case['body']}: {'granted' if granted else 'refused: its data stay closed'}")

    def _review(self, country: Country, *, grant: bool) -> None:
        """The committee of a country checks, votes and decides, by the workflow for research."""
        self._wait_for_case(country)
        member, chair = self.member(country), self.member(country, "dac-chair")
        for person in (member, chair):
            self._act(country, person, "declare-interest", {"conflict": False})
        self._act(country, member, "check-conformity", {"criteria": dict.fromkeys(map(str, Criterion), True)})
        self._act(country, chair, "check-ethics", {"outcome": "cleared"})
        self._act(country, member, "give-opinion", {"favours": grant})
        for person in (member, chair):
            self._act(country, person, "cast-ballot", {"vote": "grant" if grant else "deny"})
        reasons = "Fits the consent." if grant else "Consent of this cohort excludes it by national law."
        ruling = {"dataset": country.dataset, "granted": grant, "reasons": reasons}
        self._act(country, chair, "decide", {"datasets": [ruling]})
        self._wait_for_state(country, {"decided"})

    def _ask_for_change(self) -> None:
        country = self.asking
        self._wait_for_case(country)
        chair = self.member(country, "dac-chair")
        self._act(country, chair, "declare-interest", {"conflict": False})
        self._act(country, chair, "request-change", {"text": "Say how long derived data are kept."})
        _until(lambda: self._seen()["state"] == "returned", "the request for a change did not come")
        asked = self._seen()["asked"][-1]
        self.tell.say(f"{body_of(country)} asks for a change: “{asked['text']}” – its clock stands still")
        desk, place = self.researcher.at(), f"{_APPLICATIONS}/{self._application}"
        answers = [
            {"form": "gdi.1-common", "field": "security", "value": "No copies; deleted six months after."}
        ]
        desk.post(f"{place}/commands/save-draft", {"answers": [*_kept(desk.get(place)), *answers]})
        desk.post(f"{place}/commands/resubmit", {})
        self._people["signing-official"].at().post(f"{place}/commands/confirm", {})
        _until(lambda: not self._stands_still(country), "the answer did not arrive")
        self.tell.say(
            "The researcher answers, the official confirms again: a new version, with its own digest"
        )

    def _take_permit(self) -> None:
        with self.tell.step(
            "What was granted is a permit: signed, printed, and checked without asking anybody"
        ):
            _until(lambda: bool(self._seen()["permit"]), "no permit came")
            self.permit = self._seen()["permit"]
            make_private_folder(self._desk)
            at, place = self.researcher.at(), f"/access/v1/permits/{self.permit}"
            for name in ("jws", "pdf"):
                (self._desk / f"permit.{name}").write_bytes(at.content(f"{place}/{name}"))
            (self._desk / "hub.jwk").write_text(self.federation.hub.gdi("hub", "key"))
            for line in self._verified().splitlines():
                self.tell.say(line.expandtabs(12))
            self.tell.say(f"printed: {self._desk / 'permit.pdf'}")
            self._wait_for_entitlements()

    def _read_letters(self) -> None:
        with self.tell.step(
            "Everybody hears of their part by e-mail; without a mail server letters are files"
        ):
            _until(
                lambda: any(
                    "was issued" in subject for subject in _subjects(self.federation.hub, "hub-data")
                ),
                "nobody was told of the permit",
            )
            for site, data in ((self.federation.hub, "hub-data"), (self.node(self.vetoing), "data")):
                subjects = _subjects(site, data)
                expect(subjects, f"{site.name} told nobody anything")
                self.tell.say(
                    f"{site.name}: {len(subjects)} letters in {site.folder / data / 'mail'}, such as"
                )
                self.tell.say(f"    {subjects[-1]}")

    def _verified(self) -> str:
        """What `gdi permit verify` says, by the keys of the hub and of all bodies."""
        words = ["permit", "verify", str(self._desk / "permit.jws"), "--key", str(self._desk / "hub.jwk")]
        for country in self.countries:
            body, file = body_of(country), self._desk / f"{body_of(country)}.jwk"
            file.write_text(self.node(country).gdi("case", "key", body))
            words += ["--body-key", f"{body}={file}"]
        return gdi(*words)

    def _wait_for_entitlements(self) -> None:
        for country in (self.approving, self.asking):
            _until(partial(self._entitled, country), f"{country.code} derived nothing from the permit")
        self.tell.say("Each node works out from it who may use what, and signs visas for minutes only")

    def _entitled(self, country: Country) -> bool:
        found = self.researcher.at(self.node(country).url).get("/access/v1/entitlements")["items"]
        return any(each["dataset"] == country.dataset for each in found)

    def revoke(self, country: Country, still_works: Callable[[], bool]) -> None:
        """The data holder of a country ends what it granted; `still_works` asks whether data still come."""
        with self.tell.step(f"The data holder of {country.name} takes its grant back: data stop at once"):
            expect(still_works(), "it did not work before")
            chair = self.member(country, "dac-chair")
            place = f"/access/v1/permits/{self.permit}/commands/revoke"
            began = _CLOCK.monotonic()
            chair.at(self.node(country).url).post(place, {"text": "A participant withdrew."})
            _until(lambda: not still_works(), "data still came")
            self.tell.say(f"refused {_CLOCK.monotonic() - began:.1f} s later, with the same token")

    # -- asking --------------------------------------------------------------------------------

    @property
    def _desk(self) -> Path:
        return self.folder / "researcher"

    def _seen(self) -> Mapping[str, Any]:
        return self.researcher.at().get(f"{_APPLICATIONS}/{self._application}")

    def _case(self, country: Country) -> str:
        return f"{self._application}.{body_of(country)}"

    def _wait_for_case(self, country: Country) -> None:
        at = self.member(country).at(self.node(country).url)

        def there() -> bool:
            return any(each["id"] == self._case(country) for each in at.get(_CASES)["items"])

        _until(there, f"the case did not arrive at {self.node(country).name}")

    def _stands_still(self, country: Country) -> bool:
        at = self.member(country).at(self.node(country).url)
        return bool(at.get(f"{_CASES}/{self._case(country)}")["state"] == "waiting-for-applicant")

    def _wait_for_state(self, country: Country, states: set[str]) -> None:
        def decided() -> bool:
            cases = {case["body"]: case["state"] for case in self._seen()["cases"]}
            return cases[body_of(country)] in states

        _until(decided, f"the hub did not hear the decision of {body_of(country)}")

    def _act(self, country: Country, person: Person, command: str, body: Mapping[str, Any]) -> None:
        at = person.at(self.node(country).url)
        at.post(f"{_CASES}/{self._case(country)}/commands/{command}", body)


_COMMITTEE: Final[Mapping[str, Sequence[str]]] = {
    "dac-member": ("dac-member",),
    "dac-chair": ("dac-chair", "data-holder"),
}
"""People of each country's committee, with what they are there."""

_PROJECT: Final[Mapping[str, Any]] = {"diseases": ["MONDO:0005148"], "commercial": False}
_ANCESTRY: Final[Mapping[str, Any]] = {"investigations": ["DUO:0000033"], "commercial": False}
"""Uses that the consents of the demo allow, and forbid."""


def body_of(country: Country) -> str:
    """The deciding body of a country."""
    return f"{country.code.lower()}.dac"


@dataclass(frozen=True, slots=True)
class Onboarding:
    """Brings an organisation and a person on."""

    operator: Person
    official: Person

    def bring_on(self) -> str:
        """Id of the organisation, which is active then."""
        desk, operator = self.official.at(), self.operator.at()
        contact = {"name": self.official.name, "email": self.official.email}
        registered = desk.post(
            "/access/v1/organisations",
            {
                "name": "University of the Demo",
                "country": "EE",
                "domain": "university.example.org",
                "registrationNumber": "DEMO-1632",
                "notForProfit": True,
                "legalRepresentative": contact,
                "registrant": contact,
            },
        )
        place = f"/access/v1/organisations/{registered['id']}"
        today = _CLOCK.now().date().isoformat()
        checks = [{"kind": kind, "passed": True, "evidence": "register", "on": today} for kind in _CHECKS]
        operator.post(f"{place}/commands/vet", {"checks": checks})
        operator.post(f"{place}/commands/appoint-official", {"subject": self.official.subject})
        for id_, kind, title in _DOCUMENTS:
            content = base64.b64encode(_document(title)).decode()
            operator.post(
                "/access/v1/documents", {"id": id_, "kind": kind, "title": title, "content": content}
            )
        for id_, _, title in _DOCUMENTS[:2]:
            desk.post(f"{place}/commands/sign", _signature(id_, title))
        operator.post(f"{place}/commands/activate", {})
        return str(registered["id"])

    def name(self, organisation: str, person: Person) -> Mapping[str, Any]:
        """The standing of a person whom the official names."""
        assigned = {"organisation": organisation, "subject": person.subject, "name": person.name}
        self.official.at().post("/access/v1/people", {**assigned, "email": person.email})
        place = f"/access/v1/people/{person.subject}"
        until = (_CLOCK.now().date() + timedelta(days=365)).isoformat()
        vetted = {
            "credentials": "PhD; list of publications",
            "trainingUntil": until,
            "affiliationUntil": until,
        }
        self.operator.at().post(f"{place}/commands/vet", vetted)
        person.at().post(f"{place}/commands/sign", _signature(_DOCUMENTS[2][0], _DOCUMENTS[2][2]))
        standing: Mapping[str, Any] = person.at().get(place)["standing"]
        return standing


def _document(title: str) -> bytes:
    return f"{title}\n\nThis is a demonstration; nobody is bound by it.\n".encode()


def _signature(document: str, title: str) -> Mapping[str, Any]:
    return {"document": document, "version": 1, "sha256": sha256(_document(title)).hexdigest()}


def complete_draft(attachment: str) -> Mapping[str, Any]:
    """A complete application for research."""
    common, research = "gdi.1-common", "gdi.2-research"
    said: Sequence[tuple[str, str, Any]] = (
        (common, "summary", "We compare rare variants of people with and without diabetes. " * 5),
        (common, "methods", "Burden tests per gene, in each country, combined by meta-analysis. " * 8),
        (common, "algorithms", ["statistics", "federated"]),
        (common, "variables", [{"variable": "13:32315086-32400268", "rationale": "a gene of interest"}]),
        (common, "identifiability", "pseudonymised"),
        (common, "pseudonymised-why", "Variants are compared person by person, within the country."),
        (common, "legal-basis", "public-interest"),
        (common, "security", "Nothing is downloaded; results leave after review."),
        (common, "contact", "researcher-one@university.example.org"),
        (research, "ethics", "approved"),
        (research, "ethics-document", attachment),
        (research, "ethics-reference", "Ethics committee of the demo, 12/2026"),
        (research, "plan-document", attachment),
        (research, "peer-review", "by-funder"),
        (research, "funding", "Demo fund 42"),
        (research, "commercial", "none"),
    )
    return {
        "answers": [{"form": form, "field": name, "value": value} for form, name, value in said],
        "duo": dict(_PROJECT),
        "environment": "https://spe.example.org",
        "until": _in_months(_CLOCK.now().date(), _MONTHS),
    }


def _kept(application: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The answers as they are, but for the one that changes."""
    return [
        {"form": form["id"], "field": each["id"], "value": each["value"]}
        for form in application["forms"]
        for each in form["fields"]
        if "value" in each and each["id"] != "security"
    ]


def _subjects(site: Site, data: str) -> list[str]:
    """Subjects of the letters that people of a service got, oldest first."""
    files = sorted((site.folder / data / "mail").glob("*.eml"))
    letters = (message_from_bytes(file.read_bytes(), policy=policy.default) for file in files)
    return [str(letter["subject"]) for letter in letters]


def _in_months(day: date, months: int) -> str:
    return (day + timedelta(days=30 * months)).isoformat()


def _until(is_so: Callable[[], bool], otherwise: str) -> None:
    """Wait until something is so. Raises Unavailable after a while."""
    deadline = _CLOCK.monotonic() + _PATIENCE_S
    while not is_so():
        if _CLOCK.monotonic() > deadline:
            raise Unavailable(otherwise)
        time.sleep(_LOOK_S)
