"""The people of the demo: one or more for each role. All are invented; their addresses lie in example domains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Invented:
    """Somebody to be. id: what `login_hint` names; role: what they do, for the page where one chooses."""

    id: str
    name: str
    role: str
    organisation: str

    @property
    def email(self) -> str:
        return f"{self.id}@{self.organisation}"

    @property
    def subject(self) -> str:
        """Their `sub`, as LS-AAI shapes it."""
        return f"{self.id}@dev-idp.example.org"


RESEARCHER: Final = "researcher"
_UNIVERSITY: Final = "university.example.org"
_INSTITUTE: Final = "institute.example.net"
_EDIC: Final = "edic.example.eu"


def _of_country(code: str, country: str) -> tuple[Invented, ...]:
    domain = f"{code}.example.eu"
    return (
        Invented(f"{code}-dac-member", f"Committee Member {country}", "member of the committee", domain),
        Invented(f"{code}-dac-member-2", f"Second Member {country}", "member of the committee", domain),
        Invented(f"{code}-dac-chair", f"Committee Chair {country}", "chair of the committee", domain),
        Invented(f"{code}-data-holder", f"Data Holder {country}", "data holder", domain),
        Invented(f"{code}-ncp", f"Coordination Point {country}", "national coordination point", domain),
        Invented(f"{code}-ethics", f"Ethics Member {country}", "member of the ethics committee", domain),
        Invented(f"{code}-provider", f"Provider {country}", "staff of a data provider", domain),
    )


PEOPLE: Final = (
    Invented("researcher-one", "Researcher One", RESEARCHER, _UNIVERSITY),
    Invented("researcher-two", "Researcher Two", RESEARCHER, _INSTITUTE),
    Invented("signing-official", "Signing Official", "signing official", _UNIVERSITY),
    Invented("signing-official-2", "Signing Official Two", "signing official", _INSTITUTE),
    Invented("coordinator", "Coordinator", "coordinator of the hub", _EDIC),
    Invented("onboarding-operator", "Onboarding Operator", "onboards organisations", _EDIC),
    Invented("operator", "Operator", "operator", _EDIC),
    Invented("auditor", "Auditor", "auditor", _EDIC),
    *_of_country("ee", "Estonia"),
    *_of_country("gb", "United Kingdom"),
    *_of_country("nl", "Netherlands"),
    *_of_country("pt", "Portugal"),
)

BY_ID: Final = {person.id: person for person in PEOPLE}


def hinted(hint: str) -> Invented | None:
    """Whom a hint names: by id, by e-mail address, or by `sub`."""
    return BY_ID.get(hint) or next((each for each in PEOPLE if hint in {each.email, each.subject}), None)
