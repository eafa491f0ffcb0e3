"""Hints to the applicant before a committee finds the same: never a refusal. Source: R-P06-2, GDI-SOP0003 criteria."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Literal

from opengdi.access.applications.cohorts import Cohort
from opengdi.access.applications.content import Content
from opengdi.access.applications.model import Application
from opengdi.access.model import Purpose
from opengdi.access.ports import Match

LONGEST_DAYS: Final = 3653
"""EHDS Art. 68: a permit holds ten years at most."""

_SHORT: Final = 200
_SHORT_SUMMARY: Final = 100
_ETHICS: Final = frozenset({Purpose.RESEARCH, Purpose.POLICY})
"""Purposes for which the committee looks at ethics. Source: 1+MG data governance, routing by purpose."""


@dataclass(frozen=True, slots=True)
class Hint:
    """weight: `warning` where a committee will ask, `advice` where it helps. source: what it follows from."""

    code: str
    weight: Literal["warning", "advice"]
    text: str
    source: str
    dataset: str = ""


def hints_for(
    application: Application, content: Content, matches: Mapping[str, Match], now: datetime
) -> list[Hint]:
    """All hints, in the order of the form. matches: by dataset, what its use conditions say to the purpose."""
    values = {answer.field: answer.value for answer in content.answers}
    return [
        *_about_data_use(content, matches),
        *_about_plan(content, values),
        *_about_ethics(application, content, values),
        *_about_needs(content, values),
        *_about_time(content, now),
        *_about_people(application),
    ]


def _about_data_use(content: Content, matches: Mapping[str, Match]) -> Iterable[Hint]:
    if not content.duo:
        yield Hint(
            "duo-missing",
            "warning",
            "Say the purpose in terms of the Data Use Ontology, so that it can be compared with the "
            "conditions of each dataset.",
            "E-38",
        )
        return
    for dataset, match in matches.items():
        why = " ".join(match.reasons)
        if match.verdict == "no":
            yield Hint(
                "duo-conflict", "warning", f"The conditions of {dataset} forbid this: {why}", "E-38", dataset
            )
        elif match.verdict == "unsure":
            yield Hint("duo-unsure", "advice", f"A committee must judge {dataset}: {why}", "E-38", dataset)


def _about_plan(content: Content, values: Mapping[str, Any]) -> Iterable[Hint]:
    if _length(values.get("methods")) < _SHORT:
        yield Hint(
            "plan-short",
            "warning",
            f"An analysis plan of less than {_SHORT} characters is seldom found suitable.",
            "GDI-SOP0003: suitable analysis plan",
        )
    if _length(values.get("summary")) < _SHORT_SUMMARY:
        yield Hint(
            "summary-short",
            "advice",
            "The summary is published; let somebody outside the field understand it.",
            "EHDS Art. 58",
        )
    if content.purpose is Purpose.RESEARCH and not values.get("plan-document"):
        yield Hint(
            "plan-document-missing",
            "warning",
            "Add the project description with a data management plan.",
            "R-P06-2",
        )
    if values.get("peer-review") == "none":
        yield Hint(
            "peer-review-missing",
            "advice",
            "Without a review of its scientific validity the application is reviewed by the committee.",
            "GDI-SOP0003: peer review; DG II.3",
        )


def _about_ethics(application: Application, content: Content, values: Mapping[str, Any]) -> Iterable[Hint]:
    if content.purpose in _ETHICS and not values.get("ethics-document"):
        yield Hint(
            "ethics-document-missing",
            "warning",
            "No approval of an ethics committee is attached.",
            "GDI-SOP0003: ethics approval obtained and followed",
        )
    redacted = {file.id for file in application.attachments if file.redacted}
    if redacted & {str(values.get("ethics-document", "")), str(values.get("plan-document", ""))}:
        yield Hint("attachment-redacted", "warning", "A document that is named was redacted.", "R-P06-2")


def _about_needs(content: Content, values: Mapping[str, Any]) -> Iterable[Hint]:
    rows = [row for row in values.get("variables") or () if isinstance(row, Mapping)]
    bare = [str(row.get("variable", "")) for row in rows if not str(row.get("rationale", "")).strip()]
    if not rows:
        yield Hint(
            "variables-missing", "warning", "Name the variables or ranges, and why each is needed.", "E-39"
        )
    elif bare:
        yield Hint("rationale-missing", "warning", f"Say why these are needed: {', '.join(bare)}.", "E-39")
    if not isinstance(content.cohort, Cohort):
        yield Hint(
            "cohort-missing",
            "advice",
            "Say whose data you need: a cohort, instead of everybody in the datasets.",
            "R-P06-6; EHDS Art. 66",
        )
    if values.get("identifiability") == "pseudonymised" and _length(values.get("pseudonymised-why")) < _SHORT:
        yield Hint(
            "pseudonymised-why-short",
            "advice",
            "Say in detail why anonymised data are not enough.",
            "EHDS Art. 66",
        )


def _about_time(content: Content, now: datetime) -> Iterable[Hint]:
    if not content.until:
        yield Hint("until-missing", "warning", "Say until when the data are needed.", "R-P06-2")
    elif (date.fromisoformat(content.until) - now.date()).days > LONGEST_DAYS:
        yield Hint("until-far", "warning", "A permit holds ten years at most.", "EHDS Art. 68")
    if not content.environment:
        yield Hint(
            "environment-missing",
            "advice",
            "Say in which secure environment the data are used.",
            "EHDS Art. 73",
        )


def _about_people(application: Application) -> Iterable[Hint]:
    abroad = sorted({member.organisation for member in application.members} - {application.organisation, ""})
    if abroad:
        yield Hint(
            "other-organisations",
            "advice",
            f"Members of {', '.join(abroad)} need their own organisation's assignment and terms.",
            "R-P06-3",
        )


def _length(value: Any) -> int:
    return len(value.strip()) if isinstance(value, str) else 0


def told_hints(hints: Sequence[Hint]) -> list[dict[str, str]]:
    """As JSON."""
    return [
        {
            "code": hint.code,
            "weight": hint.weight,
            "text": hint.text,
            "source": hint.source,
            **({"dataset": hint.dataset} if hint.dataset else {}),
        }
        for hint in hints
    ]
